#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <sstream>
#include <utility>

#include "common/log.h"
#include "common/uuid.h"
#include "worker/agent_loop.h"
#include "worker/deferral.h"
#include "worker/file_chunk.h"
#include "worker/hide_secrets.h"
#include "worker/large_result.h"
#include "worker/process_tree.h"

namespace batuta {
namespace {

constexpr std::size_t max_unstarted = 10'000;
constexpr std::size_t max_unacked = 100'000;
constexpr std::int64_t kill_again_us = 500'000;
constexpr std::int64_t max_grace_us = 3'600'000'000;
constexpr std::int64_t predecessor_poll_us = 20'000;

std::vector<std::string> slots_of(const Predecessor& predecessor) {
  std::istringstream text(predecessor.slot);
  std::vector<std::string> names;
  for (std::string name; text >> name;) names.push_back(name);
  return names;
}

// Some deaths may be anybody's doing; then its neighbours are spared. Fewer would suspect everybody
// when machines or people kill workers in a row; alone and in a fresh slot an attempt takes longer,
// and is then the likelier to be hit again.
constexpr int deaths_until_sole = 5;

}  // namespace

std::size_t Agent::KeyHash::operator()(const AttemptKey& key) const {
  const auto mix = [](std::uint64_t a, std::uint64_t b) { return (a ^ b) * 0x9e3779b97f4a7c15ull; };
  const auto instance =
      std::uint64_t{key.task} << 32 | static_cast<std::uint32_t>(number_of(key.map_index));
  return mix(mix(static_cast<std::uint64_t>(key.run), instance),
             static_cast<std::uint64_t>(key.fence));
}

void Agent::on_message(SchedulerLink::Incoming incoming) {
  ToAgent& message = incoming.message;
  if (auto* launch = std::get_if<Launch>(&message)) {
    on_launch(std::move(*launch), std::move(incoming.body));
  } else if (const auto* ack = std::get_if<Ack>(&message)) {
    on_kept(*ack);
  } else if (std::get_if<HeartbeatAck>(&message) != nullptr) {
    acked_at_us_ = boot_us();
  } else if (const auto* cancel = std::get_if<Cancel>(&message)) {
    on_cancel(*cancel);
  } else if (const auto* recall = std::get_if<Recall>(&message)) {
    on_recall(recall->key);
  } else if (const auto* drain = std::get_if<Drain>(&message)) {
    on_drain(drain->on);
  } else if (const auto* refused = std::get_if<Refused>(&message)) {
    if (!refused->retry) short_connections_ = 10;  // as seldom as we ever ask
    disconnect("it refuses this worker: " + refused->reason);
  } else if (const auto* wanted = std::get_if<FetchFile>(&message)) {
    link_.send(read_file_chunk(options_.home, *wanted));
  } else if (const auto* welcome = std::get_if<Welcome>(&message)) {
    acked_at_us_ = boot_us();
    away_since_us_ = 0;
    agreed_version_ = welcome->version;
    if (welcome->heartbeat_us > 0) heartbeat_us_ = welcome->heartbeat_us;
    if (welcome->lease_us > 0) lease_us_ = std::max(welcome->lease_us, 2 * heartbeat_us_);
    cancel_grace_us_ = std::clamp<std::int64_t>(welcome->cancel_grace_us, 0, max_grace_us);
    beat_at_us_ = boot_us() + heartbeat_us_;
    for (Seat& seat : seats_) {
      if (seat.slot) seat.slot->page().lease_us = lease_us_;
    }
  }
}

// ---- arriving -----------------------------------------------------------------------------------

void Agent::on_launch(Launch launch, std::string body) {
  const AttemptKey key = launch.key;
  if (const auto told = unacked_.find(key); told != unacked_.end()) {
    return link_.send_encoded(told->second);
  }
  if (known_.contains(key)) return;  // said twice
  if (stopping_ || drained_) return link_.send(Recalled{key});
  if (unacked_.size() >= max_unacked) return disconnect("it acknowledges nothing");
  if (!parse_uuid(launch.run_uuid)) return refuse(launch, "the run's UUID is malformed");
  if (launch.task_id.find_first_of(std::string_view("/\0", 2)) != std::string::npos) {
    return refuse(launch, "the task's id is malformed");  // it becomes part of a path
  }
  if (launch.try_number < 0) return refuse(launch, "the try number is negative");
  if (known_.size() >= max_unstarted) return refuse(launch, "this worker holds too many attempts");
  if (const std::string why = too_much(launch); !why.empty()) return refuse(launch, why);
  if (const std::string why = cannot_run_as(launch.run_as); !why.empty())
    return refuse(launch, why);
  const bool by_lock = launch.predecessor.kind == Predecessor::Kind::slot_lock;
  const auto names = slots_of(launch.predecessor);
  if (by_lock && (names.empty() || !std::all_of(names.begin(), names.end(), valid_id))) {
    return refuse(launch, "the predecessor's slot is malformed");
  }
  auto attempt = std::make_unique<Attempt>();
  attempt->launch = std::move(launch);
  attempt->body = std::move(body);
  attempt->arrived_boot_us = boot_us();
  judge_suspect(*attempt);
  known_.emplace(key, attempt.get());
  if (attempt->launch.predecessor.kind == Predecessor::Kind::none) {
    queue_.push_back(std::move(attempt));
  } else {
    awaiting_.push_back(std::move(attempt));
    judge_predecessors();
  }
}

// Only an attempt whose predecessor was lost can be one that kills agents.
void Agent::judge_suspect(Attempt& attempt) const {
  if (attempt.launch.predecessor.kind == Predecessor::Kind::none) return;
  const std::string run = options_.home + "/run";
  collect_journals(run);
  attempt.deaths = deaths_during(run, attempt.launch);
  attempt.sole = attempt.deaths >= deaths_until_sole;
  if (!attempt.sole) return;
  log::warn("worker: " + attempt.launch.dag_id + "." + attempt.launch.task_id +
            " was running when " + std::to_string(attempt.deaths) +
            " workers died: now it runs while nothing else does");
}

void Agent::refuse(const Launch& launch, const std::string& why) {
  Finished finished;
  finished.key = launch.key;
  finished.outcome = Outcome::refused;
  finished.reason = why;
  finished.started = finished.ended = wall_now();
  send_finished(finished);
}

// Lock files of a predecessor: one slot's, or all slots' of an agent that never said which.
std::vector<std::string> Agent::predecessor_locks(const std::string& name) const {
  const std::string folder = options_.home + "/run/slots/";
  if (!parse_uuid(name)) return {folder + name + ".lock"};
  std::vector<std::string> locks;
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator(folder, ignored)) {
    const std::string file = entry.path().filename().string();
    if (file.starts_with(name + "-") && file.ends_with(".lock")) locks.push_back(folder + file);
  }
  return locks;
}

