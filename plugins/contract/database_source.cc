#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/safe_json.h"
#include "plugins/contract/sources.h"
#include "plugins/contract/typed_bronze.h"
#include "plugins/lake/attempt_session.h"
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

// Rows on their way: a chunk is landed in raw as JSON lines, then it goes to bronze.
class Landed : public plugin::SqlRows {
 public:
  // `begin` makes what the rows go to, by what the database says of its columns. Called once,
  // before the first row, and where there is none.
  using Begin = std::function<std::unique_ptr<lake::BronzeRows>(const FileColumns& there)>;
  Landed(Extraction& to, std::vector<const Column*> columns, Begin begin)
      : to_(to), columns_(std::move(columns)), begin_(std::move(begin)) {
    std::map<std::string, std::size_t> by_name;
    for (std::size_t i = 0; i < columns_.size(); ++i) by_name[columns_[i]->source_name] = i;
    for (const auto& [name, at] : by_name) {
      std::string before = members_.empty() ? "{" : ",";
      append_json_string(before, name);
      members_.emplace_back(before + ":", at);
    }
  }

  void types(const std::vector<std::string>& types) override {
    for (std::size_t i = 0; i < columns_.size(); ++i)
      there_.emplace_back(columns_[i]->source_name, types.at(i));
  }
  bool columns(std::vector<std::string>) override {
    bronze_ = begin_(there_);
    return true;
  }

  bool row(std::vector<json> values) override {
    const std::size_t count = values.size();
    std::vector<std::string> held(count);
    std::vector<plugin::SqlText> fields(count);
    for (std::size_t i = 0; i < count; ++i) {
      if (values[i].is_null()) continue;
      const bool is_string = values[i].is_string();
      held[i] = is_string ? values[i].get<std::string>() : json_text(values[i]);
      fields[i] = {held[i], !is_string};
    }
    return texts(fields);
  }

  // Texts of many rows lie in a few pieces of memory, not each in one of its own.
  bool texts(std::span<const plugin::SqlText> fields) override {
    if (fields.size() != columns_.size())
      throw plugin::FinalError("the database answered with other columns than it was asked for");
    for (const auto& [name, at] : members_) {
      body_ += name;
      add_value(fields[at]);
    }
    body_ += "}\n";
    line_ends_.push_back(body_.size());
    for (const plugin::SqlText& field : fields) {
      if (field.text) texts_ += *field.text;
      field_ends_.push_back({texts_.size(), !field.text});
    }
    if (line_ends_.size() >= rows_a_file || body_.size() >= bytes_a_file) flush();
    return true;
  }

  // Hands in what came, which it returns.
  lake::BronzeRows& finish(bool whole) {
    flush();
    if (!bronze_) throw plugin::FinalError("the database answered the SELECT without columns");
    bronze_->set_snapshot(whole);
    return *bronze_;
  }

 private:
  void add_value(const plugin::SqlText& field) {
    if (!field.text) {
      body_ += "null";
    } else if (field.is_json) {
      body_ += *field.text;
    } else {
      append_json_string(body_, *field.text);
    }
  }

  void flush() {
    if (line_ends_.empty()) return;
    to_.context.check_cancelled();
    const std::string file = to_.landing.add(body_, "jsonl");
    const auto now = std::chrono::time_point_cast<Duration>(std::chrono::system_clock::now());
    std::vector<std::optional<std::string_view>> fields(columns_.size());
    const std::string_view all_texts = texts_, lines = body_;
    std::size_t text = 0, line = 0;
    auto field = field_ends_.begin();
    for (const std::size_t end : line_ends_) {
      for (auto& each : fields) {
        each =
            field->is_null ? std::nullopt : std::optional(all_texts.substr(text, field->at - text));
        text = (field++)->at;
      }
      bronze_->add(fields, lines.substr(line, end - 1 - line), file, now);
      line = end;
    }
    body_.clear();
    texts_.clear();
    line_ends_.clear();
    field_ends_.clear();
  }

  struct FieldEnd {
    std::size_t at;
    bool is_null;
  };
  Extraction& to_;
  const std::vector<const Column*> columns_;
  const Begin begin_;
  FileColumns there_;
  std::unique_ptr<lake::BronzeRows> bronze_;  // once the columns are known
  // By name, what stands in front of a value in a line of JSON, and which field the value is.
  std::vector<std::pair<std::string, std::size_t>> members_;
  // Rows that wait: their lines, their fields behind each other, and where each ends.
  std::string body_, texts_;
  std::vector<std::size_t> line_ends_;
  std::vector<FieldEnd> field_ends_;
};

std::string quoted(const std::string& name) {
  std::string out = "\"";
  for (const char c : name) out += c == '"' ? "\"\"" : std::string(1, c);
  return out + "\"";
}

// The zone of the watermark's texts without an offset.
std::string zone_of(const Column& watermark) {
  const std::string& zone = watermark.timezone;
  return watermark.type == "date" || zone.empty() || zone == "Z" ? "UTC" : zone;
}

// What the clocks of the zone show at that time.
std::string local_time(const Extraction& to, const std::string& zone, Time time) {
  return to.session
      .value("SELECT CAST(timezone(" + lake::quoted_literal(zone) + ", CAST(" +
             lake::quoted_literal(to_iso(time)) + " AS TIMESTAMPTZ)) AS VARCHAR)")
      .text();
}

