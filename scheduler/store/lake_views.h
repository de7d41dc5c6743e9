// What attempts told of tables of the lake, as the catalogue shows it.
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <tuple>
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

// How far the runs that ended were taken, in the order in which their ends were written: those with
// a place before `end` (their end, unless one before them ended later), of those that have that one
// up to `run`, and where `taken` is not 0 of that one only so many of its instances. Default: none.
struct EndedMark {
  Time end{};
  RunSeq run{};
  std::int64_t taken = 0;
  bool operator==(const EndedMark&) const = default;
  // A part of a run is less than all of it.
  auto operator<=>(const EndedMark& other) const {
    return std::tuple(end, run, taken == 0, taken) <=>
           std::tuple(other.end, other.run, other.taken == 0, other.taken);
  }
};

// A try, the newest of its instance or an older one, with what it told.
struct EndedTry {
  TaskInstanceRow row;
  std::string task_id, pool;
  std::string report_json{};  // empty: nothing
};

struct EndedRun {
  RunRow row;
  bool begins = true;  // with its first instance: what was taken of it before is not so any more
  std::vector<EndedTry> tries;
};

// A table that a task has written.
struct WrittenTable {
  std::string dag_id, task_id, table;
};

struct EndedRuns {
  std::vector<EndedRun> runs;  // in the order of their ends; the last may go on in the next answer
  EndedMark mark;              // for the next question
  bool more = false;           // there are others behind it
  std::vector<WrittenTable> written;  // of the newest max_lineage_attempts publications
};
inline constexpr std::int64_t max_ended_runs = 2000;  // in one answer

// How many of the newest attempts History::lineage() and quality_news() look at, and how many edges
// the former gives.
inline constexpr std::int64_t max_lineage_attempts = 20'000;
inline constexpr std::int64_t max_lineage_edges = 10'000;

}  // namespace batuta
