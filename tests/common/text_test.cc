#include "common/text.h"

#include <doctest/doctest.h>

#include "common/log_limit.h"

namespace batuta {
namespace {

TEST_CASE("text is decoded by its charset, and by its byte-order mark before that") {
  CHECK(*to_utf8("plain") == "plain");
  CHECK(*to_utf8("S\xC3\xA3o") == "S\xC3\xA3o");
  CHECK(*to_utf8("S\xE3o", "ISO-8859-1") == "S\xC3\xA3o");
  CHECK(*to_utf8("\x80 5", "windows-1252") == "\xE2\x82\xAC 5");
  CHECK(*to_utf8("\xEF\xBB\xBF"
                 "a") == "a");
  CHECK(*to_utf8("\xEF\xBB\xBF"
                 "\xC3\xA3",
                 "iso-8859-1") == "\xC3\xA3");
  CHECK(*to_utf8(std::string_view{"\xFF\xFE"
                                  "a\0\xE3\0",
                                  6}) == "a\xC3\xA3");
  CHECK(*to_utf8(std::string_view{"\xFE\xFF"
                                  "\0a",
                                  4}) == "a");
  CHECK(*to_utf8(std::string_view{"a\0", 2}, "UTF-16") == "a");
  CHECK(to_utf8("")->empty());
}

TEST_CASE("bytes that are no text are refused with their place, never replaced") {
  CHECK(to_utf8("S\xE3o").error().message == "byte 2 is no text in utf-8");
  CHECK(to_utf8("ab\xC3").error().message == "byte 3 is no text in utf-8");
  CHECK(to_utf8("\xEF\xBB\xBF"
                "\xFF")
            .error()
            .message == "byte 4 is no text in utf-8");
  CHECK(to_utf8("\xED\xA0\x80").error().code == Errc::invalid);  // half of a surrogate pair
  CHECK(to_utf8("\xE3", "us-ascii").error().code == Errc::invalid);
  CHECK(to_utf8("a", "x-user-defined").error().message.find("is not known") != std::string::npos);
  CHECK(to_utf8("a", "iso-2022-cn-ext").error().code == Errc::invalid);
  CHECK(to_utf8("a", "utf-8//IGNORE").error().code == Errc::invalid);
}

TEST_CASE("a content type names its charset or does not") {
  CHECK(charset_of("text/csv; charset=ISO-8859-1") == "iso-8859-1");
  CHECK(charset_of("text/csv;Charset=\"UTF-16\"; header=present") == "utf-16");
  CHECK(charset_of("application/json").empty());
}

TEST_CASE("a line that repeats is said at once, then once a span with its count") {
  LogLimit limit{std::chrono::seconds(10)};
  CHECK(limit.pass("full", 0) == std::string{});
  CHECK_FALSE(limit.pass("full", 1'000'000).has_value());
  CHECK_FALSE(limit.pass("full", 9'000'000).has_value());
  CHECK(limit.pass("other", 9'000'000) == std::string{});
  CHECK(limit.pass("full", 10'000'000) == std::string{" (and 2 more times in the last 10 s)"});
  CHECK(limit.pass("full", 20'000'000) == std::string{});
  for (int i = 0; i < 1'000; ++i) limit.pass(std::to_string(i), 20'000'000 + i);
  CHECK(limit.pass("full", 20'000'999) == std::string{});  // forgotten: the memory is bounded
}

}  // namespace
}  // namespace batuta
