#include "plugins/lake/checkpoint_reader.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string_view>

#include "common/safe_json.h"
#include "lakelog/path.h"
#include "lakelog/storage.h"
#include "plugins/lake/sql_error.h"

namespace batuta::lake {
namespace {

using nlohmann::json;

// Of the memory that the engine may use, the share for the actions' text: as values they take two
// or three times as much, and the engine itself needs little meanwhile.
constexpr std::int64_t memory_share = 4;

constexpr EngineCheckpoints::Kind kinds[] = {{"protocol", "minReaderVersion"},
                                             {"metaData", "id"},
                                             {"txn", "appId"},
                                             {"remove", "path"},
                                             {"add", "path"}};

Status too_large(const Session& session) {
  return {Errc::too_large, "it holds more than " +
                               std::to_string(session.memory_bytes() / memory_share >> 20) +
                               " MiB of file names and statistics: the setting lake.memory "
                               "(BATUTA_LAKE_MEMORY) of the worker, of which they may take a "
                               "quarter, allows more"};
}

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
  try {
    lakelog::CommitParser parser;
    std::int64_t left = session_.memory_bytes() / memory_share;
    std::vector<std::string> keys = files.keys;
    // A whole one may be of version 2 under the classic name too.
    if (keys.size() == 1) {
      auto sidecars = read_v2(files.keys.at(0), parser, left);
      if (!sidecars) return sidecars.error();
      keys = *std::move(sidecars);
    }
    if (!keys.empty())
      if (auto taken = take_parquet(keys, parser, left); !taken) return taken.error();
    return parser.finish();
  } catch (const SqlError& error) {
    return {Errc::malformed, error.what()};
  }
}

Status EngineCheckpoints::local_paths(const std::vector<std::string>& keys,
                                      std::vector<std::string>& paths) {
  for (const std::string& key : keys) {
    const auto path = lake_.local_file(key, -1);
    if (!path) return path.error();
    paths.push_back(exact_path(*path));
  }
  return success();
}

Status EngineCheckpoints::take_parquet(const std::vector<std::string>& keys,
                                       lakelog::CommitParser& parser, std::int64_t& left) {
  std::vector<std::string> paths;
  if (auto found = local_paths(keys, paths); !found) return found;
  // A writer leaves out the columns of which it has nothing.
  const Table shape =
      session_.query("SELECT * FROM read_parquet($1, union_by_name = true) LIMIT 0", {paths});
  for (const Kind& kind : kinds) {
    if (std::find(shape.columns.begin(), shape.columns.end(), kind.action) == shape.columns.end())
      continue;
    if (auto taken = take(kind, paths, parser, left); !taken) return taken;
  }
  return success();
}

// What the one file of a checkpoint of either version holds itself; the keys of those it names.
Result<std::vector<std::string>> EngineCheckpoints::read_v2(const std::string& key,
                                                            lakelog::CommitParser& parser,
                                                            std::int64_t& left) {
  std::vector<std::string> names;
  if (key.ends_with(".json")) {
    auto taken = read_v2_json(key, parser, left, names);
    if (!taken) return taken.error();
  } else {
    std::vector<std::string> paths;
    if (auto found = local_paths({key}, paths); !found) return found.error();
    const Table shape = session_.query("SELECT * FROM read_parquet($1) LIMIT 0", {paths});
    if (std::find(shape.columns.begin(), shape.columns.end(), "sidecar") != shape.columns.end()) {
      names = first_column(session_.query(
          "SELECT sidecar.path FROM read_parquet($1) WHERE sidecar.path IS NOT NULL", {paths}));
    }
    if (auto taken = take_parquet({key}, parser, left); !taken) return taken.error();
  }
  std::vector<std::string> keys;
  for (const std::string& name : names) {
    const auto decoded = lakelog::uri_decode(name);
    if (!decoded || !lakelog::valid_key(*decoded) || decoded->find('/') != std::string::npos)
      return {Errc::malformed, "it names the file " + name + ", which is none of its table's"};
    keys.push_back(key.substr(0, key.find_last_of('/') + 1) + "_sidecars/" + *decoded);
  }
  return keys;
}

Status EngineCheckpoints::read_v2_json(const std::string& key, lakelog::CommitParser& parser,
                                       std::int64_t& left, std::vector<std::string>& names) {
  auto lake = lake_.storage();
  if (!lake) return lake.error();
  auto text = (*lake)->read(key, {0, static_cast<std::uint64_t>(left) + 1});
  if (!text) return text.error();
  left -= static_cast<std::int64_t>(text->size());
  if (left < 0) return too_large(session_);
  for (std::string_view rest = *text; !rest.empty();) {
    const auto end = rest.find('\n');
    const std::string_view line = rest.substr(0, end);
    rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
    // The two actions that only such checkpoints have are short.
    constexpr std::size_t longest = 4096;
    const auto action = line.size() <= longest ? parse_untrusted(line) : Result<json>(json());
    if (action && action->is_object() && action->contains("checkpointMetadata")) continue;
    if (action && action->is_object() && action->contains("sidecar")) {
      const json& sidecar = (*action)["sidecar"];
      const json path = sidecar.is_object() ? sidecar.value("path", json()) : json();
      if (!path.is_string()) return {Errc::malformed, "a sidecar has no path"};
      names.push_back(path.get<std::string>());
      continue;
    }
    if (auto taken = parser.take(line); !taken) return taken;
  }
  return success();
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
                      taken = too_large(session_);
                    }
                    return taken.ok();
                  });
  return taken;
}

}  // namespace batuta::lake
