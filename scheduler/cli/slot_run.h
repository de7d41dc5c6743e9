// One plugin call in a slot of its own, without scheduler or agent: how the command line reads the
// lake.
#pragma once

#include <cstdint>
#include <string>

#include "common/result.h"
#include "common/time.h"

namespace batuta::cli {

struct SlotRun {
  std::string plugin;  // catalogue name
  std::string params_json;
  std::string lake_folder;  // absolute
  std::string plugins_folder;
  std::int64_t lake_memory = 0;   // bytes of the SQL engine; 0 = the engine's own
  std::int64_t lake_threads = 0;  // of the SQL engine; 0 = the engine's own
  Duration patience = std::chrono::minutes(10);
};

// The message of the error when SIGINT or SIGTERM came while the plugin ran.
inline constexpr const char* interrupted = "interrupted";

// The plugin's result JSON. Errors carry the plugin's own reason. The slot, its scratch folder and
// its lock are gone on return, which SIGINT and SIGTERM hasten. Blocking; one at a time.
Result<std::string> run_in_slot(const SlotRun& run);

}  // namespace batuta::cli
