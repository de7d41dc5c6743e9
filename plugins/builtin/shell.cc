// shell: a command line run by /bin/sh in a fresh scratch folder with a small, known environment.
// The script goes over a descriptor; each connection the task names is a file, its path in
// $BATUTA_SECRET_<NAME>.
// Exit code 0 is success, 99 is skipped (as in Airflow), everything else failed.
#include <sys/stat.h>

#include <cerrno>
#include <cstring>

#include "common/text.h"
#include "plugins/builtin/child.h"
#include "plugins/builtin/shell_command.h"
#include "plugins/sdk/plugin.h"

namespace {

using batuta::plugin::Context;
using batuta::plugin::FinalError;
using batuta::plugin::optional;
using batuta::plugin::required;
using batuta::plugin::RetryableError;

// "my-api" is $BATUTA_SECRET_MY_API.
std::string variable_of(const std::string& connection) {
  std::string name = "BATUTA_SECRET_";
  for (const unsigned char c : connection) {
    const bool lower = c >= 'a' && c <= 'z';
    const bool kept = (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    name += lower ? static_cast<char>(c - 32) : kept ? static_cast<char>(c) : '_';
  }
  return name;
}

// Each a file that its owner alone can read, because arguments are every user's to see, and an
// environment is inherited by whatever the script starts.
void hand_over_secrets(const Context& context, std::map<std::string, std::string>& environment) {
  const auto names = context.connections();
  if (names.empty()) return;
  const std::string folder = context.scratch() + "/.secrets";
  if (::mkdir(folder.c_str(), 0700) != 0) {
    throw RetryableError("cannot make " + folder + ": " + std::strerror(errno));
  }
  for (const std::string& name : names) {
    const std::string variable = variable_of(name);
    if (environment.contains(variable)) {
      throw FinalError("connection " + name + ": $" + variable +
                       " is taken by another connection or by \"env\"; rename one");
    }
    const std::string path = folder + "/" + name;
    batuta::plugin::write_private(path, context.connection_json(name));
    environment[variable] = path;
  }
}

void give_back(Context& context, const batuta::plugin::ShellEnd& end) {
  static const std::string remedy =
      "; write it to a file, or with \"do_xcom_push\": false have no return value";
  constexpr std::size_t most = 64 << 10;  // what the host takes
  const auto text = batuta::to_utf8(end.last_line);
  if (!text && !end.last_line_too_long) {
    throw FinalError("the last line of standard output cannot be the return value: " +
                     text.error().message + remedy);
  }
  const std::string value = text ? batuta::plugin::quoted(*text) : std::string{};
  if (end.last_line_too_long || value.size() > most) {
    throw FinalError("the last line of standard output is too long for a return value: over " +
                     std::to_string(most) + " bytes as JSON" + remedy);
  }
  context.return_json(value);
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
    command.environment = batuta::plugin::environment_of(context);
    hand_over_secrets(context, command.environment);
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
    if (command.capture) give_back(context, end);
  }
};

}  // namespace

BATUTA_PLUGIN(Shell)
