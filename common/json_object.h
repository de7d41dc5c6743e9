// One flat JSON object written straight into text: for the answers and news that go out thousands a
// second, where a tree of values would cost more than the commit they tell of.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "common/time.h"

namespace batuta {

// Members in the order they are given; a name given twice is there twice. Names need no escaping.
// Text may hold anything: invalid UTF-8 is replaced as by json_text.
class JsonObject {
 public:
  JsonObject& text(std::string_view name, std::string_view value);
  JsonObject& text_or_null(std::string_view name, std::string_view value);  // empty = null
  JsonObject& number(std::string_view name, std::int64_t value);
  JsonObject& null(std::string_view name);
  JsonObject& time(std::string_view name, const OptTime& value);  // ISO 8601, or null
  // Seconds with all their microseconds; null when an end is missing or `to` lies before `from`.
  JsonObject& seconds(std::string_view name, const OptTime& from, const OptTime& to);
  // `json` as it is: the caller vouches for it.
  JsonObject& raw(std::string_view name, std::string_view json);
  // The object; the writer is empty afterwards.
  std::string take();

 private:
  void key(std::string_view name);
  std::string out_;
};

}  // namespace batuta
