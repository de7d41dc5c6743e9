#include "scheduler/http/params.h"

#include <algorithm>
#include <charconv>
#include <limits>
#include <nlohmann/json.hpp>

#include "common/safe_json.h"

namespace batuta::http {
namespace {

constexpr std::size_t max_list = 64;
constexpr std::size_t max_pattern = 256;

std::optional<std::int64_t> parse_integer(std::string_view text) {
  std::int64_t value = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (failure != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::string between(std::int64_t least, std::int64_t most) {
  return "must be an integer from " + std::to_string(least) + " to " + std::to_string(most);
}

char fold(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

}  // namespace

void QueryReader::fail(std::string_view name, const std::string& message) {
  if (status_) status_ = Status(Errc::invalid, message, "query." + std::string(name));
}

std::int64_t QueryReader::integer(std::string_view name, std::int64_t fallback, std::int64_t least,
                                  std::int64_t most) {
  const std::string* text = request_.query_value(name);
  if (!text) return fallback;
  const auto value = parse_integer(*text);
  if (!value || *value < least || *value > most) {
    fail(name, between(least, most));
    return fallback;
  }
  return *value;
}

std::optional<bool> QueryReader::boolean(std::string_view name) {
  const std::string* text = request_.query_value(name);
  if (!text || text->empty()) return std::nullopt;
  if (*text == "true" || *text == "True" || *text == "1") return true;
  if (*text == "false" || *text == "False" || *text == "0") return false;
  fail(name, "must be true or false");
  return std::nullopt;
}

OptTime QueryReader::time(std::string_view name) {
  const std::string* text = request_.query_value(name);
  if (!text || text->empty()) return std::nullopt;
  const auto value = parse_iso(*text);
  if (!value) fail(name, "must be a time such as 2026-11-20T23:30:00Z");
  return value;
}

std::optional<std::string> QueryReader::text(std::string_view name) {
  const std::string* value = request_.query_value(name);
  if (!value || value->empty()) return std::nullopt;
  if (value->size() > max_pattern) fail(name, "must be at most 256 bytes long");
  return *value;
}

std::vector<std::string> QueryReader::list(std::string_view name) {
  std::vector<std::string> values;
  for (const auto& [key, value] : request_.query) {
    if (key == name && !value.empty()) values.push_back(value);
  }
  if (values.size() > max_list) fail(name, "has too many values");
  return values;
}

Page QueryReader::page() {
  constexpr std::int64_t most = std::numeric_limits<std::int32_t>::max();
  Page page;
  page.limit = std::min(integer("limit", page.limit, 0, most), max_page);
  if (page.limit == 0) page.limit = max_page;
  page.offset = integer("offset", 0, 0, most);
  return page;
}

std::vector<std::string> QueryReader::order_by(std::span<const std::string_view> allowed) {
  auto names = list("order_by");
  for (const auto& name : names) {
    const auto bare = std::string_view(name).substr(name.starts_with('-') ? 1 : 0);
    if (std::find(allowed.begin(), allowed.end(), bare) != allowed.end()) continue;
    std::string message = "must be one of";
    for (const auto one : allowed) message.append(" ").append(one);
    fail("order_by", message);
  }
  return names;
}

RunQuery::Range QueryReader::range(const std::string& name) {
  return {time(name + "_gte"), time(name + "_gt"), time(name + "_lte"), time(name + "_lt")};
}

const std::string& path_param(const Request& request, std::string_view name) {
  const auto it = request.path_params.find(name);
  BATUTA_CHECK(it != request.path_params.end(), std::string(name));
  return it->second;
}

Result<std::int64_t> path_number(const Request& request, std::string_view name) {
  const auto value = parse_integer(path_param(request, name));
  if (!value || *value < 0) return {Errc::not_found, std::string(name) + " is not a number"};
  return *value;
}

Result<nlohmann::json> body_object(const Request& request) {
  if (request.body.empty()) return nlohmann::json::object();
  auto body = parse_untrusted(request.body);
  if (!body) return body.error();
  if (!body->is_object()) return {Errc::invalid, "the body must be a JSON object", "/"};
  return body;
}

BodyReader::BodyReader(const nlohmann::json& object, std::initializer_list<std::string_view> known)
    : object_(object) {
  for (const auto& [name, value] : object.items()) {
    if (std::find(known.begin(), known.end(), name) == known.end()) {
      fail(name, "is not a field of this request");
    }
  }
}

void BodyReader::fail(std::string_view name, const std::string& message) {
  if (status_)
    status_ = Status(Errc::invalid, std::string(name) + " " + message, "/" + std::string(name));
}

const nlohmann::json* BodyReader::value(std::string_view name) const {
  const auto it = object_.find(name);
  return it == object_.end() || it->is_null() ? nullptr : &*it;
}

bool BodyReader::has(std::string_view name) const {
  return value(name) != nullptr;
}

std::optional<std::string> BodyReader::text(std::string_view name, std::size_t most) {
  const auto* field = value(name);
  if (!field) return std::nullopt;
  if (!field->is_string()) {
    fail(name, "must be a string");
    return std::nullopt;
  }
  auto text = field->get<std::string>();
  if (text.size() > most) fail(name, "must be at most " + std::to_string(most) + " bytes long");
  return text;
}

std::string BodyReader::required_text(std::string_view name, std::size_t most) {
  auto value = text(name, most);
  if (!value && status_) fail(name, "is required");
  return value.value_or("");
}

std::optional<bool> BodyReader::boolean(std::string_view name) {
  const auto* field = value(name);
  if (!field) return std::nullopt;
  if (field->is_boolean()) return field->get<bool>();
  fail(name, "must be true or false");
  return std::nullopt;
}

std::optional<std::int64_t> BodyReader::integer(std::string_view name, std::int64_t least,
                                                std::int64_t most) {
  const auto* field = value(name);
  if (!field) return std::nullopt;
  const auto number = json_int(*field);
  if (number && *number >= least && *number <= most) return number;
  fail(name, between(least, most));
  return std::nullopt;
}

OptTime BodyReader::time(std::string_view name) {
  const auto written = text(name, 64);
  if (!written) return std::nullopt;
  const auto time = parse_iso(*written);
  if (!time) fail(name, "must be a time such as 2026-11-20T23:30:00Z");
  return time;
}

bool like(std::string_view pattern, std::string_view text) {
  std::size_t p = 0;
  std::size_t t = 0;
  std::size_t star = pattern.npos;
  std::size_t resume = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '%') {
      star = p++;
      resume = t;
    } else if (p < pattern.size() && (pattern[p] == '_' || fold(pattern[p]) == fold(text[t]))) {
      ++p;
      ++t;
    } else if (star != pattern.npos) {
      p = star + 1;
      t = ++resume;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '%') ++p;
  return p == pattern.size();
}

}  // namespace batuta::http
