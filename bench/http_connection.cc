#include "bench/http_connection.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <stdexcept>
#include <utility>

namespace batuta::bench {

HttpConnection::HttpConnection(std::string host, int port, std::string token)
    : host_(std::move(host)), port_(port), token_(std::move(token)) {}

HttpConnection::~HttpConnection() {
  close();
}

void HttpConnection::connect() {
  fd_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port_));
  inet_pton(AF_INET, host_.c_str(), &address.sin_addr);
  if (::connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
    close();
    throw std::runtime_error("cannot connect to " + host_ + ":" + std::to_string(port_));
  }
  const int on = 1;
  setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

void HttpConnection::close() {
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
}

bool HttpConnection::exchange(const std::string& request, Answer& answer) {
  if (send(fd_, request.data(), request.size(), MSG_NOSIGNAL) !=
      static_cast<ssize_t>(request.size())) {
    return false;
  }
  std::string text;
  std::size_t head_end = std::string::npos;
  std::size_t length = 0;
  char chunk[65536];
  for (;;) {
    const ssize_t n = recv(fd_, chunk, sizeof chunk, 0);
    if (n <= 0) return false;
    text.append(chunk, static_cast<std::size_t>(n));
    if (head_end == std::string::npos) {
      head_end = text.find("\r\n\r\n");
      if (head_end == std::string::npos) continue;
      const char* found = strcasestr(text.c_str(), "\r\ncontent-length:");
      length = found ? std::strtoul(found + 17, nullptr, 10) : 0;
    }
    if (text.size() >= head_end + 4 + length) break;
  }
  answer.status = std::atoi(text.c_str() + 9);
  answer.body = text.substr(head_end + 4, length);
  if (strcasestr(text.substr(0, head_end).c_str(), "connection: close") != nullptr) close();
  return true;
}

Answer HttpConnection::call(const std::string& method, const std::string& path,
                            const std::string& body) {
  std::string request = method + " " + path + " HTTP/1.1\r\nHost: " + host_ + ":" +
                        std::to_string(port_) + "\r\nAuthorization: Bearer " + token_ + "\r\n";
  if (!body.empty()) {
    request +=
        "Content-Type: application/json\r\nContent-Length: " + std::to_string(body.size()) + "\r\n";
  }
  request += "\r\n" + body;
  Answer answer;
  for (int tries = 0; tries < 2; ++tries) {
    if (fd_ < 0) connect();
    if (exchange(request, answer)) return answer;
    close();
  }
  throw std::runtime_error("no answer to " + method + " " + path);
}

}  // namespace batuta::bench
