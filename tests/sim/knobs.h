// What one seed's world is made of. Drawn once per seed, most features switched off in about half
// of the seeds (swarm testing: a fault that is always there hides what happens without it).
#pragma once

#include <cstdint>

#include "common/time.h"
#include "scheduler/core/scheduler_state.h"
#include "tests/sim/rng.h"

namespace batuta::sim {

// Probabilities are per thousand, counts are per seed.
struct Knobs {
  SchedulerOptions options;
  Duration busy{};  // users act and things break for so long; then liveness is judged

  // Pipelines.
  int dags = 1;
  int max_tasks = 4;
  int max_parents = 2;
  bool cron = false;
  bool odd_rules = false;  // trigger rules other than all_success
  bool branches = false;
  bool mapped_tasks = false;
  bool data_tasks = false;
  bool setups = false;            // setups, teardowns, tasks at the end of the run
  bool waits = false;             // tasks that no worker runs
  bool assets = false;            // DAGs that wait for what others make
  bool aliases = false;           // some of it is known only as tasks run
  bool keyed_assets = false;      // parts of it, and runs of a part
  bool watchers = false;          // and for what is outside
  bool lake_branches = false;     // runs whose writes nobody else sees
  bool prior_dependence = false;  // depends_on_past, wait_for_downstream
  bool tight_limits = false;      // small pools, few active runs and tasks
  bool dagrun_timeouts = false;
  bool execution_timeouts = false;
  int max_retries = 2;
  bool conditions = false;  // run_if, continue_on
  bool loops = false;
  bool queues = false;       // tasks that not every worker takes
  bool run_limits = false;   // over runs of one key
  bool retry_rules = false;  // and infrastructure retries of their own

  // Cluster.
  int agents = 1;
  int slots = 2;
  bool one_host = true;  // locks can be looked at
  int network_delay_us = 500;
  int batch_us = 200;  // how long the engine's turn may be late
  int task_ms = 300;   // typical length of an attempt

  // Outcomes of attempts.
  int fail = 0, fail_no_retry = 0, crash = 0, skip = 0, hang = 0, ignore_cancel = 0;
  int defers = 0;  // an attempt that would succeed gives its slot back
  int refuse = 0;  // the worker takes an attempt and cannot run it
  int late_report = 0, render_fail = 0;
  int foreign_writer = 0;  // someone else writes the same tables

  // Faults.
  int scheduler_crashes = 0, scheduler_stalls = 0;
  int agent_crashes = 0, agent_pauses = 0, slot_kills = 0;
  int resets = 0, partitions = 0, duplicate_report = 0;
  int commit_fail = 0, commit_unknown = 0, crash_at_commit = 0, full_windows = 0;
  int clock_steps = 0;
  int alert_fail = 0;

  // Users.
  int triggers = 4;
  int interventions = 0;  // clear, mark, cancel, delete, note
  int pauses = 0, pool_changes = 0, edits = 0;
  int backfills = 0;
};

Knobs draw_knobs(Rng& rng);

}  // namespace batuta::sim
