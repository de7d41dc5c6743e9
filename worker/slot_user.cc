#include "worker/slot_user.h"

#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <filesystem>
#include <vector>

#include "worker/posix.h"

namespace batuta {
namespace {

constexpr mode_t passable = 0711;  // through it, if one knows the name; no list of what is in it

// One more group beside those that a login gives.
bool join_group(gid_t group) {
  const int count = ::getgroups(0, nullptr);
  if (count < 0) return false;
  std::vector<gid_t> groups(static_cast<std::size_t>(count));
  if (::getgroups(count, groups.data()) != count) return false;
  groups.push_back(group);
  return ::setgroups(groups.size(), groups.data()) == 0;
}

Status take_ids(const SlotUser& user) {
  if (::initgroups(user.name.c_str(), user.gid) != 0 ||
      (user.lake_group != 0 && !join_group(user.lake_group)) ||
      ::setresgid(user.gid, user.gid, user.gid) != 0 ||
      ::setresuid(user.uid, user.uid, user.uid) != 0) {
    return {Errc::unavailable, errno_text("become " + user.name)};
  }
  return success();
}

// As `user` sees it, groups and all: asked in a child, for there is no way back. The agent has one
// thread yet.
bool may_enter(const SlotUser& user, const std::string& folder) {
  constexpr int most_tries = 5;  // a child that is killed has told nothing of the folder
  int status = 1;
  for (int tries = 0; tries < most_tries; ++tries) {
    const pid_t child = ::fork();
    if (child == 0) {
      const bool may = take_ids(user).ok() && ::access(folder.c_str(), R_OK | X_OK) == 0;
      ::_exit(may ? 0 : 1);
    }
    if (child < 0) return false;
    while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    if (!WIFSIGNALED(status)) break;
  }
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

// Links are handed over as links: what they point to stays whose it is. The root goes last, so that
// what was interrupted is seen again.
Status give_tree(const SlotUser& user, const std::string& root) {
  namespace fs = std::filesystem;
  const auto give = [&](const std::string& path) {
    struct stat info {};
    if (::lstat(path.c_str(), &info) != 0) return false;
    if (!user.shares_lake) {
      return info.st_uid == user.uid || ::lchown(path.c_str(), user.uid, user.gid) == 0;
    }
    if (info.st_gid != user.gid && ::lchown(path.c_str(), user.uid, user.gid) != 0) return false;
    if (S_ISLNK(info.st_mode)) return true;
    // What is made in a folder is its group's, too.
    const mode_t wanted = info.st_mode | (S_ISDIR(info.st_mode) ? S_ISGID | 070 : 060);
    return wanted == info.st_mode || ::chmod(path.c_str(), wanted & 07777) == 0;
  };
  std::error_code error;
  fs::recursive_directory_iterator at(root, error);
  for (const fs::recursive_directory_iterator end; !error && at != end; at.increment(error)) {
    if (!give(at->path().string()))
      return {Errc::unavailable, errno_text("chown " + at->path().string())};
  }
  if (error) return {Errc::unavailable, "cannot read " + root + ": " + error.message()};
  if (!give(root)) return {Errc::unavailable, errno_text("chown " + root)};
  return success();
}

}  // namespace

Result<SlotUser> find_slot_user(const std::string& name, const char* setting) {
  const std::string which = std::string(setting) + ": ";
  if (::geteuid() != 0) {
    return {Errc::invalid, which + "only root can start slots as another user"};
  }
  std::array<char, 16 << 10> memory{};
  passwd entry{};
  passwd* found = nullptr;
  ::getpwnam_r(name.c_str(), &entry, memory.data(), memory.size(), &found);
  if (found == nullptr) return {Errc::invalid, which + "there is no user \"" + name + "\""};
  if (entry.pw_uid == 0) {
    return {Errc::invalid, which + (name == "root" ? "" : "\"" + name + "\" is root, and ") +
                               "root is what it is meant to keep plugins from being"};
  }
  SlotUser user{name, entry.pw_uid, entry.pw_gid, entry.pw_dir == nullptr ? "/" : entry.pw_dir};
  user.shell = entry.pw_shell == nullptr ? "" : entry.pw_shell;
  return user;
}

Result<SlotUser> find_run_as(const std::string& name, const SlotUser& slots) {
  auto user = find_slot_user(name, "worker.run_as_users");
  if (!user) return user;
  user->shares_lake = user->as_by_login = true;
  if (user->gid != slots.gid) user->lake_group = slots.gid;
  return user;
}

Status check_run_as(const SlotUser& user, const std::string& home, const std::string& plugins) {
  for (const std::string& folder : {plugins, home + "/lake", home + "/stream"}) {
    if (may_enter(user, folder)) continue;
    return {Errc::invalid, "worker.run_as_users: " + user.name + " cannot read " + folder +
                               "; each folder above it must let others pass (chmod o+x)"};
  }
  return success();
}

std::optional<UserRange> parse_user_range(std::string_view text) {
  const auto dash = text.find('-');
  UserRange range;
  const auto number = [](std::string_view digits, uid_t& out) {
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), out);
    return error == std::errc{} && end == digits.data() + digits.size();
  };
  constexpr uid_t least = 1000;  // below are the system's
  if (dash == std::string_view::npos || !number(text.substr(0, dash), range.first) ||
      !number(text.substr(dash + 1), range.last) || range.first < least ||
      range.last < range.first || range.size() > 4096) {
    return std::nullopt;
  }
  return range;
}

Result<HeldUser> hold_user(const UserRange& range, const std::string& folder) {
  if (Status made = make_folder(folder); !made) return made.error();
  for (uid_t uid = range.first; uid <= range.last; ++uid) {
    auto lock = lock_file(folder + "/" + std::to_string(uid) + ".lock");
    if (lock) return HeldUser{uid, *std::move(lock)};
    if (lock.error().code != Errc::conflict) return lock.error();
  }
  return {Errc::unavailable, "worker.user_range: all " + std::to_string(range.size()) +
                                 " users are taken by slots of this host"};
}

Status prepare_home(const SlotUser& user, const std::string& home, const std::string& plugins) {
  for (const char* sub : {"", "/run", "/run/scratch"}) {
    const std::string folder = home + sub;
    if (::chmod(folder.c_str(), passable) != 0) {
      return {Errc::unavailable, errno_text("chmod " + folder)};
    }
  }
  const std::string lake = home + "/lake", stream = home + "/stream";
  for (const std::string& folder : {lake, stream}) {
    if (Status made = make_folder(folder); !made) return made;
    if (Status given = give_tree(user, folder); !given) return given;
  }
  for (const std::string& folder : {plugins, lake, stream}) {
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
  // A command may open /dev/stdout: that is a permission on the pipe. Anything else, /dev/null
  // above all, is not ours to give.
  for (const int fd : {STDOUT_FILENO, STDERR_FILENO}) {
    struct stat info {};
    if (::fstat(fd, &info) != 0 || !S_ISFIFO(info.st_mode)) continue;
    if (::fchown(fd, user.uid, user.gid) != 0) {
      return {Errc::unavailable, errno_text("chown the log's pipe")};
    }
  }
  ::setenv("HOME", user.home.c_str(), 1);
  if (user.as_by_login) {
    for (const char* name : {"USER", "LOGNAME"}) ::setenv(name, user.name.c_str(), 1);
    if (!user.shell.empty()) ::setenv("SHELL", user.shell.c_str(), 1);
  }
  return take_ids(user);
}

}  // namespace batuta
