#include "stream/files.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
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

Status share_as_folder(const std::string& path) {
  struct stat folder {};
  if (::stat(parent_of(path).c_str(), &folder) != 0) return os_error("stat", parent_of(path));
  if (::geteuid() == 0 && folder.st_uid != 0 &&
      ::lchown(path.c_str(), folder.st_uid, folder.st_gid) != 0) {
    return os_error("chown", path);
  }
  if ((folder.st_mode & S_ISGID) == 0) return success();
  struct stat own {};
  if (::lstat(path.c_str(), &own) != 0) return os_error("stat", path);
  const mode_t shared = S_ISDIR(own.st_mode) ? S_ISGID | S_IRWXG : S_IRGRP | S_IWGRP;
  if (::chmod(path.c_str(), (own.st_mode & 07777) | shared) != 0) return os_error("chmod", path);
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
          std::string("cannot ") + verb + " " + path + ": " + std::strerror(reason),
          {}};
}

Status make_folder(const std::string& path) {
  struct stat info {};
  if (::stat(path.c_str(), &info) == 0) {
    if (S_ISDIR(info.st_mode)) return success();
    return {Errc::unavailable, path + " is not a folder"};
  }
  const std::string parent = parent_of(path);
  if (Status made = make_folder(parent); !made) return made;
  if (::mkdir(path.c_str(), 0770) != 0) {
    return errno == EEXIST ? success() : Status(os_error("create", path));
  }
  if (Status shared = share_as_folder(path); !shared) return shared;
  return sync_folder(parent);
}

Result<UniqueFd> open_or_create(const std::string& path) {
  UniqueFd there(::open(path.c_str(), O_RDWR | O_CLOEXEC));
  if (there) return there;
  if (errno != ENOENT) return os_error("open", path);
  UniqueFd made(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0660));
  if (!made) return os_error("create", path);
  if (Status shared = share_as_folder(path); !shared) return shared.error();
  if (Status synced = sync_folder(parent_of(path)); !synced) return synced.error();
  return made;
}

Status sync_folder(const std::string& path) {
  const UniqueFd folder(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder) return os_error("open", path);
  return ::fsync(folder.get()) == 0 ? success() : Status(os_error("fsync", path));
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
  const std::string fresh = parent_of(path) + "/" + fresh_name();
  {
    const UniqueFd file(::open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0660));
    if (!file) return os_error("create", fresh);
    if (Status written = write_at(file.get(), text, 0, fresh); !written) return written;
    if (Status shared = share_as_folder(fresh); !shared) return shared;
    if (::fsync(file.get()) != 0) return os_error("fsync", fresh);
  }
  if (::rename(fresh.c_str(), path.c_str()) != 0) return os_error("rename", fresh);
  return sync_folder(parent_of(path));
}

Result<std::string> read_small_file(const std::string& path) {
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) return os_error("open", path);
  auto text = read_at(file.get(), small_file + 1, 0, path);
  if (text && text->size() > small_file) return {Errc::too_large, path + " is too long"};
  return text;
}

Result<std::vector<std::string>> list_folder(const std::string& path) {
  const std::unique_ptr<DIR, int (*)(DIR*)> folder(::opendir(path.c_str()), ::closedir);
  if (!folder) return os_error("list", path);
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
