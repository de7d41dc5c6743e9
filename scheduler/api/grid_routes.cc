// The grid of a DAG: its tasks by its newest runs, a byte a cell.
#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include "common/safe_json.h"
#include "scheduler/api/codecs.h"
#include "scheduler/api/handlers.h"
#include "scheduler/api/params.h"

namespace batuta::http {

using nlohmann::json;

namespace {

constexpr std::int64_t usual_runs = 50;
constexpr std::int64_t most_runs = 200;
constexpr char not_in_this_version = ' ';

// The letter of a cell; the page knows them (web/src/lib/grid.ts).
char cell_letter(TaskState state) {
  switch (state) {
    case TaskState::none:
      return '-';
    case TaskState::scheduled:
      return 'h';
    case TaskState::queued:
      return 'q';
    case TaskState::running:
    case TaskState::publishing:
      return 'r';
    case TaskState::success:
      return 's';
    case TaskState::failed:
      return 'f';
    case TaskState::up_for_retry:
      return 'y';
    case TaskState::upstream_failed:
      return 'u';
    case TaskState::skipped:
      return 'k';
    case TaskState::removed:
      return 'x';
    case TaskState::deferred:
      return 'w';
    case TaskState::up_for_reschedule:
      return 'p';
  }
  return '-';
}

// What a mapped task shows as one: the first of these that an instance is in.
constexpr std::string_view worst_first = "fuyrwpqh-skx";

// Tasks as rows, by name: first those of the newest version, in the order of their dependencies,
// then those that only older runs have; and the groups that they stand in, by name, too.
class GridRows {
 public:
  struct Row {
    const Task* task = nullptr;
    bool is_gone = false;
  };

  // `dag` outlives this.
  void add(const Dag& dag, bool is_gone) {
    for (const TaskIndex index : in_order(dag)) {
      const Task& task = dag.tasks[index];
      const auto [it, is_new] = places_.try_emplace(task.id, rows_.size());
      if (is_new) rows_.push_back({&task, is_gone});
      if (is_new) add_groups(dag, task.group);
    }
  }
  // Each with its parents: as the newest version that has it says.
  const std::map<std::string_view, const TaskGroup*>& groups() const { return groups_; }
  // The row of each task of a version that was added.
  std::vector<std::size_t> places_of(const Dag& dag) const {
    std::vector<std::size_t> places;
    places.reserve(dag.tasks.size());
    for (const Task& task : dag.tasks) places.push_back(places_.find(task.id)->second);
    return places;
  }
  const std::vector<Row>& rows() const { return rows_; }

 private:
  // By the longest path from a root; in the order of the file where that is the same.
  static std::vector<TaskIndex> in_order(const Dag& dag) {
    const std::size_t count = dag.tasks.size();
    std::vector<std::size_t> waiting(count), layer(count, 0);
    std::vector<TaskIndex> ready, order(count);
    for (TaskIndex i = 0; i < count; ++i) {
      order[i] = i;
      waiting[i] = dag.tasks[i].upstream.size();
      if (waiting[i] == 0) ready.push_back(i);
    }
    for (std::size_t at = 0; at < ready.size(); ++at) {
      for (const TaskIndex next : dag.tasks[ready[at]].downstream) {
        layer[next] = std::max(layer[next], layer[ready[at]] + 1);
        if (--waiting[next] == 0) ready.push_back(next);
      }
    }
    std::stable_sort(order.begin(), order.end(),
                     [&](TaskIndex a, TaskIndex b) { return layer[a] < layer[b]; });
    return order;
  }

  void add_groups(const Dag& dag, std::string_view id) {
    while (!id.empty() && !groups_.contains(id)) {
      const auto found = std::lower_bound(
          dag.groups.begin(), dag.groups.end(), id,
          [](const TaskGroup& group, std::string_view name) { return group.id < name; });
      if (found == dag.groups.end() || found->id != id) return;
      groups_.emplace(found->id, &*found);
      id = found->parent;
    }
  }

  std::vector<Row> rows_;
  std::map<std::string, std::size_t, std::less<>> places_;
  std::map<std::string_view, const TaskGroup*> groups_;
};

// One run's column.
struct GridColumn {
  const RunRow* run = nullptr;
  std::shared_ptr<const VersionInfo> version;
  const std::vector<std::size_t>* places = nullptr;  // null: its version is not understood any more
  std::string cells;
  std::map<std::size_t, std::map<TaskState, int>> mapped;  // by row

