#include <algorithm>
#include <nlohmann/json.hpp>

#include "common/safe_json.h"
#include "scheduler/dagfile/dag_parser.h"
#include "scheduler/store/history_sql.h"
#include "scheduler/store/store.h"
#include "tests/api/fake_services.h"

namespace batuta::http {
namespace {

constexpr std::string_view demo_text = R"({
  "dag_id": "demo", "description": "<b>two</b> tasks", "schedule": "@hourly",
  "start_date": "2024-01-01T00:00:00Z", "catchup": false, "tags": ["finance", "demo"],
  "params": {"n": {"type": "integer", "default": 3, "maximum": 10}},
  "default_args": {"owner": "data", "retries": 2, "retry_delay": "2m"},
  "tasks": [
    {"task_id": "first", "type": "shell", "command": "true"},
    {"task_id": "second", "type": "mock", "depends_on": ["first"], "expand": {"print": ["a"]}}
  ]})";

// A list of states, empty for any.
template <class State>
bool has(const std::vector<State>& states, State state) {
  return states.empty() || std::find(states.begin(), states.end(), state) != states.end();
}

template <class Row>
PageOf<Row> cut(std::vector<Row> rows, const Page& page) {
  PageOf<Row> out;
  out.total = static_cast<std::int64_t>(rows.size());
  for (auto i = page.offset; i < std::min(out.total, page.offset + page.limit); ++i) {
    out.rows.push_back(rows[static_cast<std::size_t>(i)]);
  }
  return out;
}

}  // namespace

std::shared_ptr<const Dag> demo_dag() {
  static const auto dag = [] {
    const auto result = parse_dag_file(demo_text, "demo.json", ".", {});
    for (const auto& problem : result.problems) BATUTA_CHECK(false, problem.text());
    return result.dag;
  }();
  return dag;
}

PageOf<RunRow> FakeHistory::runs(const RunQuery& query) {
  before_runs();
  remember(last_run_query, query);
  runs_sql(query);  // refuses what no list knows
  std::vector<RunRow> found;
  for (const auto& run : run_rows) {
    if (query.dag_id && run.dag_id != *query.dag_id) continue;
    if (!query.sight.sees(run.dag_id)) continue;
    if (!has(query.states, run.state)) continue;
    const bool fits =
        std::all_of(query.filters.begin(), query.filters.end(), [&](const Filter& filter) {
          return filter.field != "partition_key" || filter.op != Filter::Op::any ||
                 filter.values.front() == FilterValue{run.partition_key};
        });
    if (!fits) continue;
    found.push_back(run);
  }
  return cut(found, query.page);
}

std::optional<RunRow> FakeHistory::run(const std::string& dag_id, const std::string& id) {
  for (const auto& run : run_rows) {
    if (run.dag_id == dag_id && run.dag_run_id == id) return run;
  }
  return std::nullopt;
}

PageOf<TaskInstanceView> FakeHistory::task_instances(const TaskQuery& query) {
  remember(last_task_query, query);
  tasks_sql(query);
  std::vector<TaskInstanceView> found;
  for (const auto& view : views) {
    if (query.dag_run_id && view.dag_run_id != *query.dag_run_id) continue;
    if (query.dag_id && view.dag_id != *query.dag_id) continue;
    if (!query.sight.sees(view.dag_id)) continue;
    if (!has(query.states, view.row.state)) continue;
    const bool left_out =
        std::any_of(query.filters.begin(), query.filters.end(), [&](const Filter& filter) {
          if (filter.field == "map_index" && filter.op == Filter::Op::gte) {
            return filter.values.front() > FilterValue(std::int64_t{number_of(view.row.map_index)});
          }
          return filter.field == "task_id" && filter.values.front() != FilterValue(view.task_id);
        });
    if (left_out) continue;
    found.push_back(view);
  }
  auto page = cut(found, query.page);
  page.total_is_least = total_is_least;
  return page;
}

std::optional<TaskInstanceView> FakeHistory::task_instance(const InstanceName& name) {
  for (const auto& view : views) {
    const bool is_it = view.dag_id == name.dag_id && view.dag_run_id == name.dag_run_id &&
                       view.task_id == name.task_id && view.row.map_index == name.map_index;
    if (is_it) return view;
  }
  return std::nullopt;
}

