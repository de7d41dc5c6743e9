// What the store keeps, as plain structs: the language that core, store and the read side share.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/ids.h"
#include "common/message.h"
#include "common/time.h"
#include "common/uuid.h"
#include "scheduler/core/asset.h"
#include "scheduler/core/states.h"

namespace batuta {

struct DagRow {
  std::string dag_id;
  bool is_paused = true;
  bool is_stale = false;  // its file is gone; history stays readable
  std::string version;    // newest
  OptTime cursor;         // last tick handled (run created or passed over)
  std::int32_t consecutive_failures = 0;
};

struct RunRow {
  RunSeq seq{};
  Uuid uuid;  // execution_id
  std::string dag_id;
  std::string dag_run_id;   // unique within the DAG
  std::string dag_version;  // pinned
  RunType type = RunType::manual;
  DagRunState state = DagRunState::queued;
  OptTime logical_date;  // unique within the DAG when present
  OptTime data_interval_start;
  OptTime data_interval_end;
  Time run_after;
  Time queued_at;
  OptTime start_date;
  OptTime end_date;
  OptTime last_scheduling_decision;
  std::string conf_json = "{}";
  OptTime conf_start;  // conf.start and conf.end, when given: the data window as it is
  OptTime conf_end;
  std::string note;
  std::string triggered_by;  // Airflow's: "rest_api", "ui", "cli", "timetable", "test"
  std::string triggering_user;
  std::string idempotency_key;  // empty = none
  std::string request_digest;   // of the trigger body; same key with another digest is refused
  std::string reason;           // why it failed when no task did: "timed out", "cancelled by …"
  std::int32_t clear_number = 0;
  // Cancelled, marked or timed out, with attempts still alive: the state it takes when they ended.
  std::optional<DagRunState> ending;
  std::int64_t deadlines_missed = 0;  // a bit for each of its version's
  bool is_paused = false;             // it launches nothing; what was launched goes on
  // The backfill that made it, or ran it again, and for which of its ticks (1 is the first); 0:
  // none.
  std::int64_t backfill = 0;
  std::int32_t backfill_tick = 0;
  // Read once, when it may start for the first time: what its DAG's limits by key count it under;
  // none: it is not limited.
  bool keys_known = false;
  std::optional<std::string> concurrency_key;
  std::optional<std::string> rate_key;
  // "<name>/<id>" of the branch of the lake that its tasks write on, for all its life; empty: none.
  // Then nothing that others wait for comes of it: no asset event, no watermark.
  std::string branch;
  std::string partition_key{};  // which part of its assets it is about; empty: none
  OptTime partition_date{};     // when that begins, if the key is a time of its DAG's zone
  // When it was queued, or cleared: what its DAG's last runs took on average. Nothing: no deadline
  // asks, or too few of them have ended.
  std::optional<Duration> average_runtime{};
};

// A run of this key began, and counts in its DAG's rate.
struct RateStartRow {
  std::string dag_id;
  std::string key;
  Time started;
  bool operator==(const RateStartRow&) const = default;
};

// A task instance's place among those of its run, without gaps and for as long as the run lives.
// The first ones stand where their tasks stand in the DAG version, one for each task; what an
// expanded task has beyond its first comes behind them.
enum class InstanceIndex : std::uint32_t {};
constexpr std::size_t place_of(InstanceIndex i) {
  return static_cast<std::size_t>(i);
}
constexpr InstanceIndex first_instance(TaskIndex task) {
  return InstanceIndex{task};
}

// What decisions turn on: read for every instance of a live run, again and again.
struct InstanceHot {
  std::int64_t id = 0;  // store-wide, growing; 0 where there is no row yet, and in an ended try's
  TaskIndex task = 0;
  MapIndex map_index = unmapped;
  TaskState state = TaskState::none;
  // Asked by a user while an attempt is alive: what the task becomes when that has ended
  // (none: cleared, it runs again). Durable, so that a restart does not forget the request.
  std::optional<TaskState> asked;
  // Skipped only: the branch directly upstream whose newest decision did not choose it.
  std::optional<TaskIndex> left_out_by;
  // Failed or skipped only: what follows it takes it for a success (continue_on.h).
  bool continued = false;
  std::int32_t try_number = 0;  // attempts that started or may have; 0 before the first
  std::int32_t max_tries = 0;   // Airflow's: retries, moved on by clears
  std::int32_t failures = 0;    // since the last clear; compared with retries
  std::int32_t losses = 0;      // workers lost and refusals, likewise; infrastructure_retries
  std::int32_t conflicts = 0;   // refused publications since the last clear; limit 10
  std::int32_t repeats = 0;     // tries since then that its loop was asked about (repeat.h)
  Fence fence = 0;              // launches so far
  std::string worker;           // agent id of the current attempt
};

// What is told about an instance: written as it moves, read when somebody asks.
struct InstanceCold {
  OptTime scheduled_at;
  OptTime queued_at;  // of the newest try; empty once a clear or a recall took it back
  OptTime start_date;
  OptTime end_date;
  OptTime first_start;  // of its first try since the last clear
  OptTime retry_at;     // up_for_retry and up_for_reschedule only
  // Data tasks: [min(interval start, watermark) - overlap, interval end), or conf_start/conf_end;
  // fixed at the run's first attempt, kept by retries and clears.
  OptTime window_start;
  OptTime window_end;
  std::string hostname;
  // Of the last attempt: whose lock a successor waits for. Several, a space between, when attempts
  // were lost of which nobody knows whether they started: an agent's id stands for all its slots.
  std::string slot;
  std::string reason;  // one line for people
  std::string note;
  std::string map_name;  // of a mapped instance, for people; may be empty
  std::string plugin_sha256;
  std::int32_t exit_code = 0;
  std::int32_t signal = 0;
  std::int64_t peak_rss_kib = 0;
  // Of the try, all its parts where it was deferred (Finished); -1: not known.
  std::int64_t cpu_us = -1;
  std::int64_t read_bytes = -1;
  std::int32_t pid = 0;
};

struct TaskInstanceRow : InstanceHot, InstanceCold {
  RunSeq run{};

