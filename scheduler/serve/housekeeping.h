// What an installation needs now and then: retention of runs and logs, a look at disk and store.
#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "scheduler/engine/engine.h"
#include "scheduler/serve/clock_trust.h"
#include "scheduler/serve/home.h"
#include "scheduler/store/upkeep.h"

namespace batuta {

// A thread of its own; deletes through the engine in small batches between turns. Never takes what
// is unpublished (the store sees to that).
class Housekeeping {
 public:
  // Called on the thread of housekeeping; they may block.
  struct Hooks {
    std::function<void()> each_minute;
    // After each look at the whole store: what is wrong with it, empty when it is sound.
    std::function<void(const std::string& damage)> looked_at_store;
  };
  // References outlive this. Nothing goes by its age while `clock` is in doubt.
  Housekeeping(const Home& home, Upkeep& upkeep, Engine& engine, ClockTrust& clock, Hooks hooks);
  ~Housekeeping();

 private:
  void run();
  void each_minute();
  // False: what is old cannot be told now.
  bool look_at_clock(int round);
  void retention();
  // nullopt: nobody answers, for the engine is stopping.
  std::optional<std::vector<DagRetention>> kept_otherwise(Time now) const;
  bool remove_logs();
  void look_at_disk();
  void look_at_store();
  bool wait(Duration time);  // false: stopping
  // Runs a step on the control thread; false when it failed or said that it was the last.
  bool more(const std::function<bool()>& job);

  const Home& home_;
  Upkeep& upkeep_;
  Engine& engine_;
  ClockTrust& clock_;
  const Hooks hooks_;
  bool warned_ = false;
  bool clock_agreed_ = true;
  std::mutex mutex_;
  std::condition_variable stop_signal_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace batuta
