#include "scheduler/cli/command_line.h"

#include <CLI/CLI.hpp>
#include <cstdio>
#include <cstdlib>
#include <iostream>

#include "scheduler/cli/commands.h"
#include "scheduler/version.h"

namespace batuta::cli {

CLI::App* add_verb(CLI::App& noun, Session& session, const std::string& name,
                   const std::string& help, std::function<void()> action) {
  CLI::App* verb = noun.add_subcommand(name, help);
  verb->add_option("--home", session.home, "the installation's folder (or BATUTA_HOME)");
  verb->add_option("-o,--output", session.output, "table or json")
      ->check(CLI::IsMember({"table", "json"}));
  verb->callback(std::move(action));
  return verb;
}

std::string read_secret(const std::string& prompt) {
  if (isatty(0)) std::fprintf(stderr, "%s: ", prompt.c_str());
  std::string line;
  if (!std::getline(std::cin, line)) throw Failure("nothing on standard input for " + prompt, 2);
  return line;
}

int run_command_line(int argc, char** argv, const Processes& processes) {
  Session session;
  const char* home = std::getenv("BATUTA_HOME");
  session.home = home != nullptr ? home : "./.batuta";
  session.processes = &processes;

  CLI::App app{"Batuta: DAGs in JSON, plugins in C++, tables in Delta.", "batuta"};
  app.set_version_flag("--version", std::string("batuta ") + version);
  app.require_subcommand(1);
  app.footer(
      "Every command has its own --help. First steps: batuta standalone, then the link it prints.");
  add_process_commands(app, session);
  add_dag_commands(app, session);
  add_run_commands(app, session);
  add_task_commands(app, session);
  add_admin_commands(app, session);
  add_lake_commands(app, session);
  add_system_commands(app, session);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    const int code = app.exit(error);
    return code == 0 ? 0 : 2;
  } catch (const Failure& failure) {
    std::fprintf(stderr, "batuta: %s\n", failure.what());
    return failure.exit_code();
  }
  return session.exit_code;
}

}  // namespace batuta::cli
