// What all live workers offer together: one list, told anew when it changes.
#pragma once

#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <vector>

#include "common/message.h"
#include "scheduler/core/event.h"

namespace batuta {

class Offers {
 public:
  explicit Offers(std::function<void(std::vector<PluginInfo>)> changed)
      : changed_(std::move(changed)) {}

  // A worker's plugins, or nullopt when it is gone. What the departed offered stays known until
  // somebody joins, so that a restart of the only worker does not turn every DAG into a warning.
  // Any thread.
  void set(WorkerId worker, std::optional<std::vector<PluginInfo>> plugins) {
    std::map<std::string, PluginInfo> by_name;
    std::vector<PluginInfo> merged;
    {
      std::lock_guard lock(mutex_);
      if (plugins) {
        std::erase_if(by_worker_, [](const auto& entry) { return entry.second.departed; });
        by_worker_[worker] = {std::move(*plugins), false};
      } else if (const auto found = by_worker_.find(worker); found != by_worker_.end()) {
        found->second.departed = true;
      }
      for (const auto& [id, offer] : by_worker_) {
        for (const PluginInfo& plugin : offer.plugins) by_name[plugin.name] = plugin;
      }
      for (auto& [name, plugin] : by_name) merged.push_back(std::move(plugin));
      if (merged == last_) return;
      last_ = merged;
    }
    changed_(std::move(merged));
  }

 private:
  struct Offer {
    std::vector<PluginInfo> plugins;
    bool departed = false;
  };
  const std::function<void(std::vector<PluginInfo>)> changed_;
  std::mutex mutex_;
  std::map<WorkerId, Offer> by_worker_;
  std::vector<PluginInfo> last_;
};

}  // namespace batuta
