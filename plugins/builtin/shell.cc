// shell: a command line run by /bin/sh in a fresh scratch folder with a small, known environment.
// Exit code 0 is success, 99 is skipped (as in Airflow), everything else failed.
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "common/safe_json.h"
#include "plugins/builtin/shell_command.h"
#include "plugins/sdk/plugin.h"

namespace {

using batuta::plugin::Context;
using batuta::plugin::FinalError;
using batuta::plugin::optional;
using batuta::plugin::required;
using batuta::plugin::RetryableError;

std::map<std::string, std::string> environment_of(const Context& context) {
  std::map<std::string, std::string> out;
  for (const char* name : {"PATH", "HOME", "LANG"}) {
    if (const char* value = std::getenv(name)) out[name] = value;
  }
  if (const auto text = context.json("env"); !text.empty()) {
    const auto given = batuta::parse_untrusted(text);
    if (!given || !given->is_object()) throw FinalError("parameter env: expected an object");
    for (const auto& [name, value] : given->items()) {
      if (!batuta::plugin::allowed_variable(name)) {
        throw FinalError("parameter env: the variable " + name + " may not be set");
      }
      const auto shown =
          value.is_string() ? value.get_ref<const std::string&>() : batuta::json_text(value);
      if (shown.find('\0') != std::string::npos) {
        throw FinalError("parameter env: NUL in the value of " + name);
      }
      out[name] = shown;
    }
  }
  out["BATUTA_DAG_ID"] = context.dag_id();
  out["BATUTA_RUN_ID"] = context.run_id();
  out["BATUTA_TASK_ID"] = context.task_id();
  out["BATUTA_TRY_NUMBER"] = std::to_string(context.try_number());
  out["BATUTA_MAP_INDEX"] = std::to_string(context.map_index());
  return out;
}

struct Shell {
  static constexpr auto name = "shell";
  static constexpr auto version = "1.0.0";
  static constexpr auto kind = "builtin";
  static constexpr auto summary = "Runs a command line";
  static constexpr batuta_param params[] = {
      required(BATUTA_PARAM_STRING, "command", "the command line, for /bin/sh"),
      optional(BATUTA_PARAM_OBJECT, "env", "more environment variables"),
      optional(BATUTA_PARAM_BOOLEAN, "do_xcom_push",
               "the last line of standard output becomes the return value", "true"),
      optional(BATUTA_PARAM_INTEGER, "skip_on_exit_code", "the exit code that means skipped",
               "99")};

  void execute(Context& context) {
    batuta::plugin::ShellCommand command;
    command.command = context.text("command");
    if (command.command.find('\0') != std::string::npos) throw FinalError("NUL in the command");
    command.folder = context.scratch();
    command.environment = environment_of(context);
    command.capture = context.boolean("do_xcom_push", true);
    command.cancelled = [&context] { return context.cancelled(); };
    const auto end = batuta::plugin::run_shell(command);
    context.child_memory(end.peak_rss_kib);

    if (end.signal != 0) {
      throw RetryableError("the command ended by signal " + std::to_string(end.signal),
                           128 + end.signal);
    }
    if (end.exit_code == context.integer("skip_on_exit_code", 99)) {
      throw batuta::plugin::Skip("exit code " + std::to_string(end.exit_code), end.exit_code);
    }
    if (end.exit_code != 0) {
      throw RetryableError("exit code " + std::to_string(end.exit_code), end.exit_code);
    }
    if (!command.capture) return;
    const std::string value = batuta::plugin::quoted(end.last_line);
    if (value.size() > 64 << 10) {
      context.warn("the last line is over 64 KiB: no return value");
    } else {
      context.return_json(value);
    }
  }
};

}  // namespace

BATUTA_PLUGIN(Shell)
