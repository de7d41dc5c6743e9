// Looks at what deferred tasks wait for outside, when the engine asks, and tells it what there is.
// Files, databases and other servers have threads of their own, and servers, of which the embedded
// log of topics is one, take turns: one that does not answer holds up no file, and of the other
// servers only what a few calls that time out take. Databases, whose looks may take minutes and
// have a process each, hold up databases alone.
#pragma once

#include <functional>
#include <memory>

#include "scheduler/core/effects.h"
#include "scheduler/waits/look.h"

namespace batuta {

class WaitChecker {
 public:
  struct Options {
    int file_threads = 1;
    int http_threads = 8;
    int sql_threads = 3;
    int calls_per_server = 2;  // at once
    Duration post_again = std::chrono::seconds(1);
  };
  // Hands the answer to the engine; false: it takes none now, and is told again.
  using Post = std::function<bool(WaitChecked)>;

  WaitChecker(Options options, LookHooks hooks, Post post);
  ~WaitChecker();

  void start();
  void stop();  // ends calls under way; what was asked is asked again after a start

  // Any thread; returns at once. The engine asks about a wait only once at a time, so that what
  // waits here is bounded by the tasks that are deferred.
  void check(CheckEffect effect);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace batuta
