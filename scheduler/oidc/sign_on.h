// Logging in by an OpenID provider: authorization code with PKCE, and what its claims make of
// somebody here.
#pragma once

#include <memory>
#include <mutex>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <utility>
#include <vector>

#include "scheduler/api/sign_on.h"
#include "scheduler/oidc/attempt.h"
#include "scheduler/oidc/provider.h"

namespace batuta::oidc {

// "the provider's group=ours", in the order of the settings.
using Mapping = std::vector<std::pair<std::string, std::string>>;
// nullopt: it is no "theirs=ours". Cut at the last '=': names of the provider's may have one.
std::optional<std::pair<std::string, std::string>> parse_mapping(std::string_view text);

struct ClaimRules {
  std::string issuer;
  std::string name_claim = "preferred_username";
  std::string groups_claim = "groups";
  Mapping roles;             // the first that fits is taken
  Mapping groups;            // all that fit are
  std::string default_role;  // where none of `roles` fits; empty: nobody gets in
};
// Who that is here. Of an error `where` is one of sign_on_problem.
Result<ProviderUser> user_of(const nlohmann::json& claims, const ClaimRules& rules);

struct Options {
  ProviderOptions provider;  // its redirect_uri is made here
  ClaimRules claims;
  std::vector<std::string> scopes;
  std::string label;
  std::string page;  // the public URL, without a slash at its end
  std::string key;   // random; what ties logins to browsers is derived from it
};

std::unique_ptr<http::SignOn> make_sign_on(Options options);

}  // namespace batuta::oidc
