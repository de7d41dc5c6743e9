// One connection: a coroutine that reads a request, hands it to the handler, writes the answer.
// The only file that knows Beast.
#include "scheduler/http/session.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>

#include "common/log.h"
#include "scheduler/http/forwarded.h"
#include "scheduler/http/request_counts.h"
#include "scheduler/http/response.h"

namespace batuta::http {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
using boost::system::error_code;
using boost::system::system_error;
using Clock = std::chrono::steady_clock;

constexpr std::size_t linger_bytes = 8 << 20;
constexpr auto linger_time = std::chrono::seconds(2);
constexpr std::size_t write_piece = 64 << 10;

// Carries the handler's answer back to the session's thread, exactly once: a handler that forgets
// to answer becomes a 500 instead of a connection that hangs.
template <class Done>
class Answer {
 public:
  Answer(std::shared_ptr<const IoPost> post, asio::any_io_executor executor, Done done)
      : post_(std::move(post)), executor_(std::move(executor)), done_(std::move(done)) {}
  Answer(const Answer&) = delete;
  Answer& operator=(const Answer&) = delete;
  ~Answer() { give(error_response(500, "the request was dropped")); }

  void give(Response response) {
    if (answered_.exchange(true)) return;
    // Shared, for what is done with an answer can only be moved.
    auto kept = std::make_shared<Kept>(std::move(done_), std::move(response));
    auto work = [kept] { std::move(kept->done)(std::move(kept->response)); };
    if (post_) {
      (*post_)(std::move(work));
    } else {
      asio::post(executor_, std::move(work));
    }
  }

 private:
  struct Kept {
    Kept(Done d, Response r) : done(std::move(d)), response(std::move(r)) {}
    Done done;
    Response response;
  };
  const std::shared_ptr<const IoPost> post_;
  asio::any_io_executor executor_;
  Done done_;
  std::atomic<bool> answered_{false};
};

class BeastSession final : public Session, public std::enable_shared_from_this<BeastSession> {
 public:
  BeastSession(asio::ip::tcp::socket socket, std::string peer,
               std::shared_ptr<SessionContext> context)
      : stream_(std::move(socket)),
        peer_(std::move(peer)),
        context_(std::move(context)),
        proxied_(is_trusted(peer_, limits().trusted_proxies)),
        client_(proxied_ ? "" : peer_),
        buffer_(limits().guard.max_head_bytes + (64 << 10)),
        wake_(stream_.get_executor()) {}

  void start(std::function<void()> ended) override {
    auto self = shared_from_this();
    asio::co_spawn(
        stream_.get_executor(), [self]() { return self->run(); },
        [self, ended = std::move(ended)](std::exception_ptr failure) {
          self->close();
          ended();
          self->report(failure);
        });
  }

  void turn_away(std::string why, std::function<void()> ended) override {
    auto self = shared_from_this();
    asio::co_spawn(
        stream_.get_executor(),
        [self, refusal = Refusal{503, std::move(why)}]() { return self->refuse(refusal); },
        [self, ended = std::move(ended)](std::exception_ptr failure) {
          self->close();
          ended();
          self->report(failure);
        });
  }

  void close() override {
    error_code ignored;
    stream_.socket().close(ignored);
    closed_ = true;
  }

  Standing standing() const override { return standing_; }
  Clock::time_point moved_at() const override { return moved_at_; }
  const std::string& user() const override { return user_; }
  const std::string& client() const override { return client_; }

 private:
  const Limits& limits() const { return context_->limits; }

  asio::awaitable<void> run() {
    error_code ignored;
    stream_.socket().set_option(asio::ip::tcp::no_delay(true), ignored);
    stream_.socket().non_blocking(true, ignored);  // see take_what_came
    for (std::size_t served = 1; !closed_; ++served) {
      const bool more = co_await serve_one(served);
      if (!more) break;
    }
  }

  // Timeouts and disconnects end a session every day; anything else is worth a line.
  void report(std::exception_ptr failure) {
    if (!failure) return;
    try {
      std::rethrow_exception(failure);
    } catch (const system_error&) {
    } catch (const std::exception& e) {
      log::error(std::string("http session: ") + e.what());
    }
  }

