#include "tests/support/memory_store.h"

#include <algorithm>
#include <tuple>

#include "tests/support/stored_rows.h"

namespace batuta {
namespace {

constexpr std::size_t past_runs_kept = 64;  // per DAG, as StoredState promises

[[noreturn]] void fail(const char* what) {
  throw StoreError(what, true);
}

}  // namespace

StoredState MemoryStore::load() {
  StoredState stored;
  for (const auto& [id, row] : data_.dags) {
    const auto version = data_.dag_versions.find(row.version);
    BATUTA_CHECK(version != data_.dag_versions.end(), id);
    stored.dags.emplace_back(row, version->second);
  }
  for (const auto& [seq, run] : data_.runs)
    if (!is_terminal(run.run.state)) stored.runs.push_back(run);
  for (const auto& [name, row] : data_.pools) stored.pools.push_back(row);
  for (const auto& [name, row] : data_.tables) stored.tables.push_back(row);
  for (const auto& [id, row] : data_.publications)
    if (row.state == PublicationState::pending) stored.publications.push_back(row);
  for (const auto& [key, row] : data_.accepted) stored.accepted.push_back(row);
  for (const auto& [id, row] : data_.watermarks) stored.watermarks.push_back(row);
  for (const auto& [key, row] : data_.waits) stored.waits.push_back(row);
  for (auto at = data_.questions.begin(); at != data_.questions.end(); ++at) {
    const InstanceKey& key = at->first.first;
    const auto wait = data_.waits.find(key);
    if (wait == data_.waits.end() || wait->second.kind != WaitKind::answer) continue;
    const auto next = std::next(at);
    if (next == data_.questions.end() || next->first.first != key)
      stored.questions.push_back(at->second.row);
  }
  for (const auto& [dag_id, key, started] : data_.rate_starts) {
    stored.rate_starts.push_back({dag_id, key, started});
  }
  for (const auto& [key, row] : data_.streaks) stored.streaks.push_back(row);
  load_past(stored);
  stored.catalogue = data_.catalogue;
  for (const auto& [id, row] : data_.outbox)
    if (!row.dead) stored.outbox.push_back(row);
  stored.last_run_seq = data_.last_run_seq;
  stored.last_instance = data_.last_instance;
  stored.last_publication = data_.last_publication;
  stored.last_outbox = data_.last_outbox;
  for (const auto& [id, row] : data_.backfills) {
    const auto version = data_.dag_versions.find(row.dag_version);
    if (row.phase == BackfillPhase::done) continue;
    stored.backfills.emplace_back(row,
                                  version == data_.dag_versions.end() ? nullptr : version->second);
  }
  stored.last_backfill = data_.last_backfill;
  for (const auto& [id, row] : data_.assets) stored.assets.push_back(row);
  for (const auto& [id, row] : data_.asset_queue) stored.asset_queue.push_back(row);
  stored.last_asset = data_.last_asset;
  stored.last_asset_event = data_.last_asset_event;
  for (const auto& [id, row] : data_.asset_aliases) stored.asset_aliases.push_back(row);
  stored.asset_alias_links.assign(data_.asset_alias_links.begin(), data_.asset_alias_links.end());
  for (const auto& [id, row] : data_.asset_watchers) stored.asset_watchers.push_back(row);
  stored.last_asset_alias = data_.last_asset_alias;
  stored.last_asset_watcher = data_.last_asset_watcher;
  for (const auto& [id, row] : data_.dags)
    if (asks_runtimes(*data_.dag_versions.at(row.version))) stored.runtimes[id] = runtimes_of(id);
  return stored;
}

void MemoryStore::load_past(StoredState& stored) const {
  for (const auto& [id, row] : data_.dags) {
    std::vector<std::pair<std::pair<Time, RunSeq>, const StoredRun*>> ended;
    for (const auto& [seq, run] : data_.runs) {
      if (run.run.dag_id != id || !is_terminal(run.run.state)) continue;
      const OptTime date = run.run.logical_date;
      if (date && (!row.cursor || *date > *row.cursor)) stored.dates_ahead.emplace_back(id, *date);
      ended.push_back({{date.value_or(run.run.run_after), seq}, &run});
    }
    bool wanted = uses_past(*data_.dag_versions.at(row.version));
    for (const StoredRun& live : stored.runs)
      wanted = wanted || (live.run.dag_id == id && uses_past(*live.dag));
    if (!wanted) continue;
    std::sort(ended.begin(), ended.end());
    const std::size_t kept = std::min(ended.size(), past_runs_kept);
    for (auto it = ended.end() - static_cast<std::ptrdiff_t>(kept); it != ended.end(); ++it)
      stored.past.push_back(*it->second);
  }
}

CommitFate MemoryStore::draw_fate() {
  last_fate_ = fates_ ? fates_() : CommitFate::ok;
  return last_fate_;
}

Lead MemoryStore::lead() {
  silent_ = false;
  data_.epoch = Epoch{static_cast<std::int64_t>(data_.epoch) + 1};
  return {data_.epoch, data_.last_turn};
}

CommitResult MemoryStore::commit(const Changes& changes, const std::vector<RenderedRow>& rendered,
                                 const TurnId& turn) {
  const CommitFate fate = draw_fate();
  if (fate == CommitFate::fails_unapplied) return {CommitResult::Kind::retry, "commit failed"};
  if (fate == CommitFate::lost) return {CommitResult::Kind::unknown, "the answer was lost"};
  if (turn.epoch != data_.epoch)
    return {CommitResult::Kind::fatal, "another scheduler has taken the lead"};
  apply_dags(changes);
  apply_runs(changes);
  apply_tasks(changes);
  apply_assets(changes);
  apply_lake(changes);
  apply_logs(changes);
  apply_deletions(changes);
  data_.rendered.insert(data_.rendered.end(), rendered.begin(), rendered.end());
  data_.last_turn = turn.number;
  silent_ = fate == CommitFate::lost_in_silence;
  if (fate != CommitFate::ok) return {CommitResult::Kind::unknown, "the answer was lost"};
  return {};
}

void MemoryStore::apply_dags(const Changes& changes) {
  for (const auto& version : changes.dag_versions)
    data_.dag_versions.try_emplace(version->version, version);
  for (const DagRow& row : changes.dags) {
    BATUTA_CHECK(data_.dag_versions.count(row.version) == 1, row.dag_id);
    data_.dags[row.dag_id] = row;
  }
  for (const PoolRow& row : changes.pools) data_.pools[row.name] = row;
  for (const std::string& name : changes.pools_deleted) data_.pools.erase(name);
}

void MemoryStore::create_run(const RunRow& row) {
  BATUTA_CHECK(static_cast<std::int64_t>(row.seq) > data_.last_run_seq, row.dag_run_id);
  const auto version = data_.dag_versions.find(row.dag_version);
  BATUTA_CHECK(version != data_.dag_versions.end(), row.dag_run_id);
  const bool fresh = data_.run_ids.try_emplace({row.dag_id, row.dag_run_id}, row.seq).second;
  BATUTA_CHECK(fresh, row.dag_run_id);
  if (row.logical_date)
    BATUTA_CHECK(data_.run_dates.try_emplace({row.dag_id, *row.logical_date}, row.seq).second,
                 row.dag_run_id);
  if (!row.idempotency_key.empty())
    BATUTA_CHECK(data_.run_keys.try_emplace({row.dag_id, row.idempotency_key}, row.seq).second,
                 row.dag_run_id);
  data_.last_run_seq = static_cast<std::int64_t>(row.seq);
  data_.runs.emplace(row.seq, StoredRun{row, version->second});
}

void MemoryStore::delete_run(RunSeq seq) {
  const auto it = data_.runs.find(seq);
  BATUTA_CHECK(it != data_.runs.end());
  const RunRow& row = it->second.run;
  data_.run_ids.erase({row.dag_id, row.dag_run_id});
  if (row.logical_date) data_.run_dates.erase({row.dag_id, *row.logical_date});
  if (!row.idempotency_key.empty()) data_.run_keys.erase({row.dag_id, row.idempotency_key});
  std::erase_if(data_.attempts, [&](const AttemptRow& a) { return a.row.run == seq; });
  std::erase_if(data_.rendered, [&](const RenderedRow& r) { return r.run == seq; });
  std::erase_if(data_.xcoms, [&](const auto& x) { return x.second.run == seq; });
  std::erase_if(data_.waits, [&](const auto& w) { return w.first.run == seq; });
  std::erase_if(data_.checkpoints, [&](const auto& c) { return c.first.run == seq; });
  std::erase_if(data_.questions, [&](const auto& q) { return q.first.first.run == seq; });
  std::erase_if(data_.asset_events_consumed, [&](const auto& c) { return c.first == seq; });
  std::erase_if(data_.job_executions, [&](const auto& j) { return j.first.run == seq; });
  std::erase_if(data_.attempt_reports, [&](const auto& r) { return r.first.run == seq; });
  std::erase_if(data_.accepted, [&](const auto& a) { return a.first.run == seq; });
  std::erase_if(data_.publications, [&](const auto& p) {
    return p.second.key.run == seq && p.second.state != PublicationState::pending;
  });
  data_.runs.erase(it);
}

void MemoryStore::apply_runs(const Changes& changes) {
  for (const auto& created : changes.runs_created) create_run(created);
  for (const RunRow& row : changes.runs_updated) {
    const auto it = data_.runs.find(row.seq);
    BATUTA_CHECK(it != data_.runs.end(), row.dag_run_id);
    it->second.run = row;
  }
  for (const auto& change : changes.runs_repinned) {
    StoredRun& run = data_.runs.at(change.run);
    run = StoredRun{run.run, data_.dag_versions.at(change.version)};
    move_tasks(change);
  }
  for (const BackfillRow& row : changes.backfills) {
    data_.backfills[row.id] = row;
    data_.last_backfill = std::max(data_.last_backfill, row.id);
  }
  data_.backfill_ticks.insert(data_.backfill_ticks.end(), changes.backfill_ticks.begin(),
                              changes.backfill_ticks.end());
  for (RunSeq seq : changes.runs_deleted) delete_run(seq);
}

void MemoryStore::move_tasks(const Changes::RunRepinned& change) {
  const auto move = [&](TaskIndex& task) {
    if (task < change.moved.size()) task = change.moved[task];
  };
  const auto move_keys = [&](auto& rows, auto task_of) {
    auto all = std::exchange(rows, {});
    while (!all.empty()) {
      auto node = all.extract(all.begin());
      task_of(node.key(), node.mapped());
      BATUTA_CHECK(rows.insert(std::move(node)).inserted);
    }
  };
  for (AttemptRow& attempt : data_.attempts) {
    if (attempt.row.run == change.run) move(attempt.row.task);
  }
  for (RenderedRow& row : data_.rendered) {
    if (row.run == change.run) move(row.task);
  }
  move_keys(data_.xcoms, [&](XcomId& id, XcomRow& row) {
    if (row.run == change.run) move(id.first.task), move(row.task);
  });
  move_keys(data_.checkpoints, [&](InstanceKey& key, CheckpointRow& row) {
    if (row.run == change.run) move(key.task), move(row.task);
  });
  move_keys(data_.questions, [&](auto& id, Data::Question& question) {
    if (question.row.run != change.run) return;
    move(id.first.task), move(question.row.task);
    if (question.answer) move(question.answer->task);
  });
  const auto by_attempt = [&](AttemptKey& key, auto& row) {
    if (key.run == change.run) move(key.task), move(row.key.task);
  };
  move_keys(data_.job_executions, by_attempt);
  move_keys(data_.attempt_reports, by_attempt);
  for (auto& [id, row] : data_.publications) {
    if (row.key.run == change.run) move(row.key.task);
  }
}

void MemoryStore::apply_tasks(const Changes& changes) {
  data_.attempts.insert(data_.attempts.end(), changes.attempts_archived.begin(),
                        changes.attempts_archived.end());
  const std::int64_t last_before = data_.last_instance;
  for (const TaskInstanceRow& row : changes.tasks_created) {
    const auto it = data_.runs.find(row.run);
    BATUTA_CHECK(it != data_.runs.end() && row.id > last_before);
    it->second.add(row);
    data_.last_instance = std::max(data_.last_instance, row.id);
  }
  for (const auto& update : changes.tasks_updated) {
    const auto it = data_.runs.find(update.row.run);
    BATUTA_CHECK(it != data_.runs.end());
    StoredRun& run = it->second;
    const InstanceIndex i = place_by_id(run, update.row);
    BATUTA_CHECK(run.hot[place_of(i)].state == update.from, run.run.dag_run_id);
    BATUTA_CHECK(run.hot[place_of(i)].fence == update.from_fence, run.run.dag_run_id);
    put_row(run, i, update.row);
  }
  for (const InstanceKey& cleared : changes.xcoms_cleared)
    std::erase_if(data_.xcoms, [&](const auto& x) { return x.first.first == cleared; });
  for (const auto& [of, key] : changes.xcoms_deleted) data_.xcoms.erase({of, key});
  for (const XcomRow& row : changes.xcoms) data_.xcoms[{row.instance(), row.key}] = row;
  for (const InstanceKey& done : changes.waits_done) data_.waits.erase(done);
  for (const WaitRow& row : changes.waits) data_.waits[row.key()] = row;
  for (const InstanceKey& gone : changes.checkpoints_gone) data_.checkpoints.erase(gone);
  for (const CheckpointRow& row : changes.checkpoints) data_.checkpoints[row.key()] = row;
  for (const QuestionRow& row : changes.questions) {
    const auto id = std::pair(row.key(), row.try_number);
    BATUTA_CHECK(data_.questions.try_emplace(id, Data::Question{row, {}}).second, row.subject);
  }
  for (const AnswerRow& row : changes.answers) {
    auto& question = data_.questions.at({row.key(), row.try_number});
    BATUTA_CHECK(!question.answer, "a second answer");
    question.answer = row;
  }
  for (const auto& gone : changes.rate_starts_gone) {
    std::erase_if(data_.rate_starts, [&](const auto& start) {
      return std::get<0>(start) == gone.dag_id && std::get<2>(start) <= gone.until;
    });
  }
  for (const RateStartRow& row : changes.rate_starts) {
    data_.rate_starts.emplace(row.dag_id, row.key, row.started);
  }
  for (const StreakRow& row : changes.streaks) {
    const auto key = std::tuple(row.dag_id, row.task_id, row.map_index);
    if (row.failures == 0) {
      data_.streaks.erase(key);
    } else {
      data_.streaks[key] = row;
    }
  }
}

void MemoryStore::apply_lake(const Changes& changes) {
  for (const TableRow& row : changes.tables) data_.tables[row.table] = row;
  for (const AcceptedRow& row : changes.accepted) data_.accepted[row.report.key] = row;
  for (const AttemptKey& key : changes.accepted_done) data_.accepted.erase(key);
  for (const PublicationRow& row : changes.publications) {
    data_.publications[row.id] = row;
    data_.last_publication = std::max(data_.last_publication, row.id);
  }
  for (const WatermarkRow& row : changes.watermarks) {
    const auto [it, fresh] = data_.watermarks.try_emplace({row.dag_id, row.task_id}, row);
    if (!fresh) it->second.value = std::max(it->second.value, row.value);
  }
  for (const JobExecutionRow& row : changes.job_executions) data_.job_executions[row.key] = row;
  for (const AttemptReportRow& row : changes.attempt_reports)
    BATUTA_CHECK(data_.attempt_reports.try_emplace(row.key, row).second, row.report_json);
  for (const OutboxRow& row : changes.outbox) {
    BATUTA_CHECK(data_.outbox.try_emplace(row.id, row).second, std::to_string(row.id));
    data_.last_outbox = std::max(data_.last_outbox, row.id);
  }
  for (std::int64_t id : changes.outbox_done) data_.outbox.erase(id);
}

void MemoryStore::apply_logs(const Changes& changes) {
  data_.event_log.insert(data_.event_log.end(), changes.event_log.begin(), changes.event_log.end());
}

void MemoryStore::apply_deletions(const Changes& changes) {
  for (const auto& [dag_id, most] : changes.runs_removed) {
    std::vector<RunSeq> ended;
    for (const auto& [seq, run] : data_.runs) {
      const bool full = most > 0 && static_cast<std::int64_t>(ended.size()) == most;
      if (run.run.dag_id == dag_id && is_terminal(run.run.state) && !full) ended.push_back(seq);
    }
    for (const RunSeq seq : ended) delete_run(seq);
  }
  for (const std::string& dag_id : changes.dags_deleted) {
    std::erase_if(data_.streaks, [&](const auto& s) { return s.second.dag_id == dag_id; });
    std::erase_if(data_.rate_starts, [&](const auto& s) { return std::get<0>(s) == dag_id; });
    for (const auto& [seq, run] : data_.runs) BATUTA_CHECK(run.run.dag_id != dag_id, dag_id);
    std::erase_if(data_.asset_queue, [&](const auto& q) { return q.first.dag_id == dag_id; });
    data_.asset_refs.erase(dag_id);
    data_.asset_alias_refs.erase(dag_id);
    data_.dags.erase(dag_id);
    std::erase_if(data_.backfill_ticks, [&](const BackfillTickRow& tick) {
      return data_.backfills.at(tick.backfill).dag_id == dag_id;
    });
    std::erase_if(data_.backfills, [&](const auto& b) { return b.second.dag_id == dag_id; });
    std::erase_if(data_.dag_versions, [&](const auto& v) { return v.second->id == dag_id; });
  }
}

const StoredRun* MemoryStore::find_run(const Questions::Name& name) const {
  const auto it = data_.run_ids.find({name.dag_id, name.text});
  return it == data_.run_ids.end() ? nullptr : &data_.runs.at(it->second);
}

Answers MemoryStore::read(const Questions& questions) {
  const auto row_of = [&](const auto& index, const auto& key) -> std::optional<RunRow> {
    const auto it = index.find(key);
    if (it == index.end()) return std::nullopt;
    return data_.runs.at(it->second).run;
  };
  Answers answers;
  for (const auto& name : questions.whole_runs) {
    const StoredRun* run = find_run(name);
    answers.whole_runs.push_back(run ? std::optional(*run) : std::nullopt);
  }
  for (const auto& name : questions.runs)
    answers.runs.push_back(row_of(data_.run_ids, RunName(name.dag_id, name.text)));
  for (const auto& key : questions.keys)
    answers.keys.push_back(row_of(data_.run_keys, RunName(key.dag_id, key.text)));
  for (const auto& date : questions.dates)
    answers.dates.push_back(row_of(data_.run_dates, std::pair(date.dag_id, date.logical_date)));
  for (const auto& date : questions.whole_dates) {
    const auto it = data_.run_dates.find(std::pair(date.dag_id, date.logical_date));
    const bool is_there = it != data_.run_dates.end();
    answers.whole_dates.push_back(is_there ? std::optional(data_.runs.at(it->second))
                                           : std::nullopt);
  }
  for (const auto& date : questions.before) {
    const RunRow* newest = nullptr;
    for (const auto& [seq, stored] : data_.runs) {
      const RunRow& run = stored.run;
      if (run.dag_id != date.dag_id || run.state != DagRunState::success || !run.logical_date ||
          *run.logical_date >= date.logical_date)
        continue;
      if (!newest || *run.logical_date > *newest->logical_date) newest = &run;
    }
    answers.before.push_back(newest ? std::optional(*newest) : std::nullopt);
  }
  for (const auto& xcom : questions.xcoms) {
    const auto it = data_.xcoms.find({xcom.of, xcom.key});
    answers.xcoms.push_back(it == data_.xcoms.end() ? std::nullopt
                                                    : std::optional(it->second.value_json));
  }
  for (const InstanceKey& of : questions.checkpoints) {
    const auto it = data_.checkpoints.find(of);
    answers.checkpoints.push_back(
        it == data_.checkpoints.end() ? std::nullopt : std::optional(it->second.checkpoint_json));
  }
  for (const auto& of : questions.consumed) {
    std::set<std::int64_t> ids(of.events.begin(), of.events.end());
    for (const auto& [run, event] : data_.asset_events_consumed)
      if (run == of.run) ids.insert(event);
    auto& events = answers.consumed.emplace_back();
    for (const std::int64_t id : ids) events.push_back(data_.asset_events.at(id));
  }
  for (const std::string& dag_id : questions.runtimes)
    answers.runtimes.push_back(runtimes_of(dag_id));
  return answers;
}

bool MemoryStore::update_outbox(const OutboxRow& row) {
  const auto it = data_.outbox.find(row.id);
  if (it == data_.outbox.end()) return false;
  it->second.tries = row.tries;
  it->second.next_try_at = row.next_try_at;
  it->second.last_error = row.last_error;
  it->second.dead = row.dead;
  return true;
}

std::optional<OutboxRow> MemoryStore::retry_outbox(std::int64_t id, Time now) {
  const auto it = data_.outbox.find(id);
  if (it == data_.outbox.end()) return std::nullopt;
  it->second.tries = 0;
  it->second.dead = false;
  it->second.next_try_at = now;
  return it->second;
}

Status MemoryStore::drop_outbox(std::int64_t id) {
  const auto it = data_.outbox.find(id);
  if (it == data_.outbox.end()) return {Errc::not_found, "no outbox row"};
  if (it->second.kind == OutboxKind::publish) return {Errc::conflict, "a publication is data"};
  data_.outbox.erase(it);
  return success();
}

void MemoryStore::save_job_configs(const std::vector<JobConfigView>& configs) {
  for (JobConfigView config : configs) {
    const auto [it, fresh] = data_.job_configs.try_emplace(config.job_name, config);
    if (fresh) continue;
    JobConfigView& known = it->second;
    const auto said = [](const JobConfigView& c) {
      return std::tie(c.params_json, c.interval, c.overlap, c.bucket_name, c.updated_by);
    };
    if (said(known) == said(config)) continue;
    config.created_at = known.created_at;
    known = std::move(config);
  }
}

std::int64_t MemoryStore::last_turn() {
  if (silent_) fail("the store does not answer");
  return data_.last_turn;
}

void MemoryStore::probe() {
  if (draw_fate() != CommitFate::ok) fail("probe failed");
  silent_ = false;
}

std::optional<TaskInstanceRow> MemoryStore::find_task(const InstanceKey& instance) const {
  const auto it = data_.runs.find(instance.run);
  if (it == data_.runs.end()) return std::nullopt;
  const std::optional<InstanceIndex> i = it->second.find(instance.task, instance.map_index);
  return i ? std::optional(it->second.row(*i)) : std::nullopt;
}

}  // namespace batuta
