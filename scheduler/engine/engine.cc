#include "scheduler/engine/engine.h"

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <future>
#include <map>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

#include "common/failpoint.h"
#include "common/log.h"
#include "scheduler/engine/clock_watch.h"
#include "scheduler/engine/feed.h"
#include "scheduler/engine/inbox.h"
#include "scheduler/engine/latency.h"
#include "scheduler/engine/turn_loop.h"

namespace batuta {
namespace {

// One turn takes at most this many items, so that a flood cannot make one commit of everything.
constexpr std::size_t max_turn_items = 4096;
constexpr Duration longest_wait = std::chrono::milliseconds(500);
constexpr Duration idle_before_housekeeping = std::chrono::milliseconds(100);
constexpr int exit_code_store_lost = 3;

}  // namespace

struct Engine::Impl : TurnDriver {
  Impl(Options o, Store& s, Executor& e, LaunchContext& c, EngineSinks k)
      : options(o), store(s), executor(e), context(c), sinks(std::move(k)), inbox(o.inbox_limit) {}

  // ---- the loop: the paragraph to read first ----------------------------------------------------

  void run() {
    while (!stopping) {
      auto items = inbox.take(max_turn_items, patience());
      const Now woke = read_clock();
      if (const auto line = clock_watch.look(woke)) log::warn(*line);
      loop->on_stall(woke.boot - planned_wake);
      if (!loop->available()) loop->on_probe(woke);
      std::vector<Event> events = run_jobs(std::move(items));
      turn(std::move(events));
      write_stood_back();
      housekeeping(woke.boot);
      planned_wake = read_clock().boot;
    }
    refuse(inbox.take(options.inbox_limit, Duration{}));
  }

  void turn(std::vector<Event> events) {
    if (!loop->available()) return fail_all_requests(false);
    const Now now = read_clock();
    if (events.empty() && !loop->due(now)) return;
    if (!loop->on_events(std::move(events), now)) return;
    const Changes& changes = loop->pending().effects.changes;
    const bool accepts = !changes.accepted.empty();
    const bool finishes = !changes.accepted_done.empty();
    if (accepts) failpoint("accept_before_commit");
    if (finishes) failpoint("settle_before_commit");
    const Boot before = read_clock().boot;
    const CommitResult result = loop->commit();
    if (accepts) failpoint("accept_after_commit");
    if (finishes) failpoint("settle_after_commit");
    if (result.kind == CommitResult::Kind::committed) count_commit(read_clock().boot - before);
    loop->on_commit_result(result, now);
  }

  void released(PendingTurn& turn, const SchedulerState& state) override {
    for (Reply& reply : turn.effects.replies) answer(std::move(reply));
    for (CheckEffect& check : turn.effects.checks) {
      if (sinks.check) sinks.check(std::move(check));
    }
    if (sinks.committed) sinks.committed(turn.effects.changes);
    const FeedDemand demand =
        sinks.feed && sinks.feed_demand ? sinks.feed_demand() : FeedDemand::nothing;
    if (demand != FeedDemand::nothing) {
      auto feed = feed_events(state, turn.effects, demand, feed_sequence);
      if (!feed.empty()) sinks.feed(std::move(feed));
    }
    count(turn, state);
  }

  // ---- when the store says no -------------------------------------------------------------------

  void unavailable(const std::string& why, bool unknown) override {
    log::error((unknown ? "it is not known whether a commit was carried out: "
                        : "a commit failed, nothing was changed: ") +
               why);
    writes = false;
    {
      std::lock_guard lock(metrics_mutex);
      trouble = why;
      ++counters.commit_failures;
    }
    if (sinks.store_unavailable) sinks.store_unavailable();
    fail_all_requests(unknown);
  }

  void available(Unsent unsent) override {
    log::info("the store takes writes again");
    writes = true;
    {
      std::lock_guard lock(metrics_mutex);
      trouble.clear();
    }
    if (sinks.store_available) sinks.store_available(std::move(unsent));
  }

  void fatal(const std::string& why) override {
    log::error("the store is lost: " + why + "; stopping, nothing acknowledged is lost");
    std::_Exit(exit_code_store_lost);
  }

  void start(const std::function<void(const StoredState&)>& look) {
    const Lead lead = store.lead();
    StoredState stored = store.load();
    if (look) look(stored);
    const Now now = read_clock();
    loop.emplace(std::move(stored), lead, options.scheduler, store, executor, context, *this, now);
    planned_wake = now.boot;
    thread = std::thread([this] { run(); });
  }

