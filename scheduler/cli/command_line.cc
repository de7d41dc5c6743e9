#include "scheduler/cli/command_line.h"

#include <termios.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <iostream>

#include "common/suggest.h"
#include "common/version.h"
#include "scheduler/cli/commands.h"
#include "scheduler/cli/completion.h"
#include "scheduler/cli/hints.h"

namespace batuta::cli {

CLI::App* add_verb(CLI::App& noun, Session& session, const std::string& name,
                   const std::string& help, std::function<void()> action) {
  CLI::App* verb = noun.add_subcommand(name, help);
  verb->add_option("--home", session.home, "the installation's folder (or BATUTA_HOME)");
  verb->add_option("-o,--output", session.output,
                   "table, json, yaml, or plain: a line each, tabs between the columns")
      ->check(CLI::IsMember({"table", "json", "yaml", "plain"}));
  verb->add_option("--columns", session.columns, "which columns or fields, in this order: a,b.c")
      ->delimiter(',')
      ->allow_extra_args(false);
  verb->callback(std::move(action));
  return verb;
}

bool at_terminal() {
  return isatty(STDIN_FILENO) != 0;
}

void confirm(const std::string& question, bool yes) {
  if (yes) return;
  if (!at_terminal())
    throw Failure(
        "nothing was done: there is no terminal to ask at, and --yes says that it is meant", 2);
  std::fprintf(stderr, "%s [y/N] ", question.c_str());
  std::string answer;
  std::getline(std::cin, answer);
  if (answer != "y" && answer != "Y" && answer != "yes") throw Failure("nothing was deleted", 1);
}

namespace {

// Nothing that is typed is shown while this lives.
class NoEcho {
 public:
  NoEcho() {
    if (!at_terminal() || tcgetattr(STDIN_FILENO, &before_) != 0) return;
    termios quiet = before_;
    quiet.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    changed_ = tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet) == 0;
  }
  ~NoEcho() {
    if (!changed_) return;
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &before_);
    std::fputc('\n', stderr);
  }
  NoEcho(const NoEcho&) = delete;
  NoEcho& operator=(const NoEcho&) = delete;

 private:
  termios before_{};
  bool changed_ = false;
};

}  // namespace

std::string read_secret(const std::string& prompt) {
  if (at_terminal()) std::fprintf(stderr, "%s: ", prompt.c_str());
  const NoEcho quiet;
  std::string line;
  if (!std::getline(std::cin, line)) throw Failure("nothing on standard input for " + prompt, 2);
  return line;
}

namespace {

// A word that looks alike and means the opposite is no advice.
std::vector<std::string> meant_alike(const std::string& word, std::vector<std::string> names) {
  static constexpr std::pair<std::string_view, std::string_view> opposites[] = {
      {"export", "import"}, {"pause", "unpause"},  {"set", "unset"},      {"add", "remove"},
      {"start", "stop"},    {"enable", "disable"}, {"backup", "restore"}, {"lock", "unlock"}};
  std::erase_if(names, [&](const std::string& name) {
    return std::any_of(std::begin(opposites), std::end(opposites), [&](const auto& pair) {
      return (word == pair.first && name == pair.second) ||
             (word == pair.second && name == pair.first);
    });
  });
  return names;
}

// Which word of a refused command line is no command, or which noun lacks its verb; empty when the
// words are right and something else is wrong.
std::string wrong_command(const CLI::App& app, int argc, char** argv) {
  const CLI::App* at = &app;
  std::string path;
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    if (word.starts_with('-')) return "";
    std::vector<std::string> names;
    for (const CLI::App* known : at->get_subcommands([](const CLI::App*) { return true; })) {
      names.push_back(known->get_name());
    }
    if (names.empty()) return "";
    if (std::find(names.begin(), names.end(), word) == names.end()) {
      const std::string hint = hint_for(path + word);
      if (!hint.empty()) {
        return "there is no command \"" + path + word + "\" here: " + hint + " (batuta " + path +
               "--help lists what there is)";
      }
      return "unknown command \"" + path + shown_text(word) + "\"" +
             did_you_mean(word, meant_alike(word, names)) + " (batuta " + path +
             "--help lists what there is)";
    }
    at = at->get_subcommand(word);
    path += word + " ";
  }
  if (at->get_subcommands([](const CLI::App*) { return true; }).empty()) return "";
  return "a command is missing: batuta " + path + "--help lists what there is";
}

// What is wrong with the words behind a command, and how that command is used.
void tell_misuse(const CLI::App& app, const CLI::ParseError& error) {
  const CLI::App* at = &app;
  std::string above, path = app.get_name();
  while (!at->get_subcommands().empty()) {
    at = at->get_subcommands().front();
    above = path;
    path += " " + at->get_name();
  }
  const std::string help = at->help(above);
  const auto from = help.find("Usage:");
  const std::string usage =
      from == help.npos ? "" : help.substr(from, help.find('\n', from) - from) + "\n";
  std::fprintf(stderr, "%s: %s\n%s%s --help tells what each is\n", path.c_str(), error.what(),
               usage.c_str(), path.c_str());
}

