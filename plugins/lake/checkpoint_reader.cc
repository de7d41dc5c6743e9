#include "plugins/lake/checkpoint_reader.h"

#include <algorithm>

#include "plugins/lake/sql_error.h"

namespace batuta::lake {
namespace {

// Of the memory that the engine may use, the share for the actions' text: as values they take two
// or three times as much, and the engine itself needs little meanwhile.
constexpr std::int64_t memory_share = 4;

constexpr EngineCheckpoints::Kind kinds[] = {{"protocol", "minReaderVersion"},
                                             {"metaData", "id"},
                                             {"txn", "appId"},
                                             {"remove", "path"},
                                             {"add", "path"}};

// The action with the fields that a log entry has. What a writer parsed beforehand for other
// engines may hold what JSON cannot (NaN, infinite numbers), and repeats what stands beside it.
std::string written_fields(Session& session, const std::string& column,
                           const std::vector<std::string>& paths) {
  const Table fields = session.query(
      "SELECT unnest(" + column + ") FROM read_parquet($1, union_by_name = true) LIMIT 0", {paths});
  std::string packed;
  for (const std::string& field : fields.columns) {
    if (field == "stats_parsed" || field == "partitionValues_parsed") continue;
    const std::string name = quoted_name(field);
    packed += (packed.empty() ? "" : ", ") + name + " := " + column + "." + name;
  }
  return "struct_pack(" + packed + ")";
}

}  // namespace

Result<lakelog::Commit> EngineCheckpoints::read(const lakelog::CheckpointFiles& files) {
  std::vector<std::string> paths;
  for (const std::string& key : files.keys) paths.push_back(lake_ + "/" + key);
  try {
    for (std::string& path : paths) path = exact_path(path);
    // A writer leaves out the columns of which it has nothing.
    const Table shape =
        session_.query("SELECT * FROM read_parquet($1, union_by_name = true) LIMIT 0", {paths});
    lakelog::CommitParser parser;
    std::int64_t left = session_.memory_bytes() / memory_share;
    for (const Kind& kind : kinds) {
      if (std::find(shape.columns.begin(), shape.columns.end(), kind.action) == shape.columns.end())
        continue;
      if (auto taken = take(kind, paths, parser, left); !taken) return taken.error();
    }
    return parser.finish();
  } catch (const SqlError& error) {
    return {Errc::malformed, error.what()};
  }
}

Status EngineCheckpoints::take(const Kind& kind, const std::vector<std::string>& paths,
                               lakelog::CommitParser& parser, std::int64_t& left) {
  const std::string column = quoted_name(kind.action);
  Status taken = success();
  session_.stream("SELECT CAST(to_json(" + written_fields(session_, column, paths) +
                      ") AS VARCHAR) FROM read_parquet($1, union_by_name = true) WHERE " + column +
                      "." + quoted_name(kind.field) + " IS NOT NULL",
                  {paths}, [&](std::vector<Cell>&& row) {
                    const std::string text = row.at(0).text();
                    left -= static_cast<std::int64_t>(text.size());
                    if (left >= 0) {
                      taken = parser.take("{\"" + std::string(kind.action) + "\":" + text + "}");
                    } else {
                      taken = {Errc::too_large,
                               "it holds more than " +
                                   std::to_string(session_.memory_bytes() / memory_share >> 20) +
                                   " MiB of file names and statistics: the setting lake.memory "
                                   "(BATUTA_LAKE_MEMORY) of the worker, of which they may take a "
                                   "quarter, allows more"};
                    }
                    return taken.ok();
                  });
  return taken;
}

}  // namespace batuta::lake