// A predecessor is superseded by the very existence of its successor: whoever still holds its lock
// is a remnant, and ended.
bool Agent::predecessor_gone(const Attempt& attempt) {
  const Predecessor& before = attempt.launch.predecessor;
  if (before.kind == Predecessor::Kind::lease) {
    return attempt.arrived_boot_us + before.lease_us <= boot_us();
  }
  bool gone = true;
  for (const std::string& name : slots_of(before)) {
    gone = slot_gone(name, attempt.launch.key) && gone;
  }
  return gone;
}

bool Agent::slot_gone(const std::string& name, const AttemptKey& key) {
  const bool ours = std::any_of(seats_.begin(), seats_.end(), [&](const Seat& seat) {
    return seat.slot && (seat.slot->name() == name || seat.slot->name().starts_with(name + "-"));
  });
  // Our own slots are ended by their own rules; a slot that has gone on to other work is no
  // obstacle, its earlier attempt being over.
  if (ours) return !running_slot_of(name, key);
  bool gone = true;
  for (const std::string& lock : predecessor_locks(name)) {
    if (lock_is_free(lock)) continue;
    kill_holders(lock.c_str());
    gone = false;
  }
  return gone;
}

void Agent::judge_predecessors() {
  std::erase_if(awaiting_, [&](std::unique_ptr<Attempt>& attempt) {
    if (!predecessor_gone(*attempt)) return false;
    queue_.push_back(std::move(attempt));
    return true;
  });
  predecessors_at_us_ = awaiting_.empty() ? 0 : boot_us() + predecessor_poll_us;
}

