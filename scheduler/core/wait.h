// Tasks that no worker runs: the engine says what becomes of them, and some of them wait.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "common/ids.h"
#include "common/message.h"
#include "common/time.h"
#include "scheduler/core/states.h"

namespace batuta {

// What a deferred task instance waits for. It holds no slot meanwhile.
enum class WaitKind : std::uint8_t {
  time,    // an instant
  run,     // a run, or a task of a run, comes to one of some states
  check,   // the engine's helpers look at something outside again and again
  answer,  // a person answers its question (question.h), until `deadline`
};

// The states of runs (DagRunState) or of tasks (TaskState) that a wait looks for, a bit each.
using StateSet = std::uint32_t;
constexpr StateSet states_with(TaskState s) {
  return StateSet{1} << static_cast<unsigned>(s);
}
constexpr StateSet states_with(DagRunState s) {
  return StateSet{1} << static_cast<unsigned>(s);
}

// How it is with a task that its own plugin deferred: it is launched again when the wait is over,
// in the same try, with what it left behind.
enum class Resume : std::uint8_t {
  no,    // not deferred by a plugin: the end of the wait is the task's
  open,  // it waits
  satisfied,
  timed_out,
  failed,  // what it waits for will never come
};
// What becomes of it when it has waited too long.
enum class OnTimeout : std::uint8_t { resume, fail, skip };

struct WaitRow {
  RunSeq run{};
  TaskIndex task = 0;
  MapIndex map_index = unmapped;
  WaitKind kind = WaitKind::time;
  Time since;              // of the first of these tries: what `deadline` is counted from
  OptTime due;             // kind time: when it is over
  OptTime deadline;        // it has waited too long then
  bool soft_fail = false;  // what would fail for having waited is skipped
  std::string about;       // what it waits for, for people
  // kind run: that run, or the one of this DAG and date, whenever it comes.
  RunSeq watched{};  // 0: by date
  std::string dag_id;
  OptTime logical_date;
  std::string task_id;  // empty: the run itself
  StateSet allowed = 0;
  StateSet refused = 0;
  // kind check: what to look at, opaque to the core, and how often.
  std::string argument_json;
  Duration interval{};
  bool doubling = false;        // each look twice as long after the one before
  Duration longest_interval{};  // of those; 0: a day
  // Of a plugin's: kept until its task ends, is tried anew, or waits again.
  Resume resume = Resume::no;
  OnTimeout on_timeout = OnTimeout::resume;
  bool in_try = false;       // its next launch goes on within the try that was deferred
  std::string payload_json;  // for its next launch
  std::string cancel_key;    // connection of a request that is owed when somebody ends the wait
  std::string cancel_json;   // its outbox payload; empty: none
  std::string told;          // why the wait ended, where that was in vain; for people and plugin

  InstanceKey key() const { return {run, task, map_index}; }
};

}  // namespace batuta
