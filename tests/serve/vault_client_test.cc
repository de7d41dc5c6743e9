#include "scheduler/serve/vault_client.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "common/safe_json.h"
#include "scheduler/serve/secret_lookup.h"
#include "scheduler/serve/vault_settings.h"

using namespace batuta;
using namespace std::chrono_literals;
using nlohmann::json;

namespace {

using VaultTime = std::chrono::steady_clock::time_point;

// What a vault does by its documented HTTP API: KV 2 at "secret", KV 1 at "kv", AppRole, tokens
// that end, are renewed up to their longest life, and are revoked.
struct FakeVault {
  struct Token {
    VaultTime ends, last;  // `last`: however often it is renewed
    bool may_read = true;
  };
  VaultTime now{};
  std::string name_space;  // that it must be asked in
  std::map<std::string, json> secrets{
      {"secret/data/warehouse", {{"password", "s3cret"}, {"port", 5432}, {"empty", nullptr}}},
      {"kv/old app", {{"password", "s3cret-of-one"}}}};
  std::map<std::string, Token> tokens;
  std::string role_id = "role", secret_id = "s3cret-id";
  Duration lease = 60min, longest = 24h;
  bool renewable = true;
  int logins_left = 100;
  int standby = 0;  // a status that it answers to everything
  std::vector<std::string> asked;
  std::vector<HttpRequest> requests;

  static HttpAnswer with(int status, const json& body) { return {status, {}, body.dump()}; }
  static HttpAnswer refused(int status) {
    return with(status, {{"errors", json::array({"1 error occurred: s3cret"})}});
  }
  static const std::string* header(const HttpRequest& request, std::string_view name) {
    for (const auto& [known, value] : request.headers) {
      if (known == name) return &value;
    }
    return nullptr;
  }
  json auth(const std::string& token, VaultTime::duration given) const {
    return {{"auth",
             {{"client_token", token},
              {"lease_duration", std::chrono::duration_cast<std::chrono::seconds>(given).count()},
              {"renewable", renewable}}}};
  }
  HttpAnswer log_in(const HttpRequest& request) {
    const auto body = parse_untrusted(request.body);
    if (!body || (*body)["role_id"] != role_id || body->value("secret_id", "") != secret_id ||
        logins_left-- <= 0)
      return refused(400);
    const std::string token = "token-" + std::to_string(tokens.size());
    tokens[token] = {now + lease, now + longest};
    return with(200, auth(token, lease));
  }
  HttpAnswer read(const std::string& path, const Token& token) const {
    if (!token.may_read) return refused(403);
    const bool versioned = path.starts_with("secret/");
    if (versioned && !path.starts_with("secret/data/"))
      return with(404, {{"warnings", json::array({"Invalid path for a versioned engine."})}});
    const auto found = secrets.find(path);
    if (found == secrets.end()) return with(404, {{"errors", json::array()}});
    json data = found->second;
    const bool deleted = versioned && data.is_null();
    if (versioned) {
      data = {{"data", data},
              {"metadata", {{"version", 3}, {"deletion_time", deleted ? "2026-01-01" : ""}}}};
    }
    return with(deleted ? 404 : 200, {{"data", data}, {"lease_id", ""}, {"lease_duration", 10}});
  }
  HttpAnswer answer(const HttpRequest& request) {
    const std::string path = request.url.substr(std::string("https://vault:8200/v1/").size());
    asked.push_back(request.method + " " + path);
    requests.push_back(request);
    if (standby != 0) return refused(standby);
    const std::string* space = header(request, "X-Vault-Namespace");
    if ((space == nullptr ? "" : *space) != name_space) return refused(403);
    if (path == "auth/approle/login") return log_in(request);
    const std::string* given = header(request, "X-Vault-Token");
    const auto token = given == nullptr ? tokens.end() : tokens.find(*given);
    if (token == tokens.end() || now >= token->second.ends) return refused(403);
    if (path == "auth/token/lookup-self") return with(200, {{"data", json::object()}});
    if (path == "auth/token/renew-self") {
      token->second.ends = std::min(now + lease, token->second.last);
      return with(200, auth(*given, token->second.ends - now));
    }
    if (path == "database/creds/app")
      return with(200, {{"data", {{"password", "s3cret"}}}, {"lease_id", "database/1"}});
    return read(path == "kv/old%20app" ? "kv/old app" : path, token->second);
  }

