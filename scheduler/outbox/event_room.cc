#include "scheduler/outbox/event_room.h"

#include <algorithm>
#include <utility>

namespace batuta {

EventRoom::EventRoom(std::string what, std::function<EventBacklog()> waiting, EventBacklog most)
    : what_(std::move(what)), waiting_(std::move(waiting)), most_(most) {}

void EventRoom::begin() {
  at_begin_ = waiting_();
  left_ = {most_.events - std::min(at_begin_.events, most_.events),
           most_.bytes - std::min(at_begin_.bytes, most_.bytes)};
  lost_now_ = 0;
}

bool EventRoom::take(std::size_t bytes) {
  if (left_.events == 0 || left_.bytes < bytes) {
    ++lost_now_;
    return false;
  }
  --left_.events;
  left_.bytes -= bytes;
  return true;
}

void EventRoom::end(Changes& changes, const Now& now) {
  const auto tell = [&](const char* event, std::string extra) {
    changes.event_log.push_back({now.wall, what_ + event, "", "", "", "", std::move(extra)});
  };
  if (lost_now_ > 0 && !full_) {
    full_ = true;
    lost_before_ = lost_;
    tell("_full", "{\"waiting\":" + std::to_string(at_begin_.events) +
                      ",\"bytes\":" + std::to_string(at_begin_.bytes) + "}");
  }
  lost_ += lost_now_;
  // Room for a tenth: what is full does not come and go with every event that is sent.
  const auto nearly = [](std::size_t most) { return most - most / 10; };
  if (lost_now_ > 0 || !full_ || at_begin_.events > nearly(most_.events) ||
      at_begin_.bytes > nearly(most_.bytes)) {
    return;
  }
  full_ = false;
  tell("_resumed", "{\"lost\":" + std::to_string(lost_ - lost_before_) + "}");
}

}  // namespace batuta
