// `batuta completion SHELL`, and the words it asks for: `batuta __complete WORD…`.
#pragma once

#include <functional>
#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace batuta::cli {

// The script of "bash", "zsh" or "fish"; empty for any other.
std::string completion_script(const std::string& shell);

// What is asked of the server: which names there are of a kind ("dag_id", "run_id", "task_id",
// "pool", "variable", "connection", "plugin"), given the words before it (DAG, then run).
struct NamesWanted {
  std::string kind;
  std::vector<std::string> before;  // positional words of the verb, DAG first
  std::string prefix;
  std::string home;  // --home among the words; empty: none
};
using AskNames = std::function<std::vector<std::string>(const NamesWanted&)>;

// The candidates for the last of `words`, what stands behind `batuta`. Those that a shell would
// read as something else (blanks, quotes, $) are left out. None: the shell may offer files.
std::vector<std::string> complete(CLI::App& app, const std::vector<std::string>& words,
                                  const AskNames& ask);

// Asks the server of the home, for a second and a half at most; none when it does not answer.
std::vector<std::string> ask_server(const std::string& default_home, const NamesWanted& wanted);

}  // namespace batuta::cli