  VaultOptions options() {
    VaultOptions out;
    out.url = "https://vault:8200";
    out.http = [this](const HttpRequest& request) { return answer(request); };
    out.now = [this] { return now; };
    return out;
  }
  VaultOptions by_role() {
    VaultOptions out = options();
    ::setenv("VAULT_TEST_SECRET_ID", secret_id.c_str(), 1);
    out.role_id = role_id;
    out.secret_id = {SecretReference::Kind::env, {"VAULT_TEST_SECRET_ID"}};
    return out;
  }
  VaultOptions by_token() {
    VaultOptions out = options();
    tokens["given"] = {now + 24h, now + 24h};
    ::setenv("VAULT_TEST_TOKEN", "given", 1);
    out.token = {SecretReference::Kind::env, {"VAULT_TEST_TOKEN"}};
    return out;
  }
  int times(const std::string& what) const {
    return static_cast<int>(std::count(asked.begin(), asked.end(), what));
  }
};

// The value, or "!" and why there is none, which never has a secret in it.
std::string vault_read(VaultClient& client, std::vector<std::string> words) {
  const auto value = client.read(words, 10s, {});
  if (value) return *value;
  CAPTURE(value.error().message);
  CHECK(value.error().code == Errc::unavailable);
  CHECK(value.error().message.find("s3cret") == std::string::npos);
  return "!" + value.error().message;
}

std::string warehouse(VaultClient& client) {
  return vault_read(client, {"secret/data/warehouse", "password"});
}

bool says(const std::string& text, const char* part) {
  CAPTURE(text);
  return text.starts_with('!') && text.find(part) != std::string::npos;
}

constexpr const char* the_login = "POST auth/approle/login";
constexpr const char* the_renewal = "POST auth/token/renew-self";

}  // namespace

TEST_CASE_FIXTURE(FakeVault, "a field of a secret is read from KV version 2 and 1 by its token") {
  VaultClient client(by_token());
  CHECK(warehouse(client) == "s3cret");
  CHECK(asked == std::vector<std::string>{"GET secret/data/warehouse"});
  CHECK(*header(requests[0], "X-Vault-Token") == "given");
  CHECK(*header(requests[0], "X-Vault-Request") == "true");
  CHECK(header(requests[0], "X-Vault-Namespace") == nullptr);
  CHECK(requests[0].max_body <= std::size_t{2} << 20);
  CHECK(vault_read(client, {"kv/old app", "password"}) == "s3cret-of-one");
  CHECK(vault_read(client, {"secret/data/warehouse", "port"}) == "5432");
  CHECK(vault_read(client, {"secret/data/warehouse"}) ==
        R"({"empty":null,"password":"s3cret","port":5432})");

  // Who put the token there has put another one there.
  tokens["next"] = {now + 24h, now + 24h};
  tokens.erase("given");
  CHECK(says(warehouse(client), "its token has ended, or no policy"));
  ::setenv("VAULT_TEST_TOKEN", "next", 1);
  CHECK(warehouse(client) == "s3cret");
  ::setenv("VAULT_TEST_TOKEN", "a s3cret b", 1);
  CHECK(says(warehouse(client), "secrets.vault_token: what it refers to is no token"));
  ::unsetenv("VAULT_TEST_TOKEN");
  CHECK(says(warehouse(client), "secrets.vault_token: the server's environment has no variable"));
}

TEST_CASE_FIXTURE(FakeVault, "what a vault has not is told, with how to mend it") {
  VaultClient client(by_token());
  CHECK(says(vault_read(client, {"secret/warehouse", "password"}), "has data/ behind the mount"));
  CHECK(says(vault_read(client, {"secret/data/none", "password"}), "has nothing at"));
  CHECK(says(vault_read(client, {"secret/data/warehouse", "user"}), "has no field \"user\""));
  CHECK(says(vault_read(client, {"secret/data/warehouse", "empty"}), "has no field \"empty\""));
  secrets["secret/data/gone"] = nullptr;
  CHECK(says(vault_read(client, {"secret/data/gone", "x"}), "newest version is deleted"));
  CHECK(says(vault_read(client, {"database/creds/app", "password"}), "only KV is read"));
  standby = 307;
  CHECK(says(warehouse(client), "it is a standby"));
  standby = 503;
  CHECK(says(warehouse(client), "it is sealed"));
  standby = 500;
  CHECK(says(warehouse(client), "answered 500"));

  VaultOptions away = options();
  away.http = [](const HttpRequest&) { return Result<HttpAnswer>(Errc::unavailable, "refused"); };
  VaultClient nobody(away);
  CHECK(says(warehouse(nobody), "the vault https://vault:8200 gave no answer: refused"));
  standby = 0;
  VaultClient nameless(options());
  CHECK(says(warehouse(nameless), "no token was sent; set secrets.vault_token"));
}

