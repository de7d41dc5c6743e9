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
#include "scheduler/store/secret_reference.h"
#include "scheduler/store/store.h"

namespace batuta {

// Used from when the keeper starts, not before: `dags` need not be made yet. All outlive the hooks.
inline BundleKeeper::Hooks bundle_hooks(DagWiring& dags, Engine& engine, Registry& registry,
                                        SecretOpener& secrets) {
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
  hooks.connection = [&registry, &secrets](const std::string& id) -> Result<Connection> {
    try {
      auto found = registry.connection(id);
      if (!found) return {Errc::not_found, "there is no connection \"" + id + "\""};
      if (auto opened = secrets.open(*found); !opened)
        return {opened.error().code, "connection \"" + id + "\": " + opened.error().message};
      return *std::move(found);
    } catch (const StoreError& error) {
      return {Errc::unavailable, error.what()};
    }
  };
  return hooks;
}

}  // namespace batuta
