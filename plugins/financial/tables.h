// The four tables of the financial pipeline, and what its three plugins agree on.
#pragma once

#include <string>
#include <vector>

#include "lakelog/payload.h"
#include "plugins/lake/delta_table.h"
#include "plugins/sdk/plugin.h"

namespace batuta::financial {

struct TableShape {
  const char* name;
  const char* description;
  const char* partition;  // the one partition column, a date
  std::vector<lakelog::Column> columns;
};

const TableShape& bronze_quotes();      // text as sent, append only
const TableShape& silver_quotes();      // typed, one row per (ticker, date)
const TableShape& gold_hours();         // one row per (ticker, UTC hour)
const TableShape& quarantine_quotes();  // rejected rows with reasons

// The source's columns in bronze order, all text.
const std::vector<std::string>& source_columns();

// Progress markers in the logs: the version of the upstream table that has been taken in.
inline constexpr const char* silver_marker = "financial_silver/bronze";
inline constexpr const char* gold_marker = "financial_gold/silver";

// What the upstream task returned. Its absence or another run's result is an error, not a shrug.
struct Upstream {
  std::vector<std::string> tickers;
};
// Throws plugin::FinalError unless exactly one direct upstream returned an object for `table` with
// this run's execution_id and a count of records.
Upstream check_upstream(const plugin::Context& context, const std::string& table);

// A publication for `shape`, with its read version and shape filled in.
lakelog::Payload publication_for(const TableShape& shape, const lake::DeltaTable& table,
                                 lakelog::Operation operation);
lakelog::RemoveFile removal_of(const lakelog::AddFile& file);

// A view named `view` over `files` of `table`, shaped as `shape` even when the table is not there.
void view_of(lake::Session& session, const std::string& view, const TableShape& shape,
             const lake::DeltaTable& table, const std::vector<lakelog::AddFile>& files);

// Column names, quoted and joined by commas, each behind `prefix`.
std::string column_list(const TableShape& shape, const std::string& prefix = {});

}  // namespace batuta::financial
