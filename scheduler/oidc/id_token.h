// ID tokens of OpenID Connect, checked. Pure.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/result.h"
#include "common/signature.h"
#include "common/time.h"

namespace batuta::oidc {

inline constexpr std::size_t max_keys = 64;  // of one provider

// A key that a provider signs with.
struct SigningKey {
  std::string id;         // "kid"; may be empty
  std::string algorithm;  // "alg"; empty: any that its kind can
  bool elliptic = false;  // P-256, else RSA
  std::string der;        // SubjectPublicKeyInfo
};

// The keys of a JWK set that can sign what we check; others are passed over. Errc::malformed: it is
// no set, or has more than max_keys.
Result<std::vector<SigningKey>> parse_key_set(std::string_view text);

struct TokenRules {
  std::string issuer;
  std::string client_id;
  std::string nonce;
  Time now;
  Duration leeway = std::chrono::seconds(60);  // between the provider's clock and ours
};

// The claims of a token that is good. Errc::not_found: it names a key that is none of `keys`, which
// may have changed since they were read. Errc::unauthenticated, saying what, for all that is wrong
// with it; never a part of the token but names of algorithms and keys, shortened.
Result<nlohmann::json> check_id_token(std::string_view token, const std::vector<SigningKey>& keys,
                                      const TokenRules& rules);

// Of a text from elsewhere what may stand in a log's line: printable ASCII, shortened.
std::string printable(std::string_view text);

}  // namespace batuta::oidc
