#include "tests/sim/scheduler_node.h"

#include <algorithm>

#include "tests/sim/violation.h"

namespace batuta::sim {
namespace {

// What the engine counts as a stall of its own.
constexpr Duration stall_tolerance = std::chrono::milliseconds(250);

template <class Request>
void attach_stored(Request& request, const SchedulerState& state, Store& store) {
  if (!state.find_run(request.dag_id, request.dag_run_id))
    request.stored = store.load_run(request.dag_id, request.dag_run_id);
}

// Gives a request what the core needs from the store.
struct Enrich {
  const SchedulerState& state;
  Store& store;

  void operator()(RunRequested& r) const {
    if (!r.idempotency_key.empty() && !state.find_run_by_key(r.dag_id, r.idempotency_key))
      r.existing = store.find_run_by_key(r.dag_id, r.idempotency_key);
    if (!r.existing && !r.dag_run_id.empty() && !state.find_run(r.dag_id, r.dag_run_id))
      r.existing = store.find_run(r.dag_id, r.dag_run_id);
    if (!r.existing && r.logical_date && !state.find_run_by_date(r.dag_id, *r.logical_date))
      r.existing = store.find_run_by_logical_date(r.dag_id, *r.logical_date);
  }
  void operator()(RunStateRequested& r) const { attach_stored(r, state, store); }
  void operator()(RunDeleted& r) const { attach_stored(r, state, store); }
  void operator()(ClearRequested& r) const {
    attach_stored(r, state, store);
    for (ClearRequested::Run& run : r.more_runs) {
      if (!state.find_run(r.dag_id, run.dag_run_id))
        run.stored = store.load_run(r.dag_id, run.dag_run_id);
    }
  }
  void operator()(MarkRequested& r) const { attach_stored(r, state, store); }
  void operator()(NoteSet& r) const { attach_stored(r, state, store); }
  template <class Other>
  void operator()(Other&) const {}
};

template <class E>
concept HasRequest = requires(E e) {
  e.request;
};

void set_request(Event& event, RequestId id) {
  std::visit(
      [id](auto& e) {
        if constexpr (HasRequest<decltype(e)>) e.request = id;
      },
      event);
}

}  // namespace

SchedulerNode::SchedulerNode(Context& context, MemoryStore& store, Lake& lake, World world)
    : c_(context),
      store_(store),
      world_(std::move(world)),
      publisher_(context, store, lake, [this](Event e) { post(std::move(e)); }) {}

void SchedulerNode::start() {
  c_.note("scheduler starts");
  restarted_ = life_ > 0;
  ++life_;
  up_ = true;
  available_ = true;
  reload();
  find_dead_agents();
}

void SchedulerNode::crash() {
  if (!up_) return;
  c_.note("scheduler crashes");
  ++c_.totals.kills;
  ++life_;
  up_ = false;
  state_.reset();
  inbox_.clear();
  planned_.reset();
  publisher_.crash();
  for (const auto& [link, agent] : std::exchange(links_, {}))
    world_.network.close(link, Side::scheduler);
  lose_requests();
}

void SchedulerNode::stall(Boot until, bool io_too) {
  if (!up_) return;
  c_.note("scheduler stalls", (until - c_.boot()).count(), io_too);
  if (until - c_.boot() > c_.knobs.options.lease) c_.met(Situation::scheduler_stalled);
  stalled_for_ = until - c_.boot();
  stalled_until_ = until;
  if (!io_too) return;
  io_stalled_until_ = until;
  for (const auto& [link, agent] : links_) world_.network.block(link, Side::scheduler, until);
}

CommitFate SchedulerNode::next_fate() {
  if (full_) return CommitFate::fails_unapplied;
  if (!c_.faults) return CommitFate::ok;
  if (c_.rng.chance(c_.knobs.commit_fail)) return CommitFate::fails_unapplied;
  if (c_.rng.chance(c_.knobs.commit_unknown)) return CommitFate::fails_applied;
  return CommitFate::ok;
}

void SchedulerNode::reload() {
  state_.emplace(restore(store_.load(), c_.knobs.options, c_.now()));
  world_.checker.reloaded();
  publisher_.reload();
  world_.available();
  plan_turn(Duration(0));
}

void SchedulerNode::find_dead_agents() {
  if (!c_.knobs.one_host) return;
  const std::uint64_t life = life_;
  c_.agenda.after(std::chrono::milliseconds(100), [this, life] {
    if (life != life_ || !state_) return;
    for (const std::string& agent : state_->absent_agents())
      if (world_.agent_dead(agent)) agent_died(agent);
  });
}

void SchedulerNode::post(Event event) {
  if (!listens()) return;
  inbox_.push_back(std::move(event));
  require(inbox_.size() <= 65'536, "I15",
          [] { return std::string("the inbox is over its limit"); });
  if (inbox_.size() == 1 || !planned_) plan_turn(c_.random_up_to(Duration(c_.knobs.batch_us)));
}

void SchedulerNode::request(Event event, std::function<void(const Reply&)> done) {
  const RequestId id = ++last_request_;
  waiting_.emplace(id, std::move(done));
  if (!listens()) {
    Reply refused;
    refused.request = id;
    refused.code = Errc::unavailable;
    answer(refused);
    return;
  }
  set_request(event, id);
  post(std::move(event));
}

void SchedulerNode::answer(const Reply& reply) {
  const auto it = waiting_.find(reply.request);
  if (it == waiting_.end()) return;
  auto done = std::move(it->second);
  waiting_.erase(it);
  done(reply);
}

void SchedulerNode::lose_requests() {
  for (auto& [id, done] : std::exchange(waiting_, {})) {
    Reply lost;
    lost.request = id;
    lost.code = Errc::unavailable;
    lost.message = "lost";
    done(lost);
  }
}

void SchedulerNode::on_message(WorkerId link, FromAgent message) {
  if (!listens()) {
    world_.network.close(link, Side::scheduler);
    return;
  }
  if (auto* hello = std::get_if<Hello>(&message)) {
    links_[link] = hello->agent_id;
    world_.network.send(link, ToAgent{Welcome{"store", c_.knobs.options.heartbeat.count(),
                                              c_.knobs.options.lease.count()}});
    world_.checker.hello(*hello, restarted_);
    post(WorkerJoined{link, std::move(*hello)});
  } else if (auto* beat = std::get_if<Heartbeat>(&message)) {
    world_.network.send(link, ToAgent{HeartbeatAck{beat->sequence}});
    post(WorkerHeartbeat{link});
  } else if (auto* started = std::get_if<Started>(&message)) {
    post(AttemptStarted{link, std::move(*started)});
  } else if (auto* finished = std::get_if<Finished>(&message)) {
    post(AttemptFinished{link, std::move(*finished)});
  } else if (auto* recalled = std::get_if<Recalled>(&message)) {
    post(AttemptRecalled{link, recalled->key});
  }
}

void SchedulerNode::on_closed(WorkerId link) {
  const auto it = links_.find(link);
  if (it == links_.end()) return;
  const bool dead = c_.knobs.one_host && world_.agent_dead(it->second);
  if (dead) c_.met(Situation::agent_found_dead);
  links_.erase(it);
  post(WorkerLost{link, dead});
}

void SchedulerNode::agent_died(const std::string& agent_id) {
  for (const auto& [link, id] : links_)
    if (id == agent_id) return;  // its link will tell
  c_.met(Situation::agent_found_dead);
  post(AgentDead{agent_id});
}

void SchedulerNode::plan_turn(Duration delay) {
  if (!up_) return;
  const Boot when = std::max(c_.boot() + delay, stalled_until_);
  if (planned_ && *planned_ <= when) return;
  planned_ = when;
  const std::uint64_t plan = ++plan_;
  const std::uint64_t life = life_;
  c_.agenda.at(when, [this, plan, life] {
    if (life != life_ || plan != plan_) return;
    planned_.reset();
    if (stalled_until_ > c_.boot())
      plan_turn(Duration(0));
    else
      turn();
  });
}

void SchedulerNode::plan_wake(const Effects& effects) {
  std::optional<Duration> wait;
  if (effects.wake_at) wait = *effects.wake_at - c_.wall();
  if (effects.wake_at_boot) {
    const Duration boot_wait = *effects.wake_at_boot - c_.boot();
    wait = wait ? std::min(*wait, boot_wait) : boot_wait;
  }
  // A deadline that has passed and stays would be a busy loop: the engine would spin.
  if (wait) plan_turn(std::max(*wait, Duration(0)));
}

void SchedulerNode::turn() {
  if (!available_) return;
  std::vector<Event> events;
  if (stalled_for_ > stall_tolerance) events.push_back(Stalled{stalled_for_});
  stalled_for_ = Duration(0);
  for (Event& event : inbox_) events.push_back(std::move(event));
  inbox_.clear();
  for (Event& event : events) std::visit(Enrich{*state_, store_}, event);
  ++c_.totals.steps;
  const Now now = c_.now();
  world_.checker.before(events, now);
  Effects effects = step(*state_, events, now);
  add_alert_rows(effects);
  c_.note("turn", static_cast<std::int64_t>(events.size()),
          static_cast<std::int64_t>(effects.launches.size()),
          static_cast<std::int64_t>(effects.changes.tasks_updated.size()));
  if (!commit(effects)) return;
  release(effects);
  world_.checker.whole(*state_);
  plan_wake(effects);
}

void SchedulerNode::add_alert_rows(Effects& effects) {
  for (const AlertEffect& alert : effects.alerts) {
    OutboxRow row;
    row.id = state_->take_outbox_id();
    row.kind = OutboxKind::alert;
    row.key = "slack";
    row.payload_json = alert.notifier_json;
    row.created_at = c_.wall();
    effects.changes.outbox.push_back(std::move(row));
  }
}

bool SchedulerNode::commit(const Effects& effects) {
  const bool dies = c_.faults && c_.rng.chance(c_.knobs.crash_at_commit);
  const bool after = dies && c_.rng.chance(500);
  world_.checker.decided(effects, *state_);
  if (dies && !after) {
    if (!effects.changes.empty()) c_.met(Situation::crash_before_commit);
    crash();
    return false;
  }
  if (!effects.changes.empty()) {
    try {
      store_.commit(effects.changes, {});
    } catch (const StoreError&) {
      turn_failed(effects);
      return false;
    }
    world_.checker.committed(effects);
  }
  if (dies) {
    c_.met(Situation::crash_after_commit);
    if (!effects.launches.empty()) c_.met(Situation::claim_without_launch);
    crash();
    return false;
  }
  return true;
}

void SchedulerNode::turn_failed(const Effects& effects) {
  const bool applied = store_.last_fate() == CommitFate::fails_applied;
  c_.note("commit fails", applied);
  meet_failed_turn(effects);
  if (applied) {
    c_.met(Situation::commit_unknown);
    if (!effects.launches.empty()) c_.met(Situation::claim_without_launch);
    world_.checker.committed(effects);
  } else {
    c_.met(Situation::commit_unapplied);
  }
  available_ = false;
  for (const auto& [link, agent] : std::exchange(links_, {}))
    world_.network.close(link, Side::scheduler);
  lose_requests();
  publisher_.crash();
  const std::uint64_t life = life_;
  c_.agenda.after(std::chrono::milliseconds(200), [this, life] {
    if (life == life_) probe();
  });
}

void SchedulerNode::meet_failed_turn(const Effects& effects) {
  if (!full_) return;
  if (!effects.launches.empty()) c_.met(Situation::full_during_claim);
  if (!effects.changes.accepted.empty()) c_.met(Situation::full_during_accept);
  if (!effects.changes.runs_created.empty()) c_.met(Situation::full_during_trigger);
}

void SchedulerNode::probe() {
  try {
    store_.probe();
  } catch (const StoreError&) {
    inbox_.clear();
    const std::uint64_t life = life_;
    c_.agenda.after(std::chrono::seconds(1), [this, life] {
      if (life == life_) probe();
    });
    return;
  }
  c_.note("store writes again");
  available_ = true;
  reload();
}

void SchedulerNode::release(const Effects& effects) {
  for (const LaunchEffect& launch : effects.launches) release_launch(launch);
  for (const CancelEffect& cancel : effects.cancels)
    world_.network.send(cancel.worker,
                        ToAgent{Cancel{cancel.key, cancel.grace.count(), cancel.reason}});
  for (const RecallEffect& recall : effects.recalls)
    world_.network.send(recall.worker, ToAgent{Recall{recall.key}});
  for (const AckEffect& ack : effects.acks) world_.network.send(ack.worker, ToAgent{Ack{ack.key}});
  for (const DropWorkerEffect& drop : effects.drops) {
    c_.note("worker dropped", static_cast<std::int64_t>(drop.worker));
    c_.trace.say(drop.reason);
    c_.met(Situation::lease_expired);
    links_.erase(drop.worker);
    world_.network.close(drop.worker, Side::scheduler);
  }
  world_.checker.released(effects);
  for (const Reply& reply : effects.replies) answer(reply);
  if (!effects.changes.outbox.empty() || !effects.changes.outbox_done.empty())
    publisher_.committed();
}

void SchedulerNode::release_launch(const LaunchEffect& effect) {
  const StoredRun& run = store_.data().runs.at(effect.key.run);
  const Task& task = run.dag->tasks[effect.key.task];
  c_.note("launch", effect.key);
  if (c_.faults && c_.rng.chance(c_.knobs.render_fail)) {
    c_.met(Situation::render_failed);
    world_.render_failed(effect.key);
    Finished report;
    report.key = effect.key;
    report.outcome = Outcome::failed_no_retry;
    report.reason = "undefined name in a template";
    post(AttemptFinished{0, std::move(report)});
    return;
  }
  Launch launch;
  launch.key = effect.key;
  launch.try_number = effect.try_number;
  launch.task_id = task.id;
  launch.plugin = task.plugin;
  launch.timeout_us = task.execution_timeout.count();
  launch.predecessor_slot = effect.predecessor_slot;
  world_.network.send(effect.worker, ToAgent{std::move(launch)});
}

}  // namespace batuta::sim
