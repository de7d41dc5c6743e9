// Rows of one extraction on their way into bronze: the source's columns as text, and the system
// columns _run_id, _task_id, _attempt, _ingested_at, _source_file, _record_no, _payload_sha256 and
// ingest_date. Append only: every attempt adds its own rows.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "plugins/lake/appender.h"
#include "plugins/lake/layer/publication.h"
#include "plugins/lake/layer/table_shape.h"
#include "plugins/sdk/plugin.h"

namespace batuta::lake {

// The system columns of a row received at the instant `ingested`, in their order behind the
// source's; the texts are SQL expressions over the row. Their parameters are from `first` on: run,
// task, try. The session needs its text functions for them.
std::string system_columns_sql(const std::string& ingested, const std::string& source_file,
                               const std::string& record_no, const std::string& payload, int first);

// The source's columns, all text so far, and the system columns behind them.
std::vector<lakelog::Column> bronze_columns(const std::vector<std::string>& source_columns);

// In the log of a bronze table: 1 where its newest rows are all that the source had (or all of its
// keys), 0 where they no longer are.
inline constexpr const char* snapshot_marker = "bronze/snapshot";

void mark_snapshot(Publication& version, const DeltaTable& table, bool whole);

class BronzeRows {
 public:
  // `shape`, with bronze_columns(source_columns), and `session` must outlive this. `typed`: whose
  // fields say values of the types that `shape` has, see from_texts_sql(). Whole numbers, numbers,
  // flags, days and instants among them are read here, once, and are no text on their way through
  // the engine.
  BronzeRows(plugin::Context& context, Session& session, const TableShape& shape,
             std::vector<std::string> source_columns, std::set<std::string> typed = {});

  // The fields in the order of the source's columns; `payload` are the record's bytes as sent.
  // Written to disk whenever the engine's memory has its share.
  void add(std::span<const std::optional<std::string_view>> fields, std::string_view payload,
           const std::string& source_file, Time ingested);
  void add(std::span<const std::optional<std::string>> fields, std::string_view payload,
           const std::string& source_file, Time ingested);
  std::int64_t count() const { return count_; }
  // Says whether the rows are all that the source has.
  void set_snapshot(bool whole);
  // Hands the version in; without rows there is none. `metrics_json`: an object with further words
  // for the table's history, or empty.
  void finish(const std::string& metrics_json = {});

 private:
  void begin();
  void write();
  void put(std::size_t column, std::optional<std::string_view> field);

  plugin::Context& context_;
  Session& session_;
  const TableShape& shape_;
  std::vector<std::string> source_columns_;
  std::set<std::string> typed_;
  std::set<std::string> read_;      // of typed_
  std::vector<std::string> types_;  // of the source's columns that are in read_, else empty
  DeltaTable table_;
  Publication version_;
  std::optional<Appender> rows_;
  std::int64_t count_ = 0;
  std::int64_t waiting_ = 0;        // rows not yet written
  std::int64_t waiting_bytes_ = 0;  // of their texts
};

}  // namespace batuta::lake
