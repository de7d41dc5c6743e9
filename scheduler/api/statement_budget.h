// How many bytes of the event log the statements of one user may take.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>

#include "common/time.h"

namespace batuta::http {

// Nobody must be able to fill the event log, and no statement that ran may be missing there: who
// has used up what there is for one user is refused the next one. Any thread.
class StatementBudget {
 public:
  static constexpr std::int64_t burst = 1 << 20;       // bytes
  static constexpr std::int64_t refill = 256;          // bytes a second
  static constexpr std::int64_t bytes_of_a_row = 256;  // besides the statement and what came of it

  // Seconds until the user may ask again; 0: now.
  std::int64_t wait(const std::string& user, Time now) {
    const std::lock_guard lock(mutex_);
    const auto found = users_.find(user);
    if (found == users_.end()) return 0;
    fill_up(found->second, now);
    const std::int64_t spent = found->second.spent;
    if (spent == 0) users_.erase(found);
    return spent < burst ? 0 : (spent - burst) / refill + 1;
  }
  // A row of so many bytes was written, whether there was room for it or not.
  void spend(const std::string& user, std::size_t bytes, Time now) {
    const std::lock_guard lock(mutex_);
    Spent& account = users_.try_emplace(user, Spent{0, now}).first->second;
    fill_up(account, now);
    account.spent += static_cast<std::int64_t>(bytes) + bytes_of_a_row;
  }

 private:
  struct Spent {
    std::int64_t spent = 0;
    Time since;
  };
  static void fill_up(Spent& account, Time now) {
    const auto passed = std::chrono::duration_cast<std::chrono::seconds>(now - account.since);
    if (passed.count() <= 0) return;
    account.spent = std::max<std::int64_t>(0, account.spent - passed.count() * refill);
    account.since += passed;
  }

  std::mutex mutex_;
  std::map<std::string, Spent> users_;  // guarded by mutex_
};

}  // namespace batuta::http
