#include "scheduler/waits/trial.h"

#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "common/client_credentials.h"
#include "common/safe_json.h"
#include "common/url.h"

namespace batuta {
namespace {

using nlohmann::json;

constexpr auto patience = std::chrono::seconds(10);
constexpr char sql_patience[] = "10s";
// Connecting, the statement and a process that starts or hangs.
constexpr auto longest_trial = std::chrono::seconds(40);

Result<std::string> ask_database(const Connection& connection, const TrialHooks& hooks) {
  const json params{{"connection", connection.id},
                    {"sql", "SELECT 1"},
                    {"timeout", sql_patience},
                    {"result", "value"},
                    {"read_only", true}};
  const auto told = hooks.sql(json_text(params), connection, hooks.cancelled);
  if (!told) return told.error();
  return std::string("the database answers");
}

std::string extra_text(const Connection& connection, const char* name) {
  const auto extra = parse_untrusted(connection.extra.empty() ? "{}" : connection.extra);
  if (!extra || !extra->is_object() || !extra->contains(name)) return {};
  const json& value = (*extra)[name];
  return value.is_string() ? value.get<std::string>() : std::string();
}

Result<std::string> ask_http(const Connection& connection, const TrialHooks& hooks) {
  const ServerDoor door =
      server_door(connection.conn_type, connection.host, connection.schema,
                  connection.port.value_or(0), connection.login, connection.password);
  HttpRequest request;
  request.url = door.base;
  request.outgoing = outgoing_of(connection.extra);
  std::string bearer = door.bearer;
  if (const std::string endpoint = extra_text(connection, "login_url"); !endpoint.empty()) {
    // The login is an OAuth client's, and goes to that endpoint alone.
    const auto token = fetch_access_token(
        {endpoint, connection.login, connection.password, extra_text(connection, "scope"),
         extra_text(connection, "audience"), request.outgoing},
        hooks.http);
    if (!token) return token.error();
    bearer = token->text;
  } else {
    request.login = door.login;
    request.password = door.password;
  }
  if (!bearer.empty()) request.headers.emplace_back("Authorization", "Bearer " + bearer);
  request.timeout = patience;
  request.ignore_body = true;
  request.cancelled = hooks.cancelled;
  const auto extra = parse_untrusted(connection.extra.empty() ? "{}" : connection.extra);
  if (extra && extra->is_object() && extra->contains("headers") &&
      (*extra)["headers"].is_object()) {
    for (const auto& [name, value] : (*extra)["headers"].items()) {
      if (value.is_string()) request.headers.emplace_back(name, value.get<std::string>());
    }
  }
  const auto answer = hooks.http(request);
  if (!answer) return answer.error();
  const std::string status = "HTTP " + std::to_string(answer->status);
  if (answer->status == 401 || answer->status == 403 || answer->status == 407) {
    return {Errc::forbidden, status + ": it does not let this login in"};
  }
  if (answer->status >= 500) return {Errc::unavailable, status + ": it answers, and is not well"};
  return "the server answers (" + status + ")";
}

Result<std::string> ask_broker(const Connection& connection, const TrialHooks& hooks) {
  const auto stream = hooks.broker(connection);
  if (!stream) return stream.error();
  const auto topics = (*stream)->topics();
  if (!topics) return topics.error();
  return "the broker answers, with " + std::to_string(topics->size()) + " topics";
}

Result<std::string> ask_mail(const Connection& connection, const TrialHooks& hooks) {
  auto request = mail_by(connection.host, connection.port.value_or(0), connection.login,
                         connection.password, connection.extra);
  if (!request) return request.error();
  request->timeout = patience;
  request->cancelled = hooks.cancelled;
  if (const Status greeted = hooks.mail(*request); !greeted) return greeted.error();
  return std::string(connection.login.empty() ? "the mail server answers; there is no login to try"
                                              : "the mail server takes the login");
}

Result<std::string> ask(const Connection& connection, const TrialHooks& hooks) {
  const std::string& type = connection.conn_type;
  if (type == "postgres" || type == "postgresql" || type == "sqlite") {
    return ask_database(connection, hooks);
  }
  if (type == "http" || type == "https" || type == "databricks") return ask_http(connection, hooks);
  if (type == "kafka") return ask_broker(connection, hooks);
  if (type == "smtp" || type == "email") return ask_mail(connection, hooks);
  if (type == "slack" || type == "slackwebhook" || type == "webhook") {
    return {Errc::not_found, "a connection of type \"" + type +
                                 "\" is not tried: whatever is sent there is a message"};
  }
  return {Errc::not_found, "a connection of type \"" + type +
                               "\" is not tried here; those of postgres, sqlite, http, "
                               "databricks, kafka and smtp are"};
}

void collect_texts(const json& value, bool secret, std::vector<std::string>& out) {
  if (value.is_string() && secret) out.push_back(value.get<std::string>());
  if (value.is_object()) {
    // Headers are sent to say who asks: none of them is told.
    for (const auto& [name, one] : value.items()) {
      collect_texts(one, secret || sensitive_name(name) || name == "headers", out);
    }
  }
  if (value.is_array()) {
    for (const json& one : value) collect_texts(one, secret, out);
  }
}

// What a server or a library says may quote what it was given, in one of its spellings.
std::string without_secrets(std::string text, const Connection& connection,
                            std::vector<std::string> secrets) {
  secrets.push_back(connection.password);
  const std::string user_info(split_url(connection.host).user_info);
  secrets.push_back(user_info);
  if (const auto colon = user_info.find(':'); colon != std::string::npos) {
    secrets.push_back(user_info.substr(colon + 1));
  }
  if (const auto extra = parse_untrusted(connection.extra)) collect_texts(*extra, false, secrets);
  for (std::size_t i = secrets.size(); i-- > 0;) secrets.push_back(percent_encoded(secrets[i]));
  // One may begin another: the longest is taken out whole.
  std::sort(secrets.begin(), secrets.end(),
            [](const auto& a, const auto& b) { return a.size() > b.size(); });
  for (const std::string& secret : secrets) {
    if (secret.empty()) continue;
    for (auto at = text.find(secret); at != std::string::npos; at = text.find(secret, at + 3)) {
      text.replace(at, secret.size(), "***");
    }
  }
  return without_user_info(text);
}

}  // namespace

Result<std::string> try_connection(const Connection& connection,
                                   const std::vector<std::string>& secrets,
                                   const TrialHooks& hooks) {
  TrialHooks bounded = hooks;
  bool late = false;
  bounded.cancelled = [&, end = std::chrono::steady_clock::now() + longest_trial] {
    late = late || std::chrono::steady_clock::now() >= end;
    return late || hooks.cancelled();
  };
  auto told = ask(connection, bounded);
  if (!told && late) return {Errc::unavailable, "no answer within 40 s"};
  if (!told) {
    return {told.error().code, without_secrets(told.error().message, connection, secrets)};
  }
  return without_secrets(*std::move(told), connection, secrets);
}

}  // namespace batuta
