#include "scheduler/oidc/id_token.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "common/safe_json.h"
#include "scheduler/store/crypto.h"

namespace batuta::oidc {

using nlohmann::json;

namespace {

constexpr std::size_t max_token = 64 << 10;
constexpr std::size_t max_shown = 80;
constexpr std::size_t max_subject = 255;  // as the specification has it

Error bad(std::string what) {
  return {Errc::unauthenticated, "the ID token " + std::move(what), {}};
}

std::string text_of(const json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

// The bytes of a member in base64url; empty: there is none.
std::string bytes_of(const json& object, const char* name) {
  return from_base64url(text_of(object, name)).value_or("");
}

std::optional<SigningKey> parse_key(const json& key) {
  if (!key.is_object()) return std::nullopt;
  if (const std::string use = text_of(key, "use"); !use.empty() && use != "sig")
    return std::nullopt;
  SigningKey out;
  out.id = text_of(key, "kid");
  out.algorithm = text_of(key, "alg");
  const std::string kind = text_of(key, "kty");
  std::optional<std::string> der;
  if (kind == "RSA") {
    der = rsa_public_key(bytes_of(key, "n"), bytes_of(key, "e"));
  } else if (kind == "EC" && text_of(key, "crv") == "P-256") {
    out.elliptic = true;
    der = p256_public_key(bytes_of(key, "x"), bytes_of(key, "y"));
  }
  if (!der) return std::nullopt;
  out.der = *std::move(der);
  return out;
}

// The three parts of a signed token, and what its first two say.
struct Parts {
  std::string_view signed_text;
  std::string signature;
  json header, claims;
};

Result<Parts> split(std::string_view token) {
  if (token.size() > max_token) return bad("is larger than 64 KiB");
  const auto first = token.find('.');
  const auto second = first == token.npos ? token.npos : token.find('.', first + 1);
  if (second == token.npos || token.find('.', second + 1) != token.npos) {
    return bad("is not of three parts");
  }
  Parts parts;
  parts.signed_text = token.substr(0, second);
  const auto header = from_base64url(token.substr(0, first));
  const auto claims = from_base64url(token.substr(first + 1, second - first - 1));
  auto signature = from_base64url(token.substr(second + 1));
  if (!header || !claims || !signature) return bad("is not base64url");
  auto header_json = parse_untrusted(*header), claims_json = parse_untrusted(*claims);
  if (!header_json || !header_json->is_object()) return bad("has a header that is no JSON object");
  if (!claims_json || !claims_json->is_object()) return bad("has claims that are no JSON object");
  parts.header = *std::move(header_json);
  parts.claims = *std::move(claims_json);
  parts.signature = *std::move(signature);
  return parts;
}

Result<SignatureAlgorithm> algorithm_of(const json& header) {
  const std::string name = text_of(header, "alg");
  if (const auto known = parse_signature_algorithm(name)) return *known;
  if (name == "none") return bad("is not signed (alg none)");
  if (name.starts_with("HS")) {
    return bad("is signed with a shared secret (alg " + printable(name) +
               "): let the provider sign with RS256, PS256 or ES256");
  }
  return bad("is signed by alg \"" + printable(name) + "\"; RS256, PS256 and ES256 are believed");
}

Result<const SigningKey*> key_of(const json& header, SignatureAlgorithm algorithm,
                                 const std::vector<SigningKey>& keys) {
  const std::string id = text_of(header, "kid");
  const bool elliptic = algorithm == SignatureAlgorithm::es256;
  const SigningKey* found = nullptr;
  for (const SigningKey& key : keys) {
    if (key.elliptic != elliptic || (!id.empty() && key.id != id)) continue;
    if (!key.algorithm.empty() && parse_signature_algorithm(key.algorithm) != algorithm) continue;
    if (found != nullptr) return bad("does not say which of the provider's keys it is signed with");
    found = &key;
  }
  if (found != nullptr) return found;
  return {Errc::not_found,
          "the ID token is signed with a key that the provider does not publish (kid \"" +
              printable(id) + "\", alg " + printable(text_of(header, "alg")) + ")"};
}

Status check_audience(const json& claims, const std::string& client_id) {
  const auto audience = claims.find("aud");
  std::size_t count = 0;
  bool ours = false;
  if (audience != claims.end() && audience->is_string()) {
    count = 1;
    ours = *audience == client_id;
  } else if (audience != claims.end() && audience->is_array()) {
    count = audience->size();
    ours = std::find(audience->begin(), audience->end(), json(client_id)) != audience->end();
  }
  if (!ours) return bad("is for another client (aud)");
  const auto party = claims.find("azp");
  if (party == claims.end() && count > 1) return bad("is for several clients and has no azp");
  if (party != claims.end() && *party != client_id)
    return bad("was issued to another client (azp)");
  return success();
}

// Seconds since 1970, which may have a fraction.
std::optional<Time> time_claim(const json& claims, const char* name) {
  const auto found = claims.find(name);
  if (found == claims.end() || !found->is_number()) return std::nullopt;
  const double seconds = found->get<double>();
  constexpr double most = 253'402'300'799;  // the end of 9999
  if (!(seconds >= 0 && seconds <= most)) return std::nullopt;
  return Time(std::chrono::seconds(static_cast<std::int64_t>(seconds)));
}

Status check_times(const json& claims, const TokenRules& rules) {
  const auto expires = time_claim(claims, "exp"), issued = time_claim(claims, "iat");
  if (!expires || !issued) return bad("does not say when it was issued and expires (iat, exp)");
  if (*expires + rules.leeway <= rules.now) {
    return bad("expired at " + to_iso(*expires) + "; here it is " + to_iso(rules.now));
  }
  if (*issued > rules.now + rules.leeway) {
    return bad("was issued at " + to_iso(*issued) + "; here it is " + to_iso(rules.now) +
               ": compare the clocks");
  }
  if (claims.contains("nbf")) {
    const auto from = time_claim(claims, "nbf");
    if (!from || *from > rules.now + rules.leeway) return bad("is not valid yet (nbf)");
  }
  return success();
}

}  // namespace

std::string printable(std::string_view text) {
  std::string out;
  for (const char c : text.substr(0, max_shown)) out += c >= ' ' && c <= '~' && c != '"' ? c : '?';
  return text.size() > max_shown ? out + "..." : out;
}

Result<std::vector<SigningKey>> parse_key_set(std::string_view text) {
  const auto set = parse_untrusted(text);
  if (!set) return {Errc::malformed, "the provider's keys are not JSON: " + set.error().message};
  const auto keys = set->is_object() ? set->find("keys") : set->end();
  if (!set->is_object() || keys == set->end() || !keys->is_array()) {
    return {Errc::malformed, "the provider's keys are no JWK set"};
  }
  if (keys->size() > max_keys) {
    return {Errc::malformed, "the provider has more than " + std::to_string(max_keys) + " keys"};
  }
  std::vector<SigningKey> out;
  for (const json& key : *keys) {
    if (auto parsed = parse_key(key)) out.push_back(*std::move(parsed));
  }
  return out;
}

Result<json> check_id_token(std::string_view token, const std::vector<SigningKey>& keys,
                            const TokenRules& rules) {
  auto parts = split(token);
  if (!parts) return parts.error();
  if (parts->header.contains("crit")) return bad("asks for extensions that are not known (crit)");
  const auto algorithm = algorithm_of(parts->header);
  if (!algorithm) return algorithm.error();
  const auto key = key_of(parts->header, *algorithm, keys);
  if (!key) return key.error();
  const auto good =
      signature_is_good(*algorithm, (*key)->der, parts->signed_text, parts->signature);
  if (!good) return good.error();
  if (!*good) return bad("has a signature that is not the provider's");

  const json& claims = parts->claims;
  if (const std::string issuer = text_of(claims, "iss"); issuer != rules.issuer) {
    return bad("is of the issuer \"" + printable(issuer) + "\", not \"" + printable(rules.issuer) +
               "\"");
  }
  if (Status ok = check_audience(claims, rules.client_id); !ok) return ok.error();
  if (Status ok = check_times(claims, rules); !ok) return ok.error();
  const std::string nonce = text_of(claims, "nonce");
  if (rules.nonce.empty() || !equal_in_constant_time(sha256(nonce), sha256(rules.nonce))) {
    return bad("is of another login (nonce)");
  }
  const std::string subject = text_of(claims, "sub");
  if (subject.empty() || subject.size() > max_subject || subject.find('\n') != subject.npos) {
    return bad("does not say who it is of (sub)");
  }
  return std::move(parts->claims);
}

}  // namespace batuta::oidc
