#include "scheduler/engine/engine.h"

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <map>
#include <mutex>
#include <thread>
#include <utility>

#include "common/failpoint.h"
#include "common/log.h"
#include "scheduler/engine/feed.h"
#include "scheduler/engine/inbox.h"
#include "scheduler/engine/latency.h"
#include "scheduler/engine/turn.h"

namespace batuta {
namespace {

// One turn takes at most this many items, so that a flood cannot make one commit of everything.
constexpr std::size_t max_turn_items = 4096;
// The longest sleep, and how much later than asked counts as a stall of our own.
constexpr Duration longest_wait = std::chrono::milliseconds(500);
constexpr Duration stall_tolerance = std::chrono::milliseconds(250);
constexpr Duration idle_before_housekeeping = std::chrono::milliseconds(100);
constexpr Duration probe_interval = std::chrono::seconds(1);
constexpr int exit_code_store_lost = 3;

}  // namespace

struct Engine::Impl {
  Impl(Options o, Store& s, Executor& e, LaunchContext& c, EngineSinks k)
      : options(o), store(s), executor(e), context(c), sinks(std::move(k)), inbox(o.inbox_limit) {}

  // ---- the loop: the paragraph to read first ----------------------------------------------------

  void run() {
    while (!stopping) {
      auto items = inbox.take(max_turn_items, patience());
      const Boot woke = read_clock().boot;
      notice_stall(woke);
      if (!available && !probe()) {
        refuse(std::move(items));
        continue;
      }
      std::vector<Event> events = std::exchange(carried, {});
      run_jobs(std::move(items), events);
      turn(std::move(events));
      housekeeping(woke);
      planned_wake = read_clock().boot;
    }
    refuse(inbox.take(options.inbox_limit, Duration{}));
  }

  void turn(std::vector<Event> events) {
    const Now now = read_clock();
    const bool timer_due = due(now);
    if (events.empty() && !timer_due) return;
    try {
      prepare_events(state, store, events);
      Effects effects = step(state, events, now);
      Prepared prepared = prepare_launches(state, effects, store, context, now);
      carried = std::move(prepared.failures);
      commit(effects, prepared.rendered);
      release(effects, std::move(prepared.launches));
      wake_at = effects.wake_at;
      wake_at_boot = effects.wake_at_boot;
      count(effects, events.size(), read_clock().boot - now.boot);
    } catch (const StoreError& error) {
      drop_turn(error);
    }
  }

  void commit(const Effects& effects, const std::vector<RenderedRow>& rendered) {
    if (effects.changes.empty() && rendered.empty()) return;
    const bool accepts = !effects.changes.accepted.empty();
    const bool settles = !effects.changes.accepted_done.empty();
    if (accepts) failpoint("accept_before_commit");
    if (settles) failpoint("settle_before_commit");
    const Boot before = read_clock().boot;
    store.commit(effects.changes, rendered);
    if (accepts) failpoint("accept_after_commit");
    if (settles) failpoint("settle_after_commit");
    std::lock_guard lock(metrics_mutex);
    commit_times.add(read_clock().boot - before);
    ++counters.commits;
  }

  // Everything here happens after the commit, and only here.
  void release(Effects& effects, std::vector<PreparedLaunch> launches) {
    for (PreparedLaunch& launch : launches)
      executor.launch(launch.worker, std::move(launch.message));
    for (const CancelEffect& cancel : effects.cancels) {
      executor.cancel(cancel.worker, {cancel.key, cancel.grace.count(), cancel.reason});
    }
    for (const RecallEffect& recall : effects.recalls) executor.recall(recall.worker, {recall.key});
    for (const AckEffect& ack : effects.acks) executor.ack(ack.worker, {ack.key});
    executor.flush();
    for (const DropWorkerEffect& drop : effects.drops) executor.drop(drop.worker, drop.reason);
    for (Reply& reply : effects.replies) answer(std::move(reply));
    if (sinks.committed) sinks.committed(effects.changes);
    const FeedDemand demand =
        sinks.feed && sinks.feed_demand ? sinks.feed_demand() : FeedDemand::nothing;
    if (demand != FeedDemand::nothing) {
      auto feed = feed_events(state, effects, demand, feed_sequence);
      if (!feed.empty()) sinks.feed(std::move(feed));
    }
  }

  // ---- when the store says no -------------------------------------------------------------------

