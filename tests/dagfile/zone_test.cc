#include "scheduler/dagfile/zone.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <fstream>
#include <sstream>
#include <string>

#include "scheduler/core/timetable.h"
#include "tests/dagfile/dagfile_fixture.h"

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
  CHECK(gap.unchanged == *parse_iso("2024-03-10T07:30:00Z"));
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

// Recorded by airflow_ticks.py.
TEST_CASE("ticks around a change of the clock are Airflow's, forward and backward") {
  std::ifstream file(source_folder() / "tests/dagfile/airflow_ticks.txt");
  REQUIRE(file);
  int rows = 0;
  for (std::string line; std::getline(file, line); ++rows) {
    CAPTURE(line);
    std::istringstream row(line);
    std::string expression, zone, day, tick;
    std::getline(row, expression, '|');
    std::getline(row, zone, '|');
    std::getline(row, day, '|');
    Timetable timetable;
    timetable.kind = Timetable::Kind::cron;
    timetable.cron = *parse_cron(expression);
    timetable.zone = find_zone(zone);
    Time at = *parse_iso(day + "T00:00:00Z");
    while (row >> tick) {
      const OptTime next = next_tick(timetable, at);
      REQUIRE(next);
      CHECK(to_iso(*next).substr(5, 11) == tick);
      CHECK(last_tick(timetable, *next) == next);
      CHECK(last_tick(timetable, *next - Duration(1)) <= at);
      at = *next;
    }
  }
  CHECK(rows == 150);
}

}  // namespace batuta
