// The only impure loop: take events, step, commit, release. Owner of the scheduler state.
//
//   forever:
//     events  = inbox.take_all()            or wait until one comes or wake_at passes
//     effects = step(state, events, now)
//     rendered = render(effects.launches)   templates, secrets, windows
//     store.commit(effects.changes)         durable, or the turn is dropped and reloaded
//     executor.launch / cancel / ack        only now
//     replies, feed                         only now
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "common/result.h"
#include "scheduler/core/effects.h"
#include "scheduler/core/explain.h"
#include "scheduler/engine/executor.h"
#include "scheduler/store/store.h"

namespace batuta {

// What the engine needs from outside to render launches and alerts. Called on the control thread;
// must not block on a disk or a socket.
class LaunchContext {
 public:
  virtual ~LaunchContext() = default;
  struct Attempt {
    const RunRow& run;
    const Dag& dag;
    const Task& task;
    const TaskInstanceRow& row;
    // JSON text of an upstream's XCom in this run.
    std::function<std::optional<std::string>(std::string_view task_id, std::string_view key)> xcom;
  };
  // Params, context and secrets into `out`, whose identity fields are filled. `rendered` is set
  // when the parameters should be kept (they differ from the definition). An error (an undefined
  // name, an unknown connection) fails the attempt with its message.
  virtual Status render_launch(const Attempt& attempt, Launch& out, std::string& rendered) = 0;
  // One failure notification as an outbox payload; never fails (an unknown variable is shown as
  // written). `id` is filled by the engine.
  virtual OutboxRow render_alert(const Attempt& attempt, const std::string& notifier_json,
                                 Time now) = 0;
};

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
  std::function<void(const Changes&)> committed;  // the outbox takes its new rows from here
  std::function<void(bool)> store_available;      // false: writes fail for now (503)
  std::function<void()>
      idle;  // once when a busy time is over, at least 100 ms after its last commit
};

struct EngineMetrics {  // counters since start, gauges now
  std::uint64_t turns = 0, events = 0, launches = 0, finished = 0, failed = 0, succeeded = 0;
  std::uint64_t stale_reports = 0, losses = 0, commits = 0, commit_failures = 0;
  std::uint64_t runs_active = 0, tasks_queued = 0, tasks_running = 0, workers = 0, slots = 0;
  std::uint64_t inbox_depth = 0;
  Duration commit_p50{}, commit_p99{};
  Duration turn_p50{}, turn_p99{};
};

class Engine {
 public:
  struct Options {
    SchedulerOptions scheduler;
    std::size_t inbox_limit = 65'536;
  };
  // References must outlive the engine. start() loads the store and spawns the control thread.
  Engine(Options options, Store& store, Executor& executor, LaunchContext& context,
         EngineSinks sinks);
  ~Engine();
  void start();
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
  // gauges and consistency checks; must be quick. False as post().
  [[nodiscard]] bool query(std::function<void(const SchedulerState&, const Now&)> query);

  // Any thread: runs `write` on the control thread between two turns (the registry's writes), then
  // calls `done` there with its status; Errc::unavailable as for request().
  void write(std::function<Status()> write, std::function<void(Status)> done);

  EngineMetrics metrics() const;  // any thread

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace batuta
