// One agent's connection: frames in become events, messages out become frames. Greets: who comes
// with a version we do not speak, or when reports cannot be taken, is told why and sent away.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "common/frame.h"
#include "common/message.h"
#include "scheduler/core/event.h"
#include "scheduler/workers/transport.h"
#include "scheduler/workers/worker_offers.h"

namespace batuta {

class WorkerLink : public std::enable_shared_from_this<WorkerLink> {
 public:
  // All on the io thread.
  struct Callbacks {
    // What it offers: before the events that make the engine count on it. A worker that leaves
    // offers nothing; that is no news about its plugins, and not told.
    std::function<void(WorkerOffers)> offers;
    // False: the events were not taken, the connection must close.
    std::function<bool(std::vector<Event>)> events;
    // Once each: after the first Hello was taken, and when the connection is over. Empty reason:
    // the worker hung up.
    std::function<void(const Hello&)> joined;
    std::function<void(const std::string& reason)> closed;
    std::function<void(const Leaving&)> leaving;
    std::function<void(FileChunk)> file_chunk;
  };

  WorkerLink(WorkerId id, std::shared_ptr<Channel> channel, Welcome welcome, Callbacks callbacks);
  void start();  // io thread

  void queue(const ToAgent& message);     // control thread; sent at the next flush()
  void flush();                           // control thread
  void send(const ToAgent& message);      // any thread; at once
  void close(const std::string& reason);  // any thread

  // What both speak; 0 until it has greeted. Any thread.
  std::uint32_t version() const { return version_; }
  WorkerId id() const { return id_; }
  bool same_host() const { return channel_->same_host(); }

 private:
  void received(std::string_view bytes);
  bool on_message(FromAgent message, std::vector<Event>& events);
  bool on_hello(Hello hello, std::vector<Event>& events);
  void hand_over(std::vector<Event> events);
  void refuse(const std::string& why, bool retry);

  const WorkerId id_;
  const std::shared_ptr<Channel> channel_;
  const Welcome welcome_;
  const Callbacks callbacks_;
  std::string staged_;  // control thread
  std::atomic<std::uint32_t> version_{0};

  // Io thread.
  FrameReader frames_;
  bool greeted_ = false;  // it has said Hello, and we speak a version of it
  bool joined_ = false;   // and the engine knows
  bool over_ = false;     // we have asked the channel to close: nothing more is read
};

}  // namespace batuta
