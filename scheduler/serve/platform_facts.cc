#include "scheduler/serve/platform_facts.h"

#include <exception>
#include <string>
#include <utility>

#include "common/log.h"
#include "scheduler/api/lake_facts.h"
#include "scheduler/api/lake_retention.h"
#include "scheduler/serve/cost_watch.h"
#include "scheduler/serve/lag_watch.h"
#include "scheduler/store/store.h"

namespace batuta {

void PlatformFacts::refresh(History& history, const DagBagSnapshot& bag, LagWatch& lags,
                            CostWatch& costs, bool at_once) {
  const std::lock_guard one(gathering_);
  Boot begun = read_clock().boot;
  if (begun < next_ && !at_once) return;
  std::string retention, facts;
  if (bag.dags.contains(std::string_view(maintenance_dag_id)) && clock_.look(read_clock()))
    retention = http::retention_told(bag, read_clock().wall);
  {
    const std::lock_guard guard(mutex_);
    retention_ = std::move(retention);
  }
  if (const auto dag = bag.dags.find(std::string_view(monitors_dag_id)); dag != bag.dags.end()) {
    http::FactsAsked asked;
    for (const Task& task : dag->second->tasks) {
      if (task.plugin != monitors_plugin) continue;
      auto more = http::facts_asked(task.spec_json);
      asked.tables.merge(more.tables);
      asked.dags.merge(more.dags);
      asked.lags.merge(more.lags);
      asked.costs.merge(more.costs);
    }
    lags.ask(asked.lags);
    if (at_once && !asked.lags.empty()) {
      lags.look_anew(2 * LagWatch::budget);
      begun = read_clock().boot;  // to wait costs nobody anything
    }
    const auto& taken = costs.told(asked.costs, begun);
    try {
      const auto dag_of = [&bag](const std::string& id) {
        const auto found = bag.dags.find(id);
        return found == bag.dags.end() ? nullptr : found->second;
      };
      if (!asked.none()) facts = http::lake_facts(history, asked, dag_of, lags.told(), taken);
    } catch (const StoreError&) {
      return;  // the control thread sees to a store that fails; what was known stays
    } catch (const std::exception& error) {
      log::error(std::string("what monitors ask for cannot be gathered: ") + error.what());
      return;
    }
  }
  const Boot ended = read_clock().boot;
  next_ = ended + 50 * (ended - begun);
  const std::lock_guard guard(mutex_);
  json_ = std::move(facts);
}

std::string PlatformFacts::retention() const {
  const std::lock_guard guard(mutex_);
  return retention_;
}

std::string PlatformFacts::json() const {
  const std::lock_guard guard(mutex_);
  return json_;
}

}  // namespace batuta
