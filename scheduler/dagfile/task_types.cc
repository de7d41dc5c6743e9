#include "scheduler/dagfile/task_types.h"

#include <algorithm>
#include <cctype>
#include <nlohmann/json.hpp>

#include "common/ids.h"
#include "common/safe_json.h"
#include "common/suggest.h"
#include "scheduler/dagfile/builtin_fields.h"
#include "scheduler/dagfile/container_fields.h"
#include "scheduler/dagfile/contract_fields.h"
#include "scheduler/dagfile/databricks_fields.h"
#include "scheduler/dagfile/message_fields.h"
#include "scheduler/dagfile/model_fields.h"
#include "scheduler/dagfile/output_fields.h"
#include "scheduler/dagfile/question_fields.h"
#include "scheduler/dagfile/spark_fields.h"
#include "scheduler/dagfile/wait_types.h"

namespace batuta {
namespace {

using nlohmann::json;

void keep(json& params, std::string_view name, const json* value) {
  if (value) params[std::string(name)] = *value;
}

void read_requirements(FieldReader& fields, json& params) {
  const json* list = fields.find("requirements");
  if (!list) return;
  constexpr std::size_t most = 200;
  const bool fits = list->is_array() && list->size() <= most &&
                    std::all_of(list->begin(), list->end(), [](const json& item) {
                      return item.is_string() && !item.get_ref<const std::string&>().empty() &&
                             item.get_ref<const std::string&>().front() != '-';
                    });
  if (!fits) {
    fields.problem("requirements",
                   "requirements are a list of packages as pip names them, such as "
                   "[\"pandas==2.2.3\"], 200 at most; pip's options belong into the worker's PIP_* "
                   "variables");
  }
  params["requirements"] = *list;
}

// An interpreter that stays in the slot, and what it has imported before.
void read_warm(FieldReader& fields, json& params) {
  const auto warm = fields.boolean("warm");
  if (warm) params["warm"] = *warm;
  const auto modules = fields.texts("preload", 50);
  if (!modules) return;
  const auto is_module = [](const std::string& name) {
    return !name.empty() && name.size() <= 200 && std::all_of(name.begin(), name.end(), [](char c) {
      return std::isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '.';
    });
  };
  if (!std::all_of(modules->begin(), modules->end(), is_module)) {
    fields.problem("preload", "preload has names of modules, such as [\"pandas\"]");
  } else if (!warm.value_or(false)) {
    fields.problem("preload",
                   "modules are imported ahead by an interpreter that stays: add \"warm\": true");
  }
  params["preload"] = *modules;
}

void read_python(FieldReader& fields, Task& task, json& params) {
  read_outputs(fields, task, params);
  const auto code = fields.text("code", max_command_bytes);
  const auto file = fields.text("file", 4096);
  if (fields.find("code") && fields.find("file")) {
    fields.problem("file", "a python task has \"code\" or a \"file\", not both");
  } else if (!fields.find("code") && !fields.find("file")) {
    fields.problem("code", "a python task needs \"code\", or a \"file\" of the worker's machine");
  }
  if (code) params["code"] = without_templates(*code);
  if (file && !file->starts_with('/') && !file->starts_with("{{")) {
    fields.problem("file", "the file must be an absolute path on the worker's machine");
  }
  if (file) params["file"] = *file;
  if (const auto python = fields.text("python", 4096)) params["python"] = *python;
  read_requirements(fields, params);
  read_warm(fields, params);
  if (const json* given = fields.object("params")) params["params"] = *given;
  read_env(fields, params);
  read_working_dir(fields, params);
  read_tables(fields, params);
}

void read_branch(FieldReader& fields, Task& task, json& params) {
  task.is_branch = true;
  const json* choose = fields.find("choose");
  const bool text = choose && choose->is_string() && !choose->get_ref<const std::string&>().empty();
  const bool list = choose && choose->is_array() && choose->size() <= max_tasks_per_dag &&
                    std::all_of(choose->begin(), choose->end(),
                                [](const json& item) { return item.is_string(); });
  if (!text && !list) {
    fields.problem("choose",
                   "a branch task needs \"choose\": the id of a direct downstream, a "
                   "list of ids, or a template that yields one");
    return;
  }
  params["choose"] = *choose;
}

void read_mock(FieldReader& fields, Task& task, json& params) {
  read_outputs(fields, task, params);
  if (const json* run_for = fields.find("run_for"); run_for && !is_template(*run_for)) {
    fields.duration("run_for");
  }
  fields.integer("fail_times", 0, 1'000'000);
  fields.integer("exit", 0, 255);
  fields.integer("signal", 1, 64);
  fields.boolean("hang");
  fields.text("print", 64 << 10);
  for (const auto* name : {"run_for", "fail_times", "exit", "signal", "hang", "print", "return"}) {
    keep(params, name, fields.find(name));
  }
}

void read_data(FieldReader& fields, Task& task, json& params) {
  task.is_data = true;
  if (fields.find("contract")) return read_contract_task(fields, task, params);
  const auto source = fields.id("source");
  const auto layer = fields.id("layer");
  for (const auto* name : {"source", "layer"}) {
    if (!fields.find(name)) {
      fields.problem(name, std::string("an extract, transform or aggregate task needs a \"") +
                               name + "\": together they name its plugin");
    }
  }
  if (source && layer) {
    task.plugin = *source + "_" + *layer;
    if (!valid_id(task.plugin)) fields.problem("source", "source and layer are too long together");
    if (task.plugin == model_plugin)
      fields.problem("source",
                     "a SQL model is a task with \"sql\" and \"table\", without a source");
  }
  const json* given = fields.object("params");
  if (!given) return;
  params = *given;
  const auto overlap = given->find("overlap");
  if (overlap == given->end() || is_template(*overlap)) return;
  Problems found;
  const auto duration = FieldReader(*given, "", found).duration("overlap");
  if (duration) task.overlap = *duration;
  if (!found.none()) fields.problem("params", "overlap: " + found.list().front().message);
}

void read_aggregate(FieldReader& fields, Task& task, json& params) {
  if (is_model(fields)) {
    read_model(fields, task, params);
  } else {
    read_data(fields, task, params);
  }
}

void read_empty(FieldReader&, Task&, json&) {}

struct TaskType {
  const char* name;
  bool builtin;
  void (*read)(FieldReader&, Task&, json& params);
};
constexpr TaskType task_types[] = {
    {"extract", false, read_data},
    {"transform", false, read_data},
    {"aggregate", false, read_aggregate},
    {"shell", true, read_shell},
    {"python", true, read_python},
    {"container", true, read_container},
    {"databricks", true, read_databricks},
    {"spark", true, read_spark},
    {"http", true, read_http},
    {"mail", true, read_mail},
    {"slack", true, read_slack},
    {"sql", true, read_sql},
    {"branch", true, read_branch},
    {"empty", true, read_empty},
    {"mock", true, read_mock},
    {"sensor", true, read_sensor},
    {"trigger_dag", true, read_trigger_dag},
    {"short_circuit", true, read_short_circuit},
    {"approval", true, read_approval},
    {"input", true, read_input},
};

}  // namespace

namespace {
// Words of Airflow and Dagu for what we have under another name.
std::string_view type_known_elsewhere(std::string_view type) {
  static constexpr std::pair<std::string_view, std::string_view> words[] = {
      {"bash", "shell"},
      {"BashOperator", "shell"},
      {"sh", "shell"},
      {"command", "shell"},
      {"docker", "container"},
      {"DockerOperator", "container"},
      {"KubernetesPodOperator", "container"},
      {"DatabricksRunNowOperator", "databricks"},
      {"DatabricksSubmitRunOperator", "databricks"},
      {"SparkSubmitOperator", "spark"},
      {"spark_submit", "spark"},
      {"dummy", "empty"},
      {"DummyOperator", "empty"},
      {"EmptyOperator", "empty"},
      {"noop", "empty"},
      {"PythonOperator", "python"},
      {"py", "python"},
      {"BranchPythonOperator", "branch"},
      {"SimpleHttpOperator", "http"},
      {"HttpOperator", "http"},
      {"EmailOperator", "mail"},
      {"email", "mail"},
      {"SlackWebhookOperator", "slack"},
      {"SQLExecuteQueryOperator", "sql"},
      {"PostgresOperator", "sql"},
      {"SqliteOperator", "sql"},
      {"TriggerDagRunOperator", "trigger_dag"},
      {"ShortCircuitOperator", "short_circuit"},
      {"FileSensor", "sensor"},
      {"HttpSensor", "sensor"},
      {"DateTimeSensor", "sensor"},
      {"TimeSensor", "sensor"},
      {"TimeDeltaSensor", "sensor"},
      {"ExternalTaskSensor", "sensor"},
      {"ApprovalOperator", "approval"},
      {"HITLOperator", "input"},
      {"HITLEntryOperator", "input"},
      {"HITLBranchOperator", "input"},
  };
  for (const auto& [theirs, ours] : words) {
    if (type == theirs) return ours;
  }
  return {};
}
}  // namespace

const std::vector<std::string>& task_type_names() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> out;
    for (const auto& type : task_types) out.emplace_back(type.name);
    return out;
  }();
  return names;
}

