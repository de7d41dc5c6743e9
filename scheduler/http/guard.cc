#include "scheduler/http/guard.h"

#include <algorithm>
#include <array>
#include <optional>

#include "scheduler/http/target.h"
#include "scheduler/http/utf8.h"

namespace batuta::http {
namespace {

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool is_alpha(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

// RFC 9110 token.
bool is_token(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return is_digit(c) || is_alpha(c) ||
           std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
  });
}

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

std::string_view trim(std::string_view text) {
  const auto blank = [](char c) { return c == ' ' || c == '\t'; };
  while (!text.empty() && blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && blank(text.back())) text.remove_suffix(1);
  return text;
}

std::optional<Method> parse_method(std::string_view text) {
  for (const auto m : {Method::get, Method::head, Method::post, Method::put, Method::patch,
                       Method::del, Method::options}) {
    if (to_string(m) == text) return m;
  }
  return std::nullopt;
}

// Fields whose repetition would let two readers see two different requests.
bool must_be_single(std::string_view name) {
  constexpr std::array<std::string_view, 12> names = {
      "host",         "content-length",   "transfer-encoding",
      "content-type", "authorization",    "origin",
      "expect",       "cookie",           "x-csrf-token",
      "connection",   "content-encoding", "idempotency-key"};
  return std::find(names.begin(), names.end(), name) != names.end();
}

std::optional<Refusal> read_request_line(std::string_view line, Head& head, bool& http10) {
  const auto first = line.find(' ');
  const auto last = line.rfind(' ');
  if (first == line.npos || first == last) return Refusal{400, "not an HTTP/1.1 request line"};
  const auto version = line.substr(last + 1);
  if (version != "HTTP/1.1" && version != "HTTP/1.0") {
    return Refusal{400, "only HTTP/1.1 is spoken here"};
  }
  http10 = version == "HTTP/1.0";
  const auto method_text = line.substr(0, first);
  if (!is_token(method_text)) return Refusal{400, "not an HTTP/1.1 request line"};
  const auto method = parse_method(method_text);
  if (!method) return Refusal{405, "this method is not supported"};
  head.method = *method;
  auto target = parse_target(line.substr(first + 1, last - first - 1));
  if (!target) return Refusal{400, target.error().message};
  head.path = std::move(target->path);
  head.query = std::move(target->query);
  return std::nullopt;
}

std::optional<Refusal> read_field(std::string_view line, Head& head) {
  if (line.front() == ' ' || line.front() == '\t') return Refusal{400, "folded header field"};
  const auto colon = line.find(':');
  if (colon == line.npos || !is_token(line.substr(0, colon))) {
    return Refusal{400, "malformed header field"};
  }
  const auto value = trim(line.substr(colon + 1));
  if (!valid_utf8(value)) return Refusal{400, "a header field is not valid UTF-8"};
  auto name = lower(line.substr(0, colon));
  const auto [it, fresh] = head.headers.emplace(std::move(name), value);
  if (fresh) return std::nullopt;
  if (must_be_single(it->first)) return Refusal{400, "header field " + it->first + " is repeated"};
  it->second.append(", ").append(value);
  return std::nullopt;
}

std::optional<Refusal> check_host(const Head& head, const GuardOptions& options) {
  const auto it = head.headers.find("host");
  if (it == head.headers.end()) return Refusal{400, "the Host header field is missing"};
  const auto name = host_name(it->second);
  if (name.empty()) return Refusal{400, "the Host header field is malformed"};
  if (std::find(options.hosts.begin(), options.hosts.end(), name) == options.hosts.end()) {
    return Refusal{421, "this server does not answer for that host name (setting allowed_hosts)"};
  }
  return std::nullopt;
}

std::optional<Refusal> check_length(Head& head, const GuardOptions& options) {
  if (head.headers.contains("transfer-encoding")) {
    return Refusal{501, "Transfer-Encoding is not supported: send Content-Length"};
  }
  const bool wants_body =
      head.method == Method::post || head.method == Method::put || head.method == Method::patch;
  const auto it = head.headers.find("content-length");
  if (it == head.headers.end()) {
    if (wants_body) return Refusal{411, "send Content-Length (0 for an empty body)"};
    return std::nullopt;
  }
  const std::string& text = it->second;
  if (text.empty() || !std::all_of(text.begin(), text.end(), is_digit)) {
    return Refusal{400, "Content-Length must be one plain number"};
  }
  const bool countable = text.size() <= 15;
  if (countable) head.content_length = std::stoull(text);
  if (!countable || head.content_length > options.max_body) {
    return Refusal{413, "the body is too large: at most " + std::to_string(options.max_body) +
                            " bytes are taken"};
  }
  if (head.content_length > 0 && !wants_body && head.method != Method::del) {
    return Refusal{400, "this method takes no body"};
  }
  return std::nullopt;
}

// Credentials in a URL end up in histories and logs. `token` is also Airflow's name for the place
// in a log, so there only values that look like ours are refused.
std::optional<Refusal> check_query(const Head& head) {
  constexpr std::array<std::string_view, 5> names = {"access_token", "auth_token", "api_key",
                                                     "password", "authorization"};
  const bool log_route = head.path.find("/logs/") != std::string::npos;
  for (const auto& [name, value] : head.query) {
    const auto key = lower(name);
    const bool named = std::find(names.begin(), names.end(), key) != names.end();
    if (named || (key == "token" && !log_route) || value.starts_with("batuta_")) {
      return Refusal{400, "credentials do not belong in the URL: send an Authorization header"};
    }
  }
  return std::nullopt;
}

std::optional<Refusal> check_options(Head& head, bool http10) {
  if (const auto it = head.headers.find("content-encoding");
      it != head.headers.end() && lower(it->second) != "identity") {
    return Refusal{415, "encoded bodies are not accepted"};
  }
  if (const auto it = head.headers.find("expect"); it != head.headers.end()) {
    if (lower(it->second) != "100-continue") return Refusal{417, "unknown expectation"};
    head.expect_continue = !http10;
  }
  head.keep_alive = !http10;
  if (const auto it = head.headers.find("connection");
      it != head.headers.end() && lower(it->second).find("close") != std::string::npos) {
    head.keep_alive = false;
  }
  return std::nullopt;
}

}  // namespace

