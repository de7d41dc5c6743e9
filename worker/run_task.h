// One attempt inside a slot, from launch to report, and the state of the process around it.
#pragma once

#include <sched.h>
#include <sys/resource.h>
#include <sys/types.h>

#include <array>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "common/message.h"
#include "worker/attempt_host.h"
#include "worker/plugin_host.h"
#include "worker/slot_link.h"

namespace batuta {

// Loads the plugin, checks required parameters, runs execute on this thread, collects the report,
// ends what the plugin left running. Does not return when the plugin ends the process.
Finished run_task(SlotLaunch& task, PluginHost& plugins, SlotSurroundings& slot);

// Puts back what a plugin may have changed for the next one: working folder, umask, signal mask and
// handlers, floating-point mode, environment, resource limits, priority, processors, alarms.
class ProcessDefaults {
 public:
  // `home`: the value of HOME; `mask`: the umask. Takes limits, priority and processors as they are
  // now, and sets the rest.
  ProcessDefaults(std::string home, mode_t mask);
  // False when something cannot be put back (a hard limit was lowered): nothing more is to run in
  // this process.
  bool restore() const;

 private:
  bool restore_limits() const;

  std::string home_;
  std::vector<std::pair<std::string, std::string>> passed_;  // those of passed_variables
  mode_t mask_;
  std::array<rlimit, 9> limits_{};
  int nice_ = 0;
  cpu_set_t processors_{};
};

// Tells a slot that has grown or leaks from a healthy one. Looks only after a long attempt or every
// 64th short one: reading /proc costs more than a no-op.
class SlotHealth {
 public:
  SlotHealth();
  // True: retire this slot. `took_us`: how long the attempt ran.
  bool worn_out(std::int64_t took_us, std::uint64_t max_attempts);

 private:
  struct Size {
    std::int64_t rss_kib = 0;
    int threads = 0;
    int fds = 0;
  };
  static Size measure();
  Size start_;
  std::uint64_t attempts_ = 0;
};

}  // namespace batuta
