#include "scheduler/serve/housekeeping.h"

#include <sys/statvfs.h>

#include <chrono>
#include <exception>
#include <filesystem>
#include <future>

#include "common/log.h"
#include "scheduler/serve/pace.h"

namespace batuta {
namespace {

constexpr Duration disk_interval = std::chrono::minutes(1);
constexpr int rounds_per_retention = 60;   // every hour
constexpr int rounds_per_doubt = 10;       // after which as many minutes of it are kept
constexpr int rounds_per_check = 24 * 60;  // after the start, then every day
constexpr Duration pause_between_lists = std::chrono::milliseconds(1);
constexpr int steps_per_logs = 20;
// A run of one short task is over within a millisecond; of long ones nothing is heard for longer.
constexpr StandBack behind_runs{std::chrono::milliseconds(2), std::chrono::milliseconds(3)};
// The core holds an ended run for a turn yet, in which it may be cleared: its row must be there.
constexpr Duration ended_long_enough = std::chrono::hours(1);

}  // namespace

Housekeeping::Housekeeping(const Home& home, Upkeep& upkeep, Engine& engine, ClockTrust& clock,
                           Hooks hooks)
    : home_(home),
      upkeep_(upkeep),
      engine_(engine),
      clock_(clock),
      hooks_(std::move(hooks)),
      thread_([this] { run(); }) {}

Housekeeping::~Housekeeping() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  stop_signal_.notify_all();
  thread_.join();
}

void Housekeeping::run() {
  for (int round = 0;; ++round) {
    look_at_disk();
    each_minute();
    more([this] {  // a store that is gone ends the process there
      upkeep_.expect_in_place();
      return false;
    });
    const bool agreed = look_at_clock(round);
    if (agreed && round % rounds_per_retention == 0) retention();
    if (round % rounds_per_check == 0) look_at_store();
    if (!wait(disk_interval)) return;
  }
}

// A minute's errands that fail are no reason to end: runs go on, and the next minute tries again.
void Housekeeping::each_minute() {
  try {
    if (hooks_.each_minute) hooks_.each_minute();
  } catch (const std::exception& error) {
    log::error(std::string("what is done each minute failed: ") + error.what());
  }
}

// Said once, and once more when it agrees again.
bool Housekeeping::look_at_clock(int round) {
  const Status looked = clock_.look(read_clock());
  const bool changed = looked.ok() != clock_agreed_;
  clock_agreed_ = looked.ok();
  if (changed && clock_agreed_) log::info("the clock agrees again: what is old goes by its age");
  if (changed && !clock_agreed_) {
    log::error("no run, event, log and no row of the lake goes by its age: " +
               looked.error().message);
  }
  if (changed || round % (clock_agreed_ ? rounds_per_retention : rounds_per_doubt) == 0) {
    more([this] {
      upkeep_.keep_clock_seen(clock_.seen());
      return false;
    });
  }
  return clock_agreed_;
}

void Housekeeping::retention() {
  const Time now = read_clock().wall;
  const Time before = now - std::chrono::hours(24) * home_.live()->retention_days;
  const auto apart = kept_otherwise(now);
  if (!apart) return;  // without it what is to be kept longer would go
  // A turn waits for one step at most.
  Pace pace;
  const auto goes_on = [&](const std::function<bool()>& step) {
    Duration took{};
    const bool again = more([&] {
      upkeep_.take_at_most(pace.rows());
      const auto begun = std::chrono::steady_clock::now();
      const bool left = step();
      took = std::chrono::duration_cast<Duration>(std::chrono::steady_clock::now() - begun);
      return left;
    });
    if (!again) return false;
    pace.took(took);
    return wait(pace.pause());
  };
  // Logs go as the runs do, so that the list of what is half removed stays short.
  for (int step = 1; goes_on([&] { return upkeep_.prune_runs(before, *apart); }); ++step) {
    if (step % steps_per_logs == 0 && !remove_logs()) return;
  }
  if (!remove_logs()) return;
  while (goes_on([&] { return upkeep_.prune_event_log(before); })) {
  }
  while (goes_on([&] { return upkeep_.give_back_space(); })) {
  }
}

