// What the DAGs lake_monitors and lake_maintenance are told with their launches: of attempts, and
// of contracts. Read off the control thread, about once a minute, so that no launch waits for the
// store.
#pragma once

#include <mutex>
#include <string>

#include "common/time.h"
#include "scheduler/dagfile/dag_bag.h"
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
  // Blocks on the store. Nothing where no monitor asks for it; and put off where the last time took
  // so long that it would be more than one part in fifty of the time.
  // `lags` is told which topics monitors ask for, and asked how far behind their groups are;
  // `costs` likewise of tables and domains. `at_once` is not put off. Any thread that may wait:
  // one after another.
  void refresh(History& history, const DagBagSnapshot& bag, LagWatch& lags, CostWatch& costs,
               bool at_once = false);
  // JSON (scheduler/api/lake_facts.h), or empty: nothing is known. Any thread.
  std::string json() const;
  // JSON (scheduler/api/lake_retention.h), or empty: no row goes by its age. Any thread.
  std::string retention() const;

 private:
  bool clock_holds();

  mutable std::mutex mutex_;
  std::string json_, retention_;  // guarded by mutex_
  std::mutex gathering_;          // held by refresh(), taken before mutex_
  // These guarded by gathering_, as what `costs` has is.
  const Now begun_ = read_clock();
  bool clock_held_ = true;
  Boot next_{};
};

}  // namespace batuta
