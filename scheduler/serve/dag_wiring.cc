#include "scheduler/serve/dag_wiring.h"

#include <malloc.h>

#include <utility>

#include "common/log.h"

namespace batuta {

DagWiring::DagWiring(std::string folder, Engine& engine, std::function<void(const Dags&)> changed)
    : engine_(engine),
      changed_(std::move(changed)),
      bag_(std::move(folder),
           {[this](Dags dags, auto gone) { on_change(std::move(dags), std::move(gone)); },
            // Reading files leaves several times their size in freed memory.
            [] { malloc_trim(0); }}) {}

void DagWiring::start(const std::vector<std::pair<DagRow, std::shared_ptr<const Dag>>>& stored) {
  Dags known;
  for (const auto& [row, dag] : stored) {
    if (!row.is_stale && dag) known.push_back(dag);
  }
  bag_.set_known(std::move(known));
  check_pools();
  bag_.start();
}

void DagWiring::on_change(Dags changed, std::vector<std::string> gone) {
  changed_(changed);
  // A full inbox or disk: the snapshot is posted whole once the store takes writes again.
  if (!engine_.post(DagsChanged{std::move(changed), std::move(gone)})) missed_ = true;
  // When this query runs, the engine has the DAGs posted before it.
  if (!engine_.query([this](const SchedulerState&, const Now&) { known_ = true; })) {
    missed_ = true;
  }
}

void DagWiring::repost() {
  const bool asked = engine_.query([this](const SchedulerState& state, const Now&) {
    const auto snapshot = bag_.snapshot();
    DagsChanged all;
    for (const auto& [id, dag] : snapshot->dags) all.current.push_back(dag);
    for (const DagRow& row : state.dag_rows()) {
      if (!row.is_stale && !snapshot->dags.contains(row.dag_id)) all.gone.push_back(row.dag_id);
    }
    if (engine_.post(std::move(all))) missed_ = false;
    known_ = true;
  });
  if (!asked) missed_ = true;
}

void DagWiring::check_pools() {
  const bool asked = engine_.query([this](const SchedulerState& state, const Now&) {
    std::vector<std::pair<std::string, int>> pools;
    for (const PoolView& pool : state.pool_views()) {
      pools.emplace_back(pool.row.name, pool.row.slots);
    }
    bag_.set_pools(std::move(pools));
  });
  if (!asked) log::warn("the DAGs' pools were not checked: the scheduler is too busy");
}

}  // namespace batuta
