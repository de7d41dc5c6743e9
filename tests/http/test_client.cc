#include "tests/http/test_client.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <cctype>
#include <cstdlib>

#include "common/result.h"

namespace batuta::http {

void IoThread::stop() {
  work_.reset();
  io.stop();
  if (thread_.joinable()) thread_.join();
}

std::string RawAnswer::header(std::string_view name) const {
  std::size_t at = 0;
  while ((at = head.find("\r\n", at)) != std::string::npos) {
    at += 2;
    const auto colon = head.find(':', at);
    if (colon == std::string::npos) break;
    std::string found = head.substr(at, colon - at);
    for (char& c : found) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    if (found == name) return head.substr(colon + 2, head.find("\r\n", colon) - colon - 2);
  }
  return {};
}

RawClient::RawClient(std::uint16_t port) : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  const timeval patience{10, 0};
  ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  ::setsockopt(fd_, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  BATUTA_CHECK(::connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
}

RawClient::~RawClient() {
  ::close(fd_);
}

bool RawClient::send(std::string_view bytes) {
  while (!bytes.empty()) {
    const auto n = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (n <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
  return true;
}

void RawClient::finish_sending() {
  ::shutdown(fd_, SHUT_WR);
}

bool RawClient::fill() {
  char chunk[65536];
  const auto n = ::recv(fd_, chunk, sizeof chunk, 0);
  if (n <= 0) {
    closed_ = true;
    return false;
  }
  buffer_.append(chunk, static_cast<std::size_t>(n));
  return true;
}

std::string RawClient::read_until(std::string_view text) {
  std::size_t at = buffer_.find(text);
  while (at == std::string::npos && fill()) at = buffer_.find(text);
  const auto size = at == std::string::npos ? buffer_.size() : at + text.size();
  std::string out = buffer_.substr(0, size);
  buffer_.erase(0, size);
  return out;
}

RawAnswer RawClient::read_answer(bool head_only) {
  RawAnswer answer;
  answer.head = read_until("\r\n\r\n");
  if (answer.head.size() > 12) answer.status = std::atoi(answer.head.c_str() + 9);
  const auto length =
      head_only ? 0ul : std::strtoul(answer.header("content-length").c_str(), nullptr, 10);
  while (buffer_.size() < length && fill()) {
  }
  answer.body = buffer_.substr(0, length);
  buffer_.erase(0, answer.body.size());
  return answer;
}

std::string RawClient::read_to_end() {
  while (fill()) {
  }
  return std::exchange(buffer_, {});
}

std::string exchange(std::uint16_t port, std::string_view bytes) {
  RawClient client(port);
  client.send(bytes);
  client.finish_sending();
  return client.read_to_end();
}

std::vector<int> statuses(std::string_view bytes) {
  std::vector<int> out;
  for (auto at = bytes.find("HTTP/1.1 "); at != bytes.npos; at = bytes.find("HTTP/1.1 ", at + 1)) {
    // An explanation may name the protocol too; a status line goes on with a number.
    const int status = std::atoi(std::string(bytes.substr(at + 9, 3)).c_str());
    if (status > 0) out.push_back(status);
  }
  return out;
}

}  // namespace batuta::http
