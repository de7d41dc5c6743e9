// The DAG folder and the engine put together: what the bag reads becomes events, what the engine
// knows (versions of an earlier life, pools) goes to the bag.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "scheduler/dagfile/dag_bag.h"
#include "scheduler/engine/engine.h"

namespace batuta {

class DagWiring {
 public:
  using Dags = std::vector<std::shared_ptr<const Dag>>;
  // `engine` outlives this. `changed` hears of new and changed DAGs first, as the bag calls it.
  DagWiring(std::string folder, Engine& engine, std::function<void(const Dags&)> changed);

  // The engine runs. `stored` is what it began with.
  void start(const std::vector<std::pair<DagRow, std::shared_ptr<const Dag>>>& stored);
  void stop() { bag_.stop(); }
  DagBag& bag() { return bag_; }

  // Any thread. All of the snapshot to the engine: it may have missed some of it.
  void repost();
  // Any thread. Pools were changed: DAGs are warned of those that are missing or too small.
  void check_pools();
  // True once the folder has been read and the engine knows every DAG.
  bool ready() const { return known_ && !missed_; }

 private:
  void on_change(Dags changed, std::vector<std::string> gone);

  Engine& engine_;
  const std::function<void(const Dags&)> changed_;
  std::atomic<bool> known_{false};
  std::atomic<bool> missed_{false};
  DagBag bag_;  // last: its thread uses what is above
};

}  // namespace batuta
