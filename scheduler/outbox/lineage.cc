#include "scheduler/outbox/lineage.h"

#include <algorithm>
#include <set>
#include <utility>

#include "scheduler/core/stored_run.h"

namespace batuta {
namespace {

// A try that has begun and not ended, whoever runs it.
bool is_under_way(TaskState state) {
  return state == TaskState::running || state == TaskState::publishing ||
         state == TaskState::deferred;
}

bool is_by_people(const std::string& reason) {
  return reason.starts_with("cancelled") || reason.starts_with("marked");
}

// As what a try has ended; `state` of its row, or what the task became when no row is kept.
LineageType end_of(const TaskInstanceRow& row) {
  switch (row.state) {
    case TaskState::success:
    case TaskState::skipped:
    case TaskState::up_for_reschedule:  // its loop goes on with another try
      return LineageType::complete;
    case TaskState::failed:
    case TaskState::up_for_retry:
      return is_by_people(row.reason) ? LineageType::abort : LineageType::fail;
    default:
      return LineageType::abort;  // cleared, or its worker was lost: it runs again
  }
}

// The most attempts that publish at a time whose inputs are remembered.
constexpr std::size_t most_remembered = 10'000;

}  // namespace

struct LineageTeller::Turn {
  SchedulerState& state;
  Changes& changes;
  const Now& now;
  std::map<InstanceKey, const TaskInstanceRow*> archived{};     // the last try that ended
  std::map<AttemptKey, std::vector<LineageInput>> read{};       // told in this turn
  std::map<AttemptKey, std::vector<PublicationRow>> written{};  // settled in this turn
  std::set<AttemptKey> ended{};                                 // their last event is made
  Backlog room{};
  std::uint64_t lost = 0;
};

LineageTeller::LineageTeller(LineageNames names, std::function<Backlog()> waiting, Backlog most)
    : names_(std::move(names)), waiting_(std::move(waiting)), most_(most) {}

void LineageTeller::tell(SchedulerState& state, Changes& changes, const Now& now) {
  const bool quiet = changes.runs_created.empty() && changes.runs_updated.empty() &&
                     changes.tasks_created.empty() && changes.tasks_updated.empty() &&
                     changes.publications.empty() && changes.attempt_reports.empty();
  if (quiet) return;
  Turn turn{state, changes, now};
  const Backlog waiting = waiting_();
  turn.room = {most_.events - std::min(waiting.events, most_.events),
               most_.bytes - std::min(waiting.bytes, most_.bytes)};
  for (const AttemptRow& each : changes.attempts_archived) {
    turn.archived[each.row.key()] = &each.row;
  }
  for (const AttemptReportRow& report : changes.attempt_reports) {
    auto inputs = lineage_inputs(report.report_json);
    if (!inputs.empty()) turn.read[report.key] = std::move(inputs);
  }
  for (const PublicationRow& row : changes.publications) {
    if (row.state == PublicationState::settled) turn.written[row.key].push_back(row);
  }
  tell_runs(turn);
  note_room(turn, waiting);
}

// A run's start goes before what its tasks do, and its end behind.
void LineageTeller::tell_runs(Turn& turn) {
  std::vector<const RunRow*> runs;
  for (const auto* rows : {&turn.changes.runs_created, &turn.changes.runs_updated}) {
    for (const RunRow& run : *rows) runs.push_back(&run);
  }
  for (const RunRow* run : runs) {
    if (run->start_date == turn.now.wall) {
      add_run(turn, *run, {LineageType::start, turn.now.wall});
    }
  }
  tell_attempts(turn);
  for (const RunRow* run : runs) {
    if (!is_terminal(run->state) || run->end_date != turn.now.wall) continue;
    if (!run->start_date) add_run(turn, *run, {LineageType::start, turn.now.wall});
    LineageType type = LineageType::complete;
    if (run->state == DagRunState::failed) {
      type = is_by_people(run->reason) ? LineageType::abort : LineageType::fail;
    }
    add_run(turn, *run, {type, turn.now.wall});
  }
}

void LineageTeller::tell_attempts(Turn& turn) {
  for (const TaskInstanceRow& row : turn.changes.tasks_created) {
    tell_instance(turn, TaskState::none, 0, row);
  }
  for (const Changes::TaskUpdate& update : turn.changes.tasks_updated) {
    tell_instance(turn, update.from, update.from_fence, update.row);
  }
  tell_unfinished(turn);
}

void LineageTeller::tell_instance(Turn& turn, TaskState from, Fence from_fence,
                                  const TaskInstanceRow& row) {
  const auto found = turn.archived.find(row.key());
  const TaskInstanceRow* old = found == turn.archived.end() ? nullptr : found->second;
  const bool was_under_way = is_under_way(from);
  const bool is_now = is_under_way(row.state);
  const auto end = [&](TaskInstanceRow ended) {
    add_attempt(turn, ended, {end_of(ended), ended.end_date.value_or(turn.now.wall)});
  };
  const auto start = [&](const TaskInstanceRow& begun) {
    add_attempt(turn, begun, {LineageType::start, begun.start_date.value_or(turn.now.wall)});
  };
  // The row in which the try that was there before the turn ended, if it did.
  const bool same_try = old == nullptr && row.fence == from_fence;
  if (was_under_way && !(is_now && same_try)) end(old != nullptr ? *old : row);
  if (is_now && !(was_under_way && same_try)) return start(row);
  if (is_now || was_under_way) return;
  // It began and ended within the turn: a worker's two reports came together, or nobody ran it.
  const TaskInstanceRow& ended = old != nullptr ? *old : row;
  const bool over = is_terminal(ended.state) || ended.state == TaskState::up_for_retry ||
                    ended.state == TaskState::up_for_reschedule;
  const bool here = ended.start_date == turn.now.wall || from == TaskState::queued;
  if (!over || !here || ended.try_number == 0 || is_terminal(from)) return;
  start(ended);
  end(ended);
}

// What is known of tables while their attempt goes on.
void LineageTeller::tell_unfinished(Turn& turn) {
  std::set<AttemptKey> keys;
  for (const auto& [key, inputs] : turn.read) keys.insert(key);
  for (const auto& [key, outputs] : turn.written) keys.insert(key);
  for (const AttemptKey& key : keys) {
    if (turn.ended.contains(key)) continue;
    const StoredRun* run = turn.state.run(key.run);
    if (run == nullptr || !run->has_rows()) continue;
    const auto i = run->find(key.task, key.map_index);
    if (!i || run->hot[place_of(*i)].fence != key.fence) continue;
    if (!is_under_way(run->state_of(*i))) continue;
    if (const auto read = turn.read.find(key);
        read != turn.read.end() && read_.size() < most_remembered) {
      read_[key] = read->second;
    }
    add_attempt(turn, run->row(*i), {LineageType::running, turn.now.wall});
  }
}

void LineageTeller::add_run(Turn& turn, const RunRow& run, LineageMoment moment) {
  const StoredRun* live = turn.state.run(run.seq);
  if (live == nullptr) return;      // deleted in this turn
  if (!run.branch.empty()) return;  // what it reads and writes is not what others know by the name
  add(turn, lineage_of_run(names_, moment, run, *live->dag), run);
}

void LineageTeller::add_attempt(Turn& turn, const TaskInstanceRow& row, LineageMoment moment) {
  const StoredRun* run = turn.state.run(row.run);
  if (run == nullptr || row.task >= run->dag->tasks.size() || !run->run.branch.empty()) return;
  LineageTables tables;
  if (moment.type != LineageType::start) {
    const AttemptKey key = row.attempt();
    if (const auto at = turn.read.find(key); at != turn.read.end()) {
      tables.inputs = at->second;
    } else if (const auto before = read_.find(key); before != read_.end()) {
      tables.inputs = before->second;
    }
    if (const auto at = turn.written.find(key); at != turn.written.end()) {
      tables.outputs = at->second;
    }
    if (moment.type != LineageType::running) {
      turn.ended.insert(key);
      read_.erase(key);
    }
  }
  add(turn, lineage_of_attempt(names_, moment, run->run, *run->dag, row, tables), run->run);
}

void LineageTeller::add(Turn& turn, std::string text, const RunRow& run) {
  if (turn.room.events == 0 || turn.room.bytes < text.size()) {
    ++turn.lost;
    return;
  }
  --turn.room.events;
  turn.room.bytes -= text.size();
  OutboxRow row;
  row.id = turn.state.take_outbox_id();
  row.kind = OutboxKind::lineage;
  row.key = run.dag_id + "/" + run.dag_run_id;
  row.payload_json = std::move(text);
  row.created_at = turn.now.wall;
  turn.changes.outbox.push_back(std::move(row));
}

void LineageTeller::note_room(Turn& turn, const Backlog& waiting) {
  const auto tell = [&](const char* event, std::string extra) {
    turn.changes.event_log.push_back({turn.now.wall, event, "", "", "", "", std::move(extra)});
  };
  if (turn.lost > 0 && !full_) {
    full_ = true;
    lost_before_ = lost_;
    tell("lineage_full", "{\"waiting\":" + std::to_string(waiting.events) +
                             ",\"bytes\":" + std::to_string(waiting.bytes) + "}");
  }
  lost_ += turn.lost;
  // Room for a tenth: what is full does not come and go with every event that is sent.
  const auto nearly = [](std::size_t most) { return most - most / 10; };
  if (turn.lost > 0 || !full_ || waiting.events > nearly(most_.events) ||
      waiting.bytes > nearly(most_.bytes)) {
    return;
  }
  full_ = false;
  tell("lineage_resumed", "{\"lost\":" + std::to_string(lost_ - lost_before_) + "}");
}

}  // namespace batuta
