// A raw TCP client and a running server for tests: bytes in, bytes out, nothing polished in
// between.
#pragma once

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "scheduler/http/server.h"

namespace batuta::http {

// An io thread for a test's life.
class IoThread {
 public:
  IoThread() : work_(io.get_executor()), thread_([this] { io.run(); }) {}
  ~IoThread() { stop(); }
  void stop();
  boost::asio::io_context io{1};

 private:
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_;
  std::thread thread_;
};

struct RawAnswer {
  int status = 0;
  std::string head;
  std::string body;
  std::string header(std::string_view name) const;  // lower-case name; empty when absent
};

class RawClient {
 public:
  explicit RawClient(std::uint16_t port);
  ~RawClient();
  RawClient(const RawClient&) = delete;
  RawClient& operator=(const RawClient&) = delete;

  // False when the peer has closed or reset.
  bool send(std::string_view bytes);
  void finish_sending();
  // Reads until `text` has come or the peer closes (or ten seconds pass).
  std::string read_until(std::string_view text);
  // One answer with Content-Length; `head_only` for answers to HEAD.
  RawAnswer read_answer(bool head_only = false);
  std::string read_to_end();
  bool closed() const { return closed_; }

 private:
  bool fill();
  int fd_ = -1;
  std::string buffer_;
  bool closed_ = false;
};

// Every byte that comes back for `bytes` until the server closes.
std::string exchange(std::uint16_t port, std::string_view bytes);
// The statuses of all answers in a byte stream.
std::vector<int> statuses(std::string_view bytes);

}  // namespace batuta::http
