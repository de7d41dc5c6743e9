// Holds what the scheduler decides against the invariants, at every commit. It reads the store's
// rows and the agents' ledger, and keeps its own sums; it never asks the core whether it is right,
// sanity_check() and explain() apart.
#pragma once

#include <map>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "scheduler/core/effects.h"
#include "scheduler/core/scheduler_state.h"
#include "tests/sim/context.h"
#include "tests/sim/lake.h"
#include "tests/sim/ledger.h"
#include "tests/sim/limits.h"
#include "tests/sim/workers.h"
#include "tests/support/memory_store.h"

namespace batuta::sim {

using RunName = std::pair<std::string, std::string>;  // dag_id, dag_run_id

class Checker {
 public:
  Checker(Context& context, const MemoryStore& store, Ledger& ledger, const Lake& lake)
      : c_(context),
        store_(store),
        ledger_(ledger),
        lake_(lake),
        limits_(context, store),
        workers_(context) {}

  // ---- the order of one turn --------------------------------------------------------------------
  void before(std::span<const Event> events, const Now& now);
  void decided(const Effects& effects, const SchedulerState& state);  // store: as before the turn
  void committed(const Effects& effects);                             // store: as after it
  void released(const Effects& effects);
  // A launch leaves, after the commit of its turn or of a later one.
  void leaves(const Launch& launch);
  // State and store agree, nothing is stuck; sampled, for it walks everything.
  void whole(const SchedulerState& state);
  // After restore().
  void reloaded();
  // Somebody looks at memory. While the store takes no writes it is what the store has, and nothing
  // of the turn that was lost.
  void queried(const SchedulerState& state, const Now& now, bool available);
  void hello(const Hello& hello, bool restarted);

  // A user was told that this run exists.
  void acknowledged(const Uuid& uuid, const RunName& name);
  // A user asked for its deletion; it may be gone from now on.
  void may_be_deleted(const RunName& name) { deletable_.insert(name); }
  bool deletable(const RunName& name) const { return deletable_.count(name) != 0; }
  // A user asked for its end before all of its ticks are handled.
  void may_be_cancelled(std::int64_t backfill) { cancelled_backfills_.insert(backfill); }
  // Once everything is quiet.
  void at_rest();

