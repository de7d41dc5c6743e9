#include "scheduler/commands/demo_clean.h"

#include <cinttypes>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <utility>
#include <vector>

#include "scheduler/commands/demo_azurite.h"
#include "scheduler/commands/demo_broker.h"
#include "scheduler/commands/demo_kafka.h"
#include "scheduler/commands/demo_postgres.h"
#include "scheduler/commands/demo_real.h"
#include "scheduler/commands/process_parts.h"
#include "scheduler/commands/supervisor.h"
#include "scheduler/demo/simulation.h"
#include "scheduler/store/home_lock.h"

namespace batuta {
namespace {

namespace fs = std::filesystem;

constexpr const char* demo_mark = "demo/made_by_demo";

// What an installation consists of (scheduler/serve/home.h), the store last: where that is gone, so
// is the installation. Bundles, demo/ and backups are looked at file by file.
constexpr const char* installation_parts[] = {
    "lake",       "stream",        "results",       "runs",        "revisions",
    "logs",       "run",           "admin.json",    "batuta.json", "batuta.schema.json",
    "secret.key", "batuta.db-shm", "batuta.db-wal", "batuta.db"};

bool is_there(const fs::path& path) {
  std::error_code error;
  return fs::exists(fs::symlink_status(path, error));
}

std::uintmax_t bytes_in(const fs::path& path) {
  std::error_code error;
  if (fs::is_symlink(path, error)) return 0;
  if (!fs::is_directory(path, error)) {
    const auto size = fs::file_size(path, error);
    return error ? 0 : size;
  }
  std::uintmax_t sum = 0;
  for (fs::recursive_directory_iterator at(path, error), end; !error && at != end;
       at.increment(error)) {
    std::error_code ignored;
    if (!at->is_regular_file(ignored)) continue;
    const auto size = at->file_size(ignored);
    if (!ignored) sum += size;
  }
  return sum;
}

std::optional<std::string> text_in(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return std::nullopt;
  return std::string(std::istreambuf_iterator<char>(file), {});
}

class DemoCleaning {
 public:
  explicit DemoCleaning(fs::path home) : home_(std::move(home)) {}

  // The path is relative to the home. A link goes, and what it points to stays.
  void remove(const fs::path& path) {
    if (failed_ || !is_there(home_ / path)) return;
    const std::uintmax_t bytes = bytes_in(home_ / path);
    std::error_code error;
    fs::remove_all(home_ / path, error);
    if (error) {
      failed_ = Error{Errc::unavailable,
                      (home_ / path).string() + " cannot be removed: " + error.message() +
                          "; what is told above is gone: mend it and say --clean once more",
                      {}};
      return;
    }
    std::printf("removed  %-24s %12" PRIuMAX " bytes\n", path.c_str(), bytes);
  }

  // Its files that are as they were copied; then its folders, as far as these are empty.
  void remove_bundle(const std::string& name) {
    const fs::path copy = fs::path("bundles") / name;
    std::error_code error;
    if (!is_there(home_ / copy) || fs::is_symlink(home_ / copy, error)) return;
    const fs::path original = fs::path(program("pipelines")) / name;
    bool own = false;
    for (const fs::path& file : files_in(copy)) {
      const auto text = text_in(home_ / file);
      if (!text || !is_ours(*text, name, original, file.lexically_relative(copy))) own = true;
    }
    if (!own) return remove(copy);
    for (const fs::path& file : files_in(copy)) {
      const auto text = text_in(home_ / file);
      if (text && is_ours(*text, name, original, file.lexically_relative(copy))) remove(file);
    }
  }

