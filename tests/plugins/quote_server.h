// A quote service for tests: plain sockets, one request a connection, answers from a function.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <functional>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace batuta {

struct Reply {
  int status = 200;
  std::string body;
  std::string headers;  // whole lines, each with \r\n
};

class QuoteServer {
 public:
  // `answer` gets the request target; it runs on the server's thread.
  explicit QuoteServer(std::function<Reply(const std::string&)> answer)
      : answer_(std::move(answer)), socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof address;
    auto* generic = reinterpret_cast<sockaddr*>(&address);
    if (::bind(socket_, generic, length) != 0 || ::listen(socket_, 16) != 0 ||
        ::getsockname(socket_, generic, &length) != 0)
      throw std::runtime_error("cannot listen");
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { serve(); });
  }
  ~QuoteServer() {
    ::shutdown(socket_, SHUT_RDWR);  // wakes accept()
    thread_.join();
    ::close(socket_);
  }
  QuoteServer(const QuoteServer&) = delete;
  QuoteServer& operator=(const QuoteServer&) = delete;

  std::string connection() const {
    return R"({"conn_type":"http","host":"127.0.0.1","port":)" + std::to_string(port_) + "}";
  }
  std::vector<std::string> targets() const {
    const std::lock_guard lock(mutex_);
    return targets_;
  }

 private:
  void serve() {
    while (true) {
      const int peer = ::accept(socket_, nullptr, nullptr);
      if (peer < 0) return;
      std::string request;
      char block[4096];
      while (request.find("\r\n\r\n") == std::string::npos) {
        const ssize_t n = ::read(peer, block, sizeof block);
        if (n <= 0) break;
        request.append(block, static_cast<std::size_t>(n));
      }
      const auto start = request.find(' ') + 1;
      const std::string target = request.substr(start, request.find(' ', start) - start);
      {
        const std::lock_guard lock(mutex_);
        targets_.push_back(target);
      }
      const Reply reply = answer_(target);
      const std::string text =
          "HTTP/1.1 " + std::to_string(reply.status) + " X\r\n" + reply.headers +
          "Connection: close\r\nContent-Length: " + std::to_string(reply.body.size()) + "\r\n\r\n" +
          reply.body;
      std::size_t done = 0;
      while (done < text.size()) {
        const ssize_t n = ::send(peer, text.data() + done, text.size() - done, MSG_NOSIGNAL);
        if (n <= 0) break;
        done += static_cast<std::size_t>(n);
      }
      ::close(peer);
    }
  }

  std::function<Reply(const std::string&)> answer_;
  int socket_;
  int port_ = 0;
  mutable std::mutex mutex_;
  std::vector<std::string> targets_;  // guarded by mutex_
  std::thread thread_;
};

}  // namespace batuta
