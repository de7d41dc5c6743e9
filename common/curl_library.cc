#include "common/curl_library.h"

#include <dlfcn.h>

#include <algorithm>
#include <type_traits>

#include "common/url.h"

namespace batuta {
namespace {

// BATUTA_CURL_LIBRARY is the one it was built for.
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
  load(curl.easy_reset, "curl_easy_reset");
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

}  // namespace

const Curl& libcurl() {
  static const Curl curl = open_curl();
  return curl;
}

void append(List& list, const std::string& line) {
  if (curl_slist* grown = libcurl().slist_append(list.get(), line.c_str())) {
    (void)list.release();  // it is part of what grew
    list.reset(grown);
  }
}

long curl_milliseconds(Duration d) {
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(d).count();
  return static_cast<long>(std::clamp<std::int64_t>(ms, 1, 24LL * 3600 * 1000));
}

void set_route(CURL* curl, const Route& route) {
  const auto set = libcurl().easy_setopt;
  // Set even when it is empty: the proxy of the user's environment is not ours to obey.
  set(curl, CURLOPT_PROXY, route.proxy.c_str());
  set(curl, CURLOPT_NOPROXY, route.no_proxy.c_str());
  if (!route.ca_file.empty()) set(curl, CURLOPT_CAINFO, route.ca_file.c_str());
}

// In steps of at most a tenth of a second: libcurl's own progress callback slows to once a second
// while nothing moves.
CURLcode perform(CURL* easy, const std::function<bool()>& cancelled, bool& was_cancelled) {
  const Curl& curl = libcurl();
  if (!cancelled) return curl.easy_perform(easy);
  const std::unique_ptr<CURLM, decltype(&curl_multi_cleanup)> multi{curl.multi_init(),
                                                                    curl.multi_cleanup};
  if (!multi || curl.multi_add_handle(multi.get(), easy) != CURLM_OK) return CURLE_OUT_OF_MEMORY;
  CURLcode outcome = CURLE_OK;
  for (int running = 1; running != 0;) {
    if (curl.multi_perform(multi.get(), &running) != CURLM_OK) outcome = CURLE_RECV_ERROR;
    if (cancelled()) {
      was_cancelled = true;
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

std::string curl_error(CURLcode code, const Route& route) {
  std::string text = libcurl().easy_strerror(code);
  if (code == CURLE_SSL_CACERT_BADFILE && !route.ca_file.empty()) {
    return text + ": " + route.ca_file + " (ca_file)";
  }
  const std::string host(split_url(route.proxy).host);
  return host.empty() ? text : text + " (by the proxy " + host + ")";
}

}  // namespace batuta
