// A DAG version: immutable once built, shared by every run pinned to it.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/ids.h"
#include "common/message.h"
#include "common/result.h"
#include "common/time.h"
#include "scheduler/core/asset.h"
#include "scheduler/core/continue_on.h"
#include "scheduler/core/notifier.h"
#include "scheduler/core/repeat.h"
#include "scheduler/core/retry_rule.h"
#include "scheduler/core/run_limit.h"
#include "scheduler/core/timetable.h"
#include "scheduler/core/trigger_rule.h"

namespace batuta {

// How a task may run again after a failure of its own (not after a lost worker).
struct RetryPolicy {
  std::int32_t retries = 0;
  Duration delay = std::chrono::minutes(5);
  double multiplier = 0;  // 0 or 1: constant delay
  std::optional<Duration> max_delay;
  std::vector<RetryRule>
      rules{};  // the first that holds decides; none: another try if that may help
  // Losses that are not the task's fault (its worker was lost, the attempt was refused) which it
  // survives; nothing: SchedulerOptions::max_losses.
  std::optional<std::int32_t> infrastructure_retries{};
};

// How many instances a mapped task may have: unless it says otherwise, and whatever it says.
inline constexpr std::int32_t default_max_map_length = 1024;
inline constexpr std::int32_t max_map_length = 100'000;

// Whose end an `on_exit` task waits for: of every run, or of runs that end so.
enum class RunEnd : std::uint8_t { any, success, failed };

enum class WeightRule : std::uint8_t { downstream, upstream, absolute };

// What a tick does that finds max_active_runs scheduled runs alive.
enum class Overlap : std::uint8_t {
  buffer_one,    // it waits; of several that wait the newest runs
  skip,          // it makes no run
  buffer_all,    // it makes a run, which waits its turn
  cancel_other,  // it makes a run, and the oldest is ended early
  allow_all,     // there is no such limit
};

// Of tasks and workers that name none.
inline constexpr std::string_view default_queue = "default";

struct Task {
  std::string id;
  std::string plugin;               // catalogue name; "empty" needs no worker
  std::vector<TaskIndex> upstream;  // direct, ascending
  std::vector<TaskIndex> downstream;
  TriggerRule trigger_rule = TriggerRule::all_success;
  RetryPolicy retry;
  ContinueOn continue_on;
  Repeat repeat;
  std::string run_if_json;       // conditions, opaque to the core (dagfile/run_if.h); empty: none
  Duration execution_timeout{};  // 0: none
  Duration queued_timeout{};     // how long it may wait for a slot; 0: as long as it takes
  Duration total_timeout{};      // from the start of its first try, over all of them; 0: none
  std::string pool = "default_pool";
  std::string queue = std::string(default_queue);  // of workers: those that listen to it run it
  std::int32_t pool_slots = 1;
  std::int32_t priority_weight = 1;
  WeightRule weight_rule = WeightRule::downstream;
  std::int32_t max_active_tis_per_dag = 0;     // 0: no limit
  std::int32_t max_active_tis_per_dagrun = 0;  // 0: no limit
  // A mapped task: what its instances are made of, opaque to the core (dagfile/mapping.h). Empty:
  // one instance, not mapped.
  std::string expand_json;
  std::string map_index_template;  // {"map_index_template": …}: what they are called; may be empty
  std::int32_t max_map_length = default_max_map_length;  // longer lists fail it
  // The mapped task group that it stands in, at whatever depth: its tasks have one list, and are
  // expanded together. Empty: mapped by itself, if at all.
  std::string mapped_group;
  std::string group;  // the task group that it stands in; empty: none
  // A setup makes what the tasks between it and its teardown need; a teardown takes it away again,
  // and runs when all before it is done and a setup of it succeeded, however the run ends.
  bool is_setup = false;
  bool is_teardown = false;             // with the trigger rule all_done_setup_success
  bool on_failure_fail_dagrun = false;  // of a teardown: its failure is the run's
  // Runs when all else has ended, as a teardown without a setup does.
  bool is_on_exit = false;
  RunEnd on_exit_of = RunEnd::any;
  bool depends_on_past = false;
  bool wait_for_downstream = false;
  Isolation isolation = Isolation::warm;
  std::string run_as;  // the user of its worker that its attempts run as; empty: as the worker says
  // What an attempt may have with all that it starts; 0: as its worker says.
  std::int64_t memory = 0;       // bytes
  std::int32_t cpu_percent = 0;  // of one processor
  bool is_branch = false;        // its result names the direct downstreams to run
  // No worker runs it: the engine says what becomes of it (event.h, Resolution). Sensors,
  // trigger_dag, short_circuit, approval, input.
  bool is_resolved = false;
  bool is_data = false;  // extract, transform, aggregate: has control rows and a window
  Duration overlap{};    // data tasks: how far the window reaches back
  std::string owner;
  std::string doc_md;               // for people, Markdown
  std::string display_name;         // for people; empty: the id
  std::vector<std::string> labels;  // of the edges from `upstream`, one each; empty: none has any
  bool do_xcom_push = true;         // false: what it returns is not kept
  bool multiple_outputs = false;    // each member of what it returns is an XCom of its own, too
  std::vector<Notifier> notifiers;
  std::vector<std::string> connections;      // names it may use
  std::vector<AssetIndex> outlets;           // what it makes: an event of each when it succeeds
  std::vector<AssetIndex> inlets;            // what it reads; for people
  std::vector<AssetIndex> outlet_aliases{};  // aliases: what it makes of them it tells as it runs
  std::string spec_json;           // the task's fields for rendering: {"params":…} and the
                                   // built-in's own fields; opaque to the core
  bool has_templates = false;      // spec_json contains "{{"
  std::string params_json = "{}";  // data tasks: "params" as written, for the control row
  // Filled by finish_dag.
  std::int32_t effective_weight = 1;
  // The first task of its mapped group; of other tasks itself.
  TaskIndex mapping_lead = 0;
  std::vector<TaskIndex> mapped_together;  // of a lead: all tasks of the group, ascending
  // Of a teardown the setups directly upstream. Of other tasks those farther up, without a teardown
  // or with one downstream of the task: unless they succeeded it does not run, whatever its rule.
  std::vector<TaskIndex> setups;
  std::vector<TaskIndex> guards;  // the tasks that have it among their `setups`
  // The teardowns and tasks of on_exit that come after it, however far: they wait for its end.
  std::vector<TaskIndex> torn_down_by;
  bool decides = true;  // the run's state follows from it: an effective leaf

