// Against Airflow's own timetable classes, recorded by airflow_timetables.py.
#include <doctest/doctest.h>

#include <fstream>
#include <sstream>
#include <string>

#include "scheduler/core/timetable.h"
#include "scheduler/dagfile/zone.h"
#include "tests/dagfile/dagfile_fixture.h"

namespace batuta {
namespace {

struct Row {
  std::string kind, schedule, zone, from;
};

Timetable timetable_of(const Row& row) {
  Timetable made;
  made.style = row.kind == "trigger" ? Timetable::Style::trigger : Timetable::Style::data_interval;
  if (row.schedule.starts_with("every ")) {
    made.kind = Timetable::Kind::interval;
    made.every = std::chrono::seconds(std::stoi(row.schedule.substr(6)));
    made.anchor = *parse_iso(row.from);
    return made;
  }
  made.kind = Timetable::Kind::cron;
  made.zone = find_zone(row.zone);
  std::istringstream list(row.schedule);
  std::vector<Cron> crons;
  for (std::string one; std::getline(list, one, ';');) crons.push_back(*parse_cron(one));
  made.cron = crons.front();
  made.more_crons.assign(crons.begin() + 1, crons.end());
  return made;
}

std::string told(Time t) {
  return to_iso(t).substr(2, 17);
}

}  // namespace

TEST_CASE(
    "runs of trigger and data-interval timetables are Airflow's, around changes of the clock") {
  std::ifstream file(source_folder() / "tests/dagfile/airflow_timetables.txt");
  REQUIRE(file);
  int rows = 0, ticks = 0;
  for (std::string line; std::getline(file, line); ++rows) {
    CAPTURE(line.substr(0, 90));
    std::istringstream in(line);
    Row row;
    std::getline(in, row.kind, '|');
    std::getline(in, row.schedule, '|');
    std::getline(in, row.zone, '|');
    std::getline(in, row.from, '|');
    const Timetable timetable = timetable_of(row);
    Time at = *parse_iso(row.from) - Duration(1);
    std::string before;
    for (std::string tick; in >> tick; ++ticks) {
      const auto run = next_scheduled(timetable, at);
      REQUIRE(run);
      const std::string start = told(run->logical_date), end = told(run->at);
      if (row.kind == "trigger") {
        CHECK(start == tick);
        CHECK(run->interval.start == run->interval.end);
      } else {
        CHECK((start == before ? "" : start) + ">" + end == tick);
        CHECK(run->interval.start == run->logical_date);
      }
      CHECK(run->interval.end == run->at);
      CHECK(last_scheduled(timetable, run->at)->logical_date == run->logical_date);
      CHECK(last_scheduled(timetable, run->at - Duration(1))->logical_date < run->logical_date);
      before = end;
      at = run->logical_date;
    }
  }
  CHECK(rows > 330);
  CHECK(ticks > 3000);
}

}  // namespace batuta