 private:
  void read(const Event& event);
  void check_new_runs(const Changes& changes);
  void check_new_rows(const Changes& changes, const SchedulerState& state);
  void check_update(const Changes::TaskUpdate& update, const Changes& changes,
                    const SchedulerState& state);
  void check_edge(const Changes::TaskUpdate& update, const RunRow& run);
  void check_cause(const TaskInstanceRow& row, TaskState from, const StoredRun& run);
  std::int32_t most_losses(const Task& task) const;
  void check_continued(const TaskInstanceRow& row, TaskState from, const StoredRun& run);
  void check_failed(const TaskInstanceRow& row, const Task& task, const Life* life,
                    const StoredRun& run);
  // `run`: with every row as this turn leaves it.
  void check_verdict(const TaskInstanceRow& row, const StoredRun& run);
  bool left_out_by_branch(const StoredRun& run, TaskIndex task) const;
  void check_tries(const TaskInstanceRow& row, const TaskInstanceRow& old, const Task& task);
  void check_asked(const TaskInstanceRow& row, const TaskInstanceRow& old, const RunRow& run);
  void check_early_end(const TaskInstanceRow& row, const TaskInstanceRow& old, const RunRow& run);
  void check_branch(const TaskInstanceRow& row, const StoredRun& run);
  void check_keys(const Changes& changes, const SchedulerState& state);
  void check_key_start(const RunRow& row, const Dag& newest, const SchedulerState& state);
  void check_key_wait(const RunRow& row, const Dag& newest, const SchedulerState& state);
  // Starts of runs of its rate's key, in earlier turns, that count yet.
  std::int64_t begun_now(const RunRow& run) const;
  std::int64_t starts_within(const RunRow& run, Duration per, bool before_restart) const;
  void keys_committed(const Effects& effects);
  void check_routes(const Effects& effects, const SchedulerState& state);
  // Its end needs no other cause: it waited too long, or all of its tries took too long.
  bool is_out_of_time(const TaskInstanceRow& row, const StoredRun& run);
  void check_patience(const SchedulerState& state);
  // Of an instance that is launched again, as the turn before left it.
  void check_time_left(const TaskInstanceRow& before);
  void check_loop(const TaskInstanceRow& row, const TaskInstanceRow& old, const StoredRun& run);
  // The attempt's end is a success because its loop says so.
  bool ends_well_by_loop(const Task& task, const Life* life) const;
  // It ran as often as it may, and that is a failure.
  bool loop_is_spent(const TaskInstanceRow& row, const Task& task, const Life* life) const;
  void check_launches(const Effects& effects);
  void check_history(const Effects& effects);
  void check_cancels(const Effects& effects);
  // checker_mapped.cc
  TaskInstanceRow row_before(const StoredRun& run, const TaskInstanceRow& row) const;
  void check_mapped(const TaskInstanceRow& row, const TaskInstanceRow& old,
                    const SchedulerState& state);
  // checker_waits.cc
  enum class Watched { open, satisfied, refused, gone };
  const WaitRow* wait_before(const InstanceKey& key) const;
  const Resolution* answer_to(const TaskInstanceRow& row, const StoredRun& run) const;
  Watched look_at_watched(const WaitRow& wait, const SchedulerState& state) const;
  std::vector<const WaitRow*> waits_of(const TaskInstanceRow& row, const StoredRun& run) const;
  bool touched_watched(const WaitRow& wait) const;
  void check_resolved(const TaskInstanceRow& row, const TaskInstanceRow& old, const StoredRun& run,
                      const SchedulerState& state);
  void check_waits(const Changes& changes);
  // checker_deferrals.cc
  void check_deferred(const TaskInstanceRow& row, const TaskInstanceRow& old, const StoredRun& run,
                      const Changes& changes);
  void check_resumed(const Effects& effects);
  void check_checkpoints(const Effects& effects);
  bool goes_on_in_try(const InstanceKey& key) const;
  int late_deferrals(const InstanceKey& key) const;
  // How the attempt ended, if the scheduler knows it or hears of it in this turn; else null.
  const Life* known_end(const AttemptKey& key) const;
  // checker_answers.cc
  const MemoryStore::Data::Question* question_of(const TaskInstanceRow& row) const;
  bool answered(const TaskInstanceRow& row, const WaitRow& wait) const;
  bool ends_unanswered(const TaskInstanceRow& row, const WaitRow& wait) const;
  void check_answers(const Changes& changes);
  // checker_assets.cc
  void check_assets(const Changes& changes, const SchedulerState& state);
  void check_asset_events(const Changes& changes);
  void check_aliases(const Changes& changes);
  void check_watched(const Changes& changes);
  void watchers_committed(const Changes& changes);
  void check_queued(const Changes& changes, const SchedulerState& state);
  void check_consumed(const Changes& changes, const SchedulerState& state);
  void check_due_asset_runs(const Changes& changes, const SchedulerState& state);
  void check_stale(const Changes& changes, const SchedulerState& state);
  OptTime made_fresh_since(const Changes& changes, const Dag& dag) const;
  bool was_made_fresh(const Changes& changes, const SchedulerState& state,
                      const UnqueuedAssetEvent& entry) const;
  void check_queues(const SchedulerState& state);
  bool decided_failed(const StoredRun& run) const;
  bool setups_failed(const StoredRun& run, TaskIndex task) const;
  bool setups_skipped(const StoredRun& run, TaskIndex task) const;
  void check_setups(const TaskInstanceRow& row, const StoredRun& run);
  void check_teardown(const TaskInstanceRow& row, const StoredRun& run);
  void check_circuits(const TaskInstanceRow& row, const StoredRun& run);
  void check_waiting(const SchedulerState& state);
  bool left_out_by_circuit(const StoredRun& run, TaskIndex task) const;
  // checker_runs.cc
  void check_run_ends(const RunRow& row, const SchedulerState& state);
  void check_paused(const Effects& effects, const SchedulerState& state);
  void check_queue(const Changes& changes, const SchedulerState& state);
  void check_overdue(const SchedulerState& state);
  void remember_past();
  void remember_past(const Changes& changes, const SchedulerState& state);
  const StoredRun* run_before(const RunRow& run, const Changes& changes,
                              const SchedulerState& state) const;
  void check_past(const TaskInstanceRow& row, const StoredRun& run, const Changes& changes,
                  const SchedulerState& state);
  // checker_ticks.cc
  const Dag& version_of(const DagRow& row, const Changes& changes) const;
  void check_ticks(const Changes& changes, const SchedulerState& state);
  void check_cursor(const DagRow& old, const DagRow& row, const Dag& before, const Dag& after,
                    const Changes& changes);
  void check_tick_of(const RunRow& run, const Dag& dag, const SchedulerState& state);
  void ticks_committed();
  // checker_backfills.cc
  void read_backfill(const BackfillLooked& event);
  void check_backfills(const Changes& changes);
  // checker_data.cc
  void check_window(const TaskInstanceRow& row, const StoredRun& run, const Changes& changes);
  void check_watermarks(const Changes& changes);
  void check_accept(const PublicationRow& row, const Changes& changes);
  void check_publications(const Changes& changes, const SchedulerState& state);
  void check_xcoms(const Changes& changes, const SchedulerState& state);
  void check_reports(const Changes& changes);
  void check_report_kept(const Changes::TaskUpdate& update, const TaskInstanceRow& old,
                         const Changes& changes);
  void check_alerts(const Effects& effects);
  bool waits_for_a_table(const AttemptKey& key) const;
  void check_owners(const SchedulerState& state);
  void check_replay(const SchedulerState& state);
  void check_acknowledged();
  void check_lake();
  void meet_rule(const TaskInstanceRow& row, TaskState from, const Task& task);
  void meet(const Changes::TaskUpdate& update, const StoredRun& run);
  void named(const std::string& dag_id, const std::string& dag_run_id);  // by a user
  bool touched_now(const RunRow& run) const;
  bool touched_ever(const RunRow& run) const;