// True while our slot `name` still runs another attempt of the same task instance.
bool Agent::running_slot_of(const std::string& name, const AttemptKey& key) {
  for (const Seat& seat : seats_) {
    if (!seat.slot) continue;
    if (seat.slot->name() != name && !seat.slot->name().starts_with(name + "-")) continue;
    for (const auto& attempt : seat.slot->given()) {
      const AttemptKey& other = attempt->launch.key;
      if (other.instance() == key.instance() && other != key) return true;
    }
  }
  return false;
}

// ---- being taken back or stopped ----------------------------------------------------------------

std::unique_ptr<Attempt> Agent::take_unstarted(const AttemptKey& key) {
  const auto is_it = [&](const std::unique_ptr<Attempt>& a) { return a->launch.key == key; };
  std::unique_ptr<Attempt> taken;
  if (const auto at = std::find_if(queue_.begin(), queue_.end(), is_it); at != queue_.end()) {
    taken = std::move(*at);
    queue_.erase(at);
  } else if (const auto waiting = std::find_if(awaiting_.begin(), awaiting_.end(), is_it);
             waiting != awaiting_.end()) {
    taken = std::move(*waiting);
    awaiting_.erase(waiting);
  } else {
    for (Seat& seat : seats_) {
      if (!taken && seat.slot) taken = seat.slot->take_back(key);
    }
  }
  if (taken) {
    known_.erase(key);
    journal_.clear(std::exchange(taken->journal_place, -1));
  }
  return taken;
}

SlotProcess* Agent::running_slot(const AttemptKey& key) {
  for (Seat& seat : seats_) {
    if (!seat.slot || !seat.slot->front_running()) continue;
    if (seat.slot->given().front()->launch.key == key) return seat.slot.get();
  }
  return nullptr;
}

void Agent::on_recall(const AttemptKey& key) {
  if (unacked_.contains(key)) return;  // its report is under way
  if (SlotProcess* slot = running_slot(key)) {
    Attempt& attempt = *slot->given().front();
    attempt.announced = false;
    return announce(*slot, attempt);
  }
  if (known_.contains(key) && !take_unstarted(key)) return;  // begun this moment: Started follows
  link_.send(Recalled{key});
}

void Agent::on_cancel(const Cancel& cancel) {
  if (unacked_.contains(cancel.key)) return;
  SlotProcess* slot = running_slot(cancel.key);
  if (slot == nullptr && known_.contains(cancel.key) && !take_unstarted(cancel.key)) {
    slot = running_slot(cancel.key);  // begun between two looks
    if (slot == nullptr) return;      // dead, and its report is under way
  }
  if (slot == nullptr) return link_.send(Recalled{cancel.key});
  stop_attempt(*slot, Outcome::cancelled, cancel.reason,
               std::clamp<std::int64_t>(cancel.grace_us, 0, max_grace_us));
}

// Asks the attempt at the slot's front; on_timers kills when the grace is over. A second request
// may only shorten the grace.
void Agent::stop_attempt(SlotProcess& slot, Outcome outcome, const std::string& why,
                         std::int64_t grace_us) {
  Attempt& attempt = *slot.given().front();
  const std::int64_t kill_at = boot_us() + grace_us;
  if (!attempt.stopping) {
    attempt.stopping = true;
    attempt.stop_outcome = outcome;
    attempt.stop_reason = why;
    attempt.kill_boot_us = kill_at;
  }
  attempt.kill_boot_us = std::min(attempt.kill_boot_us, kill_at);
  slot.ask_to_stop(attempt);
}

