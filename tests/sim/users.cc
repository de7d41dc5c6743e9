#include "tests/sim/users.h"

#include "tests/sim/asset_words.h"
#include "tests/sim/dag_maker.h"
#include "tests/sim/violation.h"

namespace batuta::sim {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

void ignore(const Reply&) {}

Uuid draw_uuid(Rng& rng) {
  Uuid id;
  for (auto& byte : id.bytes) byte = static_cast<std::uint8_t>(rng.below(256));
  return id;
}

}  // namespace

void Users::start() {
  for (int i = 0; i < c_.knobs.dags; ++i) {
    auto dag = make_dag(c_, i, 1);
    editions_[dag->id] = 1;
    files_[dag->id] = std::move(dag);
  }
  dags_read();
  const std::int32_t slots = c_.knobs.tight_limits ? 6 : 128;
  insist([slots] { return Event{PoolSet{0, {"default_pool", slots, ""}, false}}; });
  insist([] { return Event{PoolSet{0, {"small", 2, ""}, false}}; });
  for (const auto& [id, dag] : files_)
    insist([id = id] { return Event{PauseRequested{0, id, false}}; });
  plan(c_.knobs.triggers, &Users::trigger);
  plan(c_.knobs.triggers / 4, &Users::misuse_key);
  plan(c_.knobs.interventions, &Users::intervene);
  plan(c_.knobs.pauses, &Users::toggle_pause);
  plan(c_.knobs.pool_changes, &Users::resize_pool);
  plan(c_.knobs.edits, &Users::edit);
  plan(c_.knobs.backfills, &Users::backfill);
  if (!c_.knobs.assets) return;
  plan(static_cast<int>(c_.rng.between(0, 6)), &Users::tell_asset);
  plan(static_cast<int>(c_.rng.between(0, 2)), &Users::drop_queued);
}

void Users::plan(int count, void (Users::*action)()) {
  for (int i = 0; i < count; ++i)
    c_.agenda.after(c_.random_up_to(c_.knobs.busy), [this, action] { (this->*action)(); });
}

void Users::dags_read() {
  DagsChanged read;
  for (const auto& [id, dag] : files_) read.current.push_back(dag);
  for (const auto& [id, row] : store_.data().dags)
    if (!files_.count(id) && !row.is_stale) read.gone.push_back(id);
  node_.post(std::move(read));
}

std::string Users::any_dag() {
  return "dag" + std::to_string(c_.rng.below(static_cast<std::uint64_t>(c_.knobs.dags)));
}

// ---- triggers
// -------------------------------------------------------------------------------------

void Users::trigger() {
  Trigger t;
  t.dag_id = any_dag();
  if (c_.rng.chance(600)) t.key = "key" + std::to_string(++keys_);
  t.digest = "body" + std::to_string(keys_);
  if (t.key.empty() || c_.rng.chance(300)) t.run_id = "run" + std::to_string(++keys_);
  t.dated = c_.knobs.cron && t.key.empty() && c_.rng.chance(200);
  const auto file = files_.find(t.dag_id);
  // What its past was without a task is not the checker's business.
  if (file != files_.end() && !c_.knobs.prior_dependence && c_.rng.chance(150)) {
    const auto& tasks = file->second->tasks;
    t.only.push_back(tasks[c_.rng.below(tasks.size())].id);
    t.with_upstream = c_.rng.chance(500);
  }
  if (c_.knobs.keyed_assets) t.partition = drawn_partition(c_.rng);
  t.on_branch = c_.knobs.lake_branches && c_.rng.chance(250);
  ++open_triggers_;
  send(std::move(t));
}

void Users::send(Trigger t) {
  RunRequested event;
  event.uuid = draw_uuid(c_.rng);
  event.dag_id = t.dag_id;
  event.dag_run_id = t.run_id;
  event.idempotency_key = t.key;
  event.request_digest = t.digest;
  event.only = t.only;
  event.with_upstream = t.with_upstream;
  event.partition_key = t.partition;
  if (t.on_branch) event.branch = "what_if/1";
  if (t.dated) event.logical_date = std::chrono::ceil<std::chrono::minutes>(c_.wall());
  node_.request(std::move(event), [this, t](const Reply& reply) { answered(t, reply); });
}

