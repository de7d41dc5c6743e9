#include "plugins/monitors/result_table.h"

#include <nlohmann/json.hpp>

#include "common/safe_json.h"
#include "plugins/lake/cell_json.h"
#include "plugins/sdk/plugin.h"

namespace batuta::lake {
namespace {

using monitor::Judged;
using nlohmann::json;

constexpr int max_appends = 10;
constexpr const char* result_rows_table = "result_rows";
constexpr const char* result_rows_view = "results_there";
// Days that are looked through for what was last said of a monitor.
constexpr std::size_t newest_days = 3;

constexpr const char* shown_columns[] = {"monitor_id", "domain", "kind",        "target",
                                         "severity",   "status", "value",       "limit_value",
                                         "message",    "run",    "evaluated_at"};

TableShape result_shape() {
  return {result_table_name,
          "What each monitor found at each evaluation",
          "evaluated_on",
          {{"monitor_id", "string", true},
           {"domain", "string", true},
           {"kind", "string", true},
           {"target", "string", true},
           {"severity", "string", true},
           {"status", "string", true},
           {"value", "double", true},
           {"limit_value", "double", true},
           {"message", "string", true},
           {"baseline", "string", true},
           {"run", "string", true},
           {"evaluated_at", "timestamp", true},
           {"evaluated_on", "date", true}},
          {"monitor_id"}};
}

std::string shown() {
  std::string columns;
  for (const char* name : shown_columns)
    columns += (columns.empty() ? "" : ", ") + std::string(name);
  return columns;
}

// Exact, as text: a parameter has no doubles.
Param number_or_null(const std::optional<double>& number) {
  return number ? Param{json_text(*number)} : Param{};
}

std::string columns_text(const monitor::Columns& columns) {
  json out = json::array();
  for (const auto& [name, type] : columns) out.push_back({name, type});
  return json_text(out);
}

std::optional<monitor::Columns> columns_of(const std::string& text) {
  const auto list = parse_untrusted(text);
  if (!list || !list->is_array()) return std::nullopt;
  monitor::Columns out;
  for (const json& one : *list) {
    if (!one.is_array() || one.size() != 2 || !one[0].is_string() || !one[1].is_string())
      return std::nullopt;
    out.emplace_back(one[0].get<std::string>(), one[1].get<std::string>());
  }
  return out;
}

}  // namespace

ResultTable::ResultTable(Session& session, const Lake& lake, const std::string& info_json)
    : session_(session), own_(session, lake, result_shape(), info_json) {}

void ResultTable::view_newest_days(std::size_t days) {
  auto parts = own_.partitions();
  if (days > 0 && parts.size() > days)
    parts.erase(parts.begin(), parts.end() - static_cast<std::ptrdiff_t>(days));
  std::vector<lakelog::AddFile> files;
  for (const std::string& part : parts)
    for (auto& file : own_.files_of(part)) files.push_back(std::move(file));
  own_.view(result_rows_view, files);
}

std::map<std::string, monitor::Columns> ResultTable::baselines() {
  view_newest_days(newest_days);
  return baselines_in_view();
}

std::map<std::string, monitor::Columns> ResultTable::older_baselines() {
  if (own_.partitions().size() <= newest_days) return {};
  view_newest_days(0);
  return baselines_in_view();
}

std::map<std::string, monitor::Columns> ResultTable::baselines_in_view() {
  std::map<std::string, monitor::Columns> out;
  for (const auto& row :
       session_
           .query("SELECT monitor_id, arg_max(baseline, evaluated_at) FROM " +
                  std::string(result_rows_view) + " WHERE baseline IS NOT NULL GROUP BY monitor_id")
           .rows) {
    if (auto columns = columns_of(row.at(1).text()))
      out.emplace(row.at(0).text(), *std::move(columns));
  }
  return out;
}

void ResultTable::append(const std::vector<Judged>& judged,
                         const std::map<std::string, monitor::Columns>& baselines,
                         const std::string& run, Time now) {
  if (judged.empty()) return;
  own_.make_rows(result_rows_table);
  for (const Judged& one : judged) {
    const auto baseline = baselines.find(one.monitor.id);
    session_.run("INSERT INTO " + std::string(result_rows_table) +
                     " VALUES ($1, $2, $3, $4, $5, $6, CAST($7 AS DOUBLE), CAST($8 AS DOUBLE), $9, "
                     "$10, $11, $12, CAST($13 AS DATE))",
                 {one.monitor.id, one.monitor.domain, std::string(to_string(one.monitor.kind)),
                  one.monitor.target(), std::string(to_string(one.monitor.severity)),
                  std::string(to_string(one.verdict.status)), number_or_null(one.verdict.value),
                  number_or_null(one.verdict.limit), one.verdict.message,
                  baseline == baselines.end() ? Param{} : Param{columns_text(baseline->second)},
                  run, now, to_iso(now).substr(0, 10)});
  }
  for (int left = max_appends; left > 0; --left) {
    if (own_.put(result_rows_table, {}, true)) return own_.reopen();
    own_.reopen();
  }
  throw plugin::RetryableError(std::string(result_table_name) + ": others change it all the time");
}

void ResultTable::drop_before(const std::string& oldest) {
  std::vector<lakelog::AddFile> files;
  for (const std::string& part : own_.partitions()) {
    if (part >= oldest) break;
    for (auto& file : own_.files_of(part)) files.push_back(std::move(file));
  }
  if (!files.empty() && own_.drop(files)) own_.reopen();
}

json ResultTable::rows(const std::string& sql, const std::vector<Param>& params) {
  const Table found = session_.query(sql, params);
  json out = json::array();
  for (const auto& row : found.rows) {
    json object = json::object();
    for (std::size_t i = 0; i < found.columns.size(); ++i)
      object[found.columns[i]] = to_json(row[i]);
    out.push_back(std::move(object));
  }
  return out;
}

json ResultTable::newest_of_each() {
  view_newest_days(newest_days);
  return rows("SELECT " + shown() +
                  " FROM (SELECT *, row_number() OVER (PARTITION BY monitor_id "
                  "ORDER BY evaluated_at DESC) AS place FROM " +
                  result_rows_view + ") WHERE place = 1 ORDER BY monitor_id",
              {});
}

json ResultTable::newest_of(const std::string& monitor_id, std::int64_t most) {
  view_newest_days(newest_days);
  return rows("SELECT " + shown() + " FROM " + std::string(result_rows_view) +
                  " WHERE monitor_id = $1 ORDER BY evaluated_at DESC LIMIT $2",
              {monitor_id, most});
}

json ResultTable::history_of(const std::string& monitor_id, const std::string& kind,
                             const std::string& target, std::int64_t limit, std::int64_t offset) {
  view_newest_days(0);
  const std::string from =
      " FROM " + std::string(result_rows_view) +
      " WHERE monitor_id = $1 AND ($2 = '' OR kind = $2) AND ($3 = '' OR target = $3)";
  const Cell total = session_.value("SELECT count(*)" + from, {monitor_id, kind, target});
  return {{"results",
           rows("SELECT " + shown() + from + " ORDER BY evaluated_at DESC LIMIT $4 OFFSET $5",
                {monitor_id, kind, target, limit, offset})},
          {"total", total.integer()}};
}

}  // namespace batuta::lake
