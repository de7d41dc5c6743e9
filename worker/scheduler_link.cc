#include "worker/scheduler_link.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cstring>

#include "common/log.h"

namespace batuta {
namespace {

constexpr std::size_t max_unsent = 64u << 20;
constexpr std::size_t max_read = 1u << 20;  // per turn, so that slots are heard in between

}  // namespace

Status SchedulerLink::connect() {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path_.size() >= sizeof address.sun_path) {
    return {Errc::invalid, "the socket's path is too long: " + path_};
  }
  std::memcpy(address.sun_path, path_.c_str(), path_.size() + 1);
  UniqueFd socket{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
  if (!socket) return {Errc::unavailable, errno_text("socket")};
  // A Unix socket connects at once or not at all.
  if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    return {Errc::unavailable, errno_text("connect " + path_)};
  }
  ucred peer{};
  socklen_t size = sizeof peer;
  if (::getsockopt(socket.get(), SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0 ||
      (peer.uid != ::geteuid() && peer.uid != 0)) {
    return {Errc::forbidden, "another user listens on " + path_};
  }
  socket_ = std::move(socket);
  reader_ = FrameReader{};
  unsent_.clear();
  return success();
}

void SchedulerLink::close() {
  socket_.reset();
  reader_ = FrameReader{};
  unsent_.clear();
}

void SchedulerLink::send(const FromAgent& message) {
  std::string body;
  encode(message, body);
  append_frame(unsent_, body);
}

bool SchedulerLink::flush() {
  std::size_t sent = 0;
  while (sent < unsent_.size()) {
    const ssize_t put =
        ::send(socket_.get(), unsent_.data() + sent, unsent_.size() - sent, MSG_NOSIGNAL);
    if (put < 0 && errno == EINTR) continue;
    if (put < 0 && errno == EAGAIN) break;
    if (put <= 0) return false;
    sent += static_cast<std::size_t>(put);
  }
  unsent_.erase(0, sent);
  return unsent_.size() <= max_unsent;
}

bool SchedulerLink::read(std::vector<Incoming>& out) {
  std::array<char, 64 << 10> chunk;
  for (std::size_t total = 0; total < max_read;) {
    const ssize_t got = ::recv(socket_.get(), chunk.data(), chunk.size(), 0);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && errno == EAGAIN) return true;
    if (got <= 0) return false;
    total += static_cast<std::size_t>(got);
    reader_.feed({chunk.data(), static_cast<std::size_t>(got)});
    while (const auto body = reader_.next()) {
      auto message = decode_to_agent(*body);
      if (!message) {
        log::error("scheduler: " + message.error().message);
        return false;
      }
      const bool launch = std::holds_alternative<Launch>(*message);
      Incoming& next = out.emplace_back();
      next.message = *std::move(message);
      if (launch) next.body.assign(*body);
    }
    if (reader_.bad()) return false;
    if (got < static_cast<ssize_t>(chunk.size())) return true;
  }
  return true;
}

}  // namespace batuta
