#include "worker/slot_user.h"

#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <filesystem>

#include "worker/posix.h"

namespace batuta {
namespace {

constexpr mode_t passable = 0711;  // through it, if one knows the name; no list of what is in it

// As `user` sees it. The agent has one thread yet.
bool may_enter(const SlotUser& user, const std::string& folder) {
  if (::setegid(user.gid) != 0 || ::seteuid(user.uid) != 0) return false;
  const bool may = ::faccessat(AT_FDCWD, folder.c_str(), R_OK | X_OK, AT_EACCESS) == 0;
  return ::seteuid(0) == 0 && ::setegid(0) == 0 && may;
}

// Links are handed over as links: what they point to stays whose it is.
Status give_tree(const SlotUser& user, const std::string& root) {
  namespace fs = std::filesystem;
  std::error_code error;
  const auto give = [&](const std::string& path) {
    return ::lchown(path.c_str(), user.uid, user.gid) == 0;
  };
  if (!give(root)) return {Errc::unavailable, errno_text("chown " + root)};
  for (fs::recursive_directory_iterator at(root, error), end; !error && at != end;
       at.increment(error)) {
    if (!give(at->path().string())) return {Errc::unavailable, errno_text("chown " + root)};
  }
  return success();
}

}  // namespace

Result<SlotUser> find_slot_user(const std::string& name) {
  if (::geteuid() != 0) {
    return {Errc::invalid, "worker.user: only root can start slots as another user"};
  }
  std::array<char, 16 << 10> memory{};
  passwd entry{};
  passwd* found = nullptr;
  ::getpwnam_r(name.c_str(), &entry, memory.data(), memory.size(), &found);
  if (found == nullptr) return {Errc::invalid, "worker.user: there is no user \"" + name + "\""};
  if (entry.pw_uid == 0) {
    return {Errc::invalid, "worker.user: root is what it is meant to keep plugins from being"};
  }
  return SlotUser{name, entry.pw_uid, entry.pw_gid};
}

Status prepare_home(const SlotUser& user, const std::string& home, const std::string& plugins) {
  for (const char* sub : {"", "/run", "/run/scratch"}) {
    const std::string folder = home + sub;
    if (::chmod(folder.c_str(), passable) != 0) {
      return {Errc::unavailable, errno_text("chmod " + folder)};
    }
  }
  const std::string lake = home + "/lake";
  if (Status made = make_folder(lake); !made) return made;
  struct stat info {};
  if (::stat(lake.c_str(), &info) != 0) return {Errc::unavailable, errno_text("stat " + lake)};
  if (info.st_uid != user.uid) {
    if (Status given = give_tree(user, lake); !given) return given;
  }
  for (const std::string& folder : {plugins, lake}) {
    if (may_enter(user, folder)) continue;
    return {Errc::invalid, "worker.user: " + user.name + " cannot read " + folder +
                               "; each folder above it must let others pass (chmod o+x)"};
  }
  return success();
}

Status become(const SlotUser& user, const std::string& scratch) {
  if (!scratch.empty()) {
    if (Status made = make_folder(scratch); !made) return made;
    if (::lchown(scratch.c_str(), user.uid, user.gid) != 0) {
      return {Errc::unavailable, errno_text("chown " + scratch)};
    }
  }
  // A command may open /dev/stdout: that is a permission on the pipe.
  for (const int fd : {STDOUT_FILENO, STDERR_FILENO}) {
    if (::fchown(fd, user.uid, user.gid) != 0) continue;  // /dev/null, say
  }
  if (::initgroups(user.name.c_str(), user.gid) != 0 ||
      ::setresgid(user.gid, user.gid, user.gid) != 0 ||
      ::setresuid(user.uid, user.uid, user.uid) != 0) {
    return {Errc::unavailable, errno_text("become " + user.name)};
  }
  return success();
}

}  // namespace batuta
