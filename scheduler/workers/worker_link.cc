#include "scheduler/workers/worker_link.h"

#include <sys/socket.h>

#include <boost/asio/buffer.hpp>
#include <boost/asio/post.hpp>
#include <cerrno>

namespace batuta {

namespace asio = boost::asio;

WorkerLink::WorkerLink(WorkerId id, Socket socket, Welcome welcome, Callbacks callbacks)
    : id_(id),
      socket_(std::move(socket)),
      welcome_(std::move(welcome)),
      callbacks_(std::move(callbacks)) {
  socket_.non_blocking(true);
}

void WorkerLink::start() {
  read();
}

void WorkerLink::read() {
  socket_.async_read_some(
      asio::buffer(chunk_),
      [self = shared_from_this()](boost::system::error_code error, std::size_t n) {
        if (error) return self->finish(error == asio::error::eof ? "" : error.message());
        self->frames_.feed({self->chunk_.data(), n});
        if (!self->take_frames()) return;
        self->read();
      });
}

// All frames of one read become one batch for the engine: one lock, one wake-up.
bool WorkerLink::take_frames() {
  std::vector<Event> events;
  while (const auto body = frames_.next()) {
    auto message = decode_from_agent(*body);
    if (!message) {
      finish("protocol error: " + message.error().message);
      return false;
    }
    if (!on_message(std::move(*message), events)) return false;
  }
  if (frames_.bad()) {
    finish("protocol error: a frame is over the limit");
    return false;
  }
  if (!events.empty() && !callbacks_.events(std::move(events))) {
    finish("the scheduler cannot take reports for now");
    return false;
  }
  return true;
}

bool WorkerLink::on_message(FromAgent message, std::vector<Event>& events) {
  if (auto* hello = std::get_if<Hello>(&message)) {
    if (greeted_ || hello->version != protocol_version || hello->slots < 1) {
      finish(greeted_ ? "protocol error: a second Hello"
                      : "protocol version " + std::to_string(hello->version) + " is not " +
                            std::to_string(protocol_version));
      return false;
    }
    greeted_ = true;
    send_from_io(welcome_);
    callbacks_.joined(*hello);
    events.push_back(WorkerJoined{id_, std::move(*hello)});
    return true;
  }
  if (!greeted_) {
    finish("protocol error: Hello must come first");
    return false;
  }
  if (auto* beat = std::get_if<Heartbeat>(&message)) {
    // Acknowledged here, so that a slow disk never looks like a dead scheduler.
    send_from_io(HeartbeatAck{beat->sequence});
    events.push_back(WorkerHeartbeat{id_});
  } else if (auto* started = std::get_if<Started>(&message)) {
    events.push_back(AttemptStarted{id_, std::move(*started)});
  } else if (auto* finished = std::get_if<Finished>(&message)) {
    events.push_back(AttemptFinished{id_, std::move(*finished)});
  } else if (auto* recalled = std::get_if<Recalled>(&message)) {
    events.push_back(AttemptRecalled{id_, recalled->key});
  } else if (auto* changed = std::get_if<CatalogueChanged>(&message)) {
    events.push_back(WorkerCatalogue{id_, std::move(changed->catalogue)});
  }
  return true;
}

void WorkerLink::queue(const ToAgent& message) {
  std::string body;
  encode(message, body);
  append_frame(staged_, body);
}

void WorkerLink::flush() {
  if (staged_.empty()) return;
  std::unique_lock lock(mutex_);
  unsent_.append(staged_);
  staged_.clear();
  if (!waiting_writable_) write_some(lock);
}

void WorkerLink::send_from_io(const ToAgent& message) {
  std::string body;
  encode(message, body);
  std::unique_lock lock(mutex_);
  append_frame(unsent_, body);
  if (!waiting_writable_) write_some(lock);
}

void WorkerLink::write_some(std::unique_lock<std::mutex>& lock) {
  std::size_t sent = 0;
  while (!broken_ && sent < unsent_.size()) {
    const ssize_t n = ::send(socket_.native_handle(), unsent_.data() + sent, unsent_.size() - sent,
                             MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n > 0) {
      sent += static_cast<std::size_t>(n);
    } else if (n < 0 && errno == EINTR) {
      continue;
    } else if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
      break;
    } else {
      broken_ = true;  // the reader notices the end and reports it
    }
  }
  unsent_.erase(0, sent);
  if (broken_) return;
  if (unsent_.size() > max_unsent_bytes) {
    broken_ = true;
    lock.unlock();
    close("the agent does not read");
    return;
  }
  if (!unsent_.empty() && !waiting_writable_) {
    waiting_writable_ = true;
    asio::post(socket_.get_executor(), [self = shared_from_this()] { self->wait_writable(); });
  }
}

void WorkerLink::wait_writable() {
  socket_.async_wait(Socket::wait_write,
                     [self = shared_from_this()](boost::system::error_code error) {
                       std::unique_lock lock(self->mutex_);
                       self->waiting_writable_ = false;
                       if (error) {
                         self->broken_ = true;
                         return;
                       }
                       self->write_some(lock);
                     });
}

void WorkerLink::close(const std::string& reason) {
  asio::post(socket_.get_executor(), [self = shared_from_this(), reason] { self->finish(reason); });
}

void WorkerLink::finish(const std::string& reason) {
  if (finished_) return;
  finished_ = true;
  {
    std::lock_guard lock(mutex_);
    broken_ = true;
    unsent_.clear();
  }
  // shutdown, not close: the control thread may be about to send on this descriptor number, which
  // must not belong to somebody else by then. The destructor closes it.
  boost::system::error_code ignored;
  socket_.shutdown(Socket::shutdown_both, ignored);
  callbacks_.closed(reason);
}

}  // namespace batuta
