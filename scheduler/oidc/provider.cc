#include "scheduler/oidc/provider.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "common/log.h"
#include "common/safe_json.h"
#include "common/url.h"

namespace batuta::oidc {

using nlohmann::json;

namespace {

constexpr std::size_t max_answer = 512 << 10;
constexpr Duration request_timeout = std::chrono::seconds(10);
constexpr const char* discovery_path = "/.well-known/openid-configuration";

std::string member(const json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

std::string form(std::initializer_list<std::pair<const char*, std::string_view>> fields) {
  std::string out;
  for (const auto& [name, value] : fields) {
    if (!out.empty()) out += '&';
    out += std::string(name) + "=" + percent_encoded(value);
  }
  return out;
}

// What a provider says about a refusal: OAuth's error code and its words, shortened.
std::string refusal(const HttpAnswer& answer) {
  std::string out = "HTTP " + std::to_string(answer.status);
  const auto body = parse_untrusted(answer.body);
  if (!body || !body->is_object()) return out;
  if (const std::string error = member(*body, "error"); !error.empty()) {
    out += ", " + printable(error);
  }
  if (const std::string words = member(*body, "error_description"); !words.empty()) {
    out += ": " + printable(words);
  }
  return out;
}

bool lists(const json& document, const char* name, const char* value) {
  const auto found = document.find(name);
  return found != document.end() && found->is_array() &&
         std::find(found->begin(), found->end(), json(value)) != found->end();
}

}  // namespace

bool safe_address(std::string_view url) {
  const UrlParts parts = split_url(url);
  if (parts.host.empty() || !parts.user_info.empty() ||
      url.find_first_of(" \t\r\n\"<>#") != url.npos) {
    return false;
  }
  if (parts.scheme == "https://") return true;
  std::string_view host = parts.host;
  if (host.starts_with("[::1]")) host = "localhost";
  host = host.substr(0, host.find(':'));
  return parts.scheme == "http://" && (host == "localhost" || host == "127.0.0.1");
}

Result<Discovery> parse_discovery(std::string_view text, const std::string& issuer) {
  const auto document = parse_untrusted(text);
  if (!document || !document->is_object()) {
    return {Errc::malformed, "the provider's description of itself is no JSON object"};
  }
  if (const std::string own = member(*document, "issuer"); own != issuer) {
    return {Errc::malformed, "the provider calls itself \"" + printable(own) +
                                 "\", and oidc.issuer is \"" + printable(issuer) +
                                 "\": they must be the same, to the last slash"};
  }
  Discovery out;
  for (const auto& [name, into, needed] :
       {std::tuple{"authorization_endpoint", &out.authorization_endpoint, true},
        {"token_endpoint", &out.token_endpoint, true},
        {"jwks_uri", &out.jwks_uri, true},
        {"userinfo_endpoint", &out.userinfo_endpoint, false},
        {"end_session_endpoint", &out.end_session_endpoint, false}}) {
    *into = member(*document, name);
    if (into->empty() && !needed) continue;
    if (!safe_address(*into)) {
      return {Errc::malformed, std::string("the provider's ") + name + " is \"" + printable(*into) +
                                   "\", which is no https address"};
    }
  }
  // Where it says nothing a provider takes client_secret_basic.
  constexpr const char* methods = "token_endpoint_auth_methods_supported";
  out.secret_in_body = lists(*document, methods, "client_secret_post") &&
                       !lists(*document, methods, "client_secret_basic");
  const auto names = document->find("authorization_response_iss_parameter_supported");
  out.names_issuer = names != document->end() && *names == true;
  return out;
}

HttpRequest Provider::request_to(const std::string& url) const {
  HttpRequest request;
  request.url = url;
  request.headers.emplace_back("Accept", "application/json");
  request.timeout = request_timeout;
  request.max_body = max_answer;
  request.cancelled = options_.cancelled;
  return request;
}

Result<std::string> Provider::read(const std::string& url, const char* what) const {
  auto answer = options_.call(request_to(url));
  if (!answer) {
    return {Errc::unavailable,
            std::string(what) + " cannot be read from " + url + ": " + answer.error().message};
  }
  if (answer->status != 200) {
    return {Errc::unavailable,
            std::string(what) + " cannot be read from " + url + ": " + refusal(*answer)};
  }
  return std::move(answer->body);
}

Result<Discovery> Provider::read_discovery() {
  std::string url = options_.issuer;
  if (url.ends_with('/')) url.pop_back();
  const auto text = read(url + discovery_path, "the provider's description of itself");
  if (!text) return text.error();
  return parse_discovery(*text, options_.issuer);
}

std::optional<Discovery> Provider::known() const {
  const std::lock_guard lock(mutex_);
  return discovery_;
}

Result<Discovery> Provider::discovery(Time now) {
  {
    const std::lock_guard lock(mutex_);
    if (discovery_ && now - discovered_ < keep) return *discovery_;
    if (failure_ && now - failed_ < keep_failure) {
      if (discovery_) return *discovery_;
      return *failure_;
    }
  }
  auto read = read_discovery();
  const std::lock_guard lock(mutex_);
  if (read) {
    discovery_ = *read;
    discovered_ = now;
    failure_.reset();
    return read;
  }
  failure_ = read.error();
  failed_ = now;
  if (!discovery_) return read;
  log::warn("oidc: " + read.error().message + "; what it said before is used");
  return *discovery_;
}

Status Provider::check(Time now) {
  const auto read = read_discovery();
  if (!read) return read.error();
  const auto known_keys = keys(*read, now, true);
  if (!known_keys) return known_keys.error();
  if (known_keys->empty()) {
    return {Errc::malformed, "the provider publishes no key for RS256, PS256 or ES256"};
  }
  const std::lock_guard lock(mutex_);
  discovery_ = *read;
  discovered_ = now;
  failure_.reset();
  return success();
}

Result<std::vector<SigningKey>> Provider::keys(const Discovery& at, Time now, bool anew) {
  {
    const std::lock_guard lock(mutex_);
    const bool known = keys_of_ == at.jwks_uri;
    const Duration age = now - keys_read_;
    // A token can name any key: that must not make us ask the provider at every one.
    if (known && age < (anew ? between_readings : keep)) return keys_;
  }
  const auto text = read(at.jwks_uri, "the provider's keys");
  if (!text) return text.error();
  auto parsed = parse_key_set(*text);
  if (!parsed) return parsed.error();
  const std::lock_guard lock(mutex_);
  keys_ = *parsed;
  keys_of_ = at.jwks_uri;
  keys_read_ = now;
  return parsed;
}

Result<json> Provider::tokens_for(const Exchange& exchange, const Discovery& at) const {
  HttpRequest request = request_to(at.token_endpoint);
  request.method = "POST";
  request.headers.emplace_back("Content-Type", "application/x-www-form-urlencoded");
  request.body = form({{"grant_type", "authorization_code"},
                       {"code", exchange.code},
                       {"redirect_uri", options_.redirect_uri},
                       {"code_verifier", exchange.verifier}});
  if (!options_.client_secret) {
    request.body += "&" + form({{"client_id", options_.client_id}});
  } else {
    const auto secret = options_.client_secret();
    if (!secret) {
      return {Errc::unavailable, "oidc.client_secret cannot be had: " + secret.error().message};
    }
    if (at.secret_in_body) {
      request.body += "&" + form({{"client_id", options_.client_id}, {"client_secret", *secret}});
    } else {
      request.login = percent_encoded(options_.client_id);  // RFC 6749, 2.3.1
      request.password = percent_encoded(*secret);
    }
  }
  const auto answer = options_.call(request);
  if (!answer) {
    return {Errc::unavailable,
            "the code cannot be redeemed at " + at.token_endpoint + ": " + answer.error().message};
  }
  if (answer->status != 200) {
    const bool refused = answer->status >= 400 && answer->status < 500 && answer->status != 429;
    return {refused ? Errc::unauthenticated : Errc::unavailable,
            "the provider does not redeem the code: " + refusal(*answer)};
  }
  auto tokens = parse_untrusted(answer->body);
  if (!tokens || !tokens->is_object() || member(*tokens, "id_token").empty()) {
    return {Errc::unavailable,
            "the provider answers a code without an ID token: is \"openid\" "
            "among oidc.scopes?"};
  }
  return tokens;
}

Status Provider::add_userinfo(json& claims, const Exchange& exchange, const Discovery& at,
                              const json& tokens) const {
  const bool whole = std::all_of(exchange.wanted.begin(), exchange.wanted.end(),
                                 [&](const std::string& name) { return claims.contains(name); });
  const std::string access = member(tokens, "access_token");
  if (whole || at.userinfo_endpoint.empty() || access.empty()) return success();
  HttpRequest request = request_to(at.userinfo_endpoint);
  request.headers.emplace_back("Authorization", "Bearer " + access);
  const auto answer = options_.call(request);
  if (!answer) {
    return {Errc::unavailable, "the provider's userinfo cannot be read: " + answer.error().message};
  }
  if (answer->status != 200) {
    return {Errc::unavailable, "the provider's userinfo cannot be read: " + refusal(*answer)};
  }
  const auto more = parse_untrusted(answer->body);
  if (!more || !more->is_object()) {
    return {Errc::unavailable, "the provider's userinfo is no JSON object"};
  }
  if (member(*more, "sub") != member(claims, "sub")) {
    return {Errc::unauthenticated, "the provider's userinfo is of somebody else (sub)"};
  }
  for (const std::string& name : exchange.wanted) {
    if (!claims.contains(name) && more->contains(name)) claims[name] = (*more)[name];
  }
  return success();
}

Result<json> Provider::redeem(const Exchange& exchange, Time now) {
  const auto at = discovery(now);
  if (!at) return {Errc::unavailable, at.error().message};
  const auto tokens = tokens_for(exchange, *at);
  if (!tokens) return tokens.error();
  TokenRules rules;
  rules.issuer = options_.issuer;
  rules.client_id = options_.client_id;
  rules.nonce = exchange.nonce;
  rules.now = now;
  const std::string token = member(*tokens, "id_token");
  auto known_keys = keys(*at, now, false);
  if (!known_keys) return {Errc::unavailable, known_keys.error().message};
  auto claims = check_id_token(token, *known_keys, rules);
  if (!claims && claims.error().code == Errc::not_found) {
    known_keys = keys(*at, now, true);
    if (!known_keys) return {Errc::unavailable, known_keys.error().message};
    claims = check_id_token(token, *known_keys, rules);
    if (!claims && claims.error().code == Errc::not_found) {
      return {Errc::unauthenticated, claims.error().message};
    }
  }
  if (!claims) return claims.error();
  if (Status ok = add_userinfo(*claims, exchange, *at, *tokens); !ok) return ok.error();
  return claims;
}

}  // namespace batuta::oidc
