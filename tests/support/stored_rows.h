// Rows of a StoredRun in tests: a run with its rows at once, and one row replaced by its next.
#pragma once

#include <utility>
#include <vector>

#include "common/result.h"
#include "scheduler/core/stored_run.h"

namespace batuta {

// Where `row` stands, found by its id: an expanded task's first instance changes its map index.
inline InstanceIndex place_by_id(const StoredRun& run, const TaskInstanceRow& row) {
  for (const InstanceIndex i : run.instances()) {
    if (run.hot[place_of(i)].id == row.id) return i;
  }
  check_failed("a row of this run", __FILE__, __LINE__, run.run.dag_run_id);
}

inline void put_row(StoredRun& run, InstanceIndex i, TaskInstanceRow row) {
  run.cold[place_of(i)] = std::move(static_cast<InstanceCold&>(row));
  run.hot[place_of(i)] = std::move(static_cast<InstanceHot&>(row));
}

}  // namespace batuta
