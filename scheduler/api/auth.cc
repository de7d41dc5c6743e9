#include "scheduler/api/auth.h"

#include <algorithm>

#include "scheduler/api/login.h"

namespace batuta::http {
namespace {

constexpr std::size_t max_token_bytes = 256;

bool same_word(std::string_view a, std::string_view lower_case) {
  return std::equal(a.begin(), a.end(), lower_case.begin(), lower_case.end(), [](char x, char y) {
    return (x >= 'A' && x <= 'Z' ? static_cast<char>(x - 'A' + 'a') : x) == y;
  });
}

}  // namespace

bool is_unsafe(Method method) {
  return method != Method::get && method != Method::head && method != Method::options;
}

std::string cookie_value(const Request& request, std::string_view name) {
  const std::string* header = request.header("cookie");
  if (!header) return {};
  std::string found;
  std::string_view rest = *header;
  while (!rest.empty()) {
    const auto end = rest.find(';');
    auto pair = rest.substr(0, end);
    rest = end == rest.npos ? std::string_view{} : rest.substr(end + 1);
    while (pair.starts_with(' ')) pair.remove_prefix(1);
    const auto equals = pair.find('=');
    if (equals == pair.npos || pair.substr(0, equals) != name) continue;
    if (!found.empty()) return {};
    found = pair.substr(equals + 1);
  }
  return found;
}

std::string cookie_token(const Request& request) {
  return cookie_value(request, session_cookie);
}

std::string request_token(const Request& request, bool& by_cookie) {
  by_cookie = false;
  if (const std::string* header = request.header("authorization")) {
    const auto space = header->find(' ');
    if (space == header->npos || !same_word(std::string_view(*header).substr(0, space), "bearer")) {
      return {};
    }
    const auto start = header->find_first_not_of(' ', space);
    return start == header->npos ? std::string{} : header->substr(start);
  }
  by_cookie = true;
  return cookie_token(request);
}

Result<Identity> known_identity(const Request& request, const Registry& registry, Time now) {
  bool by_cookie = false;
  const std::string token = request_token(request, by_cookie);
  if (token.empty()) {
    return {Errc::unauthenticated, "log in first: send a bearer token or a session cookie"};
  }
  const auto holder = token.size() > max_token_bytes ? std::optional<TokenHolder>()
                                                     : registry.check_token(token, now);
  // As in Airflow a token that is no good is 403. Of a session that is over the page wants to know
  // that it must log in again.
  if (!holder) {
    return {by_cookie ? Errc::unauthenticated : Errc::forbidden,
            "the token is unknown, expired or revoked"};
  }
  return Identity{holder->user.name, holder->user.role, by_cookie, holder->expires_at,
                  holder->rights};
}

Status check_origin(const Request& request, const std::vector<std::string>& allowed) {
  const std::string* origin = request.header("origin");
  const std::string* host = request.header("host");
  if (!origin) return success();
  if (host && (*origin == "http://" + *host || *origin == "https://" + *host)) return success();
  if (std::find(allowed.begin(), allowed.end(), *origin) != allowed.end()) return success();
  return {Errc::forbidden, "requests from that origin are refused"};
}

Status check_csrf(const Request& request) {
  if (!request.identity.by_cookie || !is_unsafe(request.method)) return success();
  const std::string* sent = request.header("x-csrf-token");
  if (sent && same_secret(*sent, csrf_token(cookie_token(request)))) return success();
  return {Errc::forbidden, "the X-CSRF-Token header is missing or wrong"};
}

}  // namespace batuta::http
