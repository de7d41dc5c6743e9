#include "plugins/models/changed_partitions.h"

#include <algorithm>
#include <optional>
#include <set>

namespace batuta::models {
namespace {

using Value = std::optional<std::string>;

constexpr std::size_t shown_values = 10;

std::string joined_names(const std::vector<std::string>& names) {
  std::string out;
  for (const std::string& name : names) out += (out.empty() ? "" : ", ") + name;
  return out;
}

std::string spelt(const ChangedCall& call) {
  return "changed_partitions('" + call.table + "'" +
         (call.column.empty() ? "" : ", '" + call.column + "'") + ")";
}

// The call's column, or the only one.
std::string counted_column(const ChangedCall& call, const lake::DeltaTable& table) {
  const auto& parts = table.snapshot().metadata.partition_columns;
  if (parts.empty())
    throw plugin::FinalError(spelt(call) + ": " + call.table +
                             " has no partitions, so it is not told which part of it changed");
  if (call.column.empty() && parts.size() > 1)
    throw plugin::FinalError(spelt(call) + ": " + call.table + " is partitioned by " +
                             joined_names(parts) + ": name one, as in changed_partitions('" +
                             call.table + "', '" + parts.front() + "')");
  if (call.column.empty()) return parts.front();
  if (std::find(parts.begin(), parts.end(), call.column) == parts.end())
    throw plugin::FinalError(spelt(call) + ": " + call.table + " is partitioned by " +
                             joined_names(parts) + ", not by " + call.column);
  return call.column;
}

std::string type_of_column(const lake::DeltaTable& table, const std::string& column) {
  for (const lakelog::Column& each : table.snapshot().metadata.columns)
    if (each.name == column) return each.type;
  return "string";
}

std::set<Value> values_now(const lake::DeltaTable& table, const std::string& column) {
  std::set<Value> out;
  for (const auto& [path, file] : table.snapshot().files)
    out.insert(lake::partition_value(table, file, column));
  return out;
}

std::set<Value> values_changed(const lake::DeltaTable& table, const std::string& column,
                               const lake::Changes& changes) {
  std::set<Value> out;
  for (const std::string& path : changes.added)
    if (const auto file = table.snapshot().files.find(path); file != table.snapshot().files.end())
      out.insert(lake::partition_value(table, file->second, column));
  for (const lakelog::PartitionValues& removed : changes.removed)
    if (const auto value = removed.find(column); value != removed.end()) out.insert(value->second);
  return out;
}

// What cannot be told where a removed file does not say its value.
bool tells_column(const lake::Changes& changes, const std::string& column) {
  return std::all_of(changes.removed.begin(), changes.removed.end(),
                     [&](const auto& removed) { return removed.count(column) != 0; });
}

std::string shown(const std::set<Value>& values) {
  std::string out;
  std::size_t count = 0;
  for (const Value& value : values) {
    if (++count > shown_values)
      return out + " and " + std::to_string(values.size() - shown_values) + " more";
    out += (out.empty() ? "" : ", ") + value.value_or("NULL");
  }
  return out;
}

void take_values(ChangedPartitions& changed, const std::set<Value>& values) {
  for (const Value& value : values)
    if (value) changed.values.push_back(*value);
  changed.also_null = values.count(std::nullopt) != 0;
}

ChangedPartitions made_of_all(const ChangedCall& call, const lake::DeltaTable& table,
                              const std::string& why) {
  ChangedPartitions changed;
  changed.parameter = call.parameter;
  changed.table = call.table;
  changed.column = counted_column(call, table);
  changed.delta_type = type_of_column(table, changed.column);
  changed.all = true;
  const auto now = values_now(table, changed.column);
  take_values(changed, now);
  changed.told =
      spelt(call) + ": all " + std::to_string(now.size()) + " partitions, because " + why;
  return changed;
}

const lake::DeltaTable& input_of(const ChangedCall& call, const Inputs& inputs) {
  const auto input = inputs.tables.find(call.table);
  if (input == inputs.tables.end())
    throw plugin::FinalError(spelt(call) + ": the statement does not read " + call.table);
  return input->second;
}

ChangedPartitions counted_list(const ChangedCall& call, const Inputs& inputs,
                               const LastRead& last) {
  const lake::DeltaTable& table = input_of(call, inputs);
  const auto all = [&](const std::string& why) { return made_of_all(call, table, why); };
  if (!last.unknown.empty()) return all(last.unknown);
  const auto fixed = inputs.since.find(call.table);
  if (fixed == inputs.since.end())
    return all("there was none to count from at this run's first attempt");
  const auto read = last.inputs.find(call.table);
  if (read == last.inputs.end()) return all("it was not read before");
  if (read->second.table_id != id_of(table))
    return all(call.table +
               " was removed and made anew since it was read, or left the lake for a branch");
  const std::int64_t since = std::min(fixed->second, read->second.version);
  const lake::Changes changes = table.changes_since(since);
  ChangedPartitions changed;
  changed.parameter = call.parameter;
  changed.table = call.table;
  changed.column = counted_column(call, table);
  changed.delta_type = type_of_column(table, changed.column);
  if (changes.whole || !tells_column(changes, changed.column))
    return all("the log of " + call.table + " no longer tells what changed since version " +
               std::to_string(since));
  if (erased_since(table, since))
    return all("a person was erased from " + call.table + " since version " +
               std::to_string(since));
  const auto values = values_changed(table, changed.column, changes);
  take_values(changed, values);
  changed.told = spelt(call) + ": partitions changed since version " + std::to_string(since) +
                 ": " + (values.empty() ? "none" : shown(values));
  return changed;
}

}  // namespace

ChangedPartitions all_partitions(const ChangedCall& call, const lake::DeltaTable& table) {
  return made_of_all(call, table, "nothing was computed before");
}

std::vector<ChangedPartitions> changed_lists(const std::vector<ChangedCall>& calls,
                                             const Inputs& inputs, const LastRead& last) {
  std::vector<ChangedPartitions> lists;
  for (const ChangedCall& call : calls) lists.push_back(counted_list(call, inputs, last));
  const auto whole =
      std::find_if(lists.begin(), lists.end(), [](const auto& list) { return list.all; });
  if (whole == lists.end()) return lists;
  const std::string table = whole->table;
  for (std::size_t i = 0; i < calls.size(); ++i)
    if (!lists[i].all)
      lists[i] = made_of_all(calls[i], input_of(calls[i], inputs),
                             "those of " + table + " are all computed");
  return lists;
}

std::string list_type(const ChangedPartitions& changed) {
  return lake::sql_type(changed.delta_type) + "[]";
}

}  // namespace batuta::models
