#include "scheduler/core/states.h"

#include <array>
#include <cstddef>

namespace batuta {
namespace {

constexpr std::array<std::string_view, 13> task_names = {
    "none",    "scheduled", "queued",           "running",         "publishing",
    "success", "failed",    "up_for_retry",     "upstream_failed", "skipped",
    "removed", "deferred",  "up_for_reschedule"};
constexpr std::array<std::string_view, 4> run_names = {"queued", "running", "success", "failed"};

// A set of states as bits.
constexpr unsigned bit(TaskState s) {
  return 1U << static_cast<unsigned>(s);
}

using enum TaskState;

constexpr unsigned terminal =
    bit(success) | bit(failed) | bit(upstream_failed) | bit(skipped) | bit(removed);
constexpr unsigned waiting =
    bit(none) | bit(scheduled) | bit(up_for_retry) | bit(deferred) | bit(up_for_reschedule);
constexpr unsigned with_attempt = bit(queued) | bit(running);
constexpr unsigned by_hand = bit(success) | bit(failed) | bit(skipped);

struct Row {
  Cause cause;
  unsigned from;
  unsigned to;
};

// The published table. A cause may have several rows.
constexpr Row table[] = {
    {Cause::rule_met, bit(none), bit(scheduled)},
    {Cause::rule_failed, bit(none), bit(upstream_failed)},
    {Cause::rule_skipped, bit(none), bit(skipped)},
    {Cause::launched, bit(scheduled), bit(queued)},
    {Cause::recalled, bit(queued), bit(scheduled)},
    {Cause::started, bit(queued), bit(running)},
    {Cause::accepted, with_attempt, bit(publishing)},
    // From `scheduled`: a task that needs no worker.
    {Cause::succeeded, with_attempt | bit(publishing) | bit(scheduled) | bit(deferred),
     bit(success)},
    // From `none`: its run_if could not be read.
    {Cause::failed, with_attempt | bit(publishing) | bit(none) | bit(scheduled) | bit(deferred),
     bit(failed)},
    // After a failure of its own it waits for its delay; a lost worker or a refused publication
    // costs no time.
    {Cause::retry, with_attempt | bit(publishing), bit(up_for_retry) | bit(scheduled)},
    {Cause::retry, bit(scheduled) | bit(deferred), bit(up_for_retry)},
    // From `none`: its run_if did not hold, or it is mapped over nothing.
    {Cause::skipped, with_attempt | bit(none) | bit(scheduled) | bit(deferred), bit(skipped)},
    {Cause::left_out, bit(none) | bit(scheduled), bit(skipped)},
    {Cause::cleared,
     terminal | with_attempt | bit(scheduled) | bit(up_for_retry) | bit(deferred) |
         bit(up_for_reschedule),
     bit(none)},
    {Cause::marked, terminal | waiting | with_attempt, by_hand},
    {Cause::run_ended, bit(none), bit(skipped)},
    // What ran before and waits to run again did not succeed.
    {Cause::run_ended, bit(scheduled) | bit(up_for_retry) | bit(up_for_reschedule),
     bit(failed) | bit(skipped) | bit(success)},
    {Cause::run_ended, with_attempt | bit(deferred), bit(failed) | bit(success) | bit(skipped)},
    {Cause::run_ended, bit(publishing), bit(failed)},
    {Cause::delay_over, bit(up_for_retry) | bit(up_for_reschedule), bit(scheduled)},
    {Cause::unmappable, bit(none), bit(failed)},
    {Cause::shrunk, terminal | bit(none), bit(removed)},
    // From an attempt: its plugin gave the slot back.
    {Cause::deferred, bit(scheduled) | with_attempt, bit(deferred)},
    {Cause::resumed, bit(deferred), bit(scheduled)},
    {Cause::repeated, with_attempt | bit(publishing), bit(up_for_reschedule)},
};

}  // namespace

std::string_view to_string(TaskState state) {
  return task_names[static_cast<std::size_t>(state)];
}
std::string_view to_string(DagRunState state) {
  return run_names[static_cast<std::size_t>(state)];
}
std::string_view to_string(RunType type) {
  switch (type) {
    case RunType::manual:
      return "manual";
    case RunType::scheduled:
      return "scheduled";
    case RunType::backfill:
      return "backfill";
    case RunType::asset_triggered:
      return "asset_triggered";
    case RunType::asset_materialization:
      return "asset_materialization";
  }
  return "";
}

std::optional<TaskState> parse_task_state(std::string_view text) {
  for (std::size_t i = 0; i < task_names.size(); ++i) {
    if (task_names[i] == text) return static_cast<TaskState>(i);
  }
  return std::nullopt;
}

std::optional<DagRunState> parse_run_state(std::string_view text) {
  for (std::size_t i = 0; i < run_names.size(); ++i) {
    if (run_names[i] == text) return static_cast<DagRunState>(i);
  }
  return std::nullopt;
}

std::string_view api_name(TaskState state) {
  if (state == TaskState::publishing) return to_string(TaskState::running);
  if (state == TaskState::none) return {};
  return to_string(state);
}

bool transition_allowed(TaskState from, Cause cause, TaskState to) {
  for (const Row& row : table) {
    if (row.cause == cause && (row.from & bit(from)) != 0 && (row.to & bit(to)) != 0) return true;
  }
  return false;
}

}  // namespace batuta