  void put(const RunStates::Named& one) {
    if (one.task >= places->size()) return;
    const std::size_t row = (*places)[one.task];
    const char letter = cell_letter(one.state);
    if (one.map_index == unmapped) {
      cells[row] = letter;
      return;
    }
    auto& counts = mapped[row];
    if (counts.empty() || worst_first.find(letter) < worst_first.find(cells[row])) {
      cells[row] = letter;
    }
    ++counts[one.state == TaskState::publishing ? TaskState::running : one.state];
  }

  void put_all(const RunStates& states) {
    if (!places) return;
    for (const std::size_t row : *places) cells[row] = cell_letter(states.others);
    for (const RunStates::Named& one : states.named) put(one);
  }

  json to_json() const {
    json counted = json::object();
    for (const auto& [row, counts] : mapped) {
      json& one = counted[std::to_string(row)];
      for (const auto& [state, count] : counts) one[std::string(to_string(state))] = count;
    }
    return {{"dag_run_id", run->dag_run_id},
            {"state", to_string(run->state)},
            {"run_type", to_string(run->type)},
            {"logical_date", iso_or_null(run->logical_date)},
            {"run_after", to_iso(run->run_after)},
            {"queued_at", to_iso(run->queued_at)},
            {"start_date", iso_or_null(run->start_date)},
            {"end_date", iso_or_null(run->end_date)},
            {"version_number", version ? json(version->number) : json(nullptr)},
            {"cells", cells},
            {"mapped", std::move(counted)}};
  }
};

json grid_rows_json(const GridRows& rows) {
  json out = json::array();
  for (const auto& [task, is_gone] : rows.rows()) {
    json row = {{"task_id", task->id},
                {"operator_name", task->plugin},
                {"is_mapped", task->is_mapped()},
                {"is_gone", is_gone},
                {"group", text_or_null(rows.groups().contains(task->group) ? task->group : "")}};
    if (!task->display_name.empty()) row["display_name"] = task->display_name;
    out.push_back(std::move(row));
  }
  return out;
}

json grid_groups_json(const GridRows& rows) {
  json out = json::array();
  for (const auto& [id, group] : rows.groups()) {
    const bool has_parent = rows.groups().contains(group->parent);
    json one = {{"group_id", id}, {"parent", text_or_null(has_parent ? group->parent : "")}};
    if (!group->display_name.empty()) one["display_name"] = group->display_name;
    out.push_back(std::move(one));
  }
  return out;
}

Result<RunQuery> read_grid_query(const Request& request) {
  QueryReader query(request);
  RunQuery runs;
  runs.dag_id = path_param(request, "dag_id");
  runs.page.limit = query.integer("runs", usual_runs, 1, most_runs);
  runs.page.offset = query.integer("offset", 0, 0, std::numeric_limits<std::int32_t>::max());
  runs.filters = query.filters();
  runs.order_by = {"-run_after"};
  if (!query.status()) return query.status().error();
  return runs;
}

}  // namespace

Result<Response> get_grid(Context& context, const Request& request) {
  auto query = read_grid_query(request);
  if (!query) return query.error();
  const auto bag = context.services.backend.dags();
  auto& history = context.services.history;
  const auto found = history.dag_summaries({*query->dag_id}, 0);
  if (found.empty()) {
    return {Errc::not_found, "The Dag with ID: `" + *query->dag_id + "` was not found"};
  }
  const auto runs = history.runs(*query);
  const auto newest = context.find_version(found.front().row.version);
  GridRows rows;
  if (newest && newest->dag) rows.add(*newest->dag, false);
  std::vector<GridColumn> columns;
  for (const RunRow& run : runs.rows) {
    columns.push_back({&run, context.find_version(run.dag_version), nullptr, {}, {}});
    const auto& version = columns.back().version;
    if (version && version->dag) rows.add(*version->dag, true);
  }
  std::map<std::string, std::vector<std::size_t>> places;  // by version
  std::vector<RunSeq> asked;
  for (GridColumn& column : columns) {
    asked.push_back(column.run->seq);
    column.cells.assign(rows.rows().size(), not_in_this_version);
    if (!column.version || !column.version->dag) continue;
    auto [it, is_new] = places.try_emplace(column.run->dag_version);
    if (is_new) it->second = rows.places_of(*column.version->dag);
    column.places = &it->second;
  }
  const auto states = history.instance_states(asked);
  for (std::size_t i = 0; i < columns.size(); ++i) columns[i].put_all(states[i]);
  json list = json::array();
  for (const GridColumn& column : columns) list.push_back(column.to_json());
  return json_response({{"dag_id", *query->dag_id},
                        {"tasks", grid_rows_json(rows)},
                        {"groups", grid_groups_json(rows)},
                        {"runs", std::move(list)},
                        {"total_runs", runs.total}});
}

}  // namespace batuta::http
