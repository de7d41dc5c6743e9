// The states of runs and task instances, and the one table of allowed moves between them.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace batuta {

enum class TaskState : std::uint8_t {
  none,        // not yet considered
  scheduled,   // its trigger rule holds; waits for a pool slot and a worker
  queued,      // launched under a committed fence; not known to have started
  running,     // a slot runs it
  publishing,  // it succeeded; its tables are being published (API: "running")
  success,
  failed,
  up_for_retry,  // waits for its delay
  upstream_failed,
  skipped,
  removed,            // vanished from the DAG after the run began
  deferred,           // waits for something outside (wait.h), and holds no slot
  up_for_reschedule,  // its loop (repeat.h) goes on after a delay; it holds no slot
};

enum class DagRunState : std::uint8_t { queued, running, success, failed };

enum class RunType : std::uint8_t {
  manual,
  scheduled,
  backfill,
  asset_triggered,        // what its DAG waits for had come
  asset_materialization,  // asked for, to make an asset
};

constexpr bool is_terminal(TaskState s) {
  return s == TaskState::success || s == TaskState::failed || s == TaskState::upstream_failed ||
         s == TaskState::skipped || s == TaskState::removed;
}
constexpr bool is_terminal(DagRunState s) {
  return s == DagRunState::success || s == DagRunState::failed;
}

// Airflow's spelling, as the API and the store write it; `none` is "none", publishing "publishing".
std::string_view to_string(TaskState state);
std::string_view to_string(DagRunState state);
std::string_view to_string(RunType type);
std::optional<TaskState> parse_task_state(std::string_view text);
std::optional<DagRunState> parse_run_state(std::string_view text);

// What the API shows: publishing is "running"; `none` has no name there (JSON null).
std::string_view api_name(TaskState state);

// Why a task instance moves. The transition table is over (from, cause).
enum class Cause : std::uint8_t {
  rule_met,      // trigger rule holds
  rule_failed,   // can never hold: upstream_failed
  rule_skipped,  // can never hold: skipped
  launched,
  recalled,  // launched, never started, taken back
  started,
  accepted,  // success with table outputs, recorded
  succeeded,
  failed,      // no retry left
  retry,       // failed, lost or refused publication with budget left
  skipped,     // by itself
  left_out,    // by another task's decision
  cleared,     // by a user
  marked,      // by a user: success, failed or skipped
  run_ended,   // time-out or cancel of the run
  delay_over,  // retry delay passed
  unmappable,  // what it is mapped over is no list, too long, or cannot be read
  shrunk,      // mapped over less than before: it is none of its instances any more
  deferred,    // waits for something
  repeated,    // its loop goes on
  resumed,     // what its plugin waited for is there, or will not come
};

// True if the table has (from, cause) -> to. docs/architecture.md shows the same table.
bool transition_allowed(TaskState from, Cause cause, TaskState to);

}  // namespace batuta
