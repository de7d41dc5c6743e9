// What is kept of each ended run so that lists need not read its tasks (the table run_summary).
// Tallied as tasks end, so that a large run's end need not read them all again; where that cannot
// be known, after a start or a clear, they are read. Control thread.
#pragma once

#include <cstdint>
#include <optional>
#include <unordered_map>

#include "scheduler/core/effects.h"
#include "scheduler/store/sqlite.h"

namespace batuta {

class RunTallies {
 public:
  // The summaries of the runs that these changes touch. Inside the caller's transaction, after the
  // tasks.
  void write(Database& db, const Changes& changes);
  // The transaction was not committed: what was tallied may not be so.
  void forget() { tallies_.clear(); }

 private:
  struct Span {
    std::optional<std::int64_t> least, most;
    void add(std::int64_t value);
  };
  static constexpr std::size_t states = 5;  // that a task ends in
  struct Tally {
    std::int64_t created = 0, ended = 0;
    std::int64_t in_state[states] = {}, unstarted[states] = {};
    Span id, start, end, duration;
    bool lost = false;  // an ended task has changed
  };

  void tally(const Changes& changes);
  static void add(Tally& tally, const TaskInstanceRow& row);
  void write_ended(Database& db, RunSeq run);

  std::unordered_map<std::int64_t, Tally> tallies_;  // of live runs that got their rows here
};

}  // namespace batuta
