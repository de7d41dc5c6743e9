#include "scheduler/workers/unix_transport.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cerrno>
#include <mutex>

#include "common/io_post.h"
#include "common/log.h"
#include "common/log_limit.h"
#include "common/time.h"

namespace batuta {

namespace asio = boost::asio;
using Local = asio::local::stream_protocol;

namespace {

// A buffer that a burst has grown is given back once it is empty.
constexpr auto accept_pause = std::chrono::milliseconds(100);
constexpr std::size_t kept_capacity = 1u << 20;

bool same_user(int socket) {
  ucred peer{};
  socklen_t size = sizeof peer;
  if (getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return false;
  return peer.uid == geteuid() || peer.uid == 0;
}

class UnixChannel : public Channel, public std::enable_shared_from_this<UnixChannel> {
 public:
  UnixChannel(Local::socket socket, std::shared_ptr<const IoPost> post)
      : socket_(std::move(socket)), post_(std::move(post)) {
    socket_.non_blocking(true);
  }

  void start(Handler handler) override {
    handler_ = std::move(handler);
    read();
  }

  void send(std::string_view bytes) override {
    {
      std::lock_guard lock(mutex_);
      if (ended_) return;
      handed_over_.append(bytes);
      if (flush_posted_) return;  // it will find these, too
      flush_posted_ = true;
    }
    (*post_)([self = shared_from_this()] { self->flush(); });
  }

  void close(const std::string& reason) override {
    (*post_)([self = shared_from_this(), reason] { self->finish(reason); });
  }

  bool same_host() const override { return true; }

 private:
  void read() {
    socket_.async_read_some(
        asio::buffer(chunk_),
        [self = shared_from_this()](boost::system::error_code error, std::size_t n) {
          if (self->finished_) return;
          if (error) return self->finish(error == asio::error::eof ? "" : error.message());
          self->handler_.received({self->chunk_.data(), n});
          if (!self->finished_) self->read();
        });
  }

  void take_over() {
    std::lock_guard lock(mutex_);
    flush_posted_ = false;
    if (unsent_.empty()) {
      unsent_.swap(handed_over_);
    } else {
      unsent_.append(handed_over_);
      handed_over_.clear();
    }
  }

  void flush() {
    if (finished_) return;
    take_over();
    if (!waiting_writable_) write_some();
    if (unsent_.size() > max_unsent_bytes) return finish("the agent does not read");
    if (unsent_.empty() || waiting_writable_) return;
    waiting_writable_ = true;
    socket_.async_wait(Local::socket::wait_write,
                       [self = shared_from_this()](boost::system::error_code error) {
                         self->waiting_writable_ = false;
                         if (!error) self->flush();  // a broken one shows when reading
                       });
  }

  // As much as the kernel takes now.
  void write_some() {
    std::size_t sent = 0;
    while (sent < unsent_.size()) {
      const ssize_t n = ::send(socket_.native_handle(), unsent_.data() + sent,
                               unsent_.size() - sent, MSG_DONTWAIT | MSG_NOSIGNAL);
      if (n < 0 && errno == EINTR) continue;
      if (n < 0 && errno != EAGAIN && errno != EWOULDBLOCK) sent = unsent_.size();  // nobody there
      if (n <= 0) break;
      sent += static_cast<std::size_t>(n);
    }
    unsent_.erase(0, sent);
    if (unsent_.empty() && unsent_.capacity() > kept_capacity) unsent_ = {};
  }

  void finish(const std::string& reason) {
    if (finished_) return;
    finished_ = true;
    take_over();
    write_some();  // a last word, such as why
    {
      std::lock_guard lock(mutex_);
      ended_ = true;
    }
    unsent_ = {};
    boost::system::error_code ignored;
    socket_.shutdown(Local::socket::shutdown_both, ignored);
    handler_.closed(reason);
  }

  Local::socket socket_;
  const std::shared_ptr<const IoPost> post_;
  Handler handler_;  // io thread, as all up to the mutex
  bool finished_ = false;
  bool waiting_writable_ = false;
  std::array<char, 64 * 1024> chunk_;
  std::string unsent_;

  std::mutex mutex_;  // guards what follows
  std::string handed_over_;
  bool flush_posted_ = false;
  bool ended_ = false;
};

// Shared with its own pending accept, which may outlive the transport.
class Acceptor : public std::enable_shared_from_this<Acceptor> {
 public:
  Acceptor(asio::io_context& io, std::string path)
      : acceptor_(io),
        timer_(io),
        post_(std::make_shared<const IoPost>(io)),
        path_(std::move(path)) {}

  Status listen(Transport::Accepted accepted) {
    accepted_ = std::move(accepted);
    ::unlink(path_.c_str());  // a dead scheduler's: the home lock says there is no other
    const mode_t old_mask = umask(0177);
    boost::system::error_code error;
    acceptor_.open(Local(), error);
    if (!error && path_.size() >= sizeof(sockaddr_un{}.sun_path)) {
      error = boost::system::errc::make_error_code(boost::system::errc::filename_too_long);
    }
    if (!error) acceptor_.bind(Local::endpoint(path_), error);
    if (!error) acceptor_.listen(64, error);
    umask(old_mask);
    if (error) {
      return {Errc::unavailable,
              "cannot listen on " + path_ + ": " + error.message() +
                  " (a home folder with a shorter path helps when it is too long)"};
    }
    accept();
    return success();
  }

  void stop() {
    boost::system::error_code ignored;
    acceptor_.close(ignored);
    timer_.cancel();
    accepted_ = nullptr;
  }

 private:
  // No descriptor to be had, for one: the next try would fail at once, too.
  void pause(const std::string& why) {
    const std::string line = "workers cannot connect: " + why;
    if (const auto more = limit_.pass(line, read_clock().boot.since.count())) {
      log::warn(line + *more);
    }
    timer_.expires_after(accept_pause);
    timer_.async_wait([self = shared_from_this()](boost::system::error_code error) {
      if (!error && self->accepted_) self->accept();
    });
  }

  void accept() {
    acceptor_.async_accept(
        [self = shared_from_this()](boost::system::error_code error, Local::socket socket) {
          if (error == asio::error::operation_aborted || !self->accepted_) return;
          if (!error && same_user(socket.native_handle())) {
            self->accepted_(std::make_shared<UnixChannel>(std::move(socket), self->post_));
          } else if (!error) {
            log::warn("worker connection refused: it is another user's");
          } else {
            return self->pause(error.message());
          }
          self->accept();
        });
  }

  Local::acceptor acceptor_;
  asio::steady_timer timer_;
  const std::shared_ptr<const IoPost> post_;  // its channels'
  LogLimit limit_;
  const std::string path_;
  Transport::Accepted accepted_;
};

class UnixTransport : public Transport {
 public:
  UnixTransport(asio::io_context& io, std::string path)
      : acceptor_(std::make_shared<Acceptor>(io, std::move(path))) {}
  Status listen(Accepted accepted) override { return acceptor_->listen(std::move(accepted)); }
  void stop() override { acceptor_->stop(); }

 private:
  const std::shared_ptr<Acceptor> acceptor_;
};

}  // namespace

std::unique_ptr<Transport> make_unix_transport(asio::io_context& io, std::string path) {
  return std::make_unique<UnixTransport>(io, std::move(path));
}

}  // namespace batuta
