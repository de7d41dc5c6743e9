// How far a person's own statement is, on its way from the engine's watcher to the host.
#pragma once

#include <atomic>

#include "plugins/sdk/plugin.h"

namespace batuta::lake {

// begin() and note() on any thread, tell() on that of the plugin's execute.
class StatementProgress {
 public:
  // Statements before it, which look for what it names, are not counted.
  void begin() { begun_ = true; }
  // As SessionOptions::progress is told. That one is done may be said of the statement before; of
  // this one its answer says it.
  void note(double share) {
    if (begun_ && share < 1) share_ = share;
  }
  void tell(const plugin::Context& context) const {
    if (const double share = share_; share >= 0) context.progress(share);
  }

 private:
  std::atomic<bool> begun_ = false;
  std::atomic<double> share_ = -1;  // below 0: the engine does not know yet
};

}  // namespace batuta::lake
