#include "scheduler/oidc/attempt.h"

#include <algorithm>
#include <charconv>

#include "common/uuid.h"
#include "scheduler/store/crypto.h"

namespace batuta::oidc {
namespace {

constexpr std::size_t max_next = 1024;
constexpr std::size_t max_cookie = 3072;
constexpr std::size_t random_size = 32;

std::string_view bytes_view(const Digest& digest) {
  return {reinterpret_cast<const char*>(digest.data()), digest.size()};
}

std::int64_t whole_seconds(Time t) {
  return std::chrono::duration_cast<std::chrono::seconds>(t.time_since_epoch()).count();
}

}  // namespace

std::string own_path(std::string_view next) {
  const bool plain = std::all_of(next.begin(), next.end(),
                                 [](char c) { return c > ' ' && c <= '~' && c != '\\'; });
  const bool own = next.starts_with('/') && !next.starts_with("//") && next.size() <= max_next;
  return plain && own ? std::string(next) : "/";
}

std::string Attempts::keyed(std::string_view purpose, std::string_view text) const {
  return base64url(bytes_view(
      hmac_sha256(key_, std::string(purpose) + std::string(1, '\0') + std::string(text))));
}

Attempt Attempts::derive(std::string cookie, std::string next) const {
  Attempt out;
  out.state = keyed("state", cookie);
  out.nonce = keyed("nonce", cookie);
  out.verifier = keyed("verifier", cookie);
  out.challenge = base64url(bytes_view(sha256(out.verifier)));
  out.cookie = std::move(cookie);
  out.next = std::move(next);
  return out;
}

// "<random>.<expires>.<next>.<mac>", the first and the last two in base64url.
Attempt Attempts::begin(std::string_view next, Time now, Duration lifetime) const {
  std::string random(random_size, '\0');
  random_bytes(random.data(), random.size());
  std::string path = own_path(next);
  const std::string body = base64url(random) + "." + std::to_string(whole_seconds(now + lifetime)) +
                           "." + base64url(path);
  return derive(body + "." + keyed("cookie", body), std::move(path));
}

std::optional<Attempt> Attempts::read(std::string_view cookie, Time now) const {
  if (cookie.size() > max_cookie) return std::nullopt;
  const auto mac_at = cookie.rfind('.');
  if (mac_at == cookie.npos) return std::nullopt;
  const std::string_view body = cookie.substr(0, mac_at), mac = cookie.substr(mac_at + 1);
  if (!equal_in_constant_time(sha256(keyed("cookie", body)), sha256(mac))) return std::nullopt;
  // What we sealed has the form that we gave it.
  const auto first = body.find('.'), second = body.rfind('.');
  const std::string_view until = body.substr(first + 1, second - first - 1);
  std::int64_t expires = 0;
  std::from_chars(until.data(), until.data() + until.size(), expires);
  if (whole_seconds(now) >= expires) return std::nullopt;
  return derive(std::string(cookie), from_base64url(body.substr(second + 1)).value_or("/"));
}

bool SpentStates::spend(const std::string& state, Time now, Duration lifetime) {
  std::erase_if(until_, [&](const auto& one) { return one.second <= now; });
  if (until_.contains(state)) return false;
  if (until_.size() >= most) {
    until_.erase(std::min_element(until_.begin(), until_.end(), [](const auto& a, const auto& b) {
      return a.second < b.second;
    }));
  }
  until_.emplace(state, now + lifetime);
  return true;
}

}  // namespace batuta::oidc
