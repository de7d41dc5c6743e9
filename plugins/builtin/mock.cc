// mock: a task made to order, for demos, tests and load runs. Without parameters it succeeds at
// once.
#include <signal.h>
#include <unistd.h>

#include "plugins/sdk/plugin.h"

namespace {

using batuta::plugin::Context;
using batuta::plugin::optional;

[[noreturn]] void hang() {
  sigset_t all;
  sigfillset(&all);
  ::sigprocmask(SIG_SETMASK, &all, nullptr);
  for (;;) ::pause();
}

struct Mock {
  static constexpr auto name = "mock";
  static constexpr auto version = "1.0.0";
  static constexpr auto kind = "builtin";
  static constexpr auto summary = "Succeeds, fails, crashes or hangs as told";
  static constexpr batuta_param params[] = {
      optional(BATUTA_PARAM_ANY, "run_for", "how long it takes: \"2s\", or seconds"),
      optional(BATUTA_PARAM_INTEGER, "fail_times", "fails while the try number is at most this"),
      optional(BATUTA_PARAM_INTEGER, "exit", "ends its process with this code, without a result"),
      optional(BATUTA_PARAM_INTEGER, "signal", "ends its process by this signal"),
      optional(BATUTA_PARAM_BOOLEAN, "hang", "never ends, and heeds neither cancel nor signals"),
      optional(BATUTA_PARAM_STRING, "print", "text for the log"),
      optional(BATUTA_PARAM_ANY, "return", "the XCom return value, any JSON")};

  void execute(Context& context) {
    if (const auto text = context.text("print", ""); !text.empty()) context.info(text);
    if (context.boolean("hang", false)) hang();
    if (const auto span = context.duration("run_for", {}); span.count() > 0) {
      if (!context.sleep(span)) context.check_cancelled();
    }
    if (const auto number = context.integer("signal", 0); number != 0) {
      ::raise(static_cast<int>(number));
    }
    if (context.has("exit")) ::_exit(static_cast<int>(context.integer("exit")));
    if (const auto times = context.integer("fail_times", 0);
        times > 0 && context.try_number() <= times) {
      throw batuta::plugin::RetryableError("failed as told, try " +
                                           std::to_string(context.try_number()));
    }
    if (const auto value = context.json("return"); !value.empty()) context.return_json(value);
  }
};

}  // namespace

BATUTA_PLUGIN(Mock)
