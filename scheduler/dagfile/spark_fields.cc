#include "scheduler/dagfile/spark_fields.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>

#include "scheduler/dagfile/builtin_fields.h"
#include "scheduler/dagfile/output_fields.h"

namespace batuta {
namespace {

using nlohmann::json;

constexpr std::size_t most_listed = 200;

void read_program(FieldReader& fields, json& params) {
  const auto application = fields.text("application", 4096);
  const auto code = fields.text("code", max_command_bytes);
  if (fields.find("application") && fields.find("code")) {
    fields.problem("code", "a spark task has an \"application\" or \"code\", not both");
  } else if (!fields.find("application") && !fields.find("code")) {
    fields.problem("application",
                   "a spark task needs an \"application\" (a .py file or a jar, on the worker or "
                   "as a URL) or \"code\"");
  }
  if (application) {
    if (application->empty() || application->starts_with('-'))
      fields.problem("application", "is no program: a path or URL that begins with no dash");
    params["application"] = *application;
  }
  if (code) params["code"] = without_templates(*code);
  for (const char* name : {"java_class", "name"})
    if (const auto text = fields.text(name, 512)) params[name] = *text;
}

void read_spark_args(FieldReader& fields, json& params) {
  const json* args = fields.find("application_args");
  if (args == nullptr) return;
  const bool fits =
      is_template(*args) || (args->is_array() && args->size() <= 1024 &&
                             std::all_of(args->begin(), args->end(), [](const json& one) {
                               return one.is_string() || one.is_number() || one.is_boolean();
                             }));
  if (!fits)
    fields.problem("application_args",
                   "application_args is a list of texts and numbers, 1024 at most");
  params["application_args"] = *args;
}

}  // namespace

void read_spark_conf(FieldReader& fields, json& params) {
  const json* conf = fields.object("conf");
  if (conf == nullptr) return;
  for (const auto& [name, value] : conf->items()) {
    const auto shown = "\"" + name.substr(0, 80) + "\"";
    if (!name.starts_with("spark.") || name.find('=') != std::string::npos)
      fields.problem("conf", shown + " is no property of Spark: their names begin with spark.");
    if (!value.is_string() && !value.is_number() && !value.is_boolean())
      fields.problem("conf", "the value of " + shown + " must be a text, a number or a boolean");
  }
  params["conf"] = *conf;
}

namespace {

// Where it runs, and what can only be there.
void read_place(FieldReader& fields, Task& task, json& params) {
  for (const char* name : {"connection", "tracking"}) {
    const auto id = fields.id(name);
    if (!id) continue;
    params[name] = *id;
    task.connections.push_back(*id);
  }
  const auto mode = fields.text("deploy_mode");
  if (!mode) return;
  params["deploy_mode"] = *mode;
  if (is_template(json(*mode))) return;
  if (*mode != "client" && *mode != "cluster")
    return fields.problem("deploy_mode", "deploy_mode must be client or cluster");
  if (*mode == "client") return;
  if (!fields.find("tracking"))
    fields.problem("deploy_mode",
                   "deploy_mode cluster needs \"tracking\": an http connection to YARN's "
                   "ResourceManager or to the Spark master's REST port");
  for (const char* name : {"code", "reads", "outputs"})
    if (fields.find(name))
      fields.problem(name, "a file of the worker, where nothing of deploy_mode cluster runs");
}

}  // namespace

void read_spark(FieldReader& fields, Task& task, json& params) {
  read_program(fields, params);
  read_spark_args(fields, params);
  read_spark_conf(fields, params);
  for (const char* name : {"files", "py_files", "jars", "archives", "packages"})
    if (const auto list = fields.texts(name, most_listed)) params[name] = *list;
  read_env(fields, params);
  read_working_dir(fields, params);
  read_outputs(fields, task, params);
  read_tables(fields, params);
  read_place(fields, task, params);
  for (const char* name : {"poke_interval", "timeout"}) {
    const json* value = fields.find(name);
    if (value == nullptr) continue;
    if (!is_template(*value)) {
      const auto span = fields.duration(name);
      if (span && *span < std::chrono::seconds(1)) fields.problem(name, "1 s at least");
    }
    params[name] = *value;
  }
}

}  // namespace batuta
