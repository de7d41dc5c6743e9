#include "scheduler/cli/lake_access.h"

#include <filesystem>

#include "common/time.h"
#include "lakelog/path.h"

namespace batuta::cli {

std::string lake_folder(const Session& session) {
  const auto folder = std::filesystem::absolute(session.home + "/lake").lexically_normal();
  if (!std::filesystem::is_directory(folder)) {
    throw Failure("no lake at " + folder.string() + "; name the installation with --home", 1);
  }
  return folder.string();
}

std::shared_ptr<lakelog::Storage> open_lake(const Session& session) {
  const LakeSettings settings = value_of(session.processes->lake_settings(session.home));
  if (settings.store) return value_of(settings.store->storage());
  return value_of(stores::Lake(lake_folder(session)).storage());
}

std::string table_argument(const std::string& written) {
  std::string name = lakelog::table_name_of(written);
  if (!lakelog::valid_table_name(name)) throw Failure(lakelog::no_table_name(written), 2);
  return name;
}

namespace {

// A lake in a store needs a folder of this host for what it caches only, made when it is asked for.
std::string folder_of_lake(const Session& session, const LakeSettings& settings) {
  if (settings.store) {
    std::error_code failed;
    std::filesystem::create_directories(session.home + "/lake", failed);
  }
  return lake_folder(session);
}

}  // namespace

SlotRun lake_slot(Session& session, const std::string& plugin, const std::string& plugins) {
  const LakeSettings settings = value_of(session.processes->lake_settings(session.home));
  SlotRun run;
  run.plugin = plugin;
  run.lake_folder = folder_of_lake(session, settings);
  run.secrets = settings.secrets;
  run.lake_memory = settings.memory_bytes;
  run.lake_threads = settings.threads;
  run.plugins_folder =
      plugins.empty()
          ? (std::filesystem::read_symlink("/proc/self/exe").parent_path() / "plugins").string()
          : std::filesystem::absolute(plugins).string();
  return run;
}

std::int64_t parse_moment(const std::string& option, const std::string& text) {
  const auto time = parse_iso(text);
  if (!time) {
    throw Failure(
        option + ": \"" + text + "\" is no time; write it as 2026-11-20T10:00:00Z or 2026-11-20",
        2);
  }
  return time->time_since_epoch() / std::chrono::milliseconds(1);
}

}  // namespace batuta::cli
