// One connection, as the listener sees it. Private to the room.
#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <functional>
#include <memory>
#include <string>

#include "scheduler/http/exchange.h"
#include "scheduler/http/server.h"

namespace batuta::http {

// What every session of one server shares; outlives them.
struct SessionContext {
  Limits limits;
  Handler handler;
};

// io thread only.
class Session {
 public:
  virtual ~Session() = default;
  // Runs until the connection ends; then `ended` is called once.
  virtual void start(std::function<void()> ended) = 0;
  virtual void close() = 0;
  // True while no whole request is here: such a connection may be closed to make room.
  virtual bool waiting() const = 0;
};

std::shared_ptr<Session> make_session(boost::asio::ip::tcp::socket socket, std::string peer,
                                      std::shared_ptr<SessionContext> context);

}  // namespace batuta::http
