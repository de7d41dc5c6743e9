// What waits for a slot, ordered: each run's ready tasks in groups, the groups in lanes.
#include <algorithm>
#include <map>
#include <numeric>
#include <tuple>

#include "scheduler/core/mutant.h"
#include "scheduler/core/turn.h"

namespace batuta {
namespace {

LaneNo lane_number(SchedulerState& state, PoolNo pool, PluginNo plugin) {
  const auto [at, added] =
      state.lane_numbers.emplace(std::pair(pool, plugin), static_cast<LaneNo>(state.lanes.size()));
  if (added) {
    state.lanes.emplace_back();
    state.lanes.back().pool = pool;
    state.lanes.back().plugin = plugin;
  }
  return at->second;
}

// What must be equal for two tasks to share a group; the task itself when it has its own limit.
using GroupKey = std::tuple<LaneNo, std::int32_t, std::int64_t>;

void rank_group(GroupSpec& group, const Dag& dag, std::vector<std::uint32_t>& rank_of) {
  std::stable_sort(group.by_rank.begin(), group.by_rank.end(), [&](TaskIndex a, TaskIndex b) {
    return dag.tasks[a].effective_weight > dag.tasks[b].effective_weight;
  });
  for (std::uint32_t rank = 0; rank < group.by_rank.size(); ++rank) {
    rank_of[group.by_rank[rank]] = rank;
  }
}

// Whether a ready group may stand in its lane. What depends on workers or on the pool's use is
// asked at dispatch instead.
bool may_be_offered(const SchedulerState& state, const LiveRun& run, const GroupSpec& spec) {
  const LivePool& pool = state.pools[spec.pool];
  if (!pool.exists || (pool.row.slots >= 0 && spec.pool_slots > pool.row.slots)) return false;
  if (!run_has_room(run)) return false;
  return !spec.limited || task_has_room(run, *spec.limited);
}

void withdraw(SchedulerState& state, ReadyGroup& group, LaneNo number) {
  Lane& lane = state.lanes[number];
  lane.by_priority.erase(group.key);
  lane.by_age.erase(group.turn);
  group.offered = false;
  if (lane.by_priority.empty()) state.busy_lanes.erase(number);
}

}  // namespace

PoolNo pool_number(SchedulerState& state, const std::string& name) {
  const auto [at, added] =
      state.pool_numbers.emplace(name, static_cast<PoolNo>(state.pools.size()));
  if (added) {
    state.pools.emplace_back();
    state.pools.back().row.name = name;
  }
  return at->second;
}

// No id has a '@': the default queue's bear the plugins' own names.
PluginNo plugin_number(SchedulerState& state, const std::string& name, std::string_view queue) {
  const std::string routed = queue == default_queue ? name : name + "@" + std::string(queue);
  const auto [at, added] =
      state.plugin_numbers.emplace(routed, static_cast<PluginNo>(state.plugins.size()));
  if (added) {
    state.plugins.emplace_back();
    state.plugins.back().name = name;
    state.plugins.back().queue = queue;
  }
  return at->second;
}

std::shared_ptr<const DispatchPlan> make_plan(SchedulerState& state, const Dag& dag) {
  auto plan = std::make_shared<DispatchPlan>();
  plan->group_of.resize(dag.tasks.size());
  plan->rank_of.resize(dag.tasks.size());
  std::map<GroupKey, GroupNo> known;
  for (TaskIndex i = 0; i < dag.tasks.size(); ++i) {
    const Task& task = dag.tasks[i];
    const PoolNo pool = pool_number(state, task.pool);
    const PluginNo plugin =
        plugin_number(state, task.plugin, mutant("ignore_queue") ? default_queue : task.queue);
    const LaneNo lane = lane_number(state, pool, plugin);
    const bool limited = task.max_active_tis_per_dag > 0 || task.max_active_tis_per_dagrun > 0;
    const GroupKey key{lane, task.pool_slots, limited ? std::int64_t{i} : -1};
    const auto [at, added] = known.emplace(key, static_cast<GroupNo>(plan->groups.size()));
    if (added) {
      plan->groups.push_back({lane, pool, plugin, task.pool_slots, std::nullopt, {}});
      if (limited) plan->groups.back().limited = i;
    }
    plan->group_of[i] = at->second;
    plan->groups[at->second].by_rank.push_back(i);
  }
  plan->uses_past = uses_past(dag);
  for (GroupSpec& group : plan->groups) rank_group(group, dag, plan->rank_of);
  plan->by_id.resize(dag.tasks.size());
  std::iota(plan->by_id.begin(), plan->by_id.end(), TaskIndex{0});
  std::sort(plan->by_id.begin(), plan->by_id.end(),
            [&](TaskIndex a, TaskIndex b) { return dag.tasks[a].id < dag.tasks[b].id; });
  return plan;
}

std::shared_ptr<const DispatchPlan> plan_of(SchedulerState& state, LiveDag& dag,
                                            const Dag& pinned) {
  if (pinned.version == dag.dag->version) return dag.plan;
  std::erase_if(dag.older_plans, [](const auto& entry) { return entry.second.expired(); });
  std::weak_ptr<const DispatchPlan>& kept = dag.older_plans[pinned.version];
  std::shared_ptr<const DispatchPlan> plan = kept.lock();
  if (!plan) kept = plan = make_plan(state, pinned);
  return plan;
}

std::optional<TaskIndex> find_planned(const LiveRun& run, std::string_view task_id) {
  const auto& by_id = run.plan->by_id;
  const auto at =
      std::lower_bound(by_id.begin(), by_id.end(), task_id,
                       [&](TaskIndex i, std::string_view id) { return run.definition(i).id < id; });
  if (at == by_id.end() || run.definition(*at).id != task_id) return std::nullopt;
  return *at;
}

std::optional<InstanceIndex> find_instance(const LiveRun& run, std::string_view task_id,
                                           MapIndex map_index) {
  const std::optional<TaskIndex> task = find_planned(run, task_id);
  return task ? run.stored.find(*task, map_index) : std::nullopt;
}

bool run_has_room(const LiveRun& run) {
  // What is ready in a run that is being ended is a teardown.
  if (run.row().state != DagRunState::running || run.deleted) return false;
  if (run.dag->row.is_paused && run.is_held() && !mutant("launch_while_paused")) return false;
  if (run.row().is_paused && run.is_held() && !mutant("launch_in_paused_run")) return false;
  const std::int32_t limit = run.dag->dag->max_active_tasks;
  return run.active < limit || limit <= 0 || mutant("ignore_max_active_tasks");
}

bool task_has_room(const LiveRun& run, TaskIndex index) {
  const Task& task = run.definition(index);
  if (mutant("ignore_task_limit")) return true;
  const auto in_run = run.active_of_task.find(index);
  if (task.max_active_tis_per_dagrun > 0 && in_run != run.active_of_task.end() &&
      in_run->second >= task.max_active_tis_per_dagrun && !mutant("ignore_run_task_limit")) {
    return false;
  }
  if (task.max_active_tis_per_dag <= 0) return true;
  const auto at = run.dag->active_of_task.find(task.id);
  return at == run.dag->active_of_task.end() || at->second < task.max_active_tis_per_dag;
}

void refresh_group(SchedulerState& state, LiveRun& run, GroupNo number, Boot now) {
  ReadyGroup& group = run.groups[number];
  const GroupSpec& spec = run.plan->groups[number];
  if (group.ready.empty() || !may_be_offered(state, run, spec)) {
    if (group.offered) withdraw(state, group, spec.lane);
    return;
  }
  const TaskIndex best = spec.by_rank[group.ready.first()];
  const LaneKey key{run.definition(best).effective_weight, run.date(), run.row().seq, number};
  Lane& lane = state.lanes[spec.lane];
  if (!group.offered) {
    group.offered = true;
    group.turn = ++state.last_offer;
    group.since = now;
    lane.by_age.emplace(group.turn, std::pair(&run, number));
    lane.by_priority.emplace(key, &run);
    state.busy_lanes.insert(spec.lane);
  } else if (key.weight != group.key.weight) {
    auto node = lane.by_priority.extract(group.key);
    node.key() = key;
    lane.by_priority.insert(std::move(node));
  }
  group.key = key;
}

void refresh_groups(SchedulerState& state, LiveRun& run, Boot now) {
  for (GroupNo group = 0; group < run.groups.size(); ++group) refresh_group(state, run, group, now);
}

void refresh_dag(SchedulerState& state, LiveDag& dag, Boot now) {
  for (auto& [seq, run] : dag.running) refresh_groups(state, *run, now);
}

InstanceIndex first_ready(LiveRun& run, GroupNo number) {
  ReadyGroup& group = run.groups[number];
  const TaskIndex task = run.plan->groups[number].by_rank[group.ready.first()];
  const auto mapped = group.mapped.find(task);
  return mapped == group.mapped.end() ? first_instance(task) : *mapped->second.begin();
}

void add_ready(SchedulerState& state, LiveRun& run, InstanceIndex i, Boot now) {
  const TaskIndex task = run.task(i).task;
  const GroupNo number = run.plan->group_of[task];
  const std::uint32_t rank = run.plan->rank_of[task];
  ReadyGroup& group = run.groups[number];
  if (run.stored.mapped.contains(task)) group.mapped[task].insert(i);
  if (!group.ready.contains(rank)) group.ready.insert(rank);
  ++group.size;
  refresh_group(state, run, number, now);
}

void remove_ready(SchedulerState& state, LiveRun& run, InstanceIndex i) {
  const TaskIndex task = run.task(i).task;
  const GroupNo number = run.plan->group_of[task];
  ReadyGroup& group = run.groups[number];
  --group.size;
  const auto mapped = group.mapped.find(task);
  if (mapped != group.mapped.end()) mapped->second.erase(i);
  if (mapped == group.mapped.end() || mapped->second.empty()) {
    group.ready.erase(run.plan->rank_of[task]);
    if (mapped != group.mapped.end()) group.mapped.erase(mapped);
  }
  // The time only dates a new offer, and taking a task away makes none.
  refresh_group(state, run, number, group.since);
}

}  // namespace batuta
