#include "scheduler/dagfile/builtin_fields.h"

#include <algorithm>
#include <cctype>
#include <nlohmann/json.hpp>

#include "common/safe_json.h"
#include "common/suggest.h"
#include "scheduler/dagfile/output_fields.h"

namespace batuta {
namespace {

using nlohmann::json;

constexpr std::size_t max_script_bytes = 512 << 10;
constexpr std::size_t max_args = 1024;

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

void read_what_to_run(FieldReader& fields, json& params) {
  const auto command = fields.text("command", max_command_bytes);
  const auto script = fields.text("script", max_script_bytes);
  if (fields.find("command") && fields.find("script")) {
    fields.problem("script", "a shell task has a \"command\" or a \"script\", not both");
  } else if (!fields.find("script") && (command ? command->empty() : !fields.find("command"))) {
    fields.problem("command", "a shell task needs a \"command\", or a \"script\" beside the DAG");
  } else if (script && script->empty()) {
    fields.problem("script", "the script is empty");
  }
  if (command) params["command"] = *command;
  if (script) params["script"] = without_templates(*script);
}

// Positional parameters: texts, or what stands for one; or a template that yields the list.
void read_args(FieldReader& fields, json& params) {
  const json* args = fields.find("args");
  if (!args) return;
  const bool list = args->is_array() && args->size() <= max_args &&
                    std::none_of(args->begin(), args->end(), [](const json& arg) {
                      return arg.is_structured() || arg.is_null();
                    });
  if (!list && !is_template(*args)) {
    fields.problem("args",
                   "args are a list of at most 1024 texts or numbers, which the command finds as "
                   "$1, $2, …, or a template that yields one");
    return;
  }
  params["args"] = *args;
}

void read_surroundings(FieldReader& fields, json& params) {
  static const std::vector<std::string> shells = {"sh", "bash"};
  const auto shell = fields.text("shell");
  if (shell) {
    if (std::find(shells.begin(), shells.end(), *shell) == shells.end()) {
      fields.problem("shell", "shell must be sh or bash" + did_you_mean(*shell, shells));
    }
    params["shell"] = *shell;
  }
  if (const auto strict = fields.boolean("strict")) {
    if (*strict && shell != "bash") {
      fields.problem("strict",
                     "strict is bash's set -Eeuo pipefail: it needs \"shell\": \"bash\"; in sh "
                     "begin the command with set -eu");
    }
    params["strict"] = *strict;
  }
  read_working_dir(fields, params);
  if (const auto mask = fields.text("umask")) {
    const bool octal = (mask->size() == 3 || (mask->size() == 4 && mask->front() == '0')) &&
                       mask->find_first_not_of("01234567") == std::string::npos;
    if (!octal) fields.problem("umask", "umask must be three octal digits such as \"027\"");
    params["umask"] = *mask;
  }
}

}  // namespace

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

void read_outputs(FieldReader& fields, Task& task, json& params) {
  // Told to those that fail over a value that cannot be kept.
  if (!task.do_xcom_push) params["do_xcom_push"] = false;
  task.multiple_outputs = fields.boolean("multiple_outputs").value_or(false);
  if (!task.multiple_outputs || task.do_xcom_push) return;
  fields.problem("multiple_outputs", "multiple_outputs keeps what do_xcom_push: false drops");
}

void read_working_dir(FieldReader& fields, json& params) {
  const auto folder = fields.text("working_dir", 4096);
  if (!folder) return;
  if (!folder->starts_with('/') && !folder->starts_with("{{")) {
    fields.problem("working_dir", "working_dir must be an absolute path on the worker's machine");
  }
  params["working_dir"] = *folder;
}

void read_env(FieldReader& fields, json& params, bool contained) {
  const json* env = fields.object("env");
  if (!env) return;
  for (const auto& [name, value] : env->items()) {
    const auto shown = "\"" + name.substr(0, 80) + "\"";
    if (!valid_env_name(name)) {
      fields.problem("env", shown + " is not a name for an environment variable");
    } else if (contained ? name.starts_with("BATUTA_") : hostile_env_name(name)) {
      fields.problem("env", shown + (contained ? " may not be set: such names are Batuta's own"
                                               : " may not be set: it would change how the command "
                                                 "starts"));
    } else if (!value.is_string()) {
      fields.problem("env", "the value of " + shown + " must be a text");
    } else if (value.get_ref<const std::string&>().find('\0') != std::string::npos) {
      fields.problem("env", "the value of " + shown + " holds a NUL character");
    }
  }
  params["env"] = *env;
}

void read_shell(FieldReader& fields, Task& task, json& params) {
  read_what_to_run(fields, params);
  read_args(fields, params);
  read_surroundings(fields, params);
  read_env(fields, params);
  read_outputs(fields, task, params);
  read_tables(fields, params);
}

namespace {

// Statuses that are worth another try: numbers, ranges and classes such as "5xx".
void read_retries_of(FieldReader& fields, json& params) {
  const json* statuses = fields.find("retry_on_status");
  if (statuses) {
    const auto fits = [](const json& status) {
      const auto number = json_int(status);
      if (number) return *number >= 300 && *number <= 599;
      return status == "3xx" || status == "4xx" || status == "5xx";
    };
    if (!statuses->is_array() || statuses->size() > 64 ||
        !std::all_of(statuses->begin(), statuses->end(), fits)) {
      fields.problem("retry_on_status",
                     "retry_on_status is a list of statuses from 300 to 599 and of \"3xx\", "
                     "\"4xx\", \"5xx\", such as [404, 429, \"5xx\"]");
    }
    params["retry_on_status"] = *statuses;
  }
  if (const auto on = fields.boolean("retry_on_timeout")) params["retry_on_timeout"] = *on;
  if (const json* timeout = fields.find("timeout")) {
    if (!is_template(*timeout)) fields.duration("timeout");
    params["timeout"] = *timeout;
  }
}

}  // namespace

void read_http(FieldReader& fields, Task& task, json& params) {
  read_outputs(fields, task, params);
  read_retries_of(fields, params);
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
  if (const json* body = fields.find("body")) params["body"] = *body;
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

}  // namespace batuta