std::vector<RunStates> FakeHistory::instance_states(const std::vector<RunSeq>& runs) {
  std::vector<RunStates> found;
  for (const RunSeq run : runs) {
    RunStates& states = found.emplace_back();
    for (const auto& view : views) {
      if (view.row.run != run) continue;
      states.named.push_back({view.row.task, view.row.map_index, view.row.state});
    }
  }
  return found;
}

std::vector<TaskInstanceView> FakeHistory::tries(const InstanceName& name) {
  std::vector<TaskInstanceView> found;
  const auto newest = task_instance(name);
  if (!newest) return found;
  for (const auto& view : older_tries) {
    if (view.dag_run_id == name.dag_run_id && view.task_id == name.task_id) found.push_back(view);
  }
  found.push_back(*newest);
  return found;
}

PageOf<BackfillRow> FakeHistory::backfills(const BackfillQuery& query) {
  std::vector<BackfillRow> found;
  for (const BackfillRow& row : backfill_rows) {
    if (query.dag_id && row.dag_id != *query.dag_id) continue;
    if (query.unfinished && row.phase == BackfillPhase::done) continue;
    if (query.sight.sees(row.dag_id)) found.push_back(row);
  }
  return cut(std::move(found), query.page);
}

std::optional<BackfillRow> FakeHistory::backfill(std::int64_t id) {
  for (const BackfillRow& row : backfill_rows) {
    if (row.id == id) return row;
  }
  return std::nullopt;
}

PageOf<BackfillTickView> FakeHistory::backfill_ticks(std::int64_t id, const Page& page) {
  std::vector<BackfillTickView> found;
  for (const BackfillTickView& view : tick_rows)
    if (view.row.backfill == id) found.push_back(view);
  return cut(std::move(found), page);
}

BackfillCounts FakeHistory::backfill_counts(std::int64_t id) {
  if (!tick_counts.outcomes.empty()) return tick_counts;
  BackfillCounts counts;
  for (const BackfillTickView& view : tick_rows) {
    if (view.row.backfill != id) continue;
    ++counts.outcomes[view.row.outcome];
    if (view.state) ++counts.runs[*view.state];
  }
  return counts;
}

std::vector<std::optional<RunRow>> FakeHistory::runs_of_dates(
    const std::string& dag_id, const std::vector<Time>& logical_dates) {
  std::vector<std::optional<RunRow>> found;
  for (const Time date : logical_dates) {
    std::optional<RunRow>& one = found.emplace_back();
    for (const RunRow& row : run_rows) {
      if (row.dag_id == dag_id && row.logical_date == date) one = row;
    }
  }
  return found;
}

PageOf<XcomView> FakeHistory::xcoms(const XcomQuery& query) {
  remember(last_xcom_query, query);
  xcoms_sql(query);
  std::vector<XcomView> found;
  for (const auto& row : xcom_rows) {
    for (const auto& view : views) {
      if (row.instance() != view.row.key()) continue;
      if (query.dag_id && view.dag_id != *query.dag_id) continue;
      if (query.dag_run_id && view.dag_run_id != *query.dag_run_id) continue;
      if (query.task_id && view.task_id != *query.task_id) continue;
      if (!query.sight.sees(view.dag_id)) continue;
      found.push_back({row, view.dag_id, view.dag_run_id, view.task_id, {}, view.run_after});
    }
  }
  return cut(found, query.page);
}

std::optional<XcomRow> FakeHistory::xcom(const InstanceKey& instance, const std::string& key) {
  for (const auto& row : xcom_rows) {
    if (row.instance() == instance && row.key == key) return row;
  }
  return std::nullopt;
}

std::vector<DagSummary> FakeHistory::dag_summaries(const std::vector<std::string>& ids,
                                                   int last_runs) {
  std::vector<DagSummary> found;
  for (const auto& id : ids) {
    for (const auto& row : dag_rows) {
      if (row.dag_id != id) continue;
      DagSummary summary{row, std::nullopt, {}, 0};
      for (const auto& run : run_rows) {
        if (run.dag_id == id && !is_terminal(run.state)) ++summary.active_runs;
        if (run.dag_id == id && static_cast<int>(summary.last_runs.size()) < last_runs) {
          summary.last_runs.push_back(run);
        }
      }
      found.push_back(std::move(summary));
    }
  }
  return found;
}

