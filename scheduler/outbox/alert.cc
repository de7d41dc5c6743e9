#include "scheduler/outbox/alert.h"

#include <algorithm>
#include <charconv>
#include <ctime>
#include <nlohmann/json.hpp>

#include "common/safe_json.h"
#include "common/url.h"

namespace batuta {
namespace {

constexpr Duration max_retry_after = std::chrono::minutes(15);

// "https://host:port/path" from a connection as Airflow's Slack webhook keeps it: the host may be a
// whole URL, the secret part of the path is the password.
std::string webhook_url(const Connection& connection) {
  std::string url = connection.host;
  if (url.find("://") == std::string::npos) {
    url = (connection.schema.empty() ? "https" : connection.schema) + "://" + url;
  }
  if (connection.port) {
    const auto path = url.find('/', url.find("://") + 3);
    url.insert(path == std::string::npos ? url.size() : path,
               ":" + std::to_string(*connection.port));
  }
  if (!connection.password.empty()) {
    if (url.back() != '/') url += '/';
    url += connection.password.front() == '/' ? connection.password.substr(1) : connection.password;
  }
  return url;
}

// Seconds, or a date of HTTP (RFC 9110 10.2.3), "Fri, 20 Nov 2026 07:28:00 GMT".
std::optional<Duration> retry_after(const HttpAnswer& answer, Time now) {
  const std::string* value = answer.header("retry-after");
  if (value == nullptr) return std::nullopt;
  std::int64_t seconds = 0;
  const auto [end, error] = std::from_chars(value->data(), value->data() + value->size(), seconds);
  if (error != std::errc{}) {
    std::tm date{};
    const char* rest = ::strptime(value->c_str(), "%a, %d %b %Y %H:%M:%S GMT", &date);
    if (rest == nullptr || *rest != '\0') return std::nullopt;
    const Time until{std::chrono::seconds(::timegm(&date))};
    return std::clamp<Duration>(until - now, Duration::zero(), max_retry_after);
  }
  if (seconds < 0) return std::nullopt;
  return std::min<Duration>(std::chrono::seconds(std::min<std::int64_t>(seconds, 86'400)),
                            max_retry_after);
}

}  // namespace

std::string alert_payload(const std::string& connection, const std::string& dag_id,
                          const std::string& text, const std::string& channel,
                          const std::string& username) {
  nlohmann::json body{{"text", text}};
  if (!channel.empty()) body["channel"] = channel;
  if (!username.empty()) body["username"] = username;
  return json_text({{"connection", connection}, {"dag_id", dag_id}, {"body", body}});
}

std::string alert_group(const std::string& payload_json) {
  const auto payload = parse_untrusted(payload_json);
  if (!payload || !payload->is_object()) return {};
  const nlohmann::json body = payload->value("body", nlohmann::json::object());
  const nlohmann::json none;
  return json_text(
      {payload->value("dag_id", none), body.value("channel", none), body.value("username", none)});
}

std::string alert_digest(const std::vector<std::string>& payloads) {
  if (payloads.size() == 1) return payloads.front();
  nlohmann::json digest;
  std::string texts;
  for (const std::string& text : payloads) {
    const auto payload = parse_untrusted(text);
    if (!payload || !payload->is_object()) continue;  // refused when it goes by itself
    if (digest.is_null()) digest = *payload;
    texts += "\n\n" + payload->at("body").value("text", "");
  }
  if (digest.is_null()) return payloads.front();
  digest["body"]["text"] = "*" + std::to_string(payloads.size()) + " alerts of " +
                           digest.value("dag_id", "") + "*" + texts;
  return json_text(digest);
}

std::string alert_connection(const std::string& payload_json) {
  const auto payload = parse_untrusted(payload_json);
  return payload ? payload->value("connection", "") : "";
}

SendResult send_alert(const std::string& payload_json, const std::optional<Connection>& connection,
                      Time now, const std::function<Result<HttpAnswer>(const HttpRequest&)>& call) {
  const auto payload = parse_untrusted(payload_json);
  if (!payload || !payload->contains("body")) return {false, true, {}, "the alert is not readable"};
  if (!connection) {
    return {false,
            false,
            {},
            "connection \"" + payload->value("connection", "") +
                "\" does not exist: create it with `batuta connections add`"};
  }
  HttpRequest request;
  request.method = "POST";
  request.url = webhook_url(*connection);
  request.headers = {{"Content-Type", "application/json"}};
  request.body = json_text((*payload)["body"]);
  request.ignore_body = true;                           // a long answer is an answer
  const std::string host(split_url(request.url).host);  // never the path, which is the secret
  const auto answer = call(request);
  if (!answer) return {false, false, {}, host + ": " + answer.error().message};
  if (answer->status >= 200 && answer->status < 300) return {true, false, {}, {}};
  const std::string error =
      "the webhook at " + host + " answered " + std::to_string(answer->status);
  const bool passing = answer->status == 429 || answer->status == 408 || answer->status >= 500;
  return {false, !passing, retry_after(*answer, now), error};
}

}  // namespace batuta
