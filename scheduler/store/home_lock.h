// One scheduler per home: an exclusive flock on the folder and on <home>/scheduler.lock, which says
// whose it is, held for the process's life.
#pragma once

#include <string>
#include <utility>

#include "common/fd.h"
#include "common/result.h"

namespace batuta {

class HomeLock {
 public:
  // Errc::conflict, naming the holder's process, when another one has it; Errc::internal when the
  // file cannot be made. The kernel frees the lock with the process, however that ends; children do
  // not inherit it.
  static Result<HomeLock> acquire(const std::string& home);

  HomeLock(HomeLock&&) = default;
  HomeLock& operator=(HomeLock&&) = delete;

 private:
  HomeLock(UniqueFd folder, UniqueFd file) : folder_(std::move(folder)), file_(std::move(file)) {}
  UniqueFd folder_;
  UniqueFd file_;
};

}  // namespace batuta
