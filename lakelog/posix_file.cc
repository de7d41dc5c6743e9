#include "lakelog/posix_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "common/fd.h"

namespace batuta::lakelog {
namespace {

Error failure(const char* verb, const std::string& path) {
  const int reason = errno;
  const bool absent = reason == ENOENT || reason == ENOTDIR;
  return {absent ? Errc::not_found : Errc::unavailable,
          std::string("cannot ") + verb + " " + path + ": " + std::strerror(reason),
          {}};
}

Status sync_path(const std::string& path, int flags) {
  UniqueFd file(::open(path.c_str(), flags | O_CLOEXEC));
  if (!file) return failure("open", path);
  if (::fsync(file.get()) != 0) return failure("fsync", path);
  return success();
}

}  // namespace

Result<std::string> read_file_range(const std::string& path, std::uint64_t offset,
                                    std::uint64_t length) {
  UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) return failure("open", path);
  std::string text;
  char block[64 << 10];
  while (text.size() < length) {
    const auto wanted = std::min<std::uint64_t>(sizeof block, length - text.size());
    const ssize_t n = ::pread(file.get(), block, static_cast<std::size_t>(wanted),
                              static_cast<off_t>(offset + text.size()));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return failure("read", path);
    if (n == 0) break;
    text.append(block, static_cast<std::size_t>(n));
  }
  return text;
}

namespace {

std::string folder_of(const std::string& path) {
  const auto slash = path.find_last_of('/');
  return slash == std::string::npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
}

// What root puts into a folder of another user is that user's: the scheduler writes the log of
// tables whose slots run as somebody else. In a folder that a group shares (set-group-id: each slot
// has a user of its own) the group may go on with it. Whatever the umask.
Status give_to_owner_of_folder(const std::string& path) {
  struct stat info {};
  if (::geteuid() != 0 || ::stat(folder_of(path).c_str(), &info) != 0 || info.st_uid == 0) {
    return success();
  }
  if (::lchown(path.c_str(), info.st_uid, info.st_gid) != 0) return failure("chown", path);
  if ((info.st_mode & S_ISGID) == 0) return success();
  struct stat own {};
  if (::lstat(path.c_str(), &own) != 0) return failure("stat", path);
  const mode_t shared = S_ISDIR(own.st_mode) ? S_ISGID | S_IRWXG : S_IRGRP | S_IWGRP;
  return ::chmod(path.c_str(), (own.st_mode & 07777) | shared) == 0 ? success()
                                                                    : failure("chmod", path);
}

}  // namespace

Status write_new_file(const std::string& path, std::string_view text) {
  UniqueFd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644));
  if (!file) return failure("create", path);
  std::size_t done = 0;
  while (done < text.size()) {
    const ssize_t n = ::write(file.get(), text.data() + done, text.size() - done);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return failure("write", path);
    done += static_cast<std::size_t>(n);
  }
  if (auto given = give_to_owner_of_folder(path); !given) return given;
  if (::fsync(file.get()) != 0) return failure("fsync", path);
  return success();
}

void start_write_back(const std::string& path) {
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file) (void)::sync_file_range(file.get(), 0, 0, SYNC_FILE_RANGE_WRITE);
}
Status sync_file(const std::string& path) {
  return sync_path(path, O_RDONLY);
}
Status sync_folder(const std::string& path) {
  return sync_path(path, O_RDONLY | O_DIRECTORY);
}

Status make_one_folder(const std::string& path) {
  if (::mkdir(path.c_str(), 0775) == 0) return give_to_owner_of_folder(path);
  if (errno != EEXIST) return failure("create", path);
  struct stat info {};
  if (::stat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode)) return success();
  return {Errc::unavailable, path + " is not a folder"};
}

Status make_folders(const std::string& path) {
  struct stat info {};
  if (::stat(path.c_str(), &info) == 0) {
    if (S_ISDIR(info.st_mode)) return success();
    return {Errc::unavailable, path + " is not a folder"};
  }
  const std::string parent = folder_of(path);
  if (auto made = make_folders(parent); !made) return made;
  if (auto made = make_one_folder(path); !made) return made;
  return sync_folder(parent);
}

}  // namespace batuta::lakelog
