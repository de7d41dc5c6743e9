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

// Carries the handler's answer back to the session's thread, exactly once: a handler that forgets
// to answer becomes a 500 instead of a connection that hangs.
template <class Done>
class Answer {
 public:
  Answer(asio::any_io_executor executor, Done done)
      : executor_(std::move(executor)), done_(std::move(done)) {}
  Answer(const Answer&) = delete;
  Answer& operator=(const Answer&) = delete;
  ~Answer() { give(error_response(500, "the request was dropped")); }

  void give(Response response) {
    if (answered_.exchange(true)) return;
    asio::post(executor_, [done = std::move(done_), response = std::move(response)]() mutable {
      std::move(done)(std::move(response));
    });
  }

 private:
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

  void close() override {
    error_code ignored;
    stream_.socket().close(ignored);
    closed_ = true;
  }

  bool waiting() const override { return waiting_; }

 private:
  const Limits& limits() const { return context_->limits; }

  asio::awaitable<void> run() {
    error_code ignored;
    stream_.socket().set_option(asio::ip::tcp::no_delay(true), ignored);
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
    const bool readable = co_await read_body(head, *request);
    if (!readable) co_return false;
    fill(head, *request);

    stream_.expires_never();
    Response response = co_await call_handler(request);
    const bool keep = head.keep_alive && !response.close && !response.stream &&
                      served < limits().requests_per_connection;
    co_await write(response, request->method == Method::head, keep);
    if (response.stream && request->method != Method::head) co_await pump(*response.stream);
    co_return keep;
  }

  asio::awaitable<std::variant<Head, Refusal>> read_head(bool first) {
    HeadScanner scanner(limits().guard);
    waiting_ = true;
    // A new connection must speak at once; a kept one may rest between two requests.
    bool resting = !first && buffer_.size() == 0;
    stream_.expires_after(resting ? limits().idle : limits().head);
    for (;;) {
      const std::string_view bytes(static_cast<const char*>(buffer_.data().data()), buffer_.size());
      auto found = scanner.scan(bytes);
      if (auto* bad = std::get_if<Refusal>(&found)) co_return *bad;
      if (auto* size = std::get_if<std::size_t>(&found)) {
        waiting_ = false;
        auto verdict = check_head(bytes.substr(0, *size), limits().guard);
        if (auto* refusal = std::get_if<Refusal>(&verdict)) co_return *refusal;
        co_return std::get<Head>(std::move(verdict));
      }
      const auto got = co_await stream_.async_read_some(buffer_.prepare(4096), asio::use_awaitable);
      buffer_.commit(got);
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

  void fill(Head& head, Request& request) const {
    request.method = head.method;
    request.path = std::move(head.path);
    request.query = std::move(head.query);
    request.headers = std::move(head.headers);
    request.peer = peer_;
  }

  asio::awaitable<Response> call_handler(std::shared_ptr<Request> request) {
    auto start = [this, request](auto done) {
      auto answer =
          std::make_shared<Answer<decltype(done)>>(stream_.get_executor(), std::move(done));
      context_->handler(request,
                        [answer](Response response) { answer->give(std::move(response)); });
    };
    return asio::async_initiate<const asio::use_awaitable_t<>, void(Response)>(std::move(start),
                                                                               asio::use_awaitable);
  }

  asio::awaitable<void> write(const Response& response, bool head_only, bool keep) {
    const std::string head = response_head(response, keep);
    const bool with_body = !head_only && !response.stream;
    const std::array<asio::const_buffer, 2> parts = {
        asio::buffer(head), with_body ? asio::buffer(response.body) : asio::const_buffer{}};
    stream_.expires_after(limits().write);
    co_await asio::async_write(stream_, parts, asio::use_awaitable);
  }

  // Sends a stream's pieces until it ends, the client goes, or a piece cannot be written in time.
  asio::awaitable<void> pump(Stream& stream) {
    wake_.expires_at(Clock::time_point::max());
    watch_for_end();
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
  }

  // Nobody speaks on a stream's connection but us: any byte or the end closes it.
  void watch_for_end() {
    stream_.expires_never();
    stream_.async_read_some(asio::buffer(&scratch_, 1),
                            [self = shared_from_this()](error_code, std::size_t) {
                              self->closed_ = true;
                              self->wake_.cancel();
                            });
  }

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
  beast::flat_buffer buffer_;
  asio::steady_timer wake_;  // of the stream under way
  char scratch_ = 0;
  bool waiting_ = true;
  bool closed_ = false;
};

}  // namespace

std::shared_ptr<Session> make_session(boost::asio::ip::tcp::socket socket, std::string peer,
                                      std::shared_ptr<SessionContext> context) {
  return std::make_shared<BeastSession>(std::move(socket), std::move(peer), std::move(context));
}

}  // namespace batuta::http
