#include "scheduler/serve/cost_watch.h"

#include <algorithm>
#include <chrono>
#include <exception>
#include <string>
#include <system_error>

#include "common/log.h"

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
    try {
      told_ = reading_.get();
    } catch (const std::exception& error) {
      log::error(std::string("what monitors of cost ask for cannot be counted: ") + error.what());
    }
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
    try {
      reading_ = std::async(std::launch::async, [this, asked] { return read_(asked, stopping_); });
    } catch (const std::system_error&) {  // no thread more: at the next look
      asked_.clear();
    }
  }
  return told_;
}

}  // namespace batuta