TEST_CASE_FIXTURE(FakeVault, "a login is kept, renewed before its end, and made anew after it") {
  VaultClient client(by_role());
  CHECK(warehouse(client) == "s3cret");
  CHECK(warehouse(client) == "s3cret");
  CHECK(times(the_login) == 1);
  CHECK(header(requests[0], "X-Vault-Token") == nullptr);
  now += 39min;
  CHECK(warehouse(client) == "s3cret");
  CHECK(times(the_renewal) == 0);
  now += 2min;
  CHECK(warehouse(client) == "s3cret");
  CHECK(times(the_renewal) == 1);
  now += 2h;  // nobody asked meanwhile: it has ended
  CHECK(warehouse(client) == "s3cret");
  CHECK(times(the_login) == 2);
}

TEST_CASE_FIXTURE(FakeVault, "a renewal that hangs costs a read a part of its time, and not each") {
  bool hangs = true;
  std::vector<Duration> given;
  VaultOptions slow = by_role();
  slow.http = [&](const HttpRequest& request) -> Result<HttpAnswer> {
    if (!hangs || !request.url.ends_with("/renew-self")) return answer(request);
    given.push_back(request.timeout);
    return {Errc::unavailable, "timed out"};
  };
  VaultClient client(slow);
  CHECK(warehouse(client) == "s3cret");
  now += 41min;
  CHECK(warehouse(client) == "s3cret");
  CHECK(warehouse(client) == "s3cret");
  REQUIRE(given.size() == 1);
  CHECK(given[0] <= 3s);
  CHECK(client.read({"secret/data/warehouse", "password"}, 3s, {}).ok());
  now += 31s;
  CHECK(client.read({"secret/data/warehouse", "password"}, 3s, {}).ok());
  REQUIRE(given.size() == 2);
  CHECK(given[1] <= 1s);
  hangs = false;
  now += 31s;
  CHECK(warehouse(client) == "s3cret");
  CHECK(times(the_renewal) == 1);
  now += 30min;  // renewed for an hour: it is not due
  CHECK(warehouse(client) == "s3cret");
  CHECK(times(the_renewal) == 1);
  CHECK(times(the_login) == 1);
}

TEST_CASE_FIXTURE(FakeVault, "near the longest life of a token it is logged in anew") {
  longest = 100min;
  VaultClient client(by_role());
  CHECK(warehouse(client) == "s3cret");
  now += 45min;
  CHECK(warehouse(client) == "s3cret");
  CHECK(times(the_login) == 1);
  now += 40min;  // a renewal gives the 15 minutes that are left
  CHECK(warehouse(client) == "s3cret");
  CHECK(times(the_login) == 2);
  // Where no login is left, what there is holds until its end.
  logins_left = 0;
  now += 45min;
  CHECK(warehouse(client) == "s3cret");
  now += 40min;
  CHECK(warehouse(client) == "s3cret");
  now += 16min;
  CHECK(says(warehouse(client), "did not log us in by auth/approle (it answered 400)"));
}

TEST_CASE_FIXTURE(FakeVault, "a token that cannot be renewed is replaced before it ends") {
  renewable = false;
  VaultClient client(by_role());
  CHECK(warehouse(client) == "s3cret");
  now += 41min;
  CHECK(warehouse(client) == "s3cret");
  CHECK(times(the_renewal) == 0);
  CHECK(times(the_login) == 2);
}

