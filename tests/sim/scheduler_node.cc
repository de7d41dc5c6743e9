#include "tests/sim/scheduler_node.h"

#include <algorithm>

#include "tests/sim/conditions.h"
#include "tests/sim/loop_model.h"
#include "tests/sim/mapping.h"
#include "tests/sim/violation.h"
#include "tests/sim/waits.h"

namespace batuta::sim {
namespace {

constexpr Duration longest_wait = std::chrono::hours(1);  // without a timer, nothing need be done

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
  const Lead lead = store_.lead();
  loop_.emplace(store_.load(), lead, c_.knobs.options, store_, *this, *this, *this, c_.now());
  reloaded();
  available({});
  find_dead_agents();
}

void SchedulerNode::crash() {
  if (!up_) return;
  c_.note("scheduler crashes");
  ++c_.totals.kills;
  ++life_;
  up_ = false;
  inbox_.clear();
  planned_.reset();
  publisher_.crash();
  links_.clear();
  // Also those whose hello is still under way: a connection dies with the process that had it, and
  // nothing on it reaches a successor.
  for (const WorkerId link : world_.network.all_at(Side::scheduler))
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
  if (c_.rng.chance(c_.knobs.commit_unknown)) {
    static constexpr CommitFate fates[] = {CommitFate::fails_applied, CommitFate::lost,
                                           CommitFate::lost_in_silence};
    return fates[c_.rng.below(3)];
  }
  return CommitFate::ok;
}

void SchedulerNode::find_dead_agents() {
  if (!c_.knobs.one_host) return;
  const std::uint64_t life = life_;
  c_.agenda.after(std::chrono::milliseconds(100), [this, life] {
    if (life != life_ || !listens()) return;
    for (const std::string& agent : state().absent_agents())
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
    world_.network.send(
        link,
        ToAgent{Welcome{protocol_versions.most, "store", c_.knobs.options.heartbeat.count(),
                        c_.knobs.options.lease.count(), c_.knobs.options.cancel_grace.count()}});
    world_.checker.hello(*hello, restarted_);
    post(WorkerJoined{link, std::move(*hello)});
  } else if (auto* beat = std::get_if<Heartbeat>(&message)) {
    world_.network.send(link, ToAgent{HeartbeatAck{beat->sequence}});
    post(WorkerHeartbeat{link});
  } else if (auto* started = std::get_if<Started>(&message)) {
    post(AttemptStarted{link, std::move(*started)});
  } else if (auto* finished = std::get_if<Finished>(&message)) {
    post(AttemptFinished{link, std::move(*finished)});
  } else if (auto* saved = std::get_if<TaskCheckpoint>(&message)) {
    post(AttemptCheckpointed{link, std::move(*saved)});
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

void SchedulerNode::turn() {
  loop_->on_stall(std::exchange(stalled_for_, Duration(0)));
  loop_->on_probe(c_.now());
  std::vector<Event> events = std::exchange(inbox_, {});
  if (loop_->available()) {
    ++c_.totals.steps;
    if (loop_->on_events(std::move(events), c_.now())) commit();
  }
  // A deadline that has passed and stays would be a busy loop: the engine would spin.
  if (up_) plan_turn(loop_->patience(c_.now(), longest_wait));
}

void SchedulerNode::folding(std::span<const Event> events, const Now& now) {
  unrendered_.clear();
  world_.checker.before(events, now);
}

void SchedulerNode::decided(const PendingTurn& turn, const SchedulerState& state) {
  c_.note("turn", static_cast<std::int64_t>(turn.events),
          static_cast<std::int64_t>(turn.effects.launches.size()),
          static_cast<std::int64_t>(turn.effects.changes.tasks_updated.size()));
  world_.checker.decided(turn.effects, state);
}

void SchedulerNode::commit() {
  const bool dies = c_.faults && c_.rng.chance(c_.knobs.crash_at_commit);
  const bool after = dies && c_.rng.chance(500);
  const Effects& effects = loop_->pending().effects;
  if (dies && !effects.expansions.empty()) c_.met(Situation::answer_forgotten);
  if (dies && !after) {
    c_.met(Situation::crash_before_commit);
    return crash();
  }
  const CommitResult result = loop_->commit();
  const bool applied = store_.data().last_turn == loop_->pending().id.number;
  if (applied) world_.checker.committed(effects);
  if (dies && applied) {
    c_.met(Situation::crash_after_commit);
    if (!effects.launches.empty()) c_.met(Situation::claim_without_launch);
    return crash();
  }
  if (result.kind != CommitResult::Kind::committed) {
    c_.note("commit fails", applied);
    meet_failed_turn(effects);
    c_.met(applied ? Situation::commit_unknown : Situation::commit_unapplied);
    const bool lost = applied && store_.last_fate() == CommitFate::lost_in_silence;
    if (lost && !effects.launches.empty()) c_.met(Situation::claim_without_launch);
  }
  loop_->on_commit_result(result, c_.now());
}

void SchedulerNode::unavailable(const std::string&, bool) {
  inbox_.clear();
  lose_requests();
  publisher_.crash();
}

void SchedulerNode::reloaded() {
  world_.checker.reloaded();
}

void SchedulerNode::available(Unsent) {
  c_.note("store takes writes");
  publisher_.reload();
  world_.available();
  plan_turn(Duration(0));
}

void SchedulerNode::fatal(const std::string& why) {
  require(false, "I3", [&] { return "the store is lost: " + why; });
}

void SchedulerNode::query() {
  if (!up_) return;
  if (!loop_->available()) c_.met(Situation::queried_while_full);
  world_.checker.queried(state(), c_.now(), loop_->available());
}

void SchedulerNode::meet_failed_turn(const Effects& effects) {
  if (!full_) return;
  if (!effects.launches.empty()) c_.met(Situation::full_during_claim);
  if (!effects.changes.accepted.empty()) c_.met(Situation::full_during_accept);
  if (!effects.changes.runs_created.empty()) c_.met(Situation::full_during_trigger);
}

void SchedulerNode::released(PendingTurn& turn, const SchedulerState& state) {
  for (const AttemptKey& key : unrendered_) {
    c_.met(Situation::render_failed);
    world_.render_failed(key);
  }
  world_.checker.released(turn.effects);
  for (const Reply& reply : turn.effects.replies) answer(reply);
  for (const CheckEffect& check : turn.effects.checks) {
    check.watcher != 0 ? look_outside(check.watcher) : look(check.key);
  }
  const Changes& changes = turn.effects.changes;
  if (!changes.outbox.empty() || !changes.outbox_done.empty()) publisher_.committed();
  world_.checker.whole(state);
}

// ---- to agents ----------------------------------------------------------------------------------

void SchedulerNode::launch(WorkerId worker, Launch launch) {
  c_.note("launch", launch.key);
  world_.checker.leaves(launch);
  world_.network.send(worker, ToAgent{std::move(launch)});
}

void SchedulerNode::cancel(WorkerId worker, Cancel cancel) {
  world_.network.send(worker, ToAgent{std::move(cancel)});
}

void SchedulerNode::recall(WorkerId worker, Recall recall) {
  world_.network.send(worker, ToAgent{recall});
}

void SchedulerNode::ack(WorkerId worker, Ack ack) {
  world_.network.send(worker, ToAgent{ack});
}

void SchedulerNode::drop(WorkerId worker, const std::string& reason) {
  c_.note("worker dropped", static_cast<std::int64_t>(worker));
  c_.trace.say(reason);
  c_.met(Situation::lease_expired);
  links_.erase(worker);
  world_.network.close(worker, Side::scheduler);
}

void SchedulerNode::drop_all(const std::string&) {
  for (const auto& [link, agent] : std::exchange(links_, {}))
    world_.network.close(link, Side::scheduler);
}

// ---- rendering ----------------------------------------------------------------------------------

// Every upstream's result, as data tasks and most templates want them.
const std::vector<LaunchContext::XcomName>& SchedulerNode::xcoms_of(const Dag& dag,
                                                                    TaskIndex task) {
  xcoms_.clear();
  for (const TaskIndex upstream : dag.tasks[task].upstream)
    xcoms_.push_back({upstream, "return_value"});
  return xcoms_;
}

std::vector<LaunchContext::XcomName> SchedulerNode::xcoms_of_alert(const Dag&, const std::string&) {
  return {};
}

Result<LaunchContext::Expansion> SchedulerNode::expand(const Attempt& attempt) {
  const std::int32_t count = mapped_count(*state().run(attempt.run.seq), attempt.hot.task);
  if (count == unmappable_count) {
    c_.met(Situation::unmappable);
    return Error{Errc::invalid, "mapped over what is no list", {}};
  }
  if (count == 0) c_.met(Situation::mapped_over_nothing);
  return Expansion{count, {}};
}

Result<LaunchContext::RunKeys> SchedulerNode::run_keys(const Attempt& attempt, const Dag& limits) {
  RunKeys keys;
  if (limits.concurrency.is_set()) keys.concurrency = key_of_run(attempt.run.seq, 31);
  if (limits.rate.is_set()) keys.rate = key_of_run(attempt.run.seq, 37);
  return keys;
}

bool SchedulerNode::fits_loop(const Task& task, const Finished& report) {
  return returns_what_fits(task, report.key);
}

Result<LaunchContext::Gate> SchedulerNode::gate(const Attempt& attempt) {
  const bool of_task = !attempt.task.id.empty();
  if (!of_task && attempt.dag.asks_params && attempt.run.conf_json != filled_conf)
    return Gate{true, {}, filled_conf};
  const bool holds =
      of_task ? run_if_holds(attempt.run, attempt.task, attempt.hot.task, attempt.hot.map_index)
              : run_if_holds(attempt.run, attempt.dag);
  if (!holds) c_.met(of_task ? Situation::task_kept_out : Situation::run_kept_out);
  return Gate{holds, holds ? "" : "run_if: as scripted"};
}

Result<WaitRow> SchedulerNode::deferral(const Attempt& attempt, const std::string&, Time now) {
  return deferral_of(c_, attempt.run, attempt.dag, now);
}

Result<Resolution> SchedulerNode::resolve(const Attempt& attempt, const DagFinder&, Time) {
  const StoredRun& run = *state().run(attempt.run.seq);
  if (c_.faults && c_.rng.chance(c_.knobs.render_fail)) {
    return Error{Errc::invalid, "undefined name in a template", {}};
  }
  const bool stop = stops(run, attempt.hot.task);
  Resolution what =
      resolution_of(c_, attempt.run, attempt.dag, attempt.hot.task, attempt.hot.try_number, stop);
  if (what.kind == Resolution::Kind::done) what.goes_on = !stop;
  if (what.question) {
    const InstanceKey key{attempt.run.seq, attempt.hot.task, attempt.hot.map_index};
    let_answer(key, attempt.hot.try_number + 1, choice_of(what.question->subject, stop));
  }
  return what;
}

// Nobody, one person or two, at any time: before it is known that it was asked, with its deadline,
// after it, or after a restart.
void SchedulerNode::let_answer(const InstanceKey& key, std::int32_t try_number,
                               const std::string& option) {
  for (auto people = c_.rng.below(3); people > 0; --people) {
    QuestionAnswered answer;
    answer.key = key;
    answer.try_number = try_number;
    answer.chosen_options = {option};
    answer.user = "user" + std::to_string(people);
    c_.agenda.after(c_.random_up_to(std::chrono::seconds(30)), [this, answer] {
      if (listens()) post(answer);
    });
  }
}

// What is outside is there in the end; a helper may be slow, and its answer may come twice.
void SchedulerNode::look(const AttemptKey& key) {
  using enum WaitChecked::Outcome;
  const std::uint64_t life = life_;
  const auto drawn = c_.rng.below(10);
  const auto outcome = drawn < 3 ? satisfied : drawn == 3 ? failed : not_yet;
  const int times = c_.rng.chance(100) ? 2 : 1;
  for (int i = 0; i < times; ++i) {
    c_.agenda.after(c_.random_up_to(std::chrono::seconds(3)), [this, life, key, outcome] {
      if (life == life_ && listens()) post(WaitChecked{key, outcome, "looked"});
    });
  }
}

// What is outside is another thing every few seconds, as long as things happen at all; now and then
// it is not there, or nobody can say.
void SchedulerNode::look_outside(std::int64_t watcher) {
  using enum WaitChecked::Outcome;
  WaitChecked looked;
  looked.watcher = watcher;
  const auto until = std::min<Duration>(c_.now().boot - Boot{}, c_.knobs.busy);
  const auto drawn = c_.faults ? c_.rng.below(10) : 9;
  looked.outcome = drawn == 0 ? failed : drawn == 1 ? not_yet : satisfied;
  looked.seen = looked.outcome == failed ? "" : std::to_string(until / std::chrono::seconds(5));
  if (looked.outcome == failed) looked.message = "not there to be asked";
  const std::uint64_t life = life_;
  c_.agenda.after(c_.random_up_to(std::chrono::milliseconds(500)), [this, life, looked] {
    if (life == life_ && listens()) post(looked);
  });
}

Status SchedulerNode::render_launch(const Attempt&, Launch& out, std::string&) {
  if (!c_.faults || !c_.rng.chance(c_.knobs.render_fail)) return success();
  unrendered_.push_back(out.key);
  return {Errc::invalid, "undefined name in a template"};
}

OutboxRow SchedulerNode::render_alert(const Attempt&, const AlertEffect& alert, Time now) {
  OutboxRow row;
  row.kind = OutboxKind::alert;
  row.key = "slack";
  row.payload_json = alert.notifier_json;
  row.created_at = now;
  return row;
}

}  // namespace batuta::sim
