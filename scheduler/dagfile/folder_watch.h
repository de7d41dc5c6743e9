// Tells when something below the DAG folder may have changed: inotify, with the caller's own
// time-out as the sweep for file systems that do not notify.
#pragma once

#include <string>
#include <vector>

#include "common/fd.h"
#include "common/time.h"

namespace batuta {

class FolderWatch {
 public:
  // `folder` need not exist yet. Without inotify it only times out.
  explicit FolderWatch(std::string folder);
  FolderWatch(const FolderWatch&) = delete;
  FolderWatch& operator=(const FolderWatch&) = delete;

  // The folders to watch, relative; those gone are forgotten. One thread, the same as wait().
  void watch(const std::vector<std::string>& folders);
  // The same for folders elsewhere, as they are named.
  void watch_outside(const std::vector<std::string>& folders);
  // Blocks until a change, wake() or the time-out, then takes all that is pending.
  void wait(Duration timeout);
  // Ends a wait, now or the next one. Any thread.
  void wake();

 private:
  std::string folder_;
  UniqueFd inotify_;  // none: time-outs are all there is
  UniqueFd wake_;
};

}  // namespace batuta
