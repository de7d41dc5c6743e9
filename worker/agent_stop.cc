// Leaving in good order: nothing new, a drain, a request, a grace, the last words.
#include <algorithm>

#include "common/log.h"
#include "worker/agent_loop.h"

namespace batuta {
namespace {

// For reports to be acknowledged once nothing runs any more; the scheduler may be gone.
constexpr std::int64_t last_words_us = 2'000'000;

}  // namespace

void Agent::on_stop_signal() {
  const std::int64_t now = boot_us();
  if (stopping_) {
    drain_until_us_ = std::min(drain_until_us_, now);
    return;
  }
  stopping_ = true;
  drain_until_us_ = now + options_.stop_drain.count();
  leave();
}

void Agent::leave() {
  if (link_.connected()) link_.send(Leaving{"asked to end"});
  give_back();
}

// What comes while it is drained is given back as it comes (on_launch).
void Agent::on_drain(bool on) {
  if (stopping_) return;
  if (on != drained_)
    log::info(on ? "worker: drained: it takes nothing new" : "worker: it takes work again");
  drained_ = on;
  if (catalogue_known_) tell_catalogue();
  if (on) give_back();
}

// What has not started is the scheduler's again.
void Agent::give_back() {
  std::vector<AttemptKey> unstarted;
  for (const auto& attempt : queue_) unstarted.push_back(attempt->launch.key);
  for (const auto& attempt : awaiting_) unstarted.push_back(attempt->launch.key);
  for (const Seat& seat : seats_) {
    if (!seat.slot) continue;
    for (const auto& attempt : seat.slot->given()) unstarted.push_back(attempt->launch.key);
  }
  for (const AttemptKey& key : unstarted) {
    if (take_unstarted(key) && link_.connected()) link_.send(Recalled{key});
  }
  predecessors_at_us_ = awaiting_.empty() ? 0 : predecessors_at_us_;
}

bool Agent::anything_runs() {
  return !burials_.empty() || std::any_of(seats_.begin(), seats_.end(), [](const Seat& seat) {
    return seat.slot && !seat.slot->idle();
  });
}

void Agent::stop_timers(std::int64_t now) {
  if (!anything_runs()) {
    if (unacked_.empty()) stop_ = true;
    if (last_word_until_us_ == 0) last_word_until_us_ = now + last_words_us;
    if (last_word_until_us_ <= now) {
      log::warn("worker: " + std::to_string(unacked_.size()) +
                " reports were not acknowledged; their attempts show as lost");
      stop_ = true;
    }
    asked_all_ = true;
    return;
  }
  if (now < drain_until_us_) return;
  asked_all_ = true;
  for (Seat& seat : seats_) {
    if (!seat.slot || !seat.slot->front_running()) continue;
    if (seat.slot->given().front()->stopping) continue;
    stop_attempt(*seat.slot, Outcome::failed, "stopped", cancel_grace_us_);
  }
}

}  // namespace batuta
