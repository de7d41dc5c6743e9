// The checker's look at schedules by staleness: what a run that made the asset has read starts no
// run, and while one is alive that may make it no other starts.
#include <algorithm>

#include "tests/sim/checker.h"
#include "tests/sim/violation.h"

namespace batuta::sim {

// Of a DAG that runs while its asset is stale: what was queued before this, a run that made the
// asset in this turn has read.
OptTime Checker::made_fresh_since(const Changes& changes, const Dag& dag) const {
  const auto& data = store_.data();
  OptTime since;
  if (dag.stale_asset.empty()) return since;
  for (const AssetEventRow& event : changes.asset_events) {
    const auto asset = data.assets.find(event.asset);
    const bool known = asset != data.assets.end() && asset->second.uri == dag.stale_asset;
    const bool fresh = std::any_of(
        changes.assets.begin(), changes.assets.end(),
        [&](const AssetRow& row) { return row.id == event.asset && row.uri == dag.stale_asset; });
    if ((!known && !fresh) || event.source_dag_id.empty()) continue;
    const auto read_at = [&](const RunRow& run) {
      if (run.dag_id == event.source_dag_id && run.dag_run_id == event.source_run_id)
        since = std::max(since.value_or(run.run_after), run.run_after);
    };
    for (const RunRow& run : changes.runs_created) read_at(run);
    const auto at = data.run_ids.find({event.source_dag_id, event.source_run_id});
    if (at != data.run_ids.end()) read_at(data.runs.at(at->second).run);
  }
  return since;
}

bool Checker::was_made_fresh(const Changes& changes, const SchedulerState& state,
                             const UnqueuedAssetEvent& entry) const {
  const auto dag = state.dag(entry.dag_id);
  const OptTime since = dag ? made_fresh_since(changes, *dag) : std::nullopt;
  if (!since) return false;
  const auto at = store_.data().asset_queue.find(entry);
  if (at != store_.data().asset_queue.end()) return at->second.queued_at < *since;
  return std::any_of(
      changes.asset_queued.begin(), changes.asset_queued.end(), [&](const QueuedAssetEvent& row) {
        return row.dag_id == entry.dag_id && row.event == entry.event && row.queued_at < *since;
      });
}

// I41.
void Checker::check_stale(const Changes& changes, const SchedulerState& state) {
  const auto is_new = [&](RunSeq seq) {
    return std::any_of(changes.runs_created.begin(), changes.runs_created.end(),
                       [&](const RunRow& row) { return row.seq == seq; });
  };
  for (const DagRow& row : state.dag_rows()) {
    const auto dag = state.dag(row.dag_id);
    const bool edited = std::any_of(changes.dag_versions.begin(), changes.dag_versions.end(),
                                    [&](const auto& one) { return one->id == row.dag_id; });
    if (!dag || dag->stale_asset.empty() || edited) continue;
    const auto by_assets = std::count_if(
        changes.runs_created.begin(), changes.runs_created.end(), [&](const RunRow& run) {
          return run.dag_id == row.dag_id && run.type == RunType::asset_triggered;
        });
    for (const StoredRun* run : state.live_runs(row.dag_id)) {
      if (by_assets == 0 || is_terminal(run->run.state)) continue;
      const bool waited = run->run.state == DagRunState::queued || run->run.start_date == now_.wall;
      if (run->run.backfill != 0 && waited) continue;  // it has not begun, or after this one
      require(is_new(run->run.seq), "I41", [&] {
        return row.dag_id + " started a run while " + run->run.dag_run_id + " may make it fresh";
      });
    }
    const OptTime since = made_fresh_since(changes, *dag);
    if (!since) continue;
    for (const auto& [entry, queued] : store_.data().asset_queue) {
      if (entry.dag_id != row.dag_id || queued.queued_at >= *since) continue;
      c_.met(Situation::asset_made_fresh);
      require(std::find(changes.asset_unqueued.begin(), changes.asset_unqueued.end(), entry) !=
                  changes.asset_unqueued.end(),
              "I41", [&] { return "a run for what has been read waits for " + row.dag_id; });
    }
  }
}

}  // namespace batuta::sim
