// The keeper of bundles put together with who reads DAGs and who writes the event log.
#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "scheduler/engine/engine.h"
#include "scheduler/serve/bundle_keeper.h"
#include "scheduler/serve/dag_wiring.h"
#include "scheduler/store/registry.h"

namespace batuta {

// Used from when the keeper starts, not before: `dags` need not be made yet. All outlive the hooks.
inline BundleKeeper::Hooks bundle_hooks(DagWiring& dags, Engine& engine, Registry& registry) {
  BundleKeeper::Hooks hooks;
  hooks.switched = [&dags](std::vector<BundleFolder> all) {
    dags.bag().set_bundles(std::move(all));
  };
  hooks.dags = [&dags] { return dags.bag().snapshot(); };
  hooks.audited = [&engine, &registry](const std::string& event, const std::string& extra_json,
                                       std::function<Status()> change,
                                       std::function<void(const Status&)> done) {
    EventLogRow row;
    row.when = read_clock().wall;
    row.event = event;
    row.extra_json = extra_json;
    engine.write([&registry, row = std::move(row),
                  change = std::move(change)] { return registry.audited(row, change); },
                 std::move(done));
  };
  return hooks;
}

}  // namespace batuta
