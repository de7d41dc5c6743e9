// Requests about runs: trigger, cancel, delete, notes.
#include <algorithm>
#include <utility>

#include "scheduler/core/mutant.h"
#include "scheduler/core/partition.h"
#include "scheduler/core/turn.h"

namespace batuta {
namespace {

std::string generated_run_id(const RunRow& row) {
  const std::string uuid = to_string(row.uuid);
  return std::string(to_string(row.type)) + "__" +
         to_iso(row.logical_date.value_or(row.run_after)) + "__" + uuid.substr(uuid.size() - 8);
}

// Bad fields of the request itself; Errc::ok when there are none.
Error check_request(const RunRequested& event) {
  if (!event.dag_run_id.empty()) {
    if (!valid_run_id(event.dag_run_id)) {
      return {Errc::invalid, "1 to 250 characters of A-Z a-z 0-9 _ . ~ : + -", "dag_run_id"};
    }
    if (event.dag_run_id.starts_with("scheduled__")) {
      return {Errc::invalid, "'scheduled__' is kept for scheduled runs", "dag_run_id"};
    }
    if (event.dag_run_id.starts_with("backfill__")) {
      return {Errc::invalid, "'backfill__' is kept for the runs of backfills", "dag_run_id"};
    }
    if (event.dag_run_id.starts_with("asset_triggered__")) {
      return {Errc::invalid, "'asset_triggered__' is kept for runs that assets start",
              "dag_run_id"};
    }
  }
  if (event.data_interval_start.has_value() != event.data_interval_end.has_value()) {
    return {Errc::invalid, "data_interval_start and data_interval_end go together",
            "data_interval_start"};
  }
  if (event.data_interval_start && *event.data_interval_end < *event.data_interval_start) {
    return {Errc::invalid, "ends before it starts", "data_interval_end"};
  }
  if (event.conf_start && event.conf_end && *event.conf_end < *event.conf_start) {
    return {Errc::invalid, "conf.end lies before conf.start", "conf"};
  }
  if (!event.partition_key.empty()) {
    if (std::string why = fault_of_partition_key(event.partition_key); !why.empty()) {
      return {Errc::invalid, std::move(why), "partition_key"};
    }
  }
  return {Errc::ok, {}, {}};
}

RunRow make_row(const RunRequested& event, const LiveDag& dag, const Now& now) {
  RunRow row;
  row.uuid = event.uuid;
  row.type = event.type;
  row.logical_date = event.logical_date;
  row.run_after = event.run_after.value_or(now.wall);
  const DataInterval interval =
      event.data_interval_start
          ? DataInterval{*event.data_interval_start, *event.data_interval_end}
          : interval_of_manual(dag.dag->schedule, event.logical_date.value_or(row.run_after));
  row.data_interval_start = interval.start;
  row.data_interval_end = interval.end;
  row.conf_json = event.conf_json;
  row.conf_start = event.conf_start;
  row.conf_end = event.conf_end;
  row.note = event.note;
  row.triggered_by = event.triggered_by;
  row.triggering_user = event.user;
  row.idempotency_key = event.idempotency_key;
  row.request_digest = event.request_digest;
  row.branch = event.branch;
  row.partition_key = event.partition_key;
  row.dag_run_id = event.dag_run_id.empty() ? generated_run_id(row) : event.dag_run_id;
  return row;
}

// The run that bears the request's idempotency key already, in memory or in the store.
const RunRow* run_of_key(const RunRequested& event, const LiveDag& dag) {
  if (event.idempotency_key.empty()) return nullptr;
  const auto live = dag.by_key.find(event.idempotency_key);
  if (live != dag.by_key.end()) return &live->second->row();
  const bool stored = event.existing && event.existing->idempotency_key == event.idempotency_key;
  return stored ? &*event.existing : nullptr;
}

RunAnswer answer_repeat(const RunRequested& event, const RunRow& known) {
  if (known.request_digest != event.request_digest && !mutant("ignore_digest")) {
    return {Errc::invalid, "this idempotency key was used with another request",
            "header.Idempotency-Key"};
  }
  return {Errc::ok, {}, {}, nullptr, &known};
}

// What another run has already: its id or its logical date.
std::string taken_by_other(const RunRequested& event, const RunRow& row, const LiveDag& dag) {
  const bool stored_id = event.existing && event.existing->dag_run_id == row.dag_run_id;
  if (stored_id || dag.by_run_id.contains(row.dag_run_id)) {
    return "a run '" + row.dag_run_id + "' exists";
  }
  if (!row.logical_date) return {};
  const bool stored_date = event.existing && event.existing->logical_date == row.logical_date;
  if (stored_date || dag.by_date.contains(*row.logical_date) ||
      dag.dates_ahead.contains(*row.logical_date)) {
    return "a run with logical date " + to_iso(*row.logical_date) + " exists";
  }
  return {};
}

}  // namespace

void keep_date(LiveDag& dag, Time logical_date) {
  if (dag.row.cursor && logical_date <= *dag.row.cursor) return;
  dag.dates_ahead.insert(logical_date);
  if (dag.dates_ahead.size() > max_dates_ahead) dag.dates_ahead.erase(--dag.dates_ahead.end());
}

namespace {

bool has_publishing(const LiveRun& run) {
  return run.publishing > 0;
}

void note_and_reply(Turn& turn, const RunStateRequested& event, LiveRun& run) {
  if (event.note) {
    touch(turn, run);
    run.row().note = *event.note;
  }
  reply(turn, event.request, run);
}

void end_by_request(Turn& turn, const RunStateRequested& event, LiveRun& run) {
  if (has_publishing(run)) {
    return reply(turn, event.request, Errc::conflict,
                 "a task is publishing its tables; try again when it is done");
  }
  if (is_terminal(run.row().state)) {
    touch(turn, run);
    run.row().state = event.state;
    run.row().reason = "marked " + std::string(to_string(event.state)) + " by " + event.user;
    tell_waiters(turn.state, run);
    return note_and_reply(turn, event, run);
  }
  const std::string what = event.state == DagRunState::failed ? "cancelled" : "marked success";
  end_run_early(turn, run, event.state, what + " by " + event.user);
  note_and_reply(turn, event, run);
}

// As in Airflow: the run is looked at again, and what has ended stays as it is; to run tasks again
// is what a clear is for. A run that has not ended is where it should be.
void requeue_by_request(Turn& turn, const RunStateRequested& event, LiveRun& run) {
  if (run.row().ending) {
    return reply(turn, event.request, Errc::conflict, "the run is being ended");
  }
  if (is_terminal(run.row().state)) requeue_run(turn, run);
  note_and_reply(turn, event, run);
}

// What it has launched goes on, and it counts among the active runs of its DAG, time-out included.
void pause_by_request(Turn& turn, const RunStateRequested& event, LiveRun& run) {
  if (is_terminal(run.row().state)) {
    return reply(turn, event.request, Errc::conflict,
                 "the run has ended: there is nothing to pause");
  }
  const bool before = run.row().is_paused;
  touch(turn, run);
  run.row().is_paused = *event.paused;
  const auto text = [](bool is) { return std::string(is ? "true" : "false"); };
  log_event(turn, *event.paused ? "pause_run" : "resume_run", event.user, event.dag_id,
            event.dag_run_id, {},
            "{\"before\":" + text(before) + ",\"after\":" + text(*event.paused) + "}");
  if (run.stored.has_rows()) {
    refresh_groups(turn.state, run, turn.now.boot);
    check_all(turn.state, run);
  }
  note_and_reply(turn, event, run);
}

}  // namespace

RunAnswer request_run(Turn& turn, const RunRequested& event) {
  const auto found = turn.state.dags.find(event.dag_id);
  if (found == turn.state.dags.end() || found->second.deleted) {
    return {Errc::not_found, "no DAG '" + event.dag_id + "'"};
  }
  LiveDag& dag = found->second;
  if (const RunRow* known = run_of_key(event, dag); known && !mutant("ignore_idempotency_key")) {
    return answer_repeat(event, *known);
  }
  if (dag.row.is_stale) {
    return {Errc::conflict, "the file of '" + event.dag_id + "' is gone"};
  }
  if (Error bad = check_request(event); bad.code != Errc::ok) {
    return {Errc::invalid, bad.message, "/" + bad.where};
  }
  if (const std::string id = unknown_task(*dag.dag, event.only); !id.empty()) {
    return {Errc::invalid,
            "the DAG has no task '" + id.substr(0, 250) + "'" + near_task(*dag.dag, id), "/only"};
  }
  RunRow row = make_row(event, dag, turn.now);
  if (std::string taken = taken_by_other(event, row, dag); !taken.empty()) {
    return {Errc::conflict, std::move(taken)};
  }
  const auto limit = static_cast<std::size_t>(turn.state.options.max_queued_runs_per_dag);
  if (dag.queued.size() >= limit && !mutant("unbounded_queue")) {
    return {Errc::rate_limited,
            std::to_string(dag.queued.size()) + " runs of '" + event.dag_id + "' wait already"};
  }
  LiveRun& run = create_run(turn, dag, std::move(row));
  if (event.logical_date) keep_date(dag, *event.logical_date);
  if (!event.only.empty()) keep_only(turn, run, event);
  log_event(turn, "trigger", event.user, event.dag_id, run.row().dag_run_id);
  return {Errc::ok, {}, {}, &run};
}

void on(Turn& turn, const RunRequested& event) {
  RunAnswer answer = request_run(turn, event);
  if (answer.made != nullptr) return reply(turn, event.request, *answer.made);
  if (answer.code == Errc::invalid) {
    return refuse_field(turn, event.request, std::move(answer.where), std::move(answer.message));
  }
  if (answer.code != Errc::ok) {
    return reply(turn, event.request, answer.code, std::move(answer.message));
  }
  if (event.request == 0) return;
  turn.out.replies.push_back({event.request, Errc::ok, {}, *answer.known, true, {}, {}});
}

void on(Turn& turn, const RunStateRequested& event) {
  LiveRun* run = run_of_request(turn, event.request, event.dag_id, event.dag_run_id, event.stored);
  if (run == nullptr) return;
  if (event.paused) return pause_by_request(turn, event, *run);
  if (event.state == DagRunState::running) {
    return refuse_field(turn, event.request, "/state", "must be queued, success or failed");
  }
  log_event(turn, event.state == DagRunState::failed ? "cancel" : "set_run_state", event.user,
            event.dag_id, event.dag_run_id, {},
            "{" + json_member("before", to_string(run->row().state)) + "," +
                json_member("after", to_string(event.state)) + "}");
  if (event.state == DagRunState::queued) return requeue_by_request(turn, event, *run);
  end_by_request(turn, event, *run);
}

void on(Turn& turn, const RunDeleted& event) {
  LiveRun* run = run_of_request(turn, event.request, event.dag_id, event.dag_run_id, event.stored);
  if (run == nullptr) return;
  if (run->row().state == DagRunState::running || run->active > 0) {
    return reply(turn, event.request, Errc::conflict, "the run is running; cancel it first");
  }
  abandon_waiters(turn, *run);
  run->deleted = true;
  run->dag->past.erase(run->past_key());
  if (run->row().logical_date) run->dag->dates_ahead.erase(*run->row().logical_date);
  wake_all_past_users(turn.state, *run->dag);
  touch(turn, *run);
  log_event(turn, "delete_run", event.user, event.dag_id, event.dag_run_id);
  reply(turn, event.request, *run);
}

namespace {

std::vector<InstanceIndex> noted_instances(const LiveRun& run, const NoteSet& event) {
  if (event.all_instances) {
    const std::optional<TaskIndex> task = find_planned(run, event.task_id);
    return task ? instances_of(run, {*task}) : std::vector<InstanceIndex>{};
  }
  const std::optional<InstanceIndex> one = find_instance(run, event.task_id, event.map_index);
  return one ? std::vector{*one} : std::vector<InstanceIndex>{};
}

}  // namespace

void on(Turn& turn, const NoteSet& event) {
  LiveRun* run = run_of_request(turn, event.request, event.dag_id, event.dag_run_id, event.stored);
  if (run == nullptr) return;
  std::string before;
  if (event.task_id.empty()) {
    touch(turn, *run);
    before = std::exchange(run->row().note, event.note);
  } else {
    const std::vector<InstanceIndex> named = noted_instances(*run, event);
    if (named.empty()) {
      return reply(turn, event.request, Errc::not_found,
                   "no task instance '" + event.task_id + "'");
    }
    create_rows(turn, *run);
    before = run->detail(named.front()).note;  // of many instances the first's stands for all
    for (const InstanceIndex i : named) {
      touch(turn, *run, i);
      run->detail(i).note = event.note;
    }
  }
  log_event(turn, "set_note", event.user, event.dag_id, event.dag_run_id, event.task_id,
            "{" + json_member("before", before) + "," + json_member("after", event.note) + "}");
  reply(turn, event.request, *run);
}

}  // namespace batuta
