// Whether what a monitor expects holds: from what was seen of its target, and the time. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/time.h"
#include "monitor/definition.h"

namespace batuta::monitor {

enum class Status : std::uint8_t {
  well,
  unwell,  // what is expected does not hold: an alert stands
  unknown  // cannot be judged (yet), and why: opens no alert and closes none
};
std::string_view to_string(Status status);

// What one rule said of a table.
struct RuleResult {
  std::string rule;
  bool passed = true;
  bool blocking = false;
  std::int64_t failed = 0;   // rows
  std::int64_t checked = 0;  // rows
};

// What a data task's newest attempts came to.
struct TaskFailures {
  std::string task;
  std::int64_t in_a_row = 0;  // since its newest success
  std::string error;          // of the newest
};

// What a table or domain took over a monitor's window, and holds now.
struct Cost {
  std::int64_t runs = 0;  // that wrote it, one for all of its tasks
  double cpu_seconds = 0;
  std::int64_t bytes_stored = 0, bytes_scanned = 0;
  std::int64_t unmeasured = 0;  // tries whose CPU or reading nobody knows: they count as nothing
  bool more = false;            // there are more tries than were counted
  bool size_unknown = false;    // of a table among them the size is not known
};

// What was seen of a monitor's target: as much as its kind needs.
struct Sight {
  std::string trouble;  // why it cannot be looked at; empty: it could
  // Of a table.
  bool is_there = false;
  OptTime changed;  // when its newest version of data was made
  // Where no version that was looked at changed data: when the oldest of them was made. The last
  // change lies before it.
  OptTime unchanged_since;
  // Rows that the newest versions wrote, the newest first; nullopt: a file has no statistics.
  std::vector<std::optional<std::int64_t>> written;
  Columns columns;
  // Of its newest attempt that told of quality; nullopt: none did.
  std::optional<std::vector<RuleResult>> quality;
  OptTime quality_at;
  // Of a DAG's data tasks that have run.
  std::vector<TaskFailures> tasks;
  // Of a topic and who reads it.
  std::int64_t behind = 0;  // records that it can still read
  std::int64_t lost = 0;    // that went before it read them
  std::optional<Cost> cost;
};

struct Verdict {
  Status status = Status::unknown;
  std::optional<double> value;  // seconds old, times the median or the bound, columns that differ,
                                // rows, failures, records
  std::optional<double> limit;  // the bound that it is held against
  std::string message;          // one line for people
};

// `baseline`: of a schema monitor without columns of its own, the columns when it was last well;
// nullptr: never looked at, and what is there now is taken for well.
Verdict judge(const Monitor& monitor, const Sight& seen, const Columns* baseline, Time now);

// "2d 3h", "45m", "12s": two units at most.
std::string age_text(Duration span);
// "512 bytes", "1.5 GiB".
std::string bytes_text(std::int64_t bytes);

}  // namespace batuta::monitor