  // One request and its answer. False when the connection must end.
  asio::awaitable<bool> serve_one(std::size_t served) {
    auto verdict = co_await read_head(served == 1);
    if (auto* refusal = std::get_if<Refusal>(&verdict)) {
      co_await refuse(*refusal);
      co_return false;
    }
    auto& head = std::get<Head>(verdict);
    auto request = std::make_shared<Request>();
    fill(head, *request);
    // Whoever sends no body is known in a moment, when the handler has asked.
    const bool ask = head.content_length > 0 && context_->identify;
    user_ = ask ? context_->identify(*request) : std::string();
    const bool stranger = proxied_ && head.content_length > 0 && user_.empty();
    if (stranger && !context_->admit(*this)) {
      const Refusal full{503, std::string(address_is_full)};
      co_await refuse(full);
      co_return false;
    }
    const bool readable = co_await read_body(head, *request);
    if (!readable) co_return false;

    stream_.expires_never();
    standing_ = Standing::held;
    Response response = co_await call_handler(request);
    stop_watching();
    const bool keep = head.keep_alive && !response.close && !response.stream &&
                      served < limits().requests_per_connection;
    co_await write(response, request->method == Method::head, keep);
    if (response.stream && request->method != Method::head) co_await pump(*response.stream);
    co_return keep;
  }

  asio::awaitable<std::variant<Head, Refusal>> read_head(bool first) {
    HeadScanner scanner(limits().guard);
    // A new connection must speak at once; a kept one may rest between two requests.
    bool resting = !first && buffer_.size() == 0;
    standing_ = resting ? Standing::idle : Standing::moving;
    if (proxied_) client_.clear();
    moved();
    stream_.expires_after(resting ? limits().idle : limits().head);
    for (;;) {
      const std::string_view bytes(static_cast<const char*>(buffer_.data().data()), buffer_.size());
      auto found = scanner.scan(bytes);
      if (auto* bad = std::get_if<Refusal>(&found)) co_return *bad;
      if (auto* size = std::get_if<std::size_t>(&found)) {
        auto verdict = check_head(bytes.substr(0, *size), limits().guard);
        if (auto* refusal = std::get_if<Refusal>(&verdict)) co_return *refusal;
        co_return std::get<Head>(std::move(verdict));
      }
      const auto got = co_await stream_.async_read_some(buffer_.prepare(4096), asio::use_awaitable);
      buffer_.commit(got);
      moved();
      standing_ = Standing::moving;
      if (resting) stream_.expires_after(limits().head);
      resting = false;
    }
  }

  // Lets Beast read head and body; the limit is on the parser that is really read into.
  asio::awaitable<bool> read_body(const Head& head, Request& request) {
    beast::http::request_parser<beast::http::string_body> parser;
    parser.header_limit(static_cast<std::uint32_t>(limits().guard.max_head_bytes));
    parser.body_limit(limits().guard.max_body);
    if (head.expect_continue && head.content_length > 0) {
      stream_.expires_after(limits().write);
      co_await asio::async_write(stream_, asio::buffer(std::string_view(continue_line)),
                                 asio::use_awaitable);
    }
    const auto start = Clock::now();
    error_code failure;
    while (!parser.is_done() && !failure) {
      const auto earned = std::chrono::milliseconds(parser.get().body().size() * 1000 / 1024);
      stream_.expires_at(start + std::min(limits().body, limits().body_grace + earned));
      co_await beast::http::async_read_some(stream_, buffer_, parser,
                                            asio::redirect_error(asio::use_awaitable, failure));
      moved();
    }
    if (failure == beast::error::timeout || failure == asio::error::eof) co_return false;
    if (failure) {
      const Refusal malformed{400, "malformed request"};
      co_await refuse(malformed);
      co_return false;
    }
    request.body = std::move(parser.get().body());
    co_return true;
  }

  void fill(Head& head, Request& request) {
    request.method = head.method;
    request.path = std::move(head.path);
    request.query = std::move(head.query);
    request.headers = std::move(head.headers);
    client_ = client_address(peer_, request.header("x-forwarded-for"), limits().trusted_proxies);
    request.peer = client_;
  }

  asio::awaitable<Response> call_handler(std::shared_ptr<Request> request) {
    auto start = [this, request](auto done) {
      auto answer = std::make_shared<Answer<decltype(done)>>(context_->post, stream_.get_executor(),
                                                             std::move(done));
      context_->handler(request,
                        [answer](Response response) { answer->give(std::move(response)); });
      user_ = request->identity.user;
      if (request->on_gone) watch(std::move(request->on_gone));
    };
    return asio::async_initiate<const asio::use_awaitable_t<>, void(Response)>(std::move(start),
                                                                               asio::use_awaitable);
  }

