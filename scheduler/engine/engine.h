// The thread and the clock around the turn loop (turn_loop.h), and the way in for everybody else.
// Owner of the scheduler state.
//
//   forever:
//     items = inbox.take()       or wait until one comes or a timer is due
//     queries, writes            answered at once
//     loop.on_events(events)     read, decide, render
//     loop.commit()              durable, or the turn is lost and memory read again
//     launches, cancels, acks    only now
//     replies, feed              only now
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "common/result.h"
#include "scheduler/core/effects.h"
#include "scheduler/core/explain.h"
#include "scheduler/engine/executor.h"
#include "scheduler/engine/inbox.h"
#include "scheduler/engine/render.h"
#include "scheduler/engine/tallies.h"
#include "scheduler/engine/turn_loop.h"
#include "scheduler/store/store.h"

namespace batuta {

// How much of the live feed anybody listens to: to render the rest would be wasted on the hot path.
enum class FeedDemand : std::uint8_t { nothing, runs, everything };

// One change for the live feed, rendered: what SSE sends.
struct FeedEvent {
  std::uint64_t sequence = 0;
  std::string type;  // "run", "task", "dag", "dags"
  std::string dag_id;
  std::string dag_run_id;
  std::string json;  // the data line
};

// Called on the control thread after the commit; must hand over and return.
struct EngineSinks {
  std::function<FeedDemand()> feed_demand;
  std::function<void(std::vector<FeedEvent>)> feed;
  // Something outside is to be looked at; the answer is a WaitChecked.
  std::function<void(CheckEffect)> check{};
  std::function<void(const Changes&)> committed;  // the outbox takes its new rows from here
  std::function<void()> store_unavailable;        // writes fail for now (503)
  // They work again; what may have been forgotten with a lost turn comes along.
  std::function<void(Unsent)> store_available;
  std::function<void()>
      idle;  // once when a busy time is over, at least 100 ms after its last commit
};

struct EngineMetrics {  // counters since start, gauges now
  std::uint64_t turns = 0, events = 0, launches = 0, finished = 0, failed = 0, succeeded = 0;
  std::uint64_t stale_reports = 0, losses = 0, skipped_ticks = 0, commits = 0, commit_failures = 0;
  std::uint64_t runs_active = 0, tasks_queued = 0, tasks_running = 0, workers = 0, slots = 0;
  std::uint64_t inbox_depth = 0, backfills = 0, backfill_ticks = 0;
  std::map<std::pair<std::string, std::string>, std::uint64_t> skipped_by;  // DAG, reason
  std::uint64_t deadlines = 0;                                              // missed by runs
  std::map<std::string, std::uint64_t> deadlines_missed;                    // by DAG
  Tallies tallies;                                                          // by DAG and task
  Duration commit_p50{}, commit_p99{};
  Duration turn_p50{}, turn_p99{};
};

class Engine {
 public:
  struct Options {
    SchedulerOptions scheduler;
    std::size_t inbox_limit = 65'536;
  };
  // References must outlive the engine.
  Engine(Options options, Store& store, Executor& executor, LaunchContext& context,
         EngineSinks sinks);
  ~Engine();
  // Takes the lead, reads the store, lets `look` see what was read, and spawns the control thread.
  // StoreError when the store cannot be led or read.
  void start(const std::function<void(const StoredState&)>& look = {});
  // Finishes the turn under way and joins. Events posted later are refused with `unavailable`.
  void stop();

  // Any thread. False when the inbox is full, the store cannot write or the engine stopped; nothing
  // was taken then, and the sender keeps what it has (an agent closes and comes back).
  [[nodiscard]] bool post(Event event);
  [[nodiscard]] bool post(std::vector<Event> events);

  // Any thread. Posts the event with a fresh request id; `done` is called exactly once, on the
  // control thread, after the commit (or with Errc::unavailable at once when the inbox is full or
  // the store cannot write).
  void request(Event event, std::function<void(Reply)> done);

  // Any thread: runs `query` on the control thread between two turns, with the state. For explain,
  // gauges and consistency checks; must be quick. Answered while the store cannot write, too. False
  // when the inbox is full or the engine stopped.
  [[nodiscard]] bool query(std::function<void(const SchedulerState&, const Now&)> query);

  // Any thread: runs `write` on the control thread between two turns (the registry's writes), then
  // calls `done` there with its status; Errc::unavailable as for request().
  // What stands back comes after the writes that do not.
  void write(std::function<Status()> write, std::function<void(Status)> done,
             StandBack stand_back = {});
  // The same, and waits for its status. Any thread but the control thread, which would wait for
  // itself.
  Status write_and_wait(std::function<Status()> write, StandBack stand_back = {});

  EngineMetrics metrics() const;  // any thread
  // Any thread. Why nothing can be written for now; empty when all is well.
  std::string trouble() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace batuta
