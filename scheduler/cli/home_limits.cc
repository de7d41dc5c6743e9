#include "scheduler/cli/home_limits.h"

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>

#include "common/safe_json.h"
#include "scheduler/dagfile/param_program.h"

namespace batuta::cli {
namespace {

using nlohmann::json;

// As the server reads it: the variable, with commas between, over the file.
std::set<std::string> listed_here(const json& settings, const char* key, const char* variable) {
  std::set<std::string> out;
  if (const char* text = std::getenv(variable)) {
    std::istringstream words(text);
    for (std::string word; std::getline(words, word, ',');) {
      const auto first = word.find_first_not_of(' ');
      if (first == std::string::npos) continue;
      out.insert(word.substr(first, word.find_last_not_of(' ') - first + 1));
    }
    return out;
  }
  const auto list = settings.find(key);
  if (list == settings.end() || !list->is_array()) return out;
  for (const json& word : *list) {
    if (word.is_string()) out.insert(word.get<std::string>());
  }
  return out;
}

}  // namespace

std::vector<std::string> not_listed_here(const std::string& home, const Dag& dag) {
  std::set<std::string> users, programs;
  for (const Task& task : dag.tasks) {
    if (!task.run_as.empty()) users.insert(task.run_as);
  }
  if (dag.asks_params) {
    const auto params = parse_untrusted(dag.params_json);
    for (const json& schema : params && params->is_object() ? *params : json::object()) {
      if (!schema.contains("default")) continue;
      if (const auto words = param_program(schema["default"])) programs.insert(words->front());
    }
  }
  std::vector<std::string> out;
  if (users.empty() && programs.empty()) return out;
  const std::string path = home + "/batuta.json";
  std::ifstream file(path);
  if (!file) return out;
  const auto settings = parse_untrusted(std::string(std::istreambuf_iterator<char>(file), {}));
  if (!settings || !settings->is_object()) return out;
  for (const auto& user :
       listed_here(*settings, "worker.run_as_users", "BATUTA_WORKER_RUN_AS_USERS"))
    users.erase(user);
  for (const auto& program : listed_here(*settings, "params.programs", "BATUTA_PARAMS_PROGRAMS"))
    programs.erase(program);
  for (const auto& user : users) {
    out.push_back("tasks run as the user \"" + user + "\", whom \"worker.run_as_users\" in " +
                  path + " does not list: a worker of this home refuses them");
  }
  for (const auto& program : programs) {
    out.push_back("the default of a param is asked of " + program +
                  ", which \"params.programs\" in " + path +
                  " does not list: runs that are given no value fail");
  }
  return out;
}

}  // namespace batuta::cli
