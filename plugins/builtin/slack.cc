// slack: one message to the incoming webhook that a connection holds. What stands in `text`
// mentions nobody and links nowhere, whatever values come into it: it is shown as sections that
// Slack leaves as they are. `blocks` take their place, and are sent as they are written.
#include <nlohmann/json.hpp>

#include "common/http_client.h"
#include "common/safe_json.h"
#include "common/slack_text.h"
#include "common/url.h"
#include "plugins/sdk/plugin.h"

namespace {

using batuta::plugin::Connection;
using batuta::plugin::Context;
using batuta::plugin::FinalError;
using batuta::plugin::optional;
using batuta::plugin::required;
using batuta::plugin::RetryableError;

constexpr std::size_t most_text = 40'000;      // longer texts Slack cuts without a word
constexpr std::size_t longest_section = 2900;  // of 3,000: more it refuses

// A message that has only a text gets links made of every address in it.
nlohmann::json sections(const std::string& text) {
  nlohmann::json blocks = nlohmann::json::array();
  for (const std::string& part : batuta::slack_parts(text, longest_section)) {
    blocks.push_back(
        {{"type", "section"}, {"text", {{"type", "mrkdwn"}, {"text", part}, {"verbatim", true}}}});
  }
  return blocks;
}

nlohmann::json message_of(const Context& context) {
  const std::string text = batuta::slack_escaped(context.text("text"));
  if (text.size() > most_text) {
    throw FinalError("parameter text: longer than the 40,000 characters that Slack takes");
  }
  nlohmann::json message{{"text", text}};
  for (const char* name : {"channel", "username"}) {
    if (const std::string value = context.text(name, ""); !value.empty()) message[name] = value;
  }
  const std::string blocks = context.json("blocks");
  if (blocks.empty() || blocks == "null") {
    if (auto shown = sections(text); !shown.empty()) message["blocks"] = std::move(shown);
    return message;
  }
  auto parsed = batuta::parse_untrusted(blocks);
  if (!parsed || !parsed->is_array()) throw FinalError("parameter blocks: not a list");
  message["blocks"] = *std::move(parsed);
  return message;
}

struct Slack {
  static constexpr auto name = "slack";
  static constexpr auto version = "1.0.0";
  static constexpr auto kind = "builtin";
  static constexpr auto summary = "Sends one message to Slack";
  static constexpr batuta_param params[] = {
      required(BATUTA_PARAM_CONNECTION, "connection", "the incoming webhook"),
      required(BATUTA_PARAM_STRING, "text", "of the message"),
      optional(BATUTA_PARAM_STRING, "channel", "where the webhook lets it choose"),
      optional(BATUTA_PARAM_STRING, "username", "whose name it bears"),
      optional(BATUTA_PARAM_ARRAY, "blocks", "Block Kit, as it is written"),
      optional(BATUTA_PARAM_ANY, "timeout", "of the whole exchange", "\"30s\""),
      optional(BATUTA_PARAM_BOOLEAN, "do_xcom_push", "keep the return value", "true")};

  void execute(Context& context) {
    const Connection connection = context.connection(context.text("connection"));
    batuta::HttpRequest request;
    request.method = "POST";
    request.url = batuta::webhook_url(connection.host, connection.schema,
                                      static_cast<int>(connection.port), connection.password);
    request.headers = {{"Content-Type", "application/json"}};
    request.body = batuta::json_text(message_of(context));
    request.outgoing = batuta::outgoing_of(connection.extra_json);
    request.timeout = context.duration("timeout", std::chrono::seconds(30));
    request.cancelled = [&context] { return context.cancelled(); };
    request.max_body = 64 << 10;
    const auto answer = batuta::http_call(request);
    context.check_cancelled();
    if (!answer) {
      if (answer.error().code == batuta::Errc::invalid) throw FinalError(answer.error().message);
      throw RetryableError("Slack cannot be reached: " + answer.error().message);
    }
    const int status = answer->status;
    if (status >= 200 && status < 300) {
      context.info("Slack took the message");
      if (context.boolean("do_xcom_push", true)) {
        context.return_json(batuta::json_text({{"status", status}}));
      }
      return;
    }
    // Its answer is a word such as no_service or invalid_blocks.
    const std::string why =
        "Slack answered " + std::to_string(status) + " " + answer->body.substr(0, 200);
    if (status == 408 || status == 429 || status >= 500) throw RetryableError(why);
    throw FinalError(why);
  }
};

}  // namespace

BATUTA_PLUGIN(Slack)
