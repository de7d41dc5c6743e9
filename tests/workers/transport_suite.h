// The worlds in which transport_test.cc asks the same of every Transport: one with real sockets,
// one with the fake that other tests build on.
#pragma once

#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <memory>
#include <string>

#include "common/fd.h"
#include "scheduler/workers/unix_transport.h"
#include "tests/workers/fake_transport.h"

namespace batuta {

class UnixPeer {
 public:
  explicit UnixPeer(UniqueFd socket) : socket_(std::move(socket)) {}
  void send(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t n = ::send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (n <= 0) return;
      bytes.remove_prefix(static_cast<std::size_t>(n));
    }
  }
  void hang_up() { socket_.reset(); }
  std::string take() {
    std::string out;
    char chunk[64 << 10];
    for (;;) {
      const ssize_t n = ::recv(socket_.get(), chunk, sizeof chunk, MSG_DONTWAIT);
      if (n == 0) at_end_ = true;
      if (n <= 0) return out;
      out.append(chunk, static_cast<std::size_t>(n));
    }
  }
  bool at_end() const { return at_end_; }

 private:
  UniqueFd socket_;
  bool at_end_ = false;
};

struct UnixWorld {
  using Peer = UnixPeer;
  UnixWorld() {
    char name[] = "/tmp/batuta-transport-XXXXXX";
    folder = ::mkdtemp(name);
    transport = make_unix_transport(io, path());
  }
  ~UnixWorld() {
    ::unlink(path().c_str());
    ::rmdir(folder.c_str());
  }
  std::string path() const { return folder + "/worker.sock"; }
  std::unique_ptr<Peer> connect() const {
    UniqueFd socket{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path().copy(address.sun_path, sizeof address.sun_path - 1);
    if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
      return nullptr;
    }
    return std::make_unique<Peer>(std::move(socket));
  }

  boost::asio::io_context io{1};
  std::string folder;
  std::unique_ptr<Transport> transport;
};

struct FakeWorld {
  using Peer = FakePeer;
  FakeWorld() {
    auto made = std::make_unique<FakeTransport>(io, true);
    fake = made.get();
    transport = std::move(made);
  }
  std::unique_ptr<Peer> connect() const { return fake->connect(); }

  boost::asio::io_context io{1};
  FakeTransport* fake = nullptr;
  std::unique_ptr<Transport> transport;
};

// Runs the io context until `done`, for ten seconds at most; the last answer.
template <class Done>
bool pump(boost::asio::io_context& io, Done done) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (!done()) {
    if (std::chrono::steady_clock::now() > end) return false;
    io.restart();
    io.run_for(std::chrono::milliseconds(2));
  }
  return true;
}

}  // namespace batuta
