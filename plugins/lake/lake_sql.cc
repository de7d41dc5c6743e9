// lake_sql: reads the lake for people: one SELECT, or the first rows of a table. Read-only, inside
// the lake's folder, with limits on rows, bytes and time.
//
// The result is {"columns":[…],"rows":[[…]…],"cut":bool,"problems":[…]}. It goes to `result_file`
// when one is given (at most 1 MiB; the task then returns {"rows","cut"}), else it is the task's
// return value (at most 60 KiB). Rows beyond a limit are left out and `cut` is true.
#include <chrono>
#include <nlohmann/json.hpp>

#include "common/safe_json.h"
#include "lakelog/path.h"
#include "lakelog/posix_file.h"
#include "plugins/lake/attempt_session.h"
#include "plugins/lake/cell_json.h"
#include "plugins/lake/delta_table.h"
#include "plugins/lake/lake_views.h"
#include "plugins/lake/sql_error.h"
#include "plugins/sdk/plugin.h"

namespace batuta::lake {
namespace {

using nlohmann::json;

constexpr std::int64_t max_rows = 100'000;
constexpr std::size_t max_file_bytes = 1u << 20;
constexpr std::size_t max_return_bytes = 60u << 10;
constexpr std::size_t max_sql_bytes = 256u << 10;

// Rows until the next one would pass `limit` bytes.
json limited(const Table& table, std::size_t limit) {
  json out = {{"columns", table.columns}, {"rows", json::array()}, {"cut", table.cut}};
  std::size_t bytes = json_text(out).size();
  for (const auto& row : table.rows) {
    json cells = json::array();
    for (const Cell& cell : row) cells.push_back(to_json(cell));
    bytes += json_text(cells).size() + 1;
    if (bytes > limit) {
      out["cut"] = true;
      break;
    }
    out["rows"].push_back(std::move(cells));
  }
  return out;
}

// Only the run folder beside the lake, so that no task can make us overwrite anything else.
std::string checked_result_file(const plugin::Context& context) {
  const std::string path = context.text("result_file", "");
  if (path.empty()) return path;
  const std::string& lake = lake_folder(context);
  const std::string folder = lake.substr(0, lake.find_last_of('/')) + "/run/";
  if (!path.starts_with(folder) || !lakelog::valid_data_path(path.substr(folder.size())))
    throw plugin::FinalError("parameter result_file: must be a new file under " + folder);
  return path;
}

}  // namespace

struct LakeSql {
  static constexpr auto name = "lake_sql";
  static constexpr auto version = "1.0.0";
  static constexpr auto kind = "builtin";
  static constexpr auto summary = "Reads tables of the lake: one SELECT or a table's first rows";
  static constexpr batuta_param params[] = {
      plugin::optional(BATUTA_PARAM_STRING, "operation", "sql or head", "\"sql\""),
      plugin::optional(BATUTA_PARAM_STRING, "sql", "one SELECT over layer.table"),
      plugin::optional(BATUTA_PARAM_STRING, "table", "head: such as silver/financial/quotes"),
      plugin::optional(BATUTA_PARAM_INTEGER, "version", "head: an older version of the table"),
      plugin::optional(BATUTA_PARAM_INTEGER, "limit", "rows at most", "1000"),
      plugin::optional(BATUTA_PARAM_STRING, "timeout", "of the query", "\"30s\""),
      plugin::optional(BATUTA_PARAM_OBJECT, "mngt",
                       "control tables: {name: {columns: [{name, type}], rows: [[…]]}}"),
      plugin::optional(BATUTA_PARAM_STRING, "result_file", "a new file in the home's run folder")};

  void execute(plugin::Context& context) {
    const std::string result_file = checked_result_file(context);
    const auto timeout = context.duration("timeout", std::chrono::seconds(30));
    const auto deadline = std::chrono::steady_clock::now() + timeout;
    auto options = session_options(context);
    options.cancelled = [&context, deadline] {
      return context.cancelled() || std::chrono::steady_clock::now() > deadline;
    };
    try {
      Session session(options);
      answer(context, session, result_file);
    } catch (const SqlError& error) {
      throw plugin::FinalError(error.what());
    } catch (const plugin::RetryableError&) {
      if (context.cancelled() || std::chrono::steady_clock::now() <= deadline) throw;
      throw plugin::FinalError("the query took longer than its time-out");
    }
  }

 private:
  void answer(plugin::Context& context, Session& session, const std::string& result_file) {
    const std::int64_t limit = context.integer("limit", 1000);
    if (limit < 1 || limit > max_rows)
      throw plugin::FinalError("parameter limit: 1 to " + std::to_string(max_rows));
    const std::string operation = context.text("operation", "sql");
    std::vector<std::string> problems;
    Table table;
    if (operation == "head") {
      table = head(context, session, static_cast<std::size_t>(limit));
    } else if (operation == "sql") {
      problems = attach_tables(session, lake_folder(context));
      attach_control_tables(context, session);
      lock_down(session, lake_folder(context));
      const std::string sql = context.text("sql");
      if (sql.size() > max_sql_bytes) throw plugin::FinalError("parameter sql: too long");
      table = session.query_read_only(sql, static_cast<std::size_t>(limit));
    } else {
      throw plugin::FinalError("parameter operation: sql or head");
    }
    json result = limited(table, result_file.empty() ? max_return_bytes : max_file_bytes - 4096);
    if (!problems.empty()) {
      problems.resize(std::min<std::size_t>(problems.size(), 10));
      result["problems"] = problems;
    }
    deliver(context, result, result_file);
  }

  Table head(const plugin::Context& context, Session& session, std::size_t limit) {
    const std::string table_name = context.text("table");
    if (!lakelog::valid_table_name(table_name))
      throw plugin::FinalError("parameter table: not a table name");
    const auto table = DeltaTable::open(session, lake_folder(context), table_name,
                                        context.integer("version", lakelog::latest_version));
    if (!table.exists()) throw plugin::FinalError("there is no table " + table_name);
    create_view(session, "head_rows", table);
    return session.query("SELECT * FROM head_rows", {}, limit);
  }

  void attach_control_tables(const plugin::Context& context, Session& session) {
    if (!context.has("mngt")) return;
    constexpr JsonLimits limits{8u << 20, 16, 1'000'000, 256u << 10};
    auto tables = parse_untrusted(context.json("mngt"), limits);
    if (!tables || !tables->is_object()) throw plugin::FinalError("parameter mngt: not an object");
    for (const auto& [table_name, table] : tables->items())
      attach_rows(session, table_name, json_text(table));
  }

  void deliver(plugin::Context& context, const json& result, const std::string& result_file) {
    if (result_file.empty()) return context.return_json(json_text(result));
    const auto written = lakelog::write_new_file(result_file, json_text(result));
    if (!written) throw plugin::RetryableError(written.error().message);
    context.return_json(json_text(
        {{"rows", result["rows"].size()}, {"cut", result["cut"]}, {"file", result_file}}));
  }
};

}  // namespace batuta::lake

BATUTA_PLUGIN(batuta::lake::LakeSql)
