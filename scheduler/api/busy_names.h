// Names that something is being done to, so that a second does not begin meanwhile. Private to the
// room.
#pragma once

#include <memory>
#include <mutex>
#include <set>
#include <string>

namespace batuta::http {

class BusyNames {
 public:
  // Held until the last copy goes; nullptr: somebody else holds it. Any thread.
  std::shared_ptr<void> take(const std::string& name) {
    const std::lock_guard guard(held_->mutex);
    if (!held_->names.insert(name).second) return nullptr;
    return std::shared_ptr<void>(held_.get(), [held = held_, name](void*) {
      const std::lock_guard again(held->mutex);
      held->names.erase(name);
    });
  }

 private:
  struct Held {
    std::mutex mutex;
    std::set<std::string> names;
  };
  const std::shared_ptr<Held> held_ = std::make_shared<Held>();
};

}  // namespace batuta::http
