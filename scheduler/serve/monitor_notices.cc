#include "scheduler/serve/monitor_notices.h"

#include <nlohmann/json.hpp>
#include <string_view>
#include <utility>
#include <vector>

#include "common/safe_json.h"
#include "scheduler/dagfile/dag_parser.h"
#include "scheduler/dagfile/fields.h"
#include "scheduler/dagfile/notifier_fields.h"

namespace batuta {
namespace {

using nlohmann::json;

constexpr std::size_t longest_notices = std::size_t{32} << 10;
// Its last line names DAG and task, which a message has else by a line of its own.
constexpr const char* usual_text = "{{ ti.xcom_pull('evaluate').told }}\n(lake_monitors.tell)";
constexpr const char* usual_subject = "{{ ti.xcom_pull('evaluate').told_subject }}";

bool is_a_severity(const json& value) {
  return value == "info" || value == "warning" || value == "critical";
}

json notices_given(const std::string& notices) {
  auto given = parse_untrusted(notices);
  return given && given->is_object() ? *std::move(given) : json::object();
}

// "/tasks/1/on_success/0/text" of the DAG that it is tried in is "/notifiers/0/text" of the
// setting, and of one that is no list "/notifiers/text".
std::string place_in_notices(std::string pointer, bool is_list) {
  constexpr std::string_view task = "/tasks/1", tell = "/on_success";
  if (pointer.starts_with(task)) pointer.erase(0, task.size());
  if (!pointer.starts_with(tell)) return "/notifiers";
  pointer.erase(0, tell.size());
  if (!is_list && pointer.starts_with("/0")) pointer.erase(0, 2);
  return "/notifiers" + pointer;
}

// As it will stand in lake_monitors: what its templates name is there, for without that DAG no
// monitor is judged.
std::string why_no_dag(const std::string& notices, bool is_list) {
  json evaluate = json::object();
  evaluate["task_id"] = "evaluate";
  evaluate["type"] = "shell";  // a plugin's task is checked against its catalogue
  evaluate["command"] = "true";
  json dag = json::object();
  dag["dag_id"] = "lake_monitors";
  dag["tasks"] = json::array({std::move(evaluate), monitor_notices_task(notices)});
  const auto read = parse_dag_file(json_text(dag), "lake.monitor_notices", "", {});
  if (read.dag) return "";
  if (read.problems.empty()) return "it makes no task";
  const DagFileProblem& first = read.problems.front();
  return place_in_notices(first.pointer, is_list) + ": " + first.message;
}

}  // namespace

std::string why_monitor_notices_unfit(const std::string& text) {
  if (text.size() > longest_notices) return "it is longer than 32 KiB";
  const auto given = parse_untrusted(text);
  if (!given) return given.error().message;
  if (!given->is_object()) return "it is no object";
  for (const auto& [name, value] : given->items()) {
    if (name != "notifiers" && name != "severity")
      return "it knows no \"" + name.substr(0, 80) + "\"";
    if (name == "severity" && !is_a_severity(value))
      return "/severity: it is info, warning or critical";
  }
  if (given->empty()) return "";
  if (!given->contains("notifiers")) return "it has no \"notifiers\"";
  const bool is_list = (*given)["notifiers"].is_array();
  json task = json::object();
  task["on_success"] = (*given)["notifiers"];
  Problems problems;
  FieldReader fields(task, "", problems);
  std::vector<Notifier> read;
  read_notifiers(fields, Told::task, read);
  if (!problems.none()) {
    const FieldProblem& first = problems.list().front();
    return place_in_notices(first.pointer, is_list) + ": " + first.message;
  }
  if (read.empty()) return "/notifiers: there is none";
  return why_no_dag(json_text(*given), is_list);
}

bool fits_monitor_notices(std::string& text) {
  if (!why_monitor_notices_unfit(text).empty()) return false;
  text = json_text(*parse_untrusted(text));
  return true;
}

json monitor_notices_task(const std::string& notices) {
  const json given = notices_given(notices);
  const auto found = given.find("notifiers");
  if (found == given.end()) return nullptr;
  json notifiers = found->is_array() ? *found : json::array({*found});
  for (json& one : notifiers) {
    if (!one.contains("text")) one["text"] = usual_text;
    if (one.value("notifier", "") == "mail" && !one.contains("subject"))
      one["subject"] = usual_subject;
  }
  json changed = json::object();
  changed["value"] = "{{ ti.xcom_pull('evaluate').told_count }}";
  changed["not_equals"] = 0;
  json task = json::object();
  task["task_id"] = "tell";
  task["type"] = "empty";
  task["depends_on"] = json::array({"evaluate"});
  task["run_if"] = json::array({changed});
  task["on_success"] = std::move(notifiers);
  return task;
}

std::string monitor_notices_severity(const std::string& notices) {
  return notices_given(notices).value("severity", "");
}

}  // namespace batuta