std::variant<HeadScanner::NeedMore, std::size_t, Refusal> HeadScanner::scan(
    std::string_view bytes) {
  for (; at_ < bytes.size(); ++at_) {
    const auto c = static_cast<unsigned char>(bytes[at_]);
    if (line_start_ == 0 && at_ >= options_.max_request_line) {
      return Refusal{414, "the request line is too long: at most " +
                              std::to_string(options_.max_request_line) + " bytes are taken"};
    }
    if (at_ >= options_.max_head_bytes) {
      return Refusal{431, "the header is too large: at most " +
                              std::to_string(options_.max_head_bytes) + " bytes are taken"};
    }
    if (c == '\n') {
      if (at_ == 0 || bytes[at_ - 1] != '\r') return Refusal{400, "a line ends without CR"};
      if (at_ == 1) return Refusal{400, "not an HTTP/1.1 request line"};
      if (at_ - line_start_ == 1) return ++at_;
      line_start_ = at_ + 1;
    } else if (at_ > 0 && bytes[at_ - 1] == '\r') {
      return Refusal{400, "a CR without LF"};
    } else if ((c < 0x20 && c != '\r' && c != '\t') || c == 0x7F) {
      return Refusal{400, "a control character in the header"};
    }
  }
  return NeedMore{};
}

std::string host_name(std::string_view host) {
  std::string_view name = host;
  std::string_view port;
  if (host.starts_with('[')) {
    const auto end = host.find(']');
    if (end == host.npos) return {};
    name = host.substr(0, end + 1);
    port = host.substr(end + 1);
  } else if (const auto colon = host.find(':'); colon != host.npos) {
    name = host.substr(0, colon);
    port = host.substr(colon);
  }
  if (!port.empty() && (port.front() != ':' || port.size() < 2 || port.size() > 6 ||
                        !std::all_of(port.begin() + 1, port.end(), is_digit))) {
    return {};
  }
  const bool plain = !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
    return is_digit(c) || is_alpha(c) ||
           std::string_view("-._[]:").find(c) != std::string_view::npos;
  });
  return plain ? lower(name) : std::string{};
}

std::variant<Head, Refusal> check_head(std::string_view raw, const GuardOptions& options) {
  Head head;
  bool http10 = false;
  std::size_t fields = 0;
  for (bool first = true;; first = false) {
    const auto end = raw.find("\r\n");
    if (end == raw.npos) return Refusal{400, "the header is incomplete"};
    const auto line = raw.substr(0, end);
    raw.remove_prefix(end + 2);
    if (first) {
      if (auto bad = read_request_line(line, head, http10)) return *bad;
      continue;
    }
    if (line.empty()) break;
    if (++fields > options.max_fields) return Refusal{431, "too many header fields"};
    if (auto bad = read_field(line, head)) return *bad;
  }
  if (auto bad = check_host(head, options)) return *bad;
  if (auto bad = check_length(head, options)) return *bad;
  if (auto bad = check_query(head)) return *bad;
  if (auto bad = check_options(head, http10)) return *bad;
  return head;
}

}  // namespace batuta::http
