// mail: one message by the mail server that a connection names. Returns who it went to.
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
    request->to = context.texts("to");
    request->subject = context.text("subject");
    request->text = context.text("text");
    request->html = context.text("html", "");
    request->date = batuta::read_clock().wall;
    // The same for every try of this instance: a receiver may tell repeats apart.
    request->message_id = context.execution_id() + "." + context.task_id() + "." +
                          std::to_string(context.map_index()) + "@batuta";
    request->timeout = context.duration("timeout", std::chrono::seconds(60));
    request->cancelled = [&context] { return context.cancelled(); };
    const batuta::Status sent = batuta::send_mail(*request);
    context.check_cancelled();
    if (!sent) {
      const bool final =
          sent.error().code == batuta::Errc::invalid || sent.error().where == "login";
      if (final) throw FinalError(sent.error().message);
      throw RetryableError(sent.error().message);
    }
    context.info("sent to " + std::to_string(request->to.size()) + " receivers");
    if (!context.boolean("do_xcom_push", true)) return;
    context.return_json(
        batuta::json_text({{"to", request->to}, {"message_id", request->message_id}}));
  }
};

}  // namespace

BATUTA_PLUGIN(Mail)
