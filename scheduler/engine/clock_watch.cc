#include "scheduler/engine/clock_watch.h"

#include <chrono>

namespace batuta {
namespace {

constexpr Duration least = std::chrono::seconds(1);

}  // namespace

std::optional<std::string> ClockWatch::look(const Now& now) {
  const Now before = last_.value_or(now);
  last_ = now;
  const Duration jump = (now.wall - before.wall) - (now.boot - before.boot);
  if (jump < least && jump > -least) return std::nullopt;
  const auto more = limit_.pass("clock", now.boot.since.count());
  if (!more) return std::nullopt;
  const bool on = jump > Duration{};
  const auto far = std::chrono::duration_cast<std::chrono::seconds>(on ? jump : -jump).count();
  return "the machine's clock was set " + std::string(on ? "on" : "back") + " by " +
         std::to_string(far) + " s, to " + to_iso(now.wall) +
         (on ? ": ticks that it passed over are due now"
             : ": no tick comes twice, the next ones wait for the clock") +
         *more;
}

}  // namespace batuta
