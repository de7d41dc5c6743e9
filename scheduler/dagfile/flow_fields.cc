#include "scheduler/dagfile/flow_fields.h"

#include <charconv>
#include <nlohmann/json.hpp>

#include "common/suggest.h"

namespace batuta {
namespace {

using nlohmann::json;

void refuse_own_rule(FieldReader& fields, const char* what) {
  if (!fields.find("trigger_rule")) return;
  fields.problem("trigger_rule", std::string(what) + ": leave trigger_rule out");
}

void read_teardown(FieldReader& fields, TaskDraft& draft) {
  const json* given = fields.find("teardown");
  if (!given || (given->is_boolean() && !given->get<bool>())) return;
  if (!given->is_boolean()) {
    if (const auto setups = fields.texts("teardown", max_setups_per_dag)) draft.setups = *setups;
    if (draft.setups.empty()) {
      fields.problem("teardown",
                     "\"teardown\" is the list of its setups' ids, or true when they are among "
                     "\"depends_on\"");
    }
  }
  draft.task.is_teardown = true;
  refuse_own_rule(fields, "a teardown runs when all before it is done and a setup succeeded");
  draft.task.trigger_rule = TriggerRule::all_done_setup_success;
}

void read_on_exit(FieldReader& fields, TaskDraft& draft) {
  const auto when = fields.text("on_exit");
  if (!when) return;
  Task& task = draft.task;
  task.is_on_exit = task.is_teardown = true;
  task.trigger_rule = TriggerRule::all_done_setup_success;
  task.depends_on_past = task.wait_for_downstream = false;  // from default_args
  if (*when == "success") {
    task.on_exit_of = RunEnd::success;
  } else if (*when == "failed") {
    task.on_exit_of = RunEnd::failed;
  } else if (*when != "always") {
    fields.problem("when", "\"when\" must be always, success or failed" +
                               did_you_mean(*when, {"always", "success", "failed"}));
  }
  refuse_own_rule(fields, "what stands in \"on_exit\" runs when all the rest has ended");
  for (const char* name :
       {"setup", "teardown", "group", "depends_on_past", "wait_for_downstream"}) {
    if (fields.find(name))
      fields.problem(name, "a task of \"on_exit\" has no \"" + std::string(name) + "\"");
  }
}

}  // namespace

void read_flow_fields(FieldReader& fields, TaskDraft& draft) {
  if (const auto group = fields.id("group")) draft.task.group = *group;
  draft.task.is_setup = fields.boolean("setup").value_or(false);
  read_teardown(fields, draft);
  if (draft.task.is_setup && draft.task.is_teardown) {
    fields.problem("teardown", "a task is a setup or a teardown, not both");
  }
  read_on_exit(fields, draft);
  const auto fails = fields.boolean("on_failure_fail_dagrun");
  draft.task.on_failure_fail_dagrun = fails.value_or(false);
  if (fails && !draft.task.is_teardown) {
    fields.problem("on_failure_fail_dagrun",
                   "only of a teardown or a task of \"on_exit\": any other task's failure counts");
  }
}

void move_on_exit(json& definition, Problems& problems) {
  if (!definition.is_object()) return;
  const auto found = definition.find("on_exit");
  if (found == definition.end()) return;
  json list = found->is_array() ? std::move(*found) : json::array({std::move(*found)});
  definition.erase("on_exit");
  if (list.size() > max_on_exit) {
    return problems.add(
        "/on_exit", "at most " + std::to_string(max_on_exit) + " tasks may stand in \"on_exit\"");
  }
  for (std::size_t i = 0; i < list.size(); ++i) {
    json& task = list[i];
    const std::string pointer = "/on_exit/" + std::to_string(i);
    if (!task.is_object()) {
      return problems.add(pointer,
                          "\"on_exit\" holds tasks, such as {\"task_id\": \"clean_up\", "
                          "\"type\": \"shell\", \"command\": …}");
    }
    if (task.contains("on_exit")) {
      return problems.add(pointer + "/on_exit",
                          "the task is one of \"on_exit\" already; \"when\" "
                          "says of which runs");
    }
    for (const char* name : {"expand", "expand_zip", "expand_kwargs"}) {
      if (task.contains(name)) {
        return problems.add(pointer + "/" + name, "a task of \"on_exit\" is not mapped");
      }
    }
    const auto when = task.find("when");
    if (when != task.end() && !when->is_string()) {
      return problems.add(pointer + "/when", "\"when\" must be always, success or failed");
    }
    json moved = when == task.end() ? json("always") : *when;
    if (when != task.end()) task.erase(when);
    task["on_exit"] = std::move(moved);
  }
  const auto tasks = definition.find("tasks");
  if (tasks == definition.end() || !tasks->is_array()) return;  // told by whoever reads them
  for (json& task : list) tasks->push_back(std::move(task));
}

std::string pointer_before_move(const std::string& pointer, std::size_t tasks) {
  constexpr std::string_view prefix = "/tasks/";
  if (!pointer.starts_with(prefix)) return pointer;
  std::size_t index = 0;
  const char* begin = pointer.data() + prefix.size();
  const auto [end, error] = std::from_chars(begin, pointer.data() + pointer.size(), index);
  if (error != std::errc() || index < tasks) return pointer;
  return "/on_exit/" + std::to_string(index - tasks) +
         std::string(end, pointer.data() + pointer.size());
}

}  // namespace batuta
