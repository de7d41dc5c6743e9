// A mapped task gets its instances.
#include "scheduler/core/turn.h"

namespace batuta {
namespace {

void add_instance(Turn& turn, LiveRun& run, TaskIndex task, std::int32_t number) {
  TaskInstanceRow row;
  row.id = ++turn.state.last_instance;
  row.run = run.row().seq;
  row.task = task;
  row.map_index = MapIndex{number};
  row.max_tries = run.definition(task).retry.retries;
  run.stored.add(std::move(row));
  run.cells.emplace_back();
  ++run.unfinished;
  for (const TaskIndex down : run.definition(task).downstream) ++run.upstreams[down].total;
}

}  // namespace

void expand_task(Turn& turn, LiveRun& run, TaskIndex task, std::int32_t count) {
  const InstanceIndex first = first_instance(task);
  BATUTA_CHECK(count >= 0 && count <= max_map_length, std::to_string(count));
  BATUTA_CHECK(run.stored.has_rows() && run.task(first).state == TaskState::none &&
                   run.task(first).map_index == unmapped,
               "only what has not been expanded or looked at can be: " + run.definition(task).id);
  if (count == 0) {
    return end_task(turn, run, first, Cause::skipped, TaskState::skipped, "mapped over nothing");
  }
  touch(turn, run);
  touch(turn, run, first);
  run.task(first).map_index = MapIndex{0};
  for (std::int32_t number = 1; number < count; ++number) add_instance(turn, run, task, number);
  run.stored.each_of(task, [&](InstanceIndex i) { check_later(turn.state, run, i); });
}

}  // namespace batuta
