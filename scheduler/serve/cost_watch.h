// What monitors of kind `cost` are told: counted on a thread of its own, for it reads the lake and
// many tries, and nothing else may wait for that.
#pragma once

#include <atomic>
#include <functional>
#include <future>
#include <set>
#include <utility>
#include <vector>

#include "common/time.h"
#include "scheduler/api/cost_facts.h"

namespace batuta {

// Of one thread, which it never blocks but in its destructor, until what is being counted has
// noticed that it shall stop.
class CostWatch {
 public:
  // Blocks, on a thread of its own, one call at a time. Where it throws, what was counted before
  // stays, and the log says why.
  using Read = std::function<std::vector<http::CostTold>(const std::set<http::CostAsked>& asked,
                                                         const std::atomic<bool>& stopping)>;
  explicit CostWatch(Read read) : read_(std::move(read)) {}
  ~CostWatch();
  CostWatch(const CostWatch&) = delete;
  CostWatch& operator=(const CostWatch&) = delete;

  // What was counted last. Counts anew where something else is asked than the last time, or five
  // minutes after it has, and later where that took so long that it would be more than one part in
  // fifty of the time. Nothing where nothing is asked.
  const std::vector<http::CostTold>& told(const std::set<http::CostAsked>& asked, Boot now);

 private:
  const Read read_;
  std::atomic<bool> stopping_{false};
  std::set<http::CostAsked> asked_;
  std::vector<http::CostTold> told_;
  Boot begun_{}, next_{};
  std::future<std::vector<http::CostTold>> reading_;  // the last: it uses what is above
};

}  // namespace batuta