// DAGs with a `retention` of their own, as their newest versions have it.
std::optional<std::vector<DagRetention>> Housekeeping::kept_otherwise(Time now) const {
  using Answer = std::promise<std::vector<DagRetention>>;
  auto answer = std::make_shared<Answer>();
  auto future = answer->get_future();
  const bool asked =
      engine_.query([answer = std::move(answer), now](const SchedulerState& state, const Now&) {
        std::vector<DagRetention> apart;
        for (const DagRow& row : state.dag_rows()) {
          const auto dag = state.dag(row.dag_id);
          if (!dag) continue;
          if (dag->retention > Duration{}) apart.push_back({row.dag_id, now - dag->retention, 0});
          if (dag->retention_runs > 0) {
            apart.push_back({row.dag_id, now - ended_long_enough, dag->retention_runs});
          }
        }
        answer->set_value(std::move(apart));
      });
  if (!asked) return std::nullopt;
  try {
    return future.get();
  } catch (const std::future_error&) {  // dropped unanswered
    return std::nullopt;
  }
}

// Logs go after the rows and before the rows are forgotten: a death in between leaves nothing
// behind. False: stopping.
bool Housekeeping::remove_logs() {
  std::vector<RemovedRun> runs;
  do {
    runs.clear();
    const Status listed = engine_.write_and_wait(
        [&] {
          runs = upkeep_.removed_runs();
          return success();
        },
        behind_runs);
    if (!listed) return true;  // again at the next round
    for (const RemovedRun& run : runs) {
      std::error_code ignored;
      for (const char* of : {"logs/", "results/", "runs/"}) {
        std::filesystem::remove_all(home_.path(of + to_string(run.uuid)), ignored);
      }
    }
    if (runs.empty()) return true;
    const Status forgotten = engine_.write_and_wait(
        [&] {
          upkeep_.forget_removed(runs);
          return success();
        },
        behind_runs);
    if (!forgotten) return true;
  } while (wait(pause_between_lists));
  return false;
}

void Housekeeping::look_at_disk() {
  struct statvfs disk {};
  if (statvfs(home_.folder().c_str(), &disk) != 0 || disk.f_blocks == 0) return;
  const auto percent = static_cast<int>(100.0 * double(disk.f_bavail) / double(disk.f_blocks));
  const bool low = percent < home_.live()->min_free_disk_percent;
  if (low && !warned_) {
    log::warn("only " + std::to_string(percent) + " % of the disk under " + home_.folder() +
              " is free; when it is full, triggers are refused until there is room again");
  }
  warned_ = low;
}

// At the start only a second of it was looked at. What is damaged is told, and nothing else is
// done: runs go on as well as they can until somebody restores a copy.
void Housekeeping::look_at_store() {
  std::string found;
  try {
    const auto findings = upkeep_.check([this] {
      std::lock_guard lock(mutex_);
      return stopping_;
    });
    if (!findings.empty()) found = findings.front();
  } catch (const StoreError& error) {
    if (error.fault() != StoreFault::damaged) return;  // stopping, or too busy: tomorrow again
    found = error.what();
  }
  if (!found.empty()) {
    found = "the store is damaged (" + found +
            "): stop the scheduler and restore a copy with `batuta db restore FILE`";
    log::error(found);
  }
  if (hooks_.looked_at_store) hooks_.looked_at_store(found);
}

bool Housekeeping::wait(Duration time) {
  std::unique_lock lock(mutex_);
  return !stop_signal_.wait_for(lock, time, [this] { return stopping_; });
}

bool Housekeeping::more(const std::function<bool()>& job) {
  bool more = false;
  const Status done = engine_.write_and_wait(
      [&] {
        more = job();
        return success();
      },
      behind_runs);
  return done.ok() && more;
}

}  // namespace batuta