void Agent::attempt_timers(SlotProcess& slot, std::int64_t now) {
  if (!slot.front_running()) return;
  Attempt& front = *slot.given().front();
  if (!front.announced && front.started_boot_us + announce_after_us <= now) announce(slot, front);
  const std::int64_t limit = front.launch.timeout_us;
  if (!front.stopping && limit > 0 && front.started_boot_us + limit <= now) {
    char why[64];
    std::snprintf(why, sizeof why, "timed out after %g s", static_cast<double>(limit) / 1e6);
    stop_attempt(slot, Outcome::timeout, why, cancel_grace_us_);
  }
  if (front.stopping && front.kill_boot_us <= now) {
    front.kill_boot_us = now + kill_again_us;  // once more, should anything survive
    slot.kill();
  }
}

// ---- reporting ----------------------------------------------------------------------------------

void Agent::announce(SlotProcess& slot, Attempt& attempt) {
  if (attempt.announced || !link_.connected()) return;
  attempt.announced = true;
  link_.send(Started{attempt.launch.key, attempt.started, slot.name()});
}

// The last word on an attempt: its log is closed, its report kept until the Ack.
void Agent::report(Attempt& attempt, Finished finished) {
  finished.key = attempt.launch.key;
  journal_.clear(std::exchange(attempt.journal_place, -1));
  if (sole_ == attempt.launch.key) sole_.reset();
  if (attempt.deaths > 0) forgive(options_.home + "/run", attempt.launch);
  const bool overruled =
      attempt.stop_outcome == Outcome::timeout ||
      (finished.outcome != Outcome::success && finished.outcome != Outcome::deferred);
  if (attempt.stopping && overruled) {
    finished.outcome = attempt.stop_outcome;
    finished.reason = attempt.stop_reason;
    finished.outputs.clear();
    finished.watermark_us = 0;
    finished.wait_json.clear();
    finished.payload_json.clear();
  }
  judge_deferral(attempt.launch, agreed_version_, finished);
  const bool well = ended_well(finished.outcome);
  if (!well || attempt.log || !finished.reason.empty()) {
    AttemptLog& log = log_of(attempt, options_.home, options_.log_limit);
    if (const std::string memory = log.short_of_memory(finished); !memory.empty())
      finished.reason += (finished.reason.empty() ? "" : "; ") + memory;
    finished.reason = log.masked(finished.reason);
    log.finish(finished);
    finished.output_found = log.found();
  }
  hide_secrets(attempt.launch, finished);
  known_.erase(finished.key);
  send_finished(finished);
}

void Agent::send_finished(const Finished& finished) {
  const auto saved = unkept_.find(finished.key);
  if (saved != unkept_.end()) send_checkpoint(saved->second);
  std::string body;
  encode(finished, body);
  if (link_.connected()) link_.send_encoded(body);
  unacked_[finished.key] = std::move(body);
}

// A slot is not to be believed: what it says becomes part of another launch.
void Agent::on_checkpoint(SlotProcess& slot, TaskCheckpoint saved) {
  Attempt& attempt = *slot.given().front();
  const bool fits = static_cast<bool>(check_checkpoint(attempt.launch, saved.checkpoint_json));
  if (!fits || agreed_version_ < checkpoint_version) {
    slot.page().checkpoint_refused = saved.number;
    return;
  }
  announce(slot, attempt);
  saved.key = attempt.launch.key;
  Unkept& unkept = unkept_[attempt.launch.key];
  unkept.newest = std::move(saved);
  if (unkept.sent == 0) send_checkpoint(unkept);
}

