// Accept and settle: table outputs between an attempt's success and the task's. See
// docs/architecture.md, "one commit for data and state"; the step between is the outbox's.
#include <algorithm>

#include "scheduler/core/assets.h"
#include "scheduler/core/mutant.h"
#include "scheduler/core/sha1.h"
#include "scheduler/core/turn.h"

namespace batuta {
namespace {

// The same attempt and position always give the same UUID, so that a repeated publish finds itself.
Uuid publication_uuid(const LiveRun& run, const AttemptKey& key, std::int32_t position) {
  std::string task = std::to_string(key.task);
  if (key.map_index != unmapped) task += "." + std::to_string(number_of(key.map_index));
  const auto hash = sha1(to_string(run.row().uuid) + "/" + task + "/" + std::to_string(key.fence) +
                         "/" + std::to_string(position));
  Uuid uuid;
  std::copy_n(hash.begin(), uuid.bytes.size(), uuid.bytes.begin());
  uuid.bytes[6] = (uuid.bytes[6] & 0x0F) | 0x80;  // version 8: custom
  uuid.bytes[8] = (uuid.bytes[8] & 0x3F) | 0x80;
  return uuid;
}

LiveTable& table_of(SchedulerState& state, const std::string& name) {
  LiveTable& table = state.tables[name];
  table.row.table = name;
  return table;
}

// Whether a publication to the table is under way where the run's would go: in the lake, or on the
// run's own branch of it. Elsewhere it changes nothing of what the run has read.
bool is_published_to(SchedulerState& state, const LiveRun& run, const LiveTable& table) {
  if (table.pending == 0) return false;
  return std::any_of(state.publications.begin(), state.publications.end(), [&](const auto& entry) {
    const PublicationRow& other = entry.second;
    if (other.table != table.row.table) return false;
    const auto at = state.runs.find(other.key.run);
    BATUTA_CHECK(at != state.runs.end(), "a pending publication belongs to a live run");
    return at->second->row().branch == run.row().branch;
  });
}

// Why an output may not be published any more; empty when it may.
std::string conflict_of(SchedulerState& state, const LiveRun& run, const TableOutput& output) {
  if (output.append || mutant("ignore_read_version")) return {};
  const LiveTable& table = table_of(state, output.table);
  if (is_published_to(state, run, table) && !mutant("ignore_pending_publication")) {
    return output.table + " has a publication under way";
  }
  // What is known here are the lake's versions. Whoever publishes judges by the branch's own.
  if (!run.row().branch.empty()) return {};
  if (output.read_version < table.row.last_version) {
    return output.table + " was read at version " + std::to_string(output.read_version) +
           " and is at " + std::to_string(table.row.last_version);
  }
  return {};
}

void queue_publication(Turn& turn, const PublicationRow& publication) {
  OutboxRow row;
  row.id = publication.id;
  row.kind = OutboxKind::publish;
  row.key = publication.table;
  row.publication = publication.id;
  row.created_at = turn.now.wall;
  turn.out.changes.outbox.push_back(std::move(row));
}

// The tables of one attempt publish in listed order, and each table's publications in the order of
// their numbers: the outbox row is made when nothing before it is left. Attempts are accepted one
// after the other, so these two orders cannot wait for each other in a circle.
bool is_next(const SchedulerState& state, const PublicationRow& row) {
  return std::none_of(state.publications.begin(), state.publications.end(), [&](const auto& entry) {
    const PublicationRow& other = entry.second;
    return (other.key == row.key && other.position < row.position) ||
           (other.table == row.table && other.number < row.number);
  });
}

// `gone` has left: queues what waited for it.
void queue_followers(Turn& turn, const PublicationRow& gone) {
  for (const auto& [id, row] : turn.state.publications) {
    const bool waited = (row.key == gone.key && row.position > gone.position) ||
                        (row.table == gone.table && row.number > gone.number);
    if (waited && is_next(turn.state, row)) queue_publication(turn, row);
  }
}

std::vector<PublicationRow*> pending_of(SchedulerState& state, const AttemptKey& key) {
  std::vector<PublicationRow*> found;
  for (auto& [id, row] : state.publications) {
    if (row.key == key) found.push_back(&row);
  }
  return found;
}

// The run and task of a publication; null when it is not pending (a repeated answer).
PublicationRow* pending(SchedulerState& state, std::int64_t id) {
  const auto at = state.publications.find(id);
  return at == state.publications.end() ? nullptr : &at->second;
}

TaskRef publisher_of(SchedulerState& state, const AttemptKey& key) {
  const auto at = state.runs.find(key.run);
  BATUTA_CHECK(at != state.runs.end(), "a pending publication belongs to a live run");
  LiveRun& run = *at->second;
  const std::optional<InstanceIndex> i = run.stored.find(key.task, key.map_index);
  BATUTA_CHECK(i && run.stored.state_of(*i) == TaskState::publishing && run.attempt(*i) == key,
               "a pending publication belongs to a publishing task");
  return {&run, *i};
}

void drop_publication(Turn& turn, const PublicationRow& row, PublicationState as) {
  LiveTable& table = table_of(turn.state, row.table);
  --table.pending;
  PublicationRow done = row;
  done.state = as;
  turn.out.changes.publications.push_back(std::move(done));
  turn.state.publications.erase(row.id);
}

AcceptedRow take_accepted(Turn& turn, const AttemptKey& key) {
  const auto at = turn.state.accepted.find(key);
  BATUTA_CHECK(at != turn.state.accepted.end(), "a publishing task has its accepted report");
  AcceptedRow accepted = std::move(at->second);
  turn.state.accepted.erase(at);
  turn.out.changes.accepted_done.push_back(key);
  return accepted;
}

}  // namespace

void accept_outputs(Turn& turn, LiveRun& run, InstanceIndex i, const Finished& report, bool again) {
  SchedulerState& state = turn.state;
  for (const TableOutput& output : report.outputs) {
    const std::string conflict = conflict_of(state, run, output);
    if (!conflict.empty()) return refuse_publication(turn, run, i, conflict, true);
  }
  const AttemptKey key = run.attempt(i);
  for (std::size_t at = 0; at < report.outputs.size(); ++at) {
    const TableOutput& output = report.outputs[at];
    LiveTable& table = table_of(state, output.table);
    PublicationRow row;
    row.id = state.take_outbox_id();
    row.key = key;
    row.position = static_cast<std::int32_t>(at);
    row.table = output.table;
    row.number =
        mutant("reuse_publication_number") ? table.row.next_number : table.row.next_number++;
    row.uuid = publication_uuid(run, key, row.position);
    row.payload_json = output.payload_json;
    ++table.pending;
    turn.out.changes.tables.push_back(table.row);
    turn.out.changes.publications.push_back(row);
    if (is_next(state, row) || mutant("publish_out_of_order")) queue_publication(turn, row);
    state.publications.emplace(row.id, std::move(row));
  }
  AcceptedRow accepted{report, again};
  const auto told = turn.told_assets.find({key.run, i});
  if (told != turn.told_assets.end()) accepted.assets = told->second;
  accepted.report.outputs.clear();
  accepted.report.extra_json.clear();
  turn.out.changes.accepted.push_back(accepted);
  state.accepted.emplace(key, std::move(accepted));
  move_task(turn, run, i, Cause::accepted, TaskState::publishing);
  if (mutant("success_before_settle")) {
    turn.out.changes.xcoms.push_back(
        {key.run, key.task, key.map_index, "return_value", report.result_json, turn.now.wall});
  }
}

void on(Turn& turn, const PublicationSettled& event) {
  PublicationRow* row = pending(turn.state, event.publication);
  if (row == nullptr) return;
  row->version = event.version;
  const AttemptKey key = row->key;
  const TaskRef of = publisher_of(turn.state, key);
  LiveTable& table = table_of(turn.state, row->table);
  if (of.run->row().branch.empty()) {  // its versions are not the table's
    table.row.last_version = std::max(table.row.last_version, event.version);
    turn.out.changes.tables.push_back(table.row);
  }
  turn.out.changes.outbox_done.push_back(row->id);
  write_table_event(turn, *of.run, of.instance, row->table, event.version);
  const PublicationRow gone = *row;
  drop_publication(turn, *row, PublicationState::settled);
  queue_followers(turn, gone);
  if (!pending_of(turn.state, key).empty() && !mutant("settle_after_first")) return;
  const AcceptedRow accepted = take_accepted(turn, key);
  turn.told_assets[{key.run, of.instance}] = accepted.assets;
  attempt_succeeded(turn, *of.run, of.instance, accepted.report, accepted.again);
}

void on(Turn& turn, const PublicationRefused& event) {
  PublicationRow* row = pending(turn.state, event.publication);
  if (row == nullptr) return;
  const AttemptKey key = row->key;
  const TaskRef of = publisher_of(turn.state, key);
  turn.out.changes.outbox_done.push_back(row->id);
  std::vector<PublicationRow> gone;
  for (const PublicationRow* each : pending_of(turn.state, key)) {
    gone.push_back(*each);
    drop_publication(turn, *each, PublicationState::refused);
  }
  for (const PublicationRow& each : gone) queue_followers(turn, each);
  take_accepted(turn, key);
  refuse_publication(turn, *of.run, of.instance, event.reason, event.rerun_may_help);
}

}  // namespace batuta
