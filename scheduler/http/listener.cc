// Accepts connections and keeps their number in bounds.
#include <sys/socket.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <list>
#include <map>
#include <system_error>

#include "common/log.h"
#include "scheduler/http/server.h"
#include "scheduler/http/session.h"

namespace batuta::http {

namespace asio = boost::asio;
using boost::system::error_code;

namespace {
constexpr auto pause_without_descriptors = std::chrono::milliseconds(100);
}

// Everything on the io thread except port() and the posting in stop().
struct Server::Impl : std::enable_shared_from_this<Server::Impl> {
  Impl(asio::io_context& io_context, Limits limits, Handler handler)
      : io(io_context),
        acceptor(io_context),
        pause(io_context),
        context(std::make_shared<SessionContext>(
            SessionContext{std::move(limits), std::move(handler)})) {}

  struct Entry {
    std::string address;
    std::shared_ptr<Session> session;
  };
  using Sessions = std::list<Entry>;  // oldest first

  void listen(const std::string& address, std::uint16_t wanted) {
    error_code failure;
    // Asio throws an exception of Boost's own, which nobody who uses this room knows.
    const auto check = [&failure] {
      if (failure) throw std::system_error(std::error_code(failure));
    };
    const asio::ip::tcp::endpoint endpoint(asio::ip::make_address(address, failure), wanted);
    check();
    acceptor.open(endpoint.protocol(), failure);
    check();
    acceptor.set_option(asio::socket_base::reuse_address(true), failure);
    check();
    acceptor.bind(endpoint, failure);
    check();
    acceptor.listen(512, failure);
    check();
    port = acceptor.local_endpoint().port();
    const auto& ip = endpoint.address();
    context->limits.guard.hosts.push_back(ip.is_v6() ? "[" + ip.to_string() + "]" : ip.to_string());
  }

  void accept() {
    acceptor.async_accept(
        [self = shared_from_this()](error_code failure, asio::ip::tcp::socket socket) {
          if (self->stopped) return;
          if (failure) return self->accept_later(failure);
          self->take(std::move(socket));
          self->accept();
        });
  }

  // Out of descriptors or memory: the next accept would fail at once, so wait a moment.
  void accept_later(const error_code& failure) {
    log::warn("http: cannot accept: " + failure.message());
    pause.expires_after(pause_without_descriptors);
    pause.async_wait([self = shared_from_this()](error_code cancelled) {
      if (!cancelled && !self->stopped) self->accept();
    });
  }

  void take(asio::ip::tcp::socket socket) {
    error_code failure;
    const auto remote = socket.remote_endpoint(failure);
    if (failure) return;  // gone already
    const std::string address = remote.address().to_string();
    const auto& limits = context->limits;
    if (per_address[address] >= limits.connections_per_address && !make_room(&address)) {
      return turn_away(std::move(socket), address);
    }
    if (sessions.size() - closing >= limits.connections && !make_room(nullptr)) {
      return turn_away(std::move(socket), address);
    }
    sessions.push_back({address, make_session(std::move(socket), address, context)});
    ++per_address[address];
    const auto place = std::prev(sessions.end());
    place->session->start([self = shared_from_this(), place] { self->remove(place); });
  }

  // Closes the oldest connection that waits for a request; it leaves the list at once, so that its
  // place is free. False when all are busy.
  bool make_room(const std::string* address) {
    for (auto it = sessions.begin(); it != sessions.end(); ++it) {
      if (!it->session || !it->session->waiting()) continue;
      if (address && it->address != *address) continue;
      it->session->close();
      forget(it->address);
      it->session = nullptr;  // remove() takes the entry away when the coroutine has ended
      ++closing;
      return true;
    }
    return false;
  }

  void turn_away(asio::ip::tcp::socket socket, const std::string& address) {
    if (per_address[address] == 0) per_address.erase(address);
    constexpr std::string_view answer =
        "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nContent-Length: 0\r\n"
        "Connection: close\r\n\r\n";
    error_code ignored;
    socket.non_blocking(true, ignored);
    socket.send(asio::buffer(answer), 0, ignored);
  }

  void forget(const std::string& address) {
    if (--per_address[address] == 0) per_address.erase(address);
  }

  void remove(Sessions::iterator place) {
    if (place->session) {
      forget(place->address);
    } else {
      --closing;
    }
    sessions.erase(place);
  }

  void close_all() {
    stopped = true;
    error_code ignored;
    acceptor.close(ignored);
    pause.cancel();
    for (auto& entry : sessions) {
      if (entry.session) entry.session->close();
    }
  }

  asio::io_context& io;
  asio::ip::tcp::acceptor acceptor;
  asio::steady_timer pause;
  std::shared_ptr<SessionContext> context;
  Sessions sessions;
  std::map<std::string, std::size_t> per_address;
  std::size_t closing = 0;
  std::uint16_t port = 0;
  bool stopped = false;
};

Server::Server(asio::io_context& io, const std::string& address, std::uint16_t port, Limits limits,
               Handler handler)
    : impl_(std::make_shared<Impl>(io, std::move(limits), std::move(handler))) {
  impl_->listen(address, port);
  impl_->accept();
}

Server::~Server() {
  if (!impl_->io.stopped()) {
    stop();
    return;
  }
  // Nothing posted would run any more; the handler, and what it refers to, must not outlive us.
  impl_->close_all();
  impl_->context->handler = nullptr;
}

std::uint16_t Server::port() const {
  return impl_->port;
}

void Server::stop() {
  asio::post(impl_->io, [impl = impl_] { impl->close_all(); });
}

}  // namespace batuta::http
