// Bodies of requests as typed values.
#include <algorithm>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "common/safe_json.h"
#include "scheduler/api/params.h"
#include "scheduler/api/routes.h"

namespace batuta::http {
namespace {

const BodyField* find_field(BodyTable table, std::string_view name) {
  for (const BodyField& field : table) {
    if (field.name == name) return &field;
  }
  return nullptr;
}

}  // namespace

Result<nlohmann::json> body_object(const Request& request) {
  if (request.body.empty()) return nlohmann::json::object();
  auto body = parse_untrusted(request.body);
  if (!body && body.error().code == Errc::malformed) {
    return {Errc::invalid, body.error().message, "/"};  // as in Airflow
  }
  if (!body) return body.error();
  if (!body->is_object()) return {Errc::invalid, "the body must be a JSON object", "/"};
  return body;
}

Result<nlohmann::json> patch_body(const Request& request,
                                  std::initializer_list<std::string_view> always) {
  auto body = body_object(request);
  if (!body) return body;
  BodyReader fields(request, *body);
  QueryReader query(request);
  const auto mask = query.list("update_mask");
  for (const auto& name : mask) {
    if (!find_field(*request.route->body, name)) {
      query.fail("update_mask", name + " is not a field of this request");
    }
  }
  if (!fields.status()) return fields.status().error();
  if (!query.status()) return query.status().error();
  if (mask.empty()) return body;
  for (const BodyField& field : *request.route->body) {
    const bool kept = std::find(mask.begin(), mask.end(), field.name) != mask.end() ||
                      std::find(always.begin(), always.end(), field.name) != always.end();
    if (!kept) body->erase(std::string(field.name));
  }
  return body;
}

BodyReader::BodyReader(const Request& request, const nlohmann::json& object)
    : BodyReader(object, *request.route->body) {}

BodyReader::BodyReader(const nlohmann::json& object, BodyTable known) : object_(object) {
  for (const auto& [name, value] : object.items()) {
    const BodyField* field = find_field(known, name);
    if (!field) {
      fail(name, "is not a field of this request");
    } else if (field->kind == FieldKind::nothing && !value.is_null()) {
      fail(name, "is not supported: only null");
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

std::optional<std::vector<std::string>> BodyReader::texts(std::string_view name, std::size_t most) {
  constexpr std::size_t max_text = 512;
  const auto* field = value(name);
  if (!field) return std::nullopt;
  std::vector<std::string> texts;
  const bool is_list = field->is_array() && field->size() <= most;
  bool all = is_list;
  for (std::size_t i = 0; all && i < field->size(); ++i) {
    const auto* text = (*field)[i].get_ptr<const std::string*>();
    all = text != nullptr && text->size() <= max_text;
    if (all) texts.push_back(*text);
  }
  if (!all) {
    fail(name, "must be a list of at most " + std::to_string(most) + " strings, each of at most " +
                   std::to_string(max_text) + " bytes");
  }
  return texts;
}

void BodyReader::check(BodyTable known) {
  for (const BodyField& field : known) {
    const auto* given = value(field.name);
    if (field.required && !given && field.kind != FieldKind::any) fail(field.name, "is required");
    if (field.required && !object_.contains(field.name)) fail(field.name, "is required");
    if (!given) continue;
    if (field.kind == FieldKind::text) text(field.name);
    if (field.kind == FieldKind::time) time(field.name);
    if (field.kind == FieldKind::flag) boolean(field.name);
    if (field.kind == FieldKind::integer) {
      integer(field.name, std::numeric_limits<std::int64_t>::min(),
              std::numeric_limits<std::int64_t>::max());
    }
    if (field.kind == FieldKind::number) micros(field.name);
    if (field.kind == FieldKind::object && !given->is_object()) {
      fail(field.name, "must be an object");
    }
    if (field.kind == FieldKind::list && !given->is_array()) fail(field.name, "must be a list");
  }
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
  fail(name, "must be an integer from " + std::to_string(least) + " to " + std::to_string(most));
  return std::nullopt;
}

std::optional<std::int64_t> BodyReader::micros(std::string_view name) {
  constexpr double most = 1e12;
  const auto* field = value(name);
  if (!field) return std::nullopt;
  const double seconds = field->is_number() ? field->get<double>() : most * 2;
  if (std::abs(seconds) <= most) return std::llround(seconds * 1e6);
  fail(name, "must be a number of seconds");
  return std::nullopt;
}

OptTime BodyReader::time(std::string_view name) {
  const auto written = text(name, 64);
  if (!written) return std::nullopt;
  const auto time = parse_iso(*written);
  if (!time) fail(name, "must be a time such as 2026-11-20T23:30:00Z");
  return time;
}

}  // namespace batuta::http