void Agent::send_checkpoint(Unkept& unkept) {
  if (!link_.connected() || unkept.sent == unkept.newest.number) return;
  link_.send(unkept.newest);
  unkept.sent = unkept.newest.number;
}

void Agent::on_kept(const Ack& ack) {
  const auto saved = unkept_.find(ack.key);
  if (ack.checkpoint == 0) {
    unacked_.erase(ack.key);
    if (saved != unkept_.end()) unkept_.erase(saved);
    return;
  }
  if (SlotProcess* slot = running_slot(ack.key)) slot->page().checkpoint_kept = ack.checkpoint;
  if (saved == unkept_.end()) return;
  if (saved->second.newest.number <= ack.checkpoint) {
    unkept_.erase(saved);
  } else if (saved->second.sent <= ack.checkpoint) {
    send_checkpoint(saved->second);
  }
}

// ---- giving work --------------------------------------------------------------------------------

// True when the attempt found its slot, or was refused.
bool Agent::place(std::unique_ptr<Attempt>& attempt) {
  const PluginFile* file = scan_.find(attempt->launch.plugin);
  if (file == nullptr) {
    const auto fault = scan_.faults().find(attempt->launch.plugin);
    refuse(attempt->launch, fault == scan_.faults().end()
                                ? "this worker has no plugin " + attempt->launch.plugin
                                : fault->second);
    known_.erase(attempt->launch.key);
    return true;
  }
  if (attempt->sole && anything_runs()) return false;
  const bool alone = attempt->sole || attempt->launch.isolation == Isolation::process ||
                     attempt->launch.asks_bounds() || !attempt->launch.run_as.empty();
  SlotProcess* best = nullptr;
  for (Seat& seat : seats_) {
    if (!seat.slot || !seat.slot->room()) continue;
    if (seat.slot->idle()) {
      const bool suits = seat.slot->fits(*file) && (!alone || seat.slot->fresh()) &&
                         seat.slot->run_as() == attempt->launch.run_as;
      if (!suits) {
        retire(seat);
        if (!fill(seat, attempt->launch.run_as)) continue;
      }
      best = seat.slot.get();
      break;
    }
    const bool ahead = !alone && seat.slot->fits(*file);
    if (ahead && (best == nullptr || seat.slot->given().size() < best->given().size())) {
      best = seat.slot.get();
    }
  }
  if (best == nullptr) return false;
  if (!bound_attempt(*best, *attempt)) return true;
  attempt->process_memory = process_memory(attempt->launch);
  if (attempt->launch.asks_bounds()) tell_bounds(*best, *attempt);
  if (alone) best->set_exclusive();
  if (attempt->sole) sole_ = attempt->launch.key;
  attempt->journal_place = journal_.note(attempt->launch);
  forget_results(options_.home, attempt->launch);
  best->give(std::move(attempt), *file);
  return true;
}

// In order, except that one which finds no place lets others pass only within its own turn.
void Agent::dispatch() {
  if (!link_.connected() || stopping_) return;
  while (!queue_.empty() && !sole_) {
    std::unique_ptr<Attempt> next = std::move(queue_.front());
    queue_.pop_front();
    if (!place(next)) {
      queue_.push_front(std::move(next));
      break;
    }
  }
  if (queue_.empty()) steal_for_idle();
}

// An idle slot takes what waits behind a longer attempt elsewhere.
void Agent::steal_for_idle() {
  for (Seat& idle : seats_) {
    if (!idle.slot || !idle.slot->usable() || !idle.slot->idle()) continue;
    for (Seat& busy : seats_) {
      if (!busy.slot || busy.slot->given().size() < 2) continue;
      auto taken = busy.slot->take_back(busy.slot->given().back()->launch.key);
      if (!taken) continue;
      journal_.clear(std::exchange(taken->journal_place, -1));
      if (!place(taken)) queue_.push_front(std::move(taken));
      break;
    }
  }
}

}  // namespace batuta
