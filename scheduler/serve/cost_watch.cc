#include "scheduler/serve/cost_watch.h"

#include <algorithm>
#include <chrono>

namespace batuta {
namespace {

constexpr Duration pause_of_counting = std::chrono::minutes(5);

}  // namespace

CostWatch::~CostWatch() {
  stopping_ = true;
  if (reading_.valid()) reading_.wait();
}

const std::vector<http::CostTold>& CostWatch::told(const std::set<http::CostAsked>& asked,
                                                   Boot now) {
  if (reading_.valid() && reading_.wait_for(std::chrono::seconds(0)) == std::future_status::ready) {
    told_ = reading_.get();
    next_ = now + std::max<Duration>(pause_of_counting, 50 * (now - begun_));
  }
  if (asked.empty()) {
    asked_.clear();
    told_.clear();
    return told_;
  }
  if (!reading_.valid() && (now >= next_ || asked != asked_)) {
    asked_ = asked;
    begun_ = now;
    reading_ = std::async(std::launch::async, [this, asked] { return read_(asked, stopping_); });
  }
  return told_;
}

}  // namespace batuta
