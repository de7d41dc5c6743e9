// A small world around the core: a DAG builder, a manual clock, workers that answer by hand. After
// every step the state is checked for sanity and the rows for continuity with the rows before.
#pragma once

#include <doctest/doctest.h>

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "scheduler/core/sanity.h"
#include "scheduler/core/step.h"

namespace batuta::testing {

using namespace std::chrono_literals;

Time at(const char* iso);

// Builds a DAG: tasks by name, edges by name.
class DagMaker {
 public:
  explicit DagMaker(std::string id);
  // `edges`: names of upstream tasks, which must have been added before.
  DagMaker& task(const std::string& id, const std::vector<std::string>& upstream = {},
                 const std::function<void(Task&)>& change = {});
  DagMaker& with(const std::function<void(Dag&)>& change);
  std::shared_ptr<const Dag> make() const;

 private:
  Dag dag_;
};
std::shared_ptr<const Dag> chain(const std::string& id, int length);
std::shared_ptr<const Dag> fan(const std::string& id, int width);  // independent tasks

// What a store would hold, folded from Changes; checks every TaskUpdate's `from`.
struct Ledger {
  std::map<RunSeq, StoredRun> runs;
  std::map<std::string, std::shared_ptr<const Dag>> versions;
  std::map<std::string, DagRow> dags;
  std::map<std::string, PoolRow> pools;
  std::map<std::string, TableRow> tables;
  std::map<std::int64_t, PublicationRow> publications;
  std::map<AttemptKey, AcceptedRow> accepted;
  std::map<std::pair<std::string, std::string>, Time> watermarks;
  std::map<InstanceKey, std::string> xcoms;
  std::map<InstanceKey, WaitRow> waits;
  std::map<InstanceKey, CheckpointRow> checkpoints;
  std::map<std::pair<InstanceKey, std::int32_t>, QuestionRow> questions;  // by try
  std::map<std::pair<InstanceKey, std::int32_t>, AnswerRow> answers;
  std::map<std::tuple<std::string, std::string, std::int32_t>, StreakRow> streaks;
  std::vector<RateStartRow> rate_starts;
  std::map<AttemptKey, JobExecutionRow> jobs;
  std::map<AttemptKey, AttemptReportRow> reports;
  std::map<std::int64_t, OutboxRow> outbox;
  std::vector<AttemptRow> archived;
  std::vector<EventLogRow> events;
  std::map<std::int64_t, BackfillRow> backfills;
  std::vector<BackfillTickRow> backfill_ticks;
  std::map<std::int64_t, AssetRow> assets;
  std::map<std::string, std::vector<AssetRefRow>> asset_refs;
  std::map<std::int64_t, AssetEventRow> asset_events;
  std::map<std::int64_t, AssetAliasRow> asset_aliases;
  std::map<std::string, std::vector<AssetRefRow>> alias_refs;
  std::set<AssetAliasLink> alias_links;
  std::map<std::int64_t, AssetWatcherRow> watchers;
  std::int64_t last_watcher = 0;
  std::map<UnqueuedAssetEvent, QueuedAssetEvent> asset_queue;
  std::map<RunSeq, std::vector<std::int64_t>> consumed;
  std::int64_t last_instance = 0;
  std::int64_t last_outbox = 0;

  void apply(const Changes& changes);
  StoredState load() const;

 private:
  void apply_runs(const Changes& changes);
  void apply_tasks(const Changes& changes);
  void apply_lake(const Changes& changes);
  void apply_assets(const Changes& changes);
};

class World {
 public:
  explicit World(SchedulerOptions options = {});

  Effects step(std::vector<Event> events = {});
  template <class E>
  Effects tell(E event) {
    return step({Event(std::move(event))});
  }
  void pass(Duration time) { now.wall += time, now.boot = now.boot + time; }
  // Time passes in small steps, with heartbeats, so that leases hold.
  void live(Duration time);
  // Steps until no backfill has a question.
  void settle();
  // As after a crash: everything in memory is gone.
  void restart();

  void add(const std::shared_ptr<const Dag>& dag, bool paused = false);
  WorkerId join(const std::string& agent, int slots, std::vector<std::string> plugins = {"mock"},
                std::vector<RunningAttempt> running = {});
  // Triggers and returns the run's number.
  RunSeq trigger(const std::string& dag_id, const std::function<void(RunRequested&)>& change = {});
  Reply ask(Event event);  // steps, and returns the reply to request 7

  Effects start(const AttemptKey& key, WorkerId worker = 1, const std::string& slot = "slot-a");
  Effects finish(const AttemptKey& key, Outcome outcome = Outcome::success, WorkerId worker = 1,
                 const std::function<void(Finished&)>& change = {});
  // Starts and finishes with success whatever is launched, until nothing is.
  void run_all(Outcome outcome = Outcome::success);

  TaskState state_of(RunSeq run, const std::string& task, MapIndex map_index = unmapped) const;
  TaskInstanceRow row(RunSeq run, const std::string& task, MapIndex map_index = unmapped) const;
  DagRunState run_state(RunSeq run) const;
  AttemptKey attempt(RunSeq run, const std::string& task, MapIndex map_index = unmapped) const;
  // Launches since the last call, in order.
  std::vector<LaunchEffect> launched();
  // "dag.task" of each of them.
  std::vector<std::string> launched_names();

  Now now;
  SchedulerOptions options;
  SchedulerState state;
  Ledger ledger;
  Effects last;
  std::vector<AlertEffect> alerts;

 private:
  std::vector<LaunchEffect> launches_;
  std::uint8_t next_uuid_ = 1;
  std::map<WorkerId, bool> connected_;
  std::vector<BackfillEffect> asked_;  // answered at the beginning of the next step
};

Finished finished(const AttemptKey& key, Outcome outcome, Time started, Time ended);

}  // namespace batuta::testing
