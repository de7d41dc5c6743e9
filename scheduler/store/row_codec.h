// Runs and task instances as columns: the one place that knows their order. Writer, loader and the
// read side share it. The macros give the list with a table alias in front of each name.
#pragma once

#include <cstdint>
#include <optional>

#include "scheduler/core/rows.h"
#include "scheduler/core/wait.h"
#include "scheduler/store/codes.h"
#include "scheduler/store/sqlite.h"

#define BATUTA_RUN_COLUMNS(p)                                                                      \
  p "seq, " p "uuid, " p "dag_id, " p "dag_run_id, " p "dag_version, " p "type, " p "state, " p    \
    "logical_date, " p "data_interval_start, " p "data_interval_end, " p "run_after, " p           \
    "queued_at, " p "start_date, " p "end_date, " p "last_scheduling_decision, " p "conf_json, " p \
    "conf_start, " p "conf_end, " p "note, " p "triggered_by, " p "triggering_user, " p            \
    "idempotency_key, " p "request_digest, " p "reason, " p "clear_number, " p "ending, " p        \
    "backfill, " p "backfill_tick, " p "deadlines_missed, " p "is_paused, " p "keys_known, " p     \
    "concurrency_key, " p "rate_key, " p "branch, " p "partition_key, " p "partition_date, " p     \
    "average_runtime"

// Of a task instance and of its ended tries alike; each table has a key of its own before them.
// First the three that say which instance it is, then what may change in an instance's life.
#define BATUTA_TASK_COLUMNS(p) p "run, " BATUTA_TASK_FIELDS(p)
#define BATUTA_TASK_FIELDS(p) p "task, " p "map_index, " BATUTA_TASK_CHANGING(p)
#define BATUTA_TASK_CHANGING(p)                                                                 \
  p "state, " p "fence, " p "try_number, " p "max_tries, " p "failures, " p "losses, " p        \
    "conflicts, " p "scheduled_at, " p "queued_at, " p "start_date, " p "end_date, " p          \
    "retry_at, " p "window_start, " p "window_end, " p "worker, " p "hostname, " p "slot, " p   \
    "reason, " p "note, " p "plugin_sha256, " p "exit_code, " p "signal, " p "peak_rss_kib, " p \
    "pid, " p "asked, " p "left_out_by, " p "map_name, " p "continued, " p "repeats, " p        \
    "first_start, " p "repeat_at, " p "cpu_us, " p "read_bytes"
#define BATUTA_TASK_MARKS "?, ?, ?, " BATUTA_TASK_CHANGING_MARKS
#define BATUTA_TASK_CHANGING_MARKS                                                                \
  "?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, " \
  "?, ?"

#define BATUTA_PUBLICATION_COLUMNS                                                        \
  "id, run, task, map_index, fence, position, table_name, number, uuid, state, version, " \
  "payload_json"
#define BATUTA_WAIT_COLUMNS                                                                        \
  "run, task, map_index, kind, since, due, deadline, soft_fail, about, watched, dag_id, "          \
  "logical_date, task_id, allowed, refused, argument_json, interval, doubling, longest_interval, " \
  "resume, on_timeout, in_try, payload_json, told, cancel_key, "                                   \
  "cancel_json"
#define BATUTA_OUTBOX_COLUMNS \
  "id, kind, key, publication, payload_json, created_at, tries, next_try_at, last_error, dead"

namespace batuta {

// Hands the values of BATUTA_TASK_CHANGING to `use`, in that order. The table lets the state
// up_for_retry alone have a retry_at: the time when a loop goes on has a column of its own.
template <class Use>
auto with_changing_values(const TaskInstanceRow& r, Use use) {
  const bool loops = r.state == TaskState::up_for_reschedule;
  const OptTime retry_at = loops ? OptTime() : r.retry_at;
  const OptTime repeat_at = loops ? r.retry_at : OptTime();
  return use(r.state, r.fence, r.try_number, r.max_tries, r.failures, r.losses, r.conflicts,
             r.scheduled_at, r.queued_at, r.start_date, r.end_date, retry_at, r.window_start,
             r.window_end, r.worker, r.hostname, r.slot, r.reason, r.note, r.plugin_sha256,
             r.exit_code, r.signal, r.peak_rss_kib, r.pid, r.asked, r.left_out_by, r.map_name,
             r.continued, r.repeats, r.first_start, repeat_at, r.cpu_us, r.read_bytes);
}

// Hands the values of BATUTA_TASK_COLUMNS to `use`, in that order.
template <class Use>
auto with_task_values(const TaskInstanceRow& r, Use use) {
  return with_changing_values(
      r, [&](const auto&... values) { return use(r.run, r.task, r.map_index, values...); });
}

// As its column has it.
inline std::optional<std::int64_t> stored_runtime(const RunRow& r) {
  if (!r.average_runtime) return std::nullopt;
  return r.average_runtime->count();
}

// Each takes its columns and leaves the cursor behind them.
void read_run(Rows& rows, RunRow& r);
void read_task(Rows& rows, TaskInstanceRow& r);  // BATUTA_TASK_COLUMNS
void read_publication(Rows& rows, PublicationRow& r);
void read_outbox(Rows& rows, OutboxRow& r);
void read_wait(Rows& rows, WaitRow& r);

}  // namespace batuta
