#include "scheduler/dagfile/dag_parser.h"

#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "common/safe_json.h"
#include "scheduler/dagfile/calendar_file.h"
#include "scheduler/dagfile/contract_fields.h"
#include "scheduler/dagfile/dag_builder.h"
#include "scheduler/dagfile/dag_codec.h"
#include "scheduler/dagfile/fields.h"
#include "scheduler/dagfile/flow_fields.h"
#include "scheduler/dagfile/folder.h"
#include "scheduler/dagfile/json_position.h"
#include "scheduler/dagfile/mapping.h"
#include "scheduler/dagfile/nested_shell.h"
#include "scheduler/dagfile/plugin_check.h"
#include "scheduler/dagfile/task_templates.h"
#include "scheduler/dagfile/xcom_order.h"

namespace batuta {
namespace {

using nlohmann::json;

constexpr std::size_t max_named_file_bytes = std::size_t{1} << 20;
constexpr std::size_t max_inlined_bytes = std::size_t{16} << 20;

// Replaces {"$file": "path"} by the file's text: among the tasks' params, and as their command,
// code or SQL.
class Inliner {
 public:
  Inliner(const std::string& folder, Problems& problems, std::vector<std::string>& files)
      : folder_(folder), problems_(problems), files_(files) {}

  void run(json& definition) {
    const auto tasks = definition.find("tasks");
    if (tasks != definition.end() && tasks->is_array()) {
      for (std::size_t i = 0; i < tasks->size() && !problems_.full(); ++i) {
        of_task((*tasks)[i], "/tasks/" + std::to_string(i) + "/");
      }
    }
    const auto templates = definition.find("task_templates");
    if (templates == definition.end() || !templates->is_object()) return;
    for (auto& [name, task] : templates->items()) {
      of_task(task, "/task_templates/" + pointer_token(name) + "/");
    }
  }

 private:
  void of_task(json& task, const std::string& pointer) {
    if (!task.is_object()) return;
    for (const char* name : {"command", "code", "script", "sql", "spark_sql"}) {
      const auto value = task.find(name);
      if (value == task.end()) continue;
      const bool path = value->is_string() && std::string_view(name) == "script";
      if (path) *value = json{{"$file", *value}};
      if (names_file(*value)) replace(*value, pointer + name);
    }
    const auto params = task.find("params");
    if (params == task.end() || !params->is_object()) return;
    for (auto& [name, value] : params->items()) {
      if (names_file(value)) replace(value, pointer + "params/" + pointer_token(name));
    }
  }

  static bool names_file(const json& value) {
    return value.is_object() && value.size() == 1 && value.contains("$file");
  }

  void replace(json& value, const std::string& pointer) {
    const json& path = value["$file"];
    if (!path.is_string()) {
      problems_.add(pointer, "$file must be a path below the DAG folder");
      return;
    }
    const auto name = path.get<std::string>();
    auto text = read_named(folder_, name, max_named_file_bytes);
    files_.push_back(name);
    if (!text) {
      problems_.add(pointer, "file \"" + name.substr(0, 200) + "\": " + text.error().message);
      return;
    }
    inlined_ += text->size();
    if (inlined_ > max_inlined_bytes) {
      problems_.add(pointer, "the files this DAG names are larger than 16 MiB together");
      return;
    }
    value = std::move(*text);
  }

