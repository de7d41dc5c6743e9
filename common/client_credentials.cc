#include "common/client_credentials.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "common/safe_json.h"
#include "common/url.h"

namespace batuta {
namespace {

using nlohmann::json;

constexpr std::size_t token_answer_at_most = 1 << 20;
constexpr JsonLimits token_limits{token_answer_at_most, 32, 10'000, token_answer_at_most};
// Where the endpoint says nothing of it (RFC 6749 recommends that it does).
constexpr std::int64_t usual_life_seconds = 300;

std::string token_member(const json& object, const char* name) {
  const auto at = object.find(name);
  return at != object.end() && at->is_string() ? at->get<std::string>() : std::string();
}

}  // namespace

Result<AccessToken> fetch_access_token(
    const ClientCredentials& of,
    const std::function<Result<HttpAnswer>(const HttpRequest&)>& call) {
  HttpRequest request;
  request.method = "POST";
  request.url = of.url;
  request.headers = {{"Accept", "application/json"},
                     {"Content-Type", "application/x-www-form-urlencoded"}};
  // As RFC 6749 (2.3.1) has it: both are escaped before they become HTTP Basic.
  request.login = percent_encoded(of.client);
  request.password = percent_encoded(of.secret);
  request.body = "grant_type=client_credentials";
  if (!of.scope.empty()) request.body += "&scope=" + percent_encoded(of.scope);
  if (!of.audience.empty()) request.body += "&audience=" + percent_encoded(of.audience);
  request.max_body = token_answer_at_most;
  request.outgoing = of.outgoing;
  const std::string what = "token endpoint " + without_user_info(of.url);
  const auto answer = call(request);
  if (!answer) return {answer.error().code, what + ": " + answer.error().message};
  const auto told = parse_untrusted(answer->body, token_limits);
  const bool object = told && told->is_object();
  if (answer->status < 200 || answer->status >= 300) {
    std::string why = what + " answered " + std::to_string(answer->status);
    if (object && !token_member(*told, "error").empty()) {
      why += ": " + token_member(*told, "error").substr(0, 80);
      if (const auto more = token_member(*told, "error_description"); !more.empty())
        why += " (" + more.substr(0, 200) + ")";
    }
    const bool passes = answer->status == 429 || answer->status >= 500;
    return {passes ? Errc::unavailable : Errc::unauthenticated, why};
  }
  AccessToken out;
  if (object) out.text = token_member(*told, "access_token");
  if (out.text.empty()) return {Errc::malformed, what + " gave no access_token"};
  std::int64_t life = usual_life_seconds;
  if (const auto at = told->find("expires_in"); at != told->end())
    life = json_int(*at).value_or(usual_life_seconds);
  out.until = read_clock().wall + std::chrono::seconds(std::clamp<std::int64_t>(life, 1, 86'400));
  return out;
}

}  // namespace batuta
