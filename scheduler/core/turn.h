// One step under construction: the state, the time, and the effects so far. Internal to this
// folder.
//
// Handlers are free functions over (Turn, event), grouped by event family into on_*.cc. They move
// tasks and runs only through move_task() and the functions of run_life.cc, which keep every
// counter right; rows reach the effects once, at the end (finish_turn.cc).
#pragma once

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "scheduler/core/effects.h"
#include "scheduler/core/scheduler_state.h"

namespace batuta {

struct StoredState;

struct Turn {
  SchedulerState& state;
  const Now now;
  Effects out;
  std::vector<TaskRef> tasks;  // touched, in order
  std::vector<LiveRun*> runs;
  std::vector<LiveDag*> dags;
  std::vector<TaskRef> waits;          // touched, perhaps more than once
  bool more_to_create = false;         // a schedule is behind: the next turn is due at once
  std::set<std::int64_t> backfills{};  // touched
  // As the turn leaves them; none: there is to be none.
  std::map<InstanceKey, std::optional<CheckpointRow>> checkpoints{};
  // What attempts that ended in this turn said of assets that they made.
  std::map<std::pair<RunSeq, InstanceIndex>, std::vector<ToldAsset>> told_assets{};
  std::set<std::string> asset_refs{};  // DAGs that may name other assets than before
};

// ---- transitions.cc: the only place where a task's state changes --------------------------------

// Notes the row's durable form before its first change in this turn.
void touch(Turn& turn, LiveRun& run, InstanceIndex i);
void touch(Turn& turn, LiveRun& run);
void touch(Turn& turn, LiveDag& dag);
// CHECKs the transition table; keeps counters, ready groups, the attempt's place on its agent,
// timers and alerts right; wakes downstream tasks and the end of the run.
void move_task(Turn& turn, LiveRun& run, InstanceIndex i, Cause cause, TaskState to);
// As move_task to an ended state, with end_date and a reason.
void end_task(Turn& turn, LiveRun& run, InstanceIndex i, Cause cause, TaskState to,
              std::string reason = {});
// Adds one upstream in `upstream_state` to the counts, or takes it off (sign -1).
void count_upstream(UpstreamCounts& counts, TaskState upstream_state, int sign);
inline bool occupies(TaskState s) {
  return s == TaskState::queued || s == TaskState::running || s == TaskState::publishing;
}
// Waits for its retry_at.
inline bool has_delay(TaskState s) {
  return s == TaskState::up_for_retry || s == TaskState::up_for_reschedule;
}
// For one, or at a worker behind others.
inline bool waits_for_slot(TaskState s) {
  return s == TaskState::scheduled || s == TaskState::queued;
}
inline bool has_attempt(TaskState s) {
  return s == TaskState::queued || s == TaskState::running;
}

// ---- readiness.cc -------------------------------------------------------------------------------

void check_later(SchedulerState& state, LiveRun& run, InstanceIndex i);
// What a task's rule, and its setups, say of it now. Of a run with rows.
Verdict verdict_of(const LiveRun& run, InstanceIndex i);
void check_all(SchedulerState& state, LiveRun& run);
// Applies trigger rules until nothing more follows.
void check_tasks(Turn& turn);

// ---- past.cc: depends_on_past and wait_for_downstream -------------------------------------------

bool past_allows(const LiveRun& run, TaskIndex task);
// Later runs' tasks that look at this one, which has just changed.
void wake_next_run(SchedulerState& state, LiveRun& run, TaskIndex task);
// The previous run of many may have changed: a run was deleted, or which runs count.
void wake_all_past_users(SchedulerState& state, LiveDag& dag);
// The schedule must pass over this date even after its run has left memory.
void keep_date(LiveDag& dag, Time logical_date);
void remember_past(LiveRun& run);
PastRun past_of(const StoredRun& run);

// ---- lanes.cc: groups and lanes
// -------------------------------------------------------------------

std::shared_ptr<const DispatchPlan> make_plan(SchedulerState& state, const Dag& dag);
// The plan of a run's version, shared by all runs of it.
std::shared_ptr<const DispatchPlan> plan_of(SchedulerState& state, LiveDag& dag, const Dag& pinned);
std::optional<TaskIndex> find_planned(const LiveRun& run, std::string_view task_id);
// Of a run without rows too.
std::optional<InstanceIndex> find_instance(const LiveRun& run, std::string_view task_id,
                                           MapIndex map_index);
PoolNo pool_number(SchedulerState& state, const std::string& name);
PluginNo plugin_number(SchedulerState& state, const std::string& name,
                       std::string_view queue = default_queue);
void add_ready(SchedulerState& state, LiveRun& run, InstanceIndex i, Boot now);
void remove_ready(SchedulerState& state, LiveRun& run, InstanceIndex i);
// Puts a group into its lane or takes it out, as its run's and task's limits say now.
void refresh_group(SchedulerState& state, LiveRun& run, GroupNo group, Boot now);
void refresh_groups(SchedulerState& state, LiveRun& run, Boot now);
void refresh_dag(SchedulerState& state, LiveDag& dag, Boot now);  // all of its running runs
bool run_has_room(const LiveRun& run);
bool task_has_room(const LiveRun& run, TaskIndex task);
// The ready instance of the group that goes first; not on a group without any.
InstanceIndex first_ready(LiveRun& run, GroupNo group);

// ---- dispatch.cc, recall.cc
// -----------------------------------------------------------------------

void dispatch(Turn& turn);
void note_duration(LiveDag& dag, PluginNo plugin, Duration took);
// Unstarted attempts a worker may hold per slot for tasks of this DAG and plugin; 0: none.
std::int64_t prefetch_depth(const SchedulerState& state, const LiveDag& dag, PluginNo plugin);
void ask_recall(Turn& turn, LiveRun& run, InstanceIndex i);
// Work that waits behind others on one worker while another is idle goes back.
void recall_for_idle(Turn& turn);
void recall_for_priority(Turn& turn, const Lane& lane, std::int32_t weight);

// ---- attempts: on_attempt.cc, outcome.cc
// ----------------------------------------------------------

// The live attempt that a report is about; nullopt (and counted) when the report is stale.
std::optional<TaskRef> current_attempt(Turn& turn, const AttemptKey& key);
void attach(LiveAgent& agent, LiveRun& run, InstanceIndex i, std::uint64_t launch_no, bool started);
// Takes the attempt off its agent's lists.
void detach(LiveRun& run, InstanceIndex i);
// Asks the agent to end the attempt (recalls it when it has not started). Again after a reconnect.
void cancel_attempt(Turn& turn, LiveRun& run, InstanceIndex i, std::string reason);
// A failure of its own, with end_date and reason set: again after its delay while the budget lasts
// and its retry rules, or the failure, do not say otherwise.
void fail_or_retry(Turn& turn, LiveRun& run, InstanceIndex i, const Failure& failure);
// By continue_on, after the failure that its rows tell of: what follows goes on.
bool goes_on(const LiveRun& run, InstanceIndex i);
// A failure that no other try may follow, with end_date and reason set.
void fail_for_good(Turn& turn, LiveRun& run, InstanceIndex i);
// The same, but what follows may go on by continue_on.
void end_without_retry(Turn& turn, LiveRun& run, InstanceIndex i);
// How many losses the task survives.
std::int32_t infrastructure_retries(const SchedulerState& state, const LiveRun& run,
                                    InstanceIndex i);
// The tasks that a decision leaves out are skipped, unless they were dispatched already. As in
// Airflow a teardown never is: its setups decide.
void leave_out(Turn& turn, LiveRun& run, InstanceIndex decider, const std::vector<TaskIndex>& tasks,
               bool direct, const std::string& why);
// What an earlier decision of this task left out, and the newest does not, is left out no more.
void take_back(Turn& turn, LiveRun& run, InstanceIndex decider,
               const std::vector<TaskIndex>& tasks);
// A live attempt ended: decides what the task becomes.
void attempt_failed(Turn& turn, LiveRun& run, InstanceIndex i, const Finished& report);
// `again`: its loop goes on.
void attempt_succeeded(Turn& turn, LiveRun& run, InstanceIndex i, const Finished& report,
                       bool again);
// The worker is gone, and the attempt may have run. `charged`: it uses up one of the task's
// infrastructure retries.
void lose_attempt(Turn& turn, LiveRun& run, InstanceIndex i, bool charged,
                  const std::string& reason);
// Known never to have started: costs nothing.
void free_attempt(Turn& turn, LiveRun& run, InstanceIndex i);
// Carries out what a user asked while the attempt was alive, or the end of its run. `ran`: the
// attempt ran, or may have. False if nothing was asked.
bool carry_out_request(Turn& turn, LiveRun& run, InstanceIndex i, bool ran);
// What a task without a live attempt comes to when its run ends early. `ran`: an attempt has just
// ended that ran, or may have; of earlier ones its budgets tell.
void end_with_run(Turn& turn, LiveRun& run, InstanceIndex i, bool ran);
// Again after a wait when that may help, on a budget of its own; else the task has failed.
void refuse_publication(Turn& turn, LiveRun& run, InstanceIndex i, const std::string& reason,
                        bool rerun_may_help);
void on(Turn& turn, const AttemptStarted& event);
void on(Turn& turn, const AttemptFinished& event);
void on(Turn& turn, const AttemptRecalled& event);
void on(Turn& turn, const AttemptCheckpointed& event);
// The next try begins from the start.
void forget_checkpoint(Turn& turn, LiveRun& run, InstanceIndex i);

// ---- timeouts.cc: queued_timeout, total_timeout
// -------------------------------------------------------------------------------------

// When all of its tries are over; nullopt: it has no such limit, or has not begun.
OptTime total_end(const LiveRun& run, InstanceIndex i);
// Another try may begin then; if not, its reason says so.
bool has_time_left(LiveRun& run, InstanceIndex i, Time next);
// The timer of a task that waits for a slot, from its scheduled_at.
void arm_patience(SchedulerState& state, LiveRun& run, InstanceIndex i);
void disarm_patience(SchedulerState& state, LiveRun& run, InstanceIndex i);
void patience_due(Turn& turn, const Timer& timer);
// What was asked back because it had waited too long is back, and fails.
bool give_up_recalled(Turn& turn, LiveRun& run, InstanceIndex i);
// Its delay is over, and so is the time for all of its tries: the scheduler was away, or busy.
void give_up_if_late(Turn& turn, LiveRun& run, InstanceIndex i);

// ---- repeat.cc: loops
// -------------------------------------------------------------------------------------

// Another try of a task whose loop goes on, after its delay; or its end, when it ran as often as it
// may. The try has ended, with its end_date set.
void run_again(Turn& turn, LiveRun& run, InstanceIndex i, const Finished& report);
// What the try that a loop goes on after was, for the history.
TaskState state_of_turn(const LiveRun& run, InstanceIndex i);

// ---- retry.cc
// -------------------------------------------------------------------------------------

// When the try that just ended runs again, as Airflow computes it (jitter included). A run without
// a logical date uses run_after in its place.
Time next_retry_at(const LiveRun& run, InstanceIndex i, Time ended);

// ---- publications.cc
// ------------------------------------------------------------------------------

// Accepts the outputs, or refuses the attempt because a table moved under it.
void accept_outputs(Turn& turn, LiveRun& run, InstanceIndex i, const Finished& report, bool again);
void on(Turn& turn, const PublicationSettled& event);
void on(Turn& turn, const PublicationRefused& event);

// ---- jobs.cc: the control rows of data tasks
// --------------------------------------------------------

void fix_window(Turn& turn, LiveRun& run, InstanceIndex i);
void job_started(Turn& turn, LiveRun& run, InstanceIndex i);
// `report` may be null: nobody told how it ended.
void job_ended(Turn& turn, LiveRun& run, InstanceIndex i, const char* status,
               const Finished* report);
void job_heartbeats(Turn& turn);
void advance_watermark(Turn& turn, LiveRun& run, InstanceIndex i, std::int64_t watermark_us);

// ---- runs: run_life.cc
// ------------------------------------------------------------------------------

// The end of its run ends the task too. Teardowns of a run that had begun outlive it.
bool ends_with_run(const LiveRun& run, InstanceIndex i);
// When a run may start: a logical date that lies ahead is waited for.
inline Time due_at(const RunRow& run) {
  return std::max(run.run_after, run.logical_date.value_or(run.run_after));
}
// Running runs that the DAG's own limit is for.
inline std::int32_t running_of_dag(const LiveDag& dag) {
  return static_cast<std::int32_t>(dag.running.size()) - dag.running_in_backfills;
}
LiveRun& add_run(SchedulerState& state, LiveDag& dag, StoredRun stored);  // counters from its rows
void remove_run(SchedulerState& state, LiveRun& run);  // from memory, whatever its state
LiveRun& create_run(Turn& turn, LiveDag& dag, RunRow row);
// Gives a run that has none its rows, one for each task.
void create_rows(Turn& turn, LiveRun& run);
void start_run(Turn& turn, LiveRun& run);
// Ends what has not started, cancels what has; the run takes `state` when all attempts are over.
void end_run_early(Turn& turn, LiveRun& run, DagRunState state, const std::string& reason);
void requeue_run(Turn& turn, LiveRun& run);  // a terminal run that was cleared
// repin.cc: an ended run that is not in memory, with the DAG's newest version: its tasks are found
// by their ids, with all that they have. To be cleared in this very step, as a whole; or
// (`keeps_results`) in part: then it starts in the next one, for until this one is committed the
// store has the results under other numbers.
LiveRun& repin_run(Turn& turn, LiveDag& dag, StoredRun from, bool keeps_results = false);
// newest.cc: does that for a clear that asks for it. False: it cannot be, and was replied.
bool take_to_newest(Turn& turn, const ClearRequested& event);
DagRunState judge_leaves(const LiveRun& run);
void advance_runs(Turn& turn);  // ends of runs, starts of queued ones
void advance_later(SchedulerState& state, LiveDag& dag);
// Keeps the row as the history of its newest try, if that try has ended and is not kept already.
void archive_try(Turn& turn, LiveRun& run, InstanceIndex i, TaskState as);

// ---- expand.cc
// -------------------------------------------------------------------------------------

// A mapped task may run: how many instances it has is asked for, once.
void ask_expansion(Turn& turn, LiveRun& run, TaskIndex task);
// It, or all of its mapped group, learns how many, 0 to max_map_length. The first time its one
// instance becomes the first of them and the others are added (cells, what downstream tasks wait
// for, rows); none skips it. Later, after a clear, as in Airflow: instances that are missing are
// added, those beyond are removed.
void expand_tasks(Turn& turn, LiveRun& run, TaskIndex task, std::int32_t count,
                  const std::vector<std::string>& names = {});
void on(Turn& turn, const TaskExpanded& event);

// ---- run_limits.cc: limits over runs of one key
// -------------------------------------------------------------------------------------

// Starts a queued run if its keys are known and have room; else asks for them, skips it, ends
// another, or leaves it as it is. False: it waits.
bool start_within_limits(Turn& turn, LiveRun& run, KeysDone& done);
// The running runs that count under its concurrency key, the oldest first; none without a limit.
const std::map<RunSeq, LiveRun*>& holders_of_key(const LiveRun& run);
// "90s", "10m", "2h": as people write the time of a rate.
std::string per_text(Duration per);
// When its rate lets it begin; nullopt: now.
OptTime rate_opens_at(const LiveRun& run, Time now);
void on(Turn& turn, const RunKeysRead& event);

// ---- gate.cc: run_if
// -------------------------------------------------------------------------------------

// Of a run that starts, or comes from the store: whether its conditions are still to be read.
void judge_gate_later(LiveRun& run);
// Its conditions hold, or it has none; false: they are being read.
bool passes_gate(Turn& turn, LiveRun& run);
bool passes_gate(Turn& turn, LiveRun& run, InstanceIndex i);
void on(Turn& turn, const GateAnswered& event);

// ---- resolve.cc, waits.cc
// -------------------------------------------------------------------------------

// What becomes of a task that no worker runs is asked for, once.
void ask_resolution(Turn& turn, LiveRun& run, InstanceIndex i);
void on(Turn& turn, const TaskResolved& event);
void on(Turn& turn, const WaitChecked& event);
// The task waits from now on. `since` and the deadline of an earlier try stay.
void begin_wait(Turn& turn, LiveRun& run, InstanceIndex i, WaitRow row);
// Its timer and its place among the waiters, for a row that memory has.
void arm_wait(SchedulerState& state, LiveRun& run, InstanceIndex i, Time now);
void disarm_wait(SchedulerState& state, LiveRun& run, InstanceIndex i);
// Nothing is left of it: the task ended, or begins anew.
void forget_wait(Turn& turn, LiveRun& run, InstanceIndex i);
void wait_due(Turn& turn, const Timer& timer);
// The state of a run, or of one of its tasks, is one that somebody may wait for.
void tell_waiters(SchedulerState& state, const LiveRun& run);
// The run is gone for good.
void abandon_waiters(Turn& turn, const LiveRun& run);
void judge_waiters(Turn& turn);
// The task made this run, and waits for it no more.
void end_with_run_id(Turn& turn, LiveRun& run, InstanceIndex i, const StoredRun& made);
// Of a task that succeeds in this turn; none when it is empty.
void add_xcom(Turn& turn, LiveRun& run, InstanceIndex i, const std::string& key,
              const std::string& value_json);
// Ends the wait if the run that it looks at is where it should be, or will never be.
void end_if_decided(Turn& turn, LiveRun& run, InstanceIndex i, const StoredRun& watched);

// What follows a decision goes on; or what is directly downstream is skipped, with `whole` all of
// it, whatever its trigger rules say. `why`: the reason of those.
void apply_short_circuit(Turn& turn, LiveRun& run, InstanceIndex i, bool goes_on, bool whole,
                         const std::string& why);

// ---- answers.cc: questions to people
// -------------------------------------------------------------------------------------

// Its try asks, and waits for an answer until the wait's deadline, if it has one.
void begin_question(Turn& turn, LiveRun& run, InstanceIndex i, WaitRow wait, QuestionRow question);
void question_timed_out(Turn& turn, LiveRun& run, InstanceIndex i);
void on(Turn& turn, const QuestionAnswered& event);

// ---- notices.cc: what people are told
// -------------------------------------------------------------------------------------

// A task instance came to a state that notifiers may be about.
void tell_of_task(Turn& turn, LiveRun& run, InstanceIndex i, TaskState state);
void tell_task_timeout(Turn& turn, LiveRun& run, InstanceIndex i, const std::string& reason);
void tell_input_required(Turn& turn, LiveRun& run, InstanceIndex i, const std::string& subject);
// A run ended; `failures`: runs of its DAG that failed in a row, this one included, or (it
// succeeded) before it.
void tell_of_run(Turn& turn, LiveRun& run, std::int32_t failures);
void tell_run_timeout(Turn& turn, LiveRun& run);
void tell_ticks_skipped(Turn& turn, const LiveDag& dag, const std::string& reason);
// What the DAG's last runs took, as deadlines of that version ask; nothing: too few have ended.
std::optional<Duration> average_runtime(const LiveDag& dag, const Dag& version);
// Timers of the deadlines that the run has not missed, for as long as it has not ended.
void arm_deadlines(SchedulerState& state, const LiveRun& run);
void disarm_deadlines(SchedulerState& state, const LiveRun& run);
void deadline_due(Turn& turn, const Timer& timer);

// ---- schedule.cc, ticks.cc
// ------------------------------------------------------------------------------------

void create_due_runs(Turn& turn, LiveDag& dag);
void move_cursor(Turn& turn, LiveDag& dag, Time logical_date);
// No run with a logical date up to this one is made any more. The DAG has a cursor.
Time handled_until(const LiveDag& dag);
// Where a DAG without a cursor begins.
Time first_cursor(const Dag& dag, Time now);
// No tick vanishes without a trace: those that are handled now, up to `last`, and get no run.
void pass_over(Turn& turn, LiveDag& dag, Time last, const char* reason, const char* why);
void pass_over_one(Turn& turn, LiveDag& dag, const std::string& run_id);
// The one rule of new, edited and resumed DAGs: unless catch-up says otherwise, the first run is
// that of the first tick after the change. `before`: its definition until now.
void schedule_edited(Turn& turn, LiveDag& dag, const Dag& before);
void schedule_resumed(Turn& turn, LiveDag& dag, const char* reason, const char* why);

// The same step always makes the same run: version 7's layout, its random part derived.
Uuid derived_uuid(const std::string& dag_id, Time tick, RunSeq seq, Time now);

// ---- on_backfill.cc
// ------------------------------------------------------------------------------------

// The backfill whose limit the run is under: the one that made it, until that is done.
LiveBackfill* backfill_of(SchedulerState& state, const RunRow& run);
// Goes on with the DAG's backfills as far as their limits allow, and closes what is over.
void advance_backfills(Turn& turn, LiveDag& dag);
void start_backfill_runs(Turn& turn, LiveDag& dag, KeysDone& done);
void forget_backfills(Turn& turn, const LiveDag& dag);  // the DAG is deleted
void on(Turn& turn, const BackfillRequested& event);
void on(Turn& turn, const BackfillChanged& event);
void on(Turn& turn, const BackfillLooked& event);

// ---- only.cc: a run of chosen tasks alone
// -------------------------------------------------------------------------------------

// What goes with tasks that run, whatever else does not: the setups that they need, those setups'
// teardowns, and what runs at the end of the run. Without the tasks themselves.
std::set<TaskIndex> companions_of(const Dag& dag, const std::set<TaskIndex>& tasks);
// The first of these ids that the DAG has no task for; empty when it has all.
std::string unknown_task(const Dag& dag, const std::vector<std::string>& ids);
// "; did you mean \"load\"?" of the DAG's tasks, for the end of a refusal; empty when none is near.
std::string near_task(const Dag& dag, std::string_view id);
// A run that was just made is of the tasks that the request names; it has them.
void keep_only(Turn& turn, LiveRun& run, const RunRequested& event);

// ---- the other handlers
// -------------------------------------------------------------------------------

void on(Turn& turn, const DagsChanged& event);
void on(Turn& turn, const PauseRequested& event);
void on(Turn& turn, const DagDeleted& event);
// What was deleted in this turn leaves memory.
void forget_deleted_dags(Turn& turn);
void set_paused(Turn& turn, LiveDag& dag, bool paused);
void on(Turn& turn, const RunRequested& event);
// What comes of a request for a run: the run, or the one that it made before, or why there is none.
struct RunAnswer {
  Errc code = Errc::ok;
  std::string message{};
  std::string where{};  // the field that is wrong; code invalid
  LiveRun* made = nullptr;
  const RunRow* known = nullptr;
};
RunAnswer request_run(Turn& turn, const RunRequested& event);
void on(Turn& turn, const RunStateRequested& event);
void on(Turn& turn, const RunDeleted& event);
void on(Turn& turn, const NoteSet& event);
void on(Turn& turn, const ClearRequested& event);
void on(Turn& turn, const MarkRequested& event);
void on(Turn& turn, const InstanceDeleted& event);
void on(Turn& turn, const XcomEdited& event);
void on(Turn& turn, const PoolSet& event);
void on(Turn& turn, const PoolDeleted& event);
void on(Turn& turn, const WorkerJoined& event);
void on(Turn& turn, const WorkerLost& event);
void on(Turn& turn, const AgentDead& event);
void on(Turn& turn, const WorkerHeartbeat& event);
void on(Turn& turn, const WorkerCatalogue& event);
void on(Turn& turn, const Stalled& event);
void judge_leases(Turn& turn);

// ---- user actions: requests.cc
// ------------------------------------------------------------------------

// The run a request names, loaded into memory from `stored` if it is not there; null: replied 404.
LiveRun* run_of_request(Turn& turn, RequestId request, const std::string& dag_id,
                        const std::string& dag_run_id, const std::optional<StoredRun>& stored);
void reply(Turn& turn, RequestId request, Errc code, std::string message = {});
// A field of the request is wrong: `where` is its JSON pointer, or "header.<name>".
void refuse_field(Turn& turn, RequestId request, std::string where, std::string message);
void reply(Turn& turn, RequestId request, const LiveRun& run, bool repeated = false);
void log_event(Turn& turn, const char* event, const std::string& user, const std::string& dag_id,
               const std::string& dag_run_id = {}, const std::string& task_id = {},
               std::string extra_json = {});
// Task positions with everything up- or downstream of them, ascending.
std::vector<TaskIndex> closure(const Dag& dag, std::vector<TaskIndex> tasks, bool up, bool down);
// Every instance of these tasks; of a run without rows those that it would have.
std::vector<InstanceIndex> instances_of(const LiveRun& run, const std::vector<TaskIndex>& tasks);
// A mapped task's instance that a shorter list has not any more: it comes back by itself when the
// list is long again. The first one is not: it was deleted, or left out when the run was triggered.
bool is_beyond_list(const LiveRun& run, InstanceIndex i);
// Clears task instances: live attempts are cancelled first, and cleared when they have ended. Their
// checkpoints go at once, unless they are to be kept.
void clear_tasks(Turn& turn, LiveRun& run, const std::vector<InstanceIndex>& tasks,
                 bool keep_checkpoints = false);
// One task without a live attempt (or whose attempt has just ended): archived and reset.
void clear_task(Turn& turn, LiveRun& run, InstanceIndex i);

// An ended run goes on if something is left to do after a change by hand, else its leaves are
// judged again.
void reopen_run(Turn& turn, LiveRun& run);

// ---- audit.cc: what the event log says of a change beyond its names, as JSON
// -------------------------------------------------------------------------------

std::string json_quoted(std::string_view text);
std::string json_member(std::string_view name, std::string_view text);  // "name":"text"
// {"before":{"extract":"failed","load[3]":"none"},"after":…}; of many instances the rest is counted
// by state: "more":{"failed":12}.
std::string states_changed(const LiveRun& run, const std::vector<InstanceIndex>& tasks,
                           std::string_view after);

// ---- finish_turn.cc
// -----------------------------------------------------------------------------------

void finish_turn(Turn& turn);

}  // namespace batuta
