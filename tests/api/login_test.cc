#include "scheduler/api/login.h"

#include <doctest/doctest.h>

namespace batuta::http {
namespace {
const Time start = *parse_iso("2026-11-20T12:00:00Z");
}

TEST_CASE("a login code works once, within ten minutes, and only as it was given") {
  LoginCodes codes;
  const auto code = codes.issue("admin", start);
  CHECK(code.size() == 43);
  CHECK_FALSE(codes.redeem(code + "x", start));
  CHECK_FALSE(codes.redeem("", start));
  CHECK(codes.redeem(code, start + std::chrono::minutes(9)) == "admin");
  CHECK_FALSE(codes.redeem(code, start + std::chrono::minutes(9)));
  const auto old = codes.issue("admin", start);
  CHECK_FALSE(codes.redeem(old, start + std::chrono::minutes(10)));
}

TEST_CASE("more codes than sixteen push the oldest out") {
  LoginCodes codes;
  const auto first = codes.issue("admin", start);
  for (int i = 0; i < 16; ++i) codes.issue("admin", start);
  CHECK_FALSE(codes.redeem(first, start));
}

TEST_CASE("five tries on one account from one address, then a pause") {
  LoginLimiter limiter;
  for (int i = 0; i < 5; ++i) {
    CHECK_FALSE(limiter.blocked("ana", "1.1.1.1", start));
    limiter.began("ana", "1.1.1.1", start);
  }
  CHECK(limiter.blocked("ana", "1.1.1.1", start) == 60);
  CHECK(limiter.blocked("ana", "1.1.1.1", start + std::chrono::seconds(59)) == 1);
  CHECK_FALSE(limiter.blocked("ana", "1.1.1.1", start + std::chrono::seconds(60)));
  CHECK_FALSE(limiter.blocked("ana", "2.2.2.2", start));
  CHECK_FALSE(limiter.blocked("bob", "1.1.1.1", start));
}

TEST_CASE("a guesser behind a proxy does not lock out the others behind it") {
  LoginLimiter limiter;
  for (int i = 0; i < 100; ++i) {
    if (limiter.blocked("ana", "1.1.1.1", start)) continue;
    limiter.began("ana", "1.1.1.1", start);
  }
  for (int i = 0; i < 60; ++i) {
    const std::string colleague = "user" + std::to_string(i);
    CHECK_FALSE(limiter.blocked(colleague, "1.1.1.1", start));
    limiter.began(colleague, "1.1.1.1", start);
  }
}

TEST_CASE("one address cannot try its way through many accounts, nor many addresses through one") {
  LoginLimiter limiter;
  limiter.began("bob", "1.1.1.1", start);
  limiter.succeeded("bob", "1.1.1.1", start);
  for (int i = 0; i < 200; ++i) limiter.began("user" + std::to_string(i), "1.1.1.1", start);
  CHECK(limiter.blocked("another", "1.1.1.1", start));
  CHECK_FALSE(limiter.blocked("another", "2.2.2.2", start));
  for (int i = 0; i < 100; ++i) limiter.began("bob", "3.3.3." + std::to_string(i), start);
  CHECK(limiter.blocked("bob", "2.2.2.2", start));
  // Where bob has been before only his own tries hold him up.
  CHECK_FALSE(limiter.blocked("bob", "1.1.1.1", start));
  for (int i = 0; i < 5; ++i) limiter.began("bob", "1.1.1.1", start);
  CHECK(limiter.blocked("bob", "1.1.1.1", start));
}

TEST_CASE("many made-up names do not wash away who is braked") {
  LoginLimiter::Limits limits;
  limits.entries = 8;
  LoginLimiter limiter(limits);
  for (int i = 0; i < 5; ++i) limiter.began("ana", "1.1.1.1", start);
  for (int i = 0; i < 100; ++i) {
    limiter.began("a" + std::to_string(i), "2.2.2." + std::to_string(i), start);
  }
  CHECK(limiter.blocked("ana", "1.1.1.1", start));
}

TEST_CASE("right passwords do not use up the tries") {
  LoginLimiter limiter;
  for (int i = 0; i < 50; ++i) {
    CHECK_FALSE(limiter.blocked("ana", "1.1.1.1", start));
    limiter.began("ana", "1.1.1.1", start);
    limiter.succeeded("ana", "1.1.1.1", start);
  }
}

TEST_CASE("the limiter's memory is bounded") {
  LoginLimiter::Limits limits;
  limits.entries = 8;
  LoginLimiter limiter(limits);
  for (int i = 0; i < 1000; ++i) {
    limiter.began("u" + std::to_string(i), "a" + std::to_string(i), start);
  }
  CHECK_FALSE(limiter.blocked("u0", "a0", start));
}

TEST_CASE("a CSRF token depends on the session and does not show it") {
  CHECK(csrf_token("batuta_a") == csrf_token("batuta_a"));
  CHECK(csrf_token("batuta_a") != csrf_token("batuta_b"));
  CHECK(csrf_token("batuta_a").find("batuta_a") == std::string::npos);
  CHECK(same_secret("abc", "abc"));
  CHECK_FALSE(same_secret("abc", "abd"));
  CHECK_FALSE(same_secret("abc", "ab"));
}

}  // namespace batuta::http
