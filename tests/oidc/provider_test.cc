// What is asked of a provider, how often, and what is made of its answers.
#include "scheduler/oidc/provider.h"

#include <doctest/doctest.h>

#include <map>
#include <nlohmann/json.hpp>

#include "common/safe_json.h"
#include "scheduler/oidc/sign_on.h"
#include "tests/oidc/signer.h"

namespace batuta::oidc {
namespace {

using nlohmann::json;

constexpr const char* fake_issuer = "https://id.example.org";
const Time began = *parse_iso("2026-11-20T12:00:00Z");

struct FakeProvider {
  std::map<std::string, int> asked;  // by path
  std::vector<HttpRequest> posted;
  json document{{"issuer", fake_issuer},
                {"authorization_endpoint", std::string(fake_issuer) + "/authorize?tenant=1"},
                {"token_endpoint", std::string(fake_issuer) + "/token"},
                {"jwks_uri", std::string(fake_issuer) + "/jwks"},
                {"userinfo_endpoint", std::string(fake_issuer) + "/me"},
                {"end_session_endpoint", std::string(fake_issuer) + "/end"}};
  std::unique_ptr<Signer> signer = std::make_unique<Signer>(Signer::Kind::p256, "k1");
  json claims{
      {"iss", fake_issuer}, {"aud", "batuta"}, {"sub", "17"}, {"preferred_username", "ana"}};
  json me{{"sub", "17"}, {"groups", json::array({"staff"})}};
  std::string published = key_set({signer->jwk()});
  int status = 200;  // of the token endpoint
  bool down = false;

  Result<HttpAnswer> answer(const HttpRequest& request) {
    const std::string path = request.url.substr(std::string(fake_issuer).size());
    ++asked[path];
    if (down) return {Errc::unavailable, "connection refused"};
    HttpAnswer out;
    out.status = 200;
    if (path == "/.well-known/openid-configuration") out.body = json_text(document);
    if (path == "/jwks") out.body = published;
    if (path == "/me") out.body = json_text(me);
    if (path == "/token") {
      posted.push_back(request);
      out.status = status;
      out.body = json_text(
          status == 200
              ? json{{"access_token", "at-1"}, {"id_token", signer->token("ES256", claims)}}
              : json{{"error", "invalid_grant"}, {"error_description", "used"}});
    }
    return out;
  }

  ProviderOptions options() {
    ProviderOptions out;
    out.issuer = fake_issuer;
    out.client_id = "batuta";
    out.client_secret = [] { return Result<std::string>("s/1"); };
    out.redirect_uri = "https://batuta.example.org/auth/oidc/callback";
    out.call = [this](const HttpRequest& request) { return answer(request); };
    return out;
  }

