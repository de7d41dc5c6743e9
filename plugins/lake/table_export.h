// Rows of a table as files for others: Parquet, CSV or JSON lines, whole or not at all.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "plugins/lake/column_query.h"
#include "plugins/lake/session.h"

namespace batuta::lake {

struct ExportOptions {
  std::string folder;  // absolute, empty, of this export alone
  std::string format;  // parquet, csv or jsonl
  // Not empty: folders column=value of Parquet files, as Hive has them; the columns themselves are
  // then in the folders' names alone, NULL as __HIVE_DEFAULT_PARTITION__.
  std::vector<std::string> partition_by;
  bool tar = false;  // those folders as one file, a tar archive
  std::int64_t most_bytes = 0;
  std::int64_t most_files = 0;        // below folders by partition
  std::vector<std::string> masked{};  // "gold/shop/people:cpf": what Parquet is to tell of itself
};

struct Exported {
  std::string file;  // below the folder
  std::int64_t rows = 0, bytes = 0;
};

// The key of a Parquet file's metadata that names its masked columns.
inline constexpr const char* masked_metadata = "batuta_masked";

inline constexpr const char* export_formats = "parquet, csv or jsonl";

// "rows.parquet", the folder "rows", or "rows.tar". Throws plugin::FinalError for a format that is
// none of these, and for partitions of another format than Parquet.
std::string export_name(const ExportOptions& options);

// Writes what `select` gives. On one thread of the engine the same question to the same version has
// the same bytes. CSV and JSON lines have values as the SQL console has them (cell_json.h), Parquet
// has the table's types. Throws plugin::FinalError when they are more than `most_bytes`, where that
// is seen; of Parquet the caller looks at how the file grows. Folders by partition of more than
// `most_files` files are refused before one is made.
Exported export_rows(Session& session, const BoundSelect& select, const ExportOptions& options);

enum class Outgrown { no, bytes, files };
// Whether what is written so far is more than it may be. Looks at every file: not for each row.
Outgrown export_outgrows(const ExportOptions& options);

// What it is more than, and what to do.
std::string outgrown_export(const ExportOptions& options, Outgrown what);

}  // namespace batuta::lake
