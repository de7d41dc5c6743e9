// Accepts connections and keeps their number in bounds.
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <list>
#include <optional>
#include <system_error>
#include <tuple>

#include "common/log.h"
#include "common/log_limit.h"
#include "scheduler/http/forwarded.h"
#include "scheduler/http/response.h"
#include "scheduler/http/server.h"
#include "scheduler/http/session.h"

namespace batuta::http {

namespace asio = boost::asio;
using boost::system::error_code;

namespace {
constexpr auto pause_without_descriptors = std::chrono::milliseconds(100);
// Newcomers who are told at leisure why they are turned away; more of them at once are told in
// passing, and what they have sent may undo the answer.
constexpr std::size_t most_refusals = 64;
}  // namespace

// Everything on the io thread except port() and the posting in stop() and answer_for().
struct Server::Impl : std::enable_shared_from_this<Server::Impl> {
  Impl(asio::io_context& io_context, Limits limits, Handler handler, Identify identify)
      : io(io_context),
        acceptor(io_context),
        pause(io_context),
        context(std::make_shared<SessionContext>(
            SessionContext{std::make_shared<const IoPost>(io_context), std::move(limits),
                           std::move(handler), std::move(identify)})) {
    context->admit = [this](const Session& session) { return admit(session); };
  }

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
    own_name = ip.is_v6() ? "[" + ip.to_string() + "]" : ip.to_string();
    context->limits.guard.hosts.push_back(own_name);
  }

