#include "common/json_object.h"

#include <utility>

#include "common/safe_json.h"

namespace batuta {

void JsonObject::key(std::string_view name) {
  out_ += out_.empty() ? "{\"" : ",\"";
  out_ += name;
  out_ += "\":";
}

JsonObject& JsonObject::text(std::string_view name, std::string_view value) {
  key(name);
  append_json_string(out_, value);
  return *this;
}

JsonObject& JsonObject::text_or_null(std::string_view name, std::string_view value) {
  return value.empty() ? null(name) : text(name, value);
}

JsonObject& JsonObject::number(std::string_view name, std::int64_t value) {
  return raw(name, std::to_string(value));
}

JsonObject& JsonObject::null(std::string_view name) {
  return raw(name, "null");
}

JsonObject& JsonObject::time(std::string_view name, const OptTime& value) {
  return value ? text(name, to_iso(*value)) : null(name);
}

JsonObject& JsonObject::seconds(std::string_view name, const OptTime& from, const OptTime& to) {
  if (!from || !to || *to < *from) return null(name);
  const std::int64_t us = (*to - *from).count();
  std::string digits = std::to_string(us % 1'000'000);
  return raw(name,
             std::to_string(us / 1'000'000) + '.' + std::string(6 - digits.size(), '0') + digits);
}

JsonObject& JsonObject::raw(std::string_view name, std::string_view json) {
  key(name);
  out_ += json;
  return *this;
}

std::string JsonObject::take() {
  out_ += out_.empty() ? "{}" : "}";
  return std::exchange(out_, {});
}

}  // namespace batuta
