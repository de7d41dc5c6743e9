// A store with runs for its read side.
#pragma once

#include <doctest/doctest.h>

#include <memory>
#include <string>

#include "scheduler/store/sqlite_history.h"
#include "tests/store/store_fixture.h"
#include "tests/support/ask.h"

namespace batuta::test {

inline Filter is(const std::string& field, Filter::Op op, std::int64_t value) {
  return {field, op, {value}};
}
inline Filter is(const std::string& field, Filter::Op op, const std::string& value) {
  return {field, op, {value}};
}

// Two DAGs: `etl` with runs 1 to 6 (odd ones ended), `ml` with run 7.
struct HistoryFixture {
  TempFolder folder;
  std::string path = folder.file("batuta.db");
  std::unique_ptr<SqliteStore> store = open_store(path);
  SqliteHistory history{path};

  HistoryFixture() {
    for (int n = 1; n <= 6; ++n) {
      RunRow run = make_full_run(n);
      run.ending.reset();
      if (n == 2) run.dag_run_id = "100%_sure";
      commit(*store, new_run(run));
      if (n % 2 == 1) commit(*store, end_run(run, at(1000 + n)));
    }
    commit(*store, new_run(make_run(7, "ml", "m1"), 2, TaskState::scheduled));
  }
};

}  // namespace batuta::test
