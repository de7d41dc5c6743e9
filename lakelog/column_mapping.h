// Column mapping: columns whose names in files and in the log are others than people see, so that
// they can be renamed and dropped. Only read.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "common/result.h"
#include "lakelog/action.h"

namespace batuta::lakelog {

enum class MappingMode { none, name, id };

struct MappedColumn {
  std::string physical;   // its name in files, in partition values and in statistics
  std::int64_t id = -1;   // its field id in files
  std::string type_json;  // its type with the metadata of nested fields, as JSON ("\"long\"", {…})
};

struct ColumnMapping {
  MappingMode mode = MappingMode::none;
  std::map<std::string, MappedColumn> columns;  // by the name that people see; empty for none
};

// Errc::invalid: the mode is unknown, or a column lacks what its mode needs.
Result<ColumnMapping> column_mapping(const Protocol& protocol, const Metadata& metadata);

// The values under the names that people see; those of columns that are gone are dropped.
PartitionValues visible_names(const PartitionValues& values, const ColumnMapping& mapping);

inline constexpr const char* physical_name_key = "delta.columnMapping.physicalName";
inline constexpr const char* column_id_key = "delta.columnMapping.id";

}  // namespace batuta::lakelog