  Context& c_;
  const MemoryStore& store_;
  Ledger& ledger_;
  const Lake& lake_;
  Limits limits_;
  Workers workers_;
  Now now_{};
  std::set<RunName> batch_named_;  // by users, in this batch
  std::set<RunName> ever_named_;
  std::set<RunName> marked_;  // tasks of theirs, by users, in this batch
  std::set<RunName> deletable_;
  std::set<RunSeq> ending_;      // runs that this turn ends
  std::set<RunSeq> known_past_;  // ended runs that later ones can look at
  std::map<Uuid, RunName> acknowledged_;
  // When a DAG was last new, edited or resumed: in this turn; as committed.
  std::map<std::string, Time> begun_, changed_;
  std::set<std::string> ever_cleared_;  // DAGs of which ended runs may have come back to life
  std::set<AttemptKey> reported_;
  std::set<AttemptKey> recalled_;                                    // given back in this batch
  std::map<std::pair<RunSeq, TaskIndex>, TaskExpanded> expanded_;    // in this batch
  std::map<std::pair<RunSeq, InstanceIndex>, Resolution> resolved_;  // in this batch
  std::map<InstanceKey, int> late_deferrals_;  // tries that used up their time while they waited
  std::map<AttemptKey, std::set<WaitChecked::Outcome>> checked_;  // in this batch
  std::set<std::pair<InstanceKey, std::int32_t>> answered_;       // by people, in this batch
  std::vector<std::int64_t> assets_told_;                         // by people, in this batch
  bool queues_dropped_ = false;                                   // likewise
  std::vector<AttemptKey> heard_;  // reports of current attempts in this batch
  std::map<std::int64_t, std::vector<Time>> told_ticks_;  // of backfills, in order
  std::set<std::int64_t> cancelled_backfills_;
  std::map<std::pair<std::string, std::string>, std::vector<Time>> rate_starts_;  // by DAG, key
  std::vector<RateStartRow> rate_begun_;                                          // in this turn
  Time started_{};  // when the state was read from the store
  // When a DAG's last run by assets was decided, by partition.
  std::map<std::pair<std::string, std::string>, Time> asset_run_at_;
  std::map<AttemptKey, std::vector<ToldAsset>> told_;  // of assets, by attempts
  std::map<std::int64_t, WaitChecked> watched_;        // looks of watchers in this batch
  // What watchers have seen, as committed, and when.
  std::map<std::int64_t, std::pair<std::string, Time>> seen_;
  std::uint64_t turns_ = 0;
};

}  // namespace batuta::sim
