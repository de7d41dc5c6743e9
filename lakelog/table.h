// What people ask about a table: its list entry, description and history.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/result.h"
#include "lakelog/action.h"
#include "lakelog/storage.h"

namespace batuta::lakelog {

struct TableList {
  std::vector<std::string> names;       // "silver/financial/quotes"; sorted
  bool cut = false;                     // there are more than were asked for
  std::vector<std::string> unreadable;  // why a folder below the lake was left out
};

// The Delta tables of a lake. What starts with '_' or '.' is not entered; at most 6 levels.
Result<TableList> list_tables(const Storage& lake, std::size_t most = 10'000);

// Whether a table may be made at `name`: not below another one, whose vacuum and readers take what
// is in its folder for its own, nor above one. Errc::invalid, naming the other. At most 6 levels.
Status check_place(const Storage& lake, const std::string& name);

struct TableInfo {
  std::string name;
  std::int64_t version = -1;
  std::string id;
  std::string description;
  std::vector<Column> columns;
  std::vector<std::string> partition_columns;
  std::int64_t files = 0;
  std::int64_t bytes = 0;
  std::optional<std::int64_t> rows;  // nullopt when a file has no statistics
  std::int64_t partitions = 0;       // distinct partition values; 0 = not partitioned
  std::int64_t created_ms = 0;
  std::int64_t modified_ms = 0;
};

// Errors as read_snapshot; Errc::invalid for an unsafe name.
Result<TableInfo> describe_table(Storage& lake, const std::string& name);

struct HistoryEntry {
  std::int64_t version = 0;
  std::int64_t timestamp_ms = 0;  // commitInfo's, or else the commit file's
  std::string operation;          // "WRITE", "MERGE"…, empty when not told
  std::string info_json;          // the whole commitInfo, or empty
  std::string metrics_json;       // its operationMetrics, or empty
  std::int64_t added_files = 0;
  std::int64_t removed_files = 0;
};

// Newest first, at most `limit` entries, from `before` (exclusive; -1 = from the newest).
Result<std::vector<HistoryEntry>> table_history(Storage& lake, const std::string& name,
                                                std::size_t limit, std::int64_t before = -1);

}  // namespace batuta::lakelog
