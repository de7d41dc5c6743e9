// What one worker can run, and what it cannot although its folder has it.
#pragma once

#include <vector>

#include "common/message.h"

namespace batuta {

struct WorkerOffers {
  std::vector<PluginInfo> plugins;
  std::vector<PluginFault> faults;
  bool operator==(const WorkerOffers&) const = default;
};

}  // namespace batuta
