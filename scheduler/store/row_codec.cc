#include "scheduler/store/row_codec.h"

namespace batuta {

void read_run(Rows& rows, RunRow& r) {
  std::optional<std::int64_t> runtime;
  rows.read(r.seq, r.uuid, r.dag_id, r.dag_run_id, r.dag_version, r.type, r.state, r.logical_date,
            r.data_interval_start, r.data_interval_end, r.run_after, r.queued_at, r.start_date,
            r.end_date, r.last_scheduling_decision, r.conf_json, r.conf_start, r.conf_end, r.note,
            r.triggered_by, r.triggering_user, r.idempotency_key, r.request_digest, r.reason,
            r.clear_number, r.ending, r.backfill, r.backfill_tick, r.deadlines_missed, r.is_paused,
            r.keys_known, r.concurrency_key, r.rate_key, r.branch, r.partition_key,
            r.partition_date, runtime);
  if (runtime) r.average_runtime = Duration(*runtime);
}

void read_task(Rows& rows, TaskInstanceRow& r) {
  OptTime repeat_at;
  rows.read(r.run, r.task, r.map_index, r.state, r.fence, r.try_number, r.max_tries, r.failures,
            r.losses, r.conflicts, r.scheduled_at, r.queued_at, r.start_date, r.end_date,
            r.retry_at, r.window_start, r.window_end, r.worker, r.hostname, r.slot, r.reason,
            r.note, r.plugin_sha256, r.exit_code, r.signal, r.peak_rss_kib, r.pid, r.asked,
            r.left_out_by, r.map_name, r.continued, r.repeats, r.first_start, repeat_at, r.cpu_us,
            r.read_bytes);
  if (repeat_at) r.retry_at = repeat_at;
}

void read_publication(Rows& rows, PublicationRow& r) {
  rows.read(r.id, r.key.run, r.key.task, r.key.map_index, r.key.fence, r.position, r.table,
            r.number, r.uuid, r.state, r.version, r.payload_json);
}

void read_outbox(Rows& rows, OutboxRow& r) {
  rows.read(r.id, r.kind, r.key, r.publication, r.payload_json, r.created_at, r.tries,
            r.next_try_at, r.last_error, r.dead);
}

void read_wait(Rows& rows, WaitRow& r) {
  std::int64_t interval = 0;
  std::int64_t longest = 0;
  rows.read(r.run, r.task, r.map_index, r.kind, r.since, r.due, r.deadline, r.soft_fail, r.about,
            r.watched, r.dag_id, r.logical_date, r.task_id, r.allowed, r.refused, r.argument_json,
            interval, r.doubling, longest, r.resume, r.on_timeout, r.in_try, r.payload_json, r.told,
            r.cancel_key, r.cancel_json);
  r.interval = Duration(interval);
  r.longest_interval = Duration(longest);
}

}  // namespace batuta
