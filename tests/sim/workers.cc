#include "tests/sim/workers.h"

#include <algorithm>

#include "tests/sim/violation.h"

namespace batuta::sim {

void Workers::forget_agent(const std::string& agent) {
  std::erase_if(connections_, [&](const auto& entry) { return entry.second.agent == agent; });
}

void Workers::join(const WorkerJoined& event) {
  forget_agent(event.hello.agent_id);
  Connection& joined = connections_[event.worker];
  joined.agent = event.hello.agent_id;
  joined.slots = event.hello.slots;
}

void Workers::read(const Event& event) {
  if (const auto* stalled = std::get_if<Stalled>(&event)) stalled_for_ += stalled->by;
  if (const auto* joined = std::get_if<WorkerJoined>(&event)) join(*joined);
  if (const auto* lost = std::get_if<WorkerLost>(&event)) connections_.erase(lost->worker);
  if (const auto* dead = std::get_if<AgentDead>(&event)) forget_agent(dead->agent_id);
  std::visit(
      [this](const auto& e) {
        if constexpr (requires { e.worker; }) {
          const auto at = connections_.find(e.worker);
          if (at == connections_.end()) return;
          at->second.heard = c_.boot();
          at->second.stalled_before = stalled_for_;
        }
      },
      event);
}

void Workers::decided(const Effects& effects) {
  for (const RecallEffect& recall : effects.recalls) {
    const auto at = connections_.find(recall.worker);
    if (at == connections_.end()) continue;  // its connection ended later in this turn
    at->second.recalled.insert(recall.key);
  }
  for (const DropWorkerEffect& drop : effects.drops) {
    check_silence(drop);
    connections_.erase(drop.worker);
  }
}

// A silent worker is given up after a whole lease, the scheduler's own stalls not counted.
void Workers::check_silence(const DropWorkerEffect& drop) const {
  const auto at = connections_.find(drop.worker);
  if (drop.reason != "its worker fell silent" || at == connections_.end()) return;
  const Connection& dropped = at->second;
  const Duration silent = (c_.boot() - dropped.heard) - (stalled_for_ - dropped.stalled_before);
  require(silent >= c_.knobs.options.lease, "I1", [&] {
    return "a worker given up after " + std::to_string(silent.count()) + " us of silence";
  });
}

void Workers::check_idle(const SchedulerState& state) const {
  // Who is idle may listen to other queues than what waits.
  if (c_.knobs.queues) return;
  struct Load {
    std::int64_t queued = 0;
    std::int64_t running = 0;
    std::int64_t on_the_way_back = 0;
  };
  std::map<std::string, Load> loads;
  std::map<std::string, const Connection*> connected;
  for (const auto& [worker, connection] : connections_) connected[connection.agent] = &connection;
  for (const StoredRun* run : state.live_runs()) {
    for (const TaskInstanceRow& row : run->rows()) {
      const auto at = connected.find(row.worker);
      if (at == connected.end()) continue;
      Load& load = loads[row.worker];
      if (row.state == TaskState::running) ++load.running;
      if (row.state != TaskState::queued) continue;
      ++load.queued;
      load.on_the_way_back += at->second->recalled.count(row.attempt()) != 0;
    }
  }
  const Connection* free = nullptr;
  const Connection* loaded = nullptr;
  bool asked = false;
  for (const auto& [agent, connection] : connected) {
    const Load& load = loads[agent];
    const std::int64_t idle = connection->slots - load.queued - load.running;
    if (idle > 0) free = connection;
    if (idle >= 0 || load.queued == 0) continue;
    loaded = connection;
    asked = asked || load.on_the_way_back > 0;
  }
  if (free == nullptr || loaded == nullptr) return;
  require(asked, "I16", [&] {
    return free->agent + " has a free slot, yet an attempt waits at " + loaded->agent;
  });
  c_.met(Situation::recalled_for_idle);
}

}  // namespace batuta::sim
