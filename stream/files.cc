#include "stream/files.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <thread>

#include "common/uuid.h"

namespace batuta::stream {
namespace {

constexpr auto lock_patience = std::chrono::seconds(30);
constexpr auto lock_pace = std::chrono::milliseconds(2);
constexpr std::size_t small_file = 1 << 20;

std::string parent_of(const std::string& path) {
  const auto slash = path.find_last_of('/');
  return slash == std::string::npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
}

// Only what stands there itself: tasks write into these folders, and may be other users than who
// opens. No link is followed on the way, and nothing is waited for, as a pipe would.
UniqueFd open_itself(const std::string& path, int flags, mode_t mode = 0) {
  open_how how{};
  how.flags = static_cast<std::uint64_t>(flags) | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK;
  how.mode = mode;
  how.resolve = RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
  return UniqueFd(
      static_cast<int>(::syscall(SYS_openat2, AT_FDCWD, path.c_str(), &how, sizeof how)));
}

Result<UniqueFd> open_file(const std::string& path, int flags, mode_t mode = 0) {
  UniqueFd file = open_itself(path, flags, mode);
  if (!file) return os_error("open", path);
  struct stat info {};
  if (::fstat(file.get(), &info) != 0) return os_error("stat", path);
  if (!S_ISREG(info.st_mode)) return {Errc::unavailable, path + " is no regular file"};
  return file;
}

Result<UniqueFd> open_folder(const std::string& path) {
  UniqueFd folder = open_itself(path, O_RDONLY | O_DIRECTORY);
  if (!folder) return os_error("open", path);
  return folder;
}

std::string name_in(const std::string& path) {
  return path.substr(path.find_last_of('/') + 1);
}

Status share_as_folder(int fd, int parent, const std::string& path) {
  struct stat folder {};
  if (::fstat(parent, &folder) != 0) return os_error("stat", parent_of(path));
  if (::geteuid() == 0 && folder.st_uid != 0 && ::fchown(fd, folder.st_uid, folder.st_gid) != 0) {
    return os_error("chown", path);
  }
  if ((folder.st_mode & S_ISGID) == 0) return success();
  struct stat own {};
  if (::fstat(fd, &own) != 0) return os_error("stat", path);
  const mode_t shared = S_ISDIR(own.st_mode) ? S_ISGID | S_IRWXG : S_IRGRP | S_IWGRP;
  if (::fchmod(fd, (own.st_mode & 07777) | shared) != 0) return os_error("chmod", path);
  return success();
}

}  // namespace

std::string fresh_name() {
  std::uint64_t random = 0;
  random_bytes(&random, sizeof random);
  return ".new-" + std::to_string(random);
}

Error os_error(const char* verb, const std::string& path) {
  const int reason = errno;
  const bool absent = reason == ENOENT || reason == ENOTDIR;
  return {absent ? Errc::not_found : Errc::unavailable,
          std::string("cannot ") + verb + " " + path + ": " +
              (reason == ELOOP ? "a link stands on the way, and none is followed here"
                               : std::strerror(reason)),
          {}};
}

Status make_folder(const std::string& path) {
  if (const UniqueFd there = open_itself(path, O_RDONLY | O_DIRECTORY)) return success();
  if (errno == ENOTDIR) return {Errc::unavailable, path + " is not a folder"};
  if (errno != ENOENT) return os_error("open", path);
  const std::string above = parent_of(path);
  if (Status made = make_folder(above); !made) return made;
  const auto parent = open_folder(above);
  if (!parent) return parent.error();
  const std::string name = name_in(path);
  if (::mkdirat(parent->get(), name.c_str(), 0770) != 0) {
    if (errno != EEXIST) return os_error("create", path);
    const auto there = open_folder(path);
    return there ? success() : Status(there.error());
  }
  const UniqueFd made(
      ::openat(parent->get(), name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!made) return os_error("open", path);
  if (Status shared = share_as_folder(made.get(), parent->get(), path); !shared) return shared;
  if (::fsync(parent->get()) != 0) return os_error("fsync", above);
  return success();
}

Result<std::string> make_root(const std::string& path) {
  const auto real = [](const std::string& named) {
    const std::unique_ptr<char, void (*)(void*)> found(::realpath(named.c_str(), nullptr), ::free);
    return found ? std::string(found.get()) : std::string();
  };
  if (std::string there = real(path); !there.empty()) {
    struct stat info {};
    if (::stat(there.c_str(), &info) != 0) return os_error("stat", path);
    if (!S_ISDIR(info.st_mode)) return {Errc::unavailable, path + " is not a folder"};
    return there;
  }
  if (errno != ENOENT) return os_error("open", path);
  std::string above = path, below;
  while (!above.empty() && above.back() == '/') above.pop_back();
  std::string there;
  while (there.empty()) {
    const std::string name = name_in(above);
    above = parent_of(above);
    if (!name.empty()) below = "/" + name + below;
    there = real(above);
    if (there.empty() && (errno != ENOENT || above == "/" || above == ".")) {
      return os_error("open", above);
    }
  }
  const std::string made = (there == "/" ? "" : there) + below;
  if (Status good = make_folder(made); !good) return good.error();
  return made;
}

Result<UniqueFd> open_or_create(const std::string& path) {
  auto there = open_file(path, O_RDWR);
  if (there || there.error().code != Errc::not_found) return there;
  const std::string above = parent_of(path);
  const auto parent = open_folder(above);
  if (!parent) return parent.error();
  UniqueFd made(::openat(parent->get(), name_in(path).c_str(),
                         O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0660));
  if (!made && errno == EEXIST) return open_file(path, O_RDWR);  // somebody was faster
  if (!made) return os_error("create", path);
  if (Status shared = share_as_folder(made.get(), parent->get(), path); !shared) {
    return shared.error();
  }
  if (::fsync(parent->get()) != 0) return os_error("fsync", above);
  return made;
}

Result<UniqueFd> open_to_read(const std::string& path) {
  return open_file(path, O_RDONLY);
}

Status remove_file(const std::string& path) {
  const auto parent = open_folder(parent_of(path));
  if (!parent) return parent.error();
  if (::unlinkat(parent->get(), name_in(path).c_str(), 0) != 0) return os_error("remove", path);
  return success();
}

Status sync_folder(const std::string& path) {
  const auto folder = open_folder(path);
  if (!folder) return folder.error();
  return ::fsync(folder->get()) == 0 ? success() : Status(os_error("fsync", path));
}

Status write_at(int fd, std::string_view bytes, std::int64_t at, const std::string& path) {
  while (!bytes.empty()) {
    const ssize_t n = ::pwrite(fd, bytes.data(), bytes.size(), at);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return os_error("write", path);
    bytes.remove_prefix(static_cast<std::size_t>(n));
    at += n;
  }
  return success();
}

Result<std::string> read_at(int fd, std::size_t size, std::int64_t at, const std::string& path) {
  std::string out(size, '\0');
  std::size_t done = 0;
  while (done < size) {
    const ssize_t n = ::pread(fd, out.data() + done, size - done, at + static_cast<off_t>(done));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return os_error("read", path);
    if (n == 0) break;
    done += static_cast<std::size_t>(n);
  }
  out.resize(done);
  return out;
}

Status replace_file(const std::string& path, std::string_view text) {
  const std::string above = parent_of(path);
  const auto parent = open_folder(above);
  if (!parent) return parent.error();
  const std::string name = fresh_name(), fresh = above + "/" + name;
  {
    const UniqueFd file(::openat(parent->get(), name.c_str(),
                                 O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0660));
    if (!file) return os_error("create", fresh);
    if (Status written = write_at(file.get(), text, 0, fresh); !written) return written;
    if (Status shared = share_as_folder(file.get(), parent->get(), fresh); !shared) return shared;
    if (::fsync(file.get()) != 0) return os_error("fsync", fresh);
  }
  if (::renameat(parent->get(), name.c_str(), parent->get(), name_in(path).c_str()) != 0) {
    return os_error("rename", fresh);
  }
  return ::fsync(parent->get()) == 0 ? success() : Status(os_error("fsync", above));
}

Result<std::string> read_small_file(const std::string& path) {
  const auto file = open_to_read(path);
  if (!file) return file.error();
  auto text = read_at(file->get(), small_file + 1, 0, path);
  if (text && text->size() > small_file) return {Errc::too_large, path + " is too long"};
  return text;
}

Result<std::vector<std::string>> list_folder(const std::string& path) {
  auto opened = open_folder(path);
  if (!opened) return opened.error();
  const std::unique_ptr<DIR, int (*)(DIR*)> folder(::fdopendir(opened->get()), ::closedir);
  if (!folder) return os_error("list", path);
  (void)opened->release();
  std::vector<std::string> names;
  errno = 0;
  while (const dirent* entry = ::readdir(folder.get())) {
    if (entry->d_name[0] != '.') names.emplace_back(entry->d_name);
  }
  if (errno != 0) return os_error("list", path);
  std::sort(names.begin(), names.end());
  return names;
}

Result<FileLock> FileLock::take(const std::string& path, bool exclusive) {
  auto file = open_or_create(path);
  if (!file) return file.error();
  const auto until = std::chrono::steady_clock::now() + lock_patience;
  while (::flock(file->get(), (exclusive ? LOCK_EX : LOCK_SH) | LOCK_NB) != 0) {
    if (errno == EINTR) continue;
    if (errno != EWOULDBLOCK) return os_error("lock", path);
    if (std::chrono::steady_clock::now() > until) {
      return {Errc::unavailable,
              path + " has been locked for 30 seconds by another process: is one stopped?"};
    }
    std::this_thread::sleep_for(lock_pace);
  }
  return FileLock(*std::move(file));
}

}  // namespace batuta::stream
