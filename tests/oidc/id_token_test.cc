// ID tokens: what is believed, and each way in which one is not.
#include "scheduler/oidc/id_token.h"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "common/safe_json.h"
#include "scheduler/store/crypto.h"
#include "tests/oidc/signer.h"

namespace batuta::oidc {
namespace {

using nlohmann::json;

constexpr const char* the_issuer = "https://id.example.org";

Time noon() {
  return *parse_iso("2026-11-20T12:00:00Z");
}
std::int64_t seconds_at(const char* clock) {
  return std::chrono::duration_cast<std::chrono::seconds>(
             parse_iso(std::string("2026-11-20T") + clock + "Z")->time_since_epoch())
      .count();
}

// Keys take long to make: one of each kind for all tests, and a stranger's.
const Signer& rsa() {
  static const Signer signer(Signer::Kind::rsa, "rsa-1");
  return signer;
}
const Signer& p256() {
  static const Signer signer(Signer::Kind::p256, "ec-1");
  return signer;
}
const Signer& stranger() {
  static const Signer signer(Signer::Kind::rsa, "rsa-1");  // calls itself the same
  return signer;
}

std::vector<SigningKey> published() {
  return *parse_key_set(key_set({rsa().jwk(), p256().jwk()}));
}

json good_claims() {
  return {{"iss", the_issuer},
          {"aud", "batuta"},
          {"sub", "17"},
          {"nonce", "n-1"},
          {"iat", seconds_at("11:59:50")},
          {"exp", seconds_at("12:05:00")},
          {"preferred_username", "ana"}};
}

json with(const char* name, json value) {
  json claims = good_claims();
  claims[name] = std::move(value);
  return claims;
}
json without(const char* name) {
  json claims = good_claims();
  claims.erase(name);
  return claims;
}

Result<json> checked(const std::string& token, Time now = noon()) {
  return check_id_token(token, published(), {the_issuer, "batuta", "n-1", now});
}

// What is wrong with a token of these claims; "" when it is believed.
std::string fault(const json& claims) {
  const auto result = checked(rsa().token("RS256", claims));
  return result ? "" : result.error().message;
}

std::string fault_of(const std::string& token) {
  const auto result = checked(token);
  return result ? "" : result.error().message;
}

bool says(const std::string& message, const char* part) {
  return message.find(part) != message.npos;
}

}  // namespace

TEST_CASE("a token of the provider's is believed, signed by RS256, PS256 or ES256") {
  for (const std::string alg : {"RS256", "PS256", "ES256"}) {
    CAPTURE(alg);
    const auto claims = checked((alg == "ES256" ? p256() : rsa()).token(alg, good_claims()));
    REQUIRE(claims.ok());
    CHECK((*claims)["preferred_username"] == "ana");
  }
}

TEST_CASE("a token that is not signed, or with a secret that is shared, is refused by name") {
  const auto unsigned_token = [](const char* alg) {
    return base64url(json_text({{"alg", alg}, {"kid", "rsa-1"}})) + "." +
           base64url(json_text(good_claims())) + ".";
  };
  CHECK(says(fault_of(unsigned_token("none")), "alg none"));
  CHECK(says(fault_of(unsigned_token("None")), "alg \"None\""));
  // The public key as the secret of an HMAC: the old way in.
  const std::string text = base64url(json_text({{"alg", "HS256"}, {"kid", "rsa-1"}})) + "." +
                           base64url(json_text(good_claims()));
  const Digest mac = hmac_sha256(rsa().public_der(), text);
  const std::string forged =
      text + "." + base64url({reinterpret_cast<const char*>(mac.data()), mac.size()});
  CHECK(says(fault_of(forged), "shared secret (alg HS256)"));
}

TEST_CASE("a payload, header or signature that was changed is noticed") {
  const std::string token = rsa().token("RS256", good_claims());
  const auto first = token.find('.'), second = token.rfind('.');
  const std::string head = token.substr(0, first), signature = token.substr(second + 1);
  const std::string admin = base64url(json_text(with("preferred_username", "root")));
  CHECK(says(fault_of(head + "." + admin + "." + signature), "signature"));
  const std::string other_head =
      base64url(json_text({{"alg", "PS256"}, {"typ", "JWT"}, {"kid", "rsa-1"}}));
  CHECK(says(fault_of(other_head + token.substr(first)), "signature"));
  CHECK(says(fault_of(token.substr(0, second) + "."), "signature"));
  CHECK(says(fault_of(stranger().token("RS256", good_claims())), "signature"));
  // Of ES256 both numbers zero, and a signature in DER's form.
  const std::string ec = p256().token("ES256", good_claims());
  const std::string ec_text = ec.substr(0, ec.rfind('.'));
  CHECK(says(fault_of(ec_text + "." + base64url(std::string(64, '\0'))), "signature"));
  CHECK(says(fault_of(ec_text + "." + base64url(std::string(70, '\1'))), "signature"));
}

TEST_CASE("a token of another issuer, for another client or of another login is refused") {
  CHECK(fault(good_claims()).empty());
  CHECK(says(fault(with("iss", "https://id.example.org/")), "issuer"));
  CHECK(says(fault(without("iss")), "issuer"));
  CHECK(says(fault(with("aud", "other")), "another client (aud)"));
  CHECK(says(fault(without("aud")), "another client (aud)"));
  CHECK(says(fault(with("aud", json::array({"other"}))), "another client (aud)"));
  CHECK(fault(with("aud", json::array({"batuta"}))).empty());
  json several = with("aud", json::array({"batuta", "other"}));
  CHECK(says(fault(several), "no azp"));
  several["azp"] = "batuta";
  CHECK(fault(several).empty());
  CHECK(says(fault(with("azp", "other")), "(azp)"));
  CHECK(says(fault(with("nonce", "n-2")), "nonce"));
  CHECK(says(fault(without("nonce")), "nonce"));
  CHECK(says(fault(without("sub")), "sub"));
  CHECK(says(fault(with("sub", "17\n18")), "sub"));
}

TEST_CASE("a token is believed while it lives, with a minute for clocks that differ") {
  const auto at = [](const char* clock) {
    return checked(rsa().token("RS256", good_claims()),
                   Time(std::chrono::seconds(seconds_at(clock))))
        .ok();
  };
  CHECK(at("12:05:59"));
  CHECK_FALSE(at("12:06:00"));
  CHECK(at("11:58:50"));
  CHECK_FALSE(at("11:58:49"));
  CHECK(says(fault(without("exp")), "(iat, exp)"));
  CHECK(says(fault(without("iat")), "(iat, exp)"));
  CHECK(says(fault(with("exp", "never")), "(iat, exp)"));
  CHECK(says(fault(with("exp", 1e300)), "(iat, exp)"));
  CHECK(fault(with("nbf", seconds_at("12:00:30"))).empty());
  CHECK(says(fault(with("nbf", seconds_at("12:02:00"))), "nbf"));
}

TEST_CASE("a key that is not known is told apart, so that the keys are read again") {
  const Signer fresh(Signer::Kind::p256, "ec-2");
  const auto result = checked(fresh.token("ES256", good_claims()));
  REQUIRE_FALSE(result.ok());
  CHECK(result.error().code == Errc::not_found);
  CHECK(says(result.error().message, "ec-2"));
  // Without its name there is one key of that kind, or it is not clear which.
  const std::string unnamed = rsa().token("RS256", good_claims(), {{"kid", nullptr}});
  CHECK(checked(unnamed).ok());
  const auto two = *parse_key_set(key_set({rsa().jwk(), stranger().jwk()}));
  CHECK_FALSE(check_id_token(unnamed, two, {the_issuer, "batuta", "n-1", noon()}).ok());
}

TEST_CASE("a token that is none is refused with a sentence, and shows nothing of itself") {
  const std::string good = rsa().token("RS256", good_claims());
  for (const std::string& text :
       {std::string(), std::string("a.b"), std::string("a.b.c.d"), good + "=", "." + good,
        std::string(70'000, 'a'), good.substr(good.find('.'))}) {
    const std::string message = fault_of(text);
    CHECK(says(message, "the ID token"));
    CHECK(message.find("eyJ") == message.npos);
  }
  CHECK(
      says(fault_of(rsa().token("RS256", good_claims(), {{"crit", json::array({"x"})}})), "crit"));
  CHECK(says(fault_of(rsa().token("RS256", good_claims(), {{"alg", "RS512"}})), "RS512"));
}

TEST_CASE("of a set of keys those that can sign what is believed are taken") {
  json encrypts = rsa().jwk(), weak = rsa().jwk(), curve = p256().jwk(), other = rsa().jwk();
  encrypts["use"] = "enc";
  weak["n"] = base64url(std::string(128, '\x7f'));
  curve["crv"] = "P-384";
  other["kty"] = "oct";
  CHECK(parse_key_set(key_set({encrypts, weak, curve, other, "x", rsa().jwk()}))->size() == 1);
  CHECK_FALSE(parse_key_set("[]").ok());
  CHECK_FALSE(parse_key_set(R"({"keys":{}})").ok());
  CHECK_FALSE(parse_key_set("nonsense").ok());
  json many = json::array();
  for (std::size_t i = 0; i <= max_keys; ++i) many.push_back(json::object());
  CHECK_FALSE(parse_key_set(json_text({{"keys", many}})).ok());
  // A key that says what it is for signs nothing else.
  json only_ps = rsa().jwk();
  only_ps["alg"] = "PS256";
  const auto keys = *parse_key_set(key_set({only_ps}));
  const TokenRules rules{the_issuer, "batuta", "n-1", noon()};
  CHECK(check_id_token(rsa().token("PS256", good_claims()), keys, rules).ok());
  CHECK_FALSE(check_id_token(rsa().token("RS256", good_claims()), keys, rules).ok());
}

}  // namespace batuta::oidc
