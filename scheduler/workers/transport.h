// The way between scheduler and agents: somebody who accepts, and bytes in order in both
// directions. What the bytes mean is WorkerLink's business, so that a Unix socket, a connection
// over the network and a test's fake serve alike; tests/workers/transport_suite.h says what each of
// them must keep.
//
// Only the io thread touches a socket: send() hands over and returns, so that the control thread
// waits for nobody's kernel buffer.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "common/result.h"

namespace batuta {

// More bytes than this that a peer has not taken, and it is taken for stuck.
inline constexpr std::size_t max_unsent_bytes = 64u << 20;

// One agent's connection.
class Channel {
 public:
  struct Handler {
    // Io thread; the bytes are valid during the call.
    std::function<void(std::string_view bytes)> received;
    // Io thread, once, the last call. Empty: the peer hung up.
    std::function<void(const std::string& reason)> closed;
  };

  virtual ~Channel() = default;
  // Io thread, once.
  virtual void start(Handler handler) = 0;
  // Any thread; what one thread sends arrives in its order. Never blocks. After the end: dropped.
  virtual void send(std::string_view bytes) = 0;
  // Any thread. The end comes soon, as a call of `closed`; what was sent before still goes out as
  // far as the peer takes it at once.
  virtual void close(const std::string& reason) = 0;
  // True when locks under <home>/run prove that the peer's processes are over.
  virtual bool same_host() const = 0;
};

class Transport {
 public:
  // Io thread.
  using Accepted = std::function<void(std::shared_ptr<Channel>)>;

  virtual ~Transport() = default;
  // Errc::unavailable, saying where and why, when there is no place to listen.
  virtual Status listen(Accepted accepted) = 0;
  // Io thread: nobody is accepted any more. Channels go on.
  virtual void stop() = 0;
};

}  // namespace batuta
