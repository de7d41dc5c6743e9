#include "scheduler/dagfile/folder_watch.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>

#include "common/result.h"

namespace batuta {
namespace {

constexpr std::uint32_t interesting = IN_CLOSE_WRITE | IN_MODIFY | IN_MOVED_TO | IN_MOVED_FROM |
                                      IN_DELETE | IN_CREATE | IN_ATTRIB | IN_DELETE_SELF |
                                      IN_MOVE_SELF | IN_ONLYDIR;

void drain(int fd) {
  char sink[16 << 10];
  while (::read(fd, sink, sizeof(sink)) > 0) {
  }
}

}  // namespace

FolderWatch::FolderWatch(std::string folder)
    : folder_(std::move(folder)),
      inotify_(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK)),
      wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  BATUTA_CHECK(wake_, "no file descriptor left for the DAG folder's watcher");
}

void FolderWatch::watch(const std::vector<std::string>& folders) {
  if (!inotify_) return;
  // Adding a watch that exists changes nothing, and the kernel drops the watch of a deleted folder.
  for (const auto& below : folders) {
    const auto path = below.empty() ? folder_ : folder_ + "/" + below;
    ::inotify_add_watch(inotify_.get(), path.c_str(), interesting);
  }
}

void FolderWatch::watch_outside(const std::vector<std::string>& folders) {
  if (!inotify_) return;
  for (const auto& folder : folders) {
    ::inotify_add_watch(inotify_.get(), folder.c_str(), interesting);
  }
}

void FolderWatch::wait(Duration timeout) {
  const auto ms = std::chrono::ceil<std::chrono::milliseconds>(timeout).count();
  pollfd sources[2] = {{wake_.get(), POLLIN, 0}, {inotify_.get(), POLLIN, 0}};
  ::poll(sources, 2, static_cast<int>(std::clamp<std::int64_t>(ms, 0, 60'000)));
  drain(wake_.get());
  if (inotify_) drain(inotify_.get());
}

void FolderWatch::wake() {
  const std::uint64_t one = 1;
  // Fails only when the counter is full, and then a wake is pending anyway.
  [[maybe_unused]] const auto written = ::write(wake_.get(), &one, sizeof(one));
}

}  // namespace batuta
