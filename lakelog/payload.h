// A publication's JSON (see publish.h) as a struct.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/result.h"
#include "lakelog/action.h"

namespace batuta::lakelog {

// promote: what a branch of the lake has made of the table (promotion.h).
enum class Operation { create, append, merge, overwrite_partitions, promote };

// What the table was at the version read: with it nobody has to read the log up to there again, a
// Parquet checkpoint included.
struct Base {
  Protocol protocol;
  Metadata metadata;
};

struct Payload {
  std::string table;
  Operation operation = Operation::append;
  bool append = false;
  std::int64_t read_version = -1;
  std::optional<Base> base;  // of read_version; nullopt: not told, or read_version is -1
  std::vector<Column> schema;
  // `schema` may have nullable columns behind those of the table, which are added, and wider types,
  // which the table takes on in place (schema.h).
  bool evolve = false;
  std::vector<std::string> partition_columns;
  std::string description;
  std::string table_id{};  // of a table that is made: its metadata's id; empty: a new one
  std::optional<std::vector<PartitionValues>> read_partitions;  // nullopt = the whole table
  std::vector<AddFile> adds;
  std::vector<RemoveFile> removes;
  std::vector<Txn> txns;
  std::string metrics_json;  // an object, or empty
};

// Errc::invalid with the field in `where`: wrong types, unsafe table name or paths, partition
// values that do not fit the partition columns, a blind append that removes, a repeated path or
// appId.
Result<Payload> parse_payload(std::string_view json);

// The JSON that parse_payload reads back to the same struct.
std::string serialise_payload(const Payload& payload);

// The read version that a publication's JSON tells; -1 when it tells none.
std::int64_t read_version_of(std::string_view json);

const char* to_string(Operation operation);

}  // namespace batuta::lakelog