void Users::answered(const Trigger& trigger, const Reply& reply) {
  Trigger t = trigger;
  if (reply.code == Errc::unavailable) {
    ++t.tries;
    c_.met(Situation::trigger_retried_blind);
    c_.agenda.after(milliseconds(c_.rng.between(100, 1500)), [this, t] { send(t); });
    return;
  }
  --open_triggers_;
  // A run id of one's own, sent again after the answer was lost, meets the run it made.
  if (reply.code != Errc::ok || !reply.run) return;
  checker_.acknowledged(reply.run->uuid, {reply.run->dag_id, reply.run->dag_run_id});
  if (reply.repeated) c_.met(Situation::trigger_repeated);
  if (!reply.repeated && !t.only.empty()) check_chosen(t, *reply.run);
  if (t.key.empty()) return;
  const RunName name{reply.run->dag_id, reply.run->dag_run_id};
  const auto [it, fresh] = answers_.try_emplace(t.dag_id + "/" + t.key, reply.run->uuid, name);
  require(it->second.first == reply.run->uuid || checker_.deletable(it->second.second), "I17",
          [&] { return "two runs for the idempotency key " + t.key; });
  it->second = {reply.run->uuid, name};
  told_[t.dag_id + "/" + t.key] = t;
  if (!fresh || !c_.rng.chance(400)) return;
  ++open_triggers_;  // the same request once more, later
  c_.agenda.after(c_.random_up_to(seconds(20)), [this, t] { send(t); });
}

void Users::misuse_key() {
  if (told_.empty()) return;
  const Trigger t = told_.begin()->second;
  const Uuid was = answers_.begin()->second.first;
  RunRequested event;
  event.uuid = draw_uuid(c_.rng);
  event.dag_id = t.dag_id;
  event.idempotency_key = t.key;
  event.request_digest = "another body";
  node_.request(std::move(event), [this, was](const Reply& reply) {
    if (reply.code == Errc::unavailable) return;
    require(reply.code != Errc::ok || (reply.run && reply.run->uuid != was), "I17",
            [] { return std::string("one idempotency key took two bodies"); });
    if (reply.code == Errc::invalid) c_.met(Situation::key_misused);
    if (reply.code == Errc::ok && reply.run)  // the first run had been deleted
      checker_.acknowledged(reply.run->uuid, {reply.run->dag_id, reply.run->dag_run_id});
  });
}

// The run has what was chosen and what that needs; what comes only after it is none of the run's.
void Users::check_chosen(const Trigger& trigger, const RunRow& made) {
  const auto at = store_.data().runs.find(made.seq);
  if (at == store_.data().runs.end() || !at->second.has_rows()) return;
  const StoredRun& run = at->second;
  const Dag& dag = *run.dag;
  const auto chosen = find_task(dag, trigger.only.front());
  if (!chosen) return;
  c_.met(Situation::run_of_chosen_tasks);
  std::vector<bool> before(dag.tasks.size());
  before[*chosen] = true;
  for (bool grown = true; grown;) {
    grown = false;
    for (TaskIndex i = 0; i < dag.tasks.size(); ++i) {
      if (!before[i]) continue;
      for (const TaskIndex up : dag.tasks[i].upstream) {
        grown = grown || !before[up];
        before[up] = true;
      }
    }
  }
  for (TaskIndex i = 0; i < dag.tasks.size(); ++i) {
    const bool wanted = i == *chosen || (trigger.with_upstream && before[i]);
    const bool gone = run.hot[i].state == TaskState::removed;
    const bool plain = !dag.tasks[i].is_setup && !dag.tasks[i].is_teardown;
    require(!wanted || !gone, "I6", [&] { return "chosen, and not there: " + dag.tasks[i].id; });
    require(wanted || gone || !plain, "I6",
            [&] { return "not chosen, and there: " + dag.tasks[i].id; });
  }
}

