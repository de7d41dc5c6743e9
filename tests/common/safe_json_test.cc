#include "common/safe_json.h"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "common/exact_json.h"

using namespace batuta;

namespace {
std::string refusal(const std::string& text, const JsonLimits& limits = {}) {
  const auto parsed = parse_untrusted(text, limits);
  return parsed ? "" : parsed.error().message;
}
}  // namespace

TEST_CASE("hostile JSON is refused with a reason and without growth") {
  JsonLimits wide;
  wide.bytes = 16 << 20;
  CHECK(refusal(std::string(5'000'000, '['), wide).find("deep") != std::string::npos);
  CHECK(refusal(R"({"a":1,"a":2})").find("duplicate key \"a\"") != std::string::npos);
  CHECK(refusal("\xEF\xBB\xBF{}").find("byte-order mark") != std::string::npos);
  CHECK(refusal("{} x").find("line 1") != std::string::npos);
  CHECK(refusal("1e400").size() > 0);
  CHECK(refusal("NaN").size() > 0);
  CHECK(refusal("\"\xff\"").size() > 0);
  CHECK(refusal(R"("\ud800")").size() > 0);
  CHECK(refusal("[1,\n2,\n}").find("line 3") != std::string::npos);
  CHECK(refusal("").size() > 0);
  CHECK(parse_untrusted(std::string((1 << 20) + 1, ' ')).error().code == Errc::too_large);
  std::string many = "[0";
  for (int i = 0; i < 200'001; ++i) many += ",0";
  CHECK(refusal(many + "]").find("too many") != std::string::npos);
}

TEST_CASE(
    "a name that stands twice is let pass only where that is asked for, and the last one counts") {
  // As YARN's ResourceManager writes its maps.
  const std::string text =
      R"({"id":"a","used":{"entry":{"key":"x"},"entry":{"key":"y"}},"id":"b"})";
  CHECK(refusal(text).find("duplicate key \"entry\"") != std::string::npos);
  const auto read = parse_untrusted_repeating(text);
  REQUIRE(read);
  CHECK(*read == nlohmann::json{{"id", "b"}, {"used", {{"entry", {{"key", "y"}}}}}});
  JsonLimits shallow;
  shallow.depth = 2;
  const auto refused = parse_untrusted_repeating(R"({"a":1,"a":2,"b":[[1]]})", shallow);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().message == "JSON refused: nested too deeply at line 1, column 19");
}

TEST_CASE("a refused text says where, as a malformed one does") {
  CHECK(refusal("{\"a\": 1,\n  \"a\": 2}") ==
        "JSON refused: duplicate key \"a\" at line 2, column 5");
  JsonLimits shallow;
  shallow.depth = 2;
  CHECK(refusal("[\n[\n [1]]]", shallow) == "JSON refused: nested too deeply at line 3, column 2");
  shallow.string_bytes = 3;
  CHECK(refusal("[\"abcd\"]", shallow).find("line 1, column 7") != std::string::npos);
}

TEST_CASE("good JSON keeps its structure") {
  const auto parsed = parse_untrusted(R"({"a":[1,{"b":[]},"x"],"c":{"d":null},"e":1.5})");
  REQUIRE(parsed);
  CHECK(json_text(*parsed) == R"({"a":[1,{"b":[]},"x"],"c":{"d":null},"e":1.5})");
}

TEST_CASE("of data no number loses a digit: what a double might not hold stays as written") {
  const auto data = parse_untrusted_exact(
      R"({"a":1234567890123.123456,"b":12345678901234567890123,"c":0.00012,"d":-1.5e3,"e":7})");
  REQUIRE(data);
  CHECK((*data)["a"] == "1234567890123.123456");
  CHECK((*data)["b"] == "12345678901234567890123");
  CHECK((*data)["c"] == 0.00012);
  CHECK((*data)["d"] == -1500.0);
  CHECK((*data)["e"] == 7);
  CHECK((*parse_untrusted("[1234567890123.123456]"))[0].is_number());
}

TEST_CASE("integers are exact or refused") {
  const auto read = [](const char* text) { return json_int(*parse_untrusted(text)); };
  CHECK(read("9223372036854775807") == 9223372036854775807LL);
  CHECK_FALSE(read("9223372036854775808"));
  CHECK(read("-1") == -1);
  CHECK_FALSE(read("1.0"));
  CHECK_FALSE(read("true"));
  CHECK_FALSE(read("1e3"));
  CHECK_FALSE(read("\"1\""));
}

TEST_CASE("a string written directly reads the same as one written through a value") {
  for (const std::string& text :
       {std::string("plain_id-1"), std::string("say \"hi\"\n\\"), std::string("S\xc3\xa3o Paulo"),
        std::string("bad \xff byte"), std::string("\x7f\x01"), std::string()}) {
    std::string out = "x";
    append_json_string(out, text);
    CHECK(out == "x" + json_text(text));
  }
}

TEST_CASE("what is no JSON is told with the likely reason, and where") {
  const auto told = [](const char* text) {
    const auto parsed = parse_untrusted(text);
    REQUIRE(!parsed);
    return parsed.error().message;
  };
  CHECK(told("[1,\n 2, ]") == "not valid JSON: a comma with nothing after it at line 2, column 5");
  CHECK(told("{\"a\": 1 // one\n}").find("JSON has no comments") != std::string::npos);
  CHECK(told("{'a': 1}").find("double quotes") != std::string::npos);
  CHECK(told("{a: 1}").find("double quotes") != std::string::npos);
  CHECK(told("{\"a\": True}").find("true, false, null") != std::string::npos);
  CHECK(told("{\"a\": 1 \"b\": 2}").find("a comma or colon is missing") != std::string::npos);
  CHECK(told("{\"a\" \"b\"}").find("a comma or colon is missing") != std::string::npos);
  CHECK(told("{\"a\": \"x\ny\"}").find("a line break inside a text") != std::string::npos);
  CHECK(told("{\"a\": 1").find("the text ends too early") != std::string::npos);
}

TEST_CASE("what people write that is no JSON is told with its remedy") {
  const auto says = [](const char* text, const char* what) {
    CHECK_MESSAGE(refusal(text).find(what) != std::string::npos, refusal(text));
  };
  says("{\"a\": [1,\n {\"b\": 2", "the { of line 2, column 2 is not closed");
  says("{\"a\": \"x}", "the \" of line 1, column 7 is not closed");
  says("{\"a\": 1} x", "the value has ended before it");
  says("{\"a\": 1}}", "the value has ended before it");
  says("{\"a\" = 1}", "a colon stands between");
  says(
      "{\xE2\x80\x9C"
      "a\xE2\x80\x9D: 1}",
      "quotes are straight ones");
  says(R"({"a": "C:\dir"})", R"(is written \\)");
  says("{\"a\": .5}", "a number is written like 0.5");
  says("{\"a\": 01}", "a number is written like 0.5");
  says("{'a': 1}", "double quotes");
}
