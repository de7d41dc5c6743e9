#include "common/json_object.h"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

namespace batuta {

TEST_CASE("an object written as text is the object as a tree") {
  const Time at{Duration{1'700'000'000'123'456}};
  const std::string odd = "quote \" backslash \\ newline \n accent \xc3\xa9 broken \xff";
  const std::string text = JsonObject{}
                               .text("odd", odd)
                               .text_or_null("empty", "")
                               .number("number", -7)
                               .null("nothing")
                               .time("at", at)
                               .time("never", std::nullopt)
                               .raw("list", "[1,2]")
                               .take();
  const nlohmann::json value = nlohmann::json::parse(text);
  CHECK(value["odd"] == "quote \" backslash \\ newline \n accent \xc3\xa9 broken \xef\xbf\xbd");
  CHECK(value["empty"].is_null());
  CHECK(value["number"] == -7);
  CHECK(value["nothing"].is_null());
  CHECK(value["at"] == to_iso(at));
  CHECK(value["never"].is_null());
  CHECK(value["list"] == nlohmann::json::array({1, 2}));
  CHECK(text.starts_with("{\"odd\":"));
  CHECK(JsonObject{}.take() == "{}");
}

TEST_CASE("seconds keep every microsecond, and are null when an end is missing or too early") {
  const Time start{Duration{5'000'000}};
  const auto seconds = [&](const OptTime& from, const OptTime& to) {
    return JsonObject{}.seconds("s", from, to).take();
  };
  CHECK(seconds(start, start + Duration{312}) == R"({"s":0.000312})");
  CHECK(seconds(start, start + Duration{61'500'000}) == R"({"s":61.500000})");
  CHECK(seconds(start, start) == R"({"s":0.000000})");
  CHECK(seconds(start, std::nullopt) == R"({"s":null})");
  CHECK(seconds(std::nullopt, start) == R"({"s":null})");
  CHECK(seconds(start, start - Duration{1}) == R"({"s":null})");
}

}  // namespace batuta
