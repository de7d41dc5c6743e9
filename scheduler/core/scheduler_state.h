// The live state: active runs, workers, pools, tables. Owned by the control thread (the engine);
// the simulator owns its own. Move-only: parts refer to each other by address.
//
// Members are for step.cc and its siblings in this folder. Other rooms use the queries at the end.
// A run that ended stays readable until the step after the next one's events are folded.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "scheduler/core/event.h"
#include "scheduler/core/live.h"
#include "scheduler/core/rows.h"

namespace batuta {

struct SchedulerOptions {
  Duration heartbeat = std::chrono::seconds(2);
  Duration lease = std::chrono::seconds(10);
  Duration cancel_grace = std::chrono::seconds(10);
  std::int32_t max_losses = 10;  // per task instance, unless its task says otherwise
  std::int32_t max_conflicts = 10;
  // Before an attempt that was refused, or whose publication was, runs again: doubled each time, up
  // to the longest.
  Duration conflict_delay = std::chrono::seconds(1);
  Duration longest_conflict_delay = std::chrono::minutes(1);
  std::int32_t max_prefetch = 128;                // unstarted attempts per slot, short tasks only
  std::int32_t max_queued_runs_per_dag = 10'000;  // more: a trigger answers 429
  std::int32_t max_keys_asked = 100;              // of a DAG's runs, those read in one turn
};

// What the core counts about itself, since start.
struct SchedulerCounters {
  std::uint64_t stale_reports = 0;  // reports of attempts that are not current
  std::uint64_t losses = 0;         // attempts lost with their worker
  std::uint64_t conflicts = 0;      // publications refused, at accept or at publish
  std::uint64_t recalls = 0;        // unstarted attempts given back
  std::uint64_t skipped_ticks = 0;  // ticks that no run was made for
  // The same by DAG and reason (ticks.cc lists them).
  std::map<std::pair<std::string, std::string>, std::uint64_t> skipped_by;
  std::uint64_t deadlines = 0;                            // missed by runs
  std::map<std::string, std::uint64_t> deadlines_missed;  // the same by DAG
  std::uint64_t backfill_ticks = 0;                       // handled
  std::uint64_t asset_events = 0;                         // written
  std::uint64_t asset_runs = 0;                           // started by assets
  std::uint64_t asset_events_dropped = 0;                 // that left a queue which was full
  std::uint64_t dispatch_reads = 0;  // groups looked at to find work; stays near launches
};

struct PoolView {
  PoolRow row;
  std::int64_t occupied_slots = 0;  // queued + running
  std::int64_t queued_slots = 0;
  std::int64_t running_slots = 0;  // publishing included
  std::int64_t scheduled_slots = 0;
  std::int64_t open_slots = 0;  // -1 = unlimited
};
struct WorkerView {
  std::string agent_id;
  WorkerId connection = 0;  // 0: its connection ended, its lease runs on
  std::string hostname;
  std::int32_t pid = 0;
  std::int32_t slots = 0;
  std::int32_t started = 0;
  std::int32_t unstarted = 0;
  Time joined;
  Time last_seen;
  std::vector<std::string> plugins;  // what it offers, sorted, each once
  bool drained = false;              // by hand, or it leaves: it takes nothing new
  std::vector<std::string> queues;   // whose tasks it takes
  std::vector<SlotLoad> loads{};     // what its slots used at its newest heartbeat
  std::int64_t loads_left_out = 0;   // slots of which it told nothing
};
struct Gauges {
  std::int64_t runs_queued = 0;
  std::int64_t runs_running = 0;
  std::int64_t tasks_scheduled = 0;
  std::int64_t tasks_queued = 0;
  std::int64_t tasks_running = 0;  // publishing included
  std::int64_t backfills = 0;      // not done
  std::int64_t workers = 0;        // connected
  std::int64_t slots = 0;          // of connected workers; of a drained one those that are taken
};

class SchedulerState {
 public:
  SchedulerState() = default;
  SchedulerState(SchedulerState&&) = default;
  SchedulerState& operator=(SchedulerState&&) = default;
  SchedulerState(const SchedulerState&) = delete;
  SchedulerState& operator=(const SchedulerState&) = delete;

  // ---- queries ----------------------------------------------------------------------------------

