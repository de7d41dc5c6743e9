// The checker's look at data tasks: windows, watermarks, and the three steps of a publication.
#include <algorithm>

#include "tests/sim/checker.h"
#include "tests/sim/violation.h"

namespace batuta::sim {

// The window is fixed at the first attempt, from the interval, the watermark and the overlap, and
// kept by everything that comes later.
void Checker::check_window(const TaskInstanceRow& row, const StoredRun& run,
                           const Changes& changes) {
  const Task& task = run.dag->tasks[row.task];
  if (!task.is_data || !row.window_end) return;
  const auto text = [&] { return "window of " + task.id + " in " + run.run.dag_run_id; };
  if (const auto old = store_.find_task(row.key()); old && old->window_end) {
    require(old->window_end == row.window_end && old->window_start == row.window_start, "I18",
            [&] { return text() + " moved"; });
    return;
  }
  const RunRow& r = run.run;
  if (r.conf_start || r.conf_end || !r.data_interval_start) return;
  // The watermark may have moved within this turn: either value is right.
  const std::pair<std::string, std::string> name{r.dag_id, task.id};
  std::vector<Time> starts;
  const auto add = [&](OptTime mark) {
    starts.push_back(std::min(*r.data_interval_start, mark.value_or(*r.data_interval_start)) -
                     task.overlap);
  };
  const auto stored = store_.data().watermarks.find(name);
  add(stored == store_.data().watermarks.end() ? std::nullopt : OptTime(stored->second.value));
  for (const WatermarkRow& mark : changes.watermarks)
    if (mark.dag_id == r.dag_id && mark.task_id == task.id) add(mark.value);
  require(row.window_end == r.data_interval_end, "I18", [&] { return text() + " ends wrong"; });
  require(row.window_start && std::count(starts.begin(), starts.end(), *row.window_start) > 0,
          "I18", [&] { return text() + " starts wrong"; });
}

void Checker::check_watermarks(const Changes& changes) {
  for (const WatermarkRow& mark : changes.watermarks) {
    const auto stored = store_.data().watermarks.find({mark.dag_id, mark.task_id});
    require(stored == store_.data().watermarks.end() || mark.value >= stored->second.value, "I18",
            [&] { return "the watermark of " + mark.task_id + " moved back"; });
  }
}

// Accept: an output that replaces rows is refused when its table has moved, or is about to, since
// it was read. Outputs of one attempt do not stand in each other's way.
void Checker::check_accept(const PublicationRow& row, const Changes& changes) {
  const Life* life = ledger_.find(row.key);
  require(life && life->ended && life->report.outcome == Outcome::success &&
              static_cast<std::size_t>(row.position) < life->report.outputs.size(),
          "I2", [&] { return "a publication that no attempt prepared, " + row.table; });
  const TableOutput& output = life->report.outputs[static_cast<std::size_t>(row.position)];
  require(output.table == row.table, "I2", [] { return std::string("outputs out of order"); });
  if (output.append) return;
  const auto table = store_.data().tables.find(row.table);
  const bool moved =
      table != store_.data().tables.end() && output.read_version < table->second.last_version;
  const auto in_the_way = [&](const PublicationRow& other) {
    return other.table == row.table && other.key != row.key && other.id < row.id &&
           other.state == PublicationState::pending;
  };
  const auto& kept = store_.data().publications;
  const bool busy =
      std::any_of(kept.begin(), kept.end(),
                  [&](const auto& p) {
                    const bool ends_now = std::any_of(
                        changes.publications.begin(), changes.publications.end(),
                        [&](const auto& c) {
                          return c.id == p.first && c.state != PublicationState::pending;
                        });
                    return !ends_now && in_the_way(p.second);
                  }) ||
      std::any_of(changes.publications.begin(), changes.publications.end(), in_the_way);
  require(!moved && !busy, "I2",
          [&] { return "accepted although the table has moved: " + row.table; });
}

void Checker::check_publications(const Changes& changes, const SchedulerState& state) {
  const auto& kept = store_.data().publications;
  for (const PublicationRow& row : changes.publications)
    if (row.state == PublicationState::pending && !kept.count(row.id)) check_accept(row, changes);
  for (const OutboxRow& row : changes.outbox) {
    if (row.kind != OutboxKind::publish) continue;
    const PublicationRow* mine = state.pending_publication(row.publication);
    require(mine != nullptr, "I2", [] { return std::string("an outbox row of no publication"); });
    // In listed order, quarantine first: what stands before it must be settled.
    for (std::int64_t id = row.publication - 1; id >= row.publication - mine->position; --id) {
      const PublicationRow* other = state.pending_publication(id);
      require(!other || other->key != mine->key, "I2",
              [&] { return mine->table + " is published before what stands before it"; });
    }
  }
}

// A report is kept in the very turn that hears of it, and only that of the current attempt.
void Checker::check_reports(const Changes& changes) {
  for (const AttemptReportRow& row : changes.attempt_reports) {
    const Life* life = ledger_.find(row.key);
    const auto run = store_.data().runs.find(row.key.run);
    const bool on_branch = run != store_.data().runs.end() && !run->second.run.branch.empty();
    const std::string told = life ? life->report.extra_json : "";
    require(life && life->ended &&
                row.report_json == (on_branch ? "{\"on_branch\":" + told + "}" : told),
            "I4", [] { return std::string("a report that no attempt made"); });
    const auto old = store_.find_task(row.key.instance());
    const bool current = old && old->fence == row.key.fence && old->try_number == row.try_number &&
                         (old->state == TaskState::queued || old->state == TaskState::running);
    require(current, "I2", [&] {
      return "the report of fence " + std::to_string(row.key.fence) + " is kept, and is stale";
    });
  }
}

// An attempt whose end counted has its report kept.
void Checker::check_report_kept(const Changes::TaskUpdate& update, const TaskInstanceRow& old,
                                const Changes& changes) {
  const AttemptKey key = old.attempt();
  const Life* life = ledger_.find(key);
  if (!life || !life->ended || life->report.extra_json.empty()) return;
  const bool alive = old.state == TaskState::queued || old.state == TaskState::running;
  const bool accepted = update.row.fence == old.fence && update.row.state == TaskState::publishing;
  // What was lost may fail for the time that it waits for a slot again: nobody told of that.
  const bool failed = update.row.failures > old.failures && update.row.losses == old.losses;
  const bool counted = accepted || failed || update.row.conflicts > old.conflicts;
  if (!alive || !counted) return;
  const auto& kept = changes.attempt_reports;
  require(std::count_if(kept.begin(), kept.end(), [&](const auto& r) { return r.key == key; }) == 1,
          "I4",
          [&] { return "fence " + std::to_string(key.fence) + " told, and nothing is kept"; });
}

void Checker::check_xcoms(const Changes& changes, const SchedulerState& state) {
  for (const XcomRow& row : changes.xcoms) {
    const StoredRun* run = state.run(row.run);
    if (!run) continue;
    const auto i = run->find(row.task, row.map_index);
    require((i && run->state_of(*i) == TaskState::success) || touched_ever(run->run), "I2",
            [&] { return "an XCom before its task's success in " + run->run.dag_run_id; });
  }
}

}  // namespace batuta::sim
