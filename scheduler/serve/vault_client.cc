#include "scheduler/serve/vault_client.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "common/safe_json.h"
#include "common/url.h"
#include "scheduler/serve/secret_lookup.h"

namespace batuta {
namespace {

using nlohmann::json;

constexpr std::size_t max_vault_answer = std::size_t{2} << 20;
constexpr std::size_t max_vault_token = std::size_t{16} << 10;
constexpr Duration vault_connect_limit = std::chrono::seconds(5);

// A renewal that hangs leaves the read most of its time: the token that there is holds meanwhile.
constexpr Duration vault_renew_limit = std::chrono::seconds(3);
constexpr Duration vault_renew_again = std::chrono::seconds(30);

constexpr int http_ok = 200, http_denied = 403, http_missing = 404, http_too_many = 429,
              http_sealed = 503;

// "secret/data/my app" as it stands in an address.
std::string escaped_vault_path(const std::string& path) {
  std::string out;
  std::string_view rest = path;
  while (true) {
    const auto slash = rest.find('/');
    out += '/' + percent_encoded(rest.substr(0, slash));
    if (slash == std::string_view::npos) return out;
    rest.remove_prefix(slash + 1);
  }
}

// As a header can carry it.
bool is_vault_token(const std::string& text) {
  return text.size() <= max_vault_token &&
         std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < 0x7f; });
}

// The member of an object; null where there is none.
const json& member_of(const json& object, const char* name) {
  static const json none;
  if (!object.is_object()) return none;
  const auto found = object.find(name);
  return found == object.end() ? none : *found;
}

std::string text_member(const json& object, const char* name) {
  const json& found = member_of(object, name);
  return found.is_string() ? found.get<std::string>() : std::string();
}

json vault_json(const HttpAnswer& answer) {
  auto read =
      parse_untrusted(answer.body, {.bytes = max_vault_answer, .string_bytes = max_vault_answer});
  return read && read->is_object() ? *std::move(read) : json::object();
}

}  // namespace

Error VaultClient::failed(const std::string& why) const {
  return {Errc::unavailable, "the vault " + options_.url + " " + why, {}};
}

Result<HttpAnswer> VaultClient::ask(const char* method, const std::string& path,
                                    const std::string& token, const std::string& body,
                                    const Until& until) const {
  const auto left = std::chrono::duration_cast<Duration>(until.end - Clock::now());
  if (left <= Duration::zero()) return failed("took too long to answer");
  HttpRequest request;
  request.method = method;
  request.url = options_.url + "/v1" + path;
  request.headers.emplace_back("X-Vault-Request", "true");
  if (!token.empty()) request.headers.emplace_back("X-Vault-Token", token);
  if (!options_.name_space.empty())
    request.headers.emplace_back("X-Vault-Namespace", options_.name_space);
  if (!body.empty()) request.headers.emplace_back("Content-Type", "application/json");
  request.body = body;
  request.connect_timeout = std::min(vault_connect_limit, left);
  request.timeout = left;
  request.max_body = max_vault_answer;
  request.connections = &connections_;
  request.cancelled = until.stop;
  auto answer = options_.http(request);
  if (!answer) return failed("gave no answer: " + answer.error().message);
  return answer;
}

// What the vault wrote beside the status is not repeated: nobody knows what stands in it.
Error VaultClient::refusal_of(const std::string& path, const HttpAnswer& answer) const {
  const std::string status = "answered " + std::to_string(answer.status);
  if (answer.status == http_denied) {
    const bool sent = options_.token || !options_.role_id.empty();
    return failed(status + " to \"" + path + "\": " +
                  (sent ? "its token has ended, or no policy of it has read on that path"
                        : "no token was sent; set secrets.vault_token or secrets.vault_role_id"));
  }
  if (answer.status == http_missing) {
    const json told = vault_json(answer);
    const json& newest = member_of(member_of(told, "data"), "metadata");
    if (newest.is_object()) {
      return failed("has no value at \"" + path +
                    "\": its newest version is deleted; write it anew or undelete it");
    }
    if (!member_of(told, "warnings").empty()) {
      return failed(status + " to \"" + path +
                    "\": of KV version 2 the path has data/ behind the mount, such as "
                    "secret/data/warehouse");
    }
    return failed("has nothing at \"" + path +
                  "\": the path of KV version 2 is <mount>/data/<path>, of version 1 "
                  "<mount>/<path>");
  }
  if (answer.status >= 300 && answer.status < 400) {
    return failed(status +
                  ", for it is a standby: name the active one, or what is before all, in "
                  "secrets.vault_url");
  }
  if (answer.status == http_too_many) return failed(status + ": it is asked too often");
  if (answer.status == http_sealed) return failed(status + ": it is sealed, or being looked after");
  return failed(status + " to \"" + path + "\"");
}

Result<std::string> VaultClient::look_up(const SecretReference& reference, const char* setting,
                                         const Until& until) const {
  const auto left = std::chrono::duration_cast<Duration>(until.end - Clock::now());
  auto value = look_up_secret(reference, sources_for(reference), left, until.stop);
  if (!value) return {Errc::unavailable, std::string(setting) + ": " + value.error().message};
  return value;
}

