#include "scheduler/outbox/lineage.h"

#include <algorithm>
#include <set>
#include <utility>

#include "scheduler/core/stored_run.h"
#include "scheduler/outbox/moments.h"

namespace batuta {
namespace {

// The most attempts that publish at a time whose inputs are remembered.
constexpr std::size_t most_remembered = 10'000;

}  // namespace

struct LineageTeller::Turn {
  SchedulerState& state;
  Changes& changes;
  const Now& now;
  std::map<AttemptKey, std::vector<LineageInput>> read{};       // told in this turn
  std::map<AttemptKey, std::vector<PublicationRow>> written{};  // settled in this turn
  std::set<AttemptKey> ended{};                                 // their last event is made
};

LineageTeller::LineageTeller(LineageNames names, std::function<EventBacklog()> waiting,
                             EventBacklog most)
    : names_(std::move(names)), room_("lineage", std::move(waiting), most) {}

void LineageTeller::tell(SchedulerState& state, Changes& changes, const Now& now) {
  const bool quiet = changes.runs_created.empty() && changes.runs_updated.empty() &&
                     changes.tasks_created.empty() && changes.tasks_updated.empty() &&
                     changes.publications.empty() && changes.attempt_reports.empty();
  if (quiet) return;
  Turn turn{state, changes, now};
  room_.begin();
  for (const AttemptReportRow& report : changes.attempt_reports) {
    auto inputs = lineage_inputs(report.report_json);
    if (!inputs.empty()) turn.read[report.key] = std::move(inputs);
  }
  for (const PublicationRow& row : changes.publications) {
    if (row.state == PublicationState::settled) turn.written[row.key].push_back(row);
  }
  tell_runs(turn);
  room_.end(changes, now);
}

void LineageTeller::tell_runs(Turn& turn) {
  each_moment(
      turn.changes, turn.now,
      {[&](const RunRow& run, const Moment& moment) { add_run(turn, run, moment); },
       [&](const TaskInstanceRow& row, const Moment& moment) { add_attempt(turn, row, moment); },
       [&] { tell_unfinished(turn); }});
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
    add_attempt(turn, run->row(*i), {MomentType::running, turn.now.wall});
  }
}

void LineageTeller::add_run(Turn& turn, const RunRow& run, Moment moment) {
  const StoredRun* live = turn.state.run(run.seq);
  if (live == nullptr) return;      // deleted in this turn
  if (!run.branch.empty()) return;  // what it reads and writes is not what others know by the name
  add(turn, lineage_of_run(names_, moment, run, *live->dag), run);
}

void LineageTeller::add_attempt(Turn& turn, const TaskInstanceRow& row, Moment moment) {
  const StoredRun* run = turn.state.run(row.run);
  if (run == nullptr || row.task >= run->dag->tasks.size() || !run->run.branch.empty()) return;
  LineageTables tables;
  if (moment.type != MomentType::start) {
    const AttemptKey key = row.attempt();
    if (const auto at = turn.read.find(key); at != turn.read.end()) {
      tables.inputs = at->second;
    } else if (const auto before = read_.find(key); before != read_.end()) {
      tables.inputs = before->second;
    }
    if (const auto at = turn.written.find(key); at != turn.written.end()) {
      tables.outputs = at->second;
    }
    if (moment.type != MomentType::running) {
      turn.ended.insert(key);
      read_.erase(key);
    }
  }
  add(turn, lineage_of_attempt(names_, moment, run->run, *run->dag, row, tables), run->run);
}

void LineageTeller::add(Turn& turn, std::string text, const RunRow& run) {
  if (!room_.take(text.size())) return;
  OutboxRow row;
  row.id = turn.state.take_outbox_id();
  row.kind = OutboxKind::lineage;
  row.key = run.dag_id + "/" + run.dag_run_id;
  row.payload_json = std::move(text);
  row.created_at = turn.now.wall;
  turn.changes.outbox.push_back(std::move(row));
}

}  // namespace batuta
