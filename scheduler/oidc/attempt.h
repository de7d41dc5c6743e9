// One login under way: what ties the browser that begins it to the one that comes back. Nothing of
// it is kept here. The browser holds a sealed cookie, and state, nonce and PKCE's verifier are
// derived from it by a key that only this process has: strangers who begin logins use up nothing,
// and push nobody else's out.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "common/time.h"

namespace batuta::oidc {

struct Attempt {
  std::string cookie;
  std::string state;
  std::string nonce;
  std::string verifier;   // of PKCE
  std::string challenge;  // S256 of the verifier
  std::string next;       // path to come back to
};

// A path of our own, of at most 1,024 printable characters: what a browser could take for another
// host's ("//elsewhere", "/\elsewhere") is "/".
std::string own_path(std::string_view next);

// Any thread.
class Attempts {
 public:
  explicit Attempts(std::string key) : key_(std::move(key)) {}

  Attempt begin(std::string_view next, Time now, Duration lifetime) const;
  // nullopt: not a cookie of this process, changed, or too old.
  std::optional<Attempt> read(std::string_view cookie, Time now) const;

 private:
  Attempt derive(std::string cookie, std::string next) const;
  std::string keyed(std::string_view purpose, std::string_view text) const;

  const std::string key_;
};

// States that have come back, each good for one time. Holds the newest 4,096: a code is good once
// at the provider, too. Not thread-safe.
class SpentStates {
 public:
  static constexpr std::size_t most = 4096;
  // False: it was spent already.
  bool spend(const std::string& state, Time now, Duration lifetime);

 private:
  std::map<std::string, Time> until_;
};

}  // namespace batuta::oidc
