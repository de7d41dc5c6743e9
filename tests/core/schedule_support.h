// Scheduled DAGs and what became of their ticks, for tests of schedules.
#pragma once

#include "tests/core/support.h"

namespace batuta::testing {

inline std::shared_ptr<const Dag> scheduled(const char* cron,
                                            const std::function<void(Dag&)>& change = {}) {
  return DagMaker("dag")
      .task("t", {}, [](Task& t) { t.plugin = "empty"; })
      .with([&](Dag& d) {
        d.schedule.kind = Timetable::Kind::cron;
        d.schedule.cron = *parse_cron(cron);
        if (change) change(d);
      })
      .make();
}

inline std::vector<std::string> dates(const World& world) {
  std::vector<std::string> found;
  for (const auto& [seq, run] : world.ledger.runs) found.push_back(to_iso(*run.run.logical_date));
  return found;
}

inline void at_time(World& world, const char* iso) {
  world.now.wall = at(iso);
  world.now.boot = world.now.boot + 1s;
  world.step();
}

inline std::vector<std::string> told(const World& world) {
  std::vector<std::string> found;
  for (const EventLogRow& row : world.ledger.events) {
    if (row.event == "ticks_skipped") found.push_back(row.extra_json);
  }
  return found;
}

}  // namespace batuta::testing