  // A full disk: nothing of the turn happened. The state is thrown away and read again, agents are
  // sent off (they come back and list what they have), callers are told to come again.
  void drop_turn(const StoreError& error) {
    if (!error.full()) {
      log::error(std::string("the store is lost: ") + error.what() +
                 "; stopping, nothing acknowledged is lost");
      std::_Exit(exit_code_store_lost);
    }
    log::error(std::string("a commit failed, nothing was changed: ") + error.what());
    available = false;
    next_probe = read_clock().boot + probe_interval;
    carried.clear();
    if (sinks.store_available) sinks.store_available(false);
    executor.drop_all("the scheduler cannot write for now");
    fail_all_requests();
    std::lock_guard lock(metrics_mutex);
    ++counters.commit_failures;
  }

  // True when commits work again: the state is then what the store has.
  bool probe() {
    if (read_clock().boot < next_probe) return false;
    next_probe = read_clock().boot + probe_interval;
    try {
      store.probe();
      load();
    } catch (const StoreError& error) {
      if (!error.full()) drop_turn(error);
      return false;
    }
    log::info("the store takes writes again");
    available = true;
    if (sinks.store_available) sinks.store_available(true);
    return true;
  }

  void load() {
    state = restore(store.load(), options.scheduler, read_clock());
    wake_at.reset();
    wake_at_boot = read_clock().boot;
  }

  void refuse(std::deque<InboxItem> items) {
    for (InboxItem& item : items) {
      if (auto* job = std::get_if<WriteJob>(&item)) {
        job->done({Errc::unavailable, "the store cannot write for now"});
      }
    }
    fail_all_requests();
  }

  // ---- requests and their answers ---------------------------------------------------------------

  void answer(Reply reply) {
    std::function<void(Reply)> done;
    {
      std::lock_guard lock(waiting_mutex);
      const auto found = waiting.find(reply.request);
      if (found == waiting.end()) return;
      done = std::move(found->second);
      waiting.erase(found);
    }
    done(std::move(reply));
  }

  void fail_all_requests() {
    std::map<RequestId, std::function<void(Reply)>> failed;
    {
      std::lock_guard lock(waiting_mutex);
      failed.swap(waiting);
    }
    for (auto& [id, done] : failed) done(unavailable(id));
  }

  static Reply unavailable(RequestId id) {
    Reply reply;
    reply.request = id;
    reply.code = Errc::unavailable;
    reply.message = "the scheduler cannot write for now; nothing was changed, try again";
    return reply;
  }

  void run_jobs(std::deque<InboxItem> items, std::vector<Event>& events) {
    events.reserve(events.size() + items.size());
    const Now now = read_clock();
    for (InboxItem& item : items) {
      if (auto* event = std::get_if<Event>(&item)) {
        events.push_back(std::move(*event));
      } else if (auto* query = std::get_if<QueryJob>(&item)) {
        query->query(state, now);
      } else {
        run_write(std::get<WriteJob>(item));
      }
    }
  }

  void run_write(WriteJob& job) {
    try {
      job.done(job.write());
    } catch (const StoreError& error) {
      job.done({Errc::unavailable, std::string("not written: ") + error.what()});
      if (!error.full()) drop_turn(error);
    }
  }

  // ---- time -------------------------------------------------------------------------------------

  bool due(const Now& now) const {
    return (wake_at && *wake_at <= now.wall) || (wake_at_boot && *wake_at_boot <= now.boot);
  }

  Duration patience() {
    if (!carried.empty()) return {};
    const Now now = read_clock();
    Duration wait = longest_wait;
    if (wake_at) wait = std::min(wait, *wake_at - now.wall);
    if (wake_at_boot) wait = std::min(wait, *wake_at_boot - now.boot);
    if (!available)
      wait = std::min(wait, std::max<Duration>(next_probe - now.boot, Duration{1000}));
    if (dirty_since_housekeeping) wait = std::min(wait, idle_before_housekeeping);
    wait = std::max(wait, Duration{});
    planned_wake = now.boot + wait;
    return wait;
  }

  // The process slept longer than it asked (SIGSTOP, suspend, a slow disk): others' silence in that
  // time proves nothing.
  void notice_stall(Boot woke) {
    if (woke - planned_wake > stall_tolerance) carried.push_back(Stalled{woke - planned_wake});
  }

  void housekeeping(Boot woke) {
    const bool idle = inbox.size() == 0 && woke - last_commit_at > idle_before_housekeeping;
    if (!dirty_since_housekeeping) return;
    try {
      store.maintain(idle);
    } catch (const StoreError& error) {
      if (!error.full()) drop_turn(error);
    }
    if (!idle) return;
    dirty_since_housekeeping = false;
    if (sinks.idle) sinks.idle();
  }

