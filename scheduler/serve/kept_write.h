// A write between turns that must not be forgotten when there is no room for it.
#pragma once

#include <atomic>
#include <functional>
#include <utility>

#include "scheduler/engine/engine.h"

namespace batuta {

// `write` writes what is so when it runs: asked for twice, the order does not matter. Any thread.
class KeptWrite {
 public:
  // `engine` outlives this, and ends before it.
  KeptWrite(Engine& engine, std::function<Status()> write)
      : engine_(engine), write_(std::move(write)) {}

  void ask() {
    engine_.write(write_, [this](const Status& status) { missed_ = !status.ok(); });
  }
  // To be called now and then, and when the store takes writes again.
  void ask_if_missed() {
    if (missed_) ask();
  }

 private:
  Engine& engine_;
  const std::function<Status()> write_;
  std::atomic<bool> missed_{false};
};

}  // namespace batuta
