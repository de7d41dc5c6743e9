// One connection, as the listener sees it. Private to the room.
#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "common/io_post.h"
#include "scheduler/http/exchange.h"
#include "scheduler/http/server.h"

namespace batuta::http {

class Session;

// What every session of one server shares; outlives them.
struct SessionContext {
  // Brings answers back from other threads; null once the server has stopped. It goes away earlier
  // than the sessions, lest it keep the io thread busy.
  std::shared_ptr<const IoPost> post;
  Limits limits;
  Handler handler;
  Identify identify;
  // Whether a stranger behind a trusted proxy may send its body; the connection's own address says
  // nothing there.
  std::function<bool(const Session&)> admit{};
};

// What a connection is about, when another one needs its place.
enum class Standing {
  idle,    // answered and kept; nothing of a next request has come
  moving,  // a request comes in or an answer goes out
  held,    // a whole request is with the handler, or a stream is open
};

inline constexpr std::string_view address_is_full =
    "too many requests of this address are under way";

// io thread only.
class Session {
 public:
  virtual ~Session() = default;
  // Runs until the connection ends; then `ended` is called once.
  virtual void start(std::function<void()> ended) = 0;
  // Instead of start(): answers 503 with the reason, whatever the client sends.
  virtual void turn_away(std::string why, std::function<void()> ended) = 0;
  virtual void close() = 0;
  virtual Standing standing() const = 0;
  // When a byte last came or went.
  virtual std::chrono::steady_clock::time_point moved_at() const = 0;
  // Who sent the newest request; empty: nobody known, so it counts for client().
  virtual const std::string& user() const = 0;
  // The address of whom the request under way is; empty between a trusted proxy's requests.
  virtual const std::string& client() const = 0;
};

std::shared_ptr<Session> make_session(boost::asio::ip::tcp::socket socket, std::string peer,
                                      std::shared_ptr<SessionContext> context);

}  // namespace batuta::http
