// One agent's connection: frames in become events, messages out become bytes.
//
// Reading happens on the io thread. Sending starts on the control thread, straight into the socket
// (a hop to the io thread would cost more than the send); what the kernel does not take waits in a
// bounded buffer that the io thread drains.
#pragma once

#include <boost/asio/local/stream_protocol.hpp>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "common/frame.h"
#include "common/message.h"
#include "scheduler/core/event.h"

namespace batuta {

class WorkerLink : public std::enable_shared_from_this<WorkerLink> {
 public:
  using Socket = boost::asio::local::stream_protocol::socket;
  struct Callbacks {
    // Io thread. False: the events were not taken, the connection must close.
    std::function<bool(std::vector<Event>)> events;
    // Io thread, once, after the first Hello and when the connection is over.
    std::function<void(const Hello&)> joined;
    std::function<void(const std::string& reason)> closed;  // empty: the worker hung up
  };

  WorkerLink(WorkerId id, Socket socket, Welcome welcome, Callbacks callbacks);
  void start();  // io thread

  void queue(const ToAgent& message);     // control thread; sent at the next flush()
  void flush();                           // control thread
  void close(const std::string& reason);  // any thread

  WorkerId id() const { return id_; }

 private:
  void read();
  bool take_frames();
  bool on_message(FromAgent message, std::vector<Event>& events);
  void send_from_io(const ToAgent& message);
  void write_some(std::unique_lock<std::mutex>& lock);
  void wait_writable();
  void finish(const std::string& reason);

  const WorkerId id_;
  Socket socket_;
  const Welcome welcome_;
  Callbacks callbacks_;
  bool greeted_ = false;               // io thread
  bool finished_ = false;              // io thread
  FrameReader frames_;                 // io thread
  std::array<char, 64 * 1024> chunk_;  // io thread
  std::string staged_;                 // control thread

  std::mutex mutex_;  // guards what follows
  std::string unsent_;
  bool waiting_writable_ = false;
  bool broken_ = false;
};

// More unsent bytes than this and the agent is taken for stuck.
inline constexpr std::size_t max_unsent_bytes = 64u << 20;

}  // namespace batuta
