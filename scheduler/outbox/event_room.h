// How many events of one kind may wait to be sent. More are lost, which is told.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>

#include "scheduler/core/effects.h"

namespace batuta {

// Events that are on their way, and the bytes of their texts.
struct EventBacklog {
  std::size_t events = 0;
  std::size_t bytes = 0;
};
inline constexpr EventBacklog most_events{10'000, 64u << 20};

// Control thread, but for lost(). The event log is told when loss begins ("lineage_full") and when
// there is room again ("lineage_resumed", with how many were lost), by the name of the kind.
class EventRoom {
 public:
  EventRoom(std::string what, std::function<EventBacklog()> waiting, EventBacklog most);

  void begin();                  // of a turn
  bool take(std::size_t bytes);  // false: there is no room for one more, and it is counted as lost
  void end(Changes& changes, const Now& now);

  std::uint64_t lost() const { return lost_; }  // any thread; since the start

 private:
  const std::string what_;
  const std::function<EventBacklog()> waiting_;
  const EventBacklog most_;
  EventBacklog at_begin_, left_;
  std::uint64_t lost_now_ = 0;  // in this turn
  bool full_ = false;
  std::uint64_t lost_before_ = 0;  // when it became full
  std::atomic<std::uint64_t> lost_{0};
};

}  // namespace batuta
