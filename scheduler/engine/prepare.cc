#include "scheduler/engine/prepare.h"

#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include "common/safe_json.h"
#include "scheduler/core/backfill.h"
#include "scheduler/engine/ask_context.h"
#include "scheduler/engine/asset_reports.h"
#include "scheduler/engine/identity.h"
#include "scheduler/engine/results.h"
#include "scheduler/engine/told_counts.h"
#include "scheduler/engine/turn_xcoms.h"

namespace batuta {
namespace {

std::string message_of(const Error& error) {
  return error.where.empty() ? error.message : error.where + ": " + error.message;
}

// Gathers what the events of a turn ask, and hands the answers back to where they were asked.
class Asking {
 public:
  Asking(const SchedulerState& state, LaunchContext& context, const Now& now)
      : state_(state), context_(context), now_(now) {}

  void operator()(RunRequested& e) { run(e); }
  void operator()(TaskResolved& e) {
    if (e.what.trigger) run(*e.what.trigger);
    if (e.what.kind == Resolution::Kind::wait) watched(e.what.wait, e.found);
  }
  void operator()(DagsChanged& e) {
    for (const auto& dag : e.current) {
      if (!asks_runtimes(*dag)) continue;
      questions_.runtimes.push_back(dag->id);
      runtimes_.push_back(&e.runtimes[dag->id]);
    }
  }
  void operator()(RunStateRequested& e) { whole(e.dag_id, e.dag_run_id, e.stored); }
  void operator()(RunDeleted& e) { whole(e.dag_id, e.dag_run_id, e.stored); }
  void operator()(NoteSet& e) { whole(e.dag_id, e.dag_run_id, e.stored); }
  void operator()(ClearRequested& e) { all_of(e); }
  void operator()(MarkRequested& e) { all_of(e); }
  void operator()(InstanceDeleted& e) { whole(e.dag_id, e.dag_run_id, e.stored); }
  void operator()(XcomEdited& e) {
    whole(e.dag_id, e.dag_run_id, e.stored);
    questions_.xcoms.push_back({e.instance, e.key});
    xcoms_.push_back(&e);
  }
  void operator()(BackfillLooked& e) {
    const std::string dag_id = state_.dag_of_backfill(e.backfill);
    if (dag_id.empty()) return;  // its DAG was deleted
    for (BackfillLooked::Tick& tick : e.ticks) {
      const std::string name = backfill_run_id(tick.logical_date);
      if (state_.find_run_by_date(dag_id, tick.logical_date)) continue;
      questions_.whole_dates.push_back({dag_id, tick.logical_date});
      found_.push_back(&tick.found);
      names_.emplace_back(questions_.runs.size(), &tick.name_taken);
      questions_.runs.push_back({dag_id, name});
      runs_.push_back(nullptr);
    }
  }
  void operator()(AttemptFinished& e) {
    const StoredRun* run = state_.run(e.report.key.run);
    if (run == nullptr || e.report.key.task >= run->dag->tasks.size()) return;
    const Task& task = run->dag->tasks[e.report.key.task];
    if (const std::string met = take_told_counts(*run, e.report); !met.empty())
      context_.met_broker_errors(met);
    if (e.report.outcome == Outcome::deferred) return deferral(*run, task, e);
    if (task.repeat.loops()) e.result_fits = context_.fits_loop(task, e.report);
    shape_result(task, e.report);
    e.assets = take_told_assets(*run->dag, task, e.report);
  }
  // A worker's word alone, which becomes a part of another launch's context.
  void operator()(AttemptCheckpointed& e) {
    std::string& text = e.report.checkpoint_json;
    constexpr JsonLimits limits{max_checkpoint_bytes, 64, 100'000, max_checkpoint_bytes};
    const auto value = parse_untrusted(text, limits);
    text = value ? json_text(*value) : std::string();
    if (text.size() > max_checkpoint_bytes) text.clear();
  }
  void operator()(auto&) {}

  void ask(Store& store) {
    if (questions_.empty()) return;
    Answers answers = store.read(questions_);
    for (std::size_t i = 0; i < whole_.size(); ++i) {
      *whole_[i] = std::move(answers.whole_runs.at(i));
    }
    for (std::size_t i = 0; i < found_.size(); ++i) {
      *found_[i] = std::move(answers.whole_dates.at(i));
    }
    for (const auto& [i, taken] : names_) *taken = answers.runs.at(i).has_value();
    // The key comes first: a repeated request is answered with the run it made.
    give(keys_, answers.keys);
    give(runs_, answers.runs);
    give(dates_, answers.dates);
    for (std::size_t i = 0; i < xcoms_.size(); ++i) {
      xcoms_[i]->exists = answers.xcoms.at(i).has_value();
    }
    for (std::size_t i = 0; i < runtimes_.size(); ++i) {
      *runtimes_[i] = std::move(answers.runtimes.at(i));
    }
  }

 private:
  // The run that a wait looks at, if it is one by date that memory does not have.
  void watched(const WaitRow& wait, std::optional<StoredRun>& to) {
    const bool by_date =
        wait.kind == WaitKind::run && wait.logical_date && wait.watched == RunSeq{};
    if (!by_date || state_.find_run_by_date(wait.dag_id, *wait.logical_date)) return;
    questions_.whole_dates.push_back({wait.dag_id, *wait.logical_date});
    found_.push_back(&to);
  }
  // A worker's word alone: what it left becomes a part of another launch's context.
  static Status read_left(Finished& report) {
    for (const auto& [what, text] : {std::pair("the wait", &report.wait_json),
                                     std::pair("the payload", &report.payload_json)}) {
      if (text->size() <= max_deferral_bytes) continue;
      return Error{Errc::too_large,
                   std::string(what) + " has " + std::to_string(text->size()) + " bytes, and " +
                       std::to_string(max_deferral_bytes) + " are the most",
                   {}};
    }
    if (report.payload_json.empty()) return success();
    constexpr JsonLimits limits{max_deferral_bytes, 64, 100'000, max_deferral_bytes};
    const auto payload = parse_untrusted(report.payload_json, limits);
    if (!payload) {
      return Error{payload.error().code, "the payload is not JSON: " + payload.error().message, {}};
    }
    report.payload_json = json_text(*payload);
    return success();
  }
  void deferral(const StoredRun& run, const Task& task, AttemptFinished& e) {
    const auto i = run.has_rows() ? run.find(e.report.key.task, e.report.key.map_index)
                                  : std::optional<InstanceIndex>();
    if (!i) return;  // a stale report
    const LaunchContext::Attempt attempt{
        run.run, *run.dag, task, run.hot[place_of(*i)], run.cold[place_of(*i)], {}};
    const auto refuse = [&](const Error& error) {
      e.report.outcome = Outcome::failed_no_retry;
      e.report.reason = "defer: " + message_of(error);
      e.report.wait_json.clear();
      e.report.payload_json.clear();
    };
    if (Status fits = read_left(e.report); !fits) return refuse(fits.error());
    auto wait =
        ask_context([&] { return context_.deferral(attempt, e.report.wait_json, now_.wall); });
    if (!wait) return refuse(wait.error());
    e.wait = std::move(*wait);
    watched(*e.wait, e.found);
  }
  void run(RunRequested& e) {
    if (!e.idempotency_key.empty() && !state_.find_run_by_key(e.dag_id, e.idempotency_key)) {
      questions_.keys.push_back({e.dag_id, e.idempotency_key});
      keys_.push_back(&e);
    }
    if (!e.dag_run_id.empty() && !state_.find_run(e.dag_id, e.dag_run_id)) {
      questions_.runs.push_back({e.dag_id, e.dag_run_id});
      runs_.push_back(&e);
    }
    if (e.logical_date && !state_.find_run_by_date(e.dag_id, *e.logical_date)) {
      questions_.dates.push_back({e.dag_id, *e.logical_date});
      dates_.push_back(&e);
    }
  }
  void whole(const std::string& dag_id, const std::string& run_id, std::optional<StoredRun>& to) {
    if (state_.find_run(dag_id, run_id)) return;
    questions_.whole_runs.push_back({dag_id, run_id});
    whole_.push_back(&to);
  }
  void all_of(auto& e) {
    whole(e.dag_id, e.dag_run_id, e.stored);
    for (ClearRequested::Run& run : e.more_runs) {
      whole(run.dag_id.empty() ? e.dag_id : run.dag_id, run.dag_run_id, run.stored);
    }
  }
  static void give(const std::vector<RunRequested*>& to, std::vector<std::optional<RunRow>>& rows) {
    for (std::size_t i = 0; i < to.size(); ++i) {
      if (to[i] != nullptr && !to[i]->existing) to[i]->existing = std::move(rows.at(i));
    }
  }

  const SchedulerState& state_;
  LaunchContext& context_;
  const Now& now_;
  Questions questions_;
  std::vector<std::optional<StoredRun>*> whole_;
  std::vector<std::optional<StoredRun>*> found_;
  std::vector<RunRequested*> keys_, runs_, dates_;  // runs_: null where only a name is asked
  std::vector<std::pair<std::size_t, bool*>> names_;
  std::vector<XcomEdited*> xcoms_;
  std::vector<std::vector<Duration>*> runtimes_;
};

LaunchContext::Attempt attempt_of(const StoredRun& run, InstanceIndex i, Xcoms& xcoms) {
  return {run.run,
          *run.dag,
          run.dag->tasks[run.task_of(i)],
          run.hot[place_of(i)],
          run.cold[place_of(i)],
          [&xcoms, &run, i](TaskIndex task, std::string_view key) {
            const bool same_item = is_mapped_with(*run.dag, run.task_of(i), task);
            return xcoms.find(run, task, key,
                              same_item ? run.hot[place_of(i)].map_index : unmapped);
          },
          [&xcoms, &run](TaskIndex task, std::string_view key, const auto* map_indexes) {
            return xcoms.of_instances(run, task, key, map_indexes);
          },
          [&run](TaskIndex task) { return results_stamp(run, task); },
          [&run, &xcoms] { return xcoms.previous(run.run); },
          [&run, &xcoms] { return asset_events_text(run.run, xcoms); },
          [&run, &xcoms, i](TaskIndex task, std::string_view key) {
            // Of its own mapped group it is handed its item's alone: the others' are not even read.
            const std::vector<std::int64_t> own{number_of(run.hot[place_of(i)].map_index)};
            const bool same_item = is_mapped_with(*run.dag, run.task_of(i), task);
            return xcoms.by_index(run, task, key, same_item ? &own : nullptr);
          }};
}

void expand_tasks(const SchedulerState& state, const Effects& effects, Xcoms& xcoms,
                  LaunchContext& context, Prepared& prepared) {
  for (const ExpandEffect& effect : effects.expansions) {
    const StoredRun* run = state.run(effect.run);
    if (run == nullptr || !run->has_rows()) continue;  // deleted in this turn
    TaskExpanded event{effect.run, effect.task, 0, {}, {}};
    auto read = ask_context(
        [&] { return context.expand(attempt_of(*run, first_instance(effect.task), xcoms)); });
    if (context.looking_up()) {
      prepared.held.expansions.push_back(effect);
      continue;
    }
    if (read) {
      event.count = read->count;
      event.names = std::move(read->names);
    } else {
      event.failure = message_of(read.error());
    }
    prepared.events.push_back(std::move(event));
  }
}

LaunchContext::Attempt attempt_of(const StoredRun& run, Xcoms& xcoms);

void open_gates(const SchedulerState& state, const Effects& effects, Xcoms& xcoms,
                LaunchContext& context, Prepared& prepared) {
  for (const GateEffect& effect : effects.gates) {
    const StoredRun* run = state.run(effect.run);
    if (run == nullptr || !run->has_rows()) continue;  // deleted in this turn
    GateAnswered event{effect.run, effect.instance};
    auto read = ask_context([&] {
      return context.gate(effect.instance ? attempt_of(*run, *effect.instance, xcoms)
                                          : attempt_of(*run, xcoms));
    });
    if (context.looking_up()) {
      prepared.held.gates.push_back(effect);
      continue;
    }
    event.holds = read && read->holds;
    event.unreadable = !read;
    if (read) {
      event.why = std::move(read->why);
      event.conf_json = std::move(read->conf_json);
    } else {
      event.params_unknown = read.error().where == LaunchContext::gate_of_params;
      event.why = event.params_unknown ? read.error().message : message_of(read.error());
    }
    prepared.events.push_back(std::move(event));
  }
}

void read_keys(const SchedulerState& state, const Effects& effects, Xcoms& xcoms,
               LaunchContext& context, std::vector<Event>& events) {
  for (const KeysEffect& effect : effects.keys) {
    const StoredRun* run = state.run(effect.run);
    const auto limits = run ? state.dag(run->run.dag_id) : nullptr;
    if (limits == nullptr) continue;  // deleted in this turn
    RunKeysRead event{effect.run};
    auto keys = ask_context([&] { return context.run_keys(attempt_of(*run, xcoms), *limits); });
    if (keys) {
      event.concurrency = std::move(keys->concurrency);
      event.rate = std::move(keys->rate);
    } else {
      event.failure = message_of(keys.error());
    }
    events.push_back(std::move(event));
  }
}

void resolve_tasks(const SchedulerState& state, const Effects& effects, Xcoms& xcoms,
                   LaunchContext& context, const Now& now, Prepared& prepared) {
  const auto newest = [&state](std::string_view dag_id) { return state.dag(dag_id); };
  for (const ResolveEffect& effect : effects.resolutions) {
    const StoredRun* run = state.run(effect.run);
    if (run == nullptr || !run->has_rows()) continue;  // deleted in this turn
    TaskResolved event{effect.run, effect.instance, {}};
    auto what = ask_context([&] {
      return context.resolve(attempt_of(*run, effect.instance, xcoms), newest, now.wall);
    });
    if (context.looking_up()) {
      prepared.held.resolutions.push_back(effect);
      continue;
    }
    if (what) {
      event.what = std::move(*what);
    } else {
      event.what.kind = Resolution::Kind::failed;
      event.what.reason = message_of(what.error());
    }
    prepared.events.push_back(std::move(event));
  }
}

// What is away now may be there at the next try, which is the task's own to have; all else is
// final.
Event render_failure(const LaunchEffect& launch, const Error& error, const Now& now) {
  Finished report;
  report.key = launch.key;
  report.outcome = error.code == Errc::unavailable ? Outcome::failed : Outcome::failed_no_retry;
  report.reason = message_of(error);
  report.started = now.wall;
  report.ended = now.wall;
  return AttemptFinished{0, std::move(report)};
}

// What a table version's commitInfo says about where it came from.
std::string publication_info(const StoredRun& run, const AttemptKey& key) {
  const std::optional<InstanceIndex> i = run.find(key.task, key.map_index);
  BATUTA_CHECK(i && run.has_rows(), "a publication of a task instance that is not there");
  const Task& task = run.dag->tasks[key.task];
  nlohmann::json info({{"dag_id", run.dag->id},
                       {"run_id", run.run.dag_run_id},
                       {"execution_id", to_string(run.run.uuid)},
                       {"task_id", task.id},
                       {"try_number", run.hot[place_of(*i)].try_number},
                       {"plugin", task.plugin},
                       {"plugin_sha256", run.cold[place_of(*i)].plugin_sha256}});
  if (key.map_index != unmapped) info["map_index"] = number_of(key.map_index);
  if (!run.run.branch.empty()) info["branch"] = run.run.branch;
  return json_text(info);
}

void fill_publications(const SchedulerState& state, Changes& changes) {
  for (OutboxRow& row : changes.outbox) {
    if (row.kind != OutboxKind::publish) continue;
    const PublicationRow* publication = state.pending_publication(row.publication);
    BATUTA_CHECK(publication != nullptr, "an outbox row of a publication that is not pending");
    const StoredRun* run = state.run(publication->key.run);
    BATUTA_CHECK(run != nullptr, "a publication of a run that is not live");
    row.payload_json = publication_info(*run, publication->key);
  }
}

// What an attempt on a branch told of tables is not of the lake's: it is kept where nobody takes it
// for that.
void set_branch_reports_apart(const SchedulerState& state, Changes& changes) {
  for (AttemptReportRow& row : changes.attempt_reports) {
    const StoredRun* run = state.run(row.key.run);
    if (run == nullptr || run->run.branch.empty()) continue;
    row.report_json = "{\"on_branch\":" + (row.report_json.empty() ? "{}" : row.report_json) + "}";
  }
}

// What stands in the place of a task where an alert is about a whole run.
const Task no_task;
const InstanceHot no_hot;
const InstanceCold no_cold;

LaunchContext::Attempt attempt_of(const StoredRun& run, Xcoms& xcoms) {
  return {
      run.run,
      *run.dag,
      no_task,
      no_hot,
      no_cold,
      [&xcoms, &run](TaskIndex task, std::string_view key) { return xcoms.find(run, task, key); },
      [&xcoms, &run](TaskIndex task, std::string_view key, const auto* map_indexes) {
        return xcoms.of_instances(run, task, key, map_indexes);
      },
      [&run](TaskIndex task) { return results_stamp(run, task); },
      [&run, &xcoms] { return xcoms.previous(run.run); },
      [&run, &xcoms] { return asset_events_text(run.run, xcoms); },
      [&run, &xcoms](TaskIndex task, std::string_view key) {
        return xcoms.by_index(run, task, key, nullptr);
      }};
}

// The run of an alert; of one about a DAG, a run of its newest version that never was.
StoredRun made_up_run(const SchedulerState& state, const AlertEffect& alert) {
  StoredRun run;
  run.dag = state.dag(alert.dag_id);
  run.run.dag_id = alert.dag_id;
  return run;
}

const StoredRun& run_of(const SchedulerState& state, const AttemptKey& key) {
  const StoredRun* run = state.run(key.run);
  BATUTA_CHECK(run != nullptr, "a launch or an alert of a run that is not live");
  return *run;
}

void add_alerts(SchedulerState& state, Effects& effects, Xcoms& xcoms, LaunchContext& context,
                const Now& now) {
  for (const AlertEffect& alert : effects.alerts) {
    using Of = AlertEffect::Of;
    const StoredRun none = alert.of == Of::dag ? made_up_run(state, alert) : StoredRun{};
    const StoredRun& run = alert.of == Of::dag ? none : run_of(state, alert.key);
    OutboxRow row = context.render_alert(
        alert.of == Of::task ? attempt_of(run, alert.instance, xcoms) : attempt_of(run, xcoms),
        alert, now.wall);
    row.id = state.take_outbox_id();
    effects.changes.outbox.push_back(std::move(row));
  }
}

}  // namespace

void prepare_events(const SchedulerState& state, Store& store, LaunchContext& context,
                    std::vector<Event>& events, const Now& now) {
  Asking asking(state, context, now);
  for (Event& event : events) std::visit(asking, event);
  asking.ask(store);
}

Prepared prepare_launches(SchedulerState& state, Effects& effects, Store& store,
                          LaunchContext& context, const Now& now) {
  fill_publications(state, effects.changes);
  set_branch_reports_apart(state, effects.changes);
  for (const RunSeq run : effects.results_edited) context.results_edited(run);
  Xcoms xcoms(state, effects.changes, store);
  for (const LaunchEffect& effect : effects.launches) {
    const StoredRun& run = run_of(state, effect.key);
    for (const auto& name : context.xcoms_of(*run.dag, effect.key.task)) xcoms.want(run, name);
    if (context.asks_for_previous(*run.dag, effect.key.task)) xcoms.want_previous(run.run);
    if (effect.checkpoint) xcoms.want_checkpoint(effect.key.instance());
  }
  for (const ResolveEffect& effect : effects.resolutions) {
    const StoredRun* run = state.run(effect.run);
    if (run == nullptr || !run->has_rows()) continue;
    for (const auto& name : context.xcoms_of(*run->dag, run->task_of(effect.instance))) {
      xcoms.want(*run, name);
    }
  }
  for (const GateEffect& effect : effects.gates) {
    const StoredRun* run = effect.instance ? state.run(effect.run) : nullptr;
    if (run == nullptr || !run->has_rows()) continue;
    for (const auto& name : context.xcoms_of(*run->dag, run->task_of(*effect.instance))) {
      xcoms.want(*run, name);
    }
  }
  for (const AlertEffect& alert : effects.alerts) {
    if (alert.of == AlertEffect::Of::dag) continue;  // there is no run that could have any
    const StoredRun& run = run_of(state, alert.key);
    for (const auto& name : context.xcoms_of_alert(*run.dag, alert.notifier_json)) {
      xcoms.want(run, name);
    }
  }
  xcoms.fetch();
  add_alerts(state, effects, xcoms, context, now);
  context.tell(state, effects.changes, now);
  Prepared prepared;
  for (const BackfillEffect& effect : effects.backfill_looks) {
    BackfillLooked event{effect.backfill, {}};
    for (const Time date : effect.logical_dates) event.ticks.push_back({date, {}, false});
    prepared.events.push_back(std::move(event));
  }
  expand_tasks(state, effects, xcoms, context, prepared);
  open_gates(state, effects, xcoms, context, prepared);
  read_keys(state, effects, xcoms, context, prepared.events);
  resolve_tasks(state, effects, xcoms, context, now, prepared);
  prepared.launches.reserve(effects.launches.size());
  for (const LaunchEffect& effect : effects.launches) {
    const StoredRun& run = run_of(state, effect.key);
    Launch launch = identity_of(run, effect, now.wall);
    std::string rendered;
    const auto status = ask_context([&] {
      return context.render_launch(attempt_of(run, effect.instance, xcoms), launch, rendered);
    });
    if (context.looking_up()) {
      prepared.held.launches.push_back(effect);
      continue;
    }
    if (!status) {
      prepared.events.push_back(render_failure(effect, status.error(), now));
      continue;
    }
    add_own_context(launch, effect, run,
                    effect.checkpoint ? xcoms.checkpoint(effect.key.instance()) : std::nullopt);
    if (!rendered.empty()) {
      prepared.rendered.push_back(
          {effect.key.run, effect.key.task, effect.key.map_index, effect.try_number, rendered});
    }
    prepared.launches.push_back({effect.worker, std::move(launch)});
  }
  return prepared;
}

}  // namespace batuta