// SQLite has no times: texts of ISO 8601 in any of its forms become one form, those with an offset
// in UTC and the others as they stand.
std::string sqlite_bound(const Extraction& to, const Column& watermark, const std::string& name,
                         Time time, std::vector<json>& values) {
  const auto bound = [&](const std::string& text) {
    values.push_back(text);
    return "strftime('%Y-%m-%d %H:%M:%f', ?" + std::to_string(values.size()) + ")";
  };
  const std::string instant = bound(to_iso(time));
  const std::string zone = zone_of(watermark);
  if (zone == "UTC") return instant;
  return "CASE WHEN length(" + name + ") > 16 AND (" + name + " LIKE '%Z' OR substr(" + name +
         ", -6, 1) IN ('+', '-')) THEN " + instant + " ELSE " + bound(local_time(to, zone, time)) +
         " END";
}

// PostgreSQL compares times without a zone and days by the session's, which is the watermark's. A
// COPY takes no parameters.
std::string postgres_bound(Time time) {
  return "CAST(" + lake::quoted_literal(to_iso(time)) + " AS timestamptz)";
}

std::string select_of(const contract::Table& table, const std::vector<const Column*>& columns,
                      bool sqlite) {
  std::string text;
  for (const Column* column : columns)
    text += (text.empty() ? "SELECT " : ", ") + quoted(column->source_name);
  text += " FROM ";
  if (!table.source.schema.empty() && !sqlite) text += quoted(table.source.schema) + ".";
  return text + quoted(table.source.table);
}

SqlStatement statement_of(const Extraction& to, const std::vector<const Column*>& columns,
                          bool sqlite, std::vector<json>& values) {
  const contract::Table& table = to.described.table;
  std::string text = select_of(table, columns, sqlite);
  if (table.watermark.empty()) return {text, {}, "select"};
  const Column& watermark = *table.column(table.watermark);
  if (!watermark.format.empty())
    throw plugin::FinalError("the watermark of a database must be one that it can compare: " +
                             watermark.name + " has a format, and must be " +
                             (sqlite ? "a text of ISO 8601" : "a timestamp or a date") + " there");
  const std::string name = quoted(watermark.source_name);
  const std::string value = sqlite ? "strftime('%Y-%m-%d %H:%M:%f', " + name + ")" : name;
  std::string inside;
  const auto bound = [&](const std::optional<Time>& time, const char* comparison) {
    if (!time) return;
    inside += (inside.empty() ? "" : " AND ") + value + " " + comparison + " " +
              (sqlite ? sqlite_bound(to, watermark, name, *time, values) : postgres_bound(*time));
  };
  bound(to.window.start, ">=");
  bound(to.window.end, "<");
  if (!inside.empty()) text += " WHERE " + value + " IS NULL OR (" + inside + ")";
  return {text, {}, "select"};
}

// The rows of a statement that is run for what it does.
class NoRows : public plugin::SqlRows {
 public:
  bool columns(std::vector<std::string>) override { return true; }
  bool row(std::vector<json>) override { return true; }
};

// After the increment: a key that is in neither was deleted before the list was read.
void receive_keys(Extraction& extraction, plugin::SqlEngine& engine, bool sqlite) {
  const contract::Table& table = extraction.described.table;
  std::vector<const Column*> columns;
  for (const std::string& key : table.keys()) columns.push_back(table.column(key));
  const lake::TableShape wanted = keys_shape(extraction.described);
  const auto there = lake::DeltaTable::open(extraction.session,
                                            lake::lake_folder(extraction.context), wanted.name);
  const lake::TableShape shape = lake::fitted_to(wanted, there);
  Landed rows(extraction, columns, [&](const FileColumns&) {
    return std::make_unique<lake::BronzeRows>(extraction.context, extraction.session, shape,
                                              table.keys());
  });
  engine.extract(select_of(table, columns, sqlite), rows);
  lake::BronzeRows& bronze = rows.finish(true);
  if (bronze.count() == 0) throw nothing_there(extraction.described.path);
  bronze.finish(extraction.described.metrics_json());
  extraction.context.info(std::to_string(bronze.count()) + " keys into " + shape.name);
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
  const contract::Table& table = extraction.described.table;
  if (!sqlite && !table.watermark.empty()) {
    NoRows none;
    engine->run({"SELECT set_config('TimeZone', $1, false)", {}, "select"},
                {zone_of(*table.column(table.watermark))}, none);
  }
  std::vector<json> values;
  std::vector<const Column*> columns;
  for (const Column& column : table.columns) columns.push_back(&column);
  const SqlStatement statement = statement_of(extraction, columns, sqlite, values);
  const auto there = lake::DeltaTable::open(
      extraction.session, lake::lake_folder(extraction.context), extraction.bronze.name);
  lake::TableShape shape = extraction.bronze;
  Landed rows(extraction, std::move(columns), [&](const FileColumns& given) {
    shape = with_file_types(extraction.bronze, there, extraction.described, given);
    return std::make_unique<lake::BronzeRows>(extraction.context, extraction.session, shape,
                                              extraction.described.columns(),
                                              held_columns(extraction.described, shape, given));
  });
  if (values.empty()) {
    engine->extract(statement.text, rows);
  } else {
    engine->run(statement, values, rows);
  }
  lake::BronzeRows& bronze = rows.finish(extraction.snapshot);
  bronze.finish(extraction.described.metrics_json());
  if (lists_keys(extraction.described)) receive_keys(extraction, *engine, sqlite);
  return bronze.count();
}

}  // namespace batuta::from_contract
