// What attempts told of tables of the lake, as the catalogue shows it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "scheduler/core/rows.h"

namespace batuta {

// An attempt that told of the quality of a table, and whose it was.
struct QualityReportView {
  AttemptReportRow row;  // of all the tables that it told of
  std::string dag_id;
  std::string dag_run_id;
  std::string task_id;
  Time run_after;
};

// How far reports were read: the newest one there was. Default: none.
struct ReportMark {
  std::int64_t row = 0;
  std::int64_t run = -1;
  bool operator==(const ReportMark&) const = default;
};

// What an attempt told of the quality of one table.
struct TableQuality {
  std::string table;  // "silver/financial/quotes"
  std::int64_t rules = 0;
  std::vector<std::string> broken_blocking, broken_warning;  // names of rules
};

struct QualityNews {
  ReportMark mark;    // for the next question
  bool anew = false;  // the report that was asked from is gone: forget what was told before
  // Later ones stand in the place of earlier ones of the same table.
  std::vector<TableQuality> tables;
};

// One table was made of another: the newest attempt of one task that told so.
struct LineageEdge {
  std::string from, to;  // "silver/financial/quotes"
  std::int64_t from_version = -1;
  std::string dag_id;
  std::string dag_run_id;
  std::string task_id;
  Time run_after;
};

// How many of the newest attempts History::lineage() and quality_news() look at, and how many edges
// the former gives.
inline constexpr std::int64_t max_lineage_attempts = 20'000;
inline constexpr std::int64_t max_lineage_edges = 10'000;

}  // namespace batuta
