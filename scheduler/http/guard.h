// What a request's head must be before anything else looks at it. Pure: bytes in, verdict out.
//
// Beast is lenient where two parsers on one wire may disagree (Transfer-Encoding lists, repeated
// Content-Length, folded fields, no Host). So the raw head is judged here first, and Beast reads
// only what passed: a request goes through when two independent readers agree on it.
// Every refusal closes the connection: after a framing error nobody knows where the next one
// starts.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "scheduler/http/exchange.h"

namespace batuta::http {

struct GuardOptions {
  // Host names answered for, lower case, without port; beyond them 421 (DNS rebinding).
  std::vector<std::string> hosts = {"localhost", "127.0.0.1", "[::1]"};
  std::size_t max_request_line = 4096;
  std::size_t max_head_bytes = 16 << 10;
  std::size_t max_fields = 100;
  std::uint64_t max_body = 1 << 20;
};

struct Refusal {
  int status = 400;
  std::string detail;
};

// Finds the end of the head while bytes arrive, without reading any byte twice.
class HeadScanner {
 public:
  explicit HeadScanner(const GuardOptions& options) : options_(options) {}
  struct NeedMore {};
  // The head's size including its empty line, or why it cannot become one. `bytes` is everything
  // received so far; it only ever grows between calls.
  std::variant<NeedMore, std::size_t, Refusal> scan(std::string_view bytes);

 private:
  const GuardOptions& options_;
  std::size_t at_ = 0;
  std::size_t line_start_ = 0;
};

struct Head {
  Method method = Method::get;
  std::string path;                                         // decoded once
  std::vector<std::pair<std::string, std::string>> query;   // decoded, in order
  std::map<std::string, std::string, std::less<>> headers;  // names in lower case
  std::uint64_t content_length = 0;
  bool keep_alive = true;
  bool expect_continue = false;
};

// `raw` is a whole head, from the request line to the empty line.
std::variant<Head, Refusal> check_head(std::string_view raw, const GuardOptions& options);

// "Host" without its port, lower case; empty when it is not a host.
std::string host_name(std::string_view host);

}  // namespace batuta::http
