#include "worker/call_folder.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <string_view>
#include <system_error>
#include <vector>

#include "worker/posix.h"

namespace batuta {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view call_prefix = "batuta-slot-";
constexpr std::size_t call_suffix = 6;
constexpr std::time_t in_the_making_s = 60;

// The folder with its lock; none: it is no folder, or somebody has the lock.
UniqueFd locked_folder(const std::string& path) {
  UniqueFd fd{::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW)};
  if (fd && ::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) fd.reset();
  return fd;
}

bool is_left(const std::string& path) {
  struct stat found {};
  return ::lstat(path.c_str(), &found) == 0 && S_ISDIR(found.st_mode) &&
         found.st_uid == ::geteuid() && found.st_mtim.tv_sec + in_the_making_s < std::time(nullptr);
}

}  // namespace

CallFolder::CallFolder(const std::string& parent, bool shared) {
  std::string name = parent + "/" + std::string(call_prefix) + std::string(call_suffix, 'X');
  if (::mkdtemp(name.data()) == nullptr) return;
  path_ = name;
  lock_ = locked_folder(path_);
  std::error_code error;
  for (const char* sub : {"slots", "scratch", "logs"})
    if (!error) fs::create_directory(path_ + "/" + sub, error);
  using fs::perms;
  for (const std::string& folder : {path_, path_ + "/scratch"})
    if (shared && !error)
      fs::permissions(folder, perms::owner_all | perms::group_exec | perms::others_exec, error);
  if (!error) return;
  std::error_code ignored;
  fs::remove_all(path_, ignored);
  path_.clear();
}

CallFolder::~CallFolder() {
  std::error_code ignored;
  if (!path_.empty()) fs::remove_all(path_, ignored);
}

void remove_left_calls(const std::string& parent) {
  std::vector<std::string> left;
  std::error_code error;
  for (fs::directory_iterator at(parent, error), end; !error && at != end; at.increment(error)) {
    const std::string name = at->path().filename().string();
    if (name.size() == call_prefix.size() + call_suffix && name.starts_with(call_prefix) &&
        is_left(at->path().string()))
      left.push_back(at->path().string());
  }
  for (const std::string& path : left) {
    // A slot outlives its caller by some seconds, and a caller of an older version holds no lock.
    const UniqueFd lock = locked_folder(path);
    if (lock && lock_is_free(path + "/slots/call.lock")) remove_tree(path);
  }
}

}  // namespace batuta
