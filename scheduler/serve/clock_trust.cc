#include "scheduler/serve/clock_trust.h"

#include <algorithm>
#include <string>

namespace batuta {
namespace {

std::string whole_hours(Duration time) {
  const auto hours = std::chrono::ceil<std::chrono::hours>(time).count();
  return std::to_string(hours) + (hours == 1 ? " hour" : " hours");
}

}  // namespace

ClockTrust::ClockTrust(ClockSeen seen, const Now& begun) : seen_(seen), last_(begun) {
  if (!seen_.agreed) seen_.agreed = begun.wall;
  limit_ = {*seen_.agreed + most_off, begun.boot};
  // A doubt goes on over a restart where the clock does; a clock that has gone back is another one.
  doubted_ = seen_.doubted && begun.wall + most_ahead >= *seen_.doubted;
  if (!doubted_) seen_.watched = {};
}

Status ClockTrust::look(const Now& now) {
  const std::lock_guard guard(mutex_);
  const Duration went = now.boot - last_.boot, set = (now.wall - last_.wall) - went;
  last_ = now;
  if (now.wall > limit_.wall + (now.boot - limit_.boot)) {
    const bool same = doubted_ && set <= most_ahead && set >= -most_ahead;
    seen_.watched = same ? seen_.watched + went : Duration{};
    seen_.doubted = now.wall;
    doubted_ = true;
    if (seen_.watched < watched_for) {
      return {
          Errc::conflict,
          "the clock says " + to_iso(now.wall) + ", far from " + to_iso(*seen_.agreed) +
              ", when a server of this home last knew it to be right: either it is wrong, or no "
              "server ran meanwhile. Set it right if it is wrong; else it is believed when "
              "servers have run by it for another " +
              whole_hours(watched_for - seen_.watched)};
    }
    settled_ = false;
  }
  doubted_ = false;
  seen_.doubted.reset();
  seen_.watched = {};
  // One that is behind may yet be set on to what it should be.
  if (now.wall < *seen_.agreed) return success();
  seen_.agreed = now.wall;
  if (!settled_) limit_ = {now.wall + most_ahead, now.boot};
  settled_ = true;
  return success();
}

ClockSeen ClockTrust::seen() const {
  const std::lock_guard guard(mutex_);
  return seen_;
}

}  // namespace batuta
