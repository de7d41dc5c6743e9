// The parts of the live state. Inside this folder only; other rooms see SchedulerState's queries.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "scheduler/core/asset.h"
#include "scheduler/core/asset_queue.h"
#include "scheduler/core/event.h"
#include "scheduler/core/question.h"
#include "scheduler/core/rows.h"

namespace batuta {

using PoolNo = std::uint32_t;
using PluginNo = std::uint32_t;
using LaneNo = std::uint32_t;
using GroupNo = std::uint32_t;

struct LiveRun;
struct LiveAgent;
struct LiveDag;

struct TaskRef {
  LiveRun* run = nullptr;
  InstanceIndex instance{};
};
// Who waits for a run: by numbers, for its own run may leave memory first.
using WaiterKey = std::pair<RunSeq, InstanceIndex>;

// ---- what waits for a slot --------------------------------------------------------------------

// Tasks of one DAG version that only differ in priority: whatever lets one of them run lets any.
struct GroupSpec {
  LaneNo lane = 0;
  PoolNo pool = 0;
  PluginNo plugin = 0;
  std::int32_t pool_slots = 1;
  std::optional<TaskIndex> limited;  // a task with a limit of its own has a group of its own
  std::vector<TaskIndex> by_rank;    // heaviest first, then file order
};

// How the tasks of one DAG version are dispatched; shared by its runs.
struct DispatchPlan {
  std::vector<GroupSpec> groups;
  std::vector<GroupNo> group_of;       // by TaskIndex
  std::vector<std::uint32_t> rank_of;  // by TaskIndex: its place in by_rank
  std::vector<TaskIndex> by_id;        // sorted by task id
  bool uses_past = false;              // some task looks at the previous run
};

// A set of ranks: a bit each, the least found in a word or two.
class ReadySet {
 public:
  void insert(std::uint32_t rank) {
    if (words_.size() <= rank / 64) words_.resize(rank / 64 + 1);
    words_[rank / 64] |= bit(rank);
    first_ = std::min(first_, rank / 64);
    ++size_;
  }
  void erase(std::uint32_t rank) {
    words_[rank / 64] &= ~bit(rank);
    --size_;
  }
  bool contains(std::uint32_t rank) const {
    return rank / 64 < words_.size() && (words_[rank / 64] & bit(rank)) != 0;
  }
  bool empty() const { return size_ == 0; }
  std::uint32_t size() const { return size_; }
  std::uint32_t first() {  // not on an empty set
    while (words_[first_] == 0) ++first_;
    return first_ * 64 + static_cast<std::uint32_t>(std::countr_zero(words_[first_]));
  }

