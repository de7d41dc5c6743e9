#include "scheduler/dagfile/task_types.h"

#include <algorithm>
#include <cctype>
#include <nlohmann/json.hpp>

#include "common/ids.h"
#include "common/safe_json.h"
#include "scheduler/dagfile/suggest.h"

namespace batuta {
namespace {

using nlohmann::json;

constexpr std::size_t max_command_bytes = 128 << 10;

void keep(json& params, std::string_view name, const json* value) {
  if (value) params[std::string(name)] = *value;
}

// Names that would change how /bin/sh, the loader or a run-time starts, or pass for ours.
bool hostile_env_name(const std::string& name) {
  static const std::vector<std::string> exact = {
      "BASH_ENV",     "BASHOPTS",       "CDPATH",      "ENV",
      "GCONV_PATH",   "GLOBIGNORE",     "HOSTALIASES", "IFS",
      "NODE_OPTIONS", "OPENSSL_CONF",   "PATH",        "PERL5LIB",
      "PERL5OPT",     "PROMPT_COMMAND", "PS4",         "PYTHONHOME",
      "PYTHONPATH",   "PYTHONSTARTUP",  "RUBYOPT",     "SHELLOPTS"};
  static const std::vector<std::string> prefixes = {"BATUTA_", "BASH_FUNC_", "GLIBC_", "LD_",
                                                    "MALLOC_"};
  return std::find(exact.begin(), exact.end(), name) != exact.end() ||
         std::any_of(prefixes.begin(), prefixes.end(),
                     [&](const auto& prefix) { return name.starts_with(prefix); });
}

bool valid_env_name(const std::string& name) {
  const auto letter = [](unsigned char c) { return std::isalpha(c) || c == '_'; };
  return !name.empty() && name.size() <= 128 && letter(name[0]) &&
         std::all_of(name.begin(), name.end(),
                     [&](unsigned char c) { return c < 128 && (letter(c) || std::isdigit(c)); });
}

void read_env(FieldReader& fields, json& params) {
  const json* env = fields.object("env");
  if (!env) return;
  for (const auto& [name, value] : env->items()) {
    const auto shown = "\"" + name.substr(0, 80) + "\"";
    if (!valid_env_name(name)) {
      fields.problem("env", shown + " is not a name for an environment variable");
    } else if (hostile_env_name(name)) {
      fields.problem("env", shown + " may not be set: it would change how the command starts");
    } else if (!value.is_string()) {
      fields.problem("env", "the value of " + shown + " must be a text");
    } else if (value.get_ref<const std::string&>().find('\0') != std::string::npos) {
      fields.problem("env", "the value of " + shown + " holds a NUL character");
    }
  }
  params["env"] = *env;
}

void read_shell(FieldReader& fields, Task&, json& params) {
  const auto command = fields.text("command", max_command_bytes);
  if (command && !command->empty()) {
    params["command"] = *command;
  } else if (command || !fields.find("command")) {
    fields.problem("command", "a shell task needs a \"command\"");
  }
  read_env(fields, params);
}

// Code is not text with holes: what it needs comes as "params". So its braces stand for themselves,
// as a template would have to write them.
std::string without_templates(const std::string& code) {
  std::string out;
  for (std::size_t i = 0; i < code.size(); ++i) {
    const auto two = std::string_view(code).substr(i, 2);
    if (two != "{{" && two != "{%") {
      out += code[i];
      continue;
    }
    out += "{{ '" + std::string(two) + "' }}";
    ++i;
  }
  return out;
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

void read_python(FieldReader& fields, Task&, json& params) {
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
  if (const json* given = fields.object("params")) params["params"] = *given;
  read_env(fields, params);
}

void read_http(FieldReader& fields, Task& task, json& params) {
  static const std::vector<std::string> methods = {"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"};
  if (const auto method = fields.text("method")) {
    if (std::find(methods.begin(), methods.end(), *method) == methods.end()) {
      fields.problem("method", "method must be one of GET, POST, PUT, PATCH, DELETE, HEAD" +
                                   did_you_mean(*method, methods));
    }
    params["method"] = *method;
  }
  const auto connection = fields.id("connection");
  if (connection) {
    params["connection"] = *connection;
    task.connections.push_back(*connection);
  }
  if (const auto url = fields.text("url", 8192)) {
    const bool absolute = url->starts_with("http://") || url->starts_with("https://");
    if (!absolute && !connection && !url->starts_with("{{")) {
      fields.problem("url",
                     "url must start with http:// or https://, or be a path with a "
                     "\"connection\" that gives the server");
    }
    params["url"] = *url;
  } else if (!fields.find("url")) {
    fields.problem("url", "an http task needs a \"url\"");
  }
  keep(params, "body", fields.find("body"));
  if (const json* headers = fields.object("headers")) {
    for (const auto& [name, value] : headers->items()) {
      const bool line_break =
          (name + (value.is_string() ? value.get<std::string>() : ""))
              .find_first_of(std::string_view("\r\n\0", 3)) != std::string::npos;
      if (!value.is_string() || line_break) {
        fields.problem("headers", "a header must be a text without line breaks");
      }
    }
    params["headers"] = *headers;
  }
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

void read_mock(FieldReader& fields, Task&, json& params) {
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

void read_empty(FieldReader&, Task&, json&) {}

struct TaskType {
  const char* name;
  bool builtin;
  void (*read)(FieldReader&, Task&, json& params);
};
constexpr TaskType task_types[] = {
    {"extract", false, read_data}, {"transform", false, read_data}, {"aggregate", false, read_data},
    {"shell", true, read_shell},   {"python", true, read_python},   {"http", true, read_http},
    {"branch", true, read_branch}, {"empty", true, read_empty},     {"mock", true, read_mock},
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
      {"dummy", "empty"},
      {"DummyOperator", "empty"},
      {"EmptyOperator", "empty"},
      {"noop", "empty"},
      {"PythonOperator", "python"},
      {"py", "python"},
      {"BranchPythonOperator", "branch"},
      {"SimpleHttpOperator", "http"},
      {"HttpOperator", "http"},
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
  if (task.is_data) task.params_json = json_text(params);
  task.spec_json = json_text(json{{"params", std::move(params)}});
  task.has_templates = task.spec_json.find("{{") != std::string::npos ||
                       task.spec_json.find("{%") != std::string::npos;
  return true;
}

}  // namespace batuta
