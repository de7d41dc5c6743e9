// Everything that can happen to the scheduler, in the past tense. Run UUIDs, times and request ids
// arrive inside; the core makes up nothing.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "common/message.h"
#include "scheduler/core/dag.h"
#include "scheduler/core/question.h"
#include "scheduler/core/rows.h"
#include "scheduler/core/stored_run.h"
#include "scheduler/core/wait.h"

namespace batuta {

// Names the caller of a request, so that its Reply finds the way back. 0 = nobody waits.
using RequestId = std::uint64_t;
// One connection of one agent; a reconnect gets a new one.
using WorkerId = std::uint64_t;

// The DAG folder was read: new or changed versions, and ids whose file is gone. Neither: only the
// import errors or warnings are others than before.
struct DagsChanged {
  std::vector<std::shared_ptr<const Dag>> current;  // every changed or new one
  std::vector<std::string> gone;
  // Set by the engine, of those with a deadline by it: what their last successful runs took, oldest
  // first, by DAG.
  std::map<std::string, std::vector<Duration>> runtimes{};
};
struct PauseRequested {
  RequestId request = 0;
  std::string dag_id;
  bool paused = false;
  std::string user{};
  std::vector<std::string> more_dag_ids{};  // the same; one that is not there is passed over
};
// What the DAG has done goes, and the DAG with it; its file stays. Refused while a run is running.
struct DagDeleted {
  RequestId request = 0;
  std::string dag_id;
  std::string user{};
  // So many ended runs and no more, the oldest, and the DAG stays: for a history that one turn
  // cannot take. 0: all that is left.
  std::int64_t some_runs = 0;
};
struct RunRequested {
  RequestId request = 0;
  Uuid uuid;
  std::string dag_id;
  std::string dag_run_id;  // empty: "manual__<iso>__<8 hex of uuid>" is made
  OptTime logical_date;
  OptTime data_interval_start;
  OptTime data_interval_end;
  OptTime run_after;
  std::string conf_json = "{}";  // validated against the DAG's params at the door
  OptTime conf_start;            // conf.start, conf.end, parsed at the door
  OptTime conf_end;
  std::string note;
  std::string triggered_by = "rest_api";
  std::string user;
  std::string idempotency_key;
  std::string request_digest;
  RunType type = RunType::manual;  // or asset_materialization
  // Not empty: these tasks alone, with the setups that they need, those setups' teardowns and
  // on_exit; `with_upstream`: and all that comes before them. The others are none of the run's.
  std::vector<std::string> only{};
  bool with_upstream = false;
  std::string branch{};         // see RunRow
  std::string partition_key{};  // likewise
  // Set by the engine when the key or the run id exists among finished runs in the store.
  std::optional<RunRow> existing;
};
// PATCH of a run: state queued (an ended run is looked at again, its tasks stay), success, failed.
struct RunStateRequested {
  RequestId request = 0;
  std::string dag_id;
  std::string dag_run_id;
  DagRunState state = DagRunState::failed;
  std::string user;
  std::optional<StoredRun> stored;  // when the run is not in memory
  std::optional<std::string> note{};
  std::optional<bool> paused{};  // instead of `state`: it is held, or goes on; it has not ended
};
struct RunDeleted {
  RequestId request = 0;
  std::string dag_id;
  std::string dag_run_id;
  std::string user{};
  std::optional<StoredRun> stored;
};
// More task instances than this are not cleared by one request, lest others wait for it.
inline constexpr std::size_t max_cleared_tasks = max_tasks_per_dag;
// Of one run, or of several: all of them are cleared, or none.
struct ClearRequested {
  struct Run {
    std::string dag_run_id;
    std::optional<StoredRun> stored;  // when it is not in memory
    std::string dag_id{};             // empty: the request's
  };
  RequestId request = 0;
  std::string dag_id;
  std::string dag_run_id;
  std::vector<Run> more_runs;         // each once
  std::vector<std::string> task_ids;  // empty: all; those a run does not have are passed over in it
  // None, or one for each id: only that instance of the task is meant.
  std::vector<std::optional<MapIndex>> map_indexes{};
  bool only_failed = true;
  bool only_running = false;
  bool include_upstream = false;
  bool include_downstream = false;
  bool reset_dag_runs = true;
  bool prevent_running = false;  // refused when one of the tasks is running
  bool dry_run = true;
  std::string user;
  std::optional<StoredRun> stored;        // of dag_run_id
  bool only_new = false;                  // no task but those that on_latest_version adds
  bool on_latest_version = false;         // the run goes on with the DAG's newest; it has ended
  std::optional<std::string> run_note{};  // becomes that of each run
  bool keep_checkpoints = false;          // the next tries go on from them; else they are dropped
};
// PATCH of a task instance: success, failed or skipped by hand.
struct MarkRequested {
  RequestId request = 0;
  std::string dag_id;
  std::string dag_run_id;
  std::string task_id;  // empty: all tasks of the group
  MapIndex map_index = unmapped;
  TaskState state = TaskState::success;
  bool include_upstream = false;
  bool include_downstream = false;
  bool dry_run = false;
  std::string user;
  std::optional<StoredRun> stored;
  std::vector<ClearRequested::Run>
      more_runs{};                    // of the same DAG, each once; without it: passed over
  bool all_instances = false;         // of the task, whatever map_index says
  std::optional<std::string> note{};  // of the instances named, in the first run
  std::string group_id{};             // without a task_id: a task group, inner ones included
};
struct NoteSet {  // task_id empty: the run's note
  RequestId request = 0;
  std::string dag_id;
  std::string dag_run_id;
  std::string task_id;
  MapIndex map_index = unmapped;
  std::string note;
  std::optional<StoredRun> stored;
  std::string user{};
  bool all_instances = false;  // of the task, whatever map_index says
};
// A task instance is taken out of its run: `removed`, without its results. A clear brings it back.
struct InstanceDeleted {
  RequestId request = 0;
  std::string dag_id;
  std::string dag_run_id;
  std::string task_id;
  MapIndex map_index = unmapped;
  std::string user{};
  std::optional<StoredRun> stored{};
};
// An XCom by hand.
struct XcomEdited {
  enum class Kind : std::uint8_t { create, change, remove };
  RequestId request = 0;
  std::string dag_id;
  std::string dag_run_id;
  std::string task_id;
  MapIndex map_index = unmapped;
  InstanceKey instance;  // the same, as the door found it: what the store is asked by
  std::string key;
  Kind kind = Kind::create;
  std::string value_json;  // unless it is removed
  std::string user{};
  std::optional<StoredRun> stored{};
  bool exists = false;  // in the store; set by the engine
};
// The checks of check_backfill() (backfill.h) come first.
struct BackfillRequested {
  RequestId request = 0;
  BackfillRow backfill;  // what people say of it; the rest is filled in
};
struct BackfillChanged {
  enum class Kind : std::uint8_t { pause, unpause, cancel };
  RequestId request = 0;
  std::int64_t backfill = 0;
  Kind kind = Kind::pause;
  std::string user{};
};
// The answer to a BackfillEffect; read from what that turn knew: it comes first in the next one.
struct BackfillLooked {
  struct Tick {
    Time logical_date;
    // Set by the engine: the run of that date, when it is not in memory but in the store; and
    // whether a run there bears the name that a new one would have.
    std::optional<StoredRun> found{};
    bool name_taken = false;
  };
  std::int64_t backfill = 0;
  std::vector<Tick> ticks;  // the next ones, in order
};
struct PoolSet {
  RequestId request = 0;
  PoolRow pool;
  bool create_only = false;  // 409 when it exists
  std::string user{};
};
struct PoolDeleted {
  RequestId request = 0;
  std::string name;
  std::string user{};
};
struct WorkerJoined {
  WorkerId worker = 0;
  Hello hello;
};
struct WorkerLost {  // its connection ended
  WorkerId worker = 0;
  bool dead = false;  // its lock is free: no lease to wait for
};
// The lock of an agent was found free: whatever ran there is over. After a restart, when no
// connection of that agent exists any more.
struct AgentDead {
  std::string agent_id;
};
struct WorkerHeartbeat {
  WorkerId worker = 0;
  std::vector<SlotLoad> slots{};    // what they use of its machine, for people
  std::int64_t slots_left_out = 0;  // of which it tells nothing
};
struct WorkerCatalogue {
  WorkerId worker = 0;
  std::vector<PluginInfo> catalogue;  // none while it is drained
  bool drained = false;               // by hand, or it leaves
};
struct AttemptStarted {
  WorkerId worker = 0;
  Started report;
};
struct AttemptFinished {  // worker 0: the engine itself (a template failed)
  WorkerId worker = 0;
  Finished report;
  // Set by the engine: what its task's loop says of return values (Repeat::result_json) holds.
  bool result_fits = false;
  // Outcome::deferred only, set by the engine: what the report says is waited for; and the run that
  // it looks at, when that is one by date that is not in memory.
  std::optional<WaitRow> wait{};
  std::optional<StoredRun> found{};
  // Set by the engine: what the report says of assets. Each is an outlet of the task, or stands for
  // an alias that is one.
  std::vector<ToldAsset> assets{};
};
// Empty (the engine found it unfit): nothing is kept, but it is acknowledged.
struct AttemptCheckpointed {
  WorkerId worker = 0;
  TaskCheckpoint report;
};
struct AttemptRecalled {
  WorkerId worker = 0;
  AttemptKey key;
};
// What a mapped task is mapped over was read, as the turn before asked (ExpandEffect). Read from
// what that turn knew: it comes first in the next one.
struct TaskExpanded {
  RunSeq run{};
  TaskIndex task = 0;
  std::int32_t count = 0;          // 0 to the task's max_map_length
  std::vector<std::string> names;  // of its instances, for people; none, or `count`
  std::string failure;             // why it cannot be expanded; then there is no count
};
// Whether a run_if holds, or what a run's params are, as the turn before asked (GateEffect). Read
// from what that turn knew: it comes first in the next one.
struct GateAnswered {
  RunSeq run{};
  std::optional<InstanceIndex> instance{};  // none: of the run
  bool holds = true;
  std::string why{};        // it does not: which condition, and what its value is
  bool unreadable = false;  // `why` says what is wrong with it; the task, or the run, fails
  // It is the values of the run's params that cannot be had: a run that has begun fails, too.
  bool params_unknown = false;
  // Of a run: its conf with the values that were asked for (Dag::asks_params). Nothing else is said
  // then, and the gate is asked for again. Empty: nothing was missing.
  std::string conf_json{};
};
// The keys of a run, as the turn before asked (KeysEffect). Read from what that turn knew: it comes
// first in the next one.
struct RunKeysRead {
  RunSeq run{};
  std::optional<std::string> concurrency{};  // none: it is not limited
  std::optional<std::string> rate{};
  std::string failure{};  // why they cannot be read; the run fails
};
// What becomes of a task that no worker runs.
struct Resolution {
  enum class Kind : std::uint8_t {
    done,    // success; of a short circuit, what follows may be skipped
    failed,  // for good, as a launch that cannot be rendered
    wait,
    trigger,  // a run of another DAG, and perhaps a wait for it
  };
  Kind kind = Kind::done;
  std::string result_json;  // done: its XCom; empty for none
  std::string reason;       // failed
  // done: false is a short circuit. What is directly downstream is skipped then, or (`whole`) all
  // that follows, whatever its trigger rules say.
  bool goes_on = true;
  bool whole = true;
  WaitRow wait;                           // wait; trigger, when `waits`: allowed, refused, deadline
  std::optional<QuestionRow> question{};  // wait of kind answer: what is asked
  std::optional<RunRequested> trigger;    // with a UUID, and without a request
  bool waits = false;
  bool skip_when_exists = false;
};
// The answer to a ResolveEffect; read from what that turn knew: it comes first in the next one.
struct TaskResolved {
  RunSeq run{};
  InstanceIndex instance{};
  Resolution what;
  // Set by the engine for a wait by date: the run, when it is not in memory but in the store.
  std::optional<StoredRun> found{};
};
// A helper looked at what a task waits for (CheckEffect).
struct WaitChecked {
  enum class Outcome : std::uint8_t { satisfied, not_yet, failed };
  AttemptKey key;
  Outcome outcome = Outcome::not_yet;
  std::string message;       // why not
  std::int64_t watcher = 0;  // instead of a task: whose look it was
  std::string seen{};  // of a watcher: what was found; not_yet: not empty when nothing is there
};
// A person answers what a task asks. Checked at the door against the question's options and form
// (dagfile/answer.h), and whether this person may. Refused unless the task still waits for it.
struct QuestionAnswered {
  RequestId request = 0;
  InstanceKey key;
  std::int32_t try_number = 0;  // whose question was read
  std::vector<std::string> chosen_options;
  std::string params_input_json = "{}";
  std::string user{};
};
// Somebody tells that an asset has changed.
struct AssetChanged {
  RequestId request = 0;
  std::int64_t asset = 0;
  std::string extra_json = "{}";
  std::string user{};
  std::string partition_key{};
};
// What is queued goes, without a run. At least one of `dag_id` and `asset` is given.
struct QueuedAssetEventsDropped {
  RequestId request = 0;
  std::string dag_id;      // empty: of all DAGs that the asset is queued for
  std::int64_t asset = 0;  // 0: whatever is queued for the DAG
  OptTime before{};        // only what was queued before
  std::string user{};
  // Of several DAGs only these; without it, all. For who may not change every DAG.
  std::optional<std::vector<std::string>> dag_ids{};
};
struct PublicationSettled {
  std::int64_t publication = 0;
  std::int64_t version = 0;
};
struct PublicationRefused {  // as it is, it can never succeed
  std::int64_t publication = 0;
  std::string reason;
  // A conflict: an attempt that reads anew may pass. Otherwise every repeat would end the same way.
  bool rerun_may_help = true;
};
// The engine was not running between two turns for longer than it should (a pause, a slow disk):
// leases are judged that much later.
struct Stalled {
  Duration by{};
};

using Event = std::variant<DagsChanged, PauseRequested, DagDeleted, RunRequested, RunStateRequested,
                           RunDeleted, ClearRequested, MarkRequested, NoteSet, InstanceDeleted,
                           XcomEdited, BackfillRequested, BackfillChanged, BackfillLooked, PoolSet,
                           PoolDeleted, WorkerJoined, WorkerLost, AgentDead, WorkerHeartbeat,
                           WorkerCatalogue, AttemptStarted, AttemptFinished, AttemptCheckpointed,
                           AttemptRecalled, TaskExpanded, GateAnswered, RunKeysRead, TaskResolved,
                           WaitChecked, QuestionAnswered, AssetChanged, QueuedAssetEventsDropped,
                           PublicationSettled, PublicationRefused, Stalled>;

}  // namespace batuta
