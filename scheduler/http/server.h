// The listening socket and its connections: framing, deadlines and limits; what a request means is
// the Handler's business. Used for the API and, in the demo, for the quote service.
//
//   boost::asio::io_context io;
//   Server server(io, "127.0.0.1", 8080, Limits{}, handler);
//   io.run();
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "scheduler/http/exchange.h"
#include "scheduler/http/guard.h"

namespace boost::asio {
class io_context;
}

namespace batuta::http {

struct Limits {
  // At a limit somebody makes room: the connection that has rested longest between two requests,
  // else the one of nobody known whose request or answer has not moved for longest; at the limit of
  // all, then the same of those who are known. When every one is with the handler the newcomer gets
  // 503. HubLimits keep streams and waits well below it, so that short requests find room.
  std::size_t connections = 1024;
  std::size_t connections_per_address = 64;  // of nobody known: users of one proxy are not one
  std::size_t requests_per_connection = 1000;
  std::chrono::milliseconds idle{60'000};  // between two requests
  std::chrono::milliseconds head{10'000};  // first byte (or accept) to the empty line, absolute
  std::chrono::milliseconds body{30'000};  // absolute; besides, 1 KiB/s once `body_grace` passed
  std::chrono::milliseconds body_grace{5'000};
  std::chrono::milliseconds write{30'000};  // one answer, or one piece of a stream
  // Whose X-Forwarded-For is believed: IP addresses as plain_address() writes them.
  std::vector<std::string> trusted_proxies;
  GuardOptions guard;
};

// The user behind a request whose head is here and whose body is not, empty for nobody: so that the
// bodies of strangers make room before those of users. io thread.
using Identify = std::function<std::string(const Request&)>;

class Server {
 public:
  // Binds and listens at once; throws std::system_error when the address cannot be had. Port 0
  // takes a free one. `io` must outlive the server and be run by one thread: the handler is called
  // there. The address is added to the host names answered for. Without `identify` nobody is known
  // before the handler has filled in the request's identity.
  Server(boost::asio::io_context& io, const std::string& address, std::uint16_t port, Limits limits,
         Handler handler, Identify identify = nullptr);
  // As stop(). When the io_context has been stopped, the handler is let go here; else with the last
  // session.
  ~Server();

  std::uint16_t port() const;
  // Any thread: from soon on these names are answered for, beside the address and GuardOptions'
  // own, and these proxies are believed, in place of what Limits said.
  void answer_for(std::vector<std::string> hosts, std::vector<std::string> trusted_proxies);
  // Any thread: stops accepting and closes every connection, soon. Idempotent.
  void stop();

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace batuta::http