// ---- interventions
// --------------------------------------------------------------------------------

const StoredRun* Users::any_run() {
  const auto& runs = store_.data().runs;
  if (runs.empty()) return nullptr;
  auto it = runs.begin();
  std::advance(it, static_cast<long>(c_.rng.below(runs.size())));
  return &it->second;
}

bool Users::any(const StoredRun& run, TaskState state) const {
  for (const InstanceHot& row : run.hot)
    if (row.state == state) return true;
  return false;
}

void Users::intervene() {
  const StoredRun* run = any_run();
  if (!run) return;
  switch (c_.rng.below(8)) {
    case 0:
    case 1:
    case 2:
      return clear(*run);
    case 3:
      return mark(*run);
    case 4:
      return set_run_state(*run, DagRunState::failed);
    case 5:
      return set_run_state(*run, c_.rng.chance(500) ? DagRunState::success : DagRunState::queued);
    case 6:
      return remove(*run);
    default: {
      NoteSet note;
      note.dag_id = run->run.dag_id;
      note.dag_run_id = run->run.dag_run_id;
      note.note = "seen";
      node_.request(std::move(note), ignore);
    }
  }
}

void Users::clear(const StoredRun& run) {
  ClearRequested event;
  event.dag_id = run.run.dag_id;
  event.dag_run_id = run.run.dag_run_id;
  event.only_failed = c_.rng.chance(300);
  event.dry_run = c_.rng.chance(100);
  event.include_downstream = c_.rng.chance(500);
  event.include_upstream = c_.rng.chance(200);
  if (c_.rng.chance(600))
    event.task_ids.push_back(run.dag->tasks[c_.rng.below(run.dag->tasks.size())].id);
  if (!event.task_ids.empty() && !run.mapped.empty() && c_.rng.chance(500))
    event.map_indexes.push_back(MapIndex{static_cast<std::int32_t>(c_.rng.below(4))});
  const bool finished = is_terminal(run.run.state);
  const bool running = any(run, TaskState::running);
  const bool publishing = any(run, TaskState::publishing);
  const bool real = !event.dry_run;
  if (c_.rng.chance(250)) add_runs(event);
  const bool several = !event.more_runs.empty();
  node_.request(std::move(event), [=, this](const Reply& reply) {
    if (!real) return;
    if (several && reply.code == Errc::ok) c_.met(Situation::clear_several_runs);
    if (publishing) c_.met(Situation::clear_while_publishing);
    if (reply.code != Errc::ok) return;
    if (finished) c_.met(Situation::clear_finished_run);
    if (running) c_.met(Situation::clear_while_running);
  });
}

// As a clear over past and future has it: others of the DAG, live, finished or gone since.
void Users::add_runs(ClearRequested& event) {
  for (const auto& [seq, other] : store_.data().runs) {
    const bool fits = other.run.dag_id == event.dag_id && other.run.dag_run_id != event.dag_run_id;
    if (fits && c_.rng.chance(500)) event.more_runs.push_back({other.run.dag_run_id, {}});
    if (event.more_runs.size() == 3) return;
  }
}

void Users::mark(const StoredRun& run) {
  static constexpr TaskState states[] = {TaskState::success, TaskState::failed, TaskState::skipped};
  MarkRequested event;
  event.dag_id = run.run.dag_id;
  event.dag_run_id = run.run.dag_run_id;
  event.task_id = run.dag->tasks[c_.rng.below(run.dag->tasks.size())].id;
  event.state = states[c_.rng.below(3)];
  if (!run.mapped.empty() && c_.rng.chance(500))
    event.map_index = MapIndex{static_cast<std::int32_t>(c_.rng.below(3))};
  event.include_downstream = c_.rng.chance(300);
  node_.request(std::move(event), [this](const Reply& reply) {
    if (reply.code == Errc::ok) c_.met(Situation::marked_by_hand);
  });
}

