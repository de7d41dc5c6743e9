#include "scheduler/core/dag.h"
#include "scheduler/core/partition.h"

#include <algorithm>
#include <bit>
#include <limits>
#include <map>
#include <string>
#include <string_view>
#include <unordered_set>

namespace batuta {
namespace {

// Tasks so that every upstream stands before its downstreams; shorter than the list on a cycle.
std::vector<TaskIndex> topological_order(const Dag& dag) {
  std::vector<std::size_t> left(dag.tasks.size());
  std::vector<TaskIndex> order;
  order.reserve(dag.tasks.size());
  for (TaskIndex i = 0; i < dag.tasks.size(); ++i) {
    left[i] = dag.tasks[i].upstream.size();
    if (left[i] == 0) order.push_back(i);
  }
  for (std::size_t at = 0; at < order.size(); ++at) {
    for (const TaskIndex down : dag.tasks[order[at]].downstream) {
      if (--left[down] == 0) order.push_back(down);
    }
  }
  return order;
}

// Walks upstream among the tasks that no order could place: each has such an upstream, so the walk
// comes round.
std::string describe_cycle(const Dag& dag, const std::vector<TaskIndex>& order) {
  std::vector<bool> placed(dag.tasks.size());
  for (const TaskIndex i : order) placed[i] = true;
  TaskIndex at = 0;
  while (placed[at]) ++at;
  std::vector<TaskIndex> path;
  std::vector<bool> seen(dag.tasks.size());
  while (!seen[at]) {
    seen[at] = true;
    path.push_back(at);
    at = *std::find_if(dag.tasks[at].upstream.begin(), dag.tasks[at].upstream.end(),
                       [&](TaskIndex up) { return !placed[up]; });
  }
  std::string text = dag.tasks[at].id;
  for (std::size_t i = path.size(); i-- > 0;) {
    text += " -> " + dag.tasks[path[i]].id;
    if (path[i] == at) break;
  }
  return text;
}

// Own weight plus that of everything reachable over `next`, each counted once. Reachability is
// computed for 64 tasks at a time; `order` has what is reachable before what reaches it.
template <class Next>
void add_reachable(Dag& dag, const std::vector<TaskIndex>& order, WeightRule rule, Next next) {
  const std::size_t count = dag.tasks.size();
  std::vector<std::int64_t> sum(count, 0);
  std::vector<std::uint64_t> reach(count);
  for (std::size_t base = 0; base < count; base += 64) {
    const std::size_t end = std::min(count, base + 64);
    const std::int64_t weight = dag.tasks[base].priority_weight;
    const bool uniform =
        std::all_of(dag.tasks.begin() + static_cast<std::ptrdiff_t>(base),
                    dag.tasks.begin() + static_cast<std::ptrdiff_t>(end),
                    [&](const Task& task) { return task.priority_weight == weight; });
    for (const TaskIndex i : order) {
      std::uint64_t mask = i >= base && i < end ? std::uint64_t{1} << (i - base) : 0;
      for (const TaskIndex other : next(dag.tasks[i])) mask |= reach[other];
      reach[i] = mask;
      if (uniform) {
        sum[i] += weight * std::popcount(mask);
        continue;
      }
      for (; mask != 0; mask &= mask - 1) {
        sum[i] +=
            dag.tasks[base + static_cast<std::size_t>(std::countr_zero(mask))].priority_weight;
      }
    }
  }
  using Limits = std::numeric_limits<std::int32_t>;
  for (std::size_t i = 0; i < count; ++i) {
    if (dag.tasks[i].weight_rule != rule) continue;
    dag.tasks[i].effective_weight =
        static_cast<std::int32_t>(std::clamp<std::int64_t>(sum[i], Limits::min(), Limits::max()));
  }
}

void fill_weights(Dag& dag, std::vector<TaskIndex> order) {
  const auto has = [&](WeightRule rule) {
    return std::any_of(dag.tasks.begin(), dag.tasks.end(),
                       [&](const Task& task) { return task.weight_rule == rule; });
  };
  for (Task& task : dag.tasks) task.effective_weight = task.priority_weight;
  if (has(WeightRule::upstream)) {
    add_reachable(
        dag, order, WeightRule::upstream,
        [](const Task& task) -> const auto& { return task.upstream; });
  }
  if (has(WeightRule::downstream)) {
    std::reverse(order.begin(), order.end());
    add_reachable(
        dag, order, WeightRule::downstream,
        [](const Task& task) -> const auto& { return task.downstream; });
  }
}

Status link_tasks(Dag& dag) {
  std::unordered_set<std::string_view> ids;
  for (const Task& task : dag.tasks) {
    if (!ids.insert(task.id).second) {
      return {Errc::invalid, "two tasks are called '" + task.id + "'", "/tasks"};
    }
  }
  for (TaskIndex i = 0; i < dag.tasks.size(); ++i) {
    Task& task = dag.tasks[i];
    const std::string where = "/tasks/" + std::to_string(i) + "/depends_on";
    std::sort(task.upstream.begin(), task.upstream.end());
    task.upstream.erase(std::unique(task.upstream.begin(), task.upstream.end()),
                        task.upstream.end());
    task.downstream.clear();
    for (const TaskIndex up : task.upstream) {
      if (up >= dag.tasks.size()) return {Errc::invalid, "no such task to depend on", where};
      if (up == i) return {Errc::invalid, "'" + task.id + "' depends on itself", where};
    }
  }
  for (TaskIndex i = 0; i < dag.tasks.size(); ++i) {
    for (const TaskIndex up : dag.tasks[i].upstream) dag.tasks[up].downstream.push_back(i);
  }
  return success();
}

// Everything reachable over `next` from these tasks, themselves included.
template <class Next>
std::vector<bool> reachable(const Dag& dag, std::vector<TaskIndex> from, Next next) {
  std::vector<bool> seen(dag.tasks.size());
  for (const TaskIndex i : from) seen[i] = true;
  while (!from.empty()) {
    const TaskIndex at = from.back();
    from.pop_back();
    for (const TaskIndex other : next(dag.tasks[at])) {
      if (!seen[other]) from.push_back(other);
      seen[other] = true;
    }
  }
  return seen;
}

// Airflow's get_upstreams_only_setups, without those directly upstream: the trigger rule knows
// them.
void guard(Dag& dag, TaskIndex setup) {
  const Task& task = dag.tasks[setup];
  std::vector<TaskIndex> teardowns;
  for (const TaskIndex down : task.downstream) {
    if (dag.tasks[down].is_teardown) teardowns.push_back(down);
  }
  const auto down = [](const Task& t) -> const auto& {
    return t.downstream;
  };
  const auto up = [](const Task& t) -> const auto& {
    return t.upstream;
  };
  const std::vector<bool> after = reachable(dag, {setup}, down);
  const std::vector<bool> before = reachable(dag, teardowns, up);
  for (TaskIndex i = 0; i < dag.tasks.size(); ++i) {
    Task& other = dag.tasks[i];
    if (i == setup || !after[i]) continue;
    const bool direct = std::binary_search(other.upstream.begin(), other.upstream.end(), setup);
    const bool between = teardowns.empty() || before[i];
    if (other.is_teardown ? direct : (between && !direct)) other.setups.push_back(setup);
  }
}

void find_what_is_before(Dag& dag, TaskIndex teardown) {
  const std::vector<bool> before = reachable(
      dag, {teardown}, [](const Task& t) -> const auto& { return t.upstream; });
  for (TaskIndex i = 0; i < dag.tasks.size(); ++i) {
    if (before[i] && i != teardown) dag.tasks[i].torn_down_by.push_back(teardown);
  }
}

Status find_setups(Dag& dag) {
  std::size_t setups = 0, teardowns = 0, pairs = 0;
  for (TaskIndex i = 0; i < dag.tasks.size(); ++i) {
    setups += dag.tasks[i].is_setup ? 1 : 0;
    teardowns += dag.tasks[i].is_teardown ? 1 : 0;
  }
  if (std::max(setups, teardowns) > max_setups_per_dag) {
    return {Errc::invalid,
            "a DAG may have at most " + std::to_string(max_setups_per_dag) +
                " setups, and as many teardowns",
            "/tasks"};
  }
  for (TaskIndex i = 0; i < dag.tasks.size(); ++i) {
    if (dag.tasks[i].is_setup) guard(dag, i);
    if (dag.tasks[i].is_teardown) find_what_is_before(dag, i);
  }
  for (TaskIndex i = 0; i < dag.tasks.size(); ++i) {
    pairs += dag.tasks[i].setups.size() + dag.tasks[i].torn_down_by.size();
    if (pairs > max_guarded_tasks) {
      return {Errc::invalid,
              "more than " + std::to_string(max_guarded_tasks) +
                  " pairs of a task and a setup before it or a teardown after it: fewer setups "
                  "and teardowns would do",
              "/tasks"};
    }
    for (const TaskIndex setup : dag.tasks[i].setups) dag.tasks[setup].guards.push_back(i);
  }
  return success();
}

// A teardown's end does not count unless asked, and what only teardowns follow is a leaf.
void find_leaves(Dag& dag) {
  bool any = false;
  for (Task& task : dag.tasks) {
    const bool followed = std::any_of(task.downstream.begin(), task.downstream.end(),
                                      [&](TaskIndex i) { return !dag.tasks[i].is_teardown; });
    task.decides = task.is_teardown ? task.on_failure_fail_dagrun : !followed;
    any = any || task.decides;
  }
  if (any) return;
  for (Task& task : dag.tasks) task.decides = true;
}

}  // namespace

namespace {

void find_mapped_groups(Dag& dag) {
  std::map<std::string, TaskIndex> leads;
  for (TaskIndex i = 0; i < dag.tasks.size(); ++i) {
    Task& task = dag.tasks[i];
    task.mapping_lead = i;
    if (task.mapped_group.empty()) continue;
    task.mapping_lead = leads.emplace(task.mapped_group, i).first->second;
    dag.tasks[task.mapping_lead].mapped_together.push_back(i);
  }
}

}  // namespace

Result<std::shared_ptr<const Dag>> finish_dag(Dag dag) {
  if (dag.tasks.size() > max_tasks_per_dag) {
    return {Errc::invalid,
            std::to_string(dag.tasks.size()) + " tasks; a DAG may have at most " +
                std::to_string(max_tasks_per_dag),
            "/tasks"};
  }
  if (Status linked = link_tasks(dag); !linked) return linked.error();
  std::vector<TaskIndex> order = topological_order(dag);
  if (order.size() < dag.tasks.size()) {
    return {Errc::invalid, "the tasks depend on each other: " + describe_cycle(dag, order),
            "/tasks"};
  }
  if (Status found = find_setups(dag); !found) return found.error();
  find_leaves(dag);
  find_mapped_groups(dag);
  fill_weights(dag, std::move(order));
  return std::shared_ptr<const Dag>(std::make_shared<Dag>(std::move(dag)));
}

bool looks_back(const Task& task) {
  return task.depends_on_past || task.wait_for_downstream;
}

bool uses_past(const Dag& dag) {
  return std::any_of(dag.tasks.begin(), dag.tasks.end(), looks_back);
}

std::string partition_of_tick(const Dag& dag, Time logical_date) {
  if (!dag.tick_partition) return {};
  return partition_key_of(logical_date, dag.schedule.zone.get(), *dag.tick_partition);
}

bool asks_runtimes(const Dag& dag) {
  return std::any_of(dag.deadlines.begin(), dag.deadlines.end(), [](const Deadline& deadline) {
    return deadline.reference == Deadline::Reference::average_runtime;
  });
}

std::string describe_schedule(const Dag& dag) {
  if (!dag.waits_for) return describe(dag.schedule, dag.schedule_text);
  const std::string assets = dag.stale_asset.empty()
                                 ? "Triggered by assets"
                                 : "While " + dag.stale_asset + " is older than what it is made of";
  if (dag.schedule.kind == Timetable::Kind::none) return assets;
  constexpr std::string_view by_assets = "Asset or ";
  std::string_view ticks = dag.schedule_text;
  if (ticks.starts_with(by_assets)) ticks.remove_prefix(by_assets.size());
  return assets + " or " + describe(dag.schedule, std::string(ticks));
}

std::vector<TaskIndex> tasks_of_group(const Dag& dag, std::string_view group_id) {
  std::vector<std::string_view> groups{group_id};
  for (std::size_t at = 0; at < groups.size(); ++at) {  // inner ones behind outer ones
    for (const TaskGroup& group : dag.groups) {
      if (!group.parent.empty() && group.parent == groups[at]) groups.push_back(group.id);
    }
  }
  std::vector<TaskIndex> tasks;
  for (TaskIndex i = 0; i < dag.tasks.size(); ++i) {
    const std::string& of = dag.tasks[i].group;
    if (!of.empty() && std::find(groups.begin(), groups.end(), of) != groups.end()) {
      tasks.push_back(i);
    }
  }
  return tasks;
}

std::optional<TaskIndex> find_task(const Dag& dag, std::string_view task_id) {
  for (TaskIndex i = 0; i < dag.tasks.size(); ++i) {
    if (dag.tasks[i].id == task_id) return i;
  }
  return std::nullopt;
}

}  // namespace batuta
