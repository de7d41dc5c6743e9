#include <string>
#include <variant>

#include "common/result.h"
#include "scheduler/http/guard.h"
#include "tests/fuzz/fuzz.h"

namespace batuta::fuzz {
namespace {

using http::HeadScanner;

// The verdict on a head that arrives `step` bytes at a time; 0 = not whole, -1 = refused.
long scan(std::string_view bytes, std::size_t step, const http::GuardOptions& options) {
  HeadScanner scanner(options);
  for (std::size_t end = std::min(step, bytes.size());; end = std::min(end + step, bytes.size())) {
    const auto found = scanner.scan(bytes.substr(0, end));
    if (const auto* size = std::get_if<std::size_t>(&found)) return static_cast<long>(*size);
    if (std::holds_alternative<http::Refusal>(found)) return -1;
    if (end == bytes.size()) return 0;
  }
}

}  // namespace

void http_head(std::string_view bytes) {
  const http::GuardOptions options;
  const long whole = scan(bytes, bytes.size() + 1, options);
  // However a head is cut into packets, it ends at the same byte or is refused as well.
  BATUTA_CHECK(scan(bytes, 1, options) == whole, "byte by byte");
  BATUTA_CHECK(scan(bytes, 7, options) == whole, "in sevens");
  if (whole <= 0) return;
  const auto verdict = http::check_head(bytes.substr(0, static_cast<std::size_t>(whole)), options);
  const auto* head = std::get_if<http::Head>(&verdict);
  if (!head) return;
  BATUTA_CHECK(head->path.starts_with('/'), "a path");
  BATUTA_CHECK(head->path.find('\0') == std::string::npos, "no NUL in a path");
  BATUTA_CHECK(head->path.find("/../") == std::string::npos, "no way up");
  BATUTA_CHECK(head->headers.count("host") == 1, "a host");
  BATUTA_CHECK(head->content_length <= options.max_body, "a body within its bounds");
}

}  // namespace batuta::fuzz
