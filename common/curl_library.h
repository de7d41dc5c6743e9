// libcurl for the clients of this folder. It brings TLS, Kerberos and LDAP, megabytes that a
// scheduler without alerts and a slot without HTTP never touch: it is opened at the first call.
#pragma once

#include <curl/curl.h>

#include <functional>
#include <memory>
#include <string>

#include "common/outgoing.h"
#include "common/time.h"

namespace batuta {

struct Curl {
  decltype(&curl_global_init) global_init;
  decltype(&curl_easy_init) easy_init;
  decltype(&curl_easy_reset) easy_reset;
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
const Curl& libcurl();

struct EasyDelete {
  void operator()(CURL* handle) const { libcurl().easy_cleanup(handle); }
};
struct ListDelete {
  void operator()(curl_slist* list) const { libcurl().slist_free_all(list); }
};
using Easy = std::unique_ptr<CURL, EasyDelete>;
using List = std::unique_ptr<curl_slist, ListDelete>;
void append(List& list, const std::string& line);

// libcurl's options take at most a day.
long curl_milliseconds(Duration d);
// Proxy and certificates. `route` must outlive nothing: libcurl keeps copies.
void set_route(CURL* curl, const Route& route);
// As easy_perform; `cancelled`, when there is one, is asked about ten times a second. True of
// `was_cancelled`: it said so.
CURLcode perform(CURL* easy, const std::function<bool()>& cancelled, bool& was_cancelled);
// What went wrong, for people: which file or proxy it was, where that explains it.
std::string curl_error(CURLcode code, const Route& route);

}  // namespace batuta
