#include "common/json_scan.h"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

using namespace batuta;

namespace {

std::vector<std::string> scanned_words(std::string_view text) {
  std::vector<std::string> found;
  const Status read = scan_json(text, {}, [&](std::string_view word) { found.emplace_back(word); });
  REQUIRE_MESSAGE(read.ok(), text);
  return found;
}

std::string scan_refusal(std::string_view text, const JsonLimits& limits = {}) {
  const Status read = scan_json(text, limits, [](std::string_view) {});
  return read ? "" : read.error().message;
}

}  // namespace

TEST_CASE("every key, text and number is told, texts as they are decoded") {
  CHECK(scanned_words(R"({"a\u0062": ["\"x\"", 1.50, -7, true, null, {}]})") ==
        std::vector<std::string>{"ab", "\"x\"", "1.50", "-7", "true", "null"});
}

TEST_CASE("what parse_untrusted refuses is refused without being read into memory") {
  for (const char* text : {"", "{", "[1,]", "nul", "[1] 2", "{\"a\":1,\"a\":2}", "[1e999]",
                           "\"\xff\"", "\"\\ud800\"", "\xEF\xBB\xBF[]"}) {
    CAPTURE(text);
    CHECK_FALSE(scan_refusal(text).empty());
    CHECK_FALSE(parse_untrusted(text).ok());
  }
  CHECK(scan_refusal("[[[]]]", {.depth = 2}) == "nested too deeply");
  CHECK(scan_refusal("[1,2,3]", {.tokens = 3}) == "too many values");
  CHECK(scan_refusal("[\"xyz\"]", {.string_bytes = 2}) == "a string is too long");
  CHECK(scan_refusal("[1,2,3]", {.bytes = 3}) == "over 3 bytes");
  // Keys of another object are others.
  CHECK(scan_refusal(R"([{"a":{"a":1}},{"a":2}])").empty());
}