  void answer_for(std::vector<std::string> hosts, std::vector<std::string> trusted_proxies) {
    auto& names = context->limits.guard.hosts;
    names = GuardOptions{}.hosts;
    names.push_back(own_name);
    names.insert(names.end(), hosts.begin(), hosts.end());
    context->limits.trusted_proxies = std::move(trusted_proxies);
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

  // Out of descriptors or memory: the next accept would fail at once, so wait a moment. It fails so
  // also when nobody asks to come in; only for somebody room is made.
  void accept_later(const error_code& failure) {
    warn("accept", "cannot accept: " + failure.message());
    pollfd door{acceptor.native_handle(), POLLIN, 0};
    if (::poll(&door, 1, 0) == 1) make_room(nullptr);
    pause.expires_after(pause_without_descriptors);
    pause.async_wait([self = shared_from_this()](error_code cancelled) {
      if (!cancelled && !self->stopped) self->accept();
    });
  }

  void take(asio::ip::tcp::socket socket) {
    error_code failure;
    const auto remote = socket.remote_endpoint(failure);
    if (failure) return;  // gone already
    const std::string raw = remote.address().to_string();
    const std::string address = plain_address(raw).value_or(raw);
    const auto& limits = context->limits;
    // Whose requests a proxy will bring is not known yet: see admit().
    if (!is_trusted(address, limits.trusted_proxies) &&
        strangers(address) >= limits.connections_per_address && !make_room(&address)) {
      return turn_away(std::move(socket), address, "address", std::string(address_is_full));
    }
    if (sessions.size() - closing >= limits.connections && !make_room(nullptr)) {
      return turn_away(std::move(socket), address, "all", "too many requests are under way");
    }
    sessions.push_back({address, make_session(std::move(socket), address, context)});
    const auto place = std::prev(sessions.end());
    place->session->start([self = shared_from_this(), place] { self->remove(place); });
  }

  // As SessionContext::admit; the session is counted already.
  bool admit(const Session& session) {
    const std::string client = session.client();
    if (strangers(client) <= context->limits.connections_per_address) return true;
    if (make_room(&client, &session)) return true;
    warn("address", "turned away a request of " + client + ": " + std::string(address_is_full));
    return false;
  }

  // Connections with requests of an address whose users nobody knows.
  std::size_t strangers(const std::string& address) const {
    return static_cast<std::size_t>(
        std::count_if(sessions.begin(), sessions.end(), [&](const Entry& entry) {
          return entry.session && entry.session->user().empty() &&
                 entry.session->client() == address;
        }));
  }

  // Closes the connection that is missed least (see Limits), of all or of the strangers of
  // `address`; it leaves the list at once, so that its place is free. False when all are busy.
  bool make_room(const std::string* address, const Session* spared = nullptr) {
    using Rank = std::tuple<bool, bool, std::chrono::steady_clock::time_point>;
    std::optional<Rank> least;
    auto victim = sessions.end();
    for (auto it = sessions.begin(); it != sessions.end(); ++it) {
      if (!it->session || it->session.get() == spared) continue;
      if (it->session->standing() == Standing::held) continue;
      const bool known = !it->session->user().empty();
      if (address && (known || it->session->client() != *address)) continue;
      const bool moving = it->session->standing() == Standing::moving;
      const Rank rank{moving, moving && known, it->session->moved_at()};
      if (least && *least <= rank) continue;
      least = rank;
      victim = it;
    }
    if (!least) return false;
    if (std::get<0>(*least)) {
      const std::string& client = victim->session->client();
      warn("cut", "closed a connection of " + (client.empty() ? victim->address : client) +
                      " in the middle of a request: others need its place");
    }
    victim->session->close();
    victim->session = nullptr;  // remove() takes the entry away when the coroutine has ended
    ++closing;
    return true;
  }

  void turn_away(asio::ip::tcp::socket socket, const std::string& address, const char* key,
                 const std::string& why) {
    warn(key, "turned away a connection of " + address + ": " + why);
    if (refusals.size() >= most_refusals) {
      const Response answer = error_response(503, why);
      const std::string bytes = response_head(answer, false) + answer.body;
      error_code ignored;
      socket.non_blocking(true, ignored);
      socket.send(asio::buffer(bytes), 0, ignored);
      return;
    }
    refusals.push_back({address, make_session(std::move(socket), address, context)});
    const auto place = std::prev(refusals.end());
    place->session->turn_away(why,
                              [self = shared_from_this(), place] { self->refusals.erase(place); });
  }

  // What repeats under an attack is said once a minute.
  void warn(const char* key, const std::string& text) {
    const auto now = std::chrono::steady_clock::now().time_since_epoch();
    const auto more =
        limit.pass(key, std::chrono::duration_cast<std::chrono::microseconds>(now).count());
    if (more) log::warn("http: " + text + *more);
  }

  void remove(Sessions::iterator place) {
    if (!place->session) --closing;
    sessions.erase(place);
  }

  void close_all() {
    stopped = true;
    context->post = nullptr;
    error_code ignored;
    acceptor.close(ignored);
    pause.cancel();
    for (auto* list : {&sessions, &refusals}) {
      for (auto& entry : *list) {
        if (entry.session) entry.session->close();
      }
    }
  }

  asio::io_context& io;
  asio::ip::tcp::acceptor acceptor;
  asio::steady_timer pause;
  std::shared_ptr<SessionContext> context;
  Sessions sessions;
  std::size_t closing = 0;
  Sessions refusals;
  LogLimit limit;
  std::string own_name;
  std::uint16_t port = 0;
  bool stopped = false;
};

Server::Server(asio::io_context& io, const std::string& address, std::uint16_t port, Limits limits,
               Handler handler, Identify identify)
    : impl_(
          std::make_shared<Impl>(io, std::move(limits), std::move(handler), std::move(identify))) {
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
  impl_->context->identify = nullptr;
}

std::uint16_t Server::port() const {
  return impl_->port;
}

void Server::answer_for(std::vector<std::string> hosts, std::vector<std::string> trusted_proxies) {
  asio::post(impl_->io, [impl = impl_, hosts = std::move(hosts),
                         proxies = std::move(trusted_proxies)]() mutable {
    impl->answer_for(std::move(hosts), std::move(proxies));
  });
}

void Server::stop() {
  asio::post(impl_->io, [impl = impl_] { impl->close_all(); });
}

}  // namespace batuta::http