  bool is_mapped() const { return !expand_json.empty(); }
  bool needs_worker() const { return !is_resolved && plugin != "empty"; }
};

// Tasks that belong together: named, shown and waited for as one.
struct TaskGroup {
  std::string id;
  std::string parent;        // the group that it stands in; empty: none
  std::string display_name;  // for people; empty: the id
  std::string doc_md;
};

// What triggers a DAG from outside: requests that are signed with a secret, which is the password
// of a connection or the value of a variable.
struct Webhook {
  std::string connection;  // one of the two
  std::string variable;
  Duration window = std::chrono::minutes(5);  // a signature's time may lie so far off
};

struct Dag {
  std::string id;
  std::string version;  // SHA-256, hex, of canonical JSON and the files it names
  std::string description;
  std::string doc_md;  // for people, Markdown
  std::string file;    // in its bundle's folder, led by "name://" of any but `default`
  std::vector<std::string> tags;
  std::vector<std::string> owners;
  std::vector<Task> tasks;                  // in file order; TaskIndex is the position
  std::vector<TaskGroup> groups;            // by id
  Timetable schedule;                       // scheduled runs
  std::string schedule_text;                // as written: "@hourly", "0 5 * * *", empty for none
  std::vector<AssetSpec> assets;            // that it names, each once
  std::vector<AliasSpec> aliases{};         // likewise
  std::optional<AssetCondition> waits_for;  // of those; beside the ticks of `schedule`
  // URI of what `waits_for` has the inputs of, where a run starts only while that is older than
  // they are; empty: each change of theirs starts one.
  std::string stale_asset{};
  bool partitioned = false;  // of events with a partition key: a run for each key
  // Runs of ticks have the tick as their partition key, so told; nothing: they have none.
  std::optional<PartitionGrain> tick_partition{};
  std::string timezone = "UTC";
  OptTime start_date;
  OptTime end_date;
  bool catchup = false;
  Duration catchup_window{};              // ticks older than this are not made up for; 0: no limit
  Overlap overlap = Overlap::buffer_one;  // with catch-up every tick waits: buffer_all
  Duration jitter{};                      // a scheduled run starts up to so long after its tick
  std::optional<Webhook> webhook;
  std::string run_if_json;  // of its runs, as Task::run_if_json
  bool is_paused_upon_creation = true;
  std::int32_t max_active_runs = 16;
  RunLimit concurrency;  // of runs of the same key
  RunLimit rate;
  std::int32_t max_active_tasks = 16;  // per run; queued + running
  std::int32_t max_consecutive_failed_dag_runs = 0;
  Duration dagrun_timeout{};  // 0: none
  // How long its ended runs are kept: so long, or the newest so many; neither: as all DAGs'.
  Duration retention{};
  std::int32_t retention_runs = 0;
  std::vector<Deadline> deadlines;
  // Average runtimes of deadlines: of so many successful runs, if there are so many at least.
  std::int32_t average_runs = default_average_runs;
  std::int32_t average_needs = default_average_runs;
  std::vector<Notifier> notifiers;  // of its runs, and of ticks without one
  std::string params_json = "{}";   // {"name": {schema…, "default": …}}
  // A param's default is what a program prints: a run that has no value of it yet gets one before
  // its first task (GateEffect).
  bool asks_params = false;
  std::string canonical_json;  // the whole definition, sorted keys; what the store keeps
  std::string source_text;     // the file as it was read
};

// Both stand in one mapped group: an instance of one has to do with that of the other which bears
// its index, and with no other.
inline bool is_mapped_with(const Dag& dag, TaskIndex one, TaskIndex other) {
  return one != other && !dag.tasks[one].mapped_group.empty() &&
         dag.tasks[one].mapped_group == dag.tasks[other].mapped_group;
}

inline constexpr std::size_t max_tasks_per_dag = 20'000;
inline constexpr std::size_t max_setups_per_dag = 1'000;
inline constexpr std::size_t max_guarded_tasks = 4'000'000;  // over all setups and teardowns

// Completes a parsed DAG: fills `downstream` from `upstream`, computes effective_weight (own weight
// plus all descendants or ancestors by weight_rule, clamped to int32), finds whose setups are whose
// and which tasks decide the run's state, rejects duplicate ids, dangling indices, self-dependence
// and cycles (the message names the cycle's tasks in order), and more than max_tasks_per_dag tasks
// or max_setups_per_dag setups. O(tasks + edges) except weights, which are bounded by O(edges *
// tasks / 64), and setups, by O(setups * edges).
Result<std::shared_ptr<const Dag>> finish_dag(Dag dag);

// When the run of this tick may start: the same for the same DAG and tick, up to `jitter` later.
Time start_of_tick(const Dag& dag, Time tick);
// The partition of a scheduled run; empty: the DAG's have none.
std::string partition_of_tick(const Dag& dag, Time logical_date);
// The next run that time alone will bring: after `handled`, the DAG's cursor, if it has one.
// nullopt: none, ever.
std::optional<ScheduledTick> upcoming_run(const Dag& dag, OptTime handled, Time now);

// When it runs, in words, for lists: "every 30m", "Triggered by assets".
std::string describe_schedule(const Dag& dag);

// All tasks of a group, those of inner groups included, ascending; none when there is no such
// group.
std::vector<TaskIndex> tasks_of_group(const Dag& dag, std::string_view group_id);
// Position of a task id, or nullopt. O(tasks); callers with many look-ups build their own index.
std::optional<TaskIndex> find_task(const Dag& dag, std::string_view task_id);
// The task, or some task of the DAG, waits for the run before: depends_on_past or
// wait_for_downstream.
bool looks_back(const Task& task);
bool uses_past(const Dag& dag);
// A deadline of it counts from an average runtime.
bool asks_runtimes(const Dag& dag);

}  // namespace batuta