 private:
  static std::uint64_t bit(std::uint32_t rank) { return std::uint64_t{1} << rank % 64; }
  std::vector<std::uint64_t> words_;
  std::uint32_t first_ = 0;  // no set bit lies in a word before it
  std::uint32_t size_ = 0;
};

// A group's place in its lane: heaviest first, then the older logical date, then the older run.
struct LaneKey {
  std::int32_t weight = 0;
  Time date;
  RunSeq run{};
  GroupNo group = 0;
  bool operator<(const LaneKey& other) const {
    return std::tie(other.weight, date, run, group) <
           std::tie(weight, other.date, other.run, other.group);
  }
};

struct ReadyGroup {
  ReadySet ready;  // ranks of tasks of which an instance is ready
  // Of tasks with more than one instance: which of them are.
  std::map<TaskIndex, std::set<InstanceIndex>> mapped;
  std::int64_t size = 0;   // ready instances
  bool offered = false;    // it stands in its lane
  LaneKey key;             // under this key
  std::uint64_t turn = 0;  // its place among those that wait longest
  Boot since;              // when it took that place
};

// One pool and one plugin: the heap of groups that wait for them. Groups that something else holds
// back (their run, their DAG, a task's limit) are not in it.
struct Lane {
  PoolNo pool = 0;
  PluginNo plugin = 0;
  std::map<LaneKey, LiveRun*> by_priority;
  std::map<std::uint64_t, std::pair<LiveRun*, GroupNo>> by_age;
};

// ---- runs and tasks ---------------------------------------------------------------------------

struct TaskCell {
  LiveAgent* agent = nullptr;   // of the live attempt: queued and running only
  std::uint64_t launch_no = 0;  // its place in the agent's lists
  bool recall_asked = false;
  OptTime patience;            // its Timer of that kind: until then it waits for a slot
  bool patience_over = false;  // it was asked back for that
  bool cancel_sent = false;
  std::optional<Boot> cancel_by;  // its entry in SchedulerState::cancel_deadlines
  bool unlisted = false;          // its agent came back and did not name it
  bool in_check = false;          // in SchedulerState::to_check
  bool expanding = false;         // a mapped task's first (mapping_cell): its length was asked for
  bool expanded = false;          // and is known, for as long as no upstream runs again
  bool resolving = false;         // what becomes of it was asked for
  bool output_found = false;      // its last attempt printed what continue_on waits for
  bool gate_asked = false;        // whether its run_if holds was asked for
  bool gate_open = false;         // and it does, for as long as no upstream runs again
  bool checkpoint = false;        // the store may have one of it
  bool touched = false;           // in Turn::tasks, with what the store has:
  TaskState durable_state = TaskState::none;
  Fence durable_fence = 0;
};

// What those take it for that come after it.
inline TaskState seen_as(const InstanceHot& row) {
  return row.continued ? TaskState::success : row.state;
}

// What an instance waits for, or (between its tries) waited for.
struct LiveWait {
  WaitRow row;
  std::int32_t checks = 0;  // answered with "not yet", since it was read from the store
  OptTime next_check;       // kind check, unless it is being looked at
  OptTime timer;            // its Timer, if it has one
  std::optional<OpenQuestion> question{};  // kind answer
};

// Runs of one DAG in the order in which `depends_on_past` sees them.
using PastKey = std::pair<Time, RunSeq>;

struct LiveRun {
  StoredRun stored;        // rows as they are now
  LiveDag* dag = nullptr;  // the newest version and the DAG's own state
  std::shared_ptr<const DispatchPlan> plan;
  // Empty while the run has no rows:
  // By TaskIndex, over all instances of the upstream tasks but those of its own mapped group, which
  // upstream_counts() adds.
  std::vector<UpstreamCounts> upstreams;
  std::vector<UpstreamCounts> setups;     // the same of Task::setups
  std::vector<std::int32_t> open_before;  // of teardowns: instances before them that have not ended
  std::vector<TaskCell> cells;            // by InstanceIndex
  std::vector<ReadyGroup> groups;         // by GroupNo
  std::size_t durable_rows = 0;           // the others came in this turn
  std::int32_t unfinished = 0;            // instances not terminal
  std::int32_t active = 0;  // queued, running, publishing: what max_active_tasks limits
  std::int32_t publishing = 0;
  std::map<TaskIndex, std::int32_t> active_of_task;  // tasks with max_active_tis_per_dagrun
  std::map<InstanceIndex, LiveWait> waits;
  bool created = false;  // in this turn
  bool deleted = false;  // in this turn
  bool touched = false;
  bool in_to_end = false;
  bool in_ended = false;    // in SchedulerState::ended
  bool renumbered = false;  // in this turn: the store has its results under other numbers
  bool adopted = false;     // in this turn, by a backfill
  bool keys_asked = false;  // what its DAG's limits count it under
  bool gate_asked = false;  // whether its DAG's run_if holds
  bool gate_open = false;   // it does, or a task has left `none` already
  bool linger = false;      // ended or touched in this turn: stays for the next one