  // Empty folders of the demo, the mark, and the home when nothing is left in it.
  void finish() {
    if (failed_) return;
    for (const char* folder : {"bundles", "demo/dags", "backups", "domains"})
      remove_empty(home_ / folder);
    const std::vector<fs::path> stays = files_in("");
    std::error_code ignored;
    fs::remove(home_ / demo_mark, ignored);
    fs::remove(home_ / "demo", ignored);
    fs::remove(home_ / "scheduler.lock", ignored);
    fs::remove(home_, ignored);
    for (const fs::path& file : stays)
      if (file != demo_mark && file != "scheduler.lock") std::printf("kept     %s\n", file.c_str());
    if (is_there(home_ / demo_mark))
      failed_ = Error{Errc::unavailable, (home_ / demo_mark).string() + " cannot be removed", {}};
  }

  const std::optional<Error>& failed() const { return failed_; }

 private:
  std::vector<fs::path> files_in(const fs::path& folder) const {
    std::vector<fs::path> out;
    std::error_code error;
    for (fs::recursive_directory_iterator at(home_ / folder, error), end; !error && at != end;
         at.increment(error)) {
      std::error_code ignored;
      if (at->is_symlink(ignored) || !at->is_directory(ignored))
        out.push_back(at->path().lexically_relative(home_));
    }
    return out;
  }

  // As it was installed, or as `--real` or `--kafka` has it.
  static bool is_ours(const std::string& text, const std::string& name, const fs::path& original,
                      const fs::path& file) {
    const auto installed = text_in(original / file);
    if (!installed) return false;
    const auto simulation = demo::make_simulation(name, {});
    if (text == *installed || !simulation) return text == *installed;
    if (text == with_broker(*installed, *simulation, file.string())) return true;
    const auto real = simulation->real_database();
    return real && real->file == file && text == with_real_server(*installed, *real);
  }

  // Folders in it that hold no file, and it itself then.
  static void remove_empty(const fs::path& folder) {
    std::error_code error;
    if (fs::is_symlink(folder, error)) return;
    std::vector<fs::path> within;
    for (fs::directory_iterator at(folder, error), end; !error && at != end; at.increment(error)) {
      std::error_code ignored;
      if (!at->is_symlink(ignored) && at->is_directory(ignored)) within.push_back(at->path());
    }
    for (const fs::path& each : within) remove_empty(each);
    fs::remove(folder, error);  // refuses a folder that holds something
  }

  fs::path home_;
  std::optional<Error> failed_;
};

}  // namespace

bool is_new_home(const std::string& folder) {
  for (const char* part : installation_parts)
    if (is_there(fs::path(folder) / part)) return false;
  return true;
}

Status mark_demo_home(const Home& home) {
  std::error_code error;
  fs::create_directories(home.path("demo"), error);
  return home.write_private(demo_mark,
                            "This installation was made by a demo: `batuta demo run --clean` with "
                            "its --home removes it.\n");
}

bool made_by_demo(const Home& home) {
  return is_there(home.path(demo_mark));
}

int clean_demo(const std::string& folder) {
  const std::string home = absolute_path(folder);
  if (!is_there(fs::path(home) / demo_mark)) {
    if (is_new_home(home)) {
      std::printf("there is no installation in %s: nothing to remove\n", home.c_str());
      return 0;
    }
    return fail({Errc::conflict,
                 "no demo made the installation in " + home +
                     ": --clean leaves it as it is. Who wants it gone removes the folder",
                 {}});
  }
  auto lock = HomeLock::acquire(home);
  if (!lock) return fail(lock.error());
  for (const auto end_left : {end_left_postgres, end_left_azurite, end_left_kafka})
    if (auto status = end_left(home); !status) return fail(status.error());
  std::printf("%s\n", home.c_str());
  DemoCleaning cleaning(home);
  for (const std::string& name : demo::runnable_pipelines()) {
    cleaning.remove_bundle(name);
    cleaning.remove("demo/" + name);
  }
  for (const char* server : {"demo/postgres", "demo/azurite", "demo/kafka"})
    cleaning.remove(server);
  for (const char* part : installation_parts) cleaning.remove(part);
  cleaning.finish();
  return cleaning.failed() ? fail(*cleaning.failed()) : 0;
}

}  // namespace batuta
