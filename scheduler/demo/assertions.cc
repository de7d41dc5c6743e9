#include "scheduler/demo/assertions.h"

#include <nlohmann/json.hpp>

#include "scheduler/demo/quote_source.h"

namespace batuta::demo {

using nlohmann::json;

std::string day_text(std::chrono::sys_days day) {
  return to_iso(Time(day)).substr(0, 10);
}

std::string cents_text(std::int64_t cents) {
  return decimal_text(cents, 2);
}

std::int64_t rounded(Wide a, Wide b) {
  return static_cast<std::int64_t>((2 * a + b) / (2 * b));
}

void assert_rows(json& out, const std::string& name, const std::string& query, json rows) {
  out.push_back({{"name", name}, {"query", query}, {"rows", std::move(rows)}});
}

void assert_count(json& out, const std::string& table, std::int64_t count) {
  assert_rows(out, table + ": rows", "SELECT CAST(count(*) AS VARCHAR) FROM \"" + table + "\"",
              json::array({json::array({std::to_string(count)})}));
}

void assert_count_with_history(json& out, const std::string& table, std::int64_t count) {
  assert_count(out, table, count);
  assert_rows(out, table + "_hist: states that hold",
              "SELECT CAST(count(*) AS VARCHAR) FROM \"" + table + "_hist\" WHERE is_current",
              json::array({json::array({std::to_string(count)})}));
}

namespace {

json rows_of(const std::map<std::string, std::int64_t>& counts) {
  json rows = json::array();
  for (const auto& [value, count] : counts)
    rows.push_back(json::array({value, std::to_string(count)}));
  return rows;
}

}  // namespace

void assert_counts_by(json& out, const std::string& table, const std::string& column,
                      const std::map<std::string, std::int64_t>& counts) {
  if (counts.empty()) return;
  json rows = rows_of(counts);
  assert_rows(out, table + ": rows by " + column,
              "SELECT " + column + ", CAST(count(*) AS VARCHAR) FROM \"" + table + "\" WHERE " +
                  column + " IS NOT NULL GROUP BY " + column + " ORDER BY " + column,
              std::move(rows));
}

void assert_letters(json& out, const std::string& table,
                    const std::map<std::string, std::int64_t>& counts) {
  if (counts.empty()) return;
  assert_rows(out, table + ": messages by reason",
              "SELECT reason, CAST(count(DISTINCT value) AS VARCHAR) FROM \"" + table +
                  "\" GROUP BY reason ORDER BY reason",
              rows_of(counts));
}

}  // namespace batuta::demo
