#include "tests/sim/world.h"

#include <algorithm>

#include "scheduler/core/explain.h"
#include "tests/sim/violation.h"

namespace batuta::sim {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// Longer than any delay, time-out or lease of these worlds: by then something must have moved, or
// nothing will (I16). People give up on what waits for the past before that.
constexpr Duration longest_standstill = std::chrono::minutes(30);
constexpr Duration patience = std::chrono::minutes(10);
// A seed that does more than this has run away (I15).
constexpr std::uint64_t most_actions = 2'000'000;

}  // namespace

World::World(std::uint64_t seed, bool verbose, Totals& totals)
    : c_(seed, verbose, totals),
      store_([this] { return node_.next_fate(); }),
      ledger_(c_),
      checker_(c_, store_, ledger_, lake_),
      network_(c_, network_ends()),
      node_(c_, store_, lake_, node_world()) {
  for (int i = 0; i < c_.knobs.agents; ++i)
    agents_.push_back(std::make_unique<Agent>(c_, agent_world(), i));
  users_ = std::make_unique<Users>(c_, node_, checker_, store_);
}

NetworkEnds World::network_ends() {
  NetworkEnds ends;
  ends.to_scheduler = [this](WorkerId link, FromAgent m) { node_.on_message(link, std::move(m)); };
  ends.to_agent = [this](int agent, WorkerId link, ToAgent m) {
    agents_[static_cast<std::size_t>(agent)]->on_message(link, std::move(m));
  };
  ends.closed_at_scheduler = [this](WorkerId link) { node_.on_closed(link); };
  ends.closed_at_agent = [this](int agent, WorkerId link) {
    agents_[static_cast<std::size_t>(agent)]->on_closed(link);
  };
  return ends;
}

AgentWorld World::agent_world() {
  AgentWorld world{network_, ledger_, lake_, {}, {}, {}, {}};
  world.scheduler_listens = [this] { return node_.accepts(); };
  // On one host a successor waits for its predecessor's lock: nothing excuses an overlap.
  world.awake = [this](int agent) {
    return c_.knobs.one_host || agents_[static_cast<std::size_t>(agent)]->awake();
  };
  world.slot_locked = [this](const std::string& slot) {
    return std::any_of(agents_.begin(), agents_.end(),
                       [&](const auto& agent) { return agent->holds(slot); });
  };
  world.dag_of = [this](RunSeq run) -> const Dag* {
    const auto it = store_.data().runs.find(run);
    return it == store_.data().runs.end() ? nullptr : it->second.dag.get();
  };
  return world;
}

SchedulerNode::World World::node_world() {
  SchedulerNode::World world{network_, checker_, {}, {}, {}};
  world.agent_dead = [this](const std::string& id) { return agent_dead(id); };
  world.render_failed = [this](const AttemptKey& key) { ledger_.unrendered(key); };
  world.available = [this] { users_->dags_read(); };
  return world;
}

Agent* World::agent_named(const std::string& id) {
  for (const auto& agent : agents_)
    if (agent->alive() && agent->id() == id) return agent.get();
  return nullptr;
}

bool World::agent_dead(const std::string& id) {
  return agent_named(id) == nullptr;
}

// ---- what goes wrong
// --------------------------------------------------------------------------------

void World::plan(int count, void (World::*fault)()) {
  for (int i = 0; i < count; ++i)
    c_.agenda.after(c_.random_up_to(c_.knobs.busy), [this, fault] {
      if (c_.faults) (this->*fault)();
    });
}

void World::plan_faults() {
  const Knobs& k = c_.knobs;
  plan(k.scheduler_crashes, &World::crash_scheduler);
  plan(k.scheduler_stalls, &World::stall_scheduler);
  plan(k.agent_crashes, &World::crash_agent);
  plan(k.agent_pauses, &World::pause_agent);
  plan(k.slot_kills, &World::kill_slot);
  plan(k.resets, &World::reset_link);
  plan(k.partitions, &World::partition);
  plan(k.clock_steps, &World::step_clock);
  plan(k.full_windows, &World::fill_disk);
  plan(3, &World::look);
}

void World::crash_scheduler() {
  node_.crash();
}

void World::stall_scheduler() {
  const Duration lease = c_.knobs.options.lease;
  node_.stall(c_.boot() + c_.random_up_to(lease * 2), c_.rng.chance(500));
}

void World::crash_agent() {
  Agent& agent = *agents_[c_.rng.below(agents_.size())];
  if (!agent.alive()) return;
  const std::string id = agent.id();
  agent.crash();
  if (c_.knobs.one_host)
    c_.agenda.after(milliseconds(c_.rng.between(1, 1000)), [this, id] {
      if (node_.up()) node_.agent_died(id);
    });
  c_.agenda.after(milliseconds(c_.rng.between(100, 8000)), [&agent] {
    if (!agent.alive()) agent.start();
  });
}

void World::pause_agent() {
  Agent& agent = *agents_[c_.rng.below(agents_.size())];
  const Boot until = c_.boot() + c_.random_up_to(c_.knobs.options.lease * 3);
  if (!c_.rng.chance(300)) return agent.pause(until);
  // A host that sleeps loses its link first: it may come back with what others have in hand.
  for (const WorkerId link : network_.live())
    if (agents_[static_cast<std::size_t>(network_.agent_of(link))].get() == &agent)
      network_.reset(link);
  c_.agenda.after(milliseconds(50), [&agent, until] { agent.pause(until); });
}

