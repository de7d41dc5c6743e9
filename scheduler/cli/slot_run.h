// One plugin call in a slot of its own, without scheduler or agent: how the command line reads the
// lake.
#pragma once

#include <string>

#include "common/result.h"
#include "common/time.h"

namespace batuta::cli {

struct SlotRun {
  std::string plugin;  // catalogue name
  std::string params_json;
  std::string lake_folder;  // absolute
  std::string plugins_folder;
  Duration patience = std::chrono::minutes(10);
};

// The plugin's result JSON. Errors carry the plugin's own reason. The slot, its scratch folder and
// its lock are gone on return. Blocking.
Result<std::string> run_in_slot(const SlotRun& run);

}  // namespace batuta::cli