  InstanceKey key() const { return {run, task, map_index}; }
  AttemptKey attempt() const { return {run, task, map_index, fence}; }
};

// An ended try that a later one replaced; the newest try is the TaskInstanceRow itself.
struct AttemptRow {
  TaskInstanceRow row;  // as it was when the try ended; state failed/… or up_for_retry
};

struct XcomRow {
  RunSeq run{};
  TaskIndex task = 0;
  MapIndex map_index = unmapped;
  std::string key = "return_value";
  std::string value_json;
  Time timestamp;
  InstanceKey instance() const { return {run, task, map_index}; }
};

struct PoolRow {
  std::string name;
  std::int32_t slots = 128;  // -1 = unlimited
  std::string description;
};

// A table's publication counter and what was accepted for it but is not settled.
struct TableRow {
  std::string table;
  std::int64_t next_number = 1;    // publication number of the next accepted output
  std::int64_t last_version = -1;  // Delta version of the last settled publication
};

enum class PublicationState : std::uint8_t { pending, settled, refused };

struct PublicationRow {
  std::int64_t id = 0;  // store-wide; its outbox row bears the same number
  AttemptKey key;
  std::int32_t position = 0;  // order within the attempt
  std::string table;
  std::int64_t number = 0;  // Delta txn version
  Uuid uuid;                // in commitInfo; finding it means "already done"
  PublicationState state = PublicationState::pending;
  std::int64_t version = -1;  // Delta version once settled
  std::string payload_json;
};

// What a backfill does with a tick that has a run already, unless that run has not ended.
enum class Reprocess : std::uint8_t {
  none,       // nothing
  failed,     // it runs again if it failed
  completed,  // it runs again
};

enum class BackfillPhase : std::uint8_t {
  active,    // ticks are left, or runs of it have not ended
  draining,  // cancelled: what runs goes on, nothing comes after it
  done,
};

// Runs for the ticks that a DAG's schedule has in a range of logical dates, made one after the
// other as its limit allows.
struct BackfillRow {
  std::int64_t id = 0;  // store-wide, growing
  std::string dag_id;
  std::string dag_version;  // whose schedule has the ticks: the newest when it was asked for
  Time from_date;           // both within
  Time to_date;
  bool run_backwards = false;
  Reprocess reprocess = Reprocess::none;
  std::int32_t max_active_runs = 10;  // apart from the DAG's
  bool latest_version = true;         // of runs that run again; new ones always have the newest
  std::optional<std::string> conf_json;
  OptTime conf_start;  // of conf, as in RunRow
  OptTime conf_end;
  bool is_paused = false;
  BackfillPhase phase = BackfillPhase::active;
  std::int32_t ticks = 0;  // in all
  std::int32_t done = 0;   // that are handled: each has a BackfillTickRow
  OptTime cursor;          // logical date of the last one handled
  Time created_at;
  Time updated_at;
  OptTime completed_at;  // phase draining has it already
  std::string user;
  // The branch of the lake, as in RunRow, on which each date gets a run of its own: without a
  // logical date, and beside whatever run the date has. Then reprocess is none.
  std::string branch;
};

enum class TickOutcome : std::uint8_t {
  created,      // a run was made
  reprocessed,  // its run runs again
  exists,       // it has a run, which is left as it is
  in_flight,    // it has a run that has not ended
};

// What became of one tick of a backfill.
struct BackfillTickRow {
  std::int64_t backfill = 0;
  std::int32_t ordinal = 0;  // 1, 2, … in the order in which they are handled
  Time logical_date;
  TickOutcome outcome = TickOutcome::created;
  RunSeq run{};
};

// What an accepted attempt will show once its publications are settled.
struct AcceptedRow {
  Finished report;  // outputs and extra_json emptied: they are PublicationRows, an AttemptReportRow
  bool again = false;  // its loop goes on then
  std::vector<ToldAsset> assets{};
};

// What an attempt told about quality and lineage, kept however the attempt ended.
struct AttemptReportRow {
  AttemptKey key;
  std::int32_t try_number = 0;
  std::string report_json;  // {"quality":[…],"lineage":[…]}
};

// From where the next try of a task instance goes on, until one succeeds.
struct CheckpointRow {
  RunSeq run{};
  TaskIndex task = 0;
  MapIndex map_index = unmapped;
  std::int32_t try_number = 0;  // that wrote it
  Time saved_at;
  std::string checkpoint_json;  // at most max_checkpoint_bytes

