#include "scheduler/oidc/sign_on.h"

#include <algorithm>
#include <atomic>
#include <nlohmann/json.hpp>

#include "common/ids.h"
#include "common/url.h"
#include "scheduler/store/crypto.h"

namespace batuta::oidc {

using nlohmann::json;
namespace problem = http::sign_on_problem;

namespace {

constexpr const char* callback_path = "/auth/oidc/callback";

Error failure(const char* problem, Errc code, std::string message) {
  return {code, std::move(message), problem};
}

// A claim that is a list of texts, or one text. As long as an answer may be, at most.
std::vector<std::string> texts_of(const json& claims, const std::string& name) {
  std::vector<std::string> out;
  const auto found = claims.find(name);
  if (found == claims.end()) return out;
  const auto add = [&](const json& one) {
    if (one.is_string()) out.push_back(one.get<std::string>());
  };
  if (!found->is_array()) add(*found);
  if (found->is_array()) {
    for (const json& one : *found) add(one);
  }
  return out;
}

// Whether the claim is not here but named as kept elsewhere, as Entra ID does with more than 200
// groups: what is missing then must not be taken for none.
bool kept_elsewhere(const json& claims, const std::string& name) {
  if (claims.contains(name)) return false;
  const auto names = claims.find("_claim_names");
  return names != claims.end() && names->is_object() && names->contains(name);
}

class OidcSignOn final : public http::SignOn {
 public:
  explicit OidcSignOn(Options options)
      : options_(std::move(options)), attempts_(options_.key), provider_([this] {
          options_.provider.redirect_uri = options_.page + callback_path;
          options_.provider.cancelled = [this] { return stopping_.load(); };
          options_.claims.issuer = options_.provider.issuer;
          return options_.provider;
        }()) {}

  std::string label() const override { return options_.label; }
  std::string page() const override { return options_.page; }
  void stop() override { stopping_ = true; }
  std::string issuer() const override { return options_.provider.issuer; }
  Status check(Time now) override { return provider_.check(now); }

  Result<Begun> begin(const std::string& next, Time now) override {
    const auto at = provider_.discovery(now);
    if (!at) return failure(problem::provider, Errc::unavailable, at.error().message);
    const Attempt attempt = attempts_.begin(next, now, http::sign_on_lifetime);
    std::string scopes;
    for (const std::string& scope : options_.scopes) scopes += (scopes.empty() ? "" : " ") + scope;
    const std::string& endpoint = at->authorization_endpoint;
    std::string location = endpoint + (endpoint.find('?') == endpoint.npos ? "?" : "&");
    location += "response_type=code&client_id=" + percent_encoded(options_.provider.client_id) +
                "&redirect_uri=" + percent_encoded(options_.provider.redirect_uri) +
                "&scope=" + percent_encoded(scopes) + "&state=" + attempt.state +
                "&nonce=" + attempt.nonce + "&code_challenge=" + attempt.challenge +
                "&code_challenge_method=S256";
    return Begun{std::move(location), attempt.cookie};
  }

  Result<Person> finish(const http::SignOnAnswer& answer, Time now) override {
    const auto attempt = attempts_.read(answer.cookie, now);
    if (!attempt) {
      return failure(problem::stale, Errc::unauthenticated,
                     "the browser that came back has no cookie of a login that it began here "
                     "within 10 minutes");
    }
    if (!equal_in_constant_time(sha256(attempt->state), sha256(answer.state))) {
      return failure(problem::stale, Errc::unauthenticated,
                     "the state is not that of the login that this browser began");
    }
    if (!spend(attempt->state, now)) {
      return failure(problem::stale, Errc::unauthenticated, "the state has come back before");
    }
    if (Status ok = check_issuer(answer); !ok) return ok.error();
    if (!answer.error.empty()) {
      return failure(
          problem::denied, Errc::unauthenticated,
          "the provider says " + printable(answer.error) +
              (answer.error_description.empty() ? "" : ": " + printable(answer.error_description)));
    }
    if (answer.code.empty()) {
      return failure(problem::provider, Errc::malformed, "the provider sent no code");
    }
    const ClaimRules& rules = options_.claims;
    const auto claims = provider_.redeem(
        {answer.code, attempt->verifier, attempt->nonce, {rules.name_claim, rules.groups_claim}},
        now);
    if (!claims) {
      const bool refused = claims.error().code == Errc::unauthenticated;
      return failure(refused ? problem::token : problem::provider, claims.error().code,
                     claims.error().message);
    }
    auto user = user_of(*claims, rules);
    if (!user) return user.error();
    return Person{*std::move(user), attempt->next};
  }

