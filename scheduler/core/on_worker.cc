// Agents: they join, beat, come back, fall silent, die.
#include <algorithm>

#include "scheduler/core/mutant.h"
#include "scheduler/core/turn.h"

namespace batuta {
namespace {

void take_catalogue(SchedulerState& state, LiveAgent& agent,
                    const std::vector<PluginInfo>& catalogue) {
  agent.offers.clear();
  for (const PluginInfo& info : catalogue) {
    state.plugins[plugin_number(state, info.name)].info = info;
    for (const std::string& queue : agent.queues) {
      agent.offers.push_back(plugin_number(state, info.name, queue));
    }
  }
  std::sort(agent.offers.begin(), agent.offers.end());
  agent.offers.erase(std::unique(agent.offers.begin(), agent.offers.end()), agent.offers.end());
}

void withdraw_offers(SchedulerState& state, LiveAgent& agent) {
  for (const PluginNo number : agent.offers) std::erase(state.plugins[number].workers, &agent);
}

// Workers of a plugin stay ordered by connection, so that ties are decided the same way every time.
void publish_offers(SchedulerState& state, LiveAgent& agent) {
  for (const PluginNo number : agent.offers) {
    std::vector<LiveAgent*>& workers = state.plugins[number].workers;
    const auto place = std::upper_bound(
        workers.begin(), workers.end(), &agent,
        [](const LiveAgent* a, const LiveAgent* b) { return a->connection < b->connection; });
    workers.insert(place, &agent);
  }
}

void disconnect(SchedulerState& state, LiveAgent& agent) {
  if (agent.connection == 0) return;
  if (!mutant("launch_to_lost_worker")) withdraw_offers(state, agent);
  state.connections.erase(agent.connection);
  agent.connection = 0;
  for (auto* list : {&agent.unstarted, &agent.started}) {
    for (auto& [launch_no, ref] : *list) {  // asked again when it is back
      TaskCell& cell = ref.run->cell(ref.instance);
      cell.recall_asked = false;
      cell.cancel_sent = false;
      cell.cancel_by.reset();
    }
  }
}

// The attempts that its silence leaves open. Those that it had slots for when we last heard of it
// may have started; the rest waited behind them and is not charged, but may have moved up since:
// they get a new try number all the same.
void lose_all(Turn& turn, LiveAgent& agent, const std::string& reason) {
  std::int64_t free_slots = agent.slots - static_cast<std::int64_t>(agent.started.size());
  while (!agent.started.empty()) {
    const TaskRef ref = agent.started.begin()->second;
    lose_attempt(turn, *ref.run, ref.instance, true, reason);
  }
  while (!agent.unstarted.empty()) {
    const TaskRef ref = agent.unstarted.begin()->second;
    lose_attempt(turn, *ref.run, ref.instance, free_slots-- > 0, reason);
  }
}

void forget_agent(Turn& turn, LiveAgent& agent, const std::string& reason) {
  lose_all(turn, agent, reason);
  disconnect(turn.state, agent);
  withdraw_offers(turn.state, agent);
  const auto at = turn.state.agents.find(agent.id);
  turn.state.agents.erase(at);
}

// One attempt that a returning agent names: adopted if it is still the current one.
void adopt(Turn& turn, LiveAgent& agent, const RunningAttempt& named) {
  const std::optional<TaskRef> ref = current_attempt(turn, named.key);
  const bool ours = ref && ref->run->cell(ref->instance).agent == &agent;
  if (!ours || mutant("refuse_adoption")) {
    turn.out.cancels.push_back({agent.connection, named.key, turn.state.options.cancel_grace,
                                "superseded while the connection was lost"});
    return;
  }
  LiveRun& run = *ref->run;
  run.cell(ref->instance).unlisted = false;
  if (run.task(ref->instance).state == TaskState::queued) {
    on(turn, AttemptStarted{agent.connection, {named.key, named.started, named.slot}});
  } else if (run.task(ref->instance).asked || ends_with_run(run, ref->instance)) {
    cancel_attempt(turn, run, ref->instance, run.row().reason);
  }
}

// What it did not name: its results come next, or it never started them, or they are lost.
void await_unlisted(Turn& turn, LiveAgent& agent, const Hello& hello) {
  for (auto* list : {&agent.unstarted, &agent.started}) {
    for (auto& [launch_no, ref] : *list) ref.run->cell(ref.instance).unlisted = true;
  }
  for (const RunningAttempt& named : hello.running) adopt(turn, agent, named);
  if (agent.assigned() > 0) agent.unlisted_until = turn.now.boot + turn.state.options.lease;
}

template <class Decide>
void each_unlisted(std::map<std::uint64_t, TaskRef>& attempts, Decide decide) {
  std::vector<TaskRef> unlisted;
  for (const auto& [launch_no, ref] : attempts) {
    if (ref.run->cell(ref.instance).unlisted) unlisted.push_back(ref);
  }
  for (const TaskRef& ref : unlisted) decide(*ref.run, ref.instance);
}

// Results come before the next heartbeat on the same connection: what is still only launched by
// then was never started.
void free_unlisted(Turn& turn, LiveAgent& agent) {
  each_unlisted(agent.unstarted,
                [&](LiveRun& run, InstanceIndex i) { free_attempt(turn, run, i); });
}

void lose_unlisted(Turn& turn, LiveAgent& agent) {
  agent.unlisted_until.reset();
  free_unlisted(turn, agent);
  each_unlisted(agent.started, [&](LiveRun& run, InstanceIndex i) {
    lose_attempt(turn, run, i, true, "its worker came back without it");
  });
}

LiveAgent* agent_of(SchedulerState& state, WorkerId worker) {
  const auto at = state.connections.find(worker);
  return at == state.connections.end() ? nullptr : at->second;
}

// An attempt that was to end and did not within its time is lost.
void judge_cancels(Turn& turn) {
  SchedulerState& state = turn.state;
  while (!state.cancel_deadlines.empty() && state.cancel_deadlines.begin()->at <= turn.now.boot) {
    const CancelDeadline due = *state.cancel_deadlines.begin();
    state.cancel_deadlines.erase(state.cancel_deadlines.begin());
    const auto at = state.runs.find(due.run);
    if (at == state.runs.end()) continue;
    LiveRun& run = *at->second;
    const TaskCell& cell = run.cell(due.instance);
    if (cell.agent == nullptr || cell.cancel_by != due.at) continue;
    // Only this attempt is given up; a successor waits for its slot. Its neighbours are well.
    lose_attempt(turn, run, due.instance, true, "it was not ended within its time");
  }
}

bool lease_over(const Turn& turn, const LiveAgent& agent) {
  if (mutant("lease_never_ends")) return false;
  if (mutant("lease_half")) {
    return agent.lease_until + (-turn.state.options.lease / 2) <= turn.now.boot;
  }
  return agent.lease_until <= turn.now.boot;
}

}  // namespace

void on(Turn& turn, const WorkerJoined& event) {
  SchedulerState& state = turn.state;
  const Hello& hello = event.hello;
  LiveAgent& agent = state.agents[hello.agent_id];
  const bool known = !agent.id.empty();
  if (agent.connection != 0 && agent.connection != event.worker) {
    turn.out.drops.push_back({agent.connection, "its agent has a newer connection"});
  }
  disconnect(state, agent);
  agent.id = hello.agent_id;
  agent.connection = event.worker;
  agent.hostname = hello.hostname;
  agent.pid = hello.pid;
  agent.slots = hello.slots;
  if (!known) agent.joined = turn.now.wall;
  agent.last_seen = turn.now.wall;
  agent.lease_until = turn.now.boot + state.options.lease;
  state.connections[event.worker] = &agent;
  agent.queues = hello.queues;
  if (agent.queues.empty()) agent.queues.emplace_back(default_queue);
  take_catalogue(state, agent, hello.catalogue);
  agent.drained = hello.drained;
  publish_offers(state, agent);
  await_unlisted(turn, agent, hello);
}

void on(Turn& turn, const WorkerLost& event) {
  LiveAgent* agent = agent_of(turn.state, event.worker);
  if (agent == nullptr) return;
  if (event.dead) {
    forget_agent(turn, *agent, "its worker died");
  } else if (mutant("lose_on_disconnect")) {
    forget_agent(turn, *agent, "its worker's connection ended");
  } else {
    disconnect(turn.state, *agent);
  }
}

void on(Turn& turn, const AgentDead& event) {
  const auto at = turn.state.agents.find(event.agent_id);
  if (at != turn.state.agents.end()) forget_agent(turn, at->second, "its worker died");
}

void on(Turn& turn, const WorkerHeartbeat& event) {
  LiveAgent* agent = agent_of(turn.state, event.worker);
  if (agent == nullptr) return;
  if (!mutant("ignore_heartbeat")) agent->lease_until = turn.now.boot + turn.state.options.lease;
  agent->last_seen = turn.now.wall;
  agent->loads = event.slots;
  agent->loads_left_out = event.slots_left_out;
  if (agent->unlisted_until) free_unlisted(turn, *agent);
}

void on(Turn& turn, const WorkerCatalogue& event) {
  LiveAgent* agent = agent_of(turn.state, event.worker);
  if (agent == nullptr) return;
  withdraw_offers(turn.state, *agent);
  take_catalogue(turn.state, *agent, event.catalogue);
  agent->drained = event.drained;
  publish_offers(turn.state, *agent);
}

void on(Turn& turn, const Stalled& event) {
  if (mutant("ignore_stall") || event.by <= Duration(0)) return;
  SchedulerState& state = turn.state;
  for (auto& [id, agent] : state.agents) {
    agent.lease_until = agent.lease_until + event.by;
    if (agent.unlisted_until) agent.unlisted_until = *agent.unlisted_until + event.by;
  }
  std::set<CancelDeadline> later;
  for (CancelDeadline deadline : state.cancel_deadlines) {
    const auto at = state.runs.find(deadline.run);
    if (at == state.runs.end()) continue;
    TaskCell& cell = at->second->cell(deadline.instance);
    if (cell.cancel_by != deadline.at) continue;
    deadline.at = deadline.at + event.by;
    cell.cancel_by = deadline.at;
    later.insert(deadline);
  }
  state.cancel_deadlines = std::move(later);
}

void judge_leases(Turn& turn) {
  judge_cancels(turn);
  std::vector<LiveAgent*> over;
  for (auto& [id, agent] : turn.state.agents) {
    if (agent.unlisted_until && *agent.unlisted_until <= turn.now.boot) lose_unlisted(turn, agent);
    if (lease_over(turn, agent)) over.push_back(&agent);
  }
  for (LiveAgent* agent : over) {
    const std::string reason = "its worker fell silent";
    if (agent->connection != 0) turn.out.drops.push_back({agent->connection, reason});
    forget_agent(turn, *agent, reason);
  }
}

}  // namespace batuta
