// Rows as text, every field, so that two states can be compared and a difference read.
#pragma once

#include <optional>
#include <sstream>
#include <string>

#include "scheduler/core/step.h"

namespace batuta::test {

class Text {
 public:
  template <class... T>
  Text& add(const T&... values) {
    (one(values), ...);
    out_ << '\n';
    return *this;
  }
  std::string text() const { return out_.str(); }

 private:
  void one(const std::string& v) { out_ << '"' << v << "\" "; }
  void one(Time v) { out_ << to_iso(v) << ' '; }
  void one(const Uuid& v) { out_ << to_string(v) << ' '; }
  template <class T>
  requires std::is_arithmetic_v<T>
  void one(T v) { out_ << +v << ' '; }
  template <class T>
  requires std::is_enum_v<T>
  void one(T v) { out_ << static_cast<std::int64_t>(v) << ' '; }
  template <class T>
  void one(const std::optional<T>& v) {
    if (v) {
      one(*v);
    } else {
      out_ << "- ";
    }
  }
  std::ostringstream out_;
};

inline void describe(Text& t, const RunRow& r) {
  t.add(std::string("run"), r.seq, r.uuid, r.dag_id, r.dag_run_id, r.dag_version, r.type, r.state,
        r.logical_date, r.data_interval_start, r.data_interval_end, r.run_after, r.queued_at,
        r.start_date, r.end_date, r.last_scheduling_decision, r.conf_json, r.conf_start, r.conf_end,
        r.note, r.triggered_by, r.triggering_user, r.idempotency_key, r.request_digest, r.reason,
        r.clear_number, r.ending, r.backfill, r.backfill_tick, r.deadlines_missed, r.is_paused,
        r.keys_known, r.concurrency_key, r.rate_key, r.branch, r.partition_key, r.partition_date,
        r.average_runtime ? r.average_runtime->count() : -1);
}

inline void describe(Text& t, const BackfillRow& b) {
  t.add(std::string("backfill"), b.id, b.dag_id, b.dag_version, b.from_date, b.to_date,
        b.run_backwards, b.reprocess, b.max_active_runs, b.latest_version, b.conf_json,
        b.conf_start, b.conf_end, b.is_paused, b.phase, b.ticks, b.done, b.cursor, b.created_at,
        b.updated_at, b.completed_at, b.user);
}

inline void describe(Text& t, const TaskInstanceRow& r) {
  t.add(std::string("task"), r.id, r.run, r.task, r.map_index, r.state, r.fence, r.try_number,
        r.max_tries, r.failures, r.losses, r.conflicts, r.scheduled_at, r.queued_at, r.start_date,
        r.end_date, r.retry_at, r.window_start, r.window_end, r.worker, r.hostname, r.slot,
        r.reason, r.note, r.plugin_sha256, r.exit_code, r.signal, r.peak_rss_kib, r.pid, r.asked,
        r.left_out_by, r.map_name, r.continued, r.repeats, r.first_start, r.cpu_us, r.read_bytes);
}

inline void describe(Text& t, const PublicationRow& p) {
  t.add(std::string("publication"), p.id, p.key.run, p.key.task, p.key.map_index, p.key.fence,
        p.position, p.table, p.number, p.uuid, p.state, p.version, p.payload_json);
}

inline void describe(Text& t, const Finished& f) {
  t.add(std::string("finished"), f.key.run, f.key.task, f.key.map_index, f.key.fence, f.outcome,
        f.reason, f.exit_code, f.signal, f.peak_rss_kib, f.started, f.ended, f.slot,
        f.plugin_sha256, f.result_json, f.files_json, f.extra_json, f.watermark_us, f.records,
        f.has_branch, f.outputs.size());
  for (const std::string& id : f.branch) t.add(std::string("branch"), id);
}

inline void describe(Text& t, const OutboxRow& o) {
  t.add(std::string("outbox"), o.id, o.kind, o.key, o.publication, o.payload_json, o.created_at,
        o.tries, o.next_try_at, o.last_error, o.dead);
}

inline void describe(Text& t, const WaitRow& w) {
  t.add(std::string("wait"), w.run, w.task, w.map_index, w.kind, w.since, w.due, w.deadline,
        w.soft_fail, w.about, w.watched, w.dag_id, w.logical_date, w.task_id, w.allowed, w.refused,
        w.argument_json, w.interval.count(), w.doubling, w.longest_interval.count());
}

inline void describe(Text& t, const OpenQuestion& q) {
  t.add(std::string("open question"), q.run, q.task, q.map_index, q.try_number,
        q.default_input_json, q.on_reject);
  for (const auto* list : {&q.options, &q.defaults}) {
    for (const std::string& text : *list) t.add(text);
    t.add(list->size());
  }
}

inline void describe(Text& t, const QuestionRow& q) {
  describe(t, static_cast<const OpenQuestion&>(q));
  t.add(q.subject, q.body, q.multiple, q.params_json, q.created_at, q.deadline);
  for (const std::string& user : q.assigned_users) t.add(user);
}

inline void describe(Text& t, const AnswerRow& a) {
  t.add(std::string("answer"), a.run, a.task, a.map_index, a.try_number, a.responded_at,
        a.responded_by, a.params_input_json);
  for (const std::string& option : a.chosen_options) t.add(option);
}

inline void describe(Text& t, const AssetRow& a) {
  t.add(std::string("asset"), a.id, a.uri, a.name, a.group, a.extra_json, a.created_at,
        a.updated_at);
}

inline void describe(Text& t, const AssetEventRow& e) {
  t.add(std::string("asset event"), e.id, e.asset, e.timestamp, e.extra_json, e.source_dag_id,
        e.source_run_id, e.source_task_id, e.source_map_index, e.partition_key);
}

inline void describe(Text& t, const QueuedAssetEvent& q) {
  t.add(std::string("queued"), q.dag_id, q.asset, q.event, q.queued_at, q.partition_key);
}

inline void describe(Text& t, const AssetWatcherRow& w) {
  t.add(std::string("watcher"), w.id, w.asset, w.spec.name, w.spec.argument_json,
        w.spec.interval.count(), w.created_at, w.seen, w.message);
}

inline void describe(Text& t, const ToldAsset& a) {
  t.add(std::string("told"), a.asset.uri, a.asset.name, a.asset.group, a.asset.extra_json, a.alias,
        a.extra_json, a.partition_key);
}

inline void describe(Text& t, const PluginInfo& p) {
  t.add(std::string("plugin"), p.name, p.version, p.kind, p.summary, p.sha256);
  for (const ParamInfo& param : p.params) {
    t.add(std::string("param"), param.name, param.type, param.required, param.default_json,
          param.help);
  }
}

template <class Row>
std::string described(const Row& row) {
  Text t;
  describe(t, row);
  return t.text();
}

inline std::string described(const StoredState& s) {
  Text t;
  for (const auto& [row, dag] : s.dags) {
    t.add(std::string("dag"), row.dag_id, row.is_paused, row.is_stale, row.version, row.cursor,
          row.consecutive_failures, dag->canonical_json, dag->source_text, dag->file);
  }
  for (const StoredRun& run : s.runs) {
    describe(t, run.run);
    t.add(std::string("of"), run.dag->version);
    for (const TaskInstanceRow& task : run.rows()) describe(t, task);
  }
  for (const StoredRun& run : s.past) {
    t.add(std::string("past"));
    describe(t, run.run);
    for (const TaskInstanceRow& task : run.rows()) describe(t, task);
  }
  for (const auto& [dag, date] : s.dates_ahead) t.add(std::string("ahead"), dag, date);
  for (const PoolRow& p : s.pools) t.add(std::string("pool"), p.name, p.slots, p.description);
  for (const TableRow& r : s.tables)
    t.add(std::string("table"), r.table, r.next_number, r.last_version);
  for (const PublicationRow& p : s.publications) describe(t, p);
  for (const AcceptedRow& a : s.accepted) {
    describe(t, a.report);
    t.add(a.again);
    for (const ToldAsset& told : a.assets) describe(t, told);
  }
  for (const WatermarkRow& w : s.watermarks)
    t.add(std::string("mark"), w.dag_id, w.task_id, w.value);
  for (const WaitRow& w : s.waits) describe(t, w);
  for (const OpenQuestion& q : s.questions) describe(t, q);
  for (const RateStartRow& r : s.rate_starts)
    t.add(std::string("start"), r.dag_id, r.key, r.started);
  for (const StreakRow& r : s.streaks)
    t.add(std::string("streak"), r.dag_id, r.task_id, r.map_index, r.failures);
  for (const AssetRow& a : s.assets) describe(t, a);
  for (const QueuedAssetEvent& q : s.asset_queue) describe(t, q);
  for (const AssetAliasRow& a : s.asset_aliases) t.add(std::string("alias"), a.id, a.name, a.group);
  for (const AssetAliasLink& l : s.asset_alias_links)
    t.add(std::string("stands for"), l.alias, l.asset);
  for (const AssetWatcherRow& w : s.asset_watchers) describe(t, w);
  for (const auto& [dag, times] : s.runtimes)
    for (const Duration took : times) t.add(std::string("took"), dag, took.count());
  t.add(s.last_asset, s.last_asset_event, s.last_asset_alias, s.last_asset_watcher);
  for (const PluginInfo& p : s.catalogue) describe(t, p);
  for (const auto& [row, dag] : s.backfills) {
    describe(t, row);
    t.add(std::string("of"), dag ? dag->version : "");
  }
  t.add(s.last_backfill);
  t.add(s.last_run_seq, s.last_instance, s.last_publication, s.last_outbox);
  return t.text();
}

}  // namespace batuta::test
