#include "tests/sim/agent.h"

#include <algorithm>
#include <sstream>

#include "tests/sim/asset_words.h"

namespace batuta::sim {

Agent::Agent(Context& context, AgentWorld world, int index)
    : c_(context), world_(std::move(world)), index_(index) {}

void Agent::start() {
  ++life_;
  alive_ = true;
  awake_ = true;
  paused_until_ = Boot{};
  lease_armed_ = false;
  waiting_for_predecessor_ = false;
  link_ = 0;
  lease_from_ = c_.boot();
  id_ = "agent" + std::to_string(index_) + "." + std::to_string(life_);
  c_.note("agent starts", index_, static_cast<std::int64_t>(life_));
  connect();
}

void Agent::crash() {
  if (!alive_) return;
  c_.note("agent crashes", index_);
  ++c_.totals.kills;
  if (!running_.empty()) c_.met(Situation::agent_crashed);
  for (const auto& [key, run] : running_) world_.ledger.die(key);
  running_.clear();
  unstarted_.clear();
  unacked_.clear();
  alive_ = false;
  ++life_;
  if (link_) world_.network.close(link_, Side::agent);
  link_ = 0;
}

void Agent::pause(Boot until) {
  if (!alive_) return;
  c_.note("agent pauses", index_, (until - c_.boot()).count());
  paused_until_ = std::max(paused_until_, until);
  awake_ = false;
  if (link_) world_.network.block(link_, Side::agent, until);
  if (until - c_.boot() > c_.knobs.options.lease && !running_.empty())
    c_.met(Situation::agent_paused);
  // What wakes up first, the end of an attempt or the agent's own look at its lease, is chance.
  const Duration first_look = c_.random_up_to(std::chrono::milliseconds(20));
  later(until - c_.boot() + first_look, [this] { judge_lease(); });
}

void Agent::kill_slot() {
  if (running_.empty()) return;
  auto it = running_.begin();
  std::advance(it, static_cast<long>(c_.rng.below(running_.size())));
  Finished report;
  report.key = it->first;
  report.outcome = Outcome::crashed;
  report.signal = 9;
  report.reason = "killed by signal 9";
  ++c_.totals.kills;
  c_.met(Situation::slot_crashed);
  plan_end(report.key, Duration(0), report);
}

void Agent::later(Duration delay, std::function<void()> action) {
  const std::uint64_t life = life_;
  c_.agenda.after(delay, [this, life, act = std::move(action)]() mutable {
    if (life != life_) return;
    if (paused_until_ > c_.boot())
      later(paused_until_ - c_.boot(), std::move(act));
    else
      act();
  });
}

void Agent::connect() {
  if (link_) return;
  if (!world_.scheduler_listens()) {
    later(std::chrono::milliseconds(c_.rng.between(100, 500)), [this] { connect(); });
    return;
  }
  link_ = world_.network.open(index_);
  welcomed_ = false;
  beats_.clear();
  hello_at_ = c_.boot();
  Hello hello;
  hello.agent_id = id_;
  hello.agent_lock = id_ + ".lock";
  hello.hostname = c_.knobs.one_host ? "host" : "host" + std::to_string(index_);
  hello.slots = c_.knobs.slots;
  if (c_.knobs.queues && index_ == 0) hello.queues = {"default", "large"};
  for (const char* name : {"mock", "branch", "financial_bronze"}) {
    hello.catalogue.emplace_back();
    hello.catalogue.back().name = name;
  }
  for (const auto& [key, run] : running_) hello.running.push_back({key, run.started, run.slot});
  world_.network.send(link_, FromAgent{hello});
  for (const auto& [key, report] : unacked_) {
    c_.met(Situation::report_after_reconnect);
    world_.network.send(link_, FromAgent{report});
  }
}

void Agent::on_closed(WorkerId link) {
  if (link == link_) disconnected();
}

void Agent::disconnected() {
  link_ = 0;
  welcomed_ = false;
  if (!unstarted_.empty()) c_.met(Situation::unstarted_dropped);
  unstarted_.clear();
  later(std::chrono::milliseconds(c_.rng.between(50, 500)), [this] { connect(); });
}

void Agent::welcome(const Welcome& message) {
  welcomed_ = true;
  lease_from_ = std::max(lease_from_, hello_at_);
  const WorkerId link = link_;
  later(Duration(message.heartbeat_us), [this, link] {
    if (link == link_) heartbeat();
  });
  arm_lease();
  start_some();
}

void Agent::heartbeat() {
  beats_[++beat_] = c_.boot();
  world_.network.send(link_, FromAgent{Heartbeat{beat_}});
  const WorkerId link = link_;
  later(c_.knobs.options.heartbeat, [this, link] {
    if (link == link_) heartbeat();
  });
}

// One heartbeat earlier than the scheduler would: nothing may be alive when it gives up.
Boot Agent::lease_end() const {
  return lease_from_ + (c_.knobs.options.lease - c_.knobs.options.heartbeat);
}

void Agent::arm_lease() {
  if (lease_armed_) return;
  lease_armed_ = true;
  later(std::max(Duration(0), lease_end() - c_.boot()), [this] {
    lease_armed_ = false;
    judge_lease();
  });
}

void Agent::judge_lease() {
  awake_ = true;
  if (c_.boot() < lease_end()) {
    if (!running_.empty() || link_) arm_lease();
    return;
  }
  welcomed_ = false;  // nothing is started from here on
  if (!running_.empty()) c_.met(Situation::self_fenced);
  std::vector<AttemptKey> keys;
  for (const auto& [key, run] : running_) keys.push_back(key);
  for (const AttemptKey& key : keys) {
    Finished report;
    report.key = key;
    report.outcome = Outcome::lost;
    report.reason = "the agent lost the scheduler";
    finish(key, report);
  }
  if (!link_) return;
  c_.note("agent gives up its link", index_);
  world_.network.close(link_, Side::agent);
  disconnected();
}

void Agent::on_message(WorkerId link, ToAgent message) {
  if (link != link_) return;
  if (auto* m = std::get_if<Launch>(&message)) launch(std::move(*m));
  if (auto* m = std::get_if<Cancel>(&message)) cancel(*m);
  if (auto* m = std::get_if<Recall>(&message)) recall(*m);
  if (auto* m = std::get_if<Welcome>(&message)) welcome(*m);
  if (auto* m = std::get_if<Ack>(&message); m && m->checkpoint == 0) unacked_.erase(m->key);
  if (auto* m = std::get_if<HeartbeatAck>(&message)) {
    const auto it = beats_.find(m->sequence);
    if (it == beats_.end()) return;
    lease_from_ = std::max(lease_from_, it->second);
    beats_.erase(beats_.begin(), std::next(it));
  }
}

bool Agent::knows(const AttemptKey& key) const {
  return running_.count(key) || unacked_.count(key) ||
         std::any_of(unstarted_.begin(), unstarted_.end(),
                     [&](const Launch& l) { return l.key == key; });
}

bool Agent::holds(const std::string& slot) const {
  if (alive_ && slot == id_) return !running_.empty();  // a predecessor whose slot nobody named
  return alive_ && std::any_of(running_.begin(), running_.end(),
                               [&](const auto& r) { return r.second.slot == slot; });
}

std::vector<RunSeq> Agent::stuck() const {
  std::vector<RunSeq> runs;
  for (const auto& [key, run] : running_)
    if (run.hangs && !run.cancelled) runs.push_back(key.run);
  return runs;
}

void Agent::launch(Launch launch) {
  if (knows(launch.key)) return;
  unstarted_.push_back(std::move(launch));
  start_some();
  if (!unstarted_.empty()) c_.met(Situation::prefetched);
}

// One of several names, a space between.
bool Agent::predecessor_there(const std::string& slots) const {
  std::istringstream names(slots);
  for (std::string name; names >> name;) {
    if (world_.slot_locked(name)) return true;
  }
  return false;
}

void Agent::start_some() {
  // Before anything is started, too: a launch may have waited in a link that was deaf, or through a
  // pause, and its successor may be alive elsewhere.
  if (welcomed_ && !unstarted_.empty() && c_.boot() >= lease_end()) return judge_lease();
  while (welcomed_ && !unstarted_.empty() &&
         running_.size() < static_cast<std::size_t>(c_.knobs.slots)) {
    if (c_.knobs.one_host && predecessor_there(unstarted_.front().predecessor.slot)) {
      c_.met(Situation::predecessor_awaited);
      if (!waiting_for_predecessor_) {
        waiting_for_predecessor_ = true;
        later(std::chrono::milliseconds(50), [this] {
          waiting_for_predecessor_ = false;
          start_some();
        });
      }
      return;
    }
    Launch next = std::move(unstarted_.front());
    unstarted_.pop_front();
    begin(std::move(next));
  }
}

void Agent::begin(Launch launch) {
  const AttemptKey key = launch.key;
  const Dag* dag = world_.dag_of(key.run);
  if (!dag) return refuse(key);
  c_.note("attempt starts", key);
  world_.ledger.start(key, index_, world_.awake);
  Running& run = running_[key];
  run.slot = id_ + "/" + std::to_string(++slots_made_);
  run.started = c_.wall();
  run.outputs = draw_outputs(c_, world_.lake, dag->tasks[key.task]);
  run.assets = told_text(told_by(*dag, key, c_.knobs.keyed_assets));
  Script script = draw_script(c_, launch, *dag);
  run.heeds_cancel = script.heeds_cancel;
  run.report_delay = script.report_delay;
  world_.network.send(link_, FromAgent{Started{key, run.started, run.slot}});
  plan_checkpoint(key, script.hangs ? Duration(std::chrono::seconds(1)) : script.runs_for / 2);
  const Duration limit(launch.timeout_us);
  if (limit.count() > 0 && (script.hangs || script.runs_for > limit)) {
    Finished report;
    report.key = key;
    report.outcome = Outcome::timeout;
    report.reason = "execution time-out";
    c_.met(Situation::task_timed_out);
    plan_end(key, limit, report);
  } else if (script.hangs) {
    run.hangs = true;
  } else {
    plan_end(key, script.runs_for, script.report);
  }
}

// Every third attempt says from where another is to go on, in the midst of its work; one that hangs
// does so soon. What is lost with the link is not said again: an agent may die, too.
void Agent::plan_checkpoint(const AttemptKey& key, Duration at) {
  if ((key.fence + key.task) % 3 != 0) return;
  later(at, [this, key] {
    if (!running_.count(key) || !link_) return;
    world_.network.send(
        link_, FromAgent{TaskCheckpoint{key, 1, "\"by fence " + std::to_string(key.fence) + '"'}});
  });
}

namespace {
// What the attempt tells of its data: every second one does, however it ends.
std::string told_by(const AttemptKey& key) {
  if (key.fence % 2 == 0) return {};
  return R"({"quality":[)" + std::to_string(key.task) + "," + std::to_string(key.fence) + "]}";
}
}  // namespace

// The run was deleted while its launch was under way: nothing of it is known any more.
void Agent::refuse(const AttemptKey& key) {
  Finished report;
  report.key = key;
  report.outcome = Outcome::refused;
  unacked_[key] = report;
  send_report(report);
}

void Agent::plan_end(const AttemptKey& key, Duration delay, Finished report) {
  const std::uint64_t plan = ++plans_;
  running_.at(key).plan = plan;
  later(delay, [this, key, plan, r = std::move(report)] {
    const auto it = running_.find(key);
    if (it != running_.end() && it->second.plan == plan) finish(key, r);
  });
}

void Agent::finish(const AttemptKey& key, Finished report) {
  Running& run = running_.at(key);
  report.started = run.started;
  report.ended = c_.wall();
  report.slot = run.slot;
  report.extra_json = told_by(key);
  if (report.outcome == Outcome::success) {
    report.outputs = run.outputs;
    if (!run.assets.empty()) {
      const std::string& data = report.extra_json;
      report.extra_json = "{\"assets\":" + run.assets + (data.empty() ? "}" : "," + data.substr(1));
    }
    report.records = static_cast<std::int64_t>(report.outputs.size());
  }
  c_.trace.note(c_.boot(), "attempt ends", static_cast<std::int64_t>(key.run), key.task,
                key.fence * 16 + static_cast<std::int64_t>(report.outcome));
  world_.ledger.end(key, report);
  const Duration delay = run.report_delay;
  running_.erase(key);
  unacked_[key] = report;
  if (delay.count() == 0)
    send_report(report);
  else
    later(delay, [this, report] {
      if (unacked_.count(report.key)) send_report(report);
    });
  start_some();
}

void Agent::send_report(const Finished& report) {
  if (!link_) return;
  world_.network.send(link_, FromAgent{report});
  if (c_.faults && c_.rng.chance(c_.knobs.duplicate_report))
    world_.network.send(link_, FromAgent{report});
}

void Agent::cancel(const Cancel& message) {
  Finished report;
  report.key = message.key;
  report.outcome = Outcome::cancelled;
  report.reason = message.reason;
  const auto it = running_.find(message.key);
  if (it != running_.end()) {
    if (it->second.cancelled) return;
    it->second.cancelled = true;
    const bool heeds = it->second.heeds_cancel;
    if (!heeds) c_.met(Situation::cancel_ignored);
    plan_end(message.key, heeds ? Duration(c_.rng.between(0, 50'000)) : Duration(message.grace_us),
             report);
    return;
  }
  if (unacked_.count(message.key)) return;  // its report is under way
  std::erase_if(unstarted_, [&](const Launch& l) { return l.key == message.key; });
  world_.network.send(link_, FromAgent{Recalled{message.key}});
}

void Agent::recall(const Recall& message) {
  const auto it = running_.find(message.key);
  if (it != running_.end()) {
    c_.met(Situation::recall_too_late);
    world_.network.send(link_,
                        FromAgent{Started{message.key, it->second.started, it->second.slot}});
    return;
  }
  if (unacked_.count(message.key)) return;
  std::erase_if(unstarted_, [&](const Launch& l) { return l.key == message.key; });
  c_.met(Situation::recall_granted);
  world_.network.send(link_, FromAgent{Recalled{message.key}});
}

}  // namespace batuta::sim
