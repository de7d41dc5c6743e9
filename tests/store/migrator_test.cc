#include "scheduler/store/migrator.h"

#include <doctest/doctest.h>

#include "scheduler/store/crypto.h"
#include "scheduler/store/sqlite_history.h"
#include "tests/store/store_fixture.h"
#include "tests/support/ask.h"

namespace batuta::test {
namespace {

constexpr Migration first{1, "first", "CREATE TABLE a (x INTEGER NOT NULL) STRICT;"};
constexpr Migration second{2, "second",
                           "CREATE TABLE b (y INTEGER NOT NULL) STRICT; INSERT INTO b VALUES (7);"};
constexpr Migration two[] = {first, second};

void migrate(const std::string& path, std::span<const Migration> migrations) {
  Database db(path, Database::Mode::read_write);
  check_migrations(db, migrations);
  db.set_up_writer();
  apply_migrations(db, migrations, at(1));
}

std::int64_t number(Database& db, const char* sql) {
  std::int64_t value = -1;
  Statement statement = db.prepare(sql);
  Rows rows = statement.query();
  if (rows.next()) rows.read(value);
  return value;
}

std::string refusal(const std::string& path, std::span<const Migration> migrations) {
  try {
    migrate(path, migrations);
  } catch (const StoreError& error) {
    CHECK_FALSE(error.full());
    return error.what();
  }
  return {};
}

TEST_CASE("an empty file gets every migration, once") {
  TempFolder folder;
  const std::string path = folder.file("a.db");
  migrate(path, two);
  migrate(path, two);
  Database db(path, Database::Mode::read_write);
  CHECK(number(db, "SELECT COUNT(*) FROM schema_migration") == 2);
  CHECK(number(db, "SELECT y FROM b") == 7);
  CHECK(number(db, "SELECT COUNT(*) FROM b") == 1);
  CHECK(number(db, "SELECT applied_at FROM schema_migration WHERE version = 1") ==
        at(1).time_since_epoch().count());
}

TEST_CASE("an older database is brought up to date and keeps its rows") {
  TempFolder folder;
  const std::string path = folder.file("a.db");
  migrate(path, std::span(two).first(1));
  {
    Database db(path, Database::Mode::read_write);
    db.execute("INSERT INTO a VALUES (42)");
  }
  migrate(path, two);
  Database db(path, Database::Mode::read_write);
  CHECK(number(db, "SELECT x FROM a") == 42);
  CHECK(number(db, "SELECT y FROM b") == 7);
}

TEST_CASE("a newer database is refused and left byte for byte as it was") {
  TempFolder folder;
  const std::string path = folder.file("a.db");
  migrate(path, two);
  const std::string before = read_file(path);
  const std::string sentence = refusal(path, std::span(two).first(1));
  CHECK(sentence.find("newer Batuta") != std::string::npos);
  CHECK(sentence.find("2 (second)") != std::string::npos);
  CHECK(read_file(path) == before);
}

TEST_CASE("a newer database whose program was killed is refused with its log intact") {
  TempFolder folder;
  const std::string path = folder.file("a.db");
  const std::string copy = folder.file("copy.db");
  {
    Database db(path, Database::Mode::read_write);
    db.set_up_writer();
    apply_migrations(db, two, at(1));
    // What a kill leaves: the file and a log that was never copied into it.
    std::filesystem::copy_file(path, copy);
    std::filesystem::copy_file(path + "-wal", copy + "-wal");
  }
  const std::string file = read_file(copy);
  const std::string log = read_file(copy + "-wal");
  REQUIRE(log.size() > 0);
  CHECK_FALSE(refusal(copy, std::span(two).first(1)).empty());
  CHECK(read_file(copy) == file);
  CHECK(read_file(copy + "-wal") == log);
}

TEST_CASE("a migration whose text changed is refused") {
  TempFolder folder;
  const std::string path = folder.file("a.db");
  migrate(path, two);
  const std::string before = read_file(path);
  const Migration changed[] = {{1, "first", "CREATE TABLE a (x TEXT NOT NULL) STRICT;"}, second};
  const std::string sentence = refusal(path, changed);
  CHECK(sentence.find("another text of migration 1 (first)") != std::string::npos);
  CHECK(read_file(path) == before);
}

TEST_CASE("another program's database is refused") {
  TempFolder folder;
  const std::string path = folder.file("a.db");
  {
    Database db(path, Database::Mode::read_write);
    db.execute("CREATE TABLE theirs (x)");
  }
  CHECK(refusal(path, two).find("not one of Batuta's") != std::string::npos);
}

TEST_CASE("a file that is no database is refused") {
  TempFolder folder;
  const std::string path = folder.file("a.db");
  std::ofstream(path) << std::string(4096, 'x');
  CHECK(refusal(path, two).find("not a database") != std::string::npos);
}

TEST_CASE("a gap in the numbers ends the process") {
  const Migration gap[] = {first, {3, "third", "CREATE TABLE c (z INTEGER) STRICT;"}};
  TempFolder folder;
  CHECK(dies([&] { migrate(folder.file("a.db"), gap); }));
}

TEST_CASE("a migration that fails leaves the ones before it") {
  TempFolder folder;
  const std::string path = folder.file("a.db");
  const Migration broken[] = {first, {2, "broken", "CREATE TABLE b (y INTEGER); SELECT nonsense;"}};
  CHECK_THROWS_AS(migrate(path, broken), StoreError);
  Database db(path, Database::Mode::read_write);
  CHECK(number(db, "SELECT COUNT(*) FROM schema_migration") == 1);
  CHECK(number(db, "SELECT COUNT(*) FROM sqlite_schema WHERE name = 'b'") == 0);
}

TEST_CASE("the embedded migrations have no gap and make a strict schema") {
  TempFolder folder;
  const std::string path = folder.file("a.db");
  migrate(path, embedded_migrations());
  Database db(path, Database::Mode::read_write);
  CHECK(number(db,
               "SELECT COUNT(*) FROM pragma_table_list WHERE schema = 'main' AND "
               "type = 'table' AND strict = 0 AND name NOT LIKE 'sqlite_%'") == 0);
}

// A release adds its migrations here; a line never changes.
TEST_CASE("released migrations keep their text") {
  const std::vector<std::string> released = {
      "d4bdbb728d437f6156d4527d3bee4b68b4f65336fb26a1838d426ac8ce755ca0",
      "c7dc7e3307e13a5a90a197b8bec76e0f1848275cb2913554751bdbba225c5743"};
  REQUIRE(embedded_migrations().size() >= released.size());
  for (std::size_t i = 0; i < released.size(); ++i)
    CHECK(sha256_hex(embedded_migrations()[i].sql) == released[i]);
}

// One run with an attempt between accept and settle, as the first release left it.
constexpr char publishing_in_0001[] =
    "INSERT INTO dag_version VALUES (1, 'v1', 'etl', 1, 'etl.json', 0, 'task_0' || char(10), '');"
    "INSERT INTO dag VALUES ('etl', 0, 0, 'v1', NULL, 0, 0);"
    "INSERT INTO dag_run VALUES (1, zeroblob(16), 'etl', 'run_1', 'v1', 0, 1, NULL, NULL, NULL, 5, "
    "5, 5, NULL, NULL, '{}', NULL, NULL, '', 'test', '', '', '', '', 0, NULL);"
    "INSERT INTO task_instance VALUES (1 << 20, 4, 7, 2, 0, 0, 0, 0, 1, 1, 1, 2, NULL, NULL, NULL, "
    "'', '', '', '', '', '', 0, 0, 0, 0, NULL, 'task_0', 'default_pool');"
    "INSERT INTO lake_table VALUES ('silver/quotes', 2, -1);"
    "INSERT INTO publication VALUES (1, 1 << 20, 7, 0, 'silver/quotes', 1, zeroblob(16), 0, -1, "
    "'{}');"
    "INSERT INTO accepted VALUES (1 << 20, 7, 0, '', 0, 0, 0, 1, 2, '', '', '{\"n\":1}', "
    "'{\"files\":[\"a.parquet\"],\"quality\":[{\"rule\":\"r\"}]}', 3, 4, NULL);";

TEST_CASE("a database of the first release is brought up to date with an attempt under way") {
  TempFolder folder;
  const std::string path = folder.file("a.db");
  migrate(path, embedded_migrations().first(1));
  {
    Database db(path, Database::Mode::read_write);
    db.execute(publishing_in_0001);
  }
  auto store = open_store(path);
  const StoredState state = store->load();
  REQUIRE(state.runs.size() == 1);
  CHECK(state.runs[0].hot.at(0).state == TaskState::publishing);
  CHECK(state.publications.size() == 1);
  REQUIRE(state.accepted.size() == 1);
  const Finished& report = state.accepted[0].report;
  CHECK(report.key == AttemptKey{RunSeq{1}, 0, unmapped, 7});
  CHECK(report.result_json == R"({"n":1})");
  CHECK(report.files_json == R"(["a.parquet"])");
  CHECK(report.watermark_us == 3);
  CHECK(report.records == 4);
  const auto told = SqliteHistory(path).attempt_report({RunSeq{1}, 0, unmapped}, std::nullopt);
  REQUIRE(told);
  CHECK(told->key == report.key);
  CHECK(told->try_number == 2);
  CHECK(told->report_json == R"({"quality":[{"rule":"r"}]})");
}

// Three runs of two tasks, as the release before left them: 1 is running, 2 waits untouched, 3
// waits after a clear, so that its first task has a try behind it. Run 9 was deleted.
constexpr char live_and_queued_in_0002[] =
    "INSERT INTO dag_version VALUES (1, 'v1', 'etl', 1, 'etl.json', 0, "
    "'task_0' || char(10) || 'task_1' || char(10), '');"
    "INSERT INTO dag VALUES ('etl', 0, 0, 'v1', NULL, 0, 0);"
    "INSERT INTO dag_run VALUES (9, x'00000000000000000000000000000009', 'etl', 'run_9', 'v1', 0, "
    "0, NULL, NULL, NULL, 5, 5, NULL, NULL, NULL, '{}', NULL, NULL, '', 'test', '', '', '', '', 0, "
    "NULL); DELETE FROM dag_run;"
    "INSERT INTO dag_run SELECT n, unhex('000000000000000000000000000000' || printf('%02x', n)), "
    "'etl', 'run_' || n, 'v1', 0, n = 1, NULL, NULL, NULL, 5, 5, iif(n = 1, 6, NULL), NULL, NULL, "
    "'{}', NULL, NULL, '', 'test', '', '', '', '', n = 3, NULL "
    "FROM (SELECT 1 AS n UNION SELECT 2 UNION SELECT 3);"
    "INSERT INTO task_instance SELECT seq << 20 | i, 0, 0, 0, 2, 0, 0, 0, NULL, NULL, NULL, NULL, "
    "NULL, NULL, NULL, '', '', '', '', '', '', 0, 0, 0, 0, NULL, 'task_' || i, 'default_pool' "
    "FROM dag_run, (SELECT 0 AS i UNION SELECT 1);"
    "UPDATE task_instance SET state = 3, fence = 4, try_number = 2, worker = 'agent', "
    "queued_at = 6, start_date = 7 WHERE id = 1 << 20;"
    "UPDATE task_instance SET fence = 1, try_number = 1, max_tries = 3 WHERE id = 3 << 20;"
    "INSERT INTO task_instance_history SELECT NULL, id, 7, 1, 1, 2, 1, 0, 0, NULL, 5, 5, 6, 9, "
    "NULL, NULL, 'agent', '', '', 'it broke', '', '', 1, 0, 0, 0, NULL "
    "FROM task_instance WHERE id = 3 << 20;"
    "INSERT INTO xcom VALUES (1 << 20 | 1, 'k', '5', 1);"
    "INSERT INTO rendered VALUES (1 << 20, 2, '{\"p\":1}');"
    "INSERT INTO attempt_report VALUES (1 << 20, 3, 1, '{\"quality\":[]}');"
    "INSERT INTO ingestion_job_execution VALUES (1, 1 << 20, 4, zeroblob(16), 'etl.task_0', 2, 7, "
    "NULL, NULL, 'running', '', '{}', '', 0);"
    "INSERT INTO outbox VALUES (12, 1, 'slack', 0, '{}', 1, 0, NULL, '', 0); DELETE FROM outbox;"
    "INSERT INTO app_user VALUES ('ana', 'admin', 'hash', 1);"
    "INSERT INTO token VALUES (zeroblob(32), 'ana', 'login', 1, 2);";

TEST_CASE("users and their tokens are the same after the upgrade that brings roles") {
  TempFolder folder;
  const std::string path = folder.file("a.db");
  migrate(path, embedded_migrations().first(2));
  {
    Database db(path, Database::Mode::read_write);
    db.execute(live_and_queued_in_0002);
  }
  migrate(path, embedded_migrations());
  Database db(path, Database::Mode::read_write);
  CHECK(number(db,
               "SELECT COUNT(*) FROM app_user WHERE name = 'ana' AND role = 'admin' "
               "AND password_hash = 'hash' AND created_at = 1") == 1);
  CHECK(number(db,
               "SELECT COUNT(*) FROM token WHERE digest = zeroblob(32) AND user_name = 'ana' "
               "AND purpose = 'login' AND created_at = 1 AND expires_at = 2 "
               "AND scope = ''") == 1);
  CHECK(number(db, "SELECT COUNT(*) FROM pragma_foreign_key_check") == 0);
  CHECK(number(db,
               "SELECT COUNT(*) FROM pragma_foreign_key_list('token') "
               "WHERE \"table\" = 'app_user'") == 1);
  CHECK(number(db,
               "SELECT COUNT(*) FROM sqlite_schema WHERE name LIKE 'old_%' "
               "OR name LIKE 'new_%'") == 0);
}

TEST_CASE("the upgrade sums ended runs up as their ends do") {
  TempFolder folder;
  const std::string path = folder.file("a.db");
  {
    auto store = open_store(path);
    for (int n = 1; n <= 3; ++n) {
      Changes changes = new_run(make_run(n), 3, TaskState::success);
      for (TaskInstanceRow& row : changes.tasks_created) {
        if (row.task > 0) row.start_date = at(n + 3 * row.task);
        row.end_date = at(n + 50);
      }
      commit(*store, changes);
      if (n < 3) commit(*store, end_run(make_run(n), at(60)));
    }
  }
  {
    Database db(path, Database::Mode::read_write);
    db.execute("CREATE TABLE kept AS SELECT * FROM run_summary; DELETE FROM run_summary");
    const std::string upgrade(embedded_migrations()[3].sql);
    db.execute(upgrade.substr(upgrade.find("INSERT INTO run_summary")));
  }
  Database db(path, Database::Mode::read_only);
  CHECK(number(db, "SELECT COUNT(*) FROM kept") == 2);
  CHECK(number(db,
               "SELECT COUNT(*) FROM (SELECT * FROM kept INTERSECT "
               "SELECT * FROM run_summary)") == 2);
  CHECK(number(db, "SELECT COUNT(*) FROM run_summary WHERE run = 3") == 0);
}

TEST_CASE("what a branch had left out is known by the branch after the upgrade") {
  TempFolder folder;
  const std::string path = folder.file("a.db");
  migrate(path, embedded_migrations().first(2));
  {
    Database db(path, Database::Mode::read_write);
    db.execute(live_and_queued_in_0002);
    db.execute(
        "UPDATE task_instance SET state = 9, end_date = 8, reason = 'not chosen by task_0' "
        "WHERE id = 1 << 20 | 1;"
        "UPDATE task_instance SET state = 9, end_date = 8, reason = 'not chosen by anybody' "
        "WHERE id = 3 << 20;"
        "UPDATE task_instance SET state = 9, end_date = 8, reason = 'marked skipped by ana' "
        "WHERE id = 3 << 20 | 1;");
  }
  const StoredState state = open_store(path)->load();
  REQUIRE(state.runs.size() == 3);
  CHECK_FALSE(state.runs[0].hot.at(0).left_out_by);
  CHECK(state.runs[0].hot.at(1).left_out_by == TaskIndex{0});
  CHECK_FALSE(state.runs[2].hot.at(0).left_out_by);
  CHECK_FALSE(state.runs[2].hot.at(1).left_out_by);
}

TEST_CASE("a database with live and queued runs goes on, and what has not started has no rows") {
  TempFolder folder;
  const std::string path = folder.file("a.db");
  migrate(path, embedded_migrations().first(2));
  {
    Database db(path, Database::Mode::read_write);
    db.execute(live_and_queued_in_0002);
  }
  auto store = open_store(path);
  StoredState state = store->load();
  REQUIRE(state.runs.size() == 3);
  CHECK(state.last_run_seq == 9);
  CHECK(state.last_outbox == 12);
  CHECK(state.last_instance == 4);
  const StoredRun& running = state.runs[0];
  REQUIRE(running.hot.size() == 2);
  const TaskInstanceRow alive = running.row(InstanceIndex{0});
  CHECK(alive.attempt() == AttemptKey{RunSeq{1}, 0, unmapped, 4});
  CHECK(alive.state == TaskState::running);
  CHECK(alive.worker == "agent");
  CHECK(alive.id == 1);
  CHECK_FALSE(state.runs[1].has_rows());
  REQUIRE(state.runs[2].hot.size() == 2);
  CHECK(state.runs[2].hot[0].try_number == 1);
  CHECK(state.runs[2].hot[1].state == TaskState::none);

  CHECK(find_xcom(*store, {RunSeq{1}, 1, unmapped}, "k") == "5");
  SqliteHistory history(path);
  CHECK(history.attempt_report({RunSeq{1}, 0, unmapped}, std::nullopt)->key.fence == 3);
  CHECK(history.task_instance({"etl", "run_1", "task_0", unmapped})->rendered_json == R"({"p":1})");
  const auto tries = history.tries({"etl", "run_3", "task_0", unmapped});
  REQUIRE(tries.size() == 1);
  CHECK(tries[0].row.reason == "it broke");
  CHECK(tries[0].row.state == TaskState::failed);
  CHECK_FALSE(tries[0].row.retry_at);
  CHECK(history.job_executions(std::nullopt, {}, {}).rows.at(0).row.key == alive.attempt());

  // The waiting run starts: it gets its rows now.
  Changes start;
  start.runs_updated.push_back(state.runs[1].run);
  start.runs_updated[0].state = DagRunState::running;
  start.runs_updated[0].start_date = at(1);
  for (const TaskIndex task : {0, 1}) {
    start.tasks_created.push_back(make_task(2, task, TaskState::scheduled));
  }
  commit(*store, start);
  CHECK(store->load().runs[1].hot.size() == 2);
  Database db(path, Database::Mode::read_only);
  CHECK(number(db, "SELECT COUNT(*) FROM token JOIN app_user ON name = user_name") == 1);
  CHECK(number(db, "SELECT COUNT(*) FROM pragma_foreign_key_check") == 0);
}

}  // namespace
}  // namespace batuta::test
