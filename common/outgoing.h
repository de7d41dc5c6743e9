// How requests leave this machine: through a proxy, and whose certificates they believe.
//
// What an installation sets (outgoing.proxy, outgoing.no_proxy, outgoing.ca_file) reaches every
// process of it, slots included, as BATUTA_OUTGOING_*; a connection's extra has the last word.
#pragma once

#include <string>

namespace batuta {

struct Outgoing {
  std::string proxy{};    // "http://host:3128", also https, socks5, socks5h; "none": straight
  std::string ca_file{};  // certificates (PEM) that are believed beside the system's
  bool direct = false;    // to our own server: no setting applies
};

// `proxy` and `ca_file` of a connection's extra, a JSON object or empty.
Outgoing outgoing_of(const std::string& extra_json);

// What a request goes by: its own, else what the environment says. `no_proxy`: hosts, with commas
// between, that are reached straight.
struct Route {
  std::string proxy;  // empty: straight
  std::string no_proxy;
  std::string ca_file;
};
Route route_of(const Outgoing& outgoing);

}  // namespace batuta
