// Who is behind a proxy. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace batuta::http {

// One text for each IP address, so that they can be compared: IPv6 in its short form, an IPv4
// address in IPv6's clothes as IPv4. nullopt when it is none.
std::optional<std::string> plain_address(std::string_view text);

// Whether `trusted` has this plain address.
bool is_trusted(const std::string& address, const std::vector<std::string>& trusted);

// The address a request is judged by: that of `peer`, who sent it, unless this is one of the
// proxies in `trusted`. Then what X-Forwarded-For says is followed from its end, as far as each was
// told by a trusted one: the first that is not a proxy of ours, or the furthest that is. What
// stands before that is only hearsay. `forwarded_for` may be null. `peer` and `trusted` are plain.
std::string client_address(const std::string& peer, const std::string* forwarded_for,
                           const std::vector<std::string>& trusted);

}  // namespace batuta::http
