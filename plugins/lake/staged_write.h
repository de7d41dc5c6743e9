// Writes the rows of a query as Parquet files into a table's own folder, under unique names. No log
// entry names them yet, so no reader sees them; a failed attempt leaves orphans for vacuum.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "lakelog/action.h"
#include "lakelog/storage.h"
#include "plugins/lake/session.h"

namespace batuta::lake {

struct StagedWrite {
  std::shared_ptr<lakelog::Storage> storage;
  std::string table;  // in the storage; need not exist
  std::vector<lakelog::Column> columns;
  // Of `columns`, not all of them; none: one file. Their values may be NULL.
  std::vector<std::string> partition_columns;
  std::string select;  // of exactly `columns`, in their order
  // Its parameters, from $2 on: $1 is the folder that the engine writes into.
  std::vector<Param> params;
  std::vector<std::string> order;  // of the rows inside a file: columns
  // Where the one file goes, below the table: empty, or a folder that is there, with its last '/'.
  std::string subfolder{};
  // The one partition that all rows are of: a value for each of `partition_columns`, of letters,
  // digits, '_' and '-'. The file is written as the rows come, whatever their number: nothing is
  // sorted, or held back, to tell partitions apart. A row of another one would be lost in it.
  std::optional<lakelog::PartitionValues> only{};
  // Without partition columns, or with `only`: a file that has so many bytes is ended, and another
  // begun, in the rows' order. 0: there is one file, however large.
  std::int64_t most_bytes = 0;
  // How many bytes there will be, as a guess; 0: nobody knows. One file that `order` sorts and that
  // stays below most_bytes by this guess is sorted and written by all threads of the engine, which
  // put its groups of rows in their order; and it is one file, however wrong the guess was.
  std::int64_t expected_bytes = 0;
  // How many rows there will be, as a guess; 0: nobody knows. Files of several partitions are
  // sorted and written by all threads of the engine where this says that it is worth it and that
  // they fit its memory: `select` is computed once, and each thread writes partitions of its own, a
  // file each as ever. `select` has no parameters then.
  std::int64_t expected_rows = 0;
  // The files are not durable on return: the kernel writes them while further ones are computed,
  // and make_durable() waits for all of them at once.
  bool durable_later = false;
};

// What a table's files are to have at most, but for the last group of rows of each: a reader that
// needs few rows reads little, and many readers share the work.
inline constexpr std::int64_t usual_file_bytes = std::int64_t{128} << 20;

// One file a partition, or more where `most_bytes` says so, durable, with sizes, partition values
// and statistics for the log. Empty when the query gave no rows. Throws SqlError,
// plugin::RetryableError when the disk refuses, and plugin::FinalError where the text "NULL" and
// NULL are values of one partition column: the engine spells their folders alike.
//
// Statistics: exact counts; bounds only where they are certainly not narrower than the data (whole
// numbers, dates, short texts, instants widened to a millisecond). Decimals get none: a JSON number
// is a double to most readers.
std::vector<lakelog::AddFile> write_files(Session& session, const StagedWrite& write);

// Of files of `table` that were written with `durable_later`: makes them durable, and tells their
// sizes and times, of which the log may speak from then on. Throws plugin::RetryableError when the
// disk refuses.
void make_durable(lakelog::Storage& storage, const std::string& table,
                  std::vector<lakelog::AddFile>& files);

}  // namespace batuta::lake
