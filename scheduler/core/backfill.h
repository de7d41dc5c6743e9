// What a backfill will do, as pure functions: the dry run and the core say the same.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "common/result.h"
#include "scheduler/core/dag.h"
#include "scheduler/core/rows.h"
#include "scheduler/core/timetable.h"

namespace batuta {

inline constexpr std::int32_t max_backfill_ticks = 10'000;
inline constexpr std::int32_t max_backfill_active_runs = 1000;

// Airflow's spelling: "none", "failed", "completed".
std::string_view to_string(Reprocess reprocess);
std::optional<Reprocess> parse_reprocess(std::string_view text);
// "created", "reprocessed", "already exists", "in flight"; the last two are Airflow's.
std::string_view to_string(TickOutcome outcome);

// A run id that a new run of this date has, unless another run bears it.
std::string backfill_run_id(Time logical_date);

// Why the DAG cannot be backfilled so, as a field of the request; none: `backfill.ticks` says how
// many ticks there are, at least one. Asks nothing but its arguments.
Status check_backfill(const Dag& dag, BackfillRow& backfill, Time now);

// The ticks of a backfill, in the order in which they are handled: those whose logical dates lie in
// the range and whose intervals had ended when it was created. The DAG's start and end dates do not
// matter, as in Airflow.
std::optional<ScheduledTick> next_backfill_tick(const Dag& dag, const BackfillRow& backfill);
std::optional<ScheduledTick> backfill_tick_after(const Dag& dag, const BackfillRow& backfill,
                                                 OptTime logical_date);

// What the backfill does with a tick that has this run; null: none.
TickOutcome judge_tick(const RunRow* existing, Reprocess reprocess);

}  // namespace batuta
