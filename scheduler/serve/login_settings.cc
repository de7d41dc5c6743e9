#include "scheduler/serve/login_settings.h"

#include <algorithm>
#include <utility>

#include "common/ids.h"
#include "common/uuid.h"
#include "scheduler/oidc/sign_on.h"
#include "scheduler/serve/secret_lookup.h"
#include "scheduler/store/secret_reference.h"

namespace batuta {
namespace {

using LoginKind = Setting::Kind;

bool fits_issuer(std::string& text) {
  return oidc::safe_address(text) && text.find('?') == std::string::npos;
}

bool fits_secret_reference(std::string& text) {
  const auto reference = read_setting_reference(text);
  if (!reference) return false;
  text = reference->text();
  return true;
}

bool fits_scope(std::string& text) {
  return !text.empty() && text.find_first_of(" \t\r\n\"\\") == std::string::npos;
}

bool fits_oidc_mapping(std::string& text) {
  return oidc::parse_mapping(text).has_value();
}

bool fits_role_name(std::string& text) {
  return valid_id(text);
}

bool fits_label(std::string& text) {
  return !text.empty() && text.size() <= 64;
}

bool fits_claim(std::string& name) {
  return !name.empty() && name.size() <= 256;
}

oidc::Mapping mapping_of(const std::vector<std::string>& rows) {
  oidc::Mapping out;
  for (const std::string& row : rows) {
    if (auto pair = oidc::parse_mapping(row)) out.push_back(*std::move(pair));
  }
  return out;
}

std::string random_key() {
  std::string key(32, '\0');
  random_bytes(key.data(), key.size());
  return key;
}

}  // namespace

std::vector<Setting> with_login_settings(std::vector<Setting> table) {
  const std::vector<Setting> rows{
      {.name = "auth.local_login",
       .sentence = "People may log in with a password that is kept here; without, by the login "
                   "provider alone.",
       .kind = LoginKind::flag,
       .member = &Settings::auth_local_login},
      {.name = "oidc.issuer",
       .sentence = "The OpenID provider that people log in by, as it names itself, to the last "
                   "slash. Needs oidc.client_id and base_url.",
       .kind = LoginKind::text,
       .member = &Settings::oidc_issuer,
       .expects = "an https address (http on this machine alone)",
       .example = R"("https://id.example.org/realms/staff")",
       .fits = fits_issuer},
      {.name = "oidc.client_id",
       .sentence = "Under which name the provider knows this installation.",
       .kind = LoginKind::text,
       .member = &Settings::oidc_client_id,
       .expects = "a text",
       .example = R"("batuta")",
       .fits = fits_claim},
      {.name = "oidc.client_secret",
       .sentence = "Where the client's secret is kept; none: a client without one.",
       .kind = LoginKind::reference,
       .member = &Settings::oidc_client_secret,
       .expects = "a reference to the secret, {\"$env\": …}, {\"$file\": …} or {\"$command\": […]}",
       .example = R"({"$file": "/run/secrets/oidc"})",
       .fits = fits_secret_reference},
      {.name = "oidc.scopes",
       .sentence = "What the provider is asked for.",
       .kind = LoginKind::list,
       .member = &Settings::oidc_scopes,
       .expects = "a list of scopes, \"openid\" among them",
       .example = R"(["openid", "profile", "email", "groups"])",
       .fits = fits_scope,
       .empty_fits = false},
      {.name = "oidc.name_claim",
       .sentence = "The claim that is the user's name here.",
       .kind = LoginKind::text,
       .member = &Settings::oidc_name_claim,
       .expects = "the name of a claim",
       .example = R"("preferred_username")",
       .fits = fits_claim},
      {.name = "oidc.groups_claim",
       .sentence = "The claim that lists the user's groups at the provider.",
       .kind = LoginKind::text,
       .member = &Settings::oidc_groups_claim,
       .expects = "the name of a claim",
       .example = R"("groups")",
       .fits = fits_claim},
      {.name = "oidc.roles",
       .sentence = "Which role here whoever is in a group of the provider's has; the first that "
                   "fits.",
       .kind = LoginKind::list,
       .member = &Settings::oidc_roles,
       .expects = "a list of \"group of the provider=role\"",
       .example = R"(["data-platform=admin", "analysts=viewer"])",
       .fits = fits_oidc_mapping},
      {.name = "oidc.groups",
       .sentence = "Which group here whoever is in a group of the provider's is in; all that fit. "
                   "The provider alone decides who of its users is in these.",
       .kind = LoginKind::list,
       .member = &Settings::oidc_groups,
       .expects = "a list of \"group of the provider=group\"",
       .example = R"(["finance=finance_desk"])",
       .fits = fits_oidc_mapping},
      {.name = "oidc.default_role",
       .sentence = "The role of those whom oidc.roles gives none; none: they do not get in.",
       .kind = LoginKind::text,
       .member = &Settings::oidc_default_role,
       .expects = "the name of a role",
       .example = R"("viewer")",
       .fits = fits_role_name},
      {.name = "oidc.label",
       .sentence = "What the button of the login page calls the provider.",
       .kind = LoginKind::text,
       .member = &Settings::oidc_label,
       .expects = "at most 64 characters",
       .example = R"("Example Corp")",
       .fits = fits_label},
  };
  table.insert(table.end(), rows.begin(), rows.end());
  return table;
}

// How people log in: a provider needs all that its login takes, and somebody must get in.
Status check_login_settings(const Settings& settings) {
  if (settings.oidc_issuer.empty()) {
    if (settings.auth_local_login) return success();
    return {Errc::invalid,
            "auth.local_login is off and there is no oidc.issuer: nobody could log in"};
  }
  if (settings.oidc_client_id.empty())
    return {Errc::invalid, "oidc.issuer needs oidc.client_id: the name that it knows us by"};
  if (settings.base_url.empty())
    return {Errc::invalid, "oidc.issuer needs base_url: where it leads people back to"};
  const auto& scopes = settings.oidc_scopes;
  if (std::find(scopes.begin(), scopes.end(), "openid") == scopes.end())
    return {Errc::invalid, "oidc.scopes must have \"openid\" in it"};
  if (settings.oidc_roles.empty() && settings.oidc_default_role.empty())
    return {Errc::invalid,
            "oidc.issuer needs oidc.roles or oidc.default_role: nobody would get in"};
  return success();
}

std::unique_ptr<http::SignOn> sign_on_of(const Settings& settings) {
  if (settings.oidc_issuer.empty()) return nullptr;
  oidc::Options options;
  options.provider.issuer = settings.oidc_issuer;
  options.provider.client_id = settings.oidc_client_id;
  const auto reference = read_secret_reference(std::string_view(settings.oidc_client_secret));
  if (reference && *reference) {
    const auto look_up = std::make_shared<SecretLookup>(sources_for(**reference));
    options.provider.client_secret = [look_up, at = **reference] {
      return look_up->value_of(at, false);
    };
  }
  options.claims.name_claim = settings.oidc_name_claim;
  options.claims.groups_claim = settings.oidc_groups_claim;
  options.claims.roles = mapping_of(settings.oidc_roles);
  options.claims.groups = mapping_of(settings.oidc_groups);
  options.claims.default_role = settings.oidc_default_role;
  options.scopes = settings.oidc_scopes;
  options.label = settings.oidc_label;
  options.page = settings.base_url;
  options.key = random_key();
  return oidc::make_sign_on(std::move(options));
}

}  // namespace batuta
