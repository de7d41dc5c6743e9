#include "scheduler/serve/dag_wiring.h"

#include <malloc.h>

#include <utility>

#include "scheduler/dagfile/dag_codec.h"

namespace batuta {

std::shared_ptr<const Dag> dag_from_version_text(const DagVersionText& text) {
  const auto parsed = dag_from_canonical(text.version, text.canonical_json);
  if (!parsed) return nullptr;
  auto dag = std::make_shared<Dag>(*parsed);
  dag->file = text.file;
  dag->source_text = text.source_text;
  return dag;
}

DagWiring::DagWiring(std::string folder, Engine& engine, std::function<void(const Dags&)> changed,
                     std::string contracts, std::vector<BundleFolder> bundles,
                     std::string bundles_folder)
    : engine_(engine),
      changed_(std::move(changed)),
      bag_(std::move(folder),
           {[this](Dags dags, auto gone) { on_change(std::move(dags), std::move(gone)); },
            // Reading files leaves several times their size in freed memory.
            [] { malloc_trim(0); }, [this] { return on_look(); }},
           std::move(contracts)) {
  bag_.set_bundles(std::move(bundles));
  bag_.set_bundles_folder(std::move(bundles_folder));
}

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
  const std::lock_guard lock(mutex_);
  for (const auto& dag : changed) current_[dag->id] = dag;
  for (const auto& id : gone) current_.erase(id);
  tell({std::move(changed), std::move(gone)});
}

void DagWiring::tell(DagsChanged news) {
  // When the query runs, the engine has the DAGs posted before it.
  const bool told = engine_.post(std::move(news)) &&
                    engine_.query([this](const SchedulerState&, const Now&) { known_ = true; });
  if (!told) missed_ = true;
}

void DagWiring::repost() {
  missed_ = true;
  bag_.look();
}

// While the store takes no writes nothing is tried: when it does again, repost() is called.
bool DagWiring::on_look() {
  if (!engine_.trouble().empty()) return true;
  if (pools_missed_.exchange(false)) check_pools();
  if (missed_) tell_all();
  return !missed_ && !pools_missed_;
}

// On the bag's thread, as is on_change(): none of them comes between.
void DagWiring::tell_all() {
  telling_ = true;
  missed_ = false;
  Dags all;
  for (const auto& [id, dag] : current_) all.push_back(dag);
  changed_(all);
  const bool asked = engine_.query([this](const SchedulerState& state, const Now&) {
    const std::lock_guard lock(mutex_);
    DagsChanged news;
    for (const auto& [id, dag] : current_) news.current.push_back(dag);
    for (const DagRow& row : state.dag_rows()) {
      if (!row.is_stale && !current_.contains(row.dag_id)) news.gone.push_back(row.dag_id);
    }
    known_ = false;
    telling_ = false;
    tell(std::move(news));
  });
  if (asked) return;
  missed_ = true;
  telling_ = false;
}

void DagWiring::check_pools() {
  const bool asked = engine_.query([this](const SchedulerState& state, const Now&) {
    std::vector<std::pair<std::string, int>> pools;
    for (const PoolView& pool : state.pool_views()) {
      pools.emplace_back(pool.row.name, pool.row.slots);
    }
    bag_.set_pools(std::move(pools));
  });
  if (!asked) pools_missed_ = true;
}

}  // namespace batuta