  void speak_of(const std::string& nonce, Time now) {
    const auto seconds =
        std::chrono::duration_cast<std::chrono::seconds>(now.time_since_epoch()).count();
    claims["nonce"] = nonce;
    claims["iat"] = seconds;
    claims["exp"] = seconds + 300;
  }
};

const Exchange the_exchange{"code-1", "verifier-1", "n-1", {"preferred_username", "groups"}};

std::string query_value(const std::string& url, const std::string& name) {
  const auto from = url.find(name + "=") + name.size() + 1;
  return url.substr(from, url.find('&', from) - from);
}

std::unique_ptr<http::SignOn> sign_on_at(FakeProvider& provider) {
  Options options;
  options.provider = provider.options();
  options.claims.default_role = "viewer";
  options.scopes = {"openid", "profile"};
  options.label = "Example";
  options.page = "https://batuta.example.org";
  options.key = "a key";
  return make_sign_on(std::move(options));
}

}  // namespace

TEST_CASE("a provider's description of itself must be its own, and lead nowhere that is not safe") {
  FakeProvider fake;
  CHECK(parse_discovery(json_text(fake.document), fake_issuer).ok());
  CHECK_FALSE(parse_discovery(json_text(fake.document), std::string(fake_issuer) + "/").ok());
  CHECK_FALSE(parse_discovery("nonsense", fake_issuer).ok());
  for (const char* name : {"authorization_endpoint", "token_endpoint", "jwks_uri"}) {
    json other = fake.document;
    other[name] = "http://id.example.org/x";
    CHECK(parse_discovery(json_text(other), fake_issuer).error().message.find(name) !=
          std::string::npos);
    other.erase(name);
    CHECK_FALSE(parse_discovery(json_text(other), fake_issuer).ok());
  }
  for (const char* url : {"https://id.example.org/a", "http://127.0.0.1:99", "http://localhost/x",
                          "http://[::1]:8080/x"}) {
    CHECK(safe_address(url));
  }
  for (const char* url : {"", "id.example.org", "http://id.example.org", "ftp://id.example.org",
                          "http://localhost.evil.example", "http://localhost@evil.example",
                          "https://a:b@id.example.org", "https://id.example.org/a b"}) {
    CHECK_FALSE(safe_address(url));
  }
}

TEST_CASE("a code is redeemed with the verifier and the client's secret, and userinfo fills in") {
  FakeProvider fake;
  Provider provider(fake.options());
  fake.speak_of("n-1", began);
  const auto claims = provider.redeem(the_exchange, began);
  REQUIRE(claims.ok());
  CHECK((*claims)["groups"] == json::array({"staff"}));
  REQUIRE(fake.posted.size() == 1);
  CHECK(fake.posted[0].login == "batuta");
  CHECK(fake.posted[0].password == "s%2F1");
  CHECK(fake.posted[0].body ==
        "grant_type=authorization_code&code=code-1&redirect_uri=https%3A%2F%2Fbatuta.example.org%"
        "2Fauth%2Foidc%2Fcallback&code_verifier=verifier-1");

  SUBCASE("userinfo of somebody else is not believed") {
    fake.me["sub"] = "18";
    CHECK(provider.redeem(the_exchange, began).error().code == Errc::unauthenticated);
  }
  SUBCASE("where the token says it all, userinfo is not asked") {
    fake.claims["groups"] = json::array();
    CHECK(provider.redeem(the_exchange, began).ok());
    CHECK(fake.asked["/me"] == 1);
  }
  SUBCASE("a refusal is told with its code and never with ours") {
    fake.status = 400;
    const Error refused = provider.redeem(the_exchange, began).error();
    CHECK(refused.code == Errc::unauthenticated);
    CHECK(refused.message.find("invalid_grant: used") != std::string::npos);
    CHECK(refused.message.find("code-1") == std::string::npos);
    CHECK(refused.message.find("s/1") == std::string::npos);
  }
  SUBCASE("a provider that fails is not one that refuses") {
    fake.status = 502;
    CHECK(provider.redeem(the_exchange, began).error().code == Errc::unavailable);
  }
}

TEST_CASE(
    "a secret goes into the body where the provider takes nothing else, and none where none is "
    "set") {
  FakeProvider fake;
  fake.speak_of("n-1", began);
  fake.document["token_endpoint_auth_methods_supported"] = json::array({"client_secret_post"});
  CHECK(Provider(fake.options()).redeem(the_exchange, began).ok());
  CHECK(fake.posted.back().login.empty());
  CHECK(fake.posted.back().body.ends_with("&client_id=batuta&client_secret=s%2F1"));
  ProviderOptions open = fake.options();
  open.client_secret = nullptr;
  CHECK(Provider(open).redeem(the_exchange, began).ok());
  CHECK(fake.posted.back().body.ends_with("&client_id=batuta"));
}

TEST_CASE("keys are kept for an hour, and read again for one that is not known, with a brake") {
  FakeProvider fake;
  Provider provider(fake.options());
  fake.speak_of("n-1", began);
  CHECK(provider.redeem(the_exchange, began).ok());
  CHECK(provider.redeem(the_exchange, began + std::chrono::seconds(20)).ok());
  CHECK(fake.asked["/jwks"] == 1);
  CHECK(fake.asked["/.well-known/openid-configuration"] == 1);

  fake.signer = std::make_unique<Signer>(Signer::Kind::p256, "k2");
  const Error unknown = provider.redeem(the_exchange, began + std::chrono::seconds(25)).error();
  CHECK(unknown.code == Errc::unauthenticated);
  CHECK(unknown.message.find("k2") != std::string::npos);
  CHECK(fake.asked["/jwks"] == 1);  // just read
  fake.published = key_set({fake.signer->jwk()});
  CHECK(provider.redeem(the_exchange, began + std::chrono::seconds(31)).ok());
  CHECK(fake.asked["/jwks"] == 2);

  // A key that the provider withdraws is not believed for longer than that.
  fake.published = key_set({Signer(Signer::Kind::p256, "k3").jwk()});
  const Time later = began + std::chrono::minutes(62);
  fake.speak_of("n-1", later);
  CHECK_FALSE(provider.redeem(the_exchange, later).ok());
}

TEST_CASE("a provider that is away is asked every five seconds, and what it said before is used") {
  FakeProvider fake;
  Provider provider(fake.options());
  fake.down = true;
  CHECK_FALSE(provider.discovery(began).ok());
  CHECK_FALSE(provider.discovery(began + std::chrono::seconds(4)).ok());
  CHECK(fake.asked["/.well-known/openid-configuration"] == 1);
  fake.down = false;
  CHECK(provider.discovery(began + std::chrono::seconds(6)).ok());
  fake.down = true;
  CHECK(provider.discovery(began + std::chrono::hours(2)).ok());
  CHECK(provider.check(began + std::chrono::hours(2)).error().message.find("refused") !=
        std::string::npos);
}

TEST_CASE("a login goes to the provider and back, once, in the browser that began it") {
  FakeProvider fake;
  const auto sign_on = sign_on_at(fake);
  CHECK_FALSE(sign_on->logout_url().has_value());  // it was not asked yet
  const auto begun = sign_on->begin("/#/runs", began);
  REQUIRE(begun.ok());
  CHECK(begun->location.starts_with(std::string(fake_issuer) +
                                    "/authorize?tenant=1&response_type=code&"));
  CHECK(query_value(begun->location, "code_challenge_method") == "S256");
  CHECK(query_value(begun->location, "redirect_uri") ==
        "https%3A%2F%2Fbatuta.example.org%2Fauth%2Foidc%2Fcallback");
  CHECK(query_value(begun->location, "scope") == "openid%20profile");
  fake.speak_of(query_value(begun->location, "nonce"), began);
  http::SignOnAnswer answer;
  answer.code = "code-1";
  answer.state = query_value(begun->location, "state");
  answer.cookie = begun->cookie;
  const auto problem = [&](const http::SignOnAnswer& given, Time now = began) {
    const auto person = sign_on->finish(given, now);
    return person ? std::string() : person.error().where;
  };

  SUBCASE("and is good for one time") {
    const auto person = sign_on->finish(answer, began);
    REQUIRE(person.ok());
    CHECK(person->user.name == "ana");
    CHECK(person->next == "/#/runs");
    CHECK(problem(answer) == "stale");
    CHECK(*sign_on->logout_url() ==
          std::string(fake_issuer) +
              "/end?client_id=batuta&post_logout_redirect_uri=https%3A%2F%2Fbatuta.example.org%2F");
  }
  SUBCASE("another browser, or another login of this one, gets nowhere") {
    http::SignOnAnswer other = answer;
    other.cookie = sign_on->begin("/", began)->cookie;
    CHECK(problem(other) == "stale");
    other.cookie.clear();
    CHECK(problem(other) == "stale");
    CHECK(problem(answer, began + std::chrono::minutes(11)) == "stale");
    CHECK(fake.posted.empty());
  }
  SUBCASE("a refusal of the provider's, an answer of another one, and a bad token are told apart") {
    http::SignOnAnswer other = answer;
    other.code.clear();
    other.error = "access_denied";
    SUBCASE("") {
      CHECK(problem(other) == "denied");
    }
    other = answer;
    other.issuer = "https://evil.example";
    SUBCASE("") {
      CHECK(problem(other) == "token");
    }
    fake.claims["nonce"] = "other";
    SUBCASE("") {
      CHECK(problem(answer) == "token");
    }
    fake.status = 503;
    SUBCASE("") {
      CHECK(problem(answer) == "provider");
    }
  }
}

TEST_CASE("a provider that names itself in its answers must do so in each") {
  FakeProvider fake;
  fake.document["authorization_response_iss_parameter_supported"] = true;
  const auto sign_on = sign_on_at(fake);
  const auto begun = sign_on->begin("/", began);
  fake.speak_of(query_value(begun->location, "nonce"), began);
  http::SignOnAnswer answer;
  answer.code = "code-1";
  answer.state = query_value(begun->location, "state");
  answer.cookie = begun->cookie;
  SUBCASE("without it nothing is believed") {
    CHECK(sign_on->finish(answer, began).error().where == "token");
  }
  SUBCASE("with it the login goes on") {
    answer.issuer = fake_issuer;
    CHECK(sign_on->finish(answer, began).ok());
  }
}

}  // namespace batuta::oidc
