// What begins and ends in a turn: runs, and the tries of their tasks. Events of lineage and traces
// are made of it.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "common/time.h"
#include "common/uuid.h"
#include "scheduler/core/dag.h"
#include "scheduler/core/effects.h"
#include "scheduler/core/rows.h"

namespace batuta {

// `start` and one of `complete`, `fail`, `abort` of each run; `running` tells what is known before
// its end.
enum class MomentType : std::uint8_t { start, running, complete, fail, abort };

struct Moment {
  MomentType type = MomentType::start;
  Time when;
};

// A try that has begun and not ended, whoever runs it.
bool is_under_way(TaskState state);

struct Moments {
  std::function<void(const RunRow&, const Moment&)> run;
  // A try, with the row in which it began or ended.
  std::function<void(const TaskInstanceRow&, const Moment&)> attempt;
  std::function<void()> between{};  // after all tries, before the ends of runs
};

// A run's start comes before what its tasks do, and its end behind. Follows from the changes alone.
void each_moment(const Changes& changes, const Now& now, const Moments& told);

// RFC 9562, version 5: the same name in the same namespace is always the same id.
Uuid named_uuid(const Uuid& space, std::string_view name);
// Of a DAG run since its last start: what a clear opens again is another one.
Uuid run_event_id(const RunRow& run);
// Of one try of a task instance.
Uuid attempt_event_id(const Uuid& run, const std::string& task_id, MapIndex map_index,
                      std::int32_t try_number);

}  // namespace batuta
