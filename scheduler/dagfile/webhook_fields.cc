#include "scheduler/dagfile/webhook_fields.h"

#include <nlohmann/json.hpp>

namespace batuta {

void read_webhook(FieldReader& fields, Dag& dag) {
  const nlohmann::json* given = fields.object("webhook");
  if (given == nullptr) return;
  FieldReader inner(*given, fields.pointer_to("webhook"), fields.problems());
  Webhook hook;
  hook.connection = inner.id("connection").value_or("");
  hook.variable = inner.text("variable", 250).value_or("");
  if (hook.connection.empty() == hook.variable.empty() && fields.problems().none()) {
    fields.problem("webhook",
                   "a webhook's secret is the password of a \"connection\" or the value of a "
                   "\"variable\": name one of them");
  }
  if (const auto window = inner.duration("window")) {
    hook.window = *window;
    if (*window < std::chrono::seconds(10) || *window > std::chrono::hours(1)) {
      inner.problem("window", "must be from 10s to 1h");
    }
  }
  inner.refuse_unknown("webhook");
  dag.webhook = std::move(hook);
}

}  // namespace batuta
