// One attempt inside a slot, from launch to report, and the state of the process around it.
#pragma once

#include <cstdint>

#include "common/message.h"
#include "worker/attempt_host.h"
#include "worker/plugin_host.h"
#include "worker/slot_link.h"

namespace batuta {

// Loads the plugin, checks required parameters, runs execute on this thread, collects the report,
// ends what the plugin left running. Does not return when the plugin ends the process.
Finished run_task(SlotLaunch& task, PluginHost& plugins, SlotSurroundings& slot);

// Puts back what a plugin may have changed for the next one: working folder, umask, signal mask and
// handlers, floating-point mode, environment.
class ProcessDefaults {
 public:
  // `home`: the value of HOME. Sets the defaults, too.
  explicit ProcessDefaults(std::string home) : home_(std::move(home)) { restore(); }
  void restore() const;

 private:
  std::string home_;
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