  RunRow& row() { return stored.run; }
  const RunRow& row() const { return stored.run; }
  InstanceRange instances() const { return stored.instances(); }
  InstanceHot& task(InstanceIndex i) { return stored.hot[place_of(i)]; }
  const InstanceHot& task(InstanceIndex i) const { return stored.hot[place_of(i)]; }
  InstanceCold& detail(InstanceIndex i) { return stored.cold[place_of(i)]; }
  const InstanceCold& detail(InstanceIndex i) const { return stored.cold[place_of(i)]; }
  TaskCell& cell(InstanceIndex i) { return cells[place_of(i)]; }
  const TaskCell& cell(InstanceIndex i) const { return cells[place_of(i)]; }
  const Task& definition(TaskIndex task) const { return stored.dag->tasks[task]; }
  const Task& definition(InstanceIndex i) const { return definition(stored.task_of(i)); }
  const GroupSpec& group_spec(InstanceIndex i) const {
    return plan->groups[plan->group_of[stored.task_of(i)]];
  }
  AttemptKey attempt(InstanceIndex i) const {
    const InstanceHot& hot = task(i);
    return {stored.run.seq, hot.task, hot.map_index, hot.fence};
  }
  // Nothing of it is launched or decided; but what is being ended is torn down.
  bool is_held() const;
  Time date() const { return stored.run.logical_date.value_or(stored.run.run_after); }
  PastKey past_key() const { return {date(), stored.run.seq}; }
};

// A finished run, as far as `depends_on_past` needs it.
struct PastRun {
  RunType type = RunType::manual;
  std::shared_ptr<const Dag> dag;
  std::vector<TaskState> states;  // by TaskIndex; of an expanded task the worst
};
inline constexpr std::size_t max_past_runs = 64;        // kept per DAG that uses the past
inline constexpr std::size_t max_dates_ahead = 10'000;  // per DAG; the farthest are dropped

// A backfill that is not done.
struct LiveBackfill {
  BackfillRow row;
  std::shared_ptr<const Dag> dag;  // whose schedule has the ticks
  std::int32_t live = 0;           // runs that have not ended
  std::int32_t running = 0;
  bool looking = false;    // it was asked which runs the next ticks have
  std::int32_t reach = 0;  // how many ticks that was; as many again when none needed a run
};

// For which keys a pass over the runs that wait has done what is done once for all of them: runs
// only begin in it, so what is full stays full.
struct KeysDone {
  std::set<std::string> made_room;  // of concurrency: others are ended
  std::set<std::string> timed;      // of rate: a timer is set
};

struct LiveDag {
  DagRow row;
  std::shared_ptr<const Dag> dag;  // newest version
  std::shared_ptr<const DispatchPlan> plan;
  // Of older versions that runs are pinned to, by version.
  std::map<std::string, std::weak_ptr<const DispatchPlan>> older_plans;
  std::set<std::pair<Time, RunSeq>> queued;               // by due_at()
  std::set<std::pair<Time, RunSeq>> queued_in_backfills;  // those that a backfill's limit is for
  std::int32_t running_in_backfills = 0;                  // of `running`
  std::int64_t backfill = 0;                              // the active one
  std::map<RunSeq, LiveRun*> running;
  std::map<std::string, std::map<RunSeq, LiveRun*>> running_of_key;  // of those with one
  // By rate key those that may count yet, the oldest first.
  std::map<std::string, std::deque<Time>> starts_of_key;
  OptTime starts_kept_since;                               // older ones were looked for
  std::int32_t keys_asked = 0;                             // runs with LiveRun::keys_asked
  std::map<std::string, LiveRun*, std::less<>> by_run_id;  // in memory, ended ones included
  std::map<std::string, LiveRun*, std::less<>> by_key;
  std::map<Time, LiveRun*> by_date;
  std::set<Time> dates_ahead;                // logical dates of runs beyond the cursor
  std::map<PastKey, LiveRun*> live_by_date;  // only where the past matters, like `past`
  std::map<PastKey, PastRun> past;
  std::int32_t past_users = 0;  // live runs that look back, of whatever version
  std::map<std::string, std::int32_t, std::less<>> active_of_task;  // tasks with a limit
  std::map<PluginNo, Duration> estimates;  // how long a task runs, near its median
  // Failures in a row of tasks that count them, by id and map index.
  std::map<std::pair<std::string, MapIndex>, std::int32_t> streaks;
  std::vector<std::int64_t> assets;    // ids, by AssetIndex of the newest version
  std::vector<std::int64_t> aliases;   // likewise of Dag::aliases
  std::set<std::int64_t> watchers;     // that its newest version has; of a stale one none
  std::deque<Duration> runtimes;       // of its last successful runs, the oldest first
  AssetQueue asset_queue;              // nothing of assets that it does not wait for
  bool asset_queue_overflows = false;  // told since it was consumed
  // When it started runs by its assets, by partition: those of the last second.
  std::map<std::string, Time> asset_runs_at;
  std::int32_t scheduled_live = 0;   // scheduled runs not ended
  OptTime tick_timer;                // its Timer, if it has one
  std::int32_t created_in_turn = 0;  // scheduled runs
  bool in_to_advance = false;
  bool touched = false;
  bool deleted = false;     // in this turn
  bool loses_runs = false;  // in this turn: what the store had before it may not be there any more
};

inline bool LiveRun::is_held() const {
  return (dag->row.is_paused || stored.run.is_paused) && !stored.run.ending;
}

// ---- pools, plugins, workers, tables ----------------------------------------------------------

struct LivePool {
  PoolRow row;
  bool exists = false;      // named by a task, but not defined
  std::int64_t queued = 0;  // slots, not tasks
  std::int64_t running = 0;
  std::int64_t scheduled = 0;
  std::int64_t occupied() const { return queued + running; }
};

// A plugin for one queue: each queue has its own workers of it.
struct LivePlugin {
  std::string name;
  std::string queue;
  PluginInfo info;                  // as last advertised, of the default queue's; empty name: never
  std::vector<LiveAgent*> workers;  // connected ones that offer it, by connection
};

// One agent process, connected or waited for.
struct LiveAgent {
  std::string id;
  WorkerId connection = 0;  // 0: none
  std::string hostname;
  std::int32_t pid = 0;
  std::int32_t slots = 0;
  Time joined;
  Time last_seen;
  Boot lease_until;
  std::vector<PluginNo> offers;
  std::vector<std::string> queues;  // that it listens to
  bool drained = false;             // by hand, or it leaves: it offers nothing
  std::vector<SlotLoad> loads;      // of its newest heartbeat, for people
  std::int64_t loads_left_out = 0;
  // Attempts by launch number: launched and not known to have started; started.
  std::map<std::uint64_t, TaskRef> unstarted;
  std::map<std::uint64_t, TaskRef> started;
  // After a return: attempts it did not name. Its unreported results come before its next
  // heartbeat, so then the unstarted ones are known to be free; the others wait one lease.
  std::optional<Boot> unlisted_until;
  bool hold_prefetch = false;  // within one dispatch: something better waits for a slot