  std::optional<std::string> logout_url() const override {
    const auto at = provider_.known();
    if (!at || at->end_session_endpoint.empty()) return std::nullopt;
    const std::string& endpoint = at->end_session_endpoint;
    return endpoint + (endpoint.find('?') == endpoint.npos ? "?" : "&") +
           "client_id=" + percent_encoded(options_.provider.client_id) +
           "&post_logout_redirect_uri=" + percent_encoded(options_.page + "/");
  }

 private:
  bool spend(const std::string& state, Time now) {
    const std::lock_guard lock(mutex_);
    return spent_.spend(state, now, http::sign_on_lifetime);
  }

  // A code of one provider must not be taken for one of another (RFC 9207).
  Status check_issuer(const http::SignOnAnswer& answer) const {
    const auto at = provider_.known();
    const bool needed = at && at->names_issuer;
    if (answer.issuer ? *answer.issuer == options_.provider.issuer : !needed) return success();
    return failure(problem::token, Errc::unauthenticated,
                   answer.issuer
                       ? "the answer is of the issuer \"" + printable(*answer.issuer) + "\" (iss)"
                       : "the answer does not name its issuer (iss)");
  }

  std::atomic<bool> stopping_{false};
  Options options_;
  const Attempts attempts_;
  Provider provider_;
  std::mutex mutex_;
  SpentStates spent_;  // guarded by mutex_
};

}  // namespace

std::optional<std::pair<std::string, std::string>> parse_mapping(std::string_view text) {
  const auto at = text.rfind('=');
  if (at == text.npos || at == 0 || !valid_id(text.substr(at + 1))) return std::nullopt;
  return std::pair(std::string(text.substr(0, at)), std::string(text.substr(at + 1)));
}

Result<ProviderUser> user_of(const json& claims, const ClaimRules& rules) {
  const auto name = claims.find(rules.name_claim);
  if (name == claims.end() || !name->is_string()) {
    return failure(problem::name, Errc::invalid,
                   "the provider does not say the claim \"" + rules.name_claim +
                       "\" (oidc.name_claim): do oidc.scopes ask for it?");
  }
  ProviderUser out;
  out.name = name->get<std::string>();
  if (!valid_id(out.name)) {
    return failure(problem::name, Errc::invalid,
                   "\"" + printable(out.name) + "\" (" + rules.name_claim +
                       ") cannot be a user name: letters, digits, '_', '-' and '.', beginning "
                       "with a letter or digit; oidc.name_claim takes another claim");
  }
  out.identity = rules.issuer + "\n" + claims.at("sub").get<std::string>();
  if (kept_elsewhere(claims, rules.groups_claim)) {
    return failure(problem::role, Errc::forbidden,
                   "the provider lists the groups of " + out.name +
                       " elsewhere (_claim_names), as they are too many for a token: let it send "
                       "only those that the client is given");
  }
  const auto has = texts_of(claims, rules.groups_claim);
  const auto in = [&](const std::string& group) {
    return std::find(has.begin(), has.end(), group) != has.end();
  };
  const auto role = std::find_if(rules.roles.begin(), rules.roles.end(),
                                 [&](const auto& one) { return in(one.first); });
  out.role = role == rules.roles.end() ? rules.default_role : role->second;
  if (out.role.empty()) {
    return failure(problem::role, Errc::forbidden,
                   out.name + " is in no group that oidc.roles names (claim " + rules.groups_claim +
                       " has " + std::to_string(has.size()) +
                       "), and there is no oidc.default_role");
  }
  for (const auto& mapped : rules.groups) {
    const auto add_once = [&](std::vector<std::string>& to) {
      if (std::find(to.begin(), to.end(), mapped.second) == to.end()) to.push_back(mapped.second);
    };
    add_once(out.decided);
    if (in(mapped.first)) add_once(out.groups);
  }
  return out;
}

std::unique_ptr<http::SignOn> make_sign_on(Options options) {
  return std::make_unique<OidcSignOn>(std::move(options));
}

}  // namespace batuta::oidc
