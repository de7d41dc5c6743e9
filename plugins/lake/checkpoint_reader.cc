#include "plugins/lake/checkpoint_reader.h"

#include <algorithm>

#include "plugins/lake/sql_error.h"

namespace batuta::lake {
namespace {

constexpr std::size_t max_actions = 4'000'000;

// An action's column, and the field that is never NULL where there is such an action.
struct Kind {
  const char* action;
  const char* field;
};
constexpr Kind kinds[] = {{"protocol", "minReaderVersion"},
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
    std::string lines;
    for (const Kind& kind : kinds) {
      if (std::find(shape.columns.begin(), shape.columns.end(), kind.action) == shape.columns.end())
        continue;
      const std::string column = quoted_name(kind.action);
      const Table rows = session_.query(
          "SELECT CAST(to_json(" + written_fields(session_, column, paths) +
              ") AS VARCHAR) FROM read_parquet($1, union_by_name = " + "true) WHERE " + column +
              "." + quoted_name(kind.field) + " IS NOT NULL",
          {paths}, max_actions);
      if (rows.cut)
        return {Errc::too_large, "it holds more than " + std::to_string(max_actions) + " files"};
      for (const auto& row : rows.rows)
        lines += "{\"" + std::string(kind.action) + "\":" + row.at(0).text() + "}\n";
    }
    return lakelog::parse_commit(lines);
  } catch (const SqlError& error) {
    return {Errc::malformed, error.what()};
  }
}

}  // namespace batuta::lake
