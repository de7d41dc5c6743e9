#include "scheduler/core/mutant.h"

#include <array>

namespace batuta {
namespace {

// I-numbers are the invariants of docs/promises.md.
constexpr std::array mutants = {
    // Fences and attempts
    MutantInfo{"accept_any_fence", "I2: only the current fence's report counts"},
    MutantInfo{"keep_fence", "I1: every launch has a fence of its own"},
    MutantInfo{"keep_try_number", "I4: every try that may have run has a number of its own"},
    MutantInfo{"charge_unstarted", "I5: an attempt that never started costs no try"},
    MutantInfo{"forget_predecessor", "I1: a successor waits for a lost attempt's slot"},
    MutantInfo{"never_ack", "I15: an agent may forget what is recorded"},
    MutantInfo{"clear_without_cancel", "I1: a cleared task's old attempt ends first"},
    MutantInfo{"cancel_without_ladder", "I16: a cancelled run's attempts are ended"},
    MutantInfo{"forget_cancel", "I4: what a user asked of a live attempt is carried out"},
    MutantInfo{"refuse_adoption", "I1: what runs under a returning agent goes on"},
    MutantInfo{"forget_history", "I4: an ended try is kept when it is repeated"},
    MutantInfo{"forget_report", "I4: what an attempt told of its data is kept, however it ended"},
    // Setups, teardowns, the end of a run
    MutantInfo{"ignore_setups", "I25: without its setups a task does not run"},
    MutantInfo{"teardown_ends_with_run", "I25: a teardown runs however its run ends"},
    MutantInfo{"teardown_under_work", "I25: a teardown waits for all that comes before it"},
    MutantInfo{"leave_out_teardowns", "I25: no decision leaves a teardown out"},
    MutantInfo{"exit_whatever_end", "I25: what waits for an end so runs at no other"},
    // Leases
    MutantInfo{"lease_never_ends", "I16: a silent worker's attempts run elsewhere"},
    MutantInfo{"lease_half", "I1: a lease is kept in full"},
    MutantInfo{"ignore_heartbeat", "I1: a heartbeat renews the lease"},
    MutantInfo{"ignore_stall", "I1: the scheduler's own stall is not held against workers"},
    MutantInfo{"judge_leases_first", "I1: leases are judged after all events"},
    MutantInfo{"lose_on_disconnect", "I1: a lost connection is not a lost worker"},
    MutantInfo{"restored_are_lost", "I1: a restart gives every agent one lease"},
    MutantInfo{"launch_to_lost_worker", "I16: no launch to a connection that ended"},
    MutantInfo{"never_recall", "I16: queued work does not wait while another worker idles"},
    // Budgets
    MutantInfo{"one_retry_more", "I5: failures stay within retries"},
    MutantInfo{"retry_despite_no_retry", "I5: failed_no_retry is final"},
    MutantInfo{"ignore_retry_rules", "I5: a retry rule that holds decides"},
    MutantInfo{"last_retry_rule_wins", "I5: the first retry rule that holds decides"},
    MutantInfo{"ignore_rule_delay", "I5: a retry rule's own delay is kept"},
    MutantInfo{"refusal_is_failure", "I5: a refused attempt is not the task's failure"},
    MutantInfo{"ignore_infrastructure_retries", "I5: losses are bounded as the task says"},
    MutantInfo{"no_retry_delay", "I16: a retry waits for its delay"},
    MutantInfo{"loss_is_failure", "I5: a lost worker is not the task's failure"},
    MutantInfo{"endless_losses", "I5: losses have a limit"},
    MutantInfo{"endless_conflicts", "I5: refused publications have a limit"},
    MutantInfo{"no_conflict_delay", "I5: a refused attempt waits before it runs again"},
    // Limits
    MutantInfo{"ignore_pool_slots", "I7: pool use stays within its slots"},
    MutantInfo{"ignore_max_active_tasks", "I7: max_active_tasks"},
    MutantInfo{"ignore_max_active_runs", "I7: max_active_runs"},
    MutantInfo{"ignore_task_limit", "I7: max_active_tis_per_dag"},
    MutantInfo{"unbounded_queue", "I15: queued runs are bounded"},
    MutantInfo{"launch_while_paused", "I7: a paused DAG launches nothing"},
    MutantInfo{"launch_in_paused_run", "I7: a paused run launches nothing"},
    MutantInfo{"start_while_paused", "I7: a paused DAG starts no run"},
    MutantInfo{"schedule_while_paused", "I8: a paused DAG creates no run"},
    // Rules
    MutantInfo{"skip_before_failure", "I6: failure wins over skip in every order"},
    MutantInfo{"all_done_early", "I6: all_done waits for all"},
    MutantInfo{"ignore_upstream_failure", "I6: a task starts only if its rule holds"},
    MutantInfo{"ignore_branch", "I6: a branch not taken is skipped"},
    MutantInfo{"ignore_past", "I6: depends_on_past"},
    MutantInfo{"leaves_never_fail", "I11: a failed leaf fails the run"},
    MutantInfo{"end_with_unfinished", "I11: a run ends when all of its tasks have"},
    MutantInfo{"skip_what_waits_for_retry", "I20: what ran and did not succeed is failed"},
    MutantInfo{"ignore_run_timeout", "I16: dagrun_timeout ends a run"},
    MutantInfo{"ignore_continue_on", "I6: what follows goes on as continue_on says"},
    MutantInfo{"continued_failure_is_forgotten",
               "I11: a failure that a run went on after fails it"},
    MutantInfo{"every_failure_is_success",
               "I2: a failure is a success only where mark_success says so"},
    MutantInfo{"ignore_run_if", "I6: a task whose run_if does not hold is skipped"},
    // Mapped tasks
    MutantInfo{"forget_added_upstreams", "I6: what follows waits for every instance"},
    MutantInfo{"keep_beyond_length", "I21: a mapped task has an instance for each item, no more"},
    MutantInfo{"keep_old_length", "I21: what is mapped over is read again when it was made anew"},
    MutantInfo{"group_waits_for_all_indexes",
               "I6: inside a mapped group a rule looks at its own index alone"},
    MutantInfo{"ignore_run_task_limit", "I7: max_active_tis_per_dagrun"},
    // Waits
    MutantInfo{"keep_fence_of_waits", "I24: only the newest try's checks count"},
    MutantInfo{"wait_for_ever", "I24: a wait ends by its deadline"},
    MutantInfo{"soft_fail_fails", "I24: a soft wait that ends in vain is skipped"},
    MutantInfo{"retry_restarts_timeout", "I24: a wait's time-out counts over all tries"},
    MutantInfo{"never_judge_waiters", "I24: who waits for a run is told of its end"},
    MutantInfo{"answer_twice", "I30: a question has one answer at most"},
    MutantInfo{"forget_default_answer", "I30: when the time is over the default is the answer"},
    MutantInfo{"reject_goes_on", "I6: a rejection skips what follows"},
    MutantInfo{"short_circuit_stops_early", "I6: a short circuit skips all that follows"},
    // Loops
    MutantInfo{"ignore_repeat", "I32: a loop goes on until it is over"},
    MutantInfo{"one_repeat_more", "I32: a loop has a bound"},
    MutantInfo{"no_repeat_delay", "I32: between the turns of a loop lies its delay"},
    MutantInfo{"repeat_costs_retry", "I5: the turns of a loop use up no retries"},
    MutantInfo{"ignore_on_max", "I32: what ran as often as it may ends as on_max says"},
    // Tasks that their plugins defer
    MutantInfo{"forget_payload", "I36: a deferred task goes on from what it left behind"},
    MutantInfo{"resume_is_new_try", "I36: a deferred task goes on in the same try"},
    MutantInfo{"retry_resumes", "I36: a try after a failure begins anew"},
    MutantInfo{"deferral_stops_the_clock", "I36: a deferred try takes no longer than it may"},
    // Checkpoints
    MutantInfo{"forget_checkpoint", "I37: the next try goes on from the newest checkpoint"},
    MutantInfo{"success_keeps_checkpoint", "I37: what has succeeded begins from the start again"},
    MutantInfo{"clear_keeps_checkpoint", "I37: a clear begins from the start, unless asked"},
    // Limits by key
    MutantInfo{"ignore_concurrency_key", "I33: no more runs of a key go on than may"},
    MutantInfo{"queue_what_is_skipped", "I33: a run without room is skipped where its DAG says so"},
    MutantInfo{"ignore_rate", "I33: no more runs of a key begin in a time than may"},
    MutantInfo{"forget_starts_on_restart", "I33: a rate outlives a restart"},
    // Time-outs
    MutantInfo{"wait_in_queue_for_ever", "I34: no task waits for a slot longer than it may"},
    MutantInfo{"ignore_total_timeout", "I34: all tries together take no longer than they may"},
    MutantInfo{"ignore_queue", "I35: a task runs at a worker that listens to its queue"},
    // Schedules and triggers
    MutantInfo{"cursor_stays", "I8: each tick has at most one run"},
    MutantInfo{"tick_vanishes", "I21: a tick without a run is on record"},
    MutantInfo{"edit_fires_past", "I22: an edit brings no past tick of the new schedule"},
    MutantInfo{"ignore_overlap_policy",
               "I7: a tick that finds its runs alive does as overlap says"},
    MutantInfo{"ignore_catchup_window", "I22: catch-up reaches as far as its window"},
    MutantInfo{"ignore_backfill_limit", "I27: no more runs of a backfill than it may have"},
    MutantInfo{"backfill_while_paused", "I27: a paused backfill makes and starts no run"},
    MutantInfo{"backfill_drops_tick", "I26: each tick of a backfill has one outcome"},
    MutantInfo{"only_without_upstream", "I6: a run of chosen tasks has what was chosen"},
    MutantInfo{"ignore_idempotency_key", "I17: the same key gives the same run"},
    MutantInfo{"ignore_digest", "I17: the same key with another body is refused"},
    MutantInfo{"rows_while_queued", "I19: a run that has not started has no rows"},
    // Assets
    MutantInfo{"forget_asset_event", "I31: a success makes an event of each of its outlets"},
    MutantInfo{"forget_table_event", "I31: a published version is an event of its table"},
    MutantInfo{"marked_makes_event", "I31: a mark by hand makes no event"},
    MutantInfo{"paused_misses_events", "I31: an event is queued for every DAG that waits for it"},
    MutantInfo{"forget_queue_on_restart", "I31: what is queued outlives a restart"},
    MutantInfo{"consume_one_each", "I31: a run consumes all that is queued"},
    MutantInfo{"keep_consumed", "I31: no event is consumed twice"},
    MutantInfo{"any_is_all", "I31: a run by assets starts when its condition holds, not before"},
    MutantInfo{"ignore_asset_room", "I31: a run by assets waits for room among its DAG's"},
    MutantInfo{"forget_alias", "I31: an alias stands for what its tasks told"},
    MutantInfo{"alias_never_comes", "I31: who waits for an alias waits for what it stands for"},
    MutantInfo{"mix_partitions", "I38: an event of a partition counts for that partition alone"},
    MutantInfo{"part_is_window", "I38: a window is whole before its run starts"},
    MutantInfo{"first_of_window", "I38: an event of a window is queued for each of its parts"},
    MutantInfo{"partition_run_unnamed", "I38: a partition's run has its key"},
    MutantInfo{"forget_sight", "I39: a watcher tells what it has seen once"},
    MutantInfo{"first_sight_tells", "I39: what a watcher sees first is no change"},
    MutantInfo{"branch_tells_assets",
               "I40: what is made on a branch of the lake is told to nobody"},
    // Commits, data
    MutantInfo{"forget_run_row", "I10: the store replays to the same state"},
    MutantInfo{"no_alert_on_failure", "I12: every failure is told once"},
    MutantInfo{"ignore_read_version", "I2: a stale read is not published"},
    MutantInfo{"ignore_pending_publication", "I2: nothing is published under a pending one"},
    MutantInfo{"reuse_publication_number", "I2: publication numbers only grow"},
    MutantInfo{"publish_out_of_order", "I2: tables of one attempt publish in listed order"},
    MutantInfo{"settle_after_first", "I2: success needs all of its publications"},
    MutantInfo{"success_before_settle", "I2: an XCom shows only after the data"},
    MutantInfo{"ignore_watermark", "data: the window reaches back to the watermark"},
    MutantInfo{"ignore_overlap", "data: the window reaches back by the overlap"},
    MutantInfo{"window_moves_on_retry", "data: a retry keeps its window"},
    MutantInfo{"watermark_moves_back", "data: the watermark never moves back"},
};

}  // namespace

std::span<const MutantInfo> all_mutants() {
  return mutants;
}

}  // namespace batuta
