#include "worker/posix.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <memory>
#include <string_view>
#include <system_error>

namespace batuta {

std::string errno_text(std::string_view what) {
  return std::string{what} + ": " + std::generic_category().message(errno);
}

std::int64_t boot_us() {
  timespec now{};
  ::clock_gettime(CLOCK_BOOTTIME, &now);
  return std::int64_t{now.tv_sec} * 1'000'000 + now.tv_nsec / 1'000;
}

Time wall_now() {
  return std::chrono::time_point_cast<Duration>(std::chrono::system_clock::now());
}

std::int64_t processor_us(const rusage& used) {
  const auto us = [](const timeval& t) { return std::int64_t{t.tv_sec} * 1'000'000 + t.tv_usec; };
  return us(used.ru_utime) + us(used.ru_stime);
}

Status make_folder(const std::string& path) {
  if (::mkdir(path.c_str(), 0700) == 0 || errno == EEXIST) return success();
  const auto slash = path.find_last_of('/');
  if (errno == ENOENT && slash != std::string::npos && slash > 0) {
    if (Status parent = make_folder(path.substr(0, slash)); !parent) return parent;
    if (::mkdir(path.c_str(), 0700) == 0 || errno == EEXIST) return success();
  }
  return {Errc::unavailable, errno_text("mkdir " + path)};
}

bool is_pristine_folder(const std::string& path) {
  struct stat info {};
  if (::lstat(path.c_str(), &info) != 0 || (info.st_mode & (S_IFMT | 07777)) != (S_IFDIR | 0700)) {
    return false;
  }
  const std::unique_ptr<DIR, int (*)(DIR*)> dir{::opendir(path.c_str()), &::closedir};
  while (const dirent* entry = dir ? ::readdir(dir.get()) : nullptr) {
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") return false;
  }
  return dir != nullptr;
}

void remove_tree(const std::string& path) {
  std::error_code ignored;
  std::filesystem::remove_all(path, ignored);
}

Result<UniqueFd> lock_file(const std::string& path) {
  UniqueFd fd{::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600)};
  if (!fd) return {Errc::unavailable, errno_text("open " + path)};
  if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
    return {errno == EWOULDBLOCK ? Errc::conflict : Errc::unavailable, errno_text("lock " + path)};
  }
  return fd;
}

bool lock_is_free(const std::string& path) {
  const UniqueFd fd{::open(path.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW)};
  if (!fd) return errno == ENOENT;
  return ::flock(fd.get(), LOCK_EX | LOCK_NB) == 0;
}

}  // namespace batuta
