#include "scheduler/store/home_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace batuta {
namespace {

// The holder's process id as it wrote it, or empty.
std::string holder_of(int fd) {
  char text[24] = {};
  const ssize_t size = ::pread(fd, text, sizeof text - 1, 0);
  std::string pid(text, size > 0 ? static_cast<std::size_t>(size) : 0);
  return pid.substr(0, pid.find_first_not_of("0123456789"));
}

Error file_error(const std::string& path) {
  return Error{Errc::internal, "cannot lock " + path + ": " + std::strerror(errno), {}};
}

}  // namespace

Result<HomeLock> HomeLock::acquire(const std::string& home) {
  // The folder first: the file may be deleted under the scheduler that holds it, the folder not
  // without the rest. Where the file system cannot lock one, the file alone has to do.
  UniqueFd folder(::open(home.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  const bool taken =
      folder && ::flock(folder.get(), LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK;
  const std::string path = home + "/scheduler.lock";
  UniqueFd file(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!file) return file_error(path);
  const int fd = file.get();
  if (taken || ::flock(fd, LOCK_EX | LOCK_NB) != 0) {
    if (!taken && errno != EWOULDBLOCK) return file_error(path);
    const std::string pid = holder_of(fd);
    return Error{Errc::conflict,
                 home + " is in use by another scheduler" +
                     (pid.empty() ? std::string() : " (process " + pid + ")") +
                     "; stop it, or choose another home with --home",
                 {}};
  }
  // For people only: the lock is the flock, whatever the file says. A full disk may leave it empty.
  const std::string pid = std::to_string(::getpid()) + "\n";
  if (::ftruncate(fd, 0) == 0) {
    [[maybe_unused]] const ssize_t written = ::pwrite(fd, pid.data(), pid.size(), 0);
  }
  return HomeLock(std::move(folder), std::move(file));
}

}  // namespace batuta
