#include "stream/kafka_token.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "common/http_client.h"
#include "common/safe_json.h"
#include "common/url.h"

namespace batuta::stream {
namespace {

using nlohmann::json;

constexpr std::size_t token_answer_at_most = 1 << 20;
constexpr JsonLimits token_limits{token_answer_at_most, 32, 10'000, token_answer_at_most};
// Where the endpoint says nothing of it (RFC 6749 recommends that it does).
constexpr std::int64_t usual_life_seconds = 300;

std::string member(const json& object, const char* name) {
  const auto at = object.find(name);
  return at != object.end() && at->is_string() ? at->get<std::string>() : std::string();
}

}  // namespace

std::optional<TokenSource> take_token_source(KafkaSettings& settings) {
  const auto mechanism = settings.find("sasl.mechanism");
  const auto url = settings.find("sasl.oauthbearer.token.endpoint.url");
  if (mechanism == settings.end() || mechanism->second != "OAUTHBEARER" || url == settings.end())
    return std::nullopt;
  const auto take = [&](const char* name) {
    const auto found = settings.extract(name);
    return found ? found.mapped() : std::string();
  };
  TokenSource out;
  out.url = take("sasl.oauthbearer.token.endpoint.url");
  out.client = take("sasl.oauthbearer.client.id");
  out.secret = take("sasl.oauthbearer.client.secret");
  out.scope = take("sasl.oauthbearer.scope");
  out.extensions = take("sasl.oauthbearer.extensions");
  take("sasl.oauthbearer.method");
  if (const auto ca = settings.find("ssl.ca.location"); ca != settings.end())
    out.ca_file = ca->second;
  return out;
}

Result<AccessToken> fetch_token(const TokenSource& source) {
  HttpRequest request;
  request.method = "POST";
  request.url = source.url;
  request.headers = {{"Accept", "application/json"},
                     {"Content-Type", "application/x-www-form-urlencoded"}};
  // As RFC 6749 (2.3.1) has it: both are escaped before they become HTTP Basic.
  request.login = percent_encoded(source.client);
  request.password = percent_encoded(source.secret);
  request.body = "grant_type=client_credentials";
  if (!source.scope.empty()) request.body += "&scope=" + percent_encoded(source.scope);
  request.max_body = token_answer_at_most;
  request.outgoing.ca_file = source.ca_file;
  const std::string what = "token endpoint " + without_user_info(source.url);
  const auto answer = http_call(request);
  if (!answer) return {answer.error().code, what + ": " + answer.error().message};
  const auto told = parse_untrusted(answer->body, token_limits);
  const bool object = told && told->is_object();
  if (answer->status < 200 || answer->status >= 300) {
    std::string why = what + " answered " + std::to_string(answer->status);
    if (object && !member(*told, "error").empty()) {
      why += ": " + member(*told, "error").substr(0, 80);
      if (const auto more = member(*told, "error_description"); !more.empty())
        why += " (" + more.substr(0, 200) + ")";
    }
    const bool passes = answer->status == 429 || answer->status >= 500;
    return {passes ? Errc::unavailable : Errc::unauthenticated, why};
  }
  AccessToken out;
  if (object) out.text = member(*told, "access_token");
  if (out.text.empty()) return {Errc::malformed, what + " gave no access_token"};
  std::int64_t life = usual_life_seconds;
  if (const auto at = told->find("expires_in"); at != told->end())
    life = json_int(*at).value_or(usual_life_seconds);
  // librdkafka asks anew when four fifths of it are over.
  out.until = read_clock().wall + std::chrono::seconds(std::clamp<std::int64_t>(life, 1, 86'400));
  return out;
}

}  // namespace batuta::stream
