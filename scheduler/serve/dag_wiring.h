// The DAG folder and the engine put together: what the bag reads becomes events, what the engine
// knows (versions of an earlier life, pools) goes to the bag.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "scheduler/dagfile/dag_bag.h"
#include "scheduler/engine/engine.h"
#include "scheduler/store/store.h"

namespace batuta {

// A version that the store keeps; null: it cannot be read.
std::shared_ptr<const Dag> dag_from_version_text(const DagVersionText& text);

class DagWiring {
 public:
  using Dags = std::vector<std::shared_ptr<const Dag>>;
  // `contracts`: the folder of contracts; empty: beside the DAG folder. `bundles` and
  // `bundles_folder`: as the bag's. `engine` outlives this.
  // `changed` hears of new and changed DAGs before the engine does, and of all of them when they
  // are told anew; on the bag's thread, as the bag calls it.
  DagWiring(std::string folder, Engine& engine, std::function<void(const Dags&)> changed,
            std::string contracts = {}, std::vector<BundleFolder> bundles = {},
            std::string bundles_folder = {});

  // The engine runs. `stored` is what it began with.
  void start(const std::vector<std::pair<DagRow, std::shared_ptr<const Dag>>>& stored);
  void stop() { bag_.stop(); }
  DagBag& bag() { return bag_; }

  // Any thread. All DAGs to the engine, and to `changed`: some of it may have been missed.
  void repost();
  // Any thread. The same, as soon as the bag looks at its folder again: there was no room.
  void missed() { missed_ = true; }
  // Any thread. Pools were changed: DAGs are warned of those that are missing or too small.
  void check_pools();
  // True once the folder has been read and the engine knows every DAG.
  bool ready() const { return known_ && !missed_ && !telling_; }

 private:
  void on_change(Dags changed, std::vector<std::string> gone);
  bool on_look();
  void tell_all();
  void tell(DagsChanged news);  // with mutex_

  Engine& engine_;
  const std::function<void(const Dags&)> changed_;
  std::atomic<bool> known_{false};
  std::atomic<bool> missed_{false};   // a full inbox or disk: all is told anew
  std::atomic<bool> telling_{false};  // all is on its way to the engine
  std::atomic<bool> pools_missed_{false};
  std::mutex mutex_;  // held while the engine is told: what it hears last is the newest
  std::map<std::string, std::shared_ptr<const Dag>> current_;
  DagBag bag_;  // last: its thread uses what is above
};

}  // namespace batuta
