// mail: one message by the mail server that a connection names. Returns who it went to: a receiver
// that is refused costs the others nothing.
#include "common/mail_client.h"

#include <nlohmann/json.hpp>

#include "common/safe_json.h"
#include "plugins/sdk/plugin.h"

namespace {

using batuta::plugin::Connection;
using batuta::plugin::Context;
using batuta::plugin::FinalError;
using batuta::plugin::optional;
using batuta::plugin::required;
using batuta::plugin::RetryableError;

constexpr std::size_t most_receivers = 50;

// What a template yields may be a list of its own, or no text at all: that stands as JSON and is
// refused as an address, and the others get theirs.
void add_receivers(const nlohmann::json& given, std::vector<std::string>& to) {
  for (const auto& each : given.is_array() ? given : nlohmann::json::array({given})) {
    if (each.is_array()) {
      add_receivers(each, to);
    } else {
      to.push_back(each.is_string() ? each.get<std::string>() : batuta::json_text(each));
    }
    if (to.size() > most_receivers) throw FinalError("parameter to: more than 50 receivers");
  }
}

std::vector<std::string> receivers(const Context& context) {
  const auto given = batuta::parse_untrusted(context.json("to"));
  if (!given) throw FinalError("parameter to: an address, or a list of them");
  std::vector<std::string> to;
  add_receivers(*given, to);
  return to;
}

struct Mail {
  static constexpr auto name = "mail";
  static constexpr auto version = "1.0.0";
  static constexpr auto kind = "builtin";
  static constexpr auto summary = "Sends one mail";
  static constexpr batuta_param params[] = {
      required(BATUTA_PARAM_CONNECTION, "connection", "the mail server, its login, the sender"),
      required(BATUTA_PARAM_ANY, "to", "an address, or a list of them"),
      required(BATUTA_PARAM_STRING, "subject", "of the message"),
      required(BATUTA_PARAM_STRING, "text", "of the message"),
      optional(BATUTA_PARAM_STRING, "html", "the same as HTML, for those who show it"),
      optional(BATUTA_PARAM_ANY, "timeout", "of the whole exchange", "\"60s\""),
      optional(BATUTA_PARAM_BOOLEAN, "do_xcom_push", "keep the return value", "true")};

  void execute(Context& context) {
    const Connection connection = context.connection(context.text("connection"));
    auto request = batuta::mail_by(connection.host, static_cast<int>(connection.port),
                                   connection.login, connection.password, connection.extra_json);
    if (!request) throw FinalError(request.error().message);
    request->to = receivers(context);
    request->subject = context.text("subject");
    request->text = context.text("text");
    request->html = context.text("html", "");
    request->date = batuta::read_clock().wall;
    // The same for every try of this instance: a receiver may tell repeats apart.
    request->message_id = context.execution_id() + "." + context.task_id() + "." +
                          std::to_string(context.map_index()) + "@batuta";
    request->timeout = context.duration("timeout", std::chrono::seconds(60));
    request->cancelled = [&context] { return context.cancelled(); };
    const batuta::MailReach sent = batuta::send_to_each(*request);
    if (!sent.status) {
      context.check_cancelled();
      const batuta::Error& error = sent.status.error();
      const bool final = error.code == batuta::Errc::invalid || error.where == "login";
      if (final) throw FinalError(error.message);
      throw RetryableError(error.message);
    }
    for (const std::string& missed : sent.missed) context.warn("did not get it: " + missed);
    context.info("sent to " + std::to_string(sent.reached.size()) + " receivers");
    if (!context.boolean("do_xcom_push", true)) return;
    nlohmann::json result{{"to", sent.reached}, {"message_id", request->message_id}};
    if (!sent.missed.empty()) result["missed"] = sent.missed;
    context.return_json(batuta::json_text(result));
  }
};

}  // namespace

BATUTA_PLUGIN(Mail)
