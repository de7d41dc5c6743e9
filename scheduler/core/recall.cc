// Taking back what was launched but has not started.
#include <algorithm>

#include "scheduler/core/mutant.h"
#include "scheduler/core/turn.h"

namespace batuta {
namespace {

// Attempts beyond the worker's slots: they wait behind others.
std::int64_t surplus(const LiveAgent& agent) {
  return std::clamp<std::int64_t>(-agent.idle(), 0,
                                  static_cast<std::int64_t>(agent.unstarted.size()));
}

PluginNo plugin_of(const TaskRef& ref) {
  return ref.run->group_spec(ref.instance).plugin;
}

bool offers(const LiveAgent& agent, PluginNo plugin) {
  return std::binary_search(agent.offers.begin(), agent.offers.end(), plugin);
}

LiveAgent* most_loaded(const SchedulerState& state) {
  LiveAgent* best = nullptr;
  for (const auto& [connection, agent] : state.connections) {
    if (surplus(*agent) > 0 && (best == nullptr || surplus(*agent) > surplus(*best))) best = agent;
  }
  return best;
}

// From the end of the victim's queue: what would start last is taken first.
void recall_tail(Turn& turn, LiveAgent& victim, const LiveAgent& idle) {
  std::int64_t wanted = idle.idle();
  std::int64_t left = surplus(victim);
  for (auto at = victim.unstarted.rbegin(); at != victim.unstarted.rend() && wanted > 0 && left > 0;
       ++at, --left) {
    const TaskRef ref = at->second;
    if (!offers(idle, plugin_of(ref))) continue;
    --wanted;  // one that is on its way back counts too
    ask_recall(turn, *ref.run, ref.instance);
  }
}

}  // namespace

void ask_recall(Turn& turn, LiveRun& run, InstanceIndex i) {
  TaskCell& cell = run.cell(i);
  if (cell.recall_asked || cell.agent->connection == 0) return;
  cell.recall_asked = true;
  turn.out.recalls.push_back({cell.agent->connection, run.attempt(i)});
}

void recall_for_idle(Turn& turn) {
  if (mutant("never_recall")) return;
  LiveAgent* victim = most_loaded(turn.state);
  if (victim == nullptr) return;
  for (const auto& [connection, agent] : turn.state.connections) {
    if (agent->idle() > 0) recall_tail(turn, *victim, *agent);
  }
}

void recall_for_priority(Turn& turn, const Lane& lane, std::int32_t weight) {
  for (LiveAgent* agent : turn.state.plugins[lane.plugin].workers) {
    if (surplus(*agent) == 0) continue;
    const TaskRef last = agent->unstarted.rbegin()->second;
    if (last.run->definition(last.instance).effective_weight >= weight) continue;
    ask_recall(turn, *last.run, last.instance);
    return;  // one per lane and step: the rest starts within the prefetch horizon anyway
  }
}

}  // namespace batuta
