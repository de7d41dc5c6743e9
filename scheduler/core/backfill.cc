#include "scheduler/core/backfill.h"

#include <algorithm>
#include <array>
#include <string>

namespace batuta {
namespace {

constexpr std::array<std::string_view, 3> reprocess_names = {"none", "failed", "completed"};
constexpr std::array<std::string_view, 4> outcome_names = {"created", "reprocessed",
                                                           "already exists", "in flight"};

// The run with this logical date, if its interval had ended by then.
std::optional<ScheduledTick> run_of(const Dag& dag, const BackfillRow& backfill, Time date) {
  auto tick = next_scheduled(dag.schedule, date - least_time);
  const bool over = tick && tick->interval.end < backfill.created_at;
  if (!over || tick->logical_date > backfill.to_date) return std::nullopt;
  return tick;
}

std::optional<ScheduledTick> tick_before(const Dag& dag, const BackfillRow& backfill, Time until) {
  auto date = last_tick(dag.schedule, until);
  while (date && *date >= backfill.from_date) {
    if (auto tick = run_of(dag, backfill, *date)) return tick;
    date = last_tick(dag.schedule, *date - least_time);  // its interval has not ended
  }
  return std::nullopt;
}

std::int32_t count_ticks(const Dag& dag, const BackfillRow& backfill) {
  BackfillRow forward = backfill;
  forward.run_backwards = false;
  std::int32_t count = 0;
  auto tick = backfill_tick_after(dag, forward, std::nullopt);
  while (tick && count <= max_backfill_ticks) {
    ++count;
    tick = backfill_tick_after(dag, forward, tick->logical_date);
  }
  return count;
}

}  // namespace

std::string_view to_string(Reprocess reprocess) {
  return reprocess_names[static_cast<std::size_t>(reprocess)];
}

std::optional<Reprocess> parse_reprocess(std::string_view text) {
  for (std::size_t i = 0; i < reprocess_names.size(); ++i) {
    if (reprocess_names[i] == text) return static_cast<Reprocess>(i);
  }
  return std::nullopt;
}

std::string_view to_string(TickOutcome outcome) {
  return outcome_names[static_cast<std::size_t>(outcome)];
}

std::string backfill_run_id(Time logical_date) {
  return "backfill__" + to_iso(logical_date);
}

std::optional<ScheduledTick> backfill_tick_after(const Dag& dag, const BackfillRow& backfill,
                                                 OptTime logical_date) {
  if (backfill.run_backwards) {
    const Time newest = std::min(backfill.to_date, backfill.created_at);
    return tick_before(dag, backfill, logical_date ? *logical_date - least_time : newest);
  }
  const auto tick =
      next_scheduled(dag.schedule, logical_date.value_or(backfill.from_date - least_time));
  return tick ? run_of(dag, backfill, tick->logical_date) : std::nullopt;
}

std::optional<ScheduledTick> next_backfill_tick(const Dag& dag, const BackfillRow& backfill) {
  return backfill_tick_after(dag, backfill, backfill.cursor);
}

Status check_backfill(const Dag& dag, BackfillRow& backfill, Time now) {
  if (!has_ticks(dag.schedule)) {
    return {Errc::invalid,
            dag.id +
                " has a non-periodic schedule that does not support backfills: its schedule "
                "must be a cron expression, an interval or dates",
            "/dag_id"};
  }
  if (backfill.from_date > backfill.to_date) {
    return {Errc::invalid,
            "from_date (" + to_iso(backfill.from_date) + ") must not be after to_date (" +
                to_iso(backfill.to_date) + ")",
            "/from_date"};
  }
  if (backfill.from_date >= now) {
    return {Errc::invalid, "Backfill cannot be executed for future dates", "/from_date"};
  }
  if (backfill.max_active_runs < 1 || backfill.max_active_runs > max_backfill_active_runs) {
    return {Errc::invalid, "must be from 1 to " + std::to_string(max_backfill_active_runs),
            "/max_active_runs"};
  }
  if (!backfill.branch.empty() && backfill.reprocess != Reprocess::none) {
    return {Errc::invalid,
            "must be none with a branch: each date gets a run of its own there, and no run of the "
            "lake runs again",
            "/reprocess_behavior"};
  }
  const bool waits = uses_past(dag) && backfill.branch.empty();  // runs on a branch wait for none
  if (waits && backfill.run_backwards) {
    return {Errc::invalid,
            "Backfill cannot be run in reverse when the DAG has tasks with depends_on_past or "
            "wait_for_downstream: they wait for the run before",
            "/run_backwards"};
  }
  if (waits && backfill.reprocess == Reprocess::none) {
    return {Errc::invalid,
            "the DAG has tasks with depends_on_past or wait_for_downstream, which a run left as it "
            "is may hold for ever: must be failed or completed",
            "/reprocess_behavior"};
  }
  backfill.created_at = now;
  backfill.ticks = count_ticks(dag, backfill);
  if (backfill.ticks == 0) {
    return {Errc::invalid,
            "no run of the schedule '" + dag.schedule_text + "' has its date from " +
                to_iso(backfill.from_date) + " to " + to_iso(backfill.to_date) +
                " and an interval that has ended",
            "/from_date"};
  }
  if (backfill.ticks > max_backfill_ticks) {
    return {Errc::invalid,
            "the schedule '" + dag.schedule_text + "' has more than " +
                std::to_string(max_backfill_ticks) +
                " runs in this range, which is the most of one backfill: divide the range",
            "/to_date"};
  }
  return success();
}

TickOutcome judge_tick(const RunRow* existing, Reprocess reprocess) {
  if (existing == nullptr) return TickOutcome::created;
  if (!is_terminal(existing->state) || existing->ending) return TickOutcome::in_flight;
  const bool again = reprocess == Reprocess::completed ||
                     (reprocess == Reprocess::failed && existing->state == DagRunState::failed);
  return again ? TickOutcome::reprocessed : TickOutcome::exists;
}

}  // namespace batuta
