#include "scheduler/engine/turn.h"

#include <nlohmann/json.hpp>

#include "common/safe_json.h"

namespace batuta {
namespace {

template <class Request>
void attach_stored(const SchedulerState& state, Store& store, Request& request) {
  if (!state.find_run(request.dag_id, request.dag_run_id)) {
    request.stored = store.load_run(request.dag_id, request.dag_run_id);
  }
}

// A finished run that the trigger's key, run id or logical date already names.
void attach_existing(const SchedulerState& state, Store& store, RunRequested& request) {
  if (!request.idempotency_key.empty() &&
      !state.find_run_by_key(request.dag_id, request.idempotency_key)) {
    request.existing = store.find_run_by_key(request.dag_id, request.idempotency_key);
    if (request.existing) return;
  }
  if (!request.dag_run_id.empty() && !state.find_run(request.dag_id, request.dag_run_id)) {
    request.existing = store.find_run(request.dag_id, request.dag_run_id);
    if (request.existing) return;
  }
  if (request.logical_date && !state.find_run_by_date(request.dag_id, *request.logical_date)) {
    request.existing = store.find_run_by_logical_date(request.dag_id, *request.logical_date);
  }
}

struct Preparer {
  const SchedulerState& state;
  Store& store;
  void operator()(RunRequested& e) const { attach_existing(state, store, e); }
  void operator()(RunStateRequested& e) const { attach_stored(state, store, e); }
  void operator()(RunDeleted& e) const { attach_stored(state, store, e); }
  void operator()(ClearRequested& e) const { attach_all(e); }
  void operator()(MarkRequested& e) const { attach_all(e); }
  void operator()(NoteSet& e) const { attach_stored(state, store, e); }
  void operator()(auto&) const {}

  void attach_all(auto& e) const {
    attach_stored(state, store, e);
    for (ClearRequested::Run& run : e.more_runs) {
      if (state.find_run(e.dag_id, run.dag_run_id)) continue;
      run.stored = store.load_run(e.dag_id, run.dag_run_id);
    }
  }
};

// An XCom as the next task may see it: of this very turn, or committed before.
std::optional<std::string> find_xcom(const Changes& changes, Store& store, const StoredRun& run,
                                     std::string_view task_id, std::string_view key) {
  const auto task = find_task(*run.dag, task_id);
  if (!task) return std::nullopt;
  for (const XcomRow& row : changes.xcoms) {
    if (row.run == run.run.seq && row.task == *task && row.key == key) return row.value_json;
  }
  for (const auto& [seq, index] : changes.xcoms_cleared) {
    if (seq == run.run.seq && index == *task) return std::nullopt;
  }
  return store.find_xcom(run.run.seq, *task, std::string(key));
}

LaunchContext::Attempt attempt_of(const StoredRun& run, TaskIndex task, const Changes& changes,
                                  Store& store) {
  return {run.run, *run.dag, run.dag->tasks[task], run.tasks[task],
          [&changes, &store, &run](std::string_view task_id, std::string_view key) {
            return find_xcom(changes, store, run, task_id, key);
          }};
}

Event render_failure(const LaunchEffect& launch, const Error& error, const Now& now) {
  Finished report;
  report.key = launch.key;
  report.outcome = Outcome::failed_no_retry;
  report.reason = error.where.empty() ? error.message : error.where + ": " + error.message;
  report.started = now.wall;
  report.ended = now.wall;
  return AttemptFinished{0, std::move(report)};
}

Launch identity_of(const StoredRun& run, const LaunchEffect& effect) {
  const Task& task = run.dag->tasks[effect.key.task];
  Launch launch;
  launch.key = effect.key;
  launch.try_number = effect.try_number;
  launch.run_uuid = to_string(run.run.uuid);
  launch.dag_id = run.dag->id;
  launch.dag_run_id = run.run.dag_run_id;
  launch.task_id = task.id;
  launch.plugin = task.plugin;
  launch.timeout_us = task.execution_timeout.count();
  launch.isolation = task.isolation;
  launch.predecessor_slot = effect.predecessor_slot;
  return launch;
}

// What a table version's commitInfo says about where it came from.
std::string publication_info(const StoredRun& run, TaskIndex task) {
  return json_text({{"dag_id", run.dag->id},
                    {"run_id", run.run.dag_run_id},
                    {"execution_id", to_string(run.run.uuid)},
                    {"task_id", run.dag->tasks[task].id},
                    {"try_number", run.tasks[task].try_number},
                    {"plugin", run.dag->tasks[task].plugin},
                    {"plugin_sha256", run.tasks[task].plugin_sha256}});
}

void fill_publications(const SchedulerState& state, Changes& changes) {
  for (OutboxRow& row : changes.outbox) {
    if (row.kind != OutboxKind::publish) continue;
    const PublicationRow* publication = state.pending_publication(row.publication);
    BATUTA_CHECK(publication != nullptr, "an outbox row of a publication that is not pending");
    const StoredRun* run = state.run(publication->key.run);
    BATUTA_CHECK(run != nullptr, "a publication of a run that is not live");
    row.payload_json = publication_info(*run, publication->key.task);
  }
}

void add_alerts(SchedulerState& state, Effects& effects, Store& store, LaunchContext& context,
                const Now& now) {
  for (const AlertEffect& alert : effects.alerts) {
    const StoredRun* run = state.run(alert.key.run);
    BATUTA_CHECK(run != nullptr, "an alert of a run that is not live");
    OutboxRow row = context.render_alert(attempt_of(*run, alert.key.task, effects.changes, store),
                                         alert.notifier_json, now.wall);
    row.id = state.take_outbox_id();
    effects.changes.outbox.push_back(std::move(row));
  }
}

}  // namespace

void prepare_events(const SchedulerState& state, Store& store, std::vector<Event>& events) {
  for (Event& event : events) std::visit(Preparer{state, store}, event);
}

Prepared prepare_launches(SchedulerState& state, Effects& effects, Store& store,
                          LaunchContext& context, const Now& now) {
  fill_publications(state, effects.changes);
  add_alerts(state, effects, store, context, now);
  Prepared prepared;
  prepared.launches.reserve(effects.launches.size());
  for (const LaunchEffect& effect : effects.launches) {
    const StoredRun* run = state.run(effect.key.run);
    BATUTA_CHECK(run != nullptr, "a launch of a run that is not live");
    Launch launch = identity_of(*run, effect);
    std::string rendered;
    const auto status = context.render_launch(
        attempt_of(*run, effect.key.task, effects.changes, store), launch, rendered);
    if (!status) {
      prepared.failures.push_back(render_failure(effect, status.error(), now));
      continue;
    }
    if (!rendered.empty()) {
      prepared.rendered.push_back({effect.key.run, effect.key.task, effect.try_number, rendered});
    }
    prepared.launches.push_back({effect.worker, std::move(launch)});
  }
  return prepared;
}

void read_gauges(const SchedulerState& state, EngineMetrics& metrics) {
  const Gauges gauges = state.gauges();
  metrics.runs_active = static_cast<std::uint64_t>(gauges.runs_running + gauges.runs_queued);
  metrics.tasks_queued = static_cast<std::uint64_t>(gauges.tasks_queued);
  metrics.tasks_running = static_cast<std::uint64_t>(gauges.tasks_running);
  metrics.workers = static_cast<std::uint64_t>(gauges.workers);
  metrics.slots = static_cast<std::uint64_t>(gauges.slots);
  metrics.stale_reports = state.counters.stale_reports;
  metrics.losses = state.counters.losses;
}

}  // namespace batuta
