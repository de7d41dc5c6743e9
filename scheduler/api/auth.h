// Who sends this request, and may the request be believed. Pure over the registry's memory.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/result.h"
#include "common/time.h"
#include "scheduler/http/exchange.h"
#include "scheduler/store/registry.h"

namespace batuta::http {

// The one question. Lists and streams ask for the identity's Rights::sight instead.
inline bool may(const Identity& who, Action action, std::string_view resource) {
  return who.rights.may(action, resource);
}

inline constexpr std::string_view session_cookie = "batuta_session";

// A cookie of the request; empty when there is none. Two of the name are none: one was planted.
std::string cookie_value(const Request& request, std::string_view name);
// The session's token in the Cookie header.
std::string cookie_token(const Request& request);
// The token the request carries, from the Authorization header or else the cookie; empty = none.
std::string request_token(const Request& request, bool& by_cookie);

// Who sends this. An Authorization header that is wrong is not healed by a good cookie.
// Errc::unauthenticated when the request carries nothing, or a cookie that is no good;
// Errc::forbidden for such a token.
Result<Identity> known_identity(const Request& request, const Registry& registry, Time now);

// Origin, when sent, must be this server's own (by the Host header) or one of `allowed`.
Status check_origin(const Request& request, const std::vector<std::string>& allowed);

// An unsafe request by cookie must carry the session's CSRF token.
Status check_csrf(const Request& request);

bool is_unsafe(Method method);

}  // namespace batuta::http
