// The order in which runs' ends were written: who takes them in one after the other (the DAG
// lake_report) misses none, whatever the clock did and however many there were at once.
#pragma once

#include <cstdint>

#include "common/time.h"
#include "scheduler/store/sqlite.h"

namespace batuta {

// Control thread.
class EndOrder {
 public:
  // dag_run.told_at of a run that is written with this end. Throws StoreError.
  OptTime place(Database& db, const OptTime& end);
  // The turn's runs are written; with it the order is durable.
  void write(Database& db);
  // What was placed may not be durable.
  void forget() { known_ = false; }

 private:
  bool known_ = false;
  std::int64_t before_ = 0;  // this turn, the last place
  std::int64_t last_ = 0;
};

}  // namespace batuta