std::vector<std::string> FakeHistory::favorites(const std::string& user) {
  std::vector<std::string> found;
  if (registry == nullptr) return found;
  for (const auto& [name, dag_id] : registry->favorite_rows) {
    if (name == user) found.push_back(dag_id);
  }
  return found;
}

PageOf<DagVersionView> FakeHistory::dag_versions(const DagVersionQuery& query) {
  dag_versions_sql(query);
  if (query.dag_id && query.dag_id != "demo") return {};
  if (!query.sight.sees("demo")) return {};
  std::vector<DagVersionView> versions = older_versions;
  versions.push_back(*dag_version(demo_dag()->version));
  for (const Filter& filter : query.filters) {
    if (filter.field != "version_number") continue;
    std::erase_if(versions, [&](const DagVersionView& version) {
      return std::get<std::int64_t>(filter.values.front()) != version.number;
    });
  }
  return cut(std::move(versions), query.page);
}

std::optional<DagVersionView> FakeHistory::dag_version(const std::string& version) {
  for (const auto& older : older_versions) {
    if (older.version == version) return older;
  }
  if (version != demo_dag()->version) return std::nullopt;
  return DagVersionView{1,
                        version,
                        *parse_iso("2026-11-01T00:00:00Z"),
                        std::string(demo_text),
                        demo_dag()->canonical_json,
                        "demo"};
}

PageOf<EventLogView> FakeHistory::event_logs(const EventLogQuery& query) {
  remember(last_event_query, query);
  events_sql(query);
  std::vector<EventLogView> found{*event_log(7)};
  for (const auto& view : event_rows) found.push_back(view);
  std::erase_if(found, [&](const EventLogView& view) {
    return view.row.dag_id.empty() ? !query.without_dag : !query.sight.sees(view.row.dag_id);
  });
  return cut(std::move(found), query.page);
}

std::optional<EventLogView> FakeHistory::event_log(std::int64_t id) {
  for (const auto& view : event_rows) {
    if (view.id == id) return view;
  }
  if (id != 7) return std::nullopt;
  EventLogView view;
  view.id = 7;
  view.row.event = "trigger";
  view.row.owner = "operator";
  view.row.when = *parse_iso("2026-11-20T10:00:00Z");
  return view;
}

PageOf<JobExecutionView> FakeHistory::job_executions(const std::optional<std::string>& name,
                                                     const Page& page, const Sight& sight) {
  std::vector<JobExecutionView> found;
  for (const auto& [dag, row] : job_rows)
    if (sight.sees(dag) && (!name || row.job_name == *name)) found.emplace_back().row = row;
  for (const auto& dag : dag_rows) {
    if (!job_rows.empty() || !sight.sees(dag.dag_id)) continue;
    JobExecutionView& view = found.emplace_back();
    view.id = static_cast<std::int64_t>(found.size());
    view.row.job_name = dag.dag_id + ".first";
    view.row.status = "success";
  }
  return cut(std::move(found), page);
}

std::vector<JobConfigView> FakeHistory::job_configs() {
  std::vector<JobConfigView> found;
  for (const auto& dag : dag_rows) {
    JobConfigView& row = found.emplace_back();
    row.job_name = dag.dag_id + ".first";
    row.params_json = "{}";
  }
  return found;
}

PageOf<QuestionView> FakeHistory::questions(const QuestionQuery& query) {
  remember(last_question_query, query);
  std::vector<QuestionView> found;
  for (const QuestionView& view : question_rows) {
    const bool asked_again =
        std::any_of(question_rows.begin(), question_rows.end(), [&](const QuestionView& other) {
          return other.row.key() == view.row.key() && other.row.try_number > view.row.try_number;
        });
    if (!asked_again && query.sight.sees(view.task.dag_id)) found.push_back(view);
  }
  return cut(found, query.page);
}

std::optional<QuestionView> FakeHistory::question(const InstanceKey& of, std::int32_t try_number) {
  for (const QuestionView& view : question_rows) {
    if (view.row.key() == of && view.row.try_number == try_number) {
      return QuestionView{view.row, view.answer, {}};
    }
  }
  return std::nullopt;
}

PageOf<OutboxRow> FakeHistory::outbox(bool dead_only, const Page& page) {
  OutboxRow row;
  row.id = 5;
  row.kind = OutboxKind::alert;
  row.key = "slack_alerts";
  return cut(dead_only ? std::vector<OutboxRow>{} : std::vector{row}, page);
}

}  // namespace batuta::http
