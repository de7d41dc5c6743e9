// The actions of a Delta commit, those of newer protocols included as far as they are read: parsed
// from and written to the JSON lines of one log entry. Unknown actions are ignored, as the protocol
// demands. Fields that are not modelled here are kept as they stood (`extra_json`, an object, or
// empty), so that what sums up a table loses nothing that others wrote.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/result.h"

namespace batuta::lakelog {

inline constexpr std::int32_t reader_version = 1;
inline constexpr std::int32_t writer_version = 2;

// A column's value in every row of a file; nullopt is NULL. Dates are YYYY-MM-DD.
using PartitionValues = std::map<std::string, std::optional<std::string>>;

struct Column {
  std::string name;
  std::string type;  // "long", "decimal(18,6)"…; a nested type is its JSON text
  bool nullable = true;
  auto operator<=>(const Column&) const = default;
};

struct Protocol {
  std::int32_t min_reader = reader_version;
  std::int32_t min_writer = writer_version;
  std::string extra_json{};
  bool operator==(const Protocol&) const = default;
};

struct Metadata {
  std::string id;  // UUID of the table
  std::string description;
  std::string format = "parquet";
  std::vector<Column> columns;
  bool has_invariants = false;  // a column carries delta.invariants: we must not write
  std::vector<std::string> partition_columns;
  std::map<std::string, std::string> configuration;
  std::int64_t created_ms = 0;  // 0 = not told
  // Wins over the fields above where it names them: a name, column metadata inside schemaString…
  std::string extra_json{};
  bool operator==(const Metadata&) const = default;
};

struct AddFile {
  std::string path;  // decoded; relative to the table's folder
  PartitionValues partition_values;
  std::int64_t size = 0;
  std::int64_t modification_ms = 0;
  bool data_change = true;
  bool has_deletion_vector = false;  // which stands in extra_json; see deletion_vector.h
  std::string stats_json;            // empty = none
  std::string extra_json{};          // tags…
  bool operator==(const AddFile&) const = default;
};

struct RemoveFile {
  std::string path;  // decoded
  std::int64_t deletion_ms = 0;
  bool data_change = true;
  std::optional<PartitionValues> partition_values;
  std::int64_t size = -1;  // -1 = not told
  std::string extra_json{};
  bool operator==(const RemoveFile&) const = default;
};

struct Txn {
  std::string app_id;
  std::int64_t version = 0;
  std::string extra_json{};  // lastUpdated…
  bool operator==(const Txn&) const = default;
};

struct Commit {
  std::optional<Protocol> protocol;
  std::optional<Metadata> metadata;
  std::vector<AddFile> adds;
  std::vector<RemoveFile> removes;
  std::vector<Txn> txns;
  std::string info_json;  // commitInfo, or empty
  // Actions of other kinds were there: a summary made from this struct would lack them.
  bool has_unknown = false;
  bool operator==(const Commit&) const = default;
};

// Errc::malformed names the line. A commit that repeats a metaData, a protocol, an appId or a path
// among its adds or among its removes is malformed too.
Result<Commit> parse_commit(std::string_view text);

// The same line by line, for what is never in one piece. After an error it is of no more use.
class CommitParser {
 public:
  Status take(std::string_view line);
  Result<Commit> finish();

 private:
  Commit commit_;
  std::size_t number_ = 0;
};

// One action per line, commitInfo first. The commit must keep the rules above (CHECKed).
std::string serialise(const Commit& commit);

// numRecords of a file's statistics; nullopt when absent or not a count.
std::optional<std::int64_t> record_count(const AddFile& file);

}  // namespace batuta::lakelog
