// Retention, backups, checks, the lock.
#include <doctest/doctest.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <thread>

#include "scheduler/store/home_lock.h"
#include "scheduler/store/sqlite_history.h"
#include "scheduler/store/sqlite_upkeep.h"
#include "tests/store/describe.h"
#include "tests/store/store_fixture.h"
#include "tests/support/ask.h"

namespace batuta::test {
namespace {

struct Fixture {
  TempFolder folder;
  std::string path = folder.file("batuta.db");
  std::unique_ptr<SqliteStore> store = open_store(path);

  std::int64_t count(const std::string& from) {
    std::int64_t n = -1;
    Statement statement = store->database().prepare("SELECT COUNT(*) FROM " + from);
    Rows rows = statement.query();
    if (rows.next()) rows.read(n);
    return n;
  }
  void ended_run(std::int64_t seq, Time end, int tasks) {
    const RunRow run = make_run(seq);
    commit(*store, new_run(run, tasks));
    commit(*store, end_run(run, end));
  }
  // The largest number of rows one call took away.
  std::int64_t prune_all(Time before, std::int64_t rows = SqliteUpkeep::prune_rows) {
    std::int64_t largest = 0;
    bool more = true;
    SqliteUpkeep upkeep(store->database());
    upkeep.take_at_most(rows);
    while (more) {
      const std::int64_t earlier = rows_of_runs();
      more = upkeep.prune_runs(before);
      largest = std::max(largest, earlier - rows_of_runs());
    }
    return largest;
  }
  std::int64_t rows_of_runs() {
    return count("dag_run") + count("task_instance") + count("task_instance_history") +
           count("xcom") + count("rendered") + count("publication") +
           count("ingestion_job_execution") + count("attempt_report");
  }
};

TEST_CASE_FIXTURE(Fixture, "retention takes old ended runs whole, in small steps") {
  ended_run(1, at(100), 1200);
  ended_run(2, at(100), 3);
  ended_run(3, at(300), 3);
  commit(*store, new_run(make_run(4)));  // old, but it has not ended
  Changes below;
  below.xcoms = {{RunSeq{1}, 0, unmapped, "return_value", "1", at(1)},
                 {RunSeq{3}, 0, unmapped, "r", "1", at(1)}};
  below.attempts_archived = {{make_full_task(1, 1)}};
  below.job_executions = {{uuid_of(1),
                           "etl.task_0",
                           {RunSeq{1}, 0, unmapped, 1},
                           1,
                           at(1),
                           at(2),
                           {},
                           "success",
                           "",
                           "{}",
                           "[]",
                           0}};
  below.attempt_reports = {{{RunSeq{1}, 0, unmapped, 1}, 1, "{}"},
                           {{RunSeq{3}, 0, unmapped, 1}, 1, "{}"}};
  below.checkpoints = {{RunSeq{1}, 0, unmapped, 1, at(1), "{}"},
                       {RunSeq{3}, 0, unmapped, 1, at(1), "{}"}};
  below.questions = {make_question(1), make_question(3)};
  commit(*store, below, {{RunSeq{1}, 0, unmapped, 1, "{}"}});

  const std::int64_t largest = prune_all(at(200));
  CHECK(largest > 1);
  CHECK(largest <= SqliteUpkeep::prune_rows);
  CHECK(count("dag_run") == 2);
  CHECK(count("task_instance") == 6);
  CHECK(count("xcom") == 1);
  CHECK(count("rendered") == 0);
  CHECK(count("task_instance_history") == 0);
  CHECK(count("ingestion_job_execution") == 0);
  CHECK(count("attempt_report") == 1);
  CHECK(count("task_checkpoint") == 1);
  CHECK(count("question") == 1);
  CHECK(store->load().last_run_seq == 4);
}

TEST_CASE_FIXTURE(Fixture, "what is known of the clock is kept; before, it is what happened last") {
  SqliteUpkeep upkeep(store->database());
  CHECK(upkeep.clock_seen() == ClockSeen{});
  ended_run(1, at(100), 1);
  CHECK(upkeep.clock_seen().agreed >= at(100));
  const ClockSeen seen{at(300), at(90'000), std::chrono::minutes(7)};
  upkeep.keep_clock_seen({at(200), {}, {}});
  upkeep.keep_clock_seen(seen);
  CHECK(upkeep.clock_seen() == seen);
}

TEST_CASE_FIXTURE(Fixture,
                  "a step of retention takes as many rows as it is told, and all go all the same") {
  for (int n = 1; n <= 40; ++n) ended_run(n, at(100 + n), 3);
  CHECK(prune_all(at(500), 20) <= 20);
  CHECK(rows_of_runs() == 0);
  ended_run(41, at(100), 50);
  CHECK(prune_all(at(500), 0) <= SqliteUpkeep::least_rows);  // some, or it would never end
  CHECK(rows_of_runs() == 0);
}

TEST_CASE_FIXTURE(Fixture, "short runs go whole in one step, and long ones hold none up for good") {
  for (int n = 1; n <= 40; ++n) ended_run(n, at(100 + n), 1);
  SqliteUpkeep upkeep(store->database());
  CHECK(upkeep.prune_runs(at(500)));
  CHECK(rows_of_runs() == 0);
  CHECK(upkeep.removed_runs().size() == 40);
  for (int n = 41; n <= 80; ++n) ended_run(n, at(100 + n), n % 10 == 0 ? 50 : 1);
  CHECK(prune_all(at(500), 20) <= 20);
  CHECK(rows_of_runs() == 0);
  CHECK(upkeep.removed_runs().size() == 80);
}

TEST_CASE_FIXTURE(Fixture, "the file gives back the room of what retention removed") {
  for (int n = 1; n <= 40; ++n) {
    Changes c = new_run(make_run(n), 1);
    c.xcoms.push_back({RunSeq{n}, 0, unmapped, "big", std::string(200'000, 'x'), at(1)});
    commit(*store, c);
    commit(*store, end_run(make_run(n), at(100)));
  }
  store->checkpoint(true);
  const auto before = std::filesystem::file_size(path);
  prune_all(at(200));
  SqliteUpkeep upkeep(store->database());
  int steps = 0;
  while (upkeep.give_back_space()) ++steps;
  CHECK(steps > 1);
  store->checkpoint(true);
  CHECK(std::filesystem::file_size(path) < before * 2 / 3);  // some is kept for the next runs
  CHECK(quick_check(path).empty());
  CHECK_FALSE(upkeep.give_back_space());
}

TEST_CASE_FIXTURE(Fixture, "a DAG's runs are kept as it says, longer or shorter than the others'") {
  const auto ended = [&](std::int64_t seq, const char* dag_id, Time when) {
    RunRow run = make_run(seq);
    run.dag_id = dag_id;
    run.run_after = when;
    Changes changes = new_run(run, 1);
    for (DagRow& row : changes.dags) row.dag_id = dag_id;
    commit(*store, changes);
    commit(*store, end_run(run, when));
  };
  for (int n = 0; n < 6; ++n) {
    ended(1 + n, "short", at(100 + n));
    ended(11 + n, "long", at(100 + n));
    ended(21 + n, "count", at(100 + n));
    ended(31 + n, "others", at(100 + n));
    ended(41 + n, "lately", at(100 + n));
  }
  const std::vector<DagRetention> apart = {{"long", at(101), 0},
                                           {"count", at(200), 2},
                                           {"lately", at(102), 1},
                                           {"short", at(105), 0},
                                           {"unknown", at(200), 5}};
  SqliteUpkeep upkeep(store->database());
  while (upkeep.prune_runs(at(103), apart)) {
  }
  CHECK(count("dag_run WHERE dag_id = 'others'") == 3);
  CHECK(count("dag_run WHERE dag_id = 'long'") == 5);
  CHECK(count("dag_run WHERE dag_id = 'short'") == 1);
  CHECK(count("dag_run WHERE dag_id = 'count'") == 2);
  CHECK(count("dag_run WHERE dag_id = 'lately'") == 4);  // what has just ended stays, however many
  CHECK(count("task_instance") == 15);
  CHECK(count("dag_run WHERE seq = 26") == 1);
  while (upkeep.prune_runs(at(103), apart)) {
  }
  CHECK(count("dag_run") == 15);
}

TEST_CASE_FIXTURE(Fixture, "no step of retention looks at more rows than it may take away") {
  for (const std::string& sql : SqliteUpkeep::retention_statements()) {
    std::string plan = plan_of(store->database(), sql);
    // A version's foreign key: as many rows as there are DAGs.
    const auto dags = plan.find("SCAN dag\n");
    if (dags != std::string::npos) plan.erase(dags, 9);
    INFO(sql);
    INFO(plan);
    CHECK(plan.find("SCAN") == std::string::npos);
    CHECK(plan.find("TEMP B-TREE") == std::string::npos);
    CHECK(plan.find("publication_pending") == std::string::npos);  // all that are pending
  }
}

// The most work of a step, in units of the database's own, with so many expired runs that have to
// stay and `gone` that have not.
std::int64_t largest_step(int kept, int gone) {
  Fixture fixture;
  Changes changes = new_run(make_run(1), 1);
  changes.runs_created.clear();
  changes.tasks_created.clear();
  for (int n = 1; n <= kept + gone; ++n) {
    RunRow run = make_run(n);
    run.state = DagRunState::success;
    run.end_date = at(100 + n);
    changes.runs_created.push_back(run);
    changes.tasks_created.push_back(make_task(n, 0, TaskState::success));
    AcceptedRow accepted;
    accepted.report.key = {RunSeq{n}, 0, unmapped, 1};
    if (n <= kept) changes.accepted.push_back(accepted);
  }
  commit(*fixture.store, changes);
  Database& db = fixture.store->database();
  std::int64_t steps = 0;
  const auto at_work = [](void* count) {
    ++*static_cast<std::int64_t*>(count);
    return 0;
  };
  sqlite3_progress_handler(db.handle(), 100, at_work, &steps);
  SqliteUpkeep upkeep(db);
  std::int64_t largest = 0;
  for (bool more = true; more; largest = std::max(largest, steps)) {
    steps = 0;
    more = upkeep.prune_runs(at(100'000));
  }
  sqlite3_progress_handler(db.handle(), 0, nullptr, nullptr);
  CHECK(fixture.count("dag_run") == kept);
  CHECK(fixture.count("removed_run") == gone);
  return largest;
}

TEST_CASE("a step of retention costs the same, whatever must stay and whatever went before") {
  const std::int64_t few = largest_step(0, 500);
  CHECK(largest_step(8000, 500) <= few * 3 / 2);
  CHECK(largest_step(0, 8000) <= few * 3 / 2);
}

TEST_CASE_FIXTURE(Fixture, "a removed run is named until its logs are gone") {
  ended_run(1, at(100), 3);
  prune_all(at(200));
  REQUIRE(SqliteUpkeep(store->database()).removed_runs().size() == 1);
  CHECK(SqliteUpkeep(store->database()).removed_runs()[0].uuid == uuid_of(1));
  store.reset();  // the process dies before it removed the logs
  store = open_store(path);
  const auto removed = SqliteUpkeep(store->database()).removed_runs();
  REQUIRE(removed.size() == 1);
  SqliteUpkeep(store->database()).forget_removed(removed);
  CHECK(SqliteUpkeep(store->database()).removed_runs().empty());
}

TEST_CASE_FIXTURE(Fixture, "a run that was deleted by hand is named until its files are gone") {
  ended_run(1, at(100), 3);
  Changes gone;
  gone.runs_deleted.push_back(RunSeq{1});
  commit(*store, gone);
  CHECK(rows_of_runs() == 0);
  const auto removed = SqliteUpkeep(store->database()).removed_runs();
  REQUIRE(removed.size() == 1);
  CHECK(removed[0].uuid == uuid_of(1));
}

TEST_CASE_FIXTURE(Fixture, "retention never takes what is unpublished or accepted") {
  ended_run(1, at(100), 3);
  ended_run(2, at(100), 3);
  Changes pending;
  pending.tables = {{"silver/quotes", 2, -1}};
  pending.publications = {make_publication(1, {RunSeq{1}, 0, unmapped, 1})};
  AcceptedRow accepted;
  accepted.report.key = {RunSeq{2}, 2, unmapped, 1};
  pending.accepted = {accepted};
  commit(*store, pending);
  prune_all(at(200));
  CHECK(count("dag_run") == 2);
  Changes settled;
  settled.publications = {make_publication(1, {RunSeq{1}, 0, unmapped, 1})};
  settled.publications[0].state = PublicationState::settled;
  settled.publications[0].version = 0;
  settled.accepted_done = {{RunSeq{2}, 2, unmapped, 1}};
  commit(*store, settled);
  prune_all(at(200));
  CHECK(count("dag_run") == 0);
  CHECK(count("publication") == 0);
  CHECK(store->load().last_publication == 1);
}

TEST_CASE_FIXTURE(Fixture, "retention drops DAG versions that nothing needs") {
  ended_run(1, at(100), 3);
  Changes newer;
  newer.dag_versions = {make_dag("etl", "v2"), make_dag("etl", "v3")};
  newer.dags = {{"etl", false, false, "v3", {}, 0}};
  commit(*store, newer);
  const Time later = at(1'000'000'000);
  CHECK(count("dag_version") == 3);
  prune_all(at(50));  // nothing is old enough
  CHECK(count("dag_version") == 3);
  prune_all(later);
  CHECK(count("dag_version") == 1);
  CHECK(store->load().dags.at(0).second->version == "v3");
}

TEST_CASE_FIXTURE(Fixture,
                  "what a look for unneeded DAG versions costs does not grow with the runs") {
  commit(*store, new_run(make_run(1)));
  Changes newer;
  for (int n = 0; n < 120; ++n)
    newer.dag_versions.push_back(make_dag("etl", "old" + std::to_string(n)));
  commit(*store, newer);
  store->database().execute(
      "INSERT INTO dag_run SELECT n, randomblob(16), dag_id, 'run ' || n, dag_version, type, "
      "state, "
      "NULL, data_interval_start, data_interval_end, run_after, queued_at, start_date, end_date, "
      "last_scheduling_decision, conf_json, conf_start, conf_end, note, triggered_by, "
      "triggering_user, '', request_digest, reason, clear_number, ending, backfill, backfill_tick, "
      "deadlines_missed, is_paused, keys_known, concurrency_key, rate_key, branch, "
      "partition_key, partition_date, average_runtime, told_at "
      "FROM dag_run, (WITH RECURSIVE c(n) AS (SELECT 100 UNION ALL SELECT n + 1 FROM c "
      "WHERE n < 3000) SELECT n FROM c) WHERE seq = 1");
  const auto count_steps = [](void* thousands) { return ++*static_cast<int*>(thousands), 0; };
  int thousands = 0;
  sqlite3_progress_handler(store->database().handle(), 1000, count_steps, &thousands);
  prune_all(at(1'000'000'000));
  sqlite3_progress_handler(store->database().handle(), 0, nullptr, nullptr);
  CHECK(count("dag_version") == 1);
  CHECK(thousands < 100);
}

TEST_CASE_FIXTURE(Fixture, "old events go, at most so many at a time") {
  Changes c;
  for (int i = 0; i < 1200; ++i) c.event_log.push_back({at(i), "trigger", "", "", "", "ana", "{}"});
  commit(*store, c);
  CHECK(SqliteUpkeep(store->database()).prune_event_log(at(1100)));
  CHECK(count("event_log") == 700);
  while (SqliteUpkeep(store->database()).prune_event_log(at(1100))) {
  }
  CHECK(count("event_log") == 100);
}

TEST_CASE_FIXTURE(Fixture, "a backup taken while the store is written is whole and sound") {
  commit(*store, new_run(make_run(1), 1000));
  std::atomic<bool> stop = false;
  std::vector<Status> results;
  std::thread backups([&] {
    for (int i = 0; i < 5; ++i) {
      results.push_back(backup_database(path, folder.file("copy" + std::to_string(i))));
    }
    stop = true;
  });
  // Each commit moves two tasks together: no copy may show one without the other.
  Fence fence = 0;
  while (!stop) {
    Changes c;
    for (const TaskIndex task : {0u, 999u}) {
      TaskInstanceRow row = make_task(1, task, TaskState::queued);
      row.fence = fence + 1;
      c.tasks_updated.push_back(
          move_task(row, fence == 0 ? TaskState::none : TaskState::queued, fence));
    }
    commit(*store, c);
    ++fence;
    store->maintain(true);
  }
  backups.join();
  for (std::size_t i = 0; i < results.size(); ++i) {
    const std::string copy = folder.file("copy" + std::to_string(i));
    REQUIRE_MESSAGE(results[i].ok(), results[i].error().message);
    CHECK(quick_check(copy).empty());
    CHECK_FALSE(std::filesystem::exists(copy + ".partial"));
    const auto tasks = open_store(copy)->load().runs.at(0).hot;
    CHECK(tasks.at(0).fence == tasks.at(999).fence);
  }
}

TEST_CASE_FIXTURE(Fixture, "a backup never writes over a file, and leaves nothing when it fails") {
  std::ofstream(folder.file("taken")) << "mine";
  CHECK(backup_database(path, folder.file("taken")).error().code == Errc::conflict);
  CHECK(read_file(folder.file("taken")) == "mine");
  CHECK(backup_database(path, folder.file("no/such/folder")).error().code == Errc::internal);
  CHECK_FALSE(backup_database(folder.file("nothing.db"), folder.file("copy")).ok());
  CHECK_FALSE(std::filesystem::exists(folder.file("copy")));
  CHECK_FALSE(std::filesystem::exists(folder.file("copy.partial")));
}

TEST_CASE_FIXTURE(Fixture, "a check works on a closed store and finds damage") {
  commit(*store, new_run(make_run(1), 500));
  store.reset();
  CHECK(quick_check(path).empty());
  {
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(4096 * 5);
    file << std::string(4096 * 3, '\x55');
  }
  bool damaged = false;
  try {
    damaged = !quick_check(path).empty();
  } catch (const StoreError& error) {
    damaged = !error.full();
  }
  CHECK(damaged);
}

TEST_CASE_FIXTURE(Fixture, "a copy that root puts back belongs to whom the store belonged to") {
  if (::geteuid() != 0) return;  // nobody else may give files away
  ended_run(1, at(5), 1);
  const std::string copy = folder.file("copy.db");
  REQUIRE(backup_database(path, copy).ok());
  store.reset();
  constexpr uid_t nobody = 65534;
  REQUIRE(::chown(path.c_str(), nobody, nobody) == 0);
  const auto owner = [](const std::string& of) {
    struct stat info {};
    REQUIRE(::stat(of.c_str(), &info) == 0);
    return info.st_uid;
  };
  const auto replaced = restore_database(copy, path, at(60));
  REQUIRE(replaced.ok());
  CHECK(owner(path) == nobody);
  // What was there is kept where that user can read it, and keeps its own copies.
  CHECK(owner(*replaced) == nobody);
  CHECK(owner(folder.file("backups")) == nobody);
  // It is gone: to whom the folder belongs.
  std::filesystem::remove(path);
  REQUIRE(restore_database(copy, path, at(70)).ok());
  CHECK(owner(path) == 0);
}

TEST_CASE_FIXTURE(Fixture, "a check ends when it is asked to") {
  commit(*store, new_run(make_run(1), 5000, TaskState::queued));
  store.reset();
  int asked = 0;
  try {
    quick_check(path, [&] { return ++asked > 0; });
    FAIL("it went on");
  } catch (const StoreError& error) {
    CHECK(error.full());
    CHECK(asked == 1);
  }
}

TEST_CASE_FIXTURE(Fixture, "10,000 queued tasks are loaded quickly") {
  commit(*store, new_run(make_run(1), 10'000, TaskState::queued));
  store.reset();
  store = open_store(path);
  const auto before = std::chrono::steady_clock::now();
  const StoredState state = store->load();
  const auto took = std::chrono::steady_clock::now() - before;
  CHECK(state.runs.at(0).hot.size() == 10'000);
  // 15 ms in a release build; the bound only catches a query that went wrong.
  CHECK(took < std::chrono::seconds(2));
}

TEST_CASE("a second scheduler on one home is refused and told who has it") {
  TempFolder folder;
  auto lock = std::make_unique<Result<HomeLock>>(HomeLock::acquire(folder.path()));
  REQUIRE(lock->ok());
  const auto second = HomeLock::acquire(folder.path());
  REQUIRE_FALSE(second.ok());
  CHECK(second.error().code == Errc::conflict);
  CHECK(second.error().message.find("process " + std::to_string(::getpid())) != std::string::npos);
  lock.reset();
  CHECK(HomeLock::acquire(folder.path()).ok());
  CHECK(HomeLock::acquire(folder.path() + "/missing").error().code == Errc::internal);
}

}  // namespace
}  // namespace batuta::test