TEST_CASE_FIXTURE(FakeVault, "a revoked login is made anew, and a path that is denied costs none") {
  VaultClient client(by_role());
  CHECK(warehouse(client) == "s3cret");
  tokens["token-0"].ends = now;
  CHECK(warehouse(client) == "s3cret");
  CHECK(times(the_login) == 2);
  tokens["token-1"].may_read = false;
  CHECK(says(warehouse(client), "no policy of it has read on that path"));
  CHECK(times(the_login) == 2);
}

TEST_CASE_FIXTURE(FakeVault, "every request is made in the namespace, and ends in its time") {
  name_space = "team/data";
  VaultOptions of_team = by_role();
  of_team.name_space = name_space;
  VaultClient client(of_team);
  CHECK(warehouse(client) == "s3cret");
  for (const HttpRequest& one : requests) {
    CHECK(*header(one, "X-Vault-Namespace") == "team/data");
    CHECK(one.timeout <= 10s);
  }
  const auto late = client.read({"secret/data/warehouse", "password"}, Duration::zero(), {});
  REQUIRE_FALSE(late);
  CHECK(late.error().message.find("took too long") != std::string::npos);
}

TEST_CASE_FIXTURE(FakeVault, "a look-up of the vault goes through what the settings list") {
  SecretLookup::Options options;
  options.vault = std::make_shared<VaultClient>(by_token());
  SecretSources sources;
  sources.vault_paths = {"secret/data"};
  SecretLookup lookup(sources, options);
  const SecretReference listed{SecretReference::Kind::vault, {"secret/data/warehouse", "password"}};
  CHECK_FALSE(lookup.find(listed));
  CHECK(*lookup.wait(listed, 10s) == "s3cret");
  CHECK(**lookup.find(listed) == "s3cret");
  CHECK(asked.size() == 1);
  const auto other = lookup.find({SecretReference::Kind::vault, {"kv/old app", "password"}});
  REQUIRE(other);
  CHECK(other->error().code == Errc::forbidden);
  secrets["secret/data/large"] = {{"x", std::string(max_secret_bytes + 1, 'x')}};
  const auto large = lookup.wait({SecretReference::Kind::vault, {"secret/data/large", "x"}}, 10s);
  REQUIRE_FALSE(large);
  CHECK(large.error().message.find("more than 64 KiB") != std::string::npos);
  lookup.stop();
}

TEST_CASE("the settings of a vault fit each other, and keep its token to itself") {
  const auto wrong = [](const char* text) {
    int count = 0;
    const auto problems = check_settings_text(text, "batuta.json", count);
    return problems.empty() ? std::string() : problems[0];
  };
  CHECK(
      wrong(R"({"secrets.vault_url": "https://vault:8200/", "secrets.vault_paths": ["secret/data"],
    "secrets.vault_token": {"$file": "/run/vault/token"}})")
          .empty());
  CHECK(wrong(R"({"secrets.vault_url": "http://127.0.0.1:8100"})").empty());
  struct Wrong {
    const char* text;
    const char* part;
  };
  for (const Wrong& one : std::vector<Wrong>{
           {R"({"secrets.vault_url": "http://vault:8200"})", "must be https"},
           {R"({"secrets.vault_url": "https://u:p@vault"})", "without user and password"},
           {R"({"secrets.vault_paths": ["secret"]})", "needs secrets.vault_url"},
           {R"({"secrets.vault_paths": ["secret/*"]})", "without \"*\""},
           {R"({"secrets.vault_url": "https://vault", "secrets.vault_secret_id": {"$env": "A"}})",
            "needs secrets.vault_role_id"},
           {R"({"secrets.vault_url": "https://vault", "secrets.vault_role_id": "r",
                "secrets.vault_token": {"$env": "A"}})",
            "two ways"},
           {R"({"secrets.vault_url": "https://vault:8200", "secrets.vault_token": "hidden-word"})",
            "a reference"},
           {R"({"secrets.vault_url": "https://u:hidden-word@vault:8200"})", "without user"},
           {R"({"secrets.vault_token": {"$vault": ["secret/data/a", "b"]}})", "a reference"},
           {R"({"oidc.client_secret": {"$vault": ["secret/data/a", "b"]}})", "a reference"}}) {
    CAPTURE(std::string(one.text));
    CHECK(wrong(one.text).find(one.part) != std::string::npos);
    CHECK(wrong(one.text).find("hidden-word") == std::string::npos);
  }
  const Settings none;
  CHECK(vault_of(none) == nullptr);
}
