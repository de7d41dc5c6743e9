#include "scheduler/store/upgrade.h"

#include <filesystem>

#include "common/log.h"
#include "scheduler/store/sqlite_upkeep.h"

namespace batuta {
namespace {

namespace fs = std::filesystem;

std::string folder_of(const std::string& path) {
  const std::string folder = fs::path(path).parent_path().string();
  return folder.empty() ? "." : folder;
}

std::string backups_of(const std::string& path) {
  return (fs::path(folder_of(path)) / "backups").string();
}

std::int64_t size_of(const std::string& path) {
  std::error_code missing;
  const auto size = fs::file_size(path, missing);
  return missing ? 0 : static_cast<std::int64_t>(size);
}

std::string in_mib(std::int64_t bytes) {
  return std::to_string((bytes >> 20) + 1) + " MiB";
}

std::int64_t pragma(Database& db, const char* sql) {
  std::int64_t value = 0;
  Rows rows = db.statement(sql).query();
  if (rows.next()) rows.read(value);
  return value;
}

// The copy, and as much again for what the migrations write to the log before it is copied in.
void expect_room(const std::string& path, const FreeBytes& free_bytes) {
  const std::string folder = folder_of(path);
  const std::int64_t needed = 2 * (size_of(path) + size_of(path + "-wal"));
  const std::int64_t there = free_bytes(folder);
  if (there >= needed) return;
  throw StoreError("the store is of an earlier version, and its upgrade needs " + in_mib(needed) +
                       " of free disk under " + folder +
                       " (half of it for a copy of the store as it is); there are " +
                       in_mib(there) + ". Make room and start again. Nothing was changed",
                   false);
}

// Of an earlier attempt that was killed while it copied.
void remove_partial_copies(const std::string& folder) {
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    const std::string name = entry.path().filename().string();
    const bool ours = name.starts_with("schema-") && name.find(".db.partial") != std::string::npos;
    std::error_code ignored;
    if (ours) fs::remove(entry.path(), ignored);
  }
}

// An upgrade cannot be taken back by the program that made it: the file as it was is kept beside.
std::string back_up_before_upgrade(const std::string& path, int from, Time now) {
  const fs::path folder = backups_of(path);
  std::error_code error;
  fs::create_directories(folder, error);
  remove_partial_copies(folder.string());
  const std::string to =
      (folder / ("schema-" + std::to_string(from) + "-" + to_iso(now) + ".db")).string();
  if (const auto status = backup_database(path, to); !status) {
    throw StoreError(
        "the store is of an earlier version and cannot be backed up before its upgrade: " +
            status.error().message + ". Nothing was changed",
        false);
  }
  log::info("the store is of an earlier version; before its upgrade it was backed up to " + to);
  return to;
}

// What was not upgraded needs no copy of what it was, or each start that fails would leave another.
void remove_needless_copy(Database& db, int from, const std::string& copy) {
  try {
    if (applied_version(db) != from) return;
  } catch (const StoreError&) {
    return;
  }
  std::error_code ignored;
  fs::remove(copy, ignored);
}

// A store made before room could be given back learns it: written anew, which takes the room of the
// temporary file and of the log.
void allow_giving_back(Database& db, const FreeBytes& free_bytes) {
  if (pragma(db, "PRAGMA auto_vacuum") != 0) return;
  const std::int64_t needed = 2 * pragma(db, "PRAGMA page_count") * pragma(db, "PRAGMA page_size");
  const std::int64_t there = free_bytes(folder_of(db.path()));
  if (there < needed) {
    log::warn("the store's file keeps its size when old runs are removed: to write it anew takes " +
              in_mib(needed) + " of free disk, and there are " + in_mib(there));
    return;
  }
  log::info(
      "the store's file is written anew, once, so that it can shrink when old runs are removed");
  db.rebuild();
}

// The upgrade leaves a log as large as the database; the first turns must not pay for it.
void tidy_after_upgrade(Database& db, const FreeBytes& free_bytes) {
  try {
    db.checkpoint(true);
    allow_giving_back(db, free_bytes);
    db.checkpoint(true);
  } catch (const StoreError& error) {
    if (!error.full()) throw;
    log::warn(std::string("the store is upgraded, but could not be tidied up after it: ") +
              error.what());
  }
}

}  // namespace

std::int64_t free_bytes_below(const std::string& folder) {
  std::error_code error;
  const fs::space_info space = fs::space(folder, error);
  if (error)
    throw StoreError("cannot look at the disk of " + folder + ": " + error.message(), false);
  return static_cast<std::int64_t>(space.available);
}

void bring_up_to_date(Database& db, std::span<const Migration> migrations, Time now,
                      const FreeBytes& free_bytes) {
  const int from = applied_version(db);
  const bool is_upgrade = from > 0 && from < static_cast<int>(migrations.size());
  std::string copy;
  if (is_upgrade) {
    expect_room(db.path(), free_bytes);
    copy = back_up_before_upgrade(db.path(), from, now);
  }
  try {
    db.set_up_writer();
    apply_migrations(db, migrations, now);
  } catch (const StoreError&) {
    if (is_upgrade) remove_needless_copy(db, from, copy);
    throw;
  }
  if (is_upgrade) tidy_after_upgrade(db, free_bytes);
}

}  // namespace batuta