  InstanceKey key() const { return {run, task, map_index}; }
};

struct WatermarkRow {
  std::string dag_id;
  std::string task_id;
  Time value;
};

// mngt.ingestion_job_execution: one row per attempt of a data task. The times are the attempt's;
// readers see them as created_at and updated_at, and the data's window as start_time and end_time.
struct JobExecutionRow {
  Uuid execution_id;
  std::string job_name;  // "<dag_id>.<task_id>"
  AttemptKey key;
  std::int32_t try_number = 0;
  Time start_time;
  OptTime end_time;
  OptTime heartbeat_at;
  std::string status;  // running success failed zombie cancelled skipped deferred
  std::string error;
  std::string params_json;  // {"tickers":[…],"interval":…,"overlap":…}
  std::string filename;     // JSON list of data files, cut at 64 KiB
  std::int64_t records = 0;
};

enum class OutboxKind : std::uint8_t { publish, alert, lineage, trace };

// Something that must happen after the commit and must not be lost.
struct OutboxRow {
  std::int64_t id = 0;  // store-wide, growing; a publish row's is its publication's
  OutboxKind kind = OutboxKind::publish;
  std::string key;  // serial per key, parallel across keys: table or connection; of lineage, whose
                    // events go one after the other, the run: "<dag id>/<run id>"
  std::int64_t publication = 0;  // kind publish: the PublicationRow's id
  std::string payload_json;      // alert: the rendered message; publish: the commitInfo fields,
                                 // filled by the engine; lineage, trace: the event
  Time created_at;
  std::int32_t tries = 0;
  OptTime next_try_at;
  std::string last_error;
  bool dead = false;  // alerts after 24 h, events that were refused
};

struct EventLogRow {
  Time when;
  std::string event;  // "trigger", "clear", "pause", "login_failed", …
  std::string dag_id;
  std::string dag_run_id;
  std::string task_id;
  std::string owner;  // user name
  std::string extra_json;
};

}  // namespace batuta