void World::kill_slot() {
  agents_[c_.rng.below(agents_.size())]->kill_slot();
}

void World::reset_link() {
  const auto links = network_.live();
  if (!links.empty()) network_.reset(links[c_.rng.below(links.size())]);
}

void World::partition() {
  const auto links = network_.live();
  if (links.empty()) return;
  c_.met(Situation::partitioned);
  const Boot until = c_.boot() + c_.random_up_to(c_.knobs.options.lease * 3);
  const auto sides = c_.rng.below(3);  // scheduler deaf, agent deaf, both
  const bool everyone = c_.rng.chance(200);
  const WorkerId chosen = links[c_.rng.below(links.size())];
  c_.note("partition", static_cast<std::int64_t>(chosen), static_cast<std::int64_t>(sides));
  for (WorkerId link : links) {
    if (link != chosen && !everyone) continue;
    if (sides != 1) network_.block(link, Side::scheduler, until);
    if (sides != 0) network_.block(link, Side::agent, until);
  }
}

void World::step_clock() {
  const Duration by = seconds(c_.rng.between(-90, 90));
  if (by.count() < 0) c_.met(Situation::clock_stepped_back);
  c_.wall_offset += by;
  c_.note("clock steps", by.count());
  node_.wake();
}

void World::fill_disk() {
  c_.note("disk full");
  node_.set_full(true);
  c_.agenda.after(c_.random_up_to(seconds(15)), [this] { node_.set_full(false); });
  for (int i = 0; i < 4; ++i) c_.agenda.after(c_.random_up_to(seconds(15)), [this] { look(); });
}

void World::look() {
  node_.query();
}

// ---- the course of a seed
// ---------------------------------------------------------------------------

void World::run_until(Boot end) {
  while (!c_.agenda.empty() && c_.agenda.next_at() <= end) {
    c_.agenda.run_next();
    if (!node_.up() && !restart_planned_) {
      restart_planned_ = true;
      c_.agenda.after(milliseconds(c_.rng.between(10, 3000)), [this] {
        restart_planned_ = false;
        node_.start();
      });
    }
    require(c_.agenda.executed() < most_actions, "I15",
            [] { return std::string("the world has run away"); });
  }
  c_.agenda.idle_until(end);
}

void World::make_peace() {
  c_.note("peace");
  c_.faults = false;
  node_.set_full(false);
  users_->rest();
}

bool World::at_rest() const {
  if (!node_.listens() || !users_->satisfied()) return false;
  for (const auto& [seq, run] : store_.data().runs)
    if (!is_terminal(run.run.state)) return false;
  for (const auto& [id, row] : store_.data().publications)
    if (row.state == PublicationState::pending) return false;
  for (const auto& [id, row] : store_.data().backfills)
    if (row.phase != BackfillPhase::done) return false;
  return std::all_of(agents_.begin(), agents_.end(),
                     [](const auto& agent) { return agent->alive() && agent->idle(); });
}

std::string World::unfinished() const {
  std::string text =
      "not at rest after " + std::to_string(longest_standstill / seconds(1)) + " s without a move:";
  for (const auto& [seq, run] : store_.data().runs) {
    if (is_terminal(run.run.state)) continue;
    text += "\n  " + run.run.dag_id + " " + run.run.dag_run_id + " " +
            std::string(to_string(run.run.state));
    for (const TaskInstanceRow& row : run.rows()) {
      if (is_terminal(row.state)) continue;
      text += "\n    " + run.dag->tasks[row.task].id + " " + std::string(to_string(row.state));
      if (!node_.up()) continue;
      for (const Reason& reason : explain(node_.state(), row.key(), c_.now()))
        text += "; " + reason.name + ": " + reason.reason;
    }
  }
  for (const auto& [id, row] : store_.data().backfills)
    if (row.phase != BackfillPhase::done)
      text += "\n  backfill " + std::to_string(id) + ": " + std::to_string(row.done) + " of " +
              std::to_string(row.ticks) + " ticks" + (row.is_paused ? ", paused" : "");
  for (std::size_t i = 0; i < agents_.size(); ++i)
    if (!agents_[i]->idle()) text += "\n  agent " + std::to_string(i) + " still has attempts";
  return text;
}

void World::settle() {
  Boot moved = c_.boot();
  std::uint64_t moves = c_.totals.attempts;  // of all seeds: what came before this one is no move
  while (!at_rest()) {
    require(c_.boot() < moved + longest_standstill && !c_.agenda.empty(), "I16",
            [this] { return unfinished(); });
    run_until(c_.boot() + seconds(5));
    for (const auto& agent : agents_)
      for (RunSeq run : agent->stuck()) users_->cancel_run(run);
    if (c_.boot() > moved + patience) users_->give_up_on_the_past();
    if (c_.totals.attempts != moves) moved = c_.boot();
    moves = c_.totals.attempts;
  }
}

std::uint64_t World::run() {
  node_.start();
  users_->start();
  for (const auto& agent : agents_)
    c_.agenda.after(milliseconds(c_.rng.between(0, 2000)), [&agent] { agent->start(); });
  plan_faults();
  run_until(Boot{} + c_.knobs.busy);
  make_peace();
  settle();
  checker_.at_rest();
  ++c_.totals.seeds;
  c_.totals.simulated_us += static_cast<std::uint64_t>(c_.boot().since.count());
  return c_.trace.hash();
}

}  // namespace batuta::sim
