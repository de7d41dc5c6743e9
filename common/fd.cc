#include "common/fd.h"

#include <cerrno>

namespace batuta {

void UniqueFd::reset(int fd) {
  if (fd_ >= 0) {
    const int reason = errno;
    ::close(fd_);
    errno = reason;
  }
  fd_ = fd;
}

}  // namespace batuta
