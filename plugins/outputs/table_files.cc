#include "plugins/outputs/table_files.h"

#include <cstdint>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <string_view>
#include <vector>

#include "common/safe_json.h"
#include "lakelog/path.h"
#include "plugins/lake/attempt_session.h"
#include "plugins/lake/delta_table.h"
#include "plugins/lake/sql_error.h"
#include "plugins/models/result_shape.h"

namespace batuta::outputs {
namespace {

using nlohmann::json;

constexpr JsonLimits reads_limits{16 << 20, 64, 2'000'000, 4 << 20};

std::vector<std::string> tables_made(const plugin::Context& context) {
  std::vector<std::string> out;
  const auto given = parse_untrusted(context.json("outputs"), reads_limits);
  if (!given || !given->is_array()) return out;
  for (const json& one : *given)
    if (one.is_object() && one.contains("table") && one["table"].is_string())
      out.push_back(one["table"].get<std::string>());
  return out;
}

// What the rows are of; how they came there no file that is handed in may have.
std::string own_columns(const lake::DeltaTable& table) {
  std::string out;
  for (const lakelog::Column& column : table.snapshot().metadata.columns) {
    const bool ours = column.name == models::versions_column ||
                      column.name == models::computed_column ||
                      column.name == models::execution_column;
    if (!ours) out += (out.empty() ? "" : ", ") + lake::quoted_name(column.name);
  }
  if (out.empty()) throw plugin::FinalError("reads: " + table.name() + " has no columns");
  return out;
}

void hand_out_one(plugin::Context& context, const std::string& folder, const std::string& name,
                  const std::vector<std::string>& made) {
  if (!lakelog::valid_table_name(name))
    throw plugin::FinalError("reads: " + lakelog::no_table_name(name));
  lake::Session session(lake::session_options(context));
  const auto table = lake::DeltaTable::open(session, lake::lake_folder(context), name);
  if (!table.exists())
    throw plugin::FinalError("reads: there is no table " + name +
                             "; batuta lake tables lists what there is");
  const std::filesystem::path path = std::filesystem::path(folder) / (name + ".parquet");
  std::error_code error;
  std::filesystem::create_directories(path.parent_path(), error);
  if (error)
    throw plugin::RetryableError(path.parent_path().string() +
                                 " cannot be made: " + error.message());
  session.keep(table.kept());
  lake::create_view(session, "read_table", table);
  session.run("COPY (SELECT " + own_columns(table) + " FROM read_table) TO " +
              lake::quoted_literal(path.string()) + " (FORMAT parquet)");
  context.info(name + ", version " + std::to_string(table.version()) + ", is in " + path.string());
  for (const std::string& to : made)
    context.report("lineage",
                   json_text({{"from", name}, {"from_version", table.version()}, {"to", to}}));
}

}  // namespace

void hand_out_tables(plugin::Context& context, const std::string& folder) {
  const auto names = context.texts("reads");
  const auto made = tables_made(context);
  for (const std::string& name : names) {
    context.check_cancelled();
    try {
      hand_out_one(context, folder, name, made);
    } catch (const lake::SqlError& failed) {
      const std::string why = "reads " + name + ": " + lake::without_values(failed.what());
      const std::string_view said = failed.what();
      if (said.starts_with("IO Error") || said.starts_with("Out of Memory"))
        throw plugin::RetryableError(why);
      throw plugin::FinalError(why);
    }
  }
}

void hand_out_tables(plugin::Context& context, std::map<std::string, std::string>& environment) {
  if (context.texts("reads").empty()) return;
  const std::string folder = context.scratch() + "/.tables";
  hand_out_tables(context, folder);
  environment["BATUTA_TABLES"] = folder;
}

}  // namespace batuta::outputs
