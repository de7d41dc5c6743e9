#include "plugins/models/model_cost.h"

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>
#include <string>
#include <system_error>

#include "common/safe_json.h"
#include "plugins/lake/file_stats.h"

namespace batuta::models {
namespace {

bool is_opened(const lake::DeltaTable& table, const lakelog::AddFile& file,
               const Increment& increment, const std::vector<ChangedPartitions>& changed) {
  if (table.name() == increment.by.input)
    return increment.values.count(values_in(table, file, increment.by.input_columns)) != 0;
  bool listed = false;
  for (const ChangedPartitions& list : changed) {
    if (list.table != table.name()) continue;
    listed = true;
    if (list.all) return true;
    const auto value = lake::partition_value(table, file, list.column);
    if (value ? std::binary_search(list.values.begin(), list.values.end(), *value) : list.also_null)
      return true;
  }
  return !listed;
}

// operationMetrics are texts in the log, whatever was handed in.
std::optional<std::int64_t> metric_number(const nlohmann::json& metrics, const char* name) {
  const auto found = metrics.find(name);
  if (found == metrics.end()) return std::nullopt;
  if (!found->is_string()) return json_int(*found);
  const std::string text = found->get<std::string>();
  std::int64_t number = 0;
  const auto end = text.data() + text.size();
  const auto read = std::from_chars(text.data(), end, number);
  if (read.ec != std::errc() || read.ptr != end) return std::nullopt;
  return number;
}

}  // namespace

Reading reading_of(const Inputs& inputs, const Increment& increment,
                   const std::vector<ChangedPartitions>& changed) {
  Reading read;
  for (const auto& [name, table] : inputs.tables)
    for (const auto& [path, file] : table.snapshot().files) {
      if (!is_opened(table, file, increment, changed)) continue;
      read.bytes += file.size;
      const auto rows = lakelog::record_count(file);
      if (!rows) read.rows.reset();
      if (read.rows) *read.rows += *rows;
    }
  return read;
}

std::optional<double> seconds_for(std::int64_t bytes, const nlohmann::json& metrics) {
  const auto took = metric_number(metrics, "milliseconds");
  const auto then = metric_number(metrics, "bytes_read");
  if (!took || !then || *then <= 0) return std::nullopt;
  return static_cast<double>(*took) / 1000 * static_cast<double>(bytes) /
         static_cast<double>(*then);
}

nlohmann::json cost_json(const Reading& read, std::int64_t milliseconds) {
  return {{"bytes_read", read.bytes}, {"milliseconds", milliseconds}};
}

}  // namespace batuta::models
