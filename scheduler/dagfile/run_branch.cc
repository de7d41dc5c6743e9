#include "scheduler/dagfile/run_branch.h"

#include <algorithm>
#include <string_view>

#include "scheduler/dagfile/model_fields.h"

namespace batuta {
namespace {

// Layers that write through the lake's one door, and what only decides, waits or asks.
constexpr std::string_view branchable[] = {
    "contract_bronze", "contract_silver", model_plugin, "branch", "short_circuit",
    "sensor",          "approval",        "input",      "empty",  "mock"};

constexpr std::size_t most_named_tasks = 5;

std::string why_not(const std::string& names, bool several) {
  return names + (several ? " write" : " writes") +
         " elsewhere than in the lake, or may: on a branch run tasks with a contract or an SQL "
         "model, and those that only decide or wait; name the ones to run in \"only\"";
}

}  // namespace

bool runs_on_branch(const std::string& plugin) {
  return std::find(std::begin(branchable), std::end(branchable), plugin) != std::end(branchable);
}

Status check_branch_task(const Task& task) {
  if (runs_on_branch(task.plugin)) return success();
  return {Errc::invalid, why_not(task.id + " (" + task.plugin + ")", false)};
}

Status check_branch_tasks(const Dag& dag, const std::vector<std::string>& only) {
  std::string names;
  std::size_t count = 0;
  for (const Task& task : dag.tasks) {
    const bool runs = only.empty() || std::find(only.begin(), only.end(), task.id) != only.end();
    if (!runs || runs_on_branch(task.plugin)) continue;
    if (++count <= most_named_tasks)
      names += (names.empty() ? "" : ", ") + task.id + " (" + task.plugin + ")";
  }
  if (count == 0) return success();
  if (count > most_named_tasks)
    names += " and " + std::to_string(count - most_named_tasks) + " others";
  return {Errc::invalid, why_not(names, count > 1), "/branch"};
}

}  // namespace batuta
