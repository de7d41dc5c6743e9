#include "scheduler/store/sqlite.h"

#include <doctest/doctest.h>

#include "tests/store/store_fixture.h"

namespace batuta::test {
namespace {

std::string text(Database& db, const char* sql) {
  std::string value;
  Statement statement = db.prepare(sql);
  Rows rows = statement.query();
  if (rows.next()) rows.read(value);
  return value;
}

TEST_CASE("the writer's settings hold") {
  TempFolder folder;
  Database db(folder.file("a.db"), Database::Mode::read_write);
  db.set_up_writer();
  CHECK(text(db, "PRAGMA journal_mode") == "wal");
  CHECK(text(db, "PRAGMA synchronous") == "2");
  CHECK(text(db, "PRAGMA wal_autocheckpoint") == "0");
  CHECK(text(db, "PRAGMA mmap_size") == "0");
  CHECK(text(db, "PRAGMA foreign_keys") == "1");
  CHECK(text(db, "PRAGMA trusted_schema") == "0");
  CHECK(text(db, "PRAGMA cell_size_check") == "1");
}

TEST_CASE("the database and its log belong to their owner alone") {
  TempFolder folder;
  const std::string path = folder.file("a.db");
  Database db(path, Database::Mode::read_write);
  db.set_up_writer();
  db.execute("CREATE TABLE t (x INTEGER)");
  for (const char* ending : {"", "-wal", "-shm"}) {
    const auto mode = std::filesystem::status(path + ending).permissions();
    CHECK(mode == (std::filesystem::perms::owner_read | std::filesystem::perms::owner_write));
  }
}

TEST_CASE("values come back as they were bound") {
  TempFolder folder;
  Database db(folder.file("a.db"), Database::Mode::read_write);
  db.execute("CREATE TABLE t (a INTEGER, b TEXT, c BLOB, d INTEGER, e TEXT) STRICT");
  const std::string odd("a\0b", 3);
  const std::int64_t large = std::numeric_limits<std::int64_t>::min();
  db.statement("INSERT INTO t VALUES (?, ?, ?, ?, ?)")
      .run(large, odd, uuid_of(7), OptTime(), std::string());
  std::int64_t a = 0;
  std::string b, e = "x";
  Uuid c;
  OptTime d = at(1);
  Rows rows = db.statement("SELECT a, b, c, d, e FROM t").query();
  REQUIRE(rows.next());
  rows.read(a, b, c, d, e);
  CHECK(a == large);
  CHECK(b == odd);
  CHECK(c == uuid_of(7));
  CHECK_FALSE(d);
  CHECK(e.empty());
  CHECK_FALSE(rows.next());
}

TEST_CASE("a number that does not fit its field is damage, not a wrap-around") {
  TempFolder folder;
  Database db(folder.file("a.db"), Database::Mode::read_write);
  Rows rows = db.statement("SELECT 4294967296, 2").query();
  REQUIRE(rows.next());
  std::int32_t narrow = 0;
  CHECK_THROWS_AS(rows.read(narrow), StoreError);
  bool flag = false;
  CHECK_THROWS_AS(rows.read(flag), StoreError);
}

TEST_CASE("a transaction that is not committed leaves nothing") {
  TempFolder folder;
  Database db(folder.file("a.db"), Database::Mode::read_write);
  db.execute("CREATE TABLE t (x INTEGER)");
  {
    Transaction transaction(db);
    db.execute("INSERT INTO t VALUES (1)");
  }
  CHECK(text(db, "SELECT COUNT(*) FROM t") == "0");
  Transaction transaction(db);
  db.execute("INSERT INTO t VALUES (1)");
  transaction.commit();
  CHECK(text(db, "SELECT COUNT(*) FROM t") == "1");
}

TEST_CASE("a file that somebody else writes is busy: the turn may be retried") {
  TempFolder folder;
  const std::string path = folder.file("a.db");
  Database mine(path, Database::Mode::read_write);
  mine.set_up_writer();
  Database other(path, Database::Mode::read_write);
  Transaction theirs(other);
  bool full = false;
  try {
    Transaction transaction(mine);
  } catch (const StoreError& error) {
    full = error.full();
  }
  CHECK(full);
}

TEST_CASE("a violated constraint ends the process") {
  TempFolder folder;
  CHECK(dies([&] {
    Database db(folder.file("a.db"), Database::Mode::read_write);
    db.execute("CREATE TABLE t (x INTEGER PRIMARY KEY)");
    db.statement("INSERT INTO t VALUES (?)").run(1);
    db.statement("INSERT INTO t VALUES (?)").run(1);
  }));
}

TEST_CASE("a wrong number of parameters ends the process") {
  TempFolder folder;
  CHECK(dies([&] {
    Database db(folder.file("a.db"), Database::Mode::read_write);
    db.statement("SELECT ?, ?").query(1);
  }));
}

TEST_CASE("a read-only connection cannot write") {
  TempFolder folder;
  const std::string path = folder.file("a.db");
  Database writer(path, Database::Mode::read_write);
  writer.set_up_writer();
  writer.execute("CREATE TABLE t (x INTEGER)");
  Database reader(path, Database::Mode::read_only);
  CHECK_THROWS_AS(reader.execute("INSERT INTO t VALUES (1)"), StoreError);
}

TEST_CASE("a checkpoint empties the log's account, a reader holds it up without blocking") {
  TempFolder folder;
  const std::string path = folder.file("a.db");
  Database writer(path, Database::Mode::read_write);
  writer.set_up_writer();
  writer.execute("CREATE TABLE t (x INTEGER)");
  CHECK(writer.wal_bytes() > 0);
  CHECK(writer.checkpoint(false));
  CHECK(writer.wal_bytes() == 0);
  Database reader(path, Database::Mode::read_only);
  reader.execute("BEGIN");
  CHECK(text(reader, "SELECT COUNT(*) FROM t") == "0");
  writer.execute("INSERT INTO t VALUES (1)");
  CHECK_FALSE(writer.checkpoint(true));
  CHECK(writer.wal_bytes() > 0);
  reader.roll_back();
  CHECK(writer.checkpoint(true));
  CHECK(std::filesystem::file_size(path + "-wal") == 0);
}

}  // namespace
}  // namespace batuta::test
