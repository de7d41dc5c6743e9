#include "worker/run_folder.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>

#include "worker/posix.h"

namespace batuta {

Status prepare_run_folders(const std::string& home, const SlotUser* user) {
  for (const char* sub : {"/results", "/runs"}) {
    if (Status made = make_folder(home + sub); !made) return made;
  }
  const std::string runs = home + "/runs", results = home + "/results";
  if (user == nullptr) return success();
  const bool given = ::chmod(results.c_str(), 0711) == 0 &&
                     ::lchown(runs.c_str(), static_cast<uid_t>(-1), user->gid) == 0 &&
                     ::chmod(runs.c_str(), 03731) == 0;
  return given ? success() : Status(Error{Errc::unavailable, errno_text("chmod " + runs), {}});
}

Status make_run_folder(const std::string& path, bool shared) {
  if (::mkdir(path.c_str(), 0700) != 0) {
    if (errno == EEXIST) return success();
    return {Errc::unavailable, errno_text("mkdir " + path)};
  }
  if (shared && ::chmod(path.c_str(), 02770) != 0) {
    return {Errc::unavailable, errno_text("chmod " + path)};
  }
  return success();
}

Status check_run_folder(const std::string& path, std::int64_t limit) {
  namespace fs = std::filesystem;
  constexpr auto options = fs::directory_options::skip_permission_denied;
  std::int64_t bytes = 0, entries = 0;
  std::error_code error;
  fs::recursive_directory_iterator at(path, options, error);
  for (const fs::recursive_directory_iterator end; !error && at != end; at.increment(error)) {
    struct stat facts {};
    if (::lstat(at->path().c_str(), &facts) != 0) continue;  // removed meanwhile
    if (S_ISREG(facts.st_mode)) bytes += facts.st_size;
    if (++entries > max_run_folder_entries) {
      return {Errc::too_large, "the run's folder ($BATUTA_RUN_DIR) holds more than " +
                                   std::to_string(max_run_folder_entries) + " entries"};
    }
  }
  if (limit > 0 && bytes > limit) {
    return {Errc::too_large, "the run's folder ($BATUTA_RUN_DIR) holds " + std::to_string(bytes) +
                                 " bytes, worker.run_dir_limit allows " + std::to_string(limit) +
                                 ": remove what no later task needs, or raise the limit"};
  }
  return success();
}

}  // namespace batuta
