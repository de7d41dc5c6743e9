// http: one request. 2xx is success and its body the return value; an answer of retry_on_status
// (408, 425, 429 and 5xx) and a time-out are worth a retry; any other answer is final. A
// Retry-After of up to a minute is waited for within the attempt.
#include "common/http_client.h"
#include "common/run_files.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "common/safe_json.h"
#include "common/url.h"
#include "plugins/sdk/plugin.h"

namespace {

using batuta::Duration;
using batuta::plugin::Connection;
using batuta::plugin::Context;
using batuta::plugin::FinalError;
using batuta::plugin::optional;
using batuta::plugin::RetryableError;

constexpr int most_calls = 3;
constexpr Duration longest_wait = std::chrono::seconds(60);
constexpr const char* retried_statuses = R"([408,425,429,"5xx"])";
constexpr std::size_t max_return = batuta::max_result_file;

void add_headers(const std::string& json_object, const char* where, batuta::HttpRequest& request) {
  if (json_object.empty()) return;
  const auto headers = batuta::parse_untrusted(json_object);
  if (!headers || !headers->is_object()) {
    throw FinalError(std::string{where} + ": expected an object of headers");
  }
  for (const auto& [name, value] : headers->items()) {
    if (!value.is_string()) throw FinalError(std::string{where} + "/" + name + ": not a string");
    request.headers.emplace_back(name, value.get<std::string>());
  }
}

batuta::HttpRequest request_of(const Context& context) {
  batuta::HttpRequest request;
  request.method = context.text("method", "GET");
  request.url = context.text("url", "");
  if (const auto id = context.text("connection", ""); !id.empty()) {
    const Connection connection = context.connection(id);
    if (request.url.find("://") == std::string::npos) {
      const bool slash = request.url.starts_with('/') || request.url.empty();
      request.url = connection.base_url() + (slash ? "" : "/") + request.url;
    }
    // The connection's secrets go to the connection's server and to no other.
    if (!batuta::lies_below(request.url, connection.base_url())) {
      throw FinalError("parameter url: not on the host of connection " + id);
    }
    request.login = connection.login;
    request.password = connection.password;
    request.outgoing = batuta::outgoing_of(connection.extra_json);
    if (!connection.extra_json.empty()) {
      const auto extra = batuta::parse_untrusted(connection.extra_json);
      if (extra && extra->is_object() && extra->contains("headers")) {
        add_headers(batuta::json_text((*extra)["headers"]), "extra/headers", request);
      }
    }
  }
  add_headers(context.json("headers"), "headers", request);
  const auto body = context.json("body");
  if (!body.empty() && body != "null") {
    const bool text = body.starts_with('"');
    request.body = text ? context.text("body") : body;
    const bool typed = std::any_of(request.headers.begin(), request.headers.end(), [](auto& h) {
      return h.first == "Content-Type" || h.first == "content-type";
    });
    if (!typed) {
      request.headers.emplace_back("Content-Type", text ? "text/plain" : "application/json");
    }
  }
  request.timeout = context.duration("timeout", std::chrono::seconds(60));
  request.cancelled = [&context] { return context.cancelled(); };
  return request;
}

// What the task names, as numbers and as classes such as "5xx".
bool worth_retrying(const Context& context, int status) {
  const std::string text = context.json("retry_on_status");
  const auto named = batuta::parse_untrusted(text.empty() ? retried_statuses : text);
  if (!named || !named->is_array()) throw FinalError("retry_on_status: expected a list");
  const std::string status_class = std::to_string(status / 100) + "xx";
  return std::any_of(named->begin(), named->end(), [&](const nlohmann::json& one) {
    return one == status_class || batuta::json_int(one) == status;
  });
}

// What the server asks for; nullopt when it names nothing we would wait for.
std::optional<Duration> told_wait(const batuta::HttpAnswer& answer) {
  const std::string* value = answer.header("retry-after");
  if (value == nullptr) return std::nullopt;
  const auto span = batuta::parse_duration(*value);
  return span && *span <= longest_wait ? span : std::nullopt;
}

void give_back(Context& context, const batuta::HttpAnswer& answer) {
  if (!context.boolean("do_xcom_push", true)) return;
  static const std::string remedy =
      "; with \"do_xcom_push\": false the task has no return value and succeeds";
  const auto text = answer.text();
  if (!text) throw FinalError("the answer is no text: " + text.error().message + remedy);
  const std::string value = batuta::plugin::quoted(*text);
  if (value.size() > max_return) {
    throw FinalError("the answer is too large for a return value: " + std::to_string(value.size()) +
                     " bytes as JSON, at most " + std::to_string(max_return) + remedy);
  }
  context.return_json(value);
}

struct Http {
  static constexpr auto name = "http";
  static constexpr auto version = "1.0.0";
  static constexpr auto kind = "builtin";
  static constexpr auto summary = "Makes one HTTP request";
  static constexpr batuta_param params[] = {
      optional(BATUTA_PARAM_STRING, "url", "absolute, or a path below the connection's host"),
      optional(BATUTA_PARAM_STRING, "method", "GET, POST, ...", "\"GET\""),
      optional(BATUTA_PARAM_CONNECTION, "connection", "host, login and headers"),
      optional(BATUTA_PARAM_OBJECT, "headers", "more request headers"),
      optional(BATUTA_PARAM_ANY, "body", "a text, or any JSON to be sent as such"),
      optional(BATUTA_PARAM_ANY, "timeout", "for one exchange", "\"60s\""),
      optional(BATUTA_PARAM_ARRAY, "retry_on_status", "answers that are worth another try",
               retried_statuses),
      optional(BATUTA_PARAM_BOOLEAN, "retry_on_timeout", "so is an exchange that took too long",
               "true"),
      optional(BATUTA_PARAM_BOOLEAN, "do_xcom_push", "the body becomes the return value", "true")};

  void execute(Context& context) {
    const batuta::HttpRequest request = request_of(context);
    for (int call = 1;; ++call) {
      const auto answer = batuta::http_call(request);
      context.check_cancelled();
      if (!answer) {
        const auto code = answer.error().code;
        const bool wrong = code == batuta::Errc::invalid || code == batuta::Errc::malformed ||
                           code == batuta::Errc::too_large;
        const std::string why = request.method + " failed: " + answer.error().message;
        const bool final_timeout =
            answer.error().where == "timeout" && !context.boolean("retry_on_timeout", true);
        if (wrong || final_timeout) throw FinalError(why);
        throw RetryableError(why);
      }
      context.info(request.method + " answered " + std::to_string(answer->status) + ", " +
                   std::to_string(answer->body.size()) + " bytes");
      if (answer->status >= 200 && answer->status < 300) return give_back(context, *answer);
      const std::string why = "the server answered " + std::to_string(answer->status);
      if (!worth_retrying(context, answer->status)) throw FinalError(why);
      const auto wait = told_wait(*answer);
      if (!wait || call == most_calls) throw RetryableError(why);
      context.info("the server asks to wait");
      if (!context.sleep(*wait)) context.check_cancelled();
    }
  }
};

}  // namespace

BATUTA_PLUGIN(Http)