bool is_builtin_type(std::string_view plugin) {
  return std::any_of(std::begin(task_types), std::end(task_types),
                     [&](const auto& type) { return type.builtin && type.name == plugin; });
}

bool read_task_type(FieldReader& fields, Task& task) {
  const auto name = fields.text("type");
  if (!name) {
    if (!fields.find("type")) fields.problem("type", "a task needs a \"type\", such as \"shell\"");
    return false;
  }
  const auto* type = std::find_if(std::begin(task_types), std::end(task_types),
                                  [&](const auto& t) { return *name == t.name; });
  if (type == std::end(task_types)) {
    const std::string_view ours = type_known_elsewhere(*name);
    const std::string near = ours.empty() ? did_you_mean(*name, task_type_names())
                                          : "; here it is \"" + std::string(ours) + "\"";
    fields.problem("type", "unknown type \"" + name->substr(0, 80) + "\"" +
                               (near.empty() ? one_of(task_type_names()) : near));
    return false;
  }
  if (type->builtin) task.plugin = type->name;
  json params = json::object();
  type->read(fields, task, params);
  if (task.is_data && !fields.find("contract")) task.params_json = json_text(params);
  task.spec_json = json_text(json{{"params", std::move(params)}});
  task.has_templates = task.spec_json.find("{{") != std::string::npos ||
                       task.spec_json.find("{%") != std::string::npos;
  return true;
}

}  // namespace batuta
