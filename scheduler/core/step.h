// The decision: one pure function. STYLE: no clock, socket, database, thread or log line inside.
#pragma once

#include <map>
#include <span>
#include <string>
#include <vector>

#include "scheduler/core/effects.h"
#include "scheduler/core/event.h"
#include "scheduler/core/scheduler_state.h"

namespace batuta {

// Folds `events` into `state` in order, then starts whatever may start at `now`.
// Equal inputs give equal outputs; throws nothing (a broken invariant is a CHECK). The caller
// commits `changes` before anything else in the result leaves; if the commit fails it throws the
// state away and calls restore() with what the store has.
// Cost: O(events x out-degree x log ready), whatever the history.
Effects step(SchedulerState& state, std::span<const Event> events, const Now& now);

// Everything live, as the store has it, at start and after a failed commit.
struct StoredState {
  std::vector<std::pair<DagRow, std::shared_ptr<const Dag>>> dags;  // newest versions
  std::vector<StoredRun> runs;                                      // not terminal
  std::vector<PoolRow> pools;
  std::vector<TableRow> tables;
  std::vector<PublicationRow> publications;  // pending
  std::vector<AcceptedRow> accepted;
  std::vector<WatermarkRow> watermarks;
  std::vector<WaitRow> waits;             // of instances of live runs
  std::vector<OpenQuestion> questions;    // of waits for an answer, the newest of each
  std::vector<RateStartRow> rate_starts;  // by DAG, key and time
  std::vector<StreakRow> streaks;         // by (dag_id, task_id, map_index)
  std::vector<AssetRow> assets;
  std::vector<QueuedAssetEvent> asset_queue;  // by DAG, event and partition
  std::vector<AssetAliasRow> asset_aliases;
  std::vector<AssetAliasLink> asset_alias_links;
  std::vector<AssetWatcherRow> asset_watchers;
  // Of DAGs with a deadline by it: what their last successful runs took, oldest first.
  std::map<std::string, std::vector<Duration>> runtimes;
  std::vector<PluginInfo> catalogue;  // last known
  // Not done, with the version whose schedule they follow; null when it cannot be read.
  std::vector<std::pair<BackfillRow, std::shared_ptr<const Dag>>> backfills;
  // For DAGs whose newest version or a live run uses the past: their newest ended runs, at most 64
  // each.
  std::vector<StoredRun> past;
  // (dag_id, logical date) of ended runs whose logical date lies beyond their DAG's cursor: the
  // schedule must pass over these ticks.
  std::vector<std::pair<std::string, Time>> dates_ahead;
  // Not dead, oldest first; for the outbox's runners, the core makes nothing of them.
  std::vector<OutboxRow> outbox;
  std::int64_t last_run_seq = 0;
  std::int64_t last_instance = 0;  // the largest id of a task instance
  std::int64_t last_publication = 0;
  std::int64_t last_outbox = 0;
  std::int64_t last_backfill = 0;
  std::int64_t last_asset = 0;
  std::int64_t last_asset_event = 0;
  std::int64_t last_asset_alias = 0;
  std::int64_t last_asset_watcher = 0;
};

// Queued and running attempts stay so for one full lease from `now`, waiting for their agent to
// come back and list them (adoption); then they are lost.
SchedulerState restore(StoredState stored, const SchedulerOptions& options, const Now& now);

}  // namespace batuta