void Users::set_run_state(const StoredRun& run, DagRunState state) {
  RunStateRequested event;
  event.dag_id = run.run.dag_id;
  event.dag_run_id = run.run.dag_run_id;
  event.state = state;
  const bool running = any(run, TaskState::running);
  const bool publishing = any(run, TaskState::publishing);
  node_.request(std::move(event), [this, running, publishing](const Reply& reply) {
    if (publishing) c_.met(Situation::cancel_while_publishing);
    if (running && reply.code == Errc::ok) c_.met(Situation::cancel_while_running);
  });
}

void Users::remove(const StoredRun& run) {
  RunDeleted event;
  event.dag_id = run.run.dag_id;
  event.dag_run_id = run.run.dag_run_id;
  checker_.may_be_deleted({event.dag_id, event.dag_run_id});
  node_.request(std::move(event), [this](const Reply& reply) {
    if (reply.code == Errc::ok) c_.met(Situation::run_deleted);
  });
}

// ---- DAGs and pools
// -------------------------------------------------------------------------------

// Held, and let go again: by then it may have ended, or be gone.
void Users::pause_run(const StoredRun& run) {
  RunStateRequested event;
  event.dag_id = run.run.dag_id;
  event.dag_run_id = run.run.dag_run_id;
  event.paused = true;
  node_.request(event, [this, event](const Reply& reply) {
    if (reply.code != Errc::ok) return;
    c_.met(Situation::run_paused);
    RunStateRequested resume = event;
    resume.paused = false;
    if (!c_.faults) insist([resume] { return Event{resume}; });  // it came too late to be held
  });
  c_.agenda.after(c_.random_up_to(seconds(15)), [this, event] {
    RunStateRequested resume = event;
    resume.paused = false;
    insist([resume] { return Event{resume}; });
  });
}

void Users::toggle_pause() {
  const std::string id = any_dag();
  const StoredRun* live = any_run();
  if (live && !is_terminal(live->run.state) && c_.rng.chance(500)) return pause_run(*live);
  if (live && !is_terminal(live->run.state)) c_.met(Situation::dag_paused);
  insist([id] { return Event{PauseRequested{0, id, true}}; });
  c_.agenda.after(c_.random_up_to(seconds(15)), [this, id] {
    insist([id] { return Event{PauseRequested{0, id, false}}; });
  });
}

// Over a few minutes that have passed, or are passing. A run keeps its version: the checker knows
// an instance's rows by their place.
void Users::backfill() {
  static constexpr Reprocess all[] = {Reprocess::none, Reprocess::failed, Reprocess::completed};
  BackfillRequested event;
  BackfillRow& row = event.backfill;
  row.dag_id = any_dag();
  row.from_date = c_.wall() - std::chrono::minutes(c_.rng.between(1, 8));
  row.to_date = c_.wall() + std::chrono::minutes(c_.rng.between(-1, 1));
  row.run_backwards = c_.rng.chance(300);
  row.reprocess = all[c_.rng.below(3)];
  row.max_active_runs = static_cast<std::int32_t>(c_.rng.between(1, 3));
  row.latest_version = false;
  node_.request(std::move(event), [this](const Reply& reply) {
    if (reply.code != Errc::ok || !reply.backfill) return;
    c_.agenda.after(c_.random_up_to(seconds(10)),
                    [this, id = reply.backfill->id] { meddle_with(id); });
  });
}

void Users::meddle_with(std::int64_t backfill) {
  const auto change = [&](BackfillChanged::Kind kind) {
    node_.request(BackfillChanged{0, backfill, kind}, ignore);
  };
  if (c_.rng.chance(250)) {
    checker_.may_be_cancelled(backfill);
    return change(BackfillChanged::Kind::cancel);
  }
  if (!c_.faults || c_.rng.chance(500)) return;
  change(BackfillChanged::Kind::pause);
  c_.agenda.after(c_.random_up_to(seconds(15)), [this, backfill] {
    node_.request(BackfillChanged{0, backfill, BackfillChanged::Kind::unpause}, ignore);
  });
}

