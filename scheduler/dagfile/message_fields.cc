#include "scheduler/dagfile/message_fields.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "common/sql_text.h"
#include "common/suggest.h"
#include "scheduler/dagfile/builtin_fields.h"

namespace batuta {
namespace {

using nlohmann::json;

constexpr std::size_t max_sql = 256 << 10;
constexpr std::size_t max_text = 256 << 10;
constexpr std::size_t max_receivers = 50;

void read_connection(FieldReader& fields, Task& task, json& params, const char* what) {
  const auto connection = fields.id("connection");
  if (connection) {
    params["connection"] = *connection;
    task.connections.push_back(*connection);
  } else if (!fields.find("connection")) {
    fields.problem("connection", std::string("it needs a \"connection\" that ") + what);
  }
}

void read_text(FieldReader& fields, json& params, const char* name, bool needed,
               std::size_t most = max_text) {
  if (const auto text = fields.text(name, most)) {
    params[name] = *text;
  } else if (needed && !fields.find(name)) {
    fields.problem(name, std::string("it needs a \"") + name + "\"");
  }
}

void read_timeout(FieldReader& fields, json& params) {
  const json* timeout = fields.find("timeout");
  if (timeout == nullptr) return;
  if (!is_template(*timeout)) fields.duration("timeout");
  params["timeout"] = *timeout;
}

void read_sql_text(FieldReader& fields, json& params, json& parameters) {
  const auto sql = fields.text("sql", max_sql);
  if (!sql) {
    if (!fields.find("sql")) {
      fields.problem("sql", "an sql task needs \"sql\", or {\"$file\": \"load.sql\"} for a file's");
    }
    return;
  }
  // What templates yield comes as bound parameters, and never becomes SQL.
  auto found = sql_templates(*sql);
  if (!found) {
    fields.problem("sql", found.error().message);
    return;
  }
  for (const auto& [name, text] : found->parameters) parameters[name] = text;
  std::string missing;
  const auto statements = sql_statements(found->text, [&](std::size_t, const std::string& name) {
    if (missing.empty() && !parameters.contains(name)) missing = name;
    return ":" + name;
  });
  if (!statements) {
    fields.problem("sql", statements.error().message);
  } else if (statements->empty()) {
    fields.problem("sql", "there is no statement in it");
  } else if (!missing.empty()) {
    fields.problem("sql", "it names :" + missing.substr(0, 80) +
                              ", which \"parameters\" has not: add it there");
  }
  params["sql"] = found->text;
}

// A path with values in it as texts and templates by turns, the first a text: who puts it together
// can tell what is a value's, which may name a part of one folder or file and no more. Where one
// template is all of it, its value is the path.
json path_pieces(const std::string& path) {
  json pieces = json::array();
  std::size_t at = 0;
  for (std::size_t begin = 0; (begin = path.find("{{", at)) != std::string::npos;) {
    const auto end = path.find("}}", begin);
    if (end == std::string::npos) break;  // told where templates are checked
    if (begin == 0 && end + 2 == path.size()) return path;
    pieces.push_back(path.substr(at, begin - at));
    pieces.push_back(path.substr(begin, end + 2 - begin));
    at = end + 2;
  }
  if (pieces.empty()) return path;
  pieces.push_back(path.substr(at));
  return pieces;
}

void read_files(FieldReader& fields, const json& files, json& params) {
  json read = json::object();
  for (const auto& [name, path] : files.items()) {
    const auto problem = [&fields, &called = name](const std::string& words) {
      fields.problem("files", "\"" + called.substr(0, 80) + "\" " + words);
    };
    if (!path.is_string()) {
      problem("must be an absolute path on the worker's machine");
      continue;
    }
    const auto& text = path.get_ref<const std::string&>();
    read[name] = path_pieces(text);
    const bool whole = read[name].is_string() && is_template(path);
    if (!whole && !text.starts_with('/')) {
      problem(
          "must be an absolute path on the worker's machine: it begins with /, or one template is "
          "all of it");
    } else if (("/" + text + "/").find("/../") != std::string::npos) {
      problem("goes up by \"..\": write where it leads");
    }
  }
  params["files"] = std::move(read);
}

}  // namespace

bool names_receivers(const json* to) {
  const auto address = [](const json& value) {
    return value.is_string() && (is_template(value) || value.get_ref<const std::string&>().find(
                                                           '@') != std::string::npos);
  };
  if (to == nullptr || !to->is_array()) return to != nullptr && address(*to);
  return !to->empty() && to->size() <= max_receivers &&
         std::all_of(to->begin(), to->end(), address);
}

void read_mail(FieldReader& fields, Task& task, json& params) {
  read_outputs(fields, task, params);
  read_connection(fields, task, params, "names its mail server");
  const json* to = fields.find("to");
  if (names_receivers(to)) {
    params["to"] = *to;
  } else {
    fields.problem("to",
                   "a mail task needs \"to\": an address such as \"ops@example.org\", or a list of "
                   "at most 50");
  }
  read_text(fields, params, "subject", true, 1000);
  read_text(fields, params, "text", true);
  read_text(fields, params, "html", false);
  read_timeout(fields, params);
}

void read_slack(FieldReader& fields, Task& task, json& params) {
  read_outputs(fields, task, params);
  read_connection(fields, task, params, "holds its webhook");
  read_text(fields, params, "text", true, 40'000);
  read_text(fields, params, "channel", false, 250);
  read_text(fields, params, "username", false, 250);
  if (const json* blocks = fields.find("blocks")) {
    if (!is_template(*blocks) && !(blocks->is_array() && blocks->size() <= 50)) {
      fields.problem("blocks", "blocks are a list of at most 50 of Slack's Block Kit");
    }
    params["blocks"] = *blocks;
  }
  read_timeout(fields, params);
}

void read_sql(FieldReader& fields, Task& task, json& params) {
  read_outputs(fields, task, params);
  const json* files = fields.object("files");
  if (files == nullptr) {
    read_connection(fields, task, params,
                    "names a database (postgres, sqlite), or \"files\" that DuckDB reads");
  } else if (fields.find("connection")) {
    fields.problem("files", "an sql task has a \"connection\" or \"files\", not both");
  } else {
    read_files(fields, *files, params);
  }
  json parameters = json::object();
  if (const json* given = fields.object("parameters")) parameters = *given;
  read_sql_text(fields, params, parameters);
  if (!parameters.empty()) params["parameters"] = parameters;
  static const std::vector<std::string> results = {"rows", "first", "value", "none"};
  if (const auto result = fields.text("result")) {
    if (std::find(results.begin(), results.end(), *result) == results.end()) {
      fields.problem("result",
                     "result must be rows, first, value or none" + did_you_mean(*result, results));
    }
    params["result"] = *result;
  }
  read_timeout(fields, params);
}

void read_sql_look(FieldReader& fields, Task& task, json& params) {
  read_connection(fields, task, params, "names a database (postgres, sqlite)");
  json parameters = json::object();
  if (const json* given = fields.object("parameters")) parameters = *given;
  read_sql_text(fields, params, parameters);
  if (!parameters.empty()) params["parameters"] = parameters;
  if (params.contains("sql")) {
    const auto statements =
        sql_statements(params["sql"].get<std::string>(),
                       [](std::size_t, const std::string& name) { return ":" + name; });
    static const std::vector<std::string> words = {"select", "with", "values", "table"};
    if (statements && !statements->empty() &&
        (statements->size() > 1 ||
         std::find(words.begin(), words.end(), statements->front().first_word) == words.end())) {
      fields.problem("sql", "a wait looks and changes nothing: it is one SELECT");
    }
  }
  if (const json* timeout = fields.find("timeout")) {
    const auto read = fields.duration("timeout");
    if (read && (*read < std::chrono::seconds(1) || *read > std::chrono::minutes(5))) {
      fields.problem("timeout", "of the statement, 1 s to 5 minutes");
    }
    params["timeout"] = *timeout;
  }
  if (const json* equals = fields.find("equals")) params["equals"] = *equals;
  fields.refuse_unknown("a look at a database");
}

}  // namespace batuta