  std::int64_t assigned() const {
    return static_cast<std::int64_t>(unstarted.size() + started.size());
  }
  std::int64_t idle() const { return slots - assigned(); }
};

struct LiveTable {
  TableRow row;
  std::int32_t pending = 0;  // publications accepted and not settled
};

struct LiveAsset {
  AssetRow row;
  std::map<std::string, std::int64_t> watchers;  // by name
  std::set<std::string> consumers;               // DAGs whose newest version waits for it
};

struct LiveAlias {
  AssetAliasRow row;
  std::set<std::int64_t> assets;    // that it stands for
  std::set<std::string> consumers;  // DAGs whose newest version waits for it
};

struct LiveWatcher {
  AssetWatcherRow row;
  std::set<std::string> dags;  // whose newest version has it; none of them is stale
  OptTime next_look;           // its Timer; nothing: a look is under way
};

// ---- timers -----------------------------------------------------------------------------------

struct Timer {
  enum class Kind : std::uint8_t {
    tick,
    run_after,
    retry,
    run_timeout,
    wait,
    deadline,
    patience,
    watch
  };
  Time at;
  Kind kind = Kind::tick;
  RunSeq run{};              // watch: the watcher's number
  InstanceIndex instance{};  // retry, wait, patience; deadline: which of the version's
  LiveDag* dag = nullptr;    // tick, run_after
  std::string_view dag_id;   // orders ticks of one instant
  bool operator<(const Timer& o) const {
    return std::tie(at, kind, run, instance, dag_id) <
           std::tie(o.at, o.kind, o.run, o.instance, o.dag_id);
  }
};

struct CancelDeadline {
  Boot at;
  RunSeq run{};
  InstanceIndex instance{};
  auto operator<=>(const CancelDeadline&) const = default;
};

}  // namespace batuta
