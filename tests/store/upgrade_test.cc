// An earlier store becomes one of this version: what is kept, what it costs, what is left after it.
#include "scheduler/store/upgrade.h"

#include <doctest/doctest.h>

#include "tests/store/store_fixture.h"

namespace batuta::test {
namespace {

// A store of the first release, from the time when no file could shrink.
struct OldStore {
  TempFolder folder;
  std::string path = folder.file("batuta.db");
  OldStore() {
    Database db(path, Database::Mode::read_write);
    db.execute(
        "PRAGMA auto_vacuum = NONE; PRAGMA journal_mode = WAL; CREATE TABLE t (x); DROP TABLE t");
    db.set_up_writer();
    apply_migrations(db, embedded_migrations().first(1), at(1));
    db.execute(
        "INSERT INTO event_log (at, event, dag_id, dag_run_id, task_id, owner, extra_json) "
        "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 2000) "
        "SELECT n, 'trigger', '', '', '', 'ana', hex(zeroblob(200)) FROM c");
    db.checkpoint(true);
  }
  void upgrade(std::int64_t free_bytes) {
    Database db(path, Database::Mode::read_write);
    bring_up_to_date(db, embedded_migrations(), at(2),
                     [&](const std::string&) { return free_bytes; });
  }
  std::string refusal(std::int64_t free_bytes) {
    try {
      upgrade(free_bytes);
    } catch (const StoreError& error) {
      return error.what();
    }
    return {};
  }
  std::int64_t number(const char* sql) const {
    Database db(path, Database::Mode::read_only);
    std::int64_t value = -1;
    Rows rows = db.statement(sql).query();
    if (rows.next()) rows.read(value);
    return value;
  }
  bool is_upgraded() const {
    return number("SELECT COUNT(*) FROM schema_migration") ==
           static_cast<std::int64_t>(embedded_migrations().size());
  }
  std::vector<std::string> copies() const {
    std::vector<std::string> names;
    std::error_code none;
    for (const auto& entry : std::filesystem::directory_iterator(folder.file("backups"), none)) {
      names.push_back(entry.path().filename().string());
    }
    return names;
  }
};

constexpr std::int64_t plenty = std::int64_t{1} << 40;

TEST_CASE("after an upgrade its log is empty: no turn pays for it") {
  OldStore old;
  const auto store = open_store(old.path);
  constexpr std::int64_t pages_of_the_start = 3;  // the store's UUID was made after it
  CHECK(store->wal_bytes() <= pages_of_the_start * 4096);
  CHECK(std::filesystem::file_size(old.path + "-wal") <= pages_of_the_start * 5000);
  CHECK(old.is_upgraded());
  CHECK(old.copies().size() == 1);
}

TEST_CASE(
    "a store that could not shrink can after its upgrade, when the disk has the room for it") {
  OldStore old;
  CHECK(old.number("PRAGMA auto_vacuum") == 0);
  SUBCASE("there is room") {
    old.upgrade(plenty);
    CHECK(old.number("PRAGMA auto_vacuum") == 2);
  }
  SUBCASE("there is room for the upgrade alone") {
    int asked = 0;
    Database db(old.path, Database::Mode::read_write);
    bring_up_to_date(db, embedded_migrations(), at(2),
                     [&](const std::string&) { return asked++ == 0 ? plenty : 1000; });
    CHECK(asked == 2);
    CHECK(old.number("PRAGMA auto_vacuum") == 0);
  }
  CHECK(old.is_upgraded());
  CHECK(old.number("SELECT COUNT(*) FROM event_log") == 2000);
  CHECK(old.number("SELECT COUNT(*) FROM pragma_quick_check WHERE quick_check <> 'ok'") == 0);
  for (const auto& entry : std::filesystem::directory_iterator(old.folder.path())) {
    const std::string name = entry.path().filename().string();
    CHECK_MESSAGE((name.starts_with("batuta.db") || name == "backups"), name);
  }
}

TEST_CASE("an upgrade without room for it is refused before a byte is written, and says how much") {
  OldStore old;
  const std::string before = read_file(old.path);
  const std::string why = old.refusal(static_cast<std::int64_t>(before.size()) * 2 - 1);
  const std::string needed = std::to_string((before.size() * 2 >> 20) + 1) + " MiB";
  CHECK(why.find(needed + " of free disk under " + old.folder.path()) != std::string::npos);
  CHECK(why.find("Nothing was changed") != std::string::npos);
  CHECK(read_file(old.path) == before);
  CHECK(old.copies().empty());
}

TEST_CASE("an upgrade that fails leaves no copy behind, however often it is tried") {
  OldStore old;
  {
    Database db(old.path, Database::Mode::read_write);
    db.execute("CREATE TABLE attempt_report (x INTEGER) STRICT");  // the next one cannot be made
  }
  CHECK(old.refusal(plenty).find("attempt_report") != std::string::npos);
  CHECK(old.copies().empty());
  CHECK(old.number("SELECT COUNT(*) FROM schema_migration") == 1);
}

TEST_CASE(
    "an upgrade that fails after a migration of it keeps the copy, and sweeps unfinished ones") {
  OldStore old;
  {
    Database db(old.path, Database::Mode::read_write);
    db.execute("CREATE TABLE new_dag_run (x INTEGER) STRICT");
  }
  std::filesystem::create_directories(old.folder.file("backups"));
  std::ofstream(old.folder.file("backups/schema-1-earlier.db.partial")) << "half a copy";
  std::ofstream(old.folder.file("backups/mine.db")) << "a copy of somebody's";
  CHECK(old.refusal(plenty).find("new_dag_run") != std::string::npos);
  CHECK(old.number("SELECT COUNT(*) FROM schema_migration") == 2);
  CHECK(old.copies().size() == 2);
  CHECK(std::filesystem::exists(old.folder.file("backups/mine.db")));
}

}  // namespace
}  // namespace batuta::test
