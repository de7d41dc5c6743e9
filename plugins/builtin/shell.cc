// shell: a command line or script run by sh or bash in a fresh scratch folder, or where it is told,
// with a small, known environment. The script goes over a descriptor; each connection the task
// names is a file, its path in $BATUTA_SECRET_<NAME>. Exit code 0 is success, 99 is skipped (as in
// Airflow), everything else failed.
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <nlohmann/json.hpp>

#include "common/safe_json.h"
#include "plugins/builtin/asset_file.h"
#include "plugins/builtin/checkpoint_file.h"
#include "plugins/builtin/child.h"
#include "plugins/builtin/last_line.h"
#include "plugins/builtin/result_file.h"
#include "plugins/builtin/secret_files.h"
#include "plugins/builtin/shell_command.h"
#include "plugins/builtin/upstream_results.h"
#include "plugins/outputs/file_outputs.h"
#include "plugins/outputs/table_files.h"
#include "plugins/sdk/plugin.h"

namespace {

using batuta::plugin::Context;
using batuta::plugin::FinalError;
using batuta::plugin::optional;
using batuta::plugin::required;
using batuta::plugin::RetryableError;
using nlohmann::json;

std::string text_of(const json& arg) {
  std::string text = arg.is_string() ? arg.get<std::string>() : batuta::json_text(arg);
  if (text.find('\0') != std::string::npos) throw FinalError("NUL in an argument of args");
  return text;
}

std::vector<std::string> args_of(const Context& context) {
  const std::string text = context.json("args");
  if (text.empty() || text == "null") return {};
  const auto given = batuta::parse_untrusted(text);
  if (!given || !given->is_array()) throw FinalError("parameter args: expected a list of texts");
  std::vector<std::string> out;
  for (const json& arg : *given) out.push_back(text_of(arg));
  return out;
}

// The shell itself must be there, and told of when it is not: the kernel's word would not name it.
std::string shell_of(const Context& context) {
  const std::string name = context.text("shell", "sh");
  if (name != "sh" && name != "bash") throw FinalError("parameter shell: sh or bash");
  std::string path = "/bin/" + name;
  if (::access(path.c_str(), X_OK) != 0) {
    throw FinalError("there is no " + path + " on this worker: " + std::strerror(errno));
  }
  return path;
}

std::string script_text(const Context& context) {
  if (context.has("command") == context.has("script")) {
    throw FinalError("a shell task needs either \"command\" or \"script\"");
  }
  std::string text = context.text(context.has("command") ? "command" : "script");
  if (text.find('\0') != std::string::npos) throw FinalError("NUL in the command");
  return text;
}

struct Shell {
  static constexpr auto name = "shell";
  static constexpr auto version = "1.1.0";
  static constexpr auto kind = "builtin";
  static constexpr auto summary = "Runs a command line";
  static constexpr batuta_param params[] = {
      optional(BATUTA_PARAM_STRING, "command", "the command line"),
      optional(BATUTA_PARAM_STRING, "script", "or a script"),
      optional(BATUTA_PARAM_ARRAY, "args", "what the command finds as $1, $2, ..."),
      optional(BATUTA_PARAM_STRING, "shell", "sh or bash", "\"sh\""),
      optional(BATUTA_PARAM_BOOLEAN, "strict", "bash's set -Eeuo pipefail", "false"),
      optional(BATUTA_PARAM_STRING, "working_dir", "absolute; else a fresh folder"),
      optional(BATUTA_PARAM_STRING, "umask", "octal, such as 027"),
      optional(BATUTA_PARAM_OBJECT, "env", "more environment variables"),
      optional(BATUTA_PARAM_ARRAY, "reads", "tables that it finds as Parquet files"),
      optional(BATUTA_PARAM_ARRAY, "outputs", "tables that files of its folder become"),
      optional(BATUTA_PARAM_BOOLEAN, "do_xcom_push",
               "the last line of standard output becomes the return value", "true"),
      optional(BATUTA_PARAM_INTEGER, "skip_on_exit_code", "the exit code that means skipped",
               "99")};

  void execute(Context& context) {
    batuta::plugin::ShellCommand command;
    command.command = script_text(context);
    command.args = args_of(context);
    command.shell = shell_of(context);
    command.strict = context.boolean("strict", false);
    if (command.strict && !command.shell.ends_with("bash")) {
      throw FinalError("parameter strict: needs \"shell\": \"bash\"");
    }
    command.umask = context.text("umask", "");
    if (command.umask.find_first_not_of("01234567") != std::string::npos) {
      throw FinalError("parameter umask: octal digits, such as 027");
    }
    command.folder = batuta::plugin::working_folder(context);
    command.environment = batuta::plugin::environment_of(context);
    const std::string secrets = context.scratch() + "/.secrets";
    batuta::plugin::hand_over_secrets(context, secrets, secrets, command.environment);
    batuta::plugin::hand_over_results(context, command.environment);
    batuta::outputs::hand_out_tables(context, command.environment);
    const std::string result_file = context.scratch() + "/.result";
    command.environment["BATUTA_RESULT"] = result_file;
    const std::string asset_file = context.scratch() + "/.assets";
    command.environment["BATUTA_ASSETS"] = asset_file;
    command.capture = context.boolean("do_xcom_push", true);
    const std::string checkpoint_file = context.scratch() + "/.checkpoint";
    command.environment["BATUTA_CHECKPOINT"] = checkpoint_file;
    batuta::plugin::CheckpointFile checkpoints(context, checkpoint_file);
    command.cancelled = [&context, &checkpoints] {
      checkpoints.look();
      return context.cancelled();
    };
    const auto end = batuta::plugin::run_shell(command);
    context.child_memory(end.peak_rss_kib);
    if (end.signal != 0 || end.exit_code != 0) checkpoints.look_last();

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
    batuta::outputs::hand_in_files(context, context.scratch());
    batuta::plugin::report_assets(context, asset_file);
    if (!command.capture) return;
    if (const auto value = batuta::plugin::result_of_file(result_file); !value.empty()) {
      context.return_json(value);
    } else {
      batuta::plugin::return_last_line(context, end.last_line, end.last_line_too_long);
    }
  }
};

}  // namespace

BATUTA_PLUGIN(Shell)