  // Attempts only, so that launches less ends is what is under way: not task instances that end
  // without one, and not rows that are written again after their end.
  void count(const Changes::TaskUpdate& update) {
    const auto under_way = [](TaskState s) {
      return s == TaskState::queued || s == TaskState::running || s == TaskState::publishing;
    };
    const TaskState now = update.row.state;
    const bool same = under_way(now) && update.row.fence == update.from_fence;
    if (!under_way(update.from) || same) return;
    ++counters.finished;
    counters.succeeded += now == TaskState::success;
    counters.failed += now == TaskState::failed || now == TaskState::up_for_retry;
  }

  void count(const Effects& effects, std::size_t events, Duration took) {
    if (!effects.changes.empty()) {
      dirty_since_housekeeping = true;
      last_commit_at = read_clock().boot;
    }
    std::lock_guard lock(metrics_mutex);
    ++counters.turns;
    counters.events += events;
    counters.launches += effects.launches.size();
    for (const Changes::TaskUpdate& update : effects.changes.tasks_updated) count(update);
    turn_times.add(took);
    read_gauges(state, counters);
  }

  const Options options;
  Store& store;
  Executor& executor;
  LaunchContext& context;
  const EngineSinks sinks;
  Inbox inbox;
  std::thread thread;
  std::atomic<bool> stopping{false};
  std::atomic<bool> available{true};

  // Control thread only.
  SchedulerState state;
  std::vector<Event> carried;  // for the next turn: launches that could not be rendered
  OptTime wake_at;
  std::optional<Boot> wake_at_boot;
  Boot planned_wake;
  Boot next_probe;
  Boot last_commit_at;
  bool dirty_since_housekeeping = false;
  std::uint64_t feed_sequence = 0;

  std::mutex waiting_mutex;
  std::map<RequestId, std::function<void(Reply)>> waiting;  // bounded by the inbox
  std::atomic<RequestId> next_request{1};

  mutable std::mutex metrics_mutex;
  EngineMetrics counters;
  Latency commit_times;
  Latency turn_times;
};

Engine::Engine(Options options, Store& store, Executor& executor, LaunchContext& context,
               EngineSinks sinks)
    : impl_(std::make_unique<Impl>(options, store, executor, context, std::move(sinks))) {}

Engine::~Engine() {
  stop();
}

void Engine::start() {
  impl_->load();
  impl_->planned_wake = read_clock().boot;
  impl_->thread = std::thread([impl = impl_.get()] { impl->run(); });
}

void Engine::stop() {
  impl_->stopping = true;
  impl_->inbox.close();
  if (impl_->thread.joinable()) impl_->thread.join();
}

bool Engine::post(Event event) {
  return impl_->available && impl_->inbox.push(std::move(event));
}

bool Engine::post(std::vector<Event> events) {
  return impl_->available && impl_->inbox.push_all(std::move(events));
}

void Engine::request(Event event, std::function<void(Reply)> done) {
  const RequestId id = impl_->next_request++;
  std::visit(
      [id](auto& e) {
        if constexpr (requires { e.request; }) e.request = id;
      },
      event);
  {
    std::lock_guard lock(impl_->waiting_mutex);
    impl_->waiting.emplace(id, std::move(done));
  }
  if (!post(std::move(event))) impl_->answer(Impl::unavailable(id));
}

void Engine::write(std::function<Status()> write, std::function<void(Status)> done) {
  auto shared_done = std::make_shared<std::function<void(Status)>>(std::move(done));
  WriteJob job{std::move(write),
               [shared_done](Status status) { (*shared_done)(std::move(status)); }};
  if (!impl_->available || !impl_->inbox.push(std::move(job))) {
    (*shared_done)({Errc::unavailable, "the scheduler cannot write for now; nothing was changed"});
  }
}

bool Engine::query(std::function<void(const SchedulerState&, const Now&)> query) {
  return impl_->inbox.push(QueryJob{std::move(query)});
}

EngineMetrics Engine::metrics() const {
  std::lock_guard lock(impl_->metrics_mutex);
  EngineMetrics metrics = impl_->counters;
  metrics.inbox_depth = impl_->inbox.size();
  metrics.commit_p50 = impl_->commit_times.percentile(0.5);
  metrics.commit_p99 = impl_->commit_times.percentile(0.99);
  metrics.turn_p50 = impl_->turn_times.percentile(0.5);
  metrics.turn_p99 = impl_->turn_times.percentile(0.99);
  return metrics;
}

}  // namespace batuta
