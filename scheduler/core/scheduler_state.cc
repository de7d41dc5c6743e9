// The queries: what other rooms may ask the live state.
#include "scheduler/core/scheduler_state.h"

#include <algorithm>

namespace batuta {
namespace {

const LiveDag* find_dag(const SchedulerState& state, std::string_view dag_id) {
  const auto at = state.dags.find(dag_id);
  return at == state.dags.end() ? nullptr : &at->second;
}

template <class Map, class Key>
const StoredRun* find_in(const Map& map, const Key& key) {
  const auto at = map.find(key);
  return at == map.end() ? nullptr : &at->second->stored;
}

void collect_runs(const LiveDag& dag, const SchedulerState& state,
                  std::vector<const StoredRun*>& out) {
  for (const auto& [seq, run] : dag.running) out.push_back(&run->stored);
  for (const auto* queued : {&dag.queued, &dag.queued_in_backfills}) {
    for (const auto& [run_after, seq] : *queued) out.push_back(&state.runs.at(seq)->stored);
  }
}

}  // namespace

const StoredRun* SchedulerState::run(RunSeq seq) const {
  const auto at = runs.find(seq);
  return at == runs.end() ? nullptr : &at->second->stored;
}

const StoredRun* SchedulerState::find_run(std::string_view dag_id,
                                          std::string_view dag_run_id) const {
  const LiveDag* dag = find_dag(*this, dag_id);
  return dag ? find_in(dag->by_run_id, dag_run_id) : nullptr;
}

const StoredRun* SchedulerState::find_run_by_key(std::string_view dag_id,
                                                 std::string_view key) const {
  const LiveDag* dag = find_dag(*this, dag_id);
  return dag ? find_in(dag->by_key, key) : nullptr;
}

const StoredRun* SchedulerState::find_run_by_date(std::string_view dag_id,
                                                  Time logical_date) const {
  const LiveDag* dag = find_dag(*this, dag_id);
  return dag ? find_in(dag->by_date, logical_date) : nullptr;
}

std::vector<const StoredRun*> SchedulerState::live_runs(std::string_view dag_id) const {
  std::vector<const StoredRun*> found;
  if (!dag_id.empty()) {
    if (const LiveDag* one = find_dag(*this, dag_id)) collect_runs(*one, *this, found);
  } else {
    for (const auto& [id, one] : dags) collect_runs(one, *this, found);
  }
  std::sort(found.begin(), found.end(),
            [](const StoredRun* a, const StoredRun* b) { return a->run.seq < b->run.seq; });
  return found;
}

const DagRow* SchedulerState::dag_row(std::string_view dag_id) const {
  const LiveDag* found = find_dag(*this, dag_id);
  return found ? &found->row : nullptr;
}

std::shared_ptr<const Dag> SchedulerState::dag(std::string_view dag_id) const {
  const LiveDag* found = find_dag(*this, dag_id);
  return found ? found->dag : nullptr;
}

std::vector<DagRow> SchedulerState::dag_rows() const {
  std::vector<DagRow> rows;
  for (const auto& [id, dag] : dags) rows.push_back(dag.row);
  return rows;
}

OptTime SchedulerState::next_run_at(std::string_view dag_id) const {
  const LiveDag* found = find_dag(*this, dag_id);
  return found ? found->tick_timer : std::nullopt;
}

std::vector<PoolView> SchedulerState::pool_views() const {
  std::vector<PoolView> views;
  for (const auto& [name, number] : pool_numbers) {
    const LivePool& pool = pools[number];
    if (!pool.exists) continue;
    PoolView view{pool.row, pool.occupied(), pool.queued, pool.running, pool.scheduled, -1};
    if (pool.row.slots >= 0) {
      view.open_slots = std::max<std::int64_t>(0, pool.row.slots - pool.occupied());
    }
    views.push_back(std::move(view));
  }
  return views;
}

std::vector<WorkerView> SchedulerState::worker_views() const {
  std::vector<WorkerView> views;
  for (const auto& [id, agent] : agents) {
    WorkerView view{id,
                    agent.connection,
                    agent.hostname,
                    agent.pid,
                    agent.slots,
                    static_cast<std::int32_t>(agent.started.size()),
                    static_cast<std::int32_t>(agent.unstarted.size()),
                    agent.joined,
                    agent.last_seen,
                    {},
                    agent.drained,
                    agent.queues,
                    agent.loads,
                    agent.loads_left_out};
    for (const PluginNo number : agent.offers) view.plugins.push_back(plugins[number].name);
    std::sort(view.plugins.begin(), view.plugins.end());
    view.plugins.erase(std::unique(view.plugins.begin(), view.plugins.end()), view.plugins.end());
    views.push_back(std::move(view));
  }
  return views;
}

std::vector<PluginInfo> SchedulerState::known_plugins() const {
  std::vector<PluginInfo> known;
  for (const auto& [name, number] : plugin_numbers) {
    if (!plugins[number].info.name.empty()) known.push_back(plugins[number].info);
  }
  return known;
}

bool SchedulerState::plugin_is_live(std::string_view plugin) const {
  return std::any_of(plugins.begin(), plugins.end(), [&](const LivePlugin& one) {
    return one.name == plugin && !one.workers.empty();
  });
}

OptTime SchedulerState::watermark(const std::string& dag_id, const std::string& task_id) const {
  const auto at = watermarks.find(std::pair(dag_id, task_id));
  return at == watermarks.end() ? std::nullopt : OptTime(at->second);
}

Gauges SchedulerState::gauges() const {
  Gauges gauges;
  gauges.backfills = std::ssize(backfills);
  for (const auto& [id, dag] : dags) {
    gauges.runs_queued +=
        static_cast<std::int64_t>(dag.queued.size() + dag.queued_in_backfills.size());
    gauges.runs_running += static_cast<std::int64_t>(dag.running.size());
    for (const auto& [seq, run] : dag.running) {
      gauges.tasks_running += run->publishing;
      for (const ReadyGroup& group : run->groups) gauges.tasks_scheduled += group.size;
    }
  }
  for (const auto& [id, agent] : agents) {
    gauges.tasks_queued += static_cast<std::int64_t>(agent.unstarted.size());
    gauges.tasks_running += static_cast<std::int64_t>(agent.started.size());
    if (agent.connection == 0) continue;
    ++gauges.workers;
    // Slots of a drained one are no room for anybody.
    gauges.slots += agent.drained ? std::ssize(agent.started) : agent.slots;
  }
  return gauges;
}

std::vector<BackfillRow> SchedulerState::live_backfills() const {
  std::vector<BackfillRow> rows;
  for (const auto& [id, backfill] : backfills) rows.push_back(backfill.row);
  return rows;
}

std::string SchedulerState::dag_of_backfill(std::int64_t id) const {
  const auto at = backfills.find(id);
  return at == backfills.end() ? std::string() : at->second.row.dag_id;
}

std::vector<std::string> SchedulerState::absent_agents() const {
  std::vector<std::string> absent;
  for (const auto& [id, agent] : agents) {
    if (agent.connection == 0) absent.push_back(id);
  }
  return absent;
}

const PublicationRow* SchedulerState::pending_publication(std::int64_t id) const {
  const auto at = publications.find(id);
  return at == publications.end() ? nullptr : &at->second;
}

}  // namespace batuta
