// Named situations that the generator must bring about: a simulator that never meets them proves
// nothing about them. Counted over all seeds of a run; one that stays at zero fails the run.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace batuta::sim {

// One row per situation: identifier, and what it means. The order is the order of the report.
#define BATUTA_SITUATIONS(X)                                                          \
  X(ticks_told, "ticks that no run was made for, on record")                          \
  X(edited_in_debt, "a schedule that owed ticks was edited")                          \
  X(overlap_cancelled, "a tick ended an older run to make room")                      \
  X(backfill_run, "a run that a backfill made")                                       \
  X(backfill_reprocessed, "a run that a backfill ran again")                          \
  X(backfill_capped, "a backfill with as many runs as it may have")                   \
  X(backfill_ended, "a backfill that came to its end")                                \
  X(backfill_cancelled, "a backfill that was cancelled before its end")               \
  X(stale_report, "a report of an attempt that is not current")                       \
  X(duplicate_report, "a report that had been sent before")                           \
  X(report_after_reconnect, "an unacknowledged report repeated on a new connection")  \
  X(lease_expired, "the scheduler dropped a silent worker")                           \
  X(self_fenced, "an agent killed its own attempts at the end of its lease")          \
  X(adopted, "a running attempt listed on a new connection and kept")                 \
  X(adopted_after_restart, "the same, by a scheduler that had restarted")             \
  X(adoption_refused, "a listed attempt that had been superseded")                    \
  X(unstarted_dropped, "prefetched attempts dropped with their connection")           \
  X(prefetched, "an attempt waiting at an agent behind a busy slot")                  \
  X(recalled_for_idle, "queued work asked back because a slot is free elsewhere")     \
  X(recall_granted, "an unstarted attempt given back")                                \
  X(recall_too_late, "a recall that met a started attempt")                           \
  X(predecessor_awaited, "an attempt that waited for its predecessor's slot to die")  \
  X(commit_unapplied, "a commit that failed and left nothing")                        \
  X(commit_unknown, "a commit that was durable but reported as failed")               \
  X(queried_while_full, "a look at memory while the store takes no writes")           \
  X(full_during_claim, "a disk-full commit that carried launches")                    \
  X(full_during_accept, "a disk-full commit that carried accepted outputs")           \
  X(full_during_trigger, "a disk-full commit that carried a new run")                 \
  X(crash_before_commit, "the scheduler died with a decided turn not committed")      \
  X(crash_after_commit, "the scheduler died with a committed turn not released")      \
  X(claim_without_launch, "a committed launch that was never sent")                   \
  X(scheduler_stalled, "the scheduler stood still for longer than a lease")           \
  X(agent_paused, "an agent stood still for longer than a lease")                     \
  X(overlap_after_pause, "a paused attempt and its successor both alive")             \
  X(agent_crashed, "an agent died with attempts running")                             \
  X(agent_found_dead, "a free lock told that an agent is dead")                       \
  X(slot_crashed, "a slot died under its attempt")                                    \
  X(partitioned, "a link silent in one or both directions")                           \
  X(clock_stepped_back, "the wall clock moved back")                                  \
  X(conflict_refused, "a publication that can never succeed")                         \
  X(stale_output_refused, "an output read before a publication accepted since")       \
  X(conflicts_exhausted, "a task that failed by conflicts alone")                     \
  X(publish_repeated, "a publication found already in the log")                       \
  X(publish_race_lost, "a log entry put by someone else first")                       \
  X(clear_while_running, "a task cleared under its running attempt")                  \
  X(clear_several_runs, "one clear over several runs of a DAG")                       \
  X(clear_while_publishing, "a clear that met a task being published")                \
  X(clear_finished_run, "a finished run brought back by a clear")                     \
  X(cancel_while_running, "a run cancelled under its running attempts")               \
  X(cancel_while_publishing, "a cancel that met a task being published")              \
  X(cancel_ignored, "an attempt that had to be killed after its grace")               \
  X(marked_by_hand, "a task given its state by a user")                               \
  X(trigger_repeated, "a trigger answered from its idempotency key")                  \
  X(trigger_retried_blind, "a trigger repeated after its answer was lost")            \
  X(key_misused, "one key with two bodies, refused")                                  \
  X(past_awaited, "a task let go because its past in the run before is well")         \
  X(past_of_other_version, "the same, the run before being of another version")       \
  X(catchup_run, "a scheduled run for a tick that had passed")                        \
  X(scheduled_run, "a scheduled run")                                                 \
  X(retry_after_failure, "a retry of a failed attempt")                               \
  X(retry_after_loss, "a new attempt for a lost one")                                 \
  X(retries_exhausted, "a task that failed with no retry left")                       \
  X(losses_exhausted, "a task that failed by lost workers alone")                     \
  X(failed_without_retry, "a plugin said that a retry is useless")                    \
  X(retried_by_rule, "another try because a retry rule says so")                      \
  X(failed_by_rule, "no other try because a retry rule says so")                      \
  X(skipped_by_rule, "a failed attempt whose retry rule skips its task")              \
  X(run_paused, "a run held by hand")                                                 \
  X(run_of_chosen_tasks, "a run triggered with some of its tasks alone")              \
  X(task_kept_out, "a task whose run_if does not hold")                               \
  X(run_kept_out, "a run whose DAG's run_if does not hold")                           \
  X(went_on_after_failure, "a failure that what follows takes for a success")         \
  X(went_on_after_skip, "a skipped task that what follows takes for a success")       \
  X(failure_marked_success, "a failed attempt that continue_on makes a success")      \
  X(key_full, "a run that waits for another one of its key")                          \
  X(key_skipped, "a run skipped for want of room under its key")                      \
  X(key_cancelled, "a run ended early for a newer one of its key")                    \
  X(rate_full, "a run that waits for its rate")                                       \
  X(rate_over_restart, "a run that waits for a rate of starts from before a restart") \
  X(queue_timed_out, "a task that waited too long for a slot")                        \
  X(total_timed_out, "a task whose tries took too long together")                     \
  X(routed, "a task that not every worker takes")                                     \
  X(loop_went_on, "a try that its loop asked for")                                    \
  X(loop_spent, "a loop that ran as often as it may, and failed")                     \
  X(loop_spent_well, "a loop that ran as often as it may, and that is well")          \
  X(loop_ended_by_code, "a failed try that ended its loop well")                      \
  X(attempt_refused, "an attempt that its worker could not run")                      \
  X(task_timed_out, "an attempt past its execution time-out")                         \
  X(run_timed_out, "a run past its time-out")                                         \
  X(upstream_failed, "a task that could never run")                                   \
  X(branch_skipped, "a task not chosen by its branch")                                \
  X(pool_shrunk, "a pool made smaller than its use")                                  \
  X(runs_capped, "a run waiting for max_active_runs")                                 \
  X(dag_edited, "a new version under a live run")                                     \
  X(dag_gone, "a file deleted under a live run")                                      \
  X(dag_paused, "a pause with runs waiting")                                          \
  X(run_deleted, "a run deleted")                                                     \
  X(render_failed, "a launch whose template could not be rendered")                   \
  X(alert_retried, "an alert whose first delivery failed")                            \
  X(task_expanded, "a mapped task of several instances")                              \
  X(mapped_over_nothing, "a mapped task that nothing was given to")                   \
  X(unmappable, "a mapped task that was given no list")                               \
  X(instance_removed, "an instance that a shorter list has not any more")             \
  X(ahead_in_group, "an item of a mapped group ahead of another one")                 \
  X(answer_forgotten, "the scheduler died knowing what a task is mapped over")        \
  X(task_deferred, "a task that waits without a slot")                                \
  X(plugin_deferred, "a task that its plugin deferred")                               \
  X(plugin_resumed, "a deferred task that went on from what it left")                 \
  X(resumed_after_loss, "the same, after a worker was lost")                          \
  X(deferral_timed_out, "a deferred try that used up its time")                       \
  X(checkpoint_kept, "a checkpoint of a running attempt")                             \
  X(went_on_from_checkpoint, "a try that goes on from one")                           \
  X(wait_timed_out, "a wait that ended in vain")                                      \
  X(wait_repeated, "a wait begun again by a later try")                               \
  X(question_answered, "a question that a person answered")                           \
  X(answered_by_default, "a question whose time was over, and its default taken")     \
  X(answer_too_late, "an answer to a question that does not wait any more")           \
  X(asset_run, "a run that assets started")                                           \
  X(asset_events_collected, "a run by assets that consumed several events of one")    \
  X(asset_event_while_paused, "an event of an asset queued for a DAG that is paused") \
  X(asset_run_after_restart, "a run by assets of events from before a restart")       \
  X(asset_condition_open, "an event that does not meet its DAG's condition yet")      \
  X(asset_run_without_room, "a condition that holds while its DAG has no room")       \
  X(asset_queue_dropped, "queued events that left with an edit or by hand")           \
  X(table_event, "a version of a table that is an event")                             \
  X(alias_event, "an event of what an alias stands for, told by its task")            \
  X(alias_run, "a run that an alias started")                                         \
  X(partition_run, "a run of a partition that assets started")                        \
  X(window_open, "a window of which a part has come, and not all")                    \
  X(window_run, "a run of a window that was rolled up")                               \
  X(window_fanned_out, "an event queued for each part of its window")                 \
  X(watched_change, "an event of a watcher that saw another thing")                   \
  X(watched_after_restart, "the same, of what was seen before a restart")             \
  X(branch_success_untold, "a success on a branch, of whose outlets nobody hears")    \
  X(stale_run_waits, "a stale asset, while a run that may make it is alive")          \
  X(asset_made_fresh, "queued events of what a run that made the asset has read")     \
  X(stale_check, "an answer about what an earlier try waited for")                    \
  X(circuit_opened, "a task skipped by a short circuit")                              \
  X(guarded_by_setup, "a task that ran after a setup farther up")                     \
  X(teardown_ran, "a teardown of a run that ended by itself")                         \
  X(teardown_of_ended_run, "a teardown of a run that was ended early")

enum class Situation : std::uint8_t {
#define X(name, text) name,
  BATUTA_SITUATIONS(X)
#undef X
};

struct SituationInfo {
  std::string_view name;
  std::string_view meaning;
};
inline constexpr SituationInfo situation_table[] = {
#define X(name, text) {#name, text},
    BATUTA_SITUATIONS(X)
#undef X
};
#undef BATUTA_SITUATIONS
inline constexpr std::size_t situation_count = std::size(situation_table);

// Plain data: it is shared between processes.
struct SituationCounts {
  std::array<std::uint64_t, situation_count> counts{};
  void met(Situation s) { ++counts[static_cast<std::size_t>(s)]; }
};

}  // namespace batuta::sim
