// The statements of people that wait or run, so that they can be called off. Private to the room.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "common/time.h"
#include "scheduler/api/statement_budget.h"
#include "scheduler/http/exchange.h"

namespace batuta::http {

// One of them. Any thread.
struct RunningQuery {
  explicit RunningQuery(Time now) : asked(now) {}
  const Time asked;
  std::atomic<bool> cancelled = false;  // true ends it
  std::atomic<bool> runs = false;       // its turn has come
  std::atomic<int> percent = -1;        // done; -1: the engine does not know yet
};

// Any thread. As many as the queue of statements takes.
class RunningQueries {
 public:
  using Query = std::shared_ptr<RunningQuery>;

  // An empty id is none's: such a statement cannot be called off, nor looked at. nullptr: the user
  // has a statement of that id already.
  Query begin(const std::string& user, const std::string& id, Time now) {
    const std::lock_guard lock(mutex_);
    auto query = std::make_shared<RunningQuery>(now);
    if (id.empty() || queries_.emplace(std::pair(user, id), query).second) return query;
    return nullptr;
  }
  // False: there is none.
  bool cancel(const std::string& user, const std::string& id) {
    const std::lock_guard lock(mutex_);
    const auto found = queries_.find({user, id});
    if (found == queries_.end()) return false;
    found->second->cancelled = true;
    return true;
  }
  void end(const std::string& user, const std::string& id) {
    const std::lock_guard lock(mutex_);
    queries_.erase({user, id});
  }
  // Those of the user by their ids.
  std::vector<std::pair<std::string, Query>> of(const std::string& user) {
    const std::lock_guard lock(mutex_);
    std::vector<std::pair<std::string, Query>> out;
    for (auto at = queries_.lower_bound({user, ""});
         at != queries_.end() && at->first.first == user; ++at)
      out.emplace_back(at->first.second, at->second);
    return out;
  }

  StatementBudget budget;

 private:
  std::mutex mutex_;
  std::map<std::pair<std::string, std::string>, Query> queries_;  // guarded by mutex_
};

// Why a user whose statements fill the event log is refused, and for how long (lake_sql_routes.cc).
Response log_is_full(std::int64_t seconds);

}  // namespace batuta::http
