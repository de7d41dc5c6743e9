// How people log in, as settings: what must go together, and what is no value.
#include "scheduler/serve/login_settings.h"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "common/safe_json.h"

namespace batuta {
namespace {

using nlohmann::json;

// All that a provider takes, changed by `change`; null takes a setting out.
std::string login_fault(const json& change) {
  json file{{"base_url", "https://batuta.example.org/"},
            {"oidc.issuer", "https://id.example.org/realms/staff"},
            {"oidc.client_id", "batuta"},
            {"oidc.client_secret", {{"$file", "/run/secrets/oidc"}}},
            {"oidc.roles", json::array({"cn=staff,ou=x=viewer"})},
            {"oidc.groups", json::array({"staff=desk"})}};
  file.merge_patch(change);
  int settings = 0;
  const auto problems = check_settings_text(json_text(file), "f.json", settings);
  return problems.empty() ? "" : problems[0];
}

bool tells(const std::string& message, const char* part) {
  return message.find(part) != message.npos;
}

}  // namespace

TEST_CASE("a login provider is taken with all that its login needs, and with nothing less") {
  CHECK(login_fault(json::object()) == "");
  CHECK(login_fault({{"auth.local_login", false}}) == "");
  CHECK(tells(login_fault({{"oidc.client_id", nullptr}}), "oidc.issuer needs oidc.client_id"));
  CHECK(tells(login_fault({{"base_url", nullptr}}), "oidc.issuer needs base_url"));
  CHECK(tells(login_fault({{"oidc.roles", nullptr}}), "nobody would get in"));
  CHECK(login_fault({{"oidc.roles", nullptr}, {"oidc.default_role", "viewer"}}) == "");
  CHECK(tells(login_fault({{"oidc.scopes", json::array({"profile"})}}),
              "must have \"openid\" in it"));
  CHECK(tells(login_fault({{"oidc.issuer", nullptr}, {"auth.local_login", false}}),
              "nobody could log in"));
}

TEST_CASE("an address that is not safe, a secret in plain words or half a mapping is no setting") {
  for (const char* issuer :
       {"http://id.example.org", "id.example.org", "https://id.example.org?x"}) {
    CHECK(tells(login_fault({{"oidc.issuer", issuer}}), "an https address"));
  }
  CHECK(login_fault({{"oidc.issuer", "http://127.0.0.1:8080/realms/staff"}}) == "");
  const std::string plain = login_fault({{"oidc.client_secret", "hidden-word"}});
  CHECK(tells(plain, "a reference to the secret"));
  CHECK_FALSE(tells(plain, "hidden-word"));
  CHECK(tells(login_fault({{"oidc.roles", json::array({"staff"})}}), "group of the provider=role"));
  CHECK(
      tells(login_fault({{"oidc.groups", json::array({"=desk"})}}), "group of the provider=group"));
  CHECK(tells(login_fault({{"oidc.default_role", "a role"}}), "the name of a role"));
}

TEST_CASE("there is a login provider where one is set, led back to where the page is") {
  Settings settings;
  CHECK(sign_on_of(settings) == nullptr);
  settings.oidc_issuer = "https://id.example.org";
  settings.base_url = "https://batuta.example.org";
  settings.oidc_label = "Example Corp";
  const auto provider = sign_on_of(settings);
  REQUIRE(provider);
  CHECK(provider->issuer() == "https://id.example.org");
  CHECK(provider->page() == "https://batuta.example.org");
  CHECK(provider->label() == "Example Corp");
}

}  // namespace batuta
