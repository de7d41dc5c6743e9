// The agent's connection to its scheduler: a framed stream over a Unix socket. Knows bytes and
// messages, not what they mean.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/frame.h"
#include "common/message.h"
#include "worker/posix.h"

namespace batuta {

class SchedulerLink {
 public:
  explicit SchedulerLink(std::string socket_path) : path_(std::move(socket_path)) {}

  bool connected() const { return static_cast<bool>(socket_); }
  int fd() const { return socket_.get(); }
  // Errc::unavailable when nobody listens, Errc::forbidden when another user does.
  Status connect();
  void close();

  void send(const FromAgent& message);
  void send_encoded(std::string_view body) { append_frame(unsent_, body); }
  // False when the connection is broken or the scheduler has not read for too long.
  bool flush();
  bool wants_write() const { return !unsent_.empty(); }

  struct Incoming {
    ToAgent message;
    std::string body;  // as it came; kept for launches only
  };
  // Appends what has arrived. False when the connection ended or carries garbage.
  bool read(std::vector<Incoming>& out);

 private:
  std::string path_;
  UniqueFd socket_;
  FrameReader reader_;
  std::string unsent_;
};

}  // namespace batuta