  const std::string& folder_;
  Problems& problems_;
  std::vector<std::string>& files_;
  std::size_t inlined_ = 0;
};

// The guarded parser tells the place of a syntax error in its text.
DagFileProblem syntax_problem(const std::string& file, std::string_view text, const Error& error) {
  DagFileProblem problem;
  problem.file = file;
  problem.message = error.message;
  const auto at = error.message.rfind(" at line ");
  int line = 0;
  int column = 0;
  if (at != std::string::npos &&
      std::sscanf(error.message.c_str() + at, " at line %d, column %d", &line, &column) == 2) {
    problem.line = line;
    problem.column = column;
    problem.message.resize(at);
  }
  const auto begin = text.find_first_not_of(" \t\r\n");
  if (begin != std::string_view::npos && text[begin] != '{') {
    problem.message +=
        "; a DAG file is a JSON object (batuta dags import-dagu makes one of YAML, import-crontab "
        "of a crontab)";
  }
  return problem;
}

// `tasks`: how many the file's "tasks" has; what stands behind them came from its "on_exit".
void place(const std::vector<FieldProblem>& problems, std::size_t tasks, std::string_view text,
           const std::string& file, std::vector<DagFileProblem>& out) {
  for (const auto& found : problems) {
    std::string pointer = pointer_before_move(found.pointer, tasks);
    const auto position = locate_json(text, pointer);
    out.push_back({file, position.line, position.column, std::move(pointer), found.message});
  }
  std::stable_sort(out.begin(), out.end(), [](const DagFileProblem& a, const DagFileProblem& b) {
    return std::pair(a.line, a.column) < std::pair(b.line, b.column);
  });
}

}  // namespace

std::string DagFileProblem::text() const {
  std::string out = file;
  if (line > 0) out += ":" + std::to_string(line) + ":" + std::to_string(column);
  if (!pointer.empty()) out += " " + pointer;
  return out + ": " + message;
}

DagFileResult parse_dag_file(std::string_view text, const std::string& file,
                             const std::string& folder, const std::vector<PluginInfo>& catalogue,
                             const std::string& contracts) {
  DagFileResult result;
  // Counted before parsing: a file of 100,000 tasks costs milliseconds, not the memory of its
  // values.
  const std::size_t tasks = count_json_items(text.substr(0, max_dag_file_bytes), "/tasks");
  if (tasks > max_tasks_per_dag) {
    Problems problems;
    problems.add("/tasks", "a DAG may hold at most " + std::to_string(max_tasks_per_dag) +
                               " tasks; this one has " + std::to_string(tasks));
    place(problems.list(), tasks, text, file, result.problems);
    return result;
  }
  JsonLimits limits;
  limits.bytes = max_dag_file_bytes;
  limits.string_bytes = max_dag_file_bytes;
  limits.tokens = 2'000'000;
  auto definition = parse_untrusted(text, limits);
  if (!definition) {
    result.problems.push_back(syntax_problem(file, text, definition.error()));
    return result;
  }
  Problems problems;
  move_on_exit(*definition, problems);
  Inliner(folder, problems, result.files).run(*definition);
  put_in_calendars(*definition, folder, problems, result.files);
  keep_expand_order(*definition, text);
  Problems of_templates;
  put_in_task_templates(*definition, of_templates);
  for (const auto& found : of_templates.list()) problems.add(found.pointer, found.message);
  put_in_contracts(*definition, contracts.empty() ? contracts_beside(folder) : contracts, problems,
                   result.contracts);
  auto dag = of_templates.none() ? build_dag(*definition, problems) : std::nullopt;
  if (dag) result.unknown_plugins = check_plugins(*dag, *definition, catalogue, problems);
  if (dag && problems.none()) {
    dag->file = file;
    dag->source_text = text;
    dag->canonical_json = canonical_text(*definition);
    dag->version = version_of(dag->canonical_json);
    auto finished = finish_dag(std::move(*dag));
    if (finished) {
      result.dag = *finished;
      auto warnings = nested_shell_warnings(*result.dag);
      const auto of_passwords = password_argument_warnings(*result.dag);
      warnings.insert(warnings.end(), of_passwords.begin(), of_passwords.end());
      const auto of_order = xcom_order_warnings(*result.dag);
      warnings.insert(warnings.end(), of_order.begin(), of_order.end());
      place(warnings, tasks, text, file, result.warnings);
    } else {
      problems.add("/tasks", finished.error().message);
    }
  }
  place(problems.list(), tasks, text, file, result.problems);
  return result;
}

}  // namespace batuta