// The option of the named verb that was given a list with nothing in it, such as "--key ,": the
// library would take the words behind it for its value, "--home" among them. Empty: there is none.
std::string empty_list(const CLI::App& app, int argc, char** argv) {
  const CLI::App* at = &app;
  const auto is_empty = [](std::string_view list) {
    return !list.empty() && list.find_first_not_of(',') == list.npos;
  };
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    const auto below =
        at->get_subcommands([&](const CLI::App* one) { return one->check_name(word); });
    if (!below.empty()) at = below.front();
    const auto equal = word.find('=');
    const std::string name = word.substr(0, equal);
    if (!name.starts_with("--")) continue;
    const std::string_view list = equal != word.npos ? std::string_view(word).substr(equal + 1)
                                  : i + 1 < argc     ? std::string_view(argv[i + 1])
                                                     : std::string_view();
    if (!is_empty(list)) continue;
    for (const CLI::Option* option : at->get_options())
      if (option->get_delimiter() == ',' && option->check_name(name)) return name;
  }
  return {};
}

void add_completion(CLI::App& app) {
  auto shell = std::make_shared<std::string>();
  CLI::App* command = app.add_subcommand(
      "completion", "The script that makes a shell complete commands, DAG and run ids");
  command->add_option("shell", *shell, "bash, zsh or fish")
      ->required()
      ->check(CLI::IsMember({"bash", "zsh", "fish"}));
  command->callback([shell] { std::printf("%s", completion_script(*shell).c_str()); });
}

// `batuta __complete WORD…`, which those scripts call: never an error, for nobody would read it.
int answer_completion(CLI::App& app, int argc, char** argv, const Session& session) {
  const std::vector<std::string> words(argv + 2, argv + argc);
  const AskNames ask = [&](const NamesWanted& wanted) { return ask_server(session.home, wanted); };
  for (const std::string& word : complete(app, words, ask)) std::printf("%s\n", word.c_str());
  return 0;
}

// Reads the command line and carries out its verb; the exit code.
int parse(int argc, char** argv, Session& session) {
  CLI::App app{"Batuta: DAGs in JSON, plugins in C++, tables in Delta.", "batuta"};
  app.set_version_flag("--version", std::string("batuta ") + version);
  app.require_subcommand(1);
  app.footer(
      "Every command has its own --help. First steps: batuta standalone, then the link it prints.");
  add_process_commands(app, session);
  add_dag_commands(app, session);
  add_run_commands(app, session);
  add_task_commands(app, session);
  add_hitl_commands(app, session);
  add_hook_commands(app, session);
  add_admin_commands(app, session);
  add_user_commands(app, session);
  add_rights_commands(app, session);
  add_bundle_commands(app, session);
  add_domain_commands(app, session);
  add_worker_commands(app, session);
  add_lake_commands(app, session);
  add_contract_commands(app, session);
  add_model_commands(app, session);
  add_stream_commands(app, session);
  add_letter_commands(app, session);
  add_system_commands(app, session);
  add_backfill_commands(app, session);
  add_asset_commands(app, session);
  add_airflow_commands(app, session);
  add_move_commands(app, session);
  add_import_commands(app, session);
  add_plugin_commands(app, session);
  add_completion(app);
  add_examples(app);
  if (argc >= 2 && std::string_view(argv[1]) == "__complete") {
    return answer_completion(app, argc, argv, session);
  }
  if (const std::string name = empty_list(app, argc, argv); !name.empty()) {
    std::fprintf(stderr, "batuta: %s: the list has nothing in it; leave it out, or write a,b\n",
                 name.c_str());
    return 2;
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() != 0) {
      if (const std::string problem = wrong_command(app, argc, argv); !problem.empty()) {
        std::fprintf(stderr, "batuta: %s\n", problem.c_str());
        return 2;
      }
    }
    if (error.get_exit_code() == 0) return app.exit(error);
    tell_misuse(app, error);
    return 2;
  }
  return session.exit_code;
}

}  // namespace

int run_command_line(int argc, char** argv, const Processes& processes) {
  Session session;
  const char* home = std::getenv("BATUTA_HOME");
  session.home = home != nullptr ? home : "./.batuta";
  session.processes = &processes;
  try {
    const int code = parse(argc, argv, session);
    return session.serve ? session.serve() : code;
  } catch (const Failure& failure) {
    std::fprintf(stderr, "batuta: %s\n", failure.what());
    return failure.exit_code();
  } catch (const std::exception& error) {
    // A store that cannot be opened, an answer that is not what was asked for: whatever it is, the
    // command ends with a message, never as a crash.
    std::fprintf(stderr, "batuta: %s\n", error.what());
    return 1;
  }
}

}  // namespace batuta::cli
