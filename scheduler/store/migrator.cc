#include "scheduler/store/migrator.h"

#include <string>
#include <vector>

#include "scheduler/store/crypto.h"

namespace batuta {
namespace {

// "Batu": lets file(1) and us tell this database from any other SQLite file.
constexpr char set_application_id[] = "PRAGMA application_id = 1113683061";

constexpr char create_table[] =
    "CREATE TABLE IF NOT EXISTS schema_migration (version INTEGER PRIMARY KEY, "
    "name TEXT NOT NULL, checksum TEXT NOT NULL, applied_at INTEGER NOT NULL) STRICT";
constexpr char select_objects[] =
    "SELECT COUNT(*), COALESCE(SUM(name = 'schema_migration'), 0) FROM sqlite_schema "
    "WHERE type = 'table'";
constexpr char select_applied[] =
    "SELECT version, name, checksum FROM schema_migration "
    "ORDER BY version";
constexpr char insert_applied[] =
    "INSERT INTO schema_migration (version, name, checksum, applied_at) VALUES (?, ?, ?, ?)";

struct Applied {
  int version = 0;
  std::string name;
  std::string checksum;
};

std::vector<Applied> applied_migrations(Database& db) {
  std::int64_t tables = 0;
  std::int64_t ours = 0;
  {
    Statement objects = db.prepare(select_objects);
    Rows rows = objects.query();
    if (rows.next()) rows.read(tables, ours);
  }
  if (ours == 0) {
    if (tables == 0) return {};
    throw StoreError(db.path() +
                         " is an SQLite database, but not one of Batuta's; choose another "
                         "home folder or move the file away",
                     false, StoreFault::not_ours);
  }
  std::vector<Applied> result;
  Statement select = db.prepare(select_applied);
  Rows rows = select.query();
  while (rows.next()) {
    Applied& row = result.emplace_back();
    rows.read(row.version, row.name, row.checksum);
  }
  return result;
}

std::string label(int version, std::string_view name) {
  return std::to_string(version) + " (" + std::string(name) + ")";
}

void expect_no_gaps(std::span<const Migration> migrations) {
  for (std::size_t i = 0; i < migrations.size(); ++i) {
    BATUTA_CHECK(migrations[i].version == static_cast<int>(i) + 1,
                 "migration numbers must be 1, 2, 3 without gaps; found " +
                     label(migrations[i].version, migrations[i].name));
  }
}

}  // namespace

void check_migrations(Database& db, std::span<const Migration> migrations) {
  const std::vector<Applied> applied = applied_migrations(db);
  const int known_to = migrations.empty() ? 0 : migrations.back().version;
  if (!applied.empty() && applied.back().version > known_to) {
    const Applied& newest = applied.back();
    throw StoreError(db.path() + " was written by a newer Batuta: it has migration " +
                         label(newest.version, newest.name) + ", this program ends at " +
                         std::to_string(migrations.size()) +
                         ". Start the newer program, or restore a backup made before the upgrade. "
                         "Nothing was changed",
                     false, StoreFault::not_ours);
  }
  for (std::size_t i = 0; i < applied.size(); ++i) {
    const Migration& known = migrations[i];
    if (applied[i].version != known.version || applied[i].checksum != sha256_hex(known.sql)) {
      throw StoreError(db.path() + " was made with another text of migration " +
                           label(applied[i].version, applied[i].name) +
                           " than this program has. Start the program that made it, or restore a "
                           "backup. Nothing was changed",
                       false, StoreFault::not_ours);
    }
  }
}

int applied_version(Database& db) {
  return static_cast<int>(applied_migrations(db).size());
}

void apply_migrations(Database& db, std::span<const Migration> migrations, Time now) {
  expect_no_gaps(migrations);
  std::size_t done = applied_migrations(db).size();
  if (done == 0) {
    db.execute(create_table);
    db.execute(set_application_id);
  }
  for (; done < migrations.size(); ++done) {
    const Migration& next = migrations[done];
    Transaction transaction(db);
    db.execute(std::string(next.sql));
    db.prepare(insert_applied).run(next.version, next.name, sha256_hex(next.sql), now);
    transaction.commit();
  }
}

}  // namespace batuta