void VaultClient::take_lease(Login& login, const json& auth) const {
  const auto lease = std::chrono::seconds(
      std::max<std::int64_t>(0, json_int(member_of(auth, "lease_duration")).value_or(0)));
  login.renewable = member_of(auth, "renewable") == true;
  const Clock::time_point now = options_.now();
  // A lease of nothing is one without an end. A century is more than any clock here lasts.
  const bool endless = lease == lease.zero() || lease > std::chrono::hours(24 * 36'500);
  login.lease = endless ? Duration::zero() : Duration(lease);
  login.ends = endless ? Clock::time_point::max() : now + lease;
  login.renew_at = endless ? Clock::time_point::max() : now + lease * 2 / 3;
}

Result<VaultClient::Login> VaultClient::log_in(const Until& until) const {
  json body{{"role_id", options_.role_id}};
  if (options_.secret_id) {
    auto secret_id = look_up(*options_.secret_id, "secrets.vault_secret_id", until);
    if (!secret_id) return secret_id.error();
    body["secret_id"] = *std::move(secret_id);
  }
  const auto answer = ask("POST", "/auth" + escaped_vault_path(options_.auth) + "/login", "",
                          json_text(body), until);
  if (!answer) return answer.error();
  const json told = vault_json(*answer);
  const json& auth = member_of(told, "auth");
  Login login;
  login.token = text_member(auth, "client_token");
  if (answer->status != http_ok || login.token.empty() || !is_vault_token(login.token)) {
    return failed("did not log us in by auth/" + options_.auth + " (it answered " +
                  std::to_string(answer->status) +
                  "): see whether the RoleID is right, the SecretID not used up or expired, and "
                  "secrets.vault_auth and secrets.vault_namespace are where it is enabled");
  }
  take_lease(login, auth);
  login.first_lease = login.lease;
  return login;
}

// Where that is refused, or near the end of all that it may be renewed for, it is logged in anew;
// what there is holds until its end. Where neither comes about, the next reads do not try at once:
// each would wait for it.
void VaultClient::renew(const Until& all) {
  const Clock::time_point started = Clock::now();
  const Until until{started + std::min<Clock::duration>(vault_renew_limit, (all.end - started) / 3),
                    all.stop};
  login_->renew_at = options_.now() + vault_renew_again;
  bool again = !login_->renewable;
  if (!again) {
    const auto answer = ask("POST", "/auth/token/renew-self", login_->token, "{}", until);
    if (!answer || answer->status >= 500) return;
    again = answer->status != http_ok;
    if (!again) {
      take_lease(*login_, member_of(vault_json(*answer), "auth"));
      again = login_->lease != Duration::zero() && login_->lease < login_->first_lease / 2;
    }
  }
  if (!again) return;
  if (auto fresh = log_in(until)) login_ = *std::move(fresh);
}

// The token to ask with; `refused`: one that is not to be had again.
Result<std::string> VaultClient::token(const std::string& refused, const Until& until) {
  if (options_.token) {
    auto given = look_up(*options_.token, "secrets.vault_token", until);
    if (given && !is_vault_token(*given))
      return {Errc::unavailable, "secrets.vault_token: what it refers to is no token"};
    return given;
  }
  if (options_.role_id.empty()) return std::string();
  {
    std::unique_lock lock(mutex_);
    if (!free_.wait_until(lock, until.end, [this] { return !taken_; }))
      return failed("took too long to log us in");
    taken_ = true;
  }
  struct Give {
    ~Give() {
      {
        const std::lock_guard lock(client.mutex_);
        client.taken_ = false;
      }
      client.free_.notify_one();
    }
    VaultClient& client;
  } const give{*this};
  const Clock::time_point now = options_.now();
  if (login_ && (login_->token == refused || now >= login_->ends)) login_.reset();
  if (login_ && now >= login_->renew_at) renew(until);
  if (!login_) {
    auto fresh = log_in(until);
    if (!fresh) return fresh.error();
    login_ = *std::move(fresh);
  }
  return login_->token;
}

Result<std::string> VaultClient::value_of(const std::vector<std::string>& words,
                                          const HttpAnswer& answer) const {
  const std::string& path = words.front();
  const json told = vault_json(answer);
  const json* fields = &member_of(told, "data");
  if (!fields->is_object()) return failed("answered to \"" + path + "\" with no secret");
  // Such as those of databases: looking twice would make two.
  if (!text_member(told, "lease_id").empty())
    return failed("makes what is at \"" + path + "\" anew for each who asks; only KV is read");
  const json& metadata = member_of(*fields, "metadata");
  if (member_of(metadata, "version").is_number_integer() && fields->contains("data")) {
    fields = &member_of(*fields, "data");
    if (!fields->is_object())
      return failed("has no value at \"" + path + "\": its newest version is deleted");
  }
  if (words.size() == 1) return json_text(*fields);
  const json& value = member_of(*fields, words[1].c_str());
  if (value.is_null()) {
    return failed("has no field \"" + words[1] + "\" at \"" + path +
                  "\" (vault kv get shows which there are)");
  }
  return value.is_string() ? value.get<std::string>() : json_text(value);
}

Result<std::string> VaultClient::read(const std::vector<std::string>& words, Duration limit,
                                      const std::function<bool()>& stop) {
  const Until until{Clock::now() + limit, stop};
  const std::string path = escaped_vault_path(words.front());
  auto with = token("", until);
  if (!with) return with.error();
  auto answer = ask("GET", path, *with, "", until);
  if (answer && answer->status == http_denied && !options_.role_id.empty()) {
    // Its token was revoked, or the path is not for it: only the first is mended by a login.
    const auto self = ask("GET", "/auth/token/lookup-self", *with, "", until);
    if (self && self->status == http_denied) {
      with = token(*with, until);
      if (!with) return with.error();
      answer = ask("GET", path, *with, "", until);
    }
  }
  if (!answer) return answer.error();
  if (answer->status != http_ok) return refusal_of(words.front(), *answer);
  return value_of(words, *answer);
}

}  // namespace batuta
