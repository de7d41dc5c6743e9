// What a step decided: rows to commit, and what may leave once they are durable.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "scheduler/core/asset.h"
#include "scheduler/core/event.h"
#include "scheduler/core/question.h"
#include "scheduler/core/rows.h"

namespace batuta {

// Rows of one turn, coalesced: a task instance that moved three times in the turn is here once.
// The store writes them in this order, in one transaction.
struct Changes {
  struct TaskUpdate {
    TaskState from = TaskState::none;  // durable state before the turn: the store checks it
    Fence from_fence = 0;
    TaskInstanceRow row;
  };
  std::vector<DagRow> dags;                              // upserts
  std::vector<std::shared_ptr<const Dag>> dag_versions;  // to keep, if the store lacks them
  std::vector<PoolRow> pools;                            // upserts
  std::vector<std::string> pools_deleted;
  std::vector<RunRow> runs_created;  // without task instances
  std::vector<RunRow> runs_updated;
  std::vector<RunRow> runs_adopted;  // likewise, by a backfill: their type, conf and origin, too
  // It goes on with another version: what its tasks have goes from the old number to the new one.
  // Its rows are all among tasks_created; those there were are gone.
  struct RunRepinned {
    RunSeq run{};
    std::string version;
    std::vector<TaskIndex> moved;  // by the old number
  };
  std::vector<RunRepinned> runs_repinned;
  // Values of its params were asked for: its conf has them from here on.
  struct ConfFilled {
    RunSeq run{};
    std::string conf_json;
  };
  std::vector<ConfFilled> confs_filled;
  std::vector<RunSeq> runs_deleted;             // with everything below them
  std::vector<BackfillRow> backfills;           // upserts by id
  std::vector<BackfillTickRow> backfill_ticks;  // inserts
  std::vector<AttemptRow> attempts_archived;
  // What runs got in this turn, as the turn left it, by run and there by InstanceIndex: every
  // task's instance when the run gets its rows, later those of an expanded task.
  std::vector<TaskInstanceRow> tasks_created;
  std::vector<TaskUpdate> tasks_updated;
  std::vector<InstanceKey> xcoms_cleared;
  std::vector<std::pair<InstanceKey, std::string>> xcoms_deleted;  // one key of an instance
  std::vector<XcomRow> xcoms;
  std::vector<TableRow> tables;  // upserts
  std::vector<AcceptedRow> accepted;
  std::vector<AttemptKey> accepted_done;     // drop the accepted row: settled, refused or cleared
  std::vector<PublicationRow> publications;  // upserts by id
  std::vector<WatermarkRow> watermarks;      // never moved back
  std::vector<StreakRow> streaks;            // upserts; without failures: gone
  std::vector<JobExecutionRow> job_executions;  // upserts by (key)
  std::vector<WaitRow> waits;                   // upserts by key
  std::vector<InstanceKey> waits_done;
  std::vector<CheckpointRow> checkpoints;     // upserts by key
  std::vector<InstanceKey> checkpoints_gone;  // those that have one; none that is in checkpoints
  std::vector<QuestionRow> questions;         // inserts by (key, try)
  std::vector<AnswerRow> answers;             // of questions that have none
  std::vector<AssetRow> assets;               // upserts by id
  // Replaces all that the DAG's versions before named.
  struct AssetRefs {
    std::string dag_id;
    Time at;
    std::vector<AssetRefRow> refs;       // each once
    std::vector<AssetRefRow> aliases{};  // likewise, of aliases
  };
  std::vector<AssetRefs> asset_refs;
  std::vector<AssetAliasRow> asset_aliases;                            // upserts by id
  std::vector<AssetAliasLink> asset_alias_links;                       // inserts
  std::vector<AssetWatcherRow> asset_watchers;                         // upserts by id
  std::vector<std::int64_t> asset_watchers_gone;                       // before those
  std::vector<AssetEventRow> asset_events;                             // inserts
  std::vector<QueuedAssetEvent> asset_queued;                          // inserts
  std::vector<UnqueuedAssetEvent> asset_unqueued;                      // afterwards
  std::vector<std::pair<RunSeq, std::int64_t>> asset_events_consumed;  // run and event; inserts
  std::vector<RateStartRow> rate_starts;  // inserts, after those that are gone
  struct RateStartsGone {
    std::string dag_id;
    Time until;  // within
  };
  std::vector<RateStartsGone> rate_starts_gone;
  std::vector<AttemptReportRow> attempt_reports;  // inserts: an attempt ends once
  std::vector<OutboxRow> outbox;                  // inserts
  std::vector<std::int64_t> outbox_done;
  std::vector<EventLogRow> event_log;
  // Ended runs of a DAG, the oldest first, as retention takes them: their rows go in small steps
  // afterwards. `most` 0: all of them.
  struct RunsRemoved {
    std::string dag_id;
    std::int64_t most = 0;
  };
  std::vector<RunsRemoved> runs_removed;
  std::vector<std::string> dags_deleted;  // with versions and favourites; no run of theirs is left

