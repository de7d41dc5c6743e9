#include "scheduler/engine/turn_loop.h"

#include <algorithm>
#include <utility>

#include "scheduler/engine/results.h"

namespace batuta {
namespace {

constexpr Duration probe_interval = std::chrono::seconds(1);
// Secrets come from a file in no time and from a program in some tenths of a second. Nothing tells
// that one has come: while something waits for one, it is asked for this often.
constexpr Duration held_interval = std::chrono::milliseconds(50);

}  // namespace

void TurnDriver::folding(std::span<const Event>, const Now&) {}
void TurnDriver::decided(const PendingTurn&, const SchedulerState&) {}

TurnLoop::TurnLoop(StoredState stored, const Lead& lead, const SchedulerOptions& options,
                   Store& store, Executor& executor, LaunchContext& context, TurnDriver& driver,
                   const Now& now)
    : options_(options),
      store_(store),
      executor_(executor),
      context_(context),
      driver_(driver),
      state_(restore(with_members(std::move(stored)), options, now)),
      epoch_(lead.epoch),
      last_turn_(lead.last_turn),
      wake_at_boot_(now.boot) {}

// ---- a turn -------------------------------------------------------------------------------------

bool TurnLoop::on_events(std::vector<Event> events, const Now& now) {
  BATUTA_CHECK(available(), "a turn while the store takes no writes");
  if (!carried_.empty()) {
    events.insert(events.begin(), std::move_iterator(carried_.begin()),
                  std::move_iterator(carried_.end()));
    carried_.clear();
  }
  pending_ = {};
  pending_.id = {epoch_, last_turn_ + 1};
  pending_.events = events.size();
  pending_.began = now.boot;
  try {
    prepare_events(state_, store_, context_, events, now);
    driver_.folding(events, now);
    pending_.effects = step(state_, events, now);
    std::vector<Event> given_back;
    give_back_held(held_, pending_.effects, given_back);
    if (!held_.empty() && next_held_ <= now.boot) {
      take_up_held(state_, std::exchange(held_, {}), pending_.effects);
    }
    Prepared prepared = prepare_launches(state_, pending_.effects, store_, context_, now);
    pending_.rendered = std::move(prepared.rendered);
    pending_.launches = std::move(prepared.launches);
    carried_ = std::move(prepared.events);
    carried_.insert(carried_.end(), std::move_iterator(given_back.begin()),
                    std::move_iterator(given_back.end()));
    hold(std::move(prepared.held), now);
  } catch (const StoreError& error) {
    on_store_error(error, now);
    return false;
  }
  driver_.decided(pending_, state_);
  if (pending_.commits()) return true;
  release();
  return false;
}

void TurnLoop::hold(Held held, const Now& now) {
  if (held.empty()) return;
  if (held_.empty()) next_held_ = now.boot + held_interval;
  const auto add = [](auto& to, auto& from) {
    to.insert(to.end(), std::move_iterator(from.begin()), std::move_iterator(from.end()));
  };
  add(held_.launches, held.launches);
  add(held_.expansions, held.expansions);
  add(held_.gates, held.gates);
  add(held_.resolutions, held.resolutions);
}

CommitResult TurnLoop::commit() {
  return store_.commit(pending_.effects.changes, pending_.rendered, pending_.id);
}

void TurnLoop::on_commit_result(const CommitResult& result, const Now& now) {
  switch (result.kind) {
    case CommitResult::Kind::committed:
      last_turn_ = pending_.id.number;
      return release();
    case CommitResult::Kind::retry:
      return lose(result.why, false, now);
    case CommitResult::Kind::fatal:
      return driver_.fatal(result.why);
    case CommitResult::Kind::unknown:
      break;
  }
  try {
    if (store_.last_turn() < pending_.id.number) return lose(result.why, false, now);
    last_turn_ = pending_.id.number;
    release();
  } catch (const StoreError& error) {
    if (!error.full()) return driver_.fatal(error.what());
    lose(result.why, true, now);
  }
}

// Everything here happens after the commit, and only here.
void TurnLoop::release() {
  const Effects& effects = pending_.effects;
  for (PreparedLaunch& launch : pending_.launches) {
    executor_.launch(launch.worker, std::move(launch.message));
  }
  for (const CancelEffect& cancel : effects.cancels) {
    executor_.cancel(cancel.worker, {cancel.key, cancel.grace.count(), cancel.reason});
  }
  for (const RecallEffect& recall : effects.recalls) executor_.recall(recall.worker, {recall.key});
  for (const AckEffect& ack : effects.acks) executor_.ack(ack.worker, {ack.key, ack.checkpoint});
  executor_.flush();
  for (const DropWorkerEffect& drop : effects.drops) executor_.drop(drop.worker, drop.reason);
  wake_at_ = effects.wake_at;
  wake_at_boot_ = effects.wake_at_boot;
  driver_.released(pending_, state_);
}

// ---- when the store says no ---------------------------------------------------------------------

void TurnLoop::on_store_error(const StoreError& error, const Now& now) {
  if (!error.full()) return driver_.fatal(error.what());
  lose(error.what(), false, now);
}

// Agents are sent off (they come back and list what they have), callers are told to come again.
void TurnLoop::lose(const std::string& why, bool unknown, const Now& now) {
  trouble_ = why.empty() ? "the store takes no writes" : why;
  next_probe_ = now.boot + probe_interval;
  carried_.clear();
  held_ = {};
  executor_.drop_all("the scheduler cannot write for now");
  driver_.unavailable(trouble_, unknown);
  current_ = false;
  reload(now);
}

bool TurnLoop::reload(const Now& now) {
  try {
    last_turn_ = store_.last_turn();  // first: what is still under way belongs to what is loaded
    StoredState stored = store_.load();
    unsent_ = {stored.outbox, stored.publications};
    state_ = restore(with_members(std::move(stored)), options_, now);
  } catch (const StoreError& error) {
    if (!error.full()) driver_.fatal(error.what());
    return false;
  }
  current_ = true;
  read_at_ = now.boot;
  wake_at_.reset();
  wake_at_boot_ = now.boot;
  driver_.reloaded();
  return true;
}

void TurnLoop::on_probe(const Now& now) {
  if (available() || now.boot < next_probe_) return;
  next_probe_ = now.boot + probe_interval;
  try {
    store_.probe();
  } catch (const StoreError& error) {
    if (error.full()) {
      trouble_ = error.what();
    } else {
      driver_.fatal(error.what());
    }
    return;
  }
  if (!current_ && !reload(now)) return;
  trouble_.clear();
  // No agent could be heard since memory was read: its lease begins now.
  carried_.push_back(Stalled{now.boot - read_at_});
  driver_.available(std::exchange(unsent_, {}));
}

// ---- time ---------------------------------------------------------------------------------------

void TurnLoop::on_stall(Duration by) {
  if (available() && by > stall_tolerance) carried_.push_back(Stalled{by});
}

bool TurnLoop::due(const Now& now) const {
  return !carried_.empty() || (!held_.empty() && next_held_ <= now.boot) ||
         (wake_at_ && *wake_at_ <= now.wall) || (wake_at_boot_ && *wake_at_boot_ <= now.boot);
}

Duration TurnLoop::patience(const Now& now, Duration longest) const {
  Duration wait = longest;
  if (!available()) return std::clamp(next_probe_ - now.boot, Duration{}, longest);
  if (!carried_.empty()) return {};
  if (!held_.empty()) wait = std::min(wait, next_held_ - now.boot);
  if (wake_at_) wait = std::min(wait, *wake_at_ - now.wall);
  if (wake_at_boot_) wait = std::min(wait, *wake_at_boot_ - now.boot);
  return std::max(wait, Duration{});
}

}  // namespace batuta
