// A keep-alive HTTP/1.1 connection with next to no cost of its own, so that a measured millisecond
// is the server's.
#pragma once

#include <string>

namespace batuta::bench {

struct Answer {
  int status = 0;
  std::string body;
};

class HttpConnection {
 public:
  HttpConnection(std::string host, int port, std::string token);
  ~HttpConnection();
  HttpConnection(const HttpConnection&) = delete;
  HttpConnection& operator=(const HttpConnection&) = delete;

  // Throws std::runtime_error when the connection fails twice in a row. Reconnects after the
  // server's limit of requests per connection.
  Answer call(const std::string& method, const std::string& path, const std::string& body = "");

 private:
  void connect();
  void close();
  bool exchange(const std::string& request, Answer& answer);

  const std::string host_;
  const int port_;
  const std::string token_;
  int fd_ = -1;
};

}  // namespace batuta::bench
