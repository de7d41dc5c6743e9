#include "tests/sim/knobs.h"

namespace batuta::sim {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// Zero in half of the seeds, else 1 to `most`.
int maybe(Rng& rng, int most) {
  return rng.chance(500) ? static_cast<int>(rng.between(1, most)) : 0;
}

void draw_pipelines(Rng& rng, Knobs& k) {
  k.dags = static_cast<int>(rng.between(1, 2));
  k.max_tasks = static_cast<int>(rng.chance(30) ? rng.between(10, 40) : rng.between(1, 6));
  k.max_parents = static_cast<int>(rng.between(1, 4));
  k.cron = rng.chance(300);
  k.odd_rules = rng.chance(400);
  k.branches = rng.chance(250);
  k.mapped_tasks = rng.chance(300);
  k.data_tasks = rng.chance(500);
  k.prior_dependence = rng.chance(150);
  k.tight_limits = rng.chance(500);
  k.dagrun_timeouts = rng.chance(200);
  k.execution_timeouts = rng.chance(400);
  k.waits = rng.chance(250);
  if (k.waits) k.dags = 2;
  k.setups = rng.chance(250);
  k.assets = rng.chance(300);
  if (k.assets) k.dags = static_cast<int>(rng.between(2, 3));
  k.max_retries = static_cast<int>(rng.between(0, 3));
  k.retry_rules = rng.chance(300);
  k.conditions = rng.chance(300);
  k.loops = rng.chance(250);
  k.run_limits = rng.chance(250);
  k.queues = rng.chance(200);
  k.task_ms = static_cast<int>(rng.chance(500) ? rng.between(1, 200) : rng.between(200, 5000));
}

void draw_outcomes(Rng& rng, Knobs& k) {
  k.fail = maybe(rng, 300);
  k.fail_no_retry = maybe(rng, 60);
  k.crash = maybe(rng, 100);
  k.skip = maybe(rng, 80);
  k.hang = maybe(rng, 80);
  k.ignore_cancel = maybe(rng, 500);
  k.late_report = maybe(rng, 200);
  k.render_fail = rng.chance(200) ? 30 : 0;
  k.refuse = rng.chance(200) ? static_cast<int>(rng.between(1, 150)) : 0;
  // What a retry rule makes of a wait that took too long is not modelled.
  k.defers = k.retry_rules ? 0 : maybe(rng, 500);
  k.foreign_writer = k.data_tasks ? maybe(rng, 300) : 0;
}

void draw_faults(Rng& rng, Knobs& k) {
  k.scheduler_crashes = maybe(rng, 4);
  k.scheduler_stalls = rng.chance(250) ? 1 : 0;
  k.agent_crashes = maybe(rng, 4);
  k.agent_pauses = maybe(rng, 2);
  k.slot_kills = maybe(rng, 4);
  k.resets = maybe(rng, 6);
  k.partitions = maybe(rng, 3);
  k.duplicate_report = maybe(rng, 300);
  k.commit_fail = maybe(rng, 40);
  k.commit_unknown = maybe(rng, 30);
  k.crash_at_commit = maybe(rng, 15);
  k.full_windows = rng.chance(250) ? 1 : 0;
  k.clock_steps = rng.chance(150) ? 2 : 0;
  k.alert_fail = maybe(rng, 400);
}

}  // namespace

Knobs draw_knobs(Rng& rng) {
  Knobs k;
  k.options.lease = seconds(rng.chance(500) ? 10 : 5);
  k.options.heartbeat = k.options.lease / 5;
  k.options.cancel_grace = seconds(rng.between(1, 10));
  k.options.max_losses = static_cast<int>(rng.chance(300) ? rng.between(0, 2) : 10);
  k.options.max_conflicts = static_cast<int>(rng.chance(300) ? rng.between(0, 2) : 10);
  k.options.max_prefetch = static_cast<int>(rng.chance(500) ? 128 : rng.between(1, 4));
  if (rng.chance(200)) k.options.max_queued_runs_per_dag = static_cast<int>(rng.between(1, 3));
  k.busy = seconds(rng.between(10, 60));
  draw_pipelines(rng, k);
  k.agents = static_cast<int>(rng.between(1, 3));
  k.slots = static_cast<int>(rng.between(1, 3));
  k.one_host = rng.chance(600);
  k.network_delay_us =
      static_cast<int>(rng.chance(800) ? rng.between(20, 2000) : rng.between(2000, 500'000));
  k.batch_us = static_cast<int>(rng.chance(700) ? rng.between(0, 500) : rng.between(500, 100'000));
  draw_outcomes(rng, k);
  if (!rng.chance(100)) draw_faults(rng, k);  // some worlds are sound
  k.triggers = static_cast<int>(rng.between(1, 8));
  k.options.max_keys_asked = 1 + k.triggers % 3;
  k.interventions = maybe(rng, 8);
  k.pauses = maybe(rng, 3);
  k.pool_changes = k.tight_limits ? maybe(rng, 4) : 0;
  k.edits = maybe(rng, 3);
  // A tick that waits for a past that failed would hold its backfill for ever.
  if (k.cron && !k.prior_dependence) k.backfills = maybe(rng, 3);
  if (!k.assets) return k;
  k.aliases = rng.chance(400);
  k.keyed_assets = rng.chance(500);
  k.watchers = rng.chance(400);
  // A run on a branch is nobody's past, and what it publishes is no version of the table.
  k.lake_branches = !k.prior_dependence && !k.data_tasks && rng.chance(500);
  return k;
}

}  // namespace batuta::sim
