#include "tests/sim/digest.h"

#include <string>

namespace batuta::sim {
namespace {

class Hasher {
 public:
  void add(std::int64_t value) {
    hash_ = (hash_ ^ static_cast<std::uint64_t>(value)) * 0x9fb21c651e98df25ULL;
    hash_ ^= hash_ >> 32;
  }
  void add(const std::string& text) {
    for (char c : text) hash_ = (hash_ ^ static_cast<unsigned char>(c)) * 0x100000001b3ULL;
    add(static_cast<std::int64_t>(text.size()));
  }
  void add(OptTime t) { add(t ? t->time_since_epoch().count() : -1); }
  void add(const AttemptKey& key) {
    add(static_cast<std::int64_t>(key.run));
    add(static_cast<std::int64_t>(key.task));
    add(std::int64_t{number_of(key.map_index)});
    add(key.fence);
  }
  void add(const RunRow& row) {
    add(static_cast<std::int64_t>(row.seq));
    add(static_cast<std::int64_t>(row.state));
    add(row.dag_id);
    add(row.dag_run_id);
    add(row.logical_date);
    add(row.reason);
  }
  void add(const TaskInstanceRow& row) {
    add(AttemptKey{row.run, row.task, row.map_index, row.fence});
    add(static_cast<std::int64_t>(row.state));
    add(std::int64_t{row.try_number} * 1'000'000 + row.failures * 10'000 + row.losses * 100 +
        row.conflicts);
    add(row.start_date);
    add(row.end_date);
    add(row.retry_at);
    add(row.window_start);
    add(row.reason);
    add(row.worker);
  }
  std::uint64_t value() const { return hash_; }

 private:
  std::uint64_t hash_ = 0xcbf29ce484222325ULL;
};

void add_rows(Hasher& h, const Changes& c) {
  for (const auto& dag : c.dags) {
    h.add(dag.dag_id);
    h.add(dag.version);
    h.add(dag.cursor);
    h.add(dag.is_paused * 2 + dag.is_stale);
  }
  for (const auto& row : c.runs_created) h.add(row);
  for (const auto& row : c.tasks_created) h.add(row);
  for (const auto& row : c.runs_updated) h.add(row);
  for (RunSeq seq : c.runs_deleted) h.add(static_cast<std::int64_t>(seq));
  for (const auto& row : c.attempts_archived) h.add(row.row);
  for (const auto& update : c.tasks_updated) {
    h.add(static_cast<std::int64_t>(update.from));
    h.add(update.from_fence);
    h.add(update.row);
  }
  for (const auto& row : c.publications) {
    h.add(row.id);
    h.add(row.number);
    h.add(static_cast<std::int64_t>(row.state));
    h.add(row.table);
  }
  for (const auto& row : c.watermarks) h.add(row.value);
  for (const auto& row : c.job_executions) {
    h.add(row.key);
    h.add(row.status);
  }
  for (const auto& row : c.attempt_reports) {
    h.add(row.key);
    h.add(row.report_json);
  }
  for (const auto& row : c.waits) {
    h.add(AttemptKey{row.run, row.task, row.map_index, 0});
    h.add(row.since);
    h.add(row.due);
    h.add(row.deadline);
    h.add(row.dag_id);
  }
  for (const auto& key : c.waits_done) h.add(AttemptKey{key.run, key.task, key.map_index, 0});
  for (const auto& row : c.checkpoints) {
    h.add(AttemptKey{row.run, row.task, row.map_index, row.try_number});
    h.add(row.checkpoint_json);
  }
  for (const auto& key : c.checkpoints_gone) {
    h.add(AttemptKey{key.run, key.task, key.map_index, 1});
  }
  for (const auto& row : c.questions) {
    h.add(AttemptKey{row.run, row.task, row.map_index, row.try_number});
    h.add(row.subject);
  }
  for (const auto& row : c.answers) {
    h.add(AttemptKey{row.run, row.task, row.map_index, row.try_number});
    h.add(row.responded_at);
    h.add(row.responded_by);
  }
  for (const auto& row : c.backfills) {
    h.add(row.id);
    h.add(static_cast<std::int64_t>(row.phase));
    h.add(std::int64_t{row.done});
  }
  for (const auto& row : c.backfill_ticks) h.add(row.logical_date);
  for (const auto& row : c.assets) h.add(row.uri);
  for (const auto& row : c.asset_events) {
    h.add(row.id);
    h.add(row.asset);
    h.add(row.source_run_id);
  }
  for (const auto& row : c.asset_queued) {
    h.add(row.event);
    h.add(row.dag_id);
    h.add(row.partition_key);
  }
  for (const auto& row : c.asset_unqueued) {
    h.add(row.event);
    h.add(row.dag_id);
    h.add(row.partition_key);
  }
  for (const auto& [run, event] : c.asset_events_consumed) {
    h.add(static_cast<std::int64_t>(run));
    h.add(event);
  }
  for (const auto& row : c.outbox) h.add(row.id);
  for (std::int64_t id : c.outbox_done) h.add(id);
  for (const auto& row : c.event_log) h.add(row.event);
}

}  // namespace

std::uint64_t digest(const Effects& effects) {
  Hasher h;
  add_rows(h, effects.changes);
  for (const auto& e : effects.launches) {
    h.add(static_cast<std::int64_t>(e.worker));
    h.add(e.key);
    h.add(e.predecessor_slot);
  }
  for (const auto& e : effects.expansions) h.add(static_cast<std::int64_t>(e.task));
  for (const auto& e : effects.gates)
    h.add(e.instance ? static_cast<std::int64_t>(*e.instance) : std::int64_t{-1});
  for (const auto& e : effects.resolutions) h.add(static_cast<std::int64_t>(e.instance));
  for (const auto& e : effects.checks) h.add(e.key);
  for (const auto& e : effects.cancels) h.add(e.key);
  for (const auto& e : effects.recalls) h.add(e.key);
  for (const auto& e : effects.acks) {
    h.add(e.key);
    h.add(static_cast<std::int64_t>(e.checkpoint));
  }
  for (const auto& e : effects.alerts) h.add(e.key);
  for (const auto& e : effects.drops) h.add(static_cast<std::int64_t>(e.worker));
  for (const auto& e : effects.replies) {
    h.add(static_cast<std::int64_t>(e.request));
    h.add(static_cast<std::int64_t>(e.code));
    h.add(e.message);
  }
  h.add(effects.wake_at);
  h.add(effects.wake_at_boot ? effects.wake_at_boot->since.count() : -1);
  return h.value();
}

}  // namespace batuta::sim
