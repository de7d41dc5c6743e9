// What the DAGs lake_monitors and lake_maintenance are told with their launches: of attempts, and
// of contracts. Read off the control thread, about once a minute, so that no launch waits for the
// store.
#pragma once

#include <mutex>
#include <string>

#include "common/time.h"
#include "scheduler/dagfile/dag_bag.h"
#include "scheduler/serve/clock_trust.h"
#include "scheduler/store/history.h"

namespace batuta {

inline constexpr const char* monitors_dag_id = "lake_monitors";
inline constexpr const char* monitors_plugin = "lake_monitors";
inline constexpr const char* maintenance_dag_id = "lake_maintenance";
inline constexpr const char* maintenance_plugin = "lake_maintenance";

class CostWatch;
class LagWatch;

class PlatformFacts {
 public:
  // Rows of the lake go by their age while `clock` is in no doubt; it outlives this.
  explicit PlatformFacts(ClockTrust& clock) : clock_(clock) {}
  // Blocks on the store. Nothing where no monitor asks for it; and put off where the last time took
  // so long that it would be more than one part in fifty of the time.
  // `lags` is told which topics monitors ask for, and asked how far behind their groups are;
  // `costs` likewise of tables and domains. `at_once` is not put off, and waits for a
  // look at the topics, a minute at most. Any thread that may wait:
  // one after another.
  void refresh(History& history, const DagBagSnapshot& bag, LagWatch& lags, CostWatch& costs,
               bool at_once = false);
  // JSON (scheduler/api/lake_facts.h), or empty: nothing is known. Any thread.
  std::string json() const;
  // JSON (scheduler/api/lake_retention.h), or empty: no row goes by its age. Any thread.
  std::string retention() const;

 private:
  ClockTrust& clock_;
  mutable std::mutex mutex_;
  std::string json_, retention_;  // guarded by mutex_
  std::mutex gathering_;          // held by refresh(), taken before mutex_
  Boot next_{};                   // guarded by gathering_, as what `costs` has is
};

}  // namespace batuta
