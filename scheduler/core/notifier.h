// Who is told of what: callbacks of DAGs and tasks, and what a deadline counts from.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/time.h"

namespace batuta {

// What an alert is about. Of a task, of a run, or (tick_skipped) of a DAG.
enum class AlertOn : std::uint8_t {
  success,
  failure,         // for good
  retry,           // task: failed, and will be tried again
  skipped,         // task
  recovery,        // the first success after a failure
  timeout,         // run: dagrun_timeout; task: execution_timeout, or its wait took too long
  deadline,        // run
  tick_skipped,    // DAG: no run was made for ticks of its schedule
  input_required,  // task: it asks people, and waits for an answer
};
inline constexpr AlertOn alert_kinds[] = {
    AlertOn::success,  AlertOn::failure,      AlertOn::retry,
    AlertOn::skipped,  AlertOn::recovery,     AlertOn::timeout,
    AlertOn::deadline, AlertOn::tick_skipped, AlertOn::input_required};
// "success", "failure", …, "input_required": the field of a DAG file is "on_" and this.
std::string_view to_string(AlertOn on);

struct Notifier {
  AlertOn on = AlertOn::failure;
  std::string json;        // as written, for rendering; opaque to the core
  std::int32_t after = 1;  // failure, recovery: so many failures in a row before it is told
  bool operator==(const Notifier&) const = default;
};

// A run that has not ended so long after its reference has missed it.
struct Deadline {
  enum class Reference : std::uint8_t {
    queued_at,
    logical_date,
    start_date,
    fixed_datetime,   // `at`, of runs that were queued before the deadline
    average_runtime,  // as long after it was queued as the DAG's last runs took
  };
  Reference reference = Reference::queued_at;
  Duration interval{};        // may be negative: so long before
  Time at{};                  // fixed_datetime
  std::string name{};         // for people; may be empty
  std::string description{};  // likewise
  bool operator==(const Deadline&) const = default;
};
std::string_view to_string(Deadline::Reference reference);
inline constexpr std::size_t max_deadlines = 8;
// Of how many runs an average runtime may be, and is where nothing else is said.
inline constexpr std::int32_t max_average_runs = 100;
inline constexpr std::int32_t default_average_runs = 10;

// How often in a row a task's instance has failed, over all runs: kept where its notifiers count,
// and gone with its first success.
struct StreakRow {
  std::string dag_id;
  std::string task_id;
  std::int32_t map_index = -1;
  std::int32_t failures = 0;  // 0: forget it
  bool operator==(const StreakRow&) const = default;
};

}  // namespace batuta
