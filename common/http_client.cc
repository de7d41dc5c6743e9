#include "common/http_client.h"

#include <curl/curl.h>
#include <dlfcn.h>

#include <algorithm>
#include <memory>
#include <string>
#include <type_traits>

#include "common/text.h"

namespace batuta {
namespace {

// libcurl brings TLS, Kerberos and LDAP, megabytes that a scheduler without alerts and a slot
// without HTTP never touch: it is opened at the first call. BATUTA_CURL_LIBRARY is the one it was
// built for.
struct Curl {
  decltype(&curl_global_init) global_init;
  decltype(&curl_easy_init) easy_init;
  decltype(&curl_easy_setopt) easy_setopt;
  decltype(&curl_easy_getinfo) easy_getinfo;
  decltype(&curl_easy_perform) easy_perform;
  decltype(&curl_easy_cleanup) easy_cleanup;
  decltype(&curl_easy_strerror) easy_strerror;
  decltype(&curl_slist_append) slist_append;
  decltype(&curl_slist_free_all) slist_free_all;
  decltype(&curl_multi_init) multi_init;
  decltype(&curl_multi_cleanup) multi_cleanup;
  decltype(&curl_multi_add_handle) multi_add_handle;
  decltype(&curl_multi_remove_handle) multi_remove_handle;
  decltype(&curl_multi_perform) multi_perform;
  decltype(&curl_multi_poll) multi_poll;
  decltype(&curl_multi_info_read) multi_info_read;
  std::string error;  // not empty: nothing above may be called
};

Curl open_curl() {
  Curl curl{};
  void* library = ::dlopen(BATUTA_CURL_LIBRARY, RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    curl.error = std::string("libcurl cannot be loaded: ") + ::dlerror();
    return curl;
  }
  const auto load = [&](auto& function, const char* name) {
    function = reinterpret_cast<std::remove_reference_t<decltype(function)>>(dlsym(library, name));
    if (function == nullptr) curl.error = std::string("libcurl has no ") + name;
  };
  load(curl.global_init, "curl_global_init");
  load(curl.easy_init, "curl_easy_init");
  load(curl.easy_setopt, "curl_easy_setopt");
  load(curl.easy_getinfo, "curl_easy_getinfo");
  load(curl.easy_perform, "curl_easy_perform");
  load(curl.easy_cleanup, "curl_easy_cleanup");
  load(curl.easy_strerror, "curl_easy_strerror");
  load(curl.slist_append, "curl_slist_append");
  load(curl.slist_free_all, "curl_slist_free_all");
  load(curl.multi_init, "curl_multi_init");
  load(curl.multi_cleanup, "curl_multi_cleanup");
  load(curl.multi_add_handle, "curl_multi_add_handle");
  load(curl.multi_remove_handle, "curl_multi_remove_handle");
  load(curl.multi_perform, "curl_multi_perform");
  load(curl.multi_poll, "curl_multi_poll");
  load(curl.multi_info_read, "curl_multi_info_read");
  if (curl.error.empty()) curl.global_init(CURL_GLOBAL_DEFAULT);
  return curl;
}

const Curl& libcurl() {
  static const Curl curl = open_curl();
  return curl;
}

struct EasyDelete {
  void operator()(CURL* handle) const { libcurl().easy_cleanup(handle); }
};
struct ListDelete {
  void operator()(curl_slist* list) const { libcurl().slist_free_all(list); }
};
using Easy = std::unique_ptr<CURL, EasyDelete>;
using List = std::unique_ptr<curl_slist, ListDelete>;

struct Exchange {
  const HttpRequest& request;
  HttpAnswer answer;
  bool too_large = false;
  bool cancelled = false;
};

constexpr std::size_t max_header_bytes = 64 << 10;

std::size_t on_body(char* data, std::size_t, std::size_t size, void* self) {
  auto& exchange = *static_cast<Exchange*>(self);
  if (exchange.request.ignore_body) return size;
  if (exchange.answer.body.size() + size > exchange.request.max_body) {
    exchange.too_large = true;
    return 0;
  }
  exchange.answer.body.append(data, size);
  return size;
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

long milliseconds(Duration d) {
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(d).count();
  return static_cast<long>(std::clamp<std::int64_t>(ms, 1, 24LL * 3600 * 1000));
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
  List list{libcurl().slist_append(nullptr, "Expect:")};
  for (const auto& [name, value] : request.headers) {
    // "Name;" is libcurl's way to send a header whose value is empty.
    const std::string line = value.empty() ? name + ";" : name + ": " + value;
    if (curl_slist* grown = libcurl().slist_append(list.get(), line.c_str())) {
      (void)list.release();  // it is part of what grew
      list.reset(grown);
    }
  }
  return list;
}

void set_options(CURL* curl, Exchange& exchange, const List& headers) {
  const HttpRequest& request = exchange.request;
  const auto set = libcurl().easy_setopt;
  set(curl, CURLOPT_PROTOCOLS_STR, "http,https");
  set(curl, CURLOPT_FOLLOWLOCATION, 0L);
  set(curl, CURLOPT_PROXY, "");  // the environment's proxy is not ours to obey
  set(curl, CURLOPT_NETRC, long{CURL_NETRC_IGNORED});
  set(curl, CURLOPT_NOSIGNAL, 1L);         // name look-ups must not use SIGALRM
  set(curl, CURLOPT_ACCEPT_ENCODING, "");  // all it can decode; max_body counts decoded bytes
  set(curl, CURLOPT_URL, request.url.c_str());
  set(curl, CURLOPT_HTTPHEADER, headers.get());
  if (!request.login.empty()) {
    set(curl, CURLOPT_HTTPAUTH, long{CURLAUTH_BASIC});
    set(curl, CURLOPT_USERNAME, request.login.c_str());
    set(curl, CURLOPT_PASSWORD, request.password.c_str());
  }
  set(curl, CURLOPT_CONNECTTIMEOUT_MS, milliseconds(request.connect_timeout));
  set(curl, CURLOPT_TIMEOUT_MS, milliseconds(request.timeout));
  set(curl, CURLOPT_WRITEFUNCTION, on_body);
  set(curl, CURLOPT_WRITEDATA, &exchange);
  set(curl, CURLOPT_HEADERFUNCTION, on_header);
  set(curl, CURLOPT_HEADERDATA, &exchange);
  if (request.method == "HEAD") {
    set(curl, CURLOPT_NOBODY, 1L);
  } else if (request.method == "GET" && request.body.empty()) {
    set(curl, CURLOPT_HTTPGET, 1L);
  } else {
    set(curl, CURLOPT_POST, 1L);
    set(curl, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body.size()));
    set(curl, CURLOPT_POSTFIELDS, request.body.data());
    set(curl, CURLOPT_CUSTOMREQUEST, request.method.c_str());
  }
}

// One step of the transfer, at most a tenth of a second, so that `cancelled` is asked in time.
// libcurl's own progress callback slows to once a second while nothing moves.
CURLcode perform(CURL* easy, Exchange& exchange) {
  const Curl& curl = libcurl();
  if (!exchange.request.cancelled) return curl.easy_perform(easy);
  const std::unique_ptr<CURLM, decltype(&curl_multi_cleanup)> multi{curl.multi_init(),
                                                                    curl.multi_cleanup};
  if (!multi || curl.multi_add_handle(multi.get(), easy) != CURLM_OK) return CURLE_OUT_OF_MEMORY;
  CURLcode outcome = CURLE_OK;
  for (int running = 1; running != 0;) {
    if (curl.multi_perform(multi.get(), &running) != CURLM_OK) outcome = CURLE_RECV_ERROR;
    if (exchange.request.cancelled()) {
      exchange.cancelled = true;
      outcome = CURLE_ABORTED_BY_CALLBACK;
    }
    if (outcome != CURLE_OK) break;
    if (running != 0) curl.multi_poll(multi.get(), nullptr, 0, 100, nullptr);
  }
  int left = 0;
  while (const CURLMsg* message = curl.multi_info_read(multi.get(), &left)) {
    if (message->msg == CURLMSG_DONE && outcome == CURLE_OK) outcome = message->data.result;
  }
  curl.multi_remove_handle(multi.get(), easy);
  return outcome;
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

  const Easy curl{libcurl().easy_init()};
  if (!curl) return {Errc::unavailable, "out of memory"};
  Exchange exchange{request, {}, false, false};
  const List headers = header_list(request);
  set_options(curl.get(), exchange, headers);
  const CURLcode code = perform(curl.get(), exchange);

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
  if (code != CURLE_OK) return {Errc::unavailable, libcurl().easy_strerror(code)};
  long status = 0;
  libcurl().easy_getinfo(curl.get(), CURLINFO_RESPONSE_CODE, &status);
  exchange.answer.status = static_cast<int>(status);
  return std::move(exchange.answer);
}

}  // namespace batuta
