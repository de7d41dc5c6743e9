// One OpenID provider: what it publishes of itself, its keys, and the exchange of a code.
#pragma once

#include <functional>
#include <mutex>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "common/http_client.h"
#include "common/result.h"
#include "common/time.h"
#include "scheduler/oidc/id_token.h"

namespace batuta::oidc {

// https, or http on this machine: whoever can change what a provider says of its keys is the
// provider.
bool safe_address(std::string_view url);

struct ProviderOptions {
  std::string issuer;
  std::string client_id;
  // Empty: a client without a secret. Blocking. Its error is for the log.
  std::function<Result<std::string>()> client_secret{};
  std::string redirect_uri;
  std::function<bool()> cancelled{};  // as HttpRequest's
  std::function<Result<HttpAnswer>(const HttpRequest&)> call = http_call;
};

// What a provider publishes of itself.
struct Discovery {
  std::string authorization_endpoint;
  std::string token_endpoint;
  std::string jwks_uri;
  std::string userinfo_endpoint;     // may be empty
  std::string end_session_endpoint;  // may be empty
  bool secret_in_body = false;       // client_secret_post is all it takes
  bool names_issuer = false;         // in what it sends browsers back with (RFC 9207)
};
// Errc::malformed, saying what.
Result<Discovery> parse_discovery(std::string_view text, const std::string& issuer);

// Who logged in, as the provider says: the claims of the ID token, and beside them those that its
// userinfo has and the token lacks.
struct Exchange {
  std::string code;
  std::string verifier;
  std::string nonce;
  std::vector<std::string> wanted;  // claims; where one is missing userinfo is asked
};

// Any thread. Every call blocks for 10 s for each request at most, of which there are at most five;
// answers are bounded. No error has a secret, a code or a token in it.
class Provider {
 public:
  static constexpr Duration keep = std::chrono::hours(1);            // discovery and keys
  static constexpr Duration keep_failure = std::chrono::seconds(5);  // of discovery
  static constexpr Duration between_readings =
      std::chrono::seconds(30);  // of keys, for unknown ones

  explicit Provider(ProviderOptions options) : options_(std::move(options)) {}

  // As it is known, at most an hour old; when it cannot be had anew, as it was.
  Result<Discovery> discovery(Time now);
  // Read now, and its keys.
  Status check(Time now);
  // As it is known; does not block.
  std::optional<Discovery> known() const;
  // Errc::unavailable: the provider does not answer as it should; unauthenticated: it refuses the
  // code or us, or what it says is not believed.
  Result<nlohmann::json> redeem(const Exchange& exchange, Time now);

 private:
  HttpRequest request_to(const std::string& url) const;
  Result<Discovery> read_discovery();
  Result<std::string> read(const std::string& url, const char* what) const;
  Result<nlohmann::json> tokens_for(const Exchange& exchange, const Discovery& at) const;
  // `anew`: a key was asked for that is none of them.
  Result<std::vector<SigningKey>> keys(const Discovery& at, Time now, bool anew);
  Status add_userinfo(nlohmann::json& claims, const Exchange& exchange, const Discovery& at,
                      const nlohmann::json& tokens) const;

  const ProviderOptions options_;
  mutable std::mutex mutex_;  // guards what follows; never held while something is asked
  std::optional<Discovery> discovery_;
  Time discovered_{};
  std::optional<Error> failure_;
  Time failed_{};
  std::vector<SigningKey> keys_;
  std::string keys_of_;  // address
  Time keys_read_{};
};

}  // namespace batuta::oidc
