#include "scheduler/api/params.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "common/safe_json.h"
#include "scheduler/api/routes.h"
#include "scheduler/core/dag.h"

namespace batuta::http {
namespace {

constexpr std::size_t max_list = 64;
constexpr std::size_t max_text = 256;
constexpr std::size_t max_orders = 10;            // as in Airflow
constexpr std::string_view cursor_mark = "row-";  // then the offset of the page that follows
constexpr const char* too_long = "must be at most 256 bytes long";
constexpr const char* no_time = "must be a time such as 2026-11-20T23:30:00Z";

std::optional<std::int64_t> parse_integer(std::string_view text) {
  std::int64_t value = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (failure != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// Seconds, with a fraction or without, as microseconds.
std::optional<std::int64_t> parse_seconds(std::string_view text) {
  constexpr double most = 1e12;
  double value = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (failure != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  if (!(std::abs(value) <= most)) return std::nullopt;
  return std::llround(value * 1e6);
}

std::string between(std::int64_t least, std::int64_t most) {
  return "must be an integer from " + std::to_string(least) + " to " + std::to_string(most);
}

// The parts of "a | b" that are not empty, without the spaces around them.
std::vector<std::string_view> alternatives(std::string_view written) {
  std::vector<std::string_view> parts;
  for (std::string_view rest = written; !rest.empty();) {
    const auto end = std::min(rest.find('|'), rest.size());
    std::string_view part = rest.substr(0, end);
    while (part.starts_with(' ')) part.remove_prefix(1);
    while (part.ends_with(' ')) part.remove_suffix(1);
    if (!part.empty()) parts.push_back(part);
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return parts;
}

char fold(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

}  // namespace

QueryReader::QueryReader(const Request& request)
    : request_(request), table_(request.route ? *request.route->query : QueryTable{}) {}

bool QueryReader::declared(std::string_view name) {
  if (find_param(table_, name)) return true;
  fail(name, "is read, but its route does not declare it (query_params.cc)");
  return false;
}

void QueryReader::fail(std::string_view name, const std::string& message) {
  if (status_) status_ = Status(Errc::invalid, message, "query." + std::string(name));
}

std::int64_t QueryReader::integer(std::string_view name, std::int64_t fallback, std::int64_t least,
                                  std::int64_t most) {
  const std::string* text = declared(name) ? request_.query_value(name) : nullptr;
  if (!text) return fallback;
  const auto value = parse_integer(*text);
  if (!value || *value < least || *value > most) {
    fail(name, between(least, most));
    return fallback;
  }
  return *value;
}

void QueryReader::above_zero(std::string_view name) {
  const auto written = text(name);
  if (!written) return;
  const auto micros = parse_seconds(*written);
  if (!micros || *micros <= 0) fail(name, "must be a number of seconds above 0");
}

std::optional<bool> QueryReader::boolean(std::string_view name) {
  const std::string* text = declared(name) ? request_.query_value(name) : nullptr;
  if (!text || text->empty()) return std::nullopt;
  if (*text == "true" || *text == "True" || *text == "1") return true;
  if (*text == "false" || *text == "False" || *text == "0") return false;
  fail(name, "must be true or false");
  return std::nullopt;
}

OptTime QueryReader::time(std::string_view name) {
  const std::string* text = declared(name) ? request_.query_value(name) : nullptr;
  if (!text || text->empty()) return std::nullopt;
  const auto value = parse_iso(*text);
  if (!value) fail(name, no_time);
  return value;
}

std::optional<std::string> QueryReader::text(std::string_view name) {
  const std::string* value = declared(name) ? request_.query_value(name) : nullptr;
  if (!value || value->empty()) return std::nullopt;
  if (value->size() > max_text) fail(name, too_long);
  return *value;
}

std::string next_path(QueryReader& query) {
  std::string next = query.text("next").value_or("/");
  const bool plain = std::all_of(next.begin(), next.end(),
                                 [](char c) { return c > ' ' && c != '\\' && c != '\x7f'; });
  if (!plain || !next.starts_with('/') || next.starts_with("//")) {
    query.fail("next", "must be a path of this server, such as /");
  }
  return next;
}

std::vector<std::string> QueryReader::list(std::string_view name) {
  std::vector<std::string> values;
  if (!declared(name)) return values;
  for (const auto& [key, value] : request_.query) {
    if (key != name || value.empty()) continue;
    if (value.size() > max_text) fail(name, too_long);
    values.push_back(value);
  }
  if (values.size() > max_list) fail(name, "has too many values");
  return values;
}

Page QueryReader::page() {
  constexpr std::int64_t most = std::numeric_limits<std::int32_t>::max();
  Page page;
  page.limit = std::min(integer("limit", page.limit, 0, most), max_page);
  page.offset = integer("offset", 0, 0, most);
  if (find_param(table_, "cursor")) {
    if (const std::string* at = request_.query_value("cursor")) page.offset = read_cursor(*at);
  }
  return page;
}

std::int64_t QueryReader::read_cursor(std::string_view text) {
  if (text.empty()) return 0;
  const bool ours = text.starts_with(cursor_mark);
  const auto offset = ours ? parse_integer(text.substr(cursor_mark.size())) : std::nullopt;
  if (offset && *offset >= 0 && *offset <= std::numeric_limits<std::int32_t>::max()) return *offset;
  fail("cursor", "must be empty, or the next_cursor of an answer");
  return 0;
}

void add_cursors(const Request& request, const Page& page, std::int64_t total, nlohmann::json& out,
                 bool total_is_least) {
  const auto cursor = [](std::int64_t offset) {
    return std::string(cursor_mark) + std::to_string(offset);
  };
  const bool asked = request.query_value("cursor") != nullptr && page.limit > 0;
  const std::int64_t next = page.offset + page.limit;
  out["next_cursor"] = nullptr;
  out["previous_cursor"] = nullptr;
  out["total_entries_limit"] = total_is_least ? nlohmann::json(total) : nlohmann::json(nullptr);
  // A full page whose list was not counted to its end may be the last: then the next one is empty.
  if (asked && (next < total || (total_is_least && next == total)))
    out["next_cursor"] = cursor(next);
  if (asked && page.offset > 0) {
    out["previous_cursor"] = cursor(std::max<std::int64_t>(0, page.offset - page.limit));
  }
}

std::vector<std::string> QueryReader::order_by() {
  auto names = list("order_by");
  const QueryParam* row = find_param(table_, "order_by");
  if (!row) return {};
  if (names.size() > max_orders) fail("order_by", "takes at most 10 names");
  const auto allowed = order_names(*row);
  for (const auto& name : names) {
    const auto bare = std::string_view(name).substr(name.starts_with('-') ? 1 : 0);
    if (std::find(allowed.begin(), allowed.end(), bare) != allowed.end()) continue;
    std::string message = "must be one of";
    for (const auto one : allowed) message.append(" ").append(one);
    message += "; a - in front orders from the greatest";
    // As in Airflow, where it is the one parameter that is not 422.
    if (status_) status_ = Status(Errc::malformed, "order_by " + message, "query.order_by");
  }
  return names;
}

std::vector<Filter> QueryReader::filters() {
  std::vector<Filter> found;
  for (const QueryParam& param : table_) {
    if (!param.field.empty()) read_filter(param, param.field, found);
  }
  return found;
}

std::vector<Filter> QueryReader::filters_of(std::string_view name, std::string_view field) {
  std::vector<Filter> found;
  for (const QueryParam& param : table_) {
    if (param.name == name) read_filter(param, field, found);
  }
  return found;
}

void QueryReader::read_filter(const QueryParam& param, std::string_view field,
                              std::vector<Filter>& out) {
  for (const ParamName& one : names_of(param)) {
    auto found = values(param.kind, one.name);
    if (!found.empty()) out.push_back({std::string(field), one.op, std::move(found)});
  }
}

std::vector<FilterValue> QueryReader::values(ParamKind kind, const std::string& name) {
  std::vector<FilterValue> found;
  if (kind == ParamKind::texts || kind == ParamKind::integers) {
    for (const std::string& text : list(name)) {
      if (auto one = value(kind, name, text)) found.push_back(std::move(*one));
    }
    return found;
  }
  const auto written = text(name);
  if (!written) return found;
  if (kind == ParamKind::pattern) {
    for (auto& one : like_patterns(*written)) found.emplace_back(std::move(one));
  } else if (kind == ParamKind::prefix) {
    for (auto& one : prefixes(*written)) found.emplace_back(std::move(one));
  } else if (auto one = value(kind, name, *written)) {
    found.push_back(std::move(*one));
  }
  return found;
}

std::optional<FilterValue> QueryReader::value(ParamKind kind, const std::string& name,
                                              const std::string& text) {
  switch (kind) {
    case ParamKind::integer:
    case ParamKind::integers:
      if (const auto number = parse_integer(text)) return *number;
      fail(name, "must be an integer");
      return std::nullopt;
    case ParamKind::time:
    case ParamKind::times:
      if (const auto time = parse_iso(text)) return time->time_since_epoch().count();
      fail(name, no_time);
      return std::nullopt;
    case ParamKind::days:
      if (const auto day = parse_iso(text.size() == 10 ? text + "T00:00:00Z" : std::string())) {
        return day->time_since_epoch().count();
      }
      fail(name, "must be a day such as 2026-11-20");
      return std::nullopt;
    case ParamKind::seconds:
      if (const auto micros = parse_seconds(text)) return *micros;
      fail(name, "must be a number of seconds");
      return std::nullopt;
    default:
      return text;
  }
}

const std::string& path_param(const Request& request, std::string_view name) {
  const auto it = request.path_params.find(name);
  BATUTA_CHECK(it != request.path_params.end(), std::string(name));
  return it->second;
}

Result<std::int64_t> path_number(const Request& request, std::string_view name) {
  const auto value = parse_integer(path_param(request, name));
  if (value && *value >= 0) return *value;
  return {Errc::invalid, "must be an integer from 0 to 9223372036854775807",
          "path." + std::string(name)};
}

Result<InstanceName> instance_name(const Request& request) {
  QueryReader query(request);
  const bool asked = request.route && find_param(*request.route->query, "map_index");
  const auto index =
      asked ? query.integer("map_index", -1, -1, std::numeric_limits<std::int32_t>::max()) : -1;
  if (!query.status()) return query.status().error();
  if (request.path_params.contains("map_index")) {
    const auto number = parse_integer(path_param(request, "map_index"));
    if (!number || *number < -1 || *number > max_map_length) {
      return {Errc::invalid,
              "must be the index of a mapped task's instance, from 0, or -1 where there is none",
              "path.map_index"};
    }
    return InstanceName{path_param(request, "dag_id"), path_param(request, "dag_run_id"),
                        path_param(request, "task_id"),
                        MapIndex{static_cast<std::int32_t>(*number)}};
  }
  return InstanceName{path_param(request, "dag_id"), path_param(request, "dag_run_id"),
                      path_param(request, "task_id"), MapIndex{static_cast<std::int32_t>(index)}};
}

bool like(std::string_view pattern, std::string_view text) {
  std::size_t p = 0;
  std::size_t t = 0;
  std::size_t star = pattern.npos;
  std::size_t resume = 0;
  while (t < text.size()) {
    const bool literal = p + 1 < pattern.size() && pattern[p] == '\\';
    if (literal && fold(pattern[p + 1]) == fold(text[t])) {
      p += 2;
      ++t;
    } else if (!literal && p < pattern.size() && pattern[p] == '%') {
      star = p++;
      resume = t;
    } else if (!literal && p < pattern.size() &&
               (pattern[p] == '_' || fold(pattern[p]) == fold(text[t]))) {
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

std::vector<std::string> like_patterns(std::string_view written) {
  std::vector<std::string> patterns;
  for (std::string_view part : alternatives(written)) {
    if (part == "~") part = "%";
    patterns.push_back("%" + std::string(part) + "%");
  }
  if (patterns.empty()) patterns.push_back("%" + std::string(written) + "%");
  return patterns;
}

std::vector<std::string> prefixes(std::string_view written) {
  const auto significant = [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte >= 0x80 || std::isalnum(byte) != 0;
  };
  std::vector<std::string> found;
  for (std::string_view part : alternatives(written)) {
    while (!part.empty() && !significant(part.back())) part.remove_suffix(1);
    found.emplace_back(part);
  }
  if (found.empty()) found.emplace_back();
  return found;
}

}  // namespace batuta::http
