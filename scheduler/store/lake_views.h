// What attempts told of tables of the lake, as the catalogue shows it.
#pragma once

#include <cstdint>
#include <string>

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

// One table was made of another: the newest attempt of one task that told so.
struct LineageEdge {
  std::string from, to;  // "silver/financial/quotes"
  std::int64_t from_version = -1;
  std::string dag_id;
  std::string dag_run_id;
  std::string task_id;
  Time run_after;
};

// How many of the newest attempts History::lineage() looks at, and how many edges it gives.
inline constexpr std::int64_t max_lineage_attempts = 20'000;
inline constexpr std::int64_t max_lineage_edges = 10'000;

}  // namespace batuta
