// A mapped task gets its instances. When its rule lets it run, the engine is asked over what it is
// mapped; the answer adds instances, or takes away those that a shorter list has not any more.
#include <algorithm>

#include "scheduler/core/mapped_group.h"
#include "scheduler/core/mutant.h"
#include "scheduler/core/turn.h"

namespace batuta {
namespace {

void add_instance(Turn& turn, LiveRun& run, TaskIndex task, std::int32_t number) {
  TaskInstanceRow row;
  row.id = ++turn.state.last_instance;
  row.run = run.row().seq;
  row.task = task;
  row.map_index = MapIndex{number};
  // Under this number another task's instances may have run, before the run took another version
  // (on_backfill.cc); the first instance began beyond their tries.
  const InstanceHot& first = run.task(first_instance(task));
  row.fence = first.fence;
  const std::int32_t retries = run.definition(task).retry.retries;
  if (run.row().backfill != 0 && run.row().clear_number > 0) {
    row.try_number = std::max(0, first.max_tries - retries);
  }
  row.max_tries = row.try_number + retries;
  run.stored.add(std::move(row));
  run.cells.emplace_back();
  ++run.unfinished;
  if (mutant("forget_added_upstreams")) return;
  for (const TaskIndex down : run.definition(task).downstream) {
    if (!is_mapped_with(*run.stored.dag, task, down)) ++run.upstreams[down].total;
  }
  for (const TaskIndex guarded : run.definition(task).guards) ++run.setups[guarded].total;
  for (const TaskIndex teardown : run.definition(task).torn_down_by) ++run.open_before[teardown];
}

std::vector<InstanceIndex> all_of(const LiveRun& run, TaskIndex task) {
  return instances_of(run, {task});
}

// What the list has not any more is none of the task's instances; what runs still may end.
void remove_instance(Turn& turn, LiveRun& run, InstanceIndex i, std::int32_t count) {
  const TaskState state = run.task(i).state;
  if (state == TaskState::removed || (state != TaskState::none && !is_terminal(state))) return;
  if (mutant("keep_beyond_length")) return;
  touch(turn, run, i);
  run.detail(i).reason = "mapped over " + std::to_string(count) + (count == 1 ? " item" : " items");
  move_task(turn, run, i, Cause::shrunk, TaskState::removed);
}

void skip_first(Turn& turn, LiveRun& run, InstanceIndex first) {
  if (run.task(first).state != TaskState::none) return;
  end_task(turn, run, first, Cause::skipped, TaskState::skipped, "mapped over nothing");
}

void add_missing(Turn& turn, LiveRun& run, TaskIndex task, std::int32_t count) {
  const auto have = static_cast<std::int32_t>(all_of(run, task).size());
  if (have >= count) return;
  // Of a task with one instance the ready ones are listed in another way.
  const InstanceIndex first = first_instance(task);
  const bool relist = have == 1 && run.task(first).state == TaskState::scheduled &&
                      run.definition(task).needs_worker();
  if (relist) remove_ready(turn.state, run, first);
  touch(turn, run);
  for (std::int32_t number = have; number < count; ++number) {
    add_instance(turn, run, task, number);
  }
  if (relist) add_ready(turn.state, run, first, turn.now.boot);
}

// The task, or all of its mapped group.
std::vector<TaskIndex> mapped_as_one(const LiveRun& run, TaskIndex task) {
  const Task& lead = run.definition(run.definition(task).mapping_lead);
  return lead.mapped_together.empty() ? std::vector{task} : lead.mapped_together;
}

// Of a group those fail that would run now; the others follow by their rules.
void fail_expansion(Turn& turn, LiveRun& run, TaskIndex asked, const std::string& why) {
  for (const TaskIndex task : mapped_as_one(run, asked)) {
    for (const InstanceIndex i : all_of(run, task)) {
      if (run.task(i).state != TaskState::none) continue;
      const bool in_group = !run.definition(task).mapped_group.empty();
      if (in_group && verdict_of(run, i) != Verdict::run) continue;
      end_task(turn, run, i, Cause::unmappable, TaskState::failed, why);
    }
  }
}

// What was decided of a task of a mapped group before the group had its instances, as by a branch
// or by hand, was decided of all of them.
bool is_decided(const LiveRun& run, TaskIndex task) {
  const InstanceHot& first = run.task(first_instance(task));
  if (run.definition(task).mapped_group.empty() || first.state == TaskState::removed) return false;
  return first.left_out_by || (first.map_index == unmapped && is_terminal(first.state));
}

void end_as_first(Turn& turn, LiveRun& run, TaskIndex task) {
  const InstanceIndex first = first_instance(task);
  const TaskState state = run.task(first).state;
  Cause cause = Cause::marked;
  if (state == TaskState::upstream_failed) cause = Cause::rule_failed;
  if (state == TaskState::skipped) {
    cause = run.task(first).continued ? Cause::rule_skipped : Cause::left_out;
  }
  const std::string why = run.detail(first).reason;
  for (const InstanceIndex i : all_of(run, task)) {
    if (run.task(i).state != TaskState::none) continue;
    end_task(turn, run, i, cause, state, why);
    run.task(i).left_out_by = run.task(first).left_out_by;
  }
}

void expand_task(Turn& turn, LiveRun& run, TaskIndex task, std::int32_t count,
                 const std::vector<std::string>& names) {
  const InstanceIndex first = first_instance(task);
  const bool decided = is_decided(run, task);
  if (run.task(first).map_index == unmapped && count > 0) {
    touch(turn, run, first);
    run.task(first).map_index = MapIndex{0};
  }
  add_missing(turn, run, task, count);
  if (decided) end_as_first(turn, run, task);
  if (count == 0) skip_first(turn, run, first);
  for (const InstanceIndex i : all_of(run, task)) {
    const std::int32_t number = number_of(run.task(i).map_index);
    if (number >= count && number > 0) {
      remove_instance(turn, run, i, count);
      continue;
    }
    if (run.task(i).state == TaskState::removed) clear_task(turn, run, i);
    if (const auto at = static_cast<std::size_t>(number);
        at < names.size() && run.detail(i).map_name != names[at]) {
      touch(turn, run, i);
      run.detail(i).map_name = names[at];
    }
    if (run.task(i).state == TaskState::none) check_later(turn.state, run, i);
  }
}

}  // namespace

bool number_as_group(Turn& turn, LiveRun& run, InstanceIndex i) {
  const TaskIndex task = run.stored.task_of(i);
  if (run.definition(task).mapped_group.empty() || run.task(i).map_index != unmapped) return false;
  std::vector<std::string> names;
  std::int32_t count = 0;
  for (const TaskIndex other : mapped_as_one(run, task)) {
    for (const InstanceIndex each : all_of(run, other)) {
      const std::int32_t number = number_of(run.task(each).map_index);
      if (number < 0 || run.task(each).state == TaskState::removed) continue;
      count = std::max(count, number + 1);
      names.resize(static_cast<std::size_t>(count));
      if (names[static_cast<std::size_t>(number)].empty())
        names[static_cast<std::size_t>(number)] = run.detail(each).map_name;
    }
  }
  if (count == 0) return false;
  expand_task(turn, run, task, count, names);
  return true;
}

void ask_expansion(Turn& turn, LiveRun& run, TaskIndex task) {
  TaskCell& cell = mapping_cell(run, task);
  if (cell.expanding) return;
  cell.expanding = true;
  turn.out.expansions.push_back({run.row().seq, task});
}

void expand_tasks(Turn& turn, LiveRun& run, TaskIndex asked, std::int32_t count,
                  const std::vector<std::string>& names) {
  BATUTA_CHECK(count >= 0 && count <= max_map_length, std::to_string(count));
  BATUTA_CHECK(run.stored.has_rows(), "only a task of a run with rows can be expanded");
  for (const TaskIndex task : mapped_as_one(run, asked)) {
    // What the run was triggered without, or was deleted, stays so until it is cleared.
    if (task != asked && run.task(first_instance(task)).state == TaskState::removed) continue;
    expand_task(turn, run, task, count, names);
  }
  mapping_cell(run, asked).expanded = true;  // what was cleared above would be asked about again
}

void on(Turn& turn, const TaskExpanded& event) {
  const auto at = turn.state.runs.find(event.run);
  if (at == turn.state.runs.end() || at->second->deleted) return;
  LiveRun& run = *at->second;
  if (!run.stored.has_rows()) return;
  TaskCell& cell = mapping_cell(run, event.task);
  if (!cell.expanding) return;
  cell.expanding = false;
  if (run.row().state != DagRunState::running || ends_with_run(run, first_instance(event.task))) {
    return;
  }
  const std::size_t together = mapped_as_one(run, event.task).size();
  if (together * static_cast<std::size_t>(event.count) > max_map_length) {
    return fail_expansion(turn, run, event.task,
                          "mapped over " + std::to_string(event.count) + " items with " +
                              std::to_string(together) +
                              " tasks each: a mapped group has at most " +
                              std::to_string(max_map_length) + " task instances");
  }
  if (!event.failure.empty()) return fail_expansion(turn, run, event.task, event.failure);
  expand_tasks(turn, run, event.task, event.count, event.names);
}

}  // namespace batuta
