#include "common/outgoing.h"

#include <cstdlib>
#include <nlohmann/json.hpp>

#include "common/safe_json.h"

namespace batuta {
namespace {

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

}  // namespace

Outgoing outgoing_of(const std::string& extra_json) {
  Outgoing outgoing;
  const auto extra = parse_untrusted(extra_json.empty() ? "{}" : extra_json);
  if (!extra || !extra->is_object()) return outgoing;
  const auto text = [&](const char* name) {
    const auto at = extra->find(name);
    return at != extra->end() && at->is_string() ? at->get<std::string>() : std::string();
  };
  outgoing.proxy = text("proxy");
  outgoing.ca_file = text("ca_file");
  return outgoing;
}

Route route_of(const Outgoing& outgoing) {
  Route route;
  if (outgoing.direct) return route;
  route.ca_file = outgoing.ca_file.empty() ? variable("BATUTA_OUTGOING_CA_FILE") : outgoing.ca_file;
  if (!outgoing.proxy.empty()) {
    if (outgoing.proxy != "none") route.proxy = outgoing.proxy;
    return route;  // whoever names one for a connection means its host
  }
  route.proxy = variable("BATUTA_OUTGOING_PROXY");
  route.no_proxy = "localhost,127.0.0.1,::1";
  if (const auto more = variable("BATUTA_OUTGOING_NO_PROXY"); !more.empty()) {
    route.no_proxy += "," + more;
  }
  return route;
}

}  // namespace batuta
