#include "plugins/lake/checkpoint_writer.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <initializer_list>
#include <iterator>
#include <nlohmann/json.hpp>
#include <string_view>

#include "common/safe_json.h"
#include "plugins/lake/sql_error.h"

namespace batuta::lake {
namespace {

// The columns of a classic checkpoint. The engine writes maps and lists as other writers do: a
// required key inside "key_value", lists of three levels.
constexpr const char* shape =
    "txn: 'STRUCT(appId VARCHAR, version BIGINT, lastUpdated BIGINT)', "
    "add: 'STRUCT(path VARCHAR, partitionValues MAP(VARCHAR, VARCHAR), size BIGINT, "
    "modificationTime BIGINT, dataChange BOOLEAN, stats VARCHAR, tags MAP(VARCHAR, VARCHAR))', "
    "remove: 'STRUCT(path VARCHAR, deletionTimestamp BIGINT, dataChange BOOLEAN, "
    "extendedFileMetadata BOOLEAN, partitionValues MAP(VARCHAR, VARCHAR), size BIGINT, "
    "tags MAP(VARCHAR, VARCHAR))', "
    "\"metaData\": 'STRUCT(id VARCHAR, \"name\" VARCHAR, description VARCHAR, "
    "format STRUCT(provider VARCHAR, options MAP(VARCHAR, VARCHAR)), schemaString VARCHAR, "
    "partitionColumns VARCHAR[], configuration MAP(VARCHAR, VARCHAR), createdTime BIGINT)', "
    "protocol: 'STRUCT(minReaderVersion INTEGER, minWriterVersion INTEGER";
// Of a table whose protocol names features.
constexpr const char* features_shape = ", readerFeatures VARCHAR[], writerFeatures VARCHAR[]";

// As large as a log's line may be, and the engine's own margin.
constexpr const char* largest_line = "33554432";

using Names = std::initializer_list<std::string_view>;

// The first field of an action's extras that the shape has no place for; empty = none.
std::string homeless(const std::string& extra_json, Names places) {
  if (extra_json.empty()) return {};
  const auto extra = parse_untrusted(extra_json, {16u << 20, 64, 1'000'000, 8u << 20});
  if (!extra || !extra->is_object()) return "?";
  for (const auto& [name, value] : extra->items())
    if (std::find(places.begin(), places.end(), name) == places.end()) return name;
  return {};
}

Status check_fields(const lakelog::Commit& state) {
  const auto refuse = [](const std::string& action, const std::string& field) {
    return Status(Errc::invalid, "a checkpoint of ours has no place for " + action + "." + field);
  };
  if (const auto field = homeless(state.protocol->extra_json, {"readerFeatures", "writerFeatures"});
      !field.empty())
    return refuse("protocol", field);
  if (const auto field = homeless(state.metadata->extra_json,
                                  {"name", "description", "format", "schemaString",
                                   "partitionColumns", "configuration", "createdTime"});
      !field.empty())
    return refuse("metaData", field);
  for (const lakelog::Txn& txn : state.txns)
    if (const auto field = homeless(txn.extra_json, {"lastUpdated"}); !field.empty())
      return refuse("txn", field);
  for (const lakelog::AddFile& add : state.adds)
    if (const auto field = homeless(add.extra_json, {"tags"}); !field.empty())
      return refuse("add", field);
  for (const lakelog::RemoveFile& remove : state.removes)
    if (const auto field = homeless(remove.extra_json, {"tags"}); !field.empty())
      return refuse("remove", field);
  return success();
}

// Gone with the object.
class ScratchFile {
 public:
  explicit ScratchFile(std::string path) : path_(std::move(path)) {}
  ~ScratchFile() {
    std::error_code ignored;
    std::filesystem::remove(path_, ignored);
  }
  ScratchFile(const ScratchFile&) = delete;
  ScratchFile& operator=(const ScratchFile&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace

Result<std::string> EngineCheckpointWriter::write(const lakelog::Commit& state) {
  if (auto fields = check_fields(state); !fields) return fields.error();
  const ScratchFile lines(scratch_ + "/checkpoint.jsonl");
  const ScratchFile parquet(scratch_ + "/checkpoint.parquet");
  const std::string text = lakelog::serialise(state);
  const auto actions = std::count(text.begin(), text.end(), '\n');
  std::ofstream out(lines.path(), std::ios::binary);
  out << text;
  out.close();
  if (!out) return {Errc::unavailable, "the scratch folder " + scratch_ + " cannot be written"};
  try {
    const std::string read = "read_json($2, format = 'newline_delimited', maximum_object_size = " +
                             std::string(largest_line) + ", columns = {" + shape +
                             (state.protocol->extra_json.empty() ? "" : features_shape) + ")'})";
    session_.run("COPY (SELECT txn, add, remove, \"metaData\", protocol FROM " + read +
                     ") TO $1 (FORMAT parquet, COMPRESSION snappy)",
                 {parquet.path(), exact_path(lines.path())});
    const std::int64_t written =
        session_.value("SELECT count(*) FROM read_parquet($1)", {parquet.path()}).integer();
    if (written != actions) {
      return {Errc::unavailable, "the checkpoint would hold " + std::to_string(written) + " of " +
                                     std::to_string(actions) + " actions"};
    }
  } catch (const SqlError& error) {
    return {Errc::unavailable, std::string("the checkpoint cannot be written: ") + error.what()};
  }
  std::ifstream in(parquet.path(), std::ios::binary);
  std::string bytes{std::istreambuf_iterator<char>(in), {}};
  if (!in || bytes.empty()) return {Errc::unavailable, "the scratch folder cannot be read"};
  return bytes;
}

}  // namespace batuta::lake
