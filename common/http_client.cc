#include "common/http_client.h"

#include <unistd.h>

#include <algorithm>
#include <memory>
#include <mutex>
#include <string>

#include "common/curl_library.h"
#include "common/text.h"

namespace batuta {

struct HttpConnections::Idle {
  static constexpr std::size_t most = 8;
  std::mutex mutex;
  std::vector<Easy> handles;
};

HttpConnections::HttpConnections() : idle_(std::make_unique<Idle>()) {}
HttpConnections::~HttpConnections() = default;

// One handle for one call, back among the idle ones afterwards.
struct HttpHandle {
  explicit HttpHandle(HttpConnections* from) : connections(from) {
    if (connections != nullptr) {
      std::lock_guard lock(connections->idle_->mutex);
      if (auto& handles = connections->idle_->handles; !handles.empty()) {
        easy = std::move(handles.back());
        handles.pop_back();
      }
    }
    if (!easy) easy.reset(libcurl().easy_init());
  }
  ~HttpHandle() {
    if (connections == nullptr || !easy) return;
    libcurl().easy_reset(easy.get());  // its options; its connections stay
    std::lock_guard lock(connections->idle_->mutex);
    auto& handles = connections->idle_->handles;
    if (handles.size() < HttpConnections::Idle::most) handles.push_back(std::move(easy));
  }
  HttpHandle(const HttpHandle&) = delete;
  HttpHandle& operator=(const HttpHandle&) = delete;

  HttpConnections* connections;
  Easy easy;
};

namespace {

struct Exchange {
  const HttpRequest& request;
  HttpAnswer answer;
  bool too_large = false;
  bool cancelled = false;
  CURL* curl = nullptr;
  std::uint64_t sent = 0;  // of body_file
};

constexpr std::size_t max_header_bytes = 64 << 10;

bool is_success(const Exchange& exchange) {
  long status = 0;
  libcurl().easy_getinfo(exchange.curl, CURLINFO_RESPONSE_CODE, &status);
  return status >= 200 && status < 300;
}

std::size_t on_body(char* data, std::size_t, std::size_t size, void* self) {
  auto& exchange = *static_cast<Exchange*>(self);
  if (exchange.request.ignore_body) return size;
  if (exchange.request.on_body && is_success(exchange)) {
    if (exchange.request.on_body({data, size})) return size;
    exchange.cancelled = true;
    return 0;
  }
  if (exchange.answer.body.size() + size > exchange.request.max_body) {
    exchange.too_large = true;
    return 0;
  }
  exchange.answer.body.append(data, size);
  return size;
}

std::size_t on_file_read(char* data, std::size_t, std::size_t size, void* self) {
  auto& exchange = *static_cast<Exchange*>(self);
  const auto left = exchange.request.body_file_size - exchange.sent;
  const auto got = ::pread(exchange.request.body_file, data, std::min<std::uint64_t>(size, left),
                           static_cast<off_t>(exchange.sent));
  // A file that is shorter than it was said to be must not become a shorter object.
  if (got < 0 || (got == 0 && left > 0)) return CURL_READFUNC_ABORT;
  exchange.sent += static_cast<std::uint64_t>(got);
  return static_cast<std::size_t>(got);
}

// A kept connection that turns out to be closed: libcurl sends from the start on another.
int on_file_seek(void* self, curl_off_t offset, int origin) {
  if (origin != SEEK_SET || offset < 0) return CURL_SEEKFUNC_FAIL;
  static_cast<Exchange*>(self)->sent = static_cast<std::uint64_t>(offset);
  return CURL_SEEKFUNC_OK;
}

std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1);
}

std::size_t on_header(char* data, std::size_t, std::size_t size, void* self) {
  auto& exchange = *static_cast<Exchange*>(self);
  const std::string_view line{data, size};
  if (line.starts_with("HTTP/")) {
    exchange.answer.headers.clear();  // an interim answer (100 Continue) came before this one
    return size;
  }
  const auto colon = line.find(':');
  if (colon == std::string_view::npos) return size;
  std::size_t kept = size;
  for (const auto& [name, value] : exchange.answer.headers) kept += name.size() + value.size();
  if (kept > max_header_bytes) {
    exchange.too_large = true;
    return 0;
  }
  std::string name{line.substr(0, colon)};
  std::transform(name.begin(), name.end(), name.begin(),
                 [](unsigned char c) { return c >= 'A' && c <= 'Z' ? c + 32 : c; });
  exchange.answer.headers.emplace_back(std::move(name), trimmed(line.substr(colon + 1)));
  return size;
}

// A line break would let a value add headers or a second request.
bool one_line(std::string_view text) {
  return text.find_first_of(std::string_view{"\r\n\0", 3}) == std::string_view::npos;
}

bool valid_token(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](unsigned char c) {
    return c > 0x20 && c < 0x7f &&
           std::string_view{"()<>@,;:\\\"/[]?={}"}.find(static_cast<char>(c)) ==
               std::string_view::npos;
  });
}

Status validate(const HttpRequest& request) {
  if (!valid_token(request.method)) return {Errc::invalid, "not an HTTP method", "method"};
  if (request.url.empty() || !one_line(request.url)) return {Errc::invalid, "bad URL", "url"};
  for (const auto& [name, value] : request.headers) {
    if (!valid_token(name)) return {Errc::invalid, "bad header name", "headers"};
    if (!one_line(value)) return {Errc::invalid, "line break in header " + name, "headers"};
  }
  return success();
}