  // A live run; null when it is not in memory (it ended, or never was).
  const StoredRun* run(RunSeq seq) const;
  const StoredRun* find_run(std::string_view dag_id, std::string_view dag_run_id) const;
  const StoredRun* find_run_by_key(std::string_view dag_id, std::string_view key) const;
  const StoredRun* find_run_by_date(std::string_view dag_id, Time logical_date) const;
  // Live runs of a DAG, oldest first; `dag_id` empty: of all.
  std::vector<const StoredRun*> live_runs(std::string_view dag_id = {}) const;
  // Null when unknown. The newest version of the DAG, and its row.
  const DagRow* dag_row(std::string_view dag_id) const;
  std::shared_ptr<const Dag> dag(std::string_view dag_id) const;
  std::vector<DagRow> dag_rows() const;  // by id, stale ones included
  // When the next scheduled run is due; nullopt when none is (paused, stale, no schedule).
  OptTime next_run_at(std::string_view dag_id) const;
  std::vector<PoolView> pool_views() const;      // by name
  std::vector<WorkerView> worker_views() const;  // by agent id
  // Plugins ever advertised; `live`: by a worker that is connected now.
  std::vector<PluginInfo> known_plugins() const;
  bool plugin_is_live(std::string_view plugin) const;
  OptTime watermark(const std::string& dag_id, const std::string& task_id) const;
  Gauges gauges() const;
  std::vector<BackfillRow> live_backfills() const;     // not done, by id
  std::string dag_of_backfill(std::int64_t id) const;  // empty: it is not there, or done
  // Attempts of agents that are waited for: no connection, lease not over. By agent id.
  std::vector<std::string> absent_agents() const;
  // An accepted publication that is not settled; null otherwise.
  const PublicationRow* pending_publication(std::int64_t id) const;
  const AssetRow* asset(std::int64_t id) const;  // null when unknown
  const AssetRow* find_asset(std::string_view uri) const;
  // The DAG waits for assets: those of its condition, and how many events of each are queued.
  std::vector<std::pair<std::string, std::size_t>> awaited_assets(std::string_view dag_id) const;
  // For rows that the engine adds to a commit: one sequence for all outbox rows.
  std::int64_t take_outbox_id() { return ++last_outbox; }

  // ---- members, for this folder
  // -------------------------------------------------------------------

  SchedulerOptions options;
  SchedulerCounters counters;

  std::map<std::string, LiveDag, std::less<>> dags;
  std::unordered_map<RunSeq, std::unique_ptr<LiveRun>> runs;  // looked up, never walked for effects
  std::vector<LiveRun*> ended;  // terminal: leave memory at the end of the next step

  std::map<std::int64_t, LiveBackfill> backfills;  // not done

  std::vector<LivePool> pools;  // by PoolNo; never shrinks
  std::map<std::string, PoolNo, std::less<>> pool_numbers;
  std::vector<LivePlugin> plugins;  // by PluginNo; never shrinks
  std::map<std::string, PluginNo, std::less<>> plugin_numbers;
  std::vector<Lane> lanes;  // by LaneNo; never shrinks
  std::map<std::pair<PoolNo, PluginNo>, LaneNo> lane_numbers;
  std::set<LaneNo> busy_lanes;  // those with something to offer

  std::map<std::string, LiveAgent, std::less<>> agents;
  std::map<WorkerId, LiveAgent*> connections;

  std::map<std::string, LiveTable, std::less<>> tables;
  std::map<std::int64_t, PublicationRow> publications;  // pending
  std::map<AttemptKey, AcceptedRow> accepted;
  std::map<std::pair<std::string, std::string>, Time> watermarks;  // (dag_id, task_id)

  std::map<std::string, LiveAsset, std::less<>> assets;  // by URI
  std::map<std::int64_t, LiveAsset*> assets_by_id;
  // By URI, DAGs whose newest version starts runs while that asset is stale.
  std::map<std::string, std::set<std::string>, std::less<>> dags_of_stale;
  std::map<std::string, LiveAlias, std::less<>> aliases;  // by name
  std::map<std::int64_t, LiveAlias*> aliases_by_id;
  std::map<std::int64_t, LiveWatcher> watchers;

  std::set<Timer> timers;  // wall clock
  std::set<CancelDeadline> cancel_deadlines;

  // Who waits for runs, by the run, or by DAG and logical date.
  std::map<RunSeq, std::set<WaiterKey>> waiters_of_run;
  std::map<std::pair<std::string, Time>, std::set<WaiterKey>> waiters_of_date;

  // Work found while folding; empty between steps, but after restore().
  std::vector<TaskRef> to_check;     // tasks whose rule may have an answer now
  std::vector<LiveRun*> to_end;      // runs that may have ended
  std::vector<LiveDag*> to_advance;  // DAGs that may start or create runs
  std::vector<WaiterKey> to_judge;   // those whose run has changed

  RunSeq last_run_seq{};
  std::int64_t last_instance = 0;
  std::int64_t last_backfill = 0;
  std::int64_t last_asset = 0;
  std::int64_t last_asset_event = 0;
  std::int64_t last_asset_alias = 0;
  std::int64_t last_asset_watcher = 0;
  std::int64_t last_outbox = 0;  // publications take their numbers here too
  std::uint64_t last_launch = 0;
  std::uint64_t last_offer = 0;
  Boot next_job_heartbeat;
};

}  // namespace batuta
