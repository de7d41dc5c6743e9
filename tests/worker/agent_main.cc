// A worker without a scheduler's command line around it: what the tests start and kill.
//   agent HOME PLUGINS SLOTS MAX_ATTEMPTS LOAD_TIMEOUT_MS STOP_DRAIN_MS MOST_MEMORY MOST_CPU
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "common/log.h"
#include "worker/agent.h"
#include "worker/slot.h"

int main(int argc, char** argv) {
  if (argc > 1 && std::string_view{argv[1]} == "slot") return batuta::run_slot(argc, argv);
  if (argc != 11) return 2;
  batuta::log::start("worker", batuta::log::Level::warn);
  batuta::AgentOptions options;
  options.home = argv[2];
  options.plugins_folder = argv[3];
  options.slots = std::atoi(argv[4]);
  options.max_attempts = std::atoi(argv[5]);
  options.plugin_load_timeout = std::chrono::milliseconds(std::atoi(argv[6]));
  options.stop_drain = std::chrono::milliseconds(std::atoi(argv[7]));
  options.most_bounds = {std::atoll(argv[8]), std::atoll(argv[9])};
  options.log_limit = std::atoll(argv[10]);
  return batuta::run_agent(options);
}
