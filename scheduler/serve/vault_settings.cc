#include "scheduler/serve/vault_settings.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>

#include "common/url.h"
#include "scheduler/oidc/provider.h"
#include "scheduler/serve/event_settings.h"
#include "scheduler/store/secret_reference.h"

namespace batuta {
namespace {

using VaultKind = Setting::Kind;

const char* const of_vault_reference =
    "a reference to the secret, {\"$env\": …}, {\"$file\": …} or {\"$command\": […]}";

bool fits_vault_url(std::string& text) {
  if (!fits_url(text, {"http", "https"})) return false;
  const UrlParts parts = split_url(text);
  return parts.user_info.empty() && parts.rest.find_first_of("?#") == std::string_view::npos;
}

// Without slashes around it; no segment is empty or leads elsewhere.
bool fits_vault_path(std::string& text) {
  while (text.ends_with('/')) text.pop_back();
  if (text.size() > 512) return false;
  std::string_view rest = text;
  while (true) {
    const auto slash = rest.find('/');
    const std::string_view segment = rest.substr(0, slash);
    const bool plain = std::none_of(segment.begin(), segment.end(), [](unsigned char c) {
      return c < ' ' || c == 0x7f || c == '*' || c == '?' || c == '#';
    });
    if (segment.empty() || segment == "." || segment == ".." || !plain) return false;
    if (slash == std::string_view::npos) return true;
    rest.remove_prefix(slash + 1);
  }
}

bool fits_vault_word(std::string& text) {
  return !text.empty() && text.size() <= 512 &&
         std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < 0x7f; });
}

bool fits_vault_reference(std::string& text) {
  const auto reference = read_setting_reference(text);
  if (!reference) return false;
  text = reference->text();
  return true;
}

}  // namespace

std::vector<Setting> with_vault_settings(std::vector<Setting> table) {
  const std::vector<Setting> rows{
      {.name = "secrets.vault_url",
       .sentence = "The HashiCorp Vault that {\"$vault\": …} asks.",
       .kind = VaultKind::text,
       .member = &Settings::vault_url,
       .expects = "the address of a vault such as \"https://vault.example.org:8200\", without user "
                  "and password",
       .example = R"("https://vault.example.org:8200")",
       .fits = fits_vault_url,
       .shown = [](const std::string& url) { return without_user_info(url); }},
      {.name = "secrets.vault_paths",
       .sentence = "Paths of its API that {\"$vault\": …} may read, and all that is below them.",
       .kind = VaultKind::list,
       .member = &Settings::vault_paths,
       .expects = "a list of paths as the vault's policies have them, without \"*\" and \"..\", "
                  "such as [\"secret/data/batuta\"]",
       .example = R"(["secret/data/batuta"])",
       .fits = fits_vault_path},
      {.name = "secrets.vault_namespace",
       .sentence = "The namespace of the vault, where it has some.",
       .kind = VaultKind::text,
       .member = &Settings::vault_namespace,
       .expects = "the path of a namespace such as \"team/data\"",
       .example = R"("team/data")",
       .fits = fits_vault_word},
      {.name = "secrets.vault_token",
       .sentence = "Where the token for the vault is kept; none: secrets.vault_role_id logs in.",
       .kind = VaultKind::reference,
       .member = &Settings::vault_token,
       .expects = of_vault_reference,
       .example = R"({"$file": "/run/vault/token"})",
       .fits = fits_vault_reference},
      {.name = "secrets.vault_role_id",
       .sentence = "The role that the server logs in to the vault as (AppRole).",
       .kind = VaultKind::text,
       .member = &Settings::vault_role_id,
       .expects = "the RoleID, a word without spaces",
       .example = R"("6d8a5c9e-0b1f-4a52-8f5e-2f0f7b0c2d11")",
       .fits = fits_vault_word},
      {.name = "secrets.vault_secret_id",
       .sentence = "Where the SecretID of that role is kept; none: the role wants none.",
       .kind = VaultKind::reference,
       .member = &Settings::vault_secret_id,
       .expects = of_vault_reference,
       .example = R"({"$file": "/run/vault/secret_id"})",
       .fits = fits_vault_reference},
      {.name = "secrets.vault_auth",
       .sentence = "Where the vault has that way of logging in mounted.",
       .kind = VaultKind::text,
       .member = &Settings::vault_auth,
       .expects = "a path below auth/ such as \"approle\"",
       .example = R"("approle")",
       .fits = fits_vault_path},
  };
  auto behind = std::find_if(table.begin(), table.end(), [](const Setting& one) {
    return std::string_view(one.name) == "secrets.programs";
  });
  if (behind != table.end()) ++behind;
  table.insert(behind, rows.begin(), rows.end());
  return table;
}

Status check_vault_settings(const Settings& settings) {
  const bool by_role = !settings.vault_role_id.empty(), by_token = !settings.vault_token.empty();
  if (!settings.vault_secret_id.empty() && !by_role)
    return {Errc::invalid, "secrets.vault_secret_id needs secrets.vault_role_id: whose it is"};
  if (by_role && by_token)
    return {Errc::invalid,
            "secrets.vault_token and secrets.vault_role_id are two ways to be let in: set one"};
  if (settings.vault_url.empty()) {
    if (!by_role && !by_token && settings.vault_paths.empty()) return success();
    return {Errc::invalid, "secrets.vault_… needs secrets.vault_url: the vault that is asked"};
  }
  // Whoever reads what is sent may read all that the token may.
  if (!oidc::safe_address(settings.vault_url))
    return {Errc::invalid, "secrets.vault_url must be https, or http on this machine"};
  return success();
}

std::shared_ptr<VaultClient> vault_of(const Settings& settings) {
  if (settings.vault_url.empty()) return nullptr;
  VaultOptions options;
  options.url = settings.vault_url;
  options.name_space = settings.vault_namespace;
  options.token = read_setting_reference(settings.vault_token);
  options.role_id = settings.vault_role_id;
  options.secret_id = read_setting_reference(settings.vault_secret_id);
  options.auth = settings.vault_auth;
  return std::make_shared<VaultClient>(std::move(options));
}

}  // namespace batuta
