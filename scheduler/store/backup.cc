// Copies and checks of the whole file, over connections of their own.
#include <fcntl.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "common/fd.h"
#include "scheduler/store/migrator.h"
#include "scheduler/store/sqlite_upkeep.h"

namespace batuta {
namespace {

namespace fs = std::filesystem;

void remove_with_journals(const std::string& path) {
  for (const char* ending : {"", "-wal", "-shm", "-journal"}) {
    std::error_code ignored;
    fs::remove(path + ending, ignored);
  }
}

// One step over one read snapshot: small steps would start again at every commit of the writer and
// never end under load. The writer is not blocked; its log grows meanwhile.
void copy_pages(Database& from, Database& to) {
  sqlite3_backup* copy = sqlite3_backup_init(to.handle(), "main", from.handle(), "main");
  if (copy == nullptr) throw_sqlite_error(to.handle(), SQLITE_ERROR, "cannot start a backup");
  const int stepped = sqlite3_backup_step(copy, -1);
  const int finished = sqlite3_backup_finish(copy);
  if (stepped != SQLITE_DONE || finished != SQLITE_OK) {
    throw_sqlite_error(to.handle(), finished, "cannot copy " + from.path());
  }
}

void sync_path(const std::string& path, int flags) {
  const UniqueFd fd{::open(path.c_str(), flags | O_CLOEXEC)};
  const bool synced = fd && ::fsync(fd.get()) == 0;
  const int error = errno;
  if (!synced) {
    throw StoreError("cannot sync " + path + ": " + std::strerror(error), false);
  }
}

std::vector<std::string> check_connection(Database& db) {
  std::vector<std::string> findings;
  Rows rows = db.statement("PRAGMA quick_check(20)").query();
  while (rows.next()) rows.read(findings.emplace_back());
  if (findings.size() == 1 && findings.front() == "ok") findings.clear();
  return findings;
}

void write_copy(const std::string& from, const std::string& to) {
  Database source(from, Database::Mode::read_only);
  {
    Database copy(to, Database::Mode::read_write);
    copy_pages(source, copy);
    // One file that stands alone, without a log beside it.
    copy.execute("PRAGMA journal_mode = DELETE");
    const std::vector<std::string> findings = check_connection(copy);
    if (!findings.empty()) throw StoreError("the copy is damaged: " + findings.front(), false);
  }
  sync_path(to, O_RDONLY);
}

// Root may put a copy back for a server of another user, which must be able to write it.
void give_to_owner_of_store(const std::string& store, const std::string& fresh) {
  const std::string folder = fs::path(store).parent_path().string();
  const std::string like = fs::exists(store) ? store : folder.empty() ? "." : folder;
  struct stat info {};
  const bool known = ::stat(like.c_str(), &info) == 0;
  if (known && info.st_uid == ::geteuid()) return;
  if (!known || ::chown(fresh.c_str(), info.st_uid, info.st_gid) != 0) {
    throw StoreError("cannot give it to the owner of " + like + ": " + std::strerror(errno), false);
  }
}

}  // namespace

Status backup_database(const std::string& from, const std::string& to) {
  if (fs::exists(fs::symlink_status(to))) {
    return Error{Errc::conflict, to + " exists; name a new file", "path"};
  }
  const std::string partial = to + ".partial";
  const std::string folder = fs::path(to).parent_path().string();
  try {
    remove_with_journals(partial);
    write_copy(from, partial);
    // link(2), unlike rename(2), never replaces a file that came up meanwhile.
    if (::link(partial.c_str(), to.c_str()) != 0) {
      throw StoreError("cannot create " + to + ": " + std::strerror(errno), false);
    }
    remove_with_journals(partial);
    sync_path(folder.empty() ? "." : folder, O_RDONLY | O_DIRECTORY);
  } catch (const StoreError& error) {
    remove_with_journals(partial);
    return Error{Errc::internal, error.what(), "path"};
  }
  return success();
}

std::string rescue_note(const std::string& path) {
  return path + ".rescued";
}

std::optional<std::string> rescued_copy(const std::string& path) {
  std::ifstream note(rescue_note(path));
  std::string copy;
  if (!std::getline(note, copy)) return std::nullopt;
  return copy;
}

std::string rescue_copy(Database& db) {
  const fs::path folder = fs::path(db.path()).parent_path() / "backups";
  const std::string to = (folder / ("rescued-" + to_iso(read_clock().wall) + ".db")).string();
  std::error_code error;
  fs::create_directories(folder, error);
  try {
    {
      Database copy(to, Database::Mode::read_write);
      copy_pages(db, copy);
      copy.execute("PRAGMA journal_mode = DELETE");
    }
    sync_path(to, O_RDONLY);
    sync_path(folder.string(), O_RDONLY | O_DIRECTORY);
    std::ofstream(rescue_note(db.path())) << to << std::endl;
    sync_path(rescue_note(db.path()), O_RDONLY);
  } catch (const StoreError& failure) {
    return std::string("what it held could not be saved: ") + failure.what();
  }
  return "what it held was saved to " + to + "; `batuta db restore " + to + "` puts that back";
}

Result<std::string> restore_database(const std::string& from, const std::string& to, Time now) {
  if (!fs::is_regular_file(from)) return Error{Errc::not_found, "there is no file " + from, "path"};
  const std::string fresh = to + ".restored";
  std::string replaced;
  try {
    // Through SQLite, so that a copy that lies there with its log is taken whole.
    remove_with_journals(fresh);
    write_copy(from, fresh);
    {
      Database copy(fresh, Database::Mode::read_only);
      const auto migrations = embedded_migrations();
      check_migrations(copy, migrations);
      if (applied_version(copy) == 0) {
        throw StoreError(from + " is empty, no copy of a store", false);
      }
    }
    give_to_owner_of_store(to, fresh);
    if (fs::exists(to)) {
      const fs::path folder = fs::path(to).parent_path() / "backups";
      if (fs::create_directories(folder)) give_to_owner_of_store(to, folder.string());
      replaced = (folder / ("replaced-" + to_iso(now) + ".db")).string();
      // A sound one as one file; one that cannot be read as it is, with what belongs to it.
      if (!backup_database(to, replaced)) {
        for (const char* ending : {"", "-wal", "-shm"}) {
          if (fs::exists(to + ending)) fs::copy_file(to + ending, replaced + ending);
        }
      }
      for (const char* ending : {"", "-wal", "-shm"}) {
        if (fs::exists(replaced + ending)) give_to_owner_of_store(to, replaced + ending);
      }
    }
    // The log of the old store must not be taken for the new one's.
    for (const char* ending : {"-wal", "-shm", "-journal"}) fs::remove(to + ending);
    if (::rename(fresh.c_str(), to.c_str()) != 0) {
      throw StoreError("cannot put " + fresh + " in its place: " + std::strerror(errno), false);
    }
    fs::remove(rescue_note(to));
    const std::string folder = fs::path(to).parent_path().string();
    sync_path(folder.empty() ? "." : folder, O_RDONLY | O_DIRECTORY);
  } catch (const std::exception& error) {
    remove_with_journals(fresh);
    return Error{Errc::invalid, from + " was not restored: " + error.what(), "path"};
  }
  return replaced;
}

std::vector<std::string> quick_check(const std::string& path, const std::function<bool()>& stop) {
  Database db(path, Database::Mode::read_only);
  if (stop) db.set_stop(stop);
  return check_connection(db);
}

Status SqliteUpkeep::backup(const std::string& to) {
  return backup_database(db_.path(), to);
}

std::vector<std::string> SqliteUpkeep::check(const std::function<bool()>& stop) {
  return quick_check(db_.path(), stop);
}

}  // namespace batuta
