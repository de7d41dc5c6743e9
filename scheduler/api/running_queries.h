// The statements of people that wait or run, so that they can be called off. Private to the room.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include "scheduler/api/statement_budget.h"
#include "scheduler/http/exchange.h"

namespace batuta::http {

// Any thread. As many as the queue of statements takes.
class RunningQueries {
 public:
  using Flag = std::shared_ptr<std::atomic<bool>>;

  // True in the flag ends the statement. An empty id is none's: it cannot be called off. nullptr:
  // the user has a statement of that id already.
  Flag begin(const std::string& user, const std::string& id) {
    const std::lock_guard lock(mutex_);
    auto flag = std::make_shared<std::atomic<bool>>(false);
    if (id.empty() || flags_.emplace(std::pair(user, id), flag).second) return flag;
    return nullptr;
  }
  // False: there is none.
  bool cancel(const std::string& user, const std::string& id) {
    const std::lock_guard lock(mutex_);
    const auto found = flags_.find({user, id});
    if (found == flags_.end()) return false;
    *found->second = true;
    return true;
  }
  void end(const std::string& user, const std::string& id) {
    const std::lock_guard lock(mutex_);
    flags_.erase({user, id});
  }

  StatementBudget budget;

 private:
  std::mutex mutex_;
  std::map<std::pair<std::string, std::string>, Flag> flags_;  // guarded by mutex_
};

// Why a user whose statements fill the event log is refused, and for how long (lake_sql_routes.cc).
Response log_is_full(std::int64_t seconds);

}  // namespace batuta::http
