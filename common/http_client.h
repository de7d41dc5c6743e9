// Outgoing HTTP for the CLI, the alert sender and the plugins: libcurl behind one function.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/outgoing.h"
#include "common/result.h"
#include "common/time.h"

namespace batuta {

// Connections that stay open between the calls that are given the same one: who asks one server
// many times spares itself its handshakes. Any thread; it outlives its calls.
class HttpConnections {
 public:
  HttpConnections();
  ~HttpConnections();
  HttpConnections(const HttpConnections&) = delete;
  HttpConnections& operator=(const HttpConnections&) = delete;

 private:
  friend struct HttpHandle;
  struct Idle;
  std::unique_ptr<Idle> idle_;
};

struct HttpRequest {
  std::string method = "GET";
  std::string url;  // http or https only; redirects are never followed
  std::vector<std::pair<std::string, std::string>> headers;
  std::string login;  // HTTP Basic, unless `headers` has an Authorization; empty: none
  std::string password;
  std::string body;
  // An open file whose first `body_file_size` bytes are sent instead of `body`, read as they go.
  int body_file = -1;
  std::uint64_t body_file_size = 0;
  Duration connect_timeout = std::chrono::seconds(5);
  Duration timeout = std::chrono::seconds(10);  // whole exchange
  // Ends an exchange in which not a byte moved for so long (whole seconds); 0: none does.
  Duration stall_timeout{};
  std::size_t max_body = 8 << 20;
  bool ignore_body = false;  // nothing of the answer's body is kept, however long it is
  Outgoing outgoing{};
  std::string unix_socket{};  // path of a local socket that is asked in place of the URL's host
  HttpConnections* connections = nullptr;  // nullptr: a connection for this call alone
  // Takes the body of a 2xx answer as it comes, and none of it is kept; the exchange then has no
  // time limit as a whole. False ends it.
  std::function<bool(std::string_view)> on_body{};
  std::function<bool()> cancelled;  // polled about ten times a second; true aborts
};

struct HttpAnswer {
  int status = 0;
  std::vector<std::pair<std::string, std::string>> headers;  // names in lower case
  std::string body;  // with its content encoding (gzip…) undone, otherwise as it came
  // The body as UTF-8, decoded by its byte-order mark or its Content-Type's charset. Errc::invalid,
  // saying where, when it is no such text.
  Result<std::string> text() const;
  // nullptr when absent
  const std::string* header(std::string_view lower_case_name) const;
};

// Blocking; any thread. Errc::unavailable when no answer came (refused, timed out, cut), Errc::
// too_large when the body passes max_body, Errc::malformed when its content encoding cannot be
// undone. Any status is an answer, not an error.
Result<HttpAnswer> http_call(const HttpRequest& request);

}  // namespace batuta
