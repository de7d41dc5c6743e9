// One scheduler per home: an exclusive flock on <home>/scheduler.lock, held for the process's life.
#pragma once

#include <string>

#include "common/result.h"

namespace batuta {

class HomeLock {
 public:
  // Errc::conflict, naming the holder's process, when another one has it; Errc::internal when the
  // file cannot be made. The kernel frees the lock with the process, however that ends; children do
  // not inherit it.
  static Result<HomeLock> acquire(const std::string& home);

  HomeLock(HomeLock&& other) noexcept : fd_(other.fd_) { other.fd_ = -1; }
  HomeLock& operator=(HomeLock&&) = delete;
  ~HomeLock();

 private:
  explicit HomeLock(int fd) : fd_(fd) {}
  int fd_;
};

}  // namespace batuta
