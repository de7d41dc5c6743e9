#include "common/pattern.h"

#include <doctest/doctest.h>

#include <chrono>

namespace batuta {
namespace {

bool found(const char* pattern, std::string_view text) {
  return Pattern::compile(pattern)->found_in(text);
}

std::string refusal(const std::string& pattern) {
  const auto compiled = Pattern::compile(pattern);
  return compiled ? "" : compiled.error().message;
}

TEST_CASE("a pattern is found anywhere unless it is anchored") {
  CHECK(found("dead ?lock", "ERROR: deadlock detected"));
  CHECK(found("(?i)TIMEOUT", "read timeout"));
  CHECK(!found("^lock", "deadlock"));
  CHECK(found("lock$", "deadlock"));
  CHECK(!found("a.b", "a\nb"));
  CHECK(found("[[:digit:]]{3}", "HTTP 503"));
  CHECK(!found("x", ""));
}

TEST_CASE("a pattern that is none is refused, and says why") {
  CHECK(refusal("(").find("missing") != std::string::npos);
  CHECK(refusal("(?=x)").find("look-around") != std::string::npos);
  CHECK(refusal("").find("leave it out") != std::string::npos);
  CHECK(refusal(std::string(1025, 'a')).find("1025 bytes; at most 1024") != std::string::npos);
  CHECK(refusal("((a{100}){100}){100}").find("no regular expression") != std::string::npos);
}

TEST_CASE("a pattern that makes others slow takes a time that is linear in the text") {
  const auto before = std::chrono::steady_clock::now();
  CHECK(!found("(a|a|aa)*(a*)*b$", std::string(100'000, 'a')));
  CHECK(std::chrono::steady_clock::now() - before < std::chrono::seconds(5));
}

TEST_CASE("bytes that are no UTF-8 are searched without harm") {
  CHECK(found("end", "\xff\xfe end"));
  CHECK(!found("ü", "\xc3"));
}

}  // namespace
}  // namespace batuta
