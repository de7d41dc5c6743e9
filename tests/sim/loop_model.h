// What a loop makes of a try, told once more and in other words than the core's.
#pragma once

#include "scheduler/core/dag.h"
#include "tests/sim/conditions.h"

namespace batuta::sim {

// The same attempt always returns what its loop looks for, or never.
inline bool returns_what_fits(const Task& task, const AttemptKey& key) {
  if (task.repeat.result_json.empty()) return true;
  return drawn_for(key.run, 90 + key.task * 977 + static_cast<std::uint64_t>(key.fence)) > 5;
}

enum class LoopSays : std::uint8_t { nothing, again, over };

inline LoopSays loop_says(const Task& task, const Finished& report) {
  const Repeat& loop = task.repeat;
  if (loop.max == 0) return LoopSays::nothing;
  const bool well = report.outcome == Outcome::success;
  const bool by_code =
      report.outcome == Outcome::failed && report.exit_code > 0 && !loop.exit_codes.empty();
  if (!well && !by_code) return LoopSays::nothing;
  bool named = loop.exit_codes.empty();
  for (const CodeRange& range : loop.exit_codes) {
    named = named || (range.least <= report.exit_code && report.exit_code <= range.most);
  }
  const bool printed = loop.output.empty() || report.output_found;
  const bool met = named && printed && returns_what_fits(task, report.key);
  if (met == loop.until) return loop.until ? LoopSays::over : LoopSays::nothing;
  return LoopSays::again;
}

}  // namespace batuta::sim
