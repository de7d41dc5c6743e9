#include "common/time.h"

#include <doctest/doctest.h>

#include <random>

using namespace batuta;
using namespace std::chrono_literals;

TEST_CASE("an instant survives the way to text and back") {
  const auto seed = std::random_device{}();
  INFO("seed ", seed);
  std::mt19937_64 random(seed);
  for (int i = 0; i < 2000; ++i) {
    const std::int64_t span = 253'402'300'799LL + 62'135'596'800LL;
    const Time t(
        Duration((std::int64_t(random() % std::uint64_t(span)) - 62'135'596'800LL) * 1'000'000 +
                 std::int64_t(random() % 1'000'000)));
    CHECK(parse_iso(to_iso(t)) == t);
  }
}

TEST_CASE("RFC 3339 is read with offsets, fractions and bare dates") {
  CHECK(to_iso(*parse_iso("2026-11-20")) == "2026-11-20T00:00:00Z");
  CHECK(to_iso(*parse_iso("2026-11-20T23:30:00-03:00")) == "2026-11-21T02:30:00Z");
  CHECK(to_iso(*parse_iso("2026-11-20 23:30:00-03")) == "2026-11-21T02:30:00Z");
  CHECK(to_iso(*parse_iso("2026-11-20 23:30:00.5Z")) == "2026-11-20T23:30:00.500000Z");
  CHECK(to_iso(*parse_iso("2026-11-20T23:30:00.123456789Z")) == "2026-11-20T23:30:00.123456Z");
  CHECK(to_iso(*parse_iso("2026-11-20T23:30Z")) == "2026-11-20T23:30:00Z");
}

TEST_CASE("what is not a time is refused") {
  for (const char* text :
       {"", "2026", "2026-13-01", "2026-02-30", "2026-11-20T23:30:00", "2026-11-20T24:00:00Z",
        "2026-11-20T23:60:00Z", "2026-11-20T23:30:00Zx", "2026-11-20T23:30:00.Z", "0000-01-01",
        "20-11-2026", "2026-11-20T23:30:00+25:00", "now"}) {
    INFO(text);
    CHECK_FALSE(parse_iso(text));
  }
}

TEST_CASE("durations are read in the units people write") {
  CHECK(parse_duration("90s") == Duration(90s));
  CHECK(parse_duration("2m") == Duration(2min));
  CHECK(parse_duration("1h30m") == Duration(90min));
  CHECK(parse_duration("500ms") == Duration(500ms));
  CHECK(parse_duration("1d") == Duration(24h));
  CHECK(parse_duration("300") == Duration(300s));
  CHECK(parse_duration("0.5") == Duration(500ms));
  CHECK(parse_duration("1.5h") == Duration(90min));
}

TEST_CASE("what is not a duration is refused") {
  for (const char* text :
       {"", "-1s", "s", "1x", "1 s", "1m30", "1e3", "11y", "4000d", "1mss", "inf", "nan"}) {
    INFO(text);
    CHECK_FALSE(parse_duration(text));
  }
}
