// Backfills of one hourly DAG, and what became of their ticks.
#pragma once

#include "scheduler/core/backfill.h"
#include "tests/core/schedule_support.h"

namespace batuta::testing {

using Names = std::vector<std::string>;

// Hourly, one task that a worker runs; its version is its description.
inline std::shared_ptr<const Dag> hourly(const std::function<void(Dag&)>& change = {},
                                         const std::function<void(Task&)>& task = {}) {
  return DagMaker("dag")
      .task("t", {}, task)
      .with([&](Dag& d) {
        d.schedule.kind = Timetable::Kind::cron;
        d.schedule.cron = *parse_cron("@hourly");
        d.schedule_text = "@hourly";
        if (change) change(d);
      })
      .make();
}

inline BackfillRequested request(const char* from, const char* to,
                                 const std::function<void(BackfillRow&)>& change = {}) {
  BackfillRequested event;
  event.backfill.dag_id = "dag";
  event.backfill.from_date = at(from);
  event.backfill.to_date = at(to);
  event.backfill.user = "ana";
  if (change) change(event.backfill);
  return event;
}

// 00:00 to 05:00 of a day that is over.
inline BackfillRequested six(const std::function<void(BackfillRow&)>& change = {}) {
  return request("2026-03-09T00:00:00Z", "2026-03-09T05:00:00Z", change);
}

inline std::int64_t begin(World& world, const BackfillRequested& event) {
  const Reply reply = world.ask(event);
  REQUIRE_MESSAGE(reply.code == Errc::ok, reply.message);
  REQUIRE(reply.backfill);
  world.settle();
  return reply.backfill->id;
}

// "hour state" of each run, in the order in which they were made.
inline Names runs_of(const World& world) {
  Names found;
  for (const auto& [seq, run] : world.ledger.runs) {
    found.push_back(to_iso(*run.run.logical_date).substr(11, 2) + " " +
                    std::string(to_string(run.run.state)));
  }
  return found;
}

// "hour outcome" of each tick that is handled, in order.
inline Names ticks_of(const World& world, std::int64_t backfill) {
  Names found;
  for (const BackfillTickRow& tick : world.ledger.backfill_ticks) {
    if (tick.backfill != backfill) continue;
    REQUIRE(tick.ordinal == std::ssize(found) + 1);
    found.push_back(to_iso(tick.logical_date).substr(11, 2) + " " +
                    std::string(to_string(tick.outcome)));
  }
  return found;
}

inline std::vector<EventLogRow> logged(const World& world, const std::string& event) {
  std::vector<EventLogRow> found;
  for (const EventLogRow& row : world.ledger.events) {
    if (row.event == event) found.push_back(row);
  }
  return found;
}

// Runs whatever is launched, until no backfill goes on by itself.
inline void run_to_end(World& world, Outcome outcome = Outcome::success) {
  for (int turns = 0; turns < 200; ++turns) {
    world.settle();
    const std::size_t before = world.ledger.events.size() + world.ledger.backfill_ticks.size();
    world.run_all(outcome);
    world.settle();
    if (world.ledger.events.size() + world.ledger.backfill_ticks.size() == before) return;
  }
}

}  // namespace batuta::testing
