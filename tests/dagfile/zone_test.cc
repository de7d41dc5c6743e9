#include "scheduler/dagfile/zone.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <string>

namespace batuta {
namespace {

std::chrono::local_time<Duration> local(const char* iso_utc) {
  return std::chrono::local_time<Duration>(parse_iso(iso_utc)->time_since_epoch());
}

}  // namespace

TEST_CASE("offsets follow the zone's rules") {
  const auto zone = find_zone("America/New_York");
  REQUIRE(zone);
  CHECK(zone->offset_at(*parse_iso("2024-01-01T00:00:00Z")) == std::chrono::hours(-5));
  CHECK(zone->offset_at(*parse_iso("2024-07-01T00:00:00Z")) == std::chrono::hours(-4));
  const auto sao_paulo = find_zone("America/Sao_Paulo");
  REQUIRE(sao_paulo);
  CHECK(sao_paulo->offset_at(*parse_iso("2024-01-01T00:00:00Z")) == std::chrono::hours(-3));
}

TEST_CASE("a reading in a gap has no instant, one in an overlap two") {
  const auto zone = find_zone("America/New_York");
  REQUIRE(zone);
  const auto plain = zone->from_local(local("2024-01-15T12:00:00Z"));
  CHECK(plain.count == 1);
  CHECK(plain.at[0] == *parse_iso("2024-01-15T17:00:00Z"));
  const auto gap = zone->from_local(local("2024-03-10T02:30:00Z"));
  CHECK(gap.count == 0);
  CHECK(gap.after_gap == *parse_iso("2024-03-10T07:00:00Z"));
  const auto overlap = zone->from_local(local("2024-11-03T01:30:00Z"));
  CHECK(overlap.count == 2);
  CHECK(overlap.at[0] == *parse_iso("2024-11-03T05:30:00Z"));
  CHECK(overlap.at[1] == *parse_iso("2024-11-03T06:30:00Z"));
}

TEST_CASE("unknown and hostile names are no zones") {
  for (const char* name : {"Mars/Base", "", "../../etc/passwd", "America/", "UTC+3"}) {
    CAPTURE(std::string(name));
    CHECK_FALSE(find_zone(name));
  }
  const auto names = zone_names();
  CHECK(std::find(names.begin(), names.end(), "Europe/Lisbon") != names.end());
}

}  // namespace batuta
