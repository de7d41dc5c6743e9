#include "plugins/models/model_cost.h"

#include <algorithm>
#include <charconv>
#include <filesystem>
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

// Bytes of one value as the engine holds it; texts and nested values have more of their own.
std::int64_t width_of(const std::string& type) {
  if (type == "boolean" || type == "byte") return 1;
  if (type == "short") return 2;
  if (type == "integer" || type == "float" || type == "date") return 4;
  if (type == "long" || type == "double" || type.starts_with("timestamp")) return 8;
  return 16;
}

bool is_of_fixed_width(const std::string& type) {
  return width_of(type) < 16 || type.starts_with("decimal");
}

// Of the rows of one file; what texts hold is no less than the file's own bytes.
std::int64_t held_by(const lake::DeltaTable& table, const lakelog::AddFile& file,
                     std::optional<std::int64_t> rows) {
  if (!rows) return file.size;
  std::int64_t width = 0;
  bool fixed = true;
  for (const lakelog::Column& column : table.snapshot().metadata.columns) {
    width += width_of(column.type);
    fixed = fixed && is_of_fixed_width(column.type);
  }
  // Statistics are another's word: no product of them may wrap around.
  constexpr std::int64_t most = std::int64_t{1} << 60;
  const std::int64_t values =
      *rows > most / std::max<std::int64_t>(width, 1) ? most : *rows * width;
  return fixed ? std::max(values, file.size) : std::min(values + file.size, most);
}

std::string shown_bytes(std::int64_t bytes) {
  constexpr std::int64_t mib = 1 << 20, gib = mib << 10;
  return bytes >= 10 * gib ? std::to_string(bytes / gib) + " GiB"
                           : std::to_string(bytes / mib) + " MiB";
}

}  // namespace

Room room_of(const lake::Session& session, const std::string& scratch) {
  Room room{session.memory_bytes(), std::nullopt};
  std::error_code failed;
  const auto space = std::filesystem::space(scratch, failed);
  if (failed || space.available == static_cast<std::uintmax_t>(-1)) return room;
  constexpr std::uintmax_t most = std::uintmax_t{1} << 60;
  room.scratch = static_cast<std::int64_t>(std::min(space.available, most));
  return room;
}

std::string exceeds_room(const Reading& read, const Room& room) {
  if (!room.scratch || read.held <= room.memory + *room.scratch) return {};
  return "its inputs are about " + shown_bytes(read.held) +
         " in memory, by the statistics of their files, and the slot has " +
         shown_bytes(room.memory) + " of memory and " + shown_bytes(*room.scratch) +
         " of scratch: a join or sort of all of it does not fit. Give the worker more "
         "(lake.memory, a larger disk), read less by partitions, or let it run on Spark "
         "(\"engine\": \"spark\")";
}

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
      constexpr std::int64_t most = std::int64_t{1} << 61;
      read.held = std::min(read.held + held_by(table, file, rows), most);
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