List header_list(const HttpRequest& request) {
  // No "Expect: 100-continue": it costs a round trip and small servers answer it wrongly.
  List list;
  append(list, "Expect:");
  for (const auto& [name, value] : request.headers) {
    // "Name;" is libcurl's way to send a header whose value is empty.
    append(list, value.empty() ? name + ";" : name + ": " + value);
  }
  return list;
}

void set_options(CURL* curl, Exchange& exchange, const List& headers, const Route& route) {
  const HttpRequest& request = exchange.request;
  const auto set = libcurl().easy_setopt;
  set(curl, CURLOPT_PROTOCOLS_STR, "http,https");
  set(curl, CURLOPT_FOLLOWLOCATION, 0L);
  set_route(curl, route);
  set(curl, CURLOPT_NETRC, long{CURL_NETRC_IGNORED});
  set(curl, CURLOPT_NOSIGNAL, 1L);         // name look-ups must not use SIGALRM
  set(curl, CURLOPT_ACCEPT_ENCODING, "");  // all it can decode; max_body counts decoded bytes
  set(curl, CURLOPT_URL, request.url.c_str());
  if (!request.unix_socket.empty()) {
    set(curl, CURLOPT_UNIX_SOCKET_PATH, request.unix_socket.c_str());
  }
  set(curl, CURLOPT_HTTPHEADER, headers.get());
  if (!request.login.empty()) {
    set(curl, CURLOPT_HTTPAUTH, long{CURLAUTH_BASIC});
    set(curl, CURLOPT_USERNAME, request.login.c_str());
    set(curl, CURLOPT_PASSWORD, request.password.c_str());
  }
  set(curl, CURLOPT_CONNECTTIMEOUT_MS, curl_milliseconds(request.connect_timeout));
  if (!request.on_body) set(curl, CURLOPT_TIMEOUT_MS, curl_milliseconds(request.timeout));
  if (request.stall_timeout.count() > 0) {
    const auto seconds = std::chrono::ceil<std::chrono::seconds>(request.stall_timeout).count();
    set(curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
    set(curl, CURLOPT_LOW_SPEED_TIME, static_cast<long>(seconds));
  }
  set(curl, CURLOPT_WRITEFUNCTION, on_body);
  set(curl, CURLOPT_WRITEDATA, &exchange);
  set(curl, CURLOPT_HEADERFUNCTION, on_header);
  set(curl, CURLOPT_HEADERDATA, &exchange);
  if (request.method == "HEAD") {
    set(curl, CURLOPT_NOBODY, 1L);
  } else if (request.body_file >= 0) {
    set(curl, CURLOPT_UPLOAD, 1L);
    set(curl, CURLOPT_CUSTOMREQUEST, request.method.c_str());
    set(curl, CURLOPT_INFILESIZE_LARGE, static_cast<curl_off_t>(request.body_file_size));
    set(curl, CURLOPT_READFUNCTION, on_file_read);
    set(curl, CURLOPT_READDATA, &exchange);
    set(curl, CURLOPT_SEEKFUNCTION, on_file_seek);
    set(curl, CURLOPT_SEEKDATA, &exchange);
  } else if (request.method == "GET" && request.body.empty()) {
    set(curl, CURLOPT_HTTPGET, 1L);
  } else {
    set(curl, CURLOPT_POST, 1L);
    set(curl, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body.size()));
    set(curl, CURLOPT_POSTFIELDS, request.body.data());
    set(curl, CURLOPT_CUSTOMREQUEST, request.method.c_str());
  }
}

}  // namespace

const std::string* HttpAnswer::header(std::string_view lower_case_name) const {
  for (const auto& [name, value] : headers) {
    if (name == lower_case_name) return &value;
  }
  return nullptr;
}

Result<std::string> HttpAnswer::text() const {
  const std::string* type = header("content-type");
  return to_utf8(body, type == nullptr ? std::string{} : charset_of(*type));
}

Result<HttpAnswer> http_call(const HttpRequest& request) {
  if (Status ok = validate(request); !ok) return ok.error();
  if (!libcurl().error.empty()) return {Errc::unavailable, libcurl().error};

  const HttpHandle handle(request.connections);
  const Easy& curl = handle.easy;
  if (!curl) return {Errc::unavailable, "out of memory"};
  Exchange exchange{request, {}, false, false, curl.get(), 0};
  const List headers = header_list(request);
  // No proxy stands before a socket of this machine.
  const Route route = request.unix_socket.empty() ? route_of(request.outgoing) : Route{};
  set_options(curl.get(), exchange, headers, route);
  const CURLcode code = perform(curl.get(), request.cancelled, exchange.cancelled);

  if (exchange.too_large) return {Errc::too_large, "the answer is larger than allowed"};
  if (exchange.cancelled) return {Errc::unavailable, "cancelled"};
  if (code == CURLE_UNSUPPORTED_PROTOCOL || code == CURLE_URL_MALFORMAT) {
    return {Errc::invalid, "not an http or https URL", "url"};
  }
  if (code == CURLE_BAD_CONTENT_ENCODING) {
    const std::string* encoding = exchange.answer.header("content-encoding");
    return {Errc::malformed, "the answer's content encoding " +
                                 (encoding == nullptr ? std::string{} : "\"" + *encoding + "\" ") +
                                 "is unknown or its data is damaged"};
  }
  if (code == CURLE_OPERATION_TIMEDOUT) {
    return {Errc::unavailable, libcurl().easy_strerror(code), "timeout"};
  }
  if (code != CURLE_OK) return {Errc::unavailable, curl_error(code, route)};
  long status = 0;
  libcurl().easy_getinfo(curl.get(), CURLINFO_RESPONSE_CODE, &status);
  exchange.answer.status = static_cast<int>(status);
  return std::move(exchange.answer);
}

}  // namespace batuta
