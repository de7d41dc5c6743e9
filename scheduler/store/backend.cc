#include "scheduler/store/backend.h"

#include <filesystem>
#include <string_view>

#include "scheduler/store/sqlite_history.h"
#include "scheduler/store/sqlite_registry.h"
#include "scheduler/store/sqlite_store.h"
#include "scheduler/store/sqlite_upkeep.h"

namespace batuta {
namespace {

constexpr std::string_view sqlite_scheme = "sqlite:";

std::string path_of(const std::string& url) {
  const bool known = url.starts_with(sqlite_scheme) && url.size() > sqlite_scheme.size();
  if (!known) {
    throw StoreError("\"" + url + "\" is no address of a store; write sqlite:<path of the file>",
                     false);
  }
  return url.substr(sqlite_scheme.size());
}

constexpr Duration look_at_start = std::chrono::seconds(1);

bool holds_something(const std::string& path) {
  std::error_code missing;
  const auto size = std::filesystem::file_size(path, missing);
  return !missing && size > 0;
}

// The key is made after the store: where it is, there was one.
void expect_fitting(const std::string& path, const BackendOptions& options) {
  if (const auto copy = rescued_copy(path); copy && !options.make_anew) {
    throw StoreError(path +
                         " was removed or replaced while a scheduler had it; what it held then is "
                         "in " +
                         *copy + ", which `batuta db restore " + *copy +
                         "` puts back; to go on with what is there now, remove " +
                         rescue_note(path),
                     false, StoreFault::missing);
  }
  const bool there = holds_something(path);
  if (there && options.make_anew) {
    throw StoreError(path +
                         " is there: a new store is made only where it is gone; start without "
                         "--new-store, or move the file away",
                     false, StoreFault::not_ours);
  }
  if (there || options.make_anew || !std::filesystem::exists(options.key_file)) return;
  throw StoreError(path + (std::filesystem::exists(path) ? " is empty" : " is missing") + ", but " +
                       options.key_file +
                       " is there: this home was in use. Put the file back, or a copy of it with "
                       "`batuta db restore FILE`; to begin anew, without runs, users and "
                       "connections, start with --new-store",
                   false, StoreFault::missing);
}

// A large store is not read through before it serves; the server goes on with that in the
// background.
void expect_sound(const std::string& path) {
  if (!holds_something(path)) return;
  const auto deadline = read_clock().boot + look_at_start;
  std::vector<std::string> findings;
  try {
    findings = quick_check(path, [&] { return read_clock().boot >= deadline; });
  } catch (const StoreError& error) {
    if (error.fault() != StoreFault::damaged) {
      if (error.full()) return;
      throw;
    }
    findings.emplace_back(error.what());
  }
  if (findings.empty()) return;
  throw StoreError(path + " is damaged (" + findings.front() +
                       "); restore a copy with `batuta db restore FILE`. Nothing was changed",
                   false, StoreFault::damaged);
}

std::string fit_to_open(const std::string& path, const BackendOptions& options) {
  expect_fitting(path, options);
  expect_sound(path);
  if (options.make_anew) std::filesystem::remove(rescue_note(path));
  return path;
}

class SqliteBackend : public Backend {
 public:
  SqliteBackend(const std::string& path, const BackendOptions& options)
      : store_(fit_to_open(path, options), options.codec, options.now),
        registry_(store_.database(), options.key_file),
        upkeep_(store_.database()),
        history_(path) {}

  Store& store() override { return store_; }
  History& history() override { return history_; }
  Registry& registry() override { return registry_; }
  Upkeep& upkeep() override { return upkeep_; }
  void end_reads() override { history_.stop(); }

 private:
  SqliteStore store_;
  SqliteRegistry registry_;
  SqliteUpkeep upkeep_;
  SqliteHistory history_;
};

}  // namespace

std::unique_ptr<Backend> open_backend(const std::string& url, const BackendOptions& options) {
  return std::make_unique<SqliteBackend>(path_of(url), options);
}

std::unique_ptr<History> open_history(const std::string& url) {
  return std::make_unique<SqliteHistory>(path_of(url));
}

Status backup_store(const std::string& url, const std::string& to) {
  return backup_database(path_of(url), to);
}

ClonedStore clone_backend(const std::string& url, const std::string& key, const std::string& to,
                          const std::string& to_key, Time now) {
  return clone_store(path_of(url), key, to, to_key, now);
}

RotatedKey rotate_store_key(const std::string& url, const std::string& key, Time now) {
  return rotate_key(path_of(url), key, now);
}

Result<std::string> restore_store(const std::string& from, const std::string& url, Time now) {
  return restore_database(from, path_of(url), now);
}

std::vector<std::string> check_store(const std::string& url) {
  return quick_check(path_of(url));
}

}  // namespace batuta