  bool empty() const;
};

// An attempt to send. The engine renders its parameters, adds what rendering yields to the commit,
// and sends it after. Fields that only the engine knows are filled there.
struct LaunchEffect {
  WorkerId worker = 0;
  AttemptKey key;
  InstanceIndex instance{};
  std::int32_t try_number = 1;
  std::string predecessor_slot;
  // Of a task that goes on after it was deferred: Resume::no for all others.
  Resume resume = Resume::no;
  std::string payload_json{};
  std::string told{};
  bool checkpoint = false;  // the store, or this turn, may have one to go on from
};
// A mapped task may run, and nobody knows yet over what: the engine reads it and answers with
// TaskExpanded. Not kept: whoever forgets the answer asks again.
struct ExpandEffect {
  RunSeq run{};
  TaskIndex task = 0;
};
// Somebody must know whether a run_if holds, or (of a run) what its params are that a program is
// asked for: the engine reads it and answers with GateAnswered. Not
// kept, as above.
struct GateEffect {
  RunSeq run{};
  std::optional<InstanceIndex> instance;  // none: of the run
};
// A run may start, but for the keys that its DAG's limits count it under: the engine reads them and
// answers with RunKeysRead. Not kept, as above.
struct KeysEffect {
  RunSeq run{};
};
// A task may run that no worker runs: the engine reads what becomes of it and answers with
// TaskResolved. Not kept, as above.
struct ResolveEffect {
  RunSeq run{};
  InstanceIndex instance{};
};
// What a backfill does next depends on the runs that these ticks have: the engine looks for them
// and answers with BackfillLooked. Not kept, as above.
struct BackfillEffect {
  std::int64_t backfill = 0;
  std::vector<Time> logical_dates;
};
// Something outside is to be looked at, once; the answer is WaitChecked. Not kept: what is asked
// and not answered before a restart is asked again.
struct CheckEffect {
  AttemptKey key;
  std::string argument_json;
  std::int64_t watcher = 0;  // instead of a task: the answer says what was seen
};
struct CancelEffect {
  WorkerId worker = 0;
  AttemptKey key;
  Duration grace{};
  std::string reason;
};
struct RecallEffect {
  WorkerId worker = 0;
  AttemptKey key;
};
struct AckEffect {  // this report is recorded, or stale and counted
  WorkerId worker = 0;
  AttemptKey key;
  std::uint64_t checkpoint = 0;  // as Ack::checkpoint
};
// One notification; the engine renders it and adds an OutboxRow to this very commit.
struct AlertEffect {
  enum class Of : std::uint8_t { task, run, dag };
  AttemptKey key;            // of a run: only that is named; of a DAG: none
  InstanceIndex instance{};  // of a task
  std::string notifier_json;
  AlertOn on = AlertOn::failure;
  Of of = Of::task;
  std::string dag_id{};  // of a DAG
  std::string reason{};  // where the instance's own does not say it
};
struct DropWorkerEffect {  // lease over or protocol broken: close the connection
  WorkerId worker = 0;
  std::string reason;
};
struct Reply {
  RequestId request = 0;
  Errc code = Errc::ok;
  std::string message;                 // for people, when code is not ok
  std::optional<RunRow> run;           // trigger, run patch, clear of a run
  bool repeated = false;               // trigger: the idempotency key was known
  std::vector<TaskInstanceRow> tasks;  // clear, mark: what is (or would be) touched, before
  std::string where;                   // the field that is wrong, as in Error; when code is invalid
  std::optional<BackfillRow> backfill{};       // of a backfill
  std::optional<AnswerRow> answer{};           // of an answer
  std::optional<AssetEventRow> asset_event{};  // of one that was told
};
// For the live feed: what changed, as the page needs it. Strings are looked up by the engine.
struct FeedItem {
  // dags: the list of DAGs, or what is wrong in their files, was read anew.
  enum class Kind : std::uint8_t { run, task, dag, dags } kind = Kind::run;
  RunSeq run{};
  InstanceIndex instance{};  // kind task
  std::string dag_id;        // kind dag
};

struct Effects {
  Changes changes;
  std::vector<LaunchEffect> launches;
  std::vector<ExpandEffect> expansions;
  std::vector<GateEffect> gates;
  std::vector<KeysEffect> keys;
  std::vector<ResolveEffect> resolutions;
  std::vector<BackfillEffect> backfill_looks;
  std::vector<CheckEffect> checks;
  std::vector<CancelEffect> cancels;
  std::vector<RecallEffect> recalls;
  std::vector<AckEffect> acks;
  std::vector<AlertEffect> alerts;
  std::vector<DropWorkerEffect> drops;
  std::vector<Reply> replies;
  std::vector<FeedItem> feed;
  std::vector<RunSeq> runs_ended;      // success or failed as of this turn
  std::vector<RunSeq> results_edited;  // by hand: what was made of them may be others now
  OptTime wake_at;                     // next cron tick, retry, run time-out (wall clock)
  std::optional<Boot> wake_at_boot;    // next lease end or cancel deadline
};

}  // namespace batuta