  void refuse(std::deque<InboxItem> items) {
    for (StoodBack& waiting : stood_back) waiting.job.done(not_written());
    stood_back.clear();
    for (InboxItem& item : items) {
      if (auto* job = std::get_if<WriteJob>(&item)) job->done(not_written());
    }
    fail_all_requests(false);
  }

  static Status not_written() {
    return {Errc::unavailable, "the scheduler cannot write for now; nothing was changed"};
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

  void fail_all_requests(bool unknown) {
    std::map<RequestId, std::function<void(Reply)>> failed;
    {
      std::lock_guard lock(waiting_mutex);
      failed.swap(waiting);
    }
    for (auto& [id, done] : failed) done(refusal(id, unknown));
  }

  static Reply refusal(RequestId id, bool unknown = false) {
    Reply reply;
    reply.request = id;
    reply.code = Errc::unavailable;
    reply.message = unknown
                        ? "the scheduler lost its store while this was written; it may have been "
                          "carried out or not: look before you try again"
                        : "the scheduler cannot write for now; nothing was changed, try again";
    return reply;
  }

  // Queries and writes in the order of arrival, between two turns; the events are left.
  std::vector<Event> run_jobs(std::deque<InboxItem> items) {
    std::vector<Event> events;
    events.reserve(items.size());
    const Now now = read_clock();
    for (InboxItem& item : items) {
      if (auto* event = std::get_if<Event>(&item)) {
        events.push_back(std::move(*event));
      } else if (auto* query = std::get_if<QueryJob>(&item)) {
        query->query(loop->state(), now);
      } else {
        auto& job = std::get<WriteJob>(item);
        if (job.stand_back.at_most > Duration{}) {
          stood_back.push_back({std::move(job), now.boot});
        } else {
          run_write(job, now);
        }
      }
    }
    return events;
  }

  // One a round, so that what came meanwhile is next.
  void write_stood_back() {
    const Now now = read_clock();
    if (stood_back.empty() || stands_back(now) > Duration{}) return;
    WriteJob job = std::move(stood_back.front().job);
    stood_back.pop_front();
    run_write(job, now);
  }

  // For how long the first of them has to, as things are: between the end of a run and the next
  // request nobody waits, while the turns of a run follow each other closely.
  Duration stands_back(const Now& now) {
    const StoodBack& first = stood_back.front();
    if (!loop->available()) return Duration{};
    const Gauges gauges = loop->state().gauges();
    if (gauges.runs_queued + gauges.tasks_queued + gauges.tasks_running == 0) return Duration{};
    return std::min(last_turn_at + first.job.stand_back.quiet,
                    first.since + first.job.stand_back.at_most) -
           now.boot;
  }

  void run_write(WriteJob& job, const Now& now) {
    if (!loop->available()) return job.done(not_written());
    dirty_since_housekeeping = true;  // its writes fill the store's log as a turn's do
    last_commit_at = now.boot;
    try {
      job.done(job.write());
    } catch (const StoreError& error) {
      job.done({Errc::unavailable, std::string("not written: ") + error.what()});
      if (!error.full()) loop->on_store_error(error, now);
    }
  }

  // ---- time -------------------------------------------------------------------------------------

  Duration patience() {
    const Now now = read_clock();
    Duration wait = loop->patience(now, longest_wait);
    if (dirty_since_housekeeping) wait = std::min(wait, idle_before_housekeeping);
    if (!stood_back.empty()) wait = std::clamp(stands_back(now), Duration{}, wait);
    planned_wake = now.boot + wait;
    return wait;
  }

  void housekeeping(Boot woke) {
    const bool idle = inbox.size() == 0 && woke - last_commit_at > idle_before_housekeeping;
    if (!dirty_since_housekeeping) return;
    try {
      store.maintain(idle);
    } catch (const StoreError& error) {
      if (!error.full()) loop->on_store_error(error, read_clock());
    }
    if (!idle) return;
    dirty_since_housekeeping = false;
    if (sinks.idle) sinks.idle();
  }

  void count(const Changes::TaskUpdate& update) {
    if (!ends_attempt(update)) return;
    const TaskState now = update.row.state;
    ++counters.finished;
    counters.succeeded += now == TaskState::success || now == TaskState::up_for_reschedule;
    counters.failed += now == TaskState::failed || now == TaskState::up_for_retry;
  }

  void count_commit(Duration took) {
    std::lock_guard lock(metrics_mutex);
    commit_times.add(took);
    ++counters.commits;
  }

  void count(const PendingTurn& turn, const SchedulerState& state) {
    const Boot now = read_clock().boot;
    if (!turn.effects.changes.empty()) {
      dirty_since_housekeeping = true;
      last_commit_at = last_turn_at = now;
    }
    std::lock_guard lock(metrics_mutex);
    ++counters.turns;
    counters.events += turn.events;
    counters.launches += turn.launches.size();
    for (const Changes::TaskUpdate& update : turn.effects.changes.tasks_updated) count(update);
    counters.tallies.add(turn.effects, state);
    turn_times.add(now - turn.began);
    read_gauges(state);
  }

  void read_gauges(const SchedulerState& state) {
    const Gauges gauges = state.gauges();
    counters.runs_active = static_cast<std::uint64_t>(gauges.runs_running + gauges.runs_queued);
    counters.tasks_queued = static_cast<std::uint64_t>(gauges.tasks_queued);
    counters.tasks_running = static_cast<std::uint64_t>(gauges.tasks_running);
    counters.workers = static_cast<std::uint64_t>(gauges.workers);
    counters.slots = static_cast<std::uint64_t>(gauges.slots);
    counters.stale_reports = state.counters.stale_reports;
    counters.losses = state.counters.losses;
    counters.backfills = static_cast<std::uint64_t>(gauges.backfills);
    counters.backfill_ticks = state.counters.backfill_ticks;
    if (counters.skipped_ticks != state.counters.skipped_ticks) {
      counters.skipped_ticks = state.counters.skipped_ticks;
      counters.skipped_by = state.counters.skipped_by;
    }
    if (counters.deadlines != state.counters.deadlines) {
      counters.deadlines = state.counters.deadlines;
      counters.deadlines_missed = state.counters.deadlines_missed;
    }
  }

  const Options options;
  Store& store;
  Executor& executor;
  LaunchContext& context;
  const EngineSinks sinks;
  Inbox inbox;
  std::thread thread;
  std::atomic<bool> stopping{false};
  std::atomic<bool> writes{true};  // what loop->available() says, for other threads

  // Control thread only.
  std::optional<TurnLoop> loop;
  Boot planned_wake;
  ClockWatch clock_watch;
  Boot last_commit_at;
  Boot last_turn_at;  // the last commit of a turn: no other write's
  struct StoodBack {
    WriteJob job;
    Boot since;
  };
  std::deque<StoodBack> stood_back;  // one for each thread that waits
  bool dirty_since_housekeeping = false;
  std::uint64_t feed_sequence = 0;

  std::mutex waiting_mutex;
  std::map<RequestId, std::function<void(Reply)>> waiting;  // bounded by the inbox
  std::atomic<RequestId> next_request{1};

  mutable std::mutex metrics_mutex;
  EngineMetrics counters;
  std::string trouble;
  Latency commit_times;
  Latency turn_times;
};

Engine::Engine(Options options, Store& store, Executor& executor, LaunchContext& context,
               EngineSinks sinks)
    : impl_(std::make_unique<Impl>(options, store, executor, context, std::move(sinks))) {}

Engine::~Engine() {
  stop();
}

void Engine::start(const std::function<void(const StoredState&)>& look) {
  impl_->start(look);
}

void Engine::stop() {
  impl_->stopping = true;
  impl_->inbox.close();
  if (impl_->thread.joinable()) impl_->thread.join();
}

bool Engine::post(Event event) {
  return impl_->writes && impl_->inbox.push(std::move(event));
}

bool Engine::post(std::vector<Event> events) {
  return impl_->writes && impl_->inbox.push_all(std::move(events));
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
  if (!post(std::move(event))) impl_->answer(Impl::refusal(id));
}

void Engine::write(std::function<Status()> write, std::function<void(Status)> done,
                   StandBack stand_back) {
  auto shared_done = std::make_shared<std::function<void(Status)>>(std::move(done));
  WriteJob job{std::move(write),
               [shared_done](Status status) { (*shared_done)(std::move(status)); }, stand_back};
  if (!impl_->writes || !impl_->inbox.push(std::move(job))) {
    (*shared_done)(Impl::not_written());
  }
}

Status Engine::write_and_wait(std::function<Status()> write, StandBack stand_back) {
  auto told = std::make_shared<std::promise<Status>>();
  auto result = told->get_future();
  this->write(
      std::move(write), [told](Status status) { told->set_value(std::move(status)); }, stand_back);
  return result.get();
}

bool Engine::query(std::function<void(const SchedulerState&, const Now&)> query) {
  return impl_->inbox.push(QueryJob{std::move(query)});
}

std::string Engine::trouble() const {
  std::lock_guard lock(impl_->metrics_mutex);
  return impl_->trouble;
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
