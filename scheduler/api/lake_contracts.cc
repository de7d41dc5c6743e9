#include "scheduler/api/lake_contracts.h"

#include <cctype>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <string_view>
#include <utility>

#include "common/safe_json.h"
#include "contract/service_level.h"
#include "scheduler/api/codecs.h"

namespace batuta::http {
namespace {

constexpr std::string_view history_suffix = "_hist";  // as the writers of histories call them

// The strictest of those that speak of the table's age.
std::optional<Duration> fresh_within(const contract::Contract& contract) {
  std::optional<Duration> strictest;
  for (const contract::ServiceLevel& level : contract.service_levels) {
    if (!contract::is_of_age(level)) continue;
    const auto bound = contract::duration_of(level);
    if (bound && (!strictest || *bound < *strictest)) strictest = bound;
  }
  return strictest;
}

std::shared_ptr<const TableContract> parsed(const std::string& name, const std::string& yaml) {
  auto read = contract::read_contract(yaml, name);
  if (!read.contract) return nullptr;
  const contract::Table* table = read.contract->table(name.substr(name.find('/') + 1));
  if (table == nullptr) return nullptr;
  contract::Table own = *table;
  const auto bound = fresh_within(*read.contract);
  return std::make_shared<const TableContract>(
      TableContract{name, std::move(*read.contract), std::move(own), bound});
}

std::shared_ptr<const TableContract> history_of(
    const std::shared_ptr<const TableContract>& contract) {
  if (!contract) return nullptr;
  auto history = std::make_shared<TableContract>(*contract);
  history->fresh_within.reset();
  history->contract.service_levels.clear();
  history->table.quality.clear();
  return history;
}

// Calls `found` with the name and text of each contract that a task of the DAG names, and the
// task's id: for what it writes, or, with an empty one, for a file that it hands in.
template <class Take>
void each_contract(const std::string& canonical_json, const Take& found) {
  // Few DAGs have one: the others are not parsed for it.
  if (canonical_json.find("\"contract\":{") == std::string::npos) return;
  const auto definition = stored_json(canonical_json);
  if (!definition.is_object() || !definition.contains("tasks")) return;
  const auto take = [&](const auto& owner, const std::string& task) {
    const auto contract = owner.find("contract");
    if (contract == owner.end() || !contract->is_object()) return;
    const auto name = contract->find("name");
    const auto yaml = contract->find("yaml");
    if (name == contract->end() || yaml == contract->end() || !name->is_string() ||
        !yaml->is_string())
      return;
    found(name->template get<std::string>(), yaml->template get<std::string>(), task);
  };
  for (const auto& task : definition["tasks"]) {
    take(task, task.value("task_id", ""));
    const auto outputs = task.find("outputs");
    if (outputs == task.end() || !outputs->is_array()) continue;
    for (const auto& output : *outputs)
      if (output.is_object()) take(output, {});
  }
}

bool names_masks(const std::string& yaml) {
  return yaml.find("batuta.mask") != yaml.npos || yaml.find("batuta.readMask") != yaml.npos;
}

}  // namespace

void LakeContracts::index(const std::shared_ptr<const DagBagSnapshot>& bag) {
  std::map<std::string, Found, std::less<>> found;
  for (const auto& entry : bag->dags) {
    const auto& dag = entry.second;
    each_contract(dag->canonical_json,
                  [&](const std::string& name, const std::string& yaml, const std::string& task) {
                    Found& one = found.try_emplace(name).first->second;
                    one.yaml = yaml;
                    if (names_masks(yaml)) one.masking.insert(yaml);
                    for (const Task& each : dag->tasks)
                      if (!task.empty() && each.id == task) one.plugins.insert(each.plugin);
                  });
  }
  for (auto& [name, one] : found) {
    const auto before = found_.find(name);
    if (before == found_.end() || before->second.yaml != one.yaml ||
        before->second.masking != one.masking)
      continue;
    std::set<std::string> plugins = std::move(one.plugins);
    one = before->second;
    one.plugins = std::move(plugins);
  }
  found_ = std::move(found);
  bag_ = bag;
}

void LakeContracts::index_former(const std::shared_ptr<const DagBagSnapshot>& bag,
                                 History& history) {
  std::map<std::string, Found, std::less<>> found;
  for (const DagRow& row : history.dags()) {
    if (bag->dags.contains(row.dag_id)) continue;
    const auto stored = history.dag_version(row.version);
    if (!stored) continue;
    each_contract(stored->canonical_json,
                  [&](const std::string& name, const std::string& yaml, const std::string&) {
                    if (names_masks(yaml))
                      found.try_emplace(name).first->second.masking.insert(yaml);
                  });
  }
  former_ = std::move(found);
  former_of_ = bag;
}

std::map<std::string, MaskingContracts> LakeContracts::masking(
    const std::shared_ptr<const DagBagSnapshot>& bag, History& history) {
  const std::lock_guard guard(mutex_);
  if (bag != bag_) index(bag);
  if (bag != former_of_) index_former(bag, history);
  std::map<std::string, MaskingContracts> out;
  const auto add = [&](const std::string& name, Found& one) {
    if (one.masking.empty()) return;
    if (one.masks.empty())
      for (const std::string& yaml : one.masking) one.masks.push_back(parsed(name, yaml));
    out.emplace(name, one.masks);
  };
  for (auto& [name, one] : found_) add(name, one);
  for (auto& [name, one] : former_)
    if (!found_.contains(name)) add(name, one);
  return out;
}

const LakeContracts::Found* LakeContracts::parsed_of(const std::string& name) {
  const auto it = found_.find(name);
  if (it == found_.end()) return nullptr;
  Found& one = it->second;
  if (!std::exchange(one.parsed, true)) {
    one.contract = parsed(it->first, one.yaml);
    one.of_history = history_of(one.contract);
  }
  return &one;
}

std::shared_ptr<const TableContract> LakeContracts::find(
    const std::shared_ptr<const DagBagSnapshot>& bag, const std::string& domain,
    const std::string& table) {
  const std::lock_guard guard(mutex_);
  if (bag != bag_) index(bag);
  if (const Found* own = parsed_of(domain + "/" + table)) return own->contract;
  if (!table.ends_with(history_suffix)) return nullptr;
  const Found* of = parsed_of(domain + "/" + table.substr(0, table.size() - history_suffix.size()));
  return of ? of->of_history : nullptr;
}

bool LakeContracts::made_by(const std::shared_ptr<const DagBagSnapshot>& bag,
                            const std::string& name, const std::string& plugin) {
  const std::lock_guard guard(mutex_);
  if (bag != bag_) index(bag);
  const auto found = found_.find(name);
  return found != found_.end() && found->second.plugins.contains(plugin);
}

std::vector<std::string> LakeContracts::names(const std::shared_ptr<const DagBagSnapshot>& bag) {
  const std::lock_guard guard(mutex_);
  if (bag != bag_) index(bag);
  std::vector<std::string> out;
  for (const auto& [name, one] : found_) out.push_back(name);
  return out;
}

}  // namespace batuta::http
