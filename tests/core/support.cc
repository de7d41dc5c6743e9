#include "tests/core/support.h"

#include <algorithm>
#include <set>

#include "tests/support/stored_rows.h"

namespace batuta::testing {

Time at(const char* iso) {
  return parse_iso(iso).value();
}

DagMaker::DagMaker(std::string id) {
  dag_.id = std::move(id);
  dag_.version = dag_.id + "-v1";
  dag_.is_paused_upon_creation = false;
}

DagMaker& DagMaker::task(const std::string& id, const std::vector<std::string>& upstream,
                         const std::function<void(Task&)>& change) {
  Task task;
  task.id = id;
  task.plugin = "mock";
  for (const std::string& name : upstream) task.upstream.push_back(find_task(dag_, name).value());
  if (change) change(task);
  dag_.tasks.push_back(std::move(task));
  return *this;
}

DagMaker& DagMaker::with(const std::function<void(Dag&)>& change) {
  change(dag_);
  return *this;
}

std::shared_ptr<const Dag> DagMaker::make() const {
  auto made = finish_dag(dag_);
  REQUIRE_MESSAGE(made.ok(), made.error().message);
  return *made;
}

std::shared_ptr<const Dag> chain(const std::string& id, int length) {
  DagMaker maker(id);
  for (int i = 0; i < length; ++i) {
    maker.task("t" + std::to_string(i), {}, [&](Task& task) {
      if (i > 0) task.upstream = {static_cast<TaskIndex>(i - 1)};
    });
  }
  return maker.make();
}

std::shared_ptr<const Dag> fan(const std::string& id, int width) {
  DagMaker maker(id);
  for (int i = 0; i < width; ++i) maker.task("t" + std::to_string(i));
  return maker.with([](Dag& dag) { dag.max_active_tasks = 100'000; }).make();
}

// ---- the ledger -------------------------------------------------------------------------------

void Ledger::apply_runs(const Changes& changes) {
  for (const auto& dag : changes.dag_versions) versions[dag->version] = dag;
  for (const DagRow& row : changes.dags) dags[row.dag_id] = row;
  for (const RunRow& created : changes.runs_created) {
    REQUIRE(!runs.contains(created.seq));
    for (const auto& [seq, other] : runs) {
      if (other.run.dag_id != created.dag_id) continue;
      REQUIRE(other.run.dag_run_id != created.dag_run_id);
      REQUIRE((!created.logical_date || other.run.logical_date != created.logical_date));
    }
    REQUIRE(versions.contains(created.dag_version));
    runs[created.seq] = {created, versions.at(created.dag_version)};
  }
  for (const RunRow& row : changes.runs_updated) runs.at(row.seq).run = row;
  for (const auto& filled : changes.confs_filled)
    REQUIRE(runs.at(filled.run).run.conf_json == filled.conf_json);
  for (const auto& change : changes.runs_repinned) {
    StoredRun& run = runs.at(change.run);
    run = StoredRun{run.run, versions.at(change.version)};
    for (AttemptRow& attempt : archived) {
      const bool ours = attempt.row.run == change.run && attempt.row.task < change.moved.size();
      if (ours) attempt.row.task = change.moved[attempt.row.task];
    }
  }
  for (const RunRow& row : changes.runs_adopted) REQUIRE(runs.at(row.seq).run.uuid == row.uuid);
  for (const BackfillRow& row : changes.backfills) backfills[row.id] = row;
  for (const BackfillTickRow& row : changes.backfill_ticks) {
    for (const BackfillTickRow& other : backfill_ticks) {
      REQUIRE((row.backfill != other.backfill || row.ordinal != other.ordinal));
      REQUIRE((row.backfill != other.backfill || row.logical_date != other.logical_date));
    }
    backfill_ticks.push_back(row);
  }
  for (const RunSeq seq : changes.runs_deleted) REQUIRE(runs.erase(seq) == 1);
  for (const auto& [dag_id, most] : changes.runs_removed) {
    std::int64_t gone = 0;
    std::erase_if(runs, [&, &dag_id = dag_id, most = most](const auto& one) {
      const RunRow& run = one.second.run;
      return run.dag_id == dag_id && is_terminal(run.state) && (most == 0 || gone++ < most);
    });
  }
  for (const std::string& dag_id : changes.dags_deleted) {
    REQUIRE(dags.erase(dag_id) == 1);
    std::erase_if(backfills, [&](const auto& one) { return one.second.dag_id == dag_id; });
  }
}

void Ledger::apply_tasks(const Changes& changes) {
  std::set<std::int64_t> seen;
  for (const AttemptRow& row : changes.attempts_archived) {
    for (const AttemptRow& other : archived) {
      REQUIRE((other.row.key() != row.row.key() || other.row.try_number != row.row.try_number));
    }
    archived.push_back(row);
  }
  const std::int64_t last_before = last_instance;
  for (const TaskInstanceRow& row : changes.tasks_created) {
    REQUIRE(row.id > last_before);
    last_instance = std::max(last_instance, row.id);
    REQUIRE(seen.insert(row.id).second);
    runs.at(row.run).add(row);
  }
  for (const auto& update : changes.tasks_updated) {
    StoredRun& run = runs.at(update.row.run);
    const InstanceIndex i = place_by_id(run, update.row);
    REQUIRE(run.hot[place_of(i)].state == update.from);
    REQUIRE(run.hot[place_of(i)].fence == update.from_fence);
    REQUIRE(seen.insert(update.row.id).second);
    put_row(run, i, update.row);
  }
  for (const InstanceKey& cleared : changes.xcoms_cleared) xcoms.erase(cleared);
  for (const auto& [of, key] : changes.xcoms_deleted) {
    if (key == "return_value") xcoms.erase(of);
  }
  for (const XcomRow& row : changes.xcoms) {
    if (row.key == "return_value") xcoms[row.instance()] = row.value_json;
  }
  for (const InstanceKey& done : changes.waits_done) waits.erase(done);
  for (const WaitRow& row : changes.waits) waits[row.key()] = row;
  for (const InstanceKey& gone : changes.checkpoints_gone) checkpoints.erase(gone);
  for (const CheckpointRow& row : changes.checkpoints) checkpoints[row.key()] = row;
  for (const QuestionRow& row : changes.questions) {
    REQUIRE(questions.emplace(std::pair(row.key(), row.try_number), row).second);
  }
  for (const AnswerRow& row : changes.answers) {
    REQUIRE(questions.contains({row.key(), row.try_number}));
    REQUIRE(answers.emplace(std::pair(row.key(), row.try_number), row).second);
  }
  for (const auto& gone : changes.rate_starts_gone) {
    std::erase_if(rate_starts, [&](const RateStartRow& row) {
      return row.dag_id == gone.dag_id && row.started <= gone.until;
    });
  }
  for (const RateStartRow& row : changes.rate_starts) rate_starts.push_back(row);
  for (const StreakRow& row : changes.streaks) {
    const auto key = std::tuple(row.dag_id, row.task_id, row.map_index);
    if (row.failures == 0) REQUIRE(streaks.erase(key) == 1);
    if (row.failures > 0) streaks[key] = row;
  }
}

void Ledger::apply_lake(const Changes& changes) {
  for (const TableRow& row : changes.tables) tables[row.table] = row;
  for (const AcceptedRow& row : changes.accepted) accepted[row.report.key] = row;
  for (const AttemptKey& key : changes.accepted_done) REQUIRE(accepted.erase(key) == 1);
  for (const PublicationRow& row : changes.publications) publications[row.id] = row;
  for (const WatermarkRow& row : changes.watermarks) {
    Time& value = watermarks[{row.dag_id, row.task_id}];
    REQUIRE(row.value >= value);
    value = row.value;
  }
  for (const JobExecutionRow& row : changes.job_executions) jobs[row.key] = row;
  for (const AttemptReportRow& row : changes.attempt_reports) {
    REQUIRE(reports.emplace(row.key, row).second);
  }
  for (const OutboxRow& row : changes.outbox) {
    REQUIRE(outbox.emplace(row.id, row).second);
    last_outbox = std::max(last_outbox, row.id);
  }
  for (const std::int64_t id : changes.outbox_done) REQUIRE(outbox.erase(id) == 1);
}

void Ledger::apply_assets(const Changes& changes) {
  for (const AssetRow& row : changes.assets) assets[row.id] = row;
  for (const AssetAliasRow& row : changes.asset_aliases) asset_aliases[row.id] = row;
  for (const AssetAliasLink& link : changes.asset_alias_links) {
    REQUIRE(alias_links.insert(link).second);
  }
  for (const AssetWatcherRow& row : changes.asset_watchers) {
    watchers[row.id] = row;
    last_watcher = std::max(last_watcher, row.id);
  }
  for (const std::int64_t id : changes.asset_watchers_gone) watchers.erase(id);
  for (const auto& of : changes.asset_refs) {
    asset_refs[of.dag_id] = of.refs;
    alias_refs[of.dag_id] = of.aliases;
  }
  for (const AssetEventRow& row : changes.asset_events) {
    REQUIRE(assets.contains(row.asset));
    REQUIRE(asset_events.emplace(row.id, row).second);
  }
  for (const QueuedAssetEvent& row : changes.asset_queued) {
    REQUIRE(asset_events.contains(row.event));
    const UnqueuedAssetEvent id{row.dag_id, row.event, row.partition_key};
    REQUIRE(asset_queue.emplace(id, row).second);
  }
  for (const auto& id : changes.asset_unqueued) REQUIRE(asset_queue.erase(id) == 1);
  for (const auto& [run, event] : changes.asset_events_consumed) {
    REQUIRE(runs.contains(run));
    consumed[run].push_back(event);
  }
  for (const std::string& dag_id : changes.dags_deleted) {
    std::erase_if(asset_queue, [&](const auto& one) { return one.first.dag_id == dag_id; });
  }
}

void Ledger::apply(const Changes& changes) {
  apply_runs(changes);
  apply_tasks(changes);
  apply_lake(changes);
  apply_assets(changes);
  for (const PoolRow& row : changes.pools) pools[row.name] = row;
  for (const std::string& name : changes.pools_deleted) pools.erase(name);
  events.insert(events.end(), changes.event_log.begin(), changes.event_log.end());
}

StoredState Ledger::load() const {
  StoredState stored;
  for (const auto& [id, row] : dags) stored.dags.emplace_back(row, versions.at(row.version));
  for (const auto& [seq, run] : runs) {
    stored.last_run_seq = std::max(stored.last_run_seq, static_cast<std::int64_t>(seq));
    const OptTime cursor = dags.at(run.run.dag_id).cursor;
    if (!is_terminal(run.run.state)) {
      stored.runs.push_back(run);
    } else {
      stored.past.push_back(run);
      const bool ahead = run.run.logical_date && (!cursor || *run.run.logical_date > *cursor);
      if (ahead) stored.dates_ahead.emplace_back(run.run.dag_id, *run.run.logical_date);
    }
  }
  for (const auto& [name, row] : pools) stored.pools.push_back(row);
  for (const auto& [name, row] : tables) stored.tables.push_back(row);
  for (const auto& [id, row] : publications) {
    stored.last_publication = std::max(stored.last_publication, id);
    if (row.state == PublicationState::pending) stored.publications.push_back(row);
  }
  for (const auto& [key, row] : accepted) stored.accepted.push_back(row);
  for (const auto& [key, row] : waits) stored.waits.push_back(row);
  for (auto at = questions.begin(); at != questions.end(); ++at) {
    const InstanceKey& key = at->first.first;
    const auto wait = waits.find(key);
    if (wait == waits.end() || wait->second.kind != WaitKind::answer) continue;
    const auto next = std::next(at);
    if (next == questions.end() || next->first.first != key) stored.questions.push_back(at->second);
  }
  stored.rate_starts = rate_starts;
  for (const auto& [key, row] : streaks) stored.streaks.push_back(row);
  for (const auto& [key, value] : watermarks) {
    stored.watermarks.push_back({key.first, key.second, value});
  }
  for (const auto& [id, row] : backfills) {
    stored.last_backfill = id;
    if (row.phase == BackfillPhase::done) continue;
    stored.backfills.emplace_back(row, versions.at(row.dag_version));
  }
  for (const auto& [id, row] : assets) {
    stored.assets.push_back(row);
    stored.last_asset = id;
  }
  for (const auto& [id, row] : asset_queue) stored.asset_queue.push_back(row);
  for (const auto& [id, row] : asset_aliases) {
    stored.asset_aliases.push_back(row);
    stored.last_asset_alias = id;
  }
  stored.asset_alias_links.assign(alias_links.begin(), alias_links.end());
  for (const auto& [id, row] : watchers) stored.asset_watchers.push_back(row);
  stored.last_asset_watcher = last_watcher;
  for (const auto& [seq, run] : runs) {
    const auto& version = versions.at(dags.at(run.run.dag_id).version);
    if (!asks_runtimes(*version) || run.run.state != DagRunState::success) continue;
    stored.runtimes[run.run.dag_id].push_back(*run.run.end_date - *run.run.start_date);
  }
  if (!asset_events.empty()) stored.last_asset_event = asset_events.rbegin()->first;
  stored.last_instance = last_instance;
  stored.last_outbox = last_outbox;
  return stored;
}

// ---- the world --------------------------------------------------------------------------------

World::World(SchedulerOptions chosen) : options(chosen) {
  now.wall = at("2026-03-10T12:00:00Z");
  now.boot = Boot{1000s};
  state = restore({}, options, now);
}

Effects World::step(std::vector<Event> events) {
  std::vector<Event> answers;
  for (const BackfillEffect& effect : std::exchange(asked_, {})) {
    BackfillLooked event{effect.backfill, {}};
    const auto backfill = ledger.backfills.find(effect.backfill);
    for (const Time date : effect.logical_dates) {
      BackfillLooked::Tick& tick = event.ticks.emplace_back();
      tick.logical_date = date;
      for (const auto& [seq, run] : ledger.runs) {
        const bool same_dag =
            backfill != ledger.backfills.end() && run.run.dag_id == backfill->second.dag_id;
        if (same_dag && run.run.logical_date == date) tick.found = run;
      }
    }
    answers.push_back(std::move(event));
  }
  events.insert(events.begin(), answers.begin(), answers.end());
  last = batuta::step(state, events, now);
  ledger.apply(last.changes);
  sanity_check(state);
  for (const StoredRun* run : state.live_runs()) {  // what is in memory is what was committed
    const StoredRun& kept = ledger.runs.at(run->run.seq);
    REQUIRE(kept.run.state == run->run.state);
    REQUIRE(kept.hot.size() == run->hot.size());
    for (std::size_t i = 0; i < run->hot.size(); ++i) {
      REQUIRE(kept.hot[i].state == run->hot[i].state);
      REQUIRE(kept.hot[i].fence == run->hot[i].fence);
    }
  }
  asked_ = last.backfill_looks;
  launches_.insert(launches_.end(), last.launches.begin(), last.launches.end());
  alerts.insert(alerts.end(), last.alerts.begin(), last.alerts.end());
  return last;
}

void World::settle() {
  while (!asked_.empty()) step();
}

void World::live(Duration time) {
  while (time > Duration(0)) {
    const Duration part = std::min<Duration>(time, 2s);
    pass(part);
    time -= part;
    std::vector<Event> beats;
    for (const auto& [worker, alive] : connected_) {
      if (alive) beats.push_back(WorkerHeartbeat{worker});
    }
    step(std::move(beats));
  }
}

void World::restart() {
  state = restore(ledger.load(), options, now);
  connected_.clear();
  asked_.clear();
  sanity_check(state);
  step();
}

void World::add(const std::shared_ptr<const Dag>& dag, bool paused) {
  step({DagsChanged{{dag}, {}}});
  if (state.dag_row(dag->id)->is_paused != paused) step({PauseRequested{0, dag->id, paused}});
}

WorkerId World::join(const std::string& agent, int slots, std::vector<std::string> plugins,
                     std::vector<RunningAttempt> running) {
  const WorkerId id = connected_.empty() ? 1 : connected_.rbegin()->first + 1;
  connected_[id] = true;
  Hello hello;
  hello.agent_id = agent;
  hello.hostname = "host-" + agent;
  hello.slots = slots;
  for (std::string& name : plugins) {
    PluginInfo info;
    info.name = std::move(name);
    hello.catalogue.push_back(std::move(info));
  }
  hello.running = std::move(running);
  step({WorkerJoined{id, std::move(hello)}});
  return id;
}

Reply World::ask(Event event) {
  std::visit(
      [](auto& one) {
        if constexpr (requires { one.request; }) one.request = 7;
      },
      event);
  const Effects effects = step({std::move(event)});
  for (const Reply& reply : effects.replies) {
    if (reply.request == 7) return reply;
  }
  FAIL("no reply");
  return {};
}

RunSeq World::trigger(const std::string& dag_id, const std::function<void(RunRequested&)>& change) {
  RunRequested event;
  event.dag_id = dag_id;
  event.uuid.bytes[15] = next_uuid_++;
  event.dag_run_id = "run-" + std::to_string(next_uuid_);
  if (change) change(event);
  const Reply reply = ask(event);
  REQUIRE_MESSAGE(reply.code == Errc::ok, reply.message);
  return reply.run->seq;
}

Finished finished(const AttemptKey& key, Outcome outcome, Time started, Time ended) {
  Finished report;
  report.key = key;
  report.outcome = outcome;
  report.started = started;
  report.ended = ended;
  if (outcome != Outcome::success) report.reason = std::string("it ") + to_string(outcome);
  return report;
}

Effects World::start(const AttemptKey& key, WorkerId worker, const std::string& slot) {
  return step({AttemptStarted{worker, {key, now.wall, slot}}});
}

Effects World::finish(const AttemptKey& key, Outcome outcome, WorkerId worker,
                      const std::function<void(Finished&)>& change) {
  Finished report = finished(key, outcome, now.wall - 1s, now.wall);
  if (change) change(report);
  return step({AttemptFinished{worker, std::move(report)}});
}

void World::run_all(Outcome outcome) {
  for (auto batch = launched(); !batch.empty(); batch = launched()) {
    std::vector<Event> events;
    for (const LaunchEffect& launch : batch) {
      events.push_back(AttemptStarted{launch.worker, {launch.key, now.wall, "slot-a"}});
      events.push_back(
          AttemptFinished{launch.worker, finished(launch.key, outcome, now.wall - 1s, now.wall)});
    }
    step(std::move(events));
  }
}

TaskInstanceRow World::row(RunSeq run, const std::string& task, MapIndex map_index) const {
  const StoredRun& stored = ledger.runs.at(run);
  return stored.row(stored.find(find_task(*stored.dag, task).value(), map_index).value());
}

TaskState World::state_of(RunSeq run, const std::string& task, MapIndex map_index) const {
  return row(run, task, map_index).state;
}

DagRunState World::run_state(RunSeq run) const {
  return ledger.runs.at(run).run.state;
}

AttemptKey World::attempt(RunSeq run, const std::string& task, MapIndex map_index) const {
  return row(run, task, map_index).attempt();
}

std::vector<LaunchEffect> World::launched() {
  return std::exchange(launches_, {});
}

std::vector<std::string> World::launched_names() {
  std::vector<std::string> names;
  for (const LaunchEffect& launch : launched()) {
    const StoredRun& run = ledger.runs.at(launch.key.run);
    names.push_back(run.run.dag_id + "." + run.dag->tasks[launch.key.task].id);
  }
  return names;
}

}  // namespace batuta::testing
