// Whether the machine's clock may decide what is old enough to go. Nothing tells a clock that is
// years ahead from a server that was off for years, but time: a wrong clock is set right, by a time
// daemon within minutes of the network, by a person within a day.
#pragma once

#include <chrono>
#include <mutex>

#include "common/result.h"
#include "common/time.h"
#include "scheduler/store/upkeep.h"

namespace batuta {

// A clock agrees while it is no more ahead of the last time that is known to be right than the
// machine's own time has gone since. Behind is no harm: what is old only stays for longer.
class ClockTrust {
 public:
  // How far it may go ahead while a server runs.
  static constexpr Duration most_ahead = std::chrono::hours(1);
  // How long servers of a home may be off without a doubt: a night, not a holiday. By so much,
  // at most, things go early where the clock is wrong after all.
  static constexpr Duration most_off = std::chrono::hours(24);
  // How long a doubted clock must go as the machine's time does, while servers run.
  static constexpr Duration watched_for = std::chrono::hours(24);

  // `seen`: what a server of this home kept last. Where nothing is known, as in a new home, `begun`
  // is right.
  ClockTrust(ClockSeen seen, const Now& begun);

  // To be called each minute or so, with clocks that are read now. Errc::conflict: in doubt, with
  // why and for how long yet. Any thread.
  Status look(const Now& now);

  // What is to be kept for the next server of this home. Any thread.
  ClockSeen seen() const;

 private:
  mutable std::mutex mutex_;
  // All guarded by mutex_.
  ClockSeen seen_;
  Now last_;              // looked at
  Now limit_;             // up to which it agreed then
  bool settled_ = false;  // it has agreed in this server's time, so that limit_ is narrow
  bool doubted_ = false;
};

}  // namespace batuta