void Users::resize_pool() {
  const auto slots = static_cast<std::int32_t>(c_.rng.between(0, 4));
  insist([slots] { return Event{PoolSet{0, {"small", slots, ""}, false}}; });
}

void Users::tell_asset() {
  const auto& assets = store_.data().assets;
  if (assets.empty() || !c_.faults) return;
  AssetChanged event;
  event.asset = static_cast<std::int64_t>(c_.rng.below(assets.size() + 1)) + 1;  // or none
  if (c_.knobs.keyed_assets) event.partition_key = drawn_partition(c_.rng);
  node_.request(std::move(event), ignore);
}

void Users::drop_queued() {
  const auto& assets = store_.data().assets;
  if (assets.empty()) return;
  QueuedAssetEventsDropped event;
  if (c_.rng.chance(600)) event.dag_id = any_dag();
  if (event.dag_id.empty() || c_.rng.chance(400))
    event.asset = static_cast<std::int64_t>(c_.rng.below(assets.size())) + 1;
  if (c_.rng.chance(300)) event.before = c_.wall();
  node_.request(std::move(event), ignore);
}

void Users::edit() {
  if (!c_.faults) return;  // rest() has put back what was deleted, without its schedule
  const std::string id = any_dag();
  const bool live = [&] {
    const StoredRun* run = any_run();
    return run && !is_terminal(run->run.state);
  }();
  const auto it = files_.find(id);
  if (it != files_.end() && c_.rng.chance(300)) {
    files_.erase(it);
    if (live) c_.met(Situation::dag_gone);
    c_.agenda.after(c_.random_up_to(seconds(10)), [this] { edit(); });
  } else {
    files_[id] = make_dag(c_, id.back() - '0', ++editions_[id]);
    if (live) c_.met(Situation::dag_edited);
  }
  dags_read();
}

void Users::insist(std::function<Event()> make) {
  // What somebody wanted while the world was busy is not insisted on in peace.
  node_.request(make(), [this, make, then = c_.faults](const Reply& reply) {
    if (reply.code != Errc::unavailable) return;
    c_.agenda.after(milliseconds(300), [this, make, then] {
      if (then == c_.faults) insist(make);
    });
  });
}

void Users::cancel_run(RunSeq run) {
  const auto it = store_.data().runs.find(run);
  if (it != store_.data().runs.end()) set_run_state(it->second, DagRunState::failed);
}

// A task that depends on a past that failed waits until somebody decides: here, for ever no.
void Users::give_up_on_the_past() {
  if (!c_.knobs.prior_dependence) return;
  for (const auto& [seq, run] : store_.data().runs)
    if (!is_terminal(run.run.state)) set_run_state(run, DagRunState::failed);
}

void Users::rest() {
  for (int i = 0; i < c_.knobs.dags; ++i) {
    const std::string id = "dag" + std::to_string(i);
    const auto it = files_.find(id);
    const auto dag = it != files_.end() ? it->second : make_dag(c_, i, ++editions_[id]);
    files_[id] = unscheduled(*dag);
  }
  dags_read();
  for (const auto& [id, dag] : files_)
    insist([id = id] { return Event{PauseRequested{0, id, false}}; });
  for (const auto& [seq, run] : store_.data().runs) {
    RunStateRequested resume;
    resume.dag_id = run.run.dag_id;
    resume.dag_run_id = run.run.dag_run_id;
    resume.paused = false;
    if (run.run.is_paused) insist([resume] { return Event{resume}; });
  }
  for (const auto& [id, row] : store_.data().backfills) {
    if (row.phase != BackfillPhase::active) continue;
    insist([id = id] { return Event{BackfillChanged{0, id, BackfillChanged::Kind::unpause}}; });
  }
  insist([] { return Event{PoolSet{0, {"default_pool", 128, ""}, false}}; });
  insist([] { return Event{PoolSet{0, {"small", 4, ""}, false}}; });
}

}  // namespace batuta::sim