  asio::awaitable<void> write(const Response& response, bool head_only, bool keep) {
    request_counts().add(response.status);
    const std::string head = response_head(response, keep);
    const bool with_body = !head_only && !response.stream;
    const std::array<asio::const_buffer, 2> parts = {
        asio::buffer(head), with_body ? asio::buffer(response.body) : asio::const_buffer{}};
    stream_.expires_after(limits().write);
    standing_ = response.stream ? Standing::held : Standing::moving;
    moved();
    const auto go_on = [this](const error_code& failure, std::size_t) -> std::size_t {
      moved();
      return failure ? 0 : write_piece;
    };
    co_await asio::async_write(stream_, parts, go_on, asio::use_awaitable);
  }

  // Sends a stream's pieces until it ends, the client goes, or a piece cannot be written in time.
  asio::awaitable<void> pump(Stream& stream) {
    wake_.expires_at(Clock::time_point::max());
    watch([this] { wake_.cancel(); });
    stream.on_ready = [this] { wake_.cancel(); };
    try {
      while (!closed_) {
        const std::string bytes = stream.next();
        if (!bytes.empty()) {
          stream_.expires_after(limits().write);
          co_await asio::async_write(stream_, asio::buffer(bytes), asio::use_awaitable);
          continue;
        }
        if (stream.ended()) break;
        error_code woken;
        co_await wake_.async_wait(asio::redirect_error(asio::use_awaitable, woken));
      }
    } catch (const system_error&) {
      // The client is gone or too slow: the same to us.
    }
    stream.on_ready = nullptr;
    stop_watching();
  }

  // Looks at the client's side while we have nothing to read: its end is the end of the request
  // under way, at once. Waiting takes no bytes away, so that a look which comes too late is
  // harmless.
  void watch(std::function<void()> gone) {
    gone_ = std::move(gone);
    look(++watch_);
  }

  void stop_watching() {
    ++watch_;
    gone_ = nullptr;
  }

  void look(std::uint64_t watch) {
    stream_.socket().async_wait(asio::ip::tcp::socket::wait_read,
                                [self = shared_from_this(), watch](error_code failure) {
                                  if (failure || watch != self->watch_) return;
                                  if (self->take_what_came()) return self->look(watch);
                                  self->close();
                                  std::exchange(self->gone_, nullptr)();
                                });
  }

  // What the client sends ahead is kept for later. False at its end, and when it sends too much.
  bool take_what_came() {
    if (buffer_.size() >= limits().guard.max_head_bytes) return false;
    error_code failure;
    buffer_.commit(stream_.socket().read_some(buffer_.prepare(4096), failure));
    return !failure || failure == asio::error::would_block;
  }

  void moved() { moved_at_ = Clock::now(); }

  // Says why, then reads a little more before closing: a reset would destroy the answer on its way.
  asio::awaitable<void> refuse(const Refusal& refusal) {
    Response response = error_response(refusal.status, refusal.detail);
    if (refusal.status == 405) {
      response.headers.emplace_back("Allow", "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS");
    }
    co_await write(response, false, false);
    error_code failure;
    stream_.socket().shutdown(asio::ip::tcp::socket::shutdown_send, failure);
    stream_.expires_after(linger_time);
    std::array<char, 16384> sink;
    for (std::size_t drained = 0; !failure && drained < linger_bytes;) {
      drained += co_await stream_.async_read_some(
          asio::buffer(sink), asio::redirect_error(asio::use_awaitable, failure));
    }
  }

  static constexpr std::string_view continue_line = "HTTP/1.1 100 Continue\r\n\r\n";

  beast::tcp_stream stream_;
  std::string peer_;
  std::shared_ptr<SessionContext> context_;
  const bool proxied_;  // the peer is a trusted proxy
  std::string client_;
  beast::flat_buffer buffer_;
  asio::steady_timer wake_;     // of the stream under way
  std::function<void()> gone_;  // while the client's side is watched
  std::uint64_t watch_ = 0;     // the newest watch; looks of older ones are over
  Standing standing_ = Standing::moving;
  Clock::time_point moved_at_ = Clock::now();
  std::string user_;
  bool closed_ = false;
};

}  // namespace

std::shared_ptr<Session> make_session(boost::asio::ip::tcp::socket socket, std::string peer,
                                      std::shared_ptr<SessionContext> context) {
  return std::make_shared<BeastSession>(std::move(socket), std::move(peer), std::move(context));
}

}  // namespace batuta::http
