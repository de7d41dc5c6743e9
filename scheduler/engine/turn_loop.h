// The engine's turn without its thread and its clock:
//
//   on_events(events, now)      what they ask of the store is read, step() decides, launches are
//                               rendered
//   commit()                    by the driver, which may die before or after it
//   on_commit_result(...)       committed: what was decided leaves. retry: nothing of it happened,
//                               memory is what the store has again. unknown: the turn's number is
//                               looked up first.
//   on_probe(now)               while the store takes no writes: does it again?
//
// Queries go to state(), whether or not the store can write: after a turn that was lost it is read
// from the store at once, so that nobody sees what never happened (only while the store cannot be
// read either does memory still hold that turn). Run by the engine's control thread and by the
// simulator's scheduler alike.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "scheduler/core/effects.h"
#include "scheduler/core/scheduler_state.h"
#include "scheduler/core/step.h"
#include "scheduler/engine/executor.h"
#include "scheduler/engine/prepare.h"
#include "scheduler/engine/render.h"
#include "scheduler/store/store.h"

namespace batuta {

// A pause of the process that is longer than asked by this much is a stall of its own: others'
// silence in that time proves nothing.
inline constexpr Duration stall_tolerance = std::chrono::milliseconds(250);

// What was decided and waits for its commit.
struct PendingTurn {
  TurnId id;
  Effects effects;
  std::vector<RenderedRow> rendered;
  std::vector<PreparedLaunch> launches;
  std::size_t events = 0;
  Boot began;

  bool commits() const { return !effects.changes.empty() || !rendered.empty(); }
};

// What outbox runners need after an outage: theirs may have died with a turn.
struct Unsent {
  std::vector<OutboxRow> outbox;
  std::vector<PublicationRow> publications;
};

// Whoever drives the loop; called within its calls.
class TurnDriver {
 public:
  virtual ~TurnDriver() = default;
  // The events of a turn with their answers, before they are folded; and what follows from them.
  virtual void folding(std::span<const Event> events, const Now& now);
  virtual void decided(const PendingTurn& turn, const SchedulerState& state);
  // Durable, and launches, cancels and acks have left: replies and news may follow.
  virtual void released(PendingTurn& turn, const SchedulerState& state) = 0;
  // The store takes no writes. Every request under way is lost: not carried out, or (`unknown`)
  // perhaps.
  virtual void unavailable(const std::string& why, bool unknown) = 0;
  // Memory was read from the store again.
  virtual void reloaded() {}
  virtual void available(Unsent unsent) = 0;
  // The store is lost, or somebody else leads it. The loop must not be used any more.
  virtual void fatal(const std::string& why) = 0;
};

class TurnLoop {
 public:
  // References outlive this. `stored` as the store has it now, `lead` as just taken.
  TurnLoop(StoredState stored, const Lead& lead, const SchedulerOptions& options, Store& store,
           Executor& executor, LaunchContext& context, TurnDriver& driver, const Now& now);

  // Decides a turn. True: commit() comes next, then on_commit_result(). False: there was nothing to
  // commit and all is done, or the store could not be read and the turn is lost.
  // Only while available().
  bool on_events(std::vector<Event> events, const Now& now);
  const PendingTurn& pending() const { return pending_; }
  CommitResult commit();
  void on_commit_result(const CommitResult& result, const Now& now);
  // While it is not available(): tries again when it is time.
  void on_probe(const Now& now);
  // The driver was late by so much: goes into the next turn when it matters.
  void on_stall(Duration by);
  // The store failed, but not in commit(): for want of room it is as a turn that was lost, else
  // fatal.
  void on_store_error(const StoreError& error, const Now& now);

  const SchedulerState& state() const { return state_; }
  bool available() const { return trouble_.empty(); }
  const std::string& trouble() const { return trouble_; }  // why not; empty when available

  // How long nothing need be done, if nothing happens; never negative.
  Duration patience(const Now& now, Duration longest) const;
  // A timer has come due, or something waits for the next turn.
  bool due(const Now& now) const;

 private:
  void release();
  void lose(const std::string& why, bool unknown, const Now& now);
  bool reload(const Now& now);
  void hold(Held held, const Now& now);

  const SchedulerOptions options_;
  Store& store_;
  Executor& executor_;
  LaunchContext& context_;
  TurnDriver& driver_;
  SchedulerState state_;
  Epoch epoch_;
  std::int64_t last_turn_;
  PendingTurn pending_;
  std::vector<Event> carried_;  // for the next turn
  Held held_;                   // until their secrets are there
  Boot next_held_;              // when they are asked for again
  OptTime wake_at_;
  std::optional<Boot> wake_at_boot_;

  std::string trouble_;
  bool current_ = true;  // memory is what the store has; false only while it cannot be read
  Boot read_at_;         // when it was read
  Boot next_probe_;
  Unsent unsent_;
};

}  // namespace batuta
