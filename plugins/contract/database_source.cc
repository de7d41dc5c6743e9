#include <chrono>
#include <nlohmann/json.hpp>

#include "common/safe_json.h"
#include "plugins/contract/sources.h"
#include "plugins/lake/layer/bronze_rows.h"
#include "plugins/sql/sql_engine.h"

namespace batuta::from_contract {
namespace {

using contract::Column;
using contract::SourceKind;
using nlohmann::json;

// One raw file's worth.
constexpr std::size_t rows_a_file = 50'000;
constexpr std::size_t bytes_a_file = std::size_t{16} << 20;

std::optional<std::string> text_of(const json& value) {
  if (value.is_null()) return std::nullopt;
  if (value.is_string()) return value.get<std::string>();
  return json_text(value);
}

// Rows on their way: a chunk is landed in raw as JSON lines, then it goes to bronze.
class Landed : public plugin::SqlRows {
 public:
  Landed(Extraction& to, lake::BronzeRows& bronze) : to_(to), bronze_(bronze) {}

  bool columns(std::vector<std::string>) override { return true; }

  bool row(std::vector<json> values) override {
    const auto& columns = to_.described.table.columns;
    json object = json::object();
    std::vector<std::optional<std::string>> fields;
    for (std::size_t i = 0; i < columns.size(); ++i) {
      fields.push_back(text_of(values.at(i)));
      object[columns[i].source_name] = std::move(values[i]);
    }
    std::string line = json_text(object);
    body_ += line + "\n";
    waiting_.push_back({std::move(fields), std::move(line)});
    if (waiting_.size() >= rows_a_file || body_.size() >= bytes_a_file) flush();
    return true;
  }

  void flush() {
    if (waiting_.empty()) return;
    to_.context.check_cancelled();
    const std::string file = to_.landing.add(body_, "jsonl");
    const auto now = std::chrono::time_point_cast<Duration>(std::chrono::system_clock::now());
    for (const Row& row : waiting_) bronze_.add(row.fields, row.line, file, now);
    waiting_.clear();
    body_.clear();
  }

 private:
  struct Row {
    std::vector<std::optional<std::string>> fields;
    std::string line;
  };
  Extraction& to_;
  lake::BronzeRows& bronze_;
  std::vector<Row> waiting_;
  std::string body_;
};

std::string quoted(const std::string& name) {
  std::string out = "\"";
  for (const char c : name) out += c == '"' ? "\"\"" : std::string(1, c);
  return out + "\"";
}

// The window's end as the source compares it. SQLite has no times: texts of ISO 8601 in any of its
// forms become one form.
SqlStatement statement_of(const Extraction& to, bool sqlite, std::vector<json>& values) {
  const contract::Table& table = to.described.table;
  std::string text = "SELECT ";
  for (const Column& column : table.columns)
    text += (&column == table.columns.data() ? "" : ", ") + quoted(column.source_name);
  text += " FROM ";
  if (!table.source.schema.empty() && !sqlite) text += quoted(table.source.schema) + ".";
  text += quoted(table.source.table);
  if (table.watermark.empty()) return {text, {}, "select"};
  const Column& watermark = *table.column(table.watermark);
  if (sqlite && !watermark.format.empty())
    throw plugin::FinalError(
        "the watermark of an SQLite source must be ISO 8601, so that the "
        "database can compare it; " +
        watermark.name + " has a format");
  const std::string name = quoted(watermark.source_name);
  const std::string value = sqlite ? "strftime('%Y-%m-%d %H:%M:%f', " + name + ")" : name;
  std::string inside;
  const auto bound = [&](const std::optional<Time>& time, const char* comparison) {
    if (!time) return;
    std::string iso = to_iso(*time);
    values.push_back(iso);
    const std::string marker =
        sqlite ? "strftime('%Y-%m-%d %H:%M:%f', ?" + std::to_string(values.size()) + ")"
               : "$" + std::to_string(values.size());
    inside += (inside.empty() ? "" : " AND ") + value + " " + comparison + " " + marker;
  };
  bound(to.window.start, ">=");
  bound(to.window.end, "<");
  if (!inside.empty()) text += " WHERE " + value + " IS NULL OR (" + inside + ")";
  return {text, {}, "select"};
}

}  // namespace

std::int64_t receive_database(Extraction& extraction) {
  const contract::Source& source = extraction.described.table.source;
  const bool sqlite = source.kind == SourceKind::sqlite;
  plugin::Connection connection;
  if (sqlite) {
    connection.host = extraction.context.text("path", source.path);
  } else {
    connection = extraction.context.connection(source.connection);
  }
  const plugin::SqlLimits limits{extraction.context,
                                 extraction.context.duration("timeout", std::chrono::hours(1))};
  const auto engine =
      sqlite ? plugin::open_sqlite(connection, limits) : plugin::open_postgres(connection, limits);
  std::vector<json> values;
  const SqlStatement statement = statement_of(extraction, sqlite, values);
  lake::BronzeRows bronze(extraction.context, extraction.session, extraction.bronze,
                          extraction.described.columns());
  Landed rows(extraction, bronze);
  engine->run(statement, values, rows);
  rows.flush();
  bronze.finish(extraction.described.metrics_json());
  return bronze.count();
}

}  // namespace batuta::from_contract
