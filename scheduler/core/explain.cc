#include "scheduler/core/explain.h"

#include <algorithm>

#include "scheduler/core/mapped_group.h"
#include "scheduler/core/turn.h"

namespace batuta {
namespace {

using Reasons = std::vector<Reason>;

std::string number(std::int64_t value) {
  return std::to_string(value);
}

// Levenshtein distance, given up at `limit`.
std::size_t edit_distance(std::string_view a, std::string_view b, std::size_t limit) {
  if (a.size() > b.size()) std::swap(a, b);
  if (b.size() - a.size() >= limit) return limit;
  std::vector<std::size_t> row(a.size() + 1);
  for (std::size_t i = 0; i <= a.size(); ++i) row[i] = i;
  for (std::size_t j = 1; j <= b.size(); ++j) {
    std::size_t diagonal = std::exchange(row[0], j);
    for (std::size_t i = 1; i <= a.size(); ++i) {
      const std::size_t changed = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[i];
      row[i] = std::min({row[i] + 1, row[i - 1] + 1, changed});
    }
  }
  return std::min(row[a.size()], limit);
}

// The plugin, among those that live workers offer, that the name may have meant; empty if none is
// near.
std::string suggest_plugin(const SchedulerState& state, std::string_view name) {
  std::string best;
  std::size_t best_distance = std::max<std::size_t>(2, name.size() / 3) + 1;
  for (const auto& [routed, number] : state.plugin_numbers) {
    const LivePlugin& plugin = state.plugins[number];
    if (plugin.workers.empty() || plugin.name == name) continue;
    const std::size_t distance = edit_distance(name, plugin.name, best_distance);
    if (distance < best_distance) {
      best_distance = distance;
      best = plugin.name;
    }
  }
  return best;
}

// Of a queued run: what its DAG's limits by key say. False: nothing.
bool explain_keys(const SchedulerState& state, const LiveRun& run, const Now& now, Reasons& out) {
  const Dag& dag = *run.dag->dag;
  if (run.keys_asked) {
    out.push_back({"Concurrency", "the keys that its DAG's limits count it under are being read"});
    return true;
  }
  const bool limited = dag.concurrency.is_set() || dag.rate.is_set();
  if (limited && !run.row().keys_known && run.dag->keys_asked >= state.options.max_keys_asked) {
    out.push_back({"Concurrency",
                   "the keys that its DAG's limits count it under are read when "
                   "those of " +
                       number(run.dag->keys_asked) + " runs before it are"});
    return true;
  }
  const auto& holders = holders_of_key(run);
  if (std::ssize(holders) >= dag.concurrency.limit && !holders.empty()) {
    std::string names;
    std::size_t listed = 0;
    for (const auto& [seq, holder] : holders) {
      if (++listed > 5) break;
      names += (names.empty() ? "" : ", ") + holder->row().dag_run_id;
    }
    out.push_back({"Concurrency", number(std::ssize(holders)) + " of at most " +
                                      number(dag.concurrency.limit) + " runs of the key '" +
                                      *run.row().concurrency_key + "' go on (" + names +
                                      (holders.size() > 5 ? ", …" : "") + "); this one is queued"});
    return true;
  }
  const OptTime opens = rate_opens_at(run, now.wall);
  if (!opens) return false;
  out.push_back({"Rate", "at most " + number(dag.rate.limit) + " runs of the key '" +
                             *run.row().rate_key + "' begin within " + per_text(dag.rate.per) +
                             ", and as many did; the next may begin at " + to_iso(*opens)});
  return true;
}

// Of a queued run that a backfill's limit is for.
void explain_backfill(const LiveBackfill& backfill, Reasons& out) {
  const std::string name = "backfill " + number(backfill.row.id);
  if (backfill.row.is_paused && backfill.row.phase == BackfillPhase::active) {
    out.push_back({"Backfill Not Paused", name + " is paused"});
  } else if (backfill.running >= backfill.row.max_active_runs) {
    out.push_back({"Max Active Runs", number(backfill.running) + " of at most " +
                                          number(backfill.row.max_active_runs) + " runs of " +
                                          name + " are active; this one is queued"});
  }
}

void explain_run(const SchedulerState& state, const LiveRun& run, const Now& now, Reasons& out) {
  const RunRow& row = run.row();
  const LiveDag& dag = *run.dag;
  if (row.ending) out.push_back({"Dagrun Running", "the run is being ended: " + row.reason});
  if (dag.row.is_paused) out.push_back({"Dag Not Paused", "DAG '" + row.dag_id + "' is paused"});
  if (row.is_paused) out.push_back({"Dagrun Running", "the run is paused"});
  if (row.state != DagRunState::queued) return;
  if (const auto at = state.backfills.find(row.backfill); at != state.backfills.end()) {
    explain_backfill(at->second, out);
    if (out.empty()) explain_keys(state, run, now, out);
    return;
  }
  if (const Time due = due_at(row); due > now.wall) {
    const bool dated = due != row.run_after;
    out.push_back(
        {dated ? "Execution Date" : "Dagrun Running",
         (dated ? "its logical date lies ahead: the run starts after " : "the run starts after ") +
             to_iso(due)});
  } else if (dag.dag->max_active_runs > 0 && running_of_dag(dag) >= dag.dag->max_active_runs) {
    out.push_back({"Max Active Runs", number(running_of_dag(dag)) + " of at most " +
                                          number(dag.dag->max_active_runs) +
                                          " runs are active; this one is queued"});
  } else if (explain_keys(state, run, now, out)) {
    return;
  } else if (!dag.row.is_paused) {
    out.push_back({"Dagrun Running", "the run is queued"});
  }
}

void explain_rule(const LiveRun& run, InstanceIndex i, Reasons& out) {
  const TaskIndex task = run.stored.task_of(i);
  UpstreamCounts c;  // of a run without rows: nothing has ended
  c.total = static_cast<std::int32_t>(run.definition(i).upstream.size());
  if (run.stored.has_rows()) c = upstream_counts(run, i);
  const TriggerRule rule = run.definition(i).trigger_rule;
  const std::vector<TaskIndex>& setups = run.definition(i).setups;
  const bool waits = run.stored.has_rows() ? verdict_of(run, i) == Verdict::wait
                                           : evaluate(rule, c) == Verdict::wait;
  if (waits && run.definition(i).is_teardown && run.stored.has_rows()) {
    out.push_back({"Trigger Rule", "it waits for all that comes before it: " +
                                       number(run.open_before[task]) + " have not ended"});
  } else if (waits && evaluate(rule, c) != Verdict::wait) {
    std::string names;
    for (const TaskIndex setup : setups) {
      names += (names.empty() ? "" : ", ") + run.definition(setup).id;
    }
    out.push_back({"Trigger Rule", "its setups have not all succeeded yet: " + names});
  } else if (waits) {
    std::string open;
    int listed = 0;
    for (const TaskIndex up : run.definition(i).upstream) {
      bool over = true;
      const auto look = [&](InstanceIndex each) {
        over = over && is_terminal(run.stored.state_of(each));
      };
      if (run.stored.has_rows() && is_mapped_with(*run.stored.dag, up, task)) {
        if (const auto peer = peer_of(run.stored, i, up)) look(*peer);
      } else {
        run.stored.each_of(up, look);
      }
      if (over) continue;
      if (++listed > 5) break;
      open += (open.empty() ? "" : ", ") + run.definition(up).id;
    }
    out.push_back(
        {"Trigger Rule", "rule '" + std::string(to_string(rule)) + "' waits: " + number(c.done()) +
                             " of " + number(c.total) + " upstream tasks are done (" +
                             number(c.success) + " success, " + number(c.skipped) + " skipped, " +
                             number(c.failed + c.upstream_failed) + " failed); waiting for " +
                             open + (listed > 5 ? ", …" : "")});
  } else if (run.stored.has_rows() && waits_for_group(run, i)) {
    out.push_back({"Task has been mapped", "its mapped group '" + run.definition(i).mapped_group +
                                               "' has not been expanded yet"});
  } else if (!past_allows(run, task)) {
    out.push_back({"Previous Dagrun State",
                   "depends on the past, and the task (or what follows it, with "
                   "wait_for_downstream) is not success or skipped in the previous run"});
  } else if (run.gate_asked || (run.stored.has_rows() && run.cell(i).gate_asked)) {
    const bool asks = run.gate_asked && run.stored.dag->asks_params;
    out.push_back({"Run If", asks
                                 ? "programs are asked for the values of its DAG's params"
                                 : std::string("whether the run_if of its ") +
                                       (run.gate_asked ? "DAG" : "task") + " holds is being read"});
  } else if (run.stored.has_rows() && mapping_cell(run, task).expanding) {
    out.push_back({"Task has been mapped", "what it is mapped over is being read"});
  }
}

// Or nobody listens to anything: then it is no matter of queues.
bool listens_to(const SchedulerState& state, const std::string& queue) {
  if (queue == default_queue && state.connections.empty()) return true;
  return std::any_of(state.connections.begin(), state.connections.end(), [&](const auto& one) {
    const auto& queues = one.second->queues;
    return std::find(queues.begin(), queues.end(), queue) != queues.end();
  });
}

ReasonTask named_task(const LiveRun& run, TaskIndex task, MapIndex map_index) {
  std::string text = "'" + run.definition(task).id + "'";
  if (map_index != unmapped) text += " [" + number(number_of(map_index)) + "]";
  return {run.row().dag_id, text + " of " + run.row().dag_id + ", run " + run.row().dag_run_id};
}

void name_task(Reason& reason, ReasonTask task) {
  if (reason.tasks.size() < max_tasks_found) {
    reason.tasks.push_back(std::move(task));
  } else {
    reason.more_tasks = true;
  }
}

// Who has the slots of these workers: first what runs, then what was launched to be the next.
void name_holders(const std::vector<LiveAgent*>& workers, Reason& reason) {
  for (const auto attempts : {&LiveAgent::started, &LiveAgent::unstarted}) {
    for (const LiveAgent* agent : workers) {
      for (const auto& [launch, ref] : agent->*attempts) {
        if (reason.more_tasks) return;
        const InstanceHot& row = ref.run->task(ref.instance);
        name_task(reason, named_task(*ref.run, row.task, row.map_index));
      }
    }
  }
}

bool any_idle(const LivePlugin& plugin) {
  return std::any_of(plugin.workers.begin(), plugin.workers.end(),
                     [](const LiveAgent* agent) { return agent->idle() > 0; });
}

void explain_worker(const SchedulerState& state, const Task& task, const LivePlugin& plugin,
                    Reasons& out) {
  if (plugin.workers.empty() && !listens_to(state, plugin.queue)) {
    out.push_back({"Worker", "no worker listens to the queue '" + plugin.queue +
                                 "'; start one with: batuta worker --queues " + plugin.queue});
    return;
  }
  if (plugin.workers.empty()) {
    std::string text = state.connections.empty() ? "no worker is connected; nobody offers "
                                                 : "no live worker offers ";
    text += task.plugin;
    if (plugin.queue != default_queue) text += " for the queue '" + plugin.queue + "'";
    const std::string meant = suggest_plugin(state, task.plugin);
    if (!meant.empty()) text += "; did you mean " + meant + "?";
    const auto drained = std::count_if(state.agents.begin(), state.agents.end(),
                                       [](const auto& agent) { return agent.second.drained; });
    if (drained > 0)
      text += "; " + std::to_string(drained) + " drained or leaving (batuta workers list)";
    out.push_back({"Worker", text});
    return;
  }
  std::int64_t slots = 0;
  std::int64_t assigned = 0;
  for (const LiveAgent* agent : plugin.workers) {
    slots += agent->slots;
    assigned += agent->assigned();
  }
  if (any_idle(plugin)) return;
  out.push_back({"Worker", "all " + number(slots) + " slots that can run " + task.plugin +
                               " are taken (" + number(assigned) + " attempts)"});
  name_holders(plugin.workers, out.back());
}

// Of an attempt that runs: whether tasks of other runs wait for a slot such as its own and there is
// none. What its program does is not known here; where it waits for one of them, nothing goes on.
void explain_holding(const SchedulerState& state, const LiveRun& run, InstanceIndex i,
                     Reasons& out) {
  LiveAgent* const agent = run.cell(i).agent;
  if (agent == nullptr) return;
  Reason reason{"Worker",
                "it holds a slot, none is free, and tasks of other runs wait for one; should it "
                "wait for one of those runs, neither goes on (a trigger_dag task with "
                "wait_for_completion and a sensor wait without a slot)"};
  for (const LaneNo number : state.busy_lanes) {
    const Lane& lane = state.lanes[number];
    const LivePool& pool = state.pools[lane.pool];
    if (pool.exists && pool.row.slots >= 0 && pool.occupied() >= pool.row.slots) continue;
    const LivePlugin& wanted = state.plugins[lane.plugin];
    const auto& workers = wanted.workers;
    if (std::find(workers.begin(), workers.end(), agent) == workers.end() || any_idle(wanted))
      continue;
    for (const auto& [key, waiting] : lane.by_priority) {
      if (waiting == &run) continue;
      if (reason.more_tasks) break;
      const std::uint32_t rank = waiting->groups[key.group].ready.first();
      const TaskIndex task = waiting->plan->groups[key.group].by_rank[rank];
      name_task(reason, named_task(*waiting, task, unmapped));
    }
  }
  if (!reason.tasks.empty()) out.push_back(std::move(reason));
}

void explain_dispatch(const SchedulerState& state, const LiveRun& run, InstanceIndex i,
                      Reasons& out) {
  const Task& task = run.definition(i);
  if (task.is_resolved && !run.is_held()) {
    out.push_back({"Wait", "no worker runs it; what becomes of it is being read"});
  }
  if (!task.needs_worker()) return;
  const GroupSpec& spec = run.group_spec(i);
  const LivePool& pool = state.pools[spec.pool];
  if (!pool.exists) {
    out.push_back({"Pool Slots Available", "pool '" + task.pool + "' does not exist"});
  } else if (pool.row.slots >= 0 && task.pool_slots > pool.row.slots) {
    out.push_back({"Pool Slots Available", "it needs " + number(task.pool_slots) +
                                               " slots; pool '" + task.pool + "' has only " +
                                               number(pool.row.slots)});
  } else if (pool.row.slots >= 0 && pool.occupied() + task.pool_slots > pool.row.slots) {
    out.push_back({"Pool Slots Available",
                   "it needs " + number(task.pool_slots) + " slots of pool '" + task.pool + "'; " +
                       number(pool.occupied()) + " of " + number(pool.row.slots) + " are taken"});
  }
  const std::int32_t limit = run.dag->dag->max_active_tasks;
  if (limit > 0 && run.active >= limit) {
    out.push_back({"Max Active Tasks", number(run.active) +
                                           " tasks of this run are active; at most " +
                                           number(limit) + " may be"});
  }
  if (spec.limited && !task_has_room(run, run.task(i).task)) {
    const auto in_run = run.active_of_task.find(run.task(i).task);
    const bool of_run = task.max_active_tis_per_dagrun > 0 && in_run != run.active_of_task.end() &&
                        in_run->second >= task.max_active_tis_per_dagrun;
    out.push_back({"Task Concurrency",
                   of_run
                       ? "max_active_tis_per_dagrun is " + number(task.max_active_tis_per_dagrun) +
                             ", and as many are active in this run"
                       : "max_active_tis_per_dag is " + number(task.max_active_tis_per_dag) +
                             ", and as many are active in this DAG"});
  }
  explain_worker(state, task, state.plugins[spec.plugin], out);
  if (out.empty()) out.push_back({"Worker", "tasks of higher priority go first"});
  if (const OptTime until = run.cell(i).patience) {
    const bool whole = total_end(run, i) == until;
    out.push_back({"Timeout", "it waits until " + to_iso(*until) + " at most (" +
                                  (whole ? "total_timeout)" : "queued_timeout)")});
  }
}

void explain_wait(const LiveRun& run, InstanceIndex i, Reasons& out) {
  const LiveWait& wait = run.waits.at(i);
  std::string text = "it waits for " + wait.row.about + ", and holds no slot";
  if (wait.next_check) text += "; it is looked at again at " + to_iso(*wait.next_check);
  if (wait.row.kind == WaitKind::check && !wait.next_check) text += "; it is being looked at";
  if (!run.detail(i).reason.empty()) text += " (last time: " + run.detail(i).reason + ")";
  if (wait.row.deadline) text += "; until " + to_iso(*wait.row.deadline) + " at most";
  out.push_back({"Wait", std::move(text)});
}

std::string in_parentheses(const std::string& text) {
  return text.empty() ? "" : " (" + text + ")";
}

// Why the try that ended is repeated.
void explain_retry(const SchedulerState& state, const LiveRun& run, InstanceIndex i, Reasons& out) {
  const InstanceHot& row = run.task(i);
  std::string spent =
      number(row.failures) + " of " + number(run.definition(i).retry.retries) + " retries are used";
  if (row.losses > 0) {
    spent += ", " + number(row.losses) + " of " + number(infrastructure_retries(state, run, i)) +
             " infrastructure retries";
  }
  out.push_back({"Not In Retry Period", "the next try is due at " +
                                            to_iso(*run.detail(i).retry_at) + "; " + spent +
                                            in_parentheses(run.detail(i).reason)});
}

// Why a try that was none too bad is followed by another one.
void explain_repeat(const LiveRun& run, InstanceIndex i, Reasons& out) {
  const Repeat& repeat = run.definition(i).repeat;
  const std::int32_t done = run.task(i).repeats;
  out.push_back({"Not In Reschedule Period",
                 std::string(repeat.until ? "its loop's condition does not hold yet: "
                                          : "its loop's condition still holds: ") +
                     number(done) + " of at most " + number(repeat.max) +
                     " runs are over, and the next is due at " + to_iso(*run.detail(i).retry_at)});
}

void explain_attempt(const LiveRun& run, InstanceIndex i, Reasons& out) {
  const TaskCell& cell = run.cell(i);
  if (run.task(i).state != TaskState::queued || cell.agent == nullptr) return;
  if (cell.agent->connection == 0) {
    out.push_back({"Worker", "the connection of worker " + cell.agent->id +
                                 " ended; it has one lease to come back"});
    return;
  }
  out.push_back({"Worker", "launched on " + cell.agent->hostname + ", " +
                               number(static_cast<std::int64_t>(cell.agent->started.size())) +
                               " of " + number(cell.agent->slots) + " slots there are busy"});
}

}  // namespace

std::string sentence_of(const Reason& reason,
                        const std::function<bool(const std::string& dag_id)>& may_read) {
  if (reason.tasks.empty()) return reason.reason;
  std::string names;
  std::size_t named = 0;
  for (const ReasonTask& task : reason.tasks) {
    if (named == max_tasks_named) break;
    if (!may_read(task.dag_id)) continue;
    names += (named == 0 ? ": " : "; ") + task.text;
    ++named;
  }
  const std::size_t others = reason.tasks.size() - named;
  if (others == 0) return reason.reason + names + (reason.more_tasks ? "; and others" : "");
  return reason.reason + names + (named == 0 ? ": " : "; and ") +
         number(static_cast<std::int64_t>(others)) + (reason.more_tasks ? " others or more" : "") +
         (reason.more_tasks ? ""
          : others == 1     ? " other"
                            : " others");
}

Reason why_no_other_try(const InstanceHot& row, const std::string& reason,
                        const RetryPolicy& policy, const SchedulerOptions& options) {
  std::string text;
  if (row.losses > policy.infrastructure_retries.value_or(options.max_losses)) {
    text = "it was lost or refused more often than its infrastructure retries allow";
  } else if (row.conflicts > options.max_conflicts) {
    text = "its publications were refused " + number(row.conflicts) + " times";
  } else if (row.failures > policy.retries) {
    text = policy.retries == 0 ? "it has no retries"
                               : "all of its " + number(policy.retries) + " retries are used";
  } else {
    text = "it failed for good, with " + number(policy.retries - std::max(row.failures - 1, 0)) +
           " of " + number(policy.retries) + " retries left";
  }
  return {"Retries", text + in_parentheses(reason)};
}

std::vector<Reason> explain(const SchedulerState& state, const InstanceKey& instance,
                            const Now& now) {
  const auto at = state.runs.find(instance.run);
  if (at == state.runs.end()) return {{"Dagrun Running", "the run is not active"}};
  const LiveRun& run = *at->second;
  const std::optional<InstanceIndex> i = run.stored.find(instance.task, instance.map_index);
  if (!i) return {{"Task", "the run has no such task instance"}};
  const TaskState now_in = run.stored.state_of(*i);
  Reasons out;
  if (now_in == TaskState::failed) {
    out.push_back(why_no_other_try(run.task(*i), run.detail(*i).reason, run.definition(*i).retry,
                                   state.options));
  }
  if (now_in == TaskState::running) explain_holding(state, run, *i, out);
  if (is_terminal(now_in) || now_in == TaskState::running || now_in == TaskState::publishing) {
    return out;
  }
  if (now_in == TaskState::queued) {
    explain_attempt(run, *i, out);
    return out;
  }
  if (now_in == TaskState::deferred) {
    explain_wait(run, *i, out);
    return out;
  }
  explain_run(state, run, now, out);
  if (now_in == TaskState::none) explain_rule(run, *i, out);
  if (now_in == TaskState::up_for_retry) explain_retry(state, run, *i, out);
  if (now_in == TaskState::up_for_reschedule) explain_repeat(run, *i, out);
  if (now_in == TaskState::scheduled) explain_dispatch(state, run, *i, out);
  return out;
}

}  // namespace batuta
