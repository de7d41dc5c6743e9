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
  CHECK(state.runs[0].tasks.at(0).state == TaskState::publishing);
  CHECK(state.publications.size() == 1);
  REQUIRE(state.accepted.size() == 1);
  const Finished& report = state.accepted[0].report;
  CHECK(report.key == AttemptKey{RunSeq{1}, 0, 7});
  CHECK(report.result_json == R"({"n":1})");
  CHECK(report.files_json == R"(["a.parquet"])");
  CHECK(report.watermark_us == 3);
  CHECK(report.records == 4);
  const auto told = SqliteHistory(path).attempt_report(RunSeq{1}, 0, std::nullopt);
  REQUIRE(told);
  CHECK(told->key == report.key);
  CHECK(told->try_number == 2);
  CHECK(told->report_json == R"({"quality":[{"rule":"r"}]})");
}

}  // namespace
}  // namespace batuta::test
