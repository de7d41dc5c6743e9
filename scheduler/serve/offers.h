// What all live workers offer together, and what none of them can: told anew when it changes.
#pragma once

#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "common/message.h"
#include "scheduler/core/event.h"
#include "scheduler/workers/worker_offers.h"

namespace batuta {

class Offers {
 public:
  explicit Offers(std::function<void(WorkerOffers)> changed) : changed_(std::move(changed)) {}

  // A worker's plugins, or nullopt when it is gone. What the departed offered stays known until
  // somebody joins, so that a restart of the only worker does not turn every DAG into a warning.
  // Any thread.
  void set(WorkerId worker, std::optional<WorkerOffers> offers) {
    WorkerOffers merged;
    {
      std::lock_guard lock(mutex_);
      if (offers) {
        std::erase_if(by_worker_, [](const auto& entry) { return entry.second.departed; });
        by_worker_[worker] = {std::move(*offers), false};
      } else if (const auto found = by_worker_.find(worker); found != by_worker_.end()) {
        found->second.departed = true;
      }
      merged = merge();
      if (merged == last_) return;
      last_ = merged;
    }
    changed_(std::move(merged));
  }

  // All that is offered, as it was told last. Any thread.
  std::vector<PluginInfo> plugins() const {
    std::lock_guard lock(mutex_);
    return last_.plugins;
  }
  // Plugins that no worker offers, though one has them in its folder. Any thread.
  std::vector<PluginFault> faults() const {
    std::lock_guard lock(mutex_);
    return last_.faults;
  }

 private:
  struct Entry {
    WorkerOffers offers;
    bool departed = false;
  };

  WorkerOffers merge() const {
    std::map<std::string, PluginInfo> plugins;
    std::map<std::string, PluginFault> faults;
    for (const auto& [id, entry] : by_worker_) {
      for (const PluginInfo& plugin : entry.offers.plugins) plugins[plugin.name] = plugin;
      for (const PluginFault& fault : entry.offers.faults) faults[fault.name] = fault;
    }
    WorkerOffers merged;
    for (const auto& [name, fault] : faults) {
      if (!plugins.contains(name)) merged.faults.push_back(fault);
    }
    for (auto& [name, plugin] : plugins) merged.plugins.push_back(std::move(plugin));
    return merged;
  }

  const std::function<void(WorkerOffers)> changed_;
  mutable std::mutex mutex_;
  std::map<WorkerId, Entry> by_worker_;
  WorkerOffers last_;
};

}  // namespace batuta
