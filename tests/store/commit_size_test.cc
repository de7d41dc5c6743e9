// What a commit writes: each page of it is a frame of the log, and is written once more later.
#include <doctest/doctest.h>

#include <algorithm>

#include "tests/store/store_fixture.h"
#include "tests/support/ask.h"

namespace batuta::test {
namespace {

constexpr std::int64_t page_size = 4096;

TEST_CASE("an update of a task writes the page of its row and that of the turn, and no index") {
  TempFolder folder;
  auto store = open_store(folder.file("batuta.db"));
  constexpr TaskIndex tasks = 2000;
  Changes created = new_run(make_run(1), tasks, TaskState::queued);
  for (TaskInstanceRow& row : created.tasks_created) {
    row.fence = 5;  // as large as what comes: no row outgrows its page
    if (row.task % 2 != 0) row.map_index = MapIndex{0};
  }
  commit(*store, created);
  for (const TaskIndex task : {0u, 1u, 999u, 1000u, 1999u}) {
    store->checkpoint(true);
    TaskInstanceRow row = created.tasks_created[task];
    row.state = TaskState::running;
    row.fence = 6;
    const Lead lead = store->lead();
    const std::int64_t before = store->wal_bytes();
    Changes start;
    start.tasks_updated.push_back(move_task(row, TaskState::queued, 5));
    REQUIRE(store->commit(start, {}, {lead.epoch, lead.last_turn + 1}).kind ==
            CommitResult::Kind::committed);
    CHECK(store->wal_bytes() - before <= 2 * page_size);
  }
}

TEST_CASE("the end of a run writes one page for what lists know of it") {
  TempFolder folder;
  auto store = open_store(folder.file("batuta.db"));
  std::vector<std::int64_t> written;
  for (int n = 1; n <= 300; ++n) {
    commit(*store, new_run(make_run(n), 1, TaskState::running));
    if (n % 2 == 0) continue;
    store->checkpoint(true);
    TaskInstanceRow row = make_task(n, 0, TaskState::success);
    row.start_date = at(n);
    row.end_date = at(n + 1);
    Changes end = end_run(make_run(n), at(n + 1));
    end.tasks_updated.push_back(move_task(row, TaskState::running, 0));
    const Lead lead = store->lead();
    const std::int64_t before = store->wal_bytes();
    REQUIRE(store->commit(end, {}, {lead.epoch, lead.last_turn + 1}).kind ==
            CommitResult::Kind::committed);
    written.push_back((store->wal_bytes() - before) / page_size);
  }
  // The turn, the run, its indexes of live and of ended ones, its task, and that. Now and then a
  // page is full and becomes two.
  std::sort(written.begin(), written.end());
  CHECK(written[written.size() * 9 / 10] == 6);
}

}  // namespace
}  // namespace batuta::test
