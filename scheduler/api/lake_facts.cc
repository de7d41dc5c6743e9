#include "scheduler/api/lake_facts.h"

#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "common/safe_json.h"
#include "scheduler/api/codecs.h"
#include "scheduler/dagfile/dag_bag.h"
#include "scheduler/dagfile/dag_codec.h"

namespace batuta::http {
namespace {

using nlohmann::json;

constexpr std::int64_t newest_attempts = 50;  // of a task, that are counted
constexpr std::int64_t most_looked_at = 500;  // with those that do not count
constexpr std::int64_t most_left_out = 1000;  // of a DAG, the newest
constexpr std::size_t max_error = 500;

// The results of this table; null where the attempt told of others only.
json results_of(const QualityReportView& view, const std::string& table) {
  const json told = attempt_report_json(view.row);
  json out = json::array();
  for (const json& one : told["quality"]) {
    const auto of = one.is_object() ? one.find("table") : one.end();
    if (one.is_object() && of != one.end() && *of == table) out.push_back(one);
  }
  return out;
}

// What is no end of an attempt to load the lake.
struct LeftOut {
  std::set<RunSeq> on_branches;   // runs
  std::set<InstanceKey> waiting;  // whose newest row is a part that ended with a wait
};

LeftOut left_out_of(History& history, const std::string& dag) {
  LeftOut out;
  RunQuery runs;
  runs.dag_id = dag;
  runs.filters.push_back({"branch", Filter::Op::none, {std::string()}});
  runs.order_by = {"-run_after"};
  runs.page.limit = most_left_out;
  for (const RunRow& run : history.runs(runs).rows)
    if (!run.branch.empty()) out.on_branches.insert(run.seq);
  TaskQuery tasks;
  tasks.dag_id = dag;
  tasks.states = {TaskState::deferred};
  tasks.page.limit = most_left_out;
  for (const TaskInstanceView& view : history.task_instances(tasks).rows)
    out.waiting.insert(view.row.key());
  return out;
}

class TaskFacts {
 public:
  TaskFacts(std::string dag, std::string task, const LeftOut& left_out)
      : dag_(std::move(dag)), task_(std::move(task)), left_out_(left_out) {}

  // Newest first; false once no older one counts.
  bool add(const JobExecutionRow& row) {
    if (left_out_.on_branches.contains(row.key.run)) return true;
    // A try that was deferred has a row of each part. Those of older versions say "success" of all.
    const InstanceKey of = row.key.instance();
    const bool goes_on = !tries_.emplace(of, row.try_number).second;
    if (row.status == "success") {
      if (goes_on || left_out_.waiting.contains(of)) return true;
      any_ = true;
      return false;
    }
    if (row.status != "failed" && row.status != "zombie")
      return true;  // it runs, waits, or was not let
    any_ = true;
    if (++failed_ == 1) error_ = row.error.substr(0, max_error);
    return failed_ < newest_attempts;
  }

  json told() const {
    if (!any_) return nullptr;
    return {{"dag", dag_}, {"task", task_}, {"failed", failed_}, {"error", error_}};
  }

 private:
  const std::string dag_, task_;
  const LeftOut& left_out_;
  std::set<std::pair<InstanceKey, std::int32_t>> tries_;
  std::int64_t failed_ = 0;
  std::string error_;
  bool any_ = false;
};

json task_facts(History& history, const std::string& dag, const std::string& task,
                const LeftOut& left_out) {
  // Both may have dots: "bank.eu.load" is a job of "bank" and of "bank.eu".
  Sight of_dag;
  of_dag.all.push_back({dag});
  TaskFacts facts(dag, task, left_out);
  bool goes_on = true;
  for (std::int64_t offset = 0; goes_on && offset < most_looked_at; offset += newest_attempts) {
    const auto page = history.job_executions(dag + "." + task, {newest_attempts, offset}, of_dag);
    for (std::size_t i = 0; goes_on && i < page.rows.size(); ++i)
      goes_on = facts.add(page.rows[i].row);
    goes_on = goes_on && static_cast<std::int64_t>(page.rows.size()) == newest_attempts;
  }
  return facts.told();
}

// Whether a task that is no data task hands in tables, as scripts do, and models on Spark.
bool hands_in_tables(const Task& task) {
  if (task.is_data || task.spec_json.find("\"outputs\":[{") == std::string::npos) return false;
  const json spec = stored_json(task.spec_json);
  const json outputs = spec.value("/params/outputs"_json_pointer, json());
  return outputs.is_array() && !outputs.empty() && outputs[0].is_object() &&
         outputs[0].contains("table");
}

// The same of one of these, which has no rows of jobs: of each run how its task stands counts,
// once.
json handing_in_facts(History& history, const std::string& dag, const std::string& task,
                      const LeftOut& left_out) {
  TaskQuery query;
  query.dag_id = dag;
  query.filters.push_back({"task_id", Filter::Op::any, {task}});
  query.states = {TaskState::success, TaskState::failed, TaskState::up_for_retry};
  query.order_by = {"-id"};
  query.page.limit = newest_attempts;
  std::int64_t failed = 0;
  std::string error;
  bool any = false;
  for (const TaskInstanceView& view : history.task_instances(query).rows) {
    if (left_out.on_branches.contains(view.row.run)) continue;
    any = true;
    if (view.row.state == TaskState::success) break;
    if (++failed == 1) error = view.row.reason.substr(0, max_error);
  }
  if (!any) return nullptr;
  return {{"dag", dag}, {"task", task}, {"failed", failed}, {"error", error}};
}

// `domain`: of the file that it is part of; empty: of none, as far as it is known.
void collect(const json& value, FactsAsked& out, int depth, const std::string& domain) {
  if (!value.is_structured() || depth > 8) return;
  if (value.is_object()) {
    const auto text = [&](const char* name) {
      const auto at = value.find(name);
      return at != value.end() && at->is_string() ? at->get<std::string>() : std::string();
    };
    const std::string kind = text("kind");
    if (kind == "quality" && !text("table").empty()) out.tables.insert(text("table"));
    if (kind == "failures" && !text("dag").empty()) out.dags.insert(text("dag"));
    if (kind == "lag" && !text("topic").empty() && !text("group").empty())
      out.lags.insert({text("connection"), text("topic"), text("group")});
    if (kind == "cost") {
      const std::string target = text("table").empty() ? domain : text("table");
      const auto window = parse_duration(text("window"));
      if (window && !target.empty()) out.costs.insert({target, *window});
    }
    for (const auto& [name, one] : value.items()) {
      // A file is the value of its domain.
      const auto list = one.is_object() ? one.find("monitors") : one.end();
      const bool is_file = one.is_object() && list != one.end() && list->is_array();
      collect(one, out, depth + 1, is_file ? name : domain);
    }
    return;
  }
  for (const json& one : value) collect(one, out, depth + 1, domain);
}

}  // namespace

FactsAsked facts_asked(const std::string& monitors_json) {
  FactsAsked out;
  JsonLimits limits;
  limits.bytes = limits.string_bytes = std::size_t{4} << 20;
  limits.tokens = 1'000'000;
  if (const auto files = parse_untrusted(monitors_json, limits)) collect(*files, out, 0, {});
  return out;
}

std::shared_ptr<const Dag> stored_dag(History& history, const std::string& dag_id) {
  for (const DagRow& row : history.dags()) {
    if (row.dag_id != dag_id || row.is_stale) continue;
    const auto stored = history.dag_version(row.version);
    return stored ? dag_from_canonical(row.version, stored->canonical_json, stored->file) : nullptr;
  }
  return nullptr;
}

std::string lake_facts(History& history, const FactsAsked& asked, const DagOf& dag_of,
                       const StreamLags& lags, const std::vector<CostTold>& costs) {
  json quality = json::array(), tasks = json::array(), behind = json::array();
  json taken = json::array();
  for (const CostTold& one : costs) {
    if (!asked.costs.contains(one.of)) continue;
    taken.push_back({{"target", one.of.target},
                     {"window_seconds", one.of.window / std::chrono::seconds(1)},
                     {"runs", one.runs},
                     {"cpu_seconds", one.cpu_seconds},
                     {"scanned_bytes", one.scanned_bytes},
                     {"stored_bytes", one.stored_bytes},
                     {"unmeasured", one.unmeasured},
                     {"more", one.more},
                     {"size_unknown", one.size_unknown},
                     {"trouble", one.trouble}});
  }
  for (const StreamLag& one : lags.rows) {
    if (!asked.lags.contains(one.of)) continue;
    behind.push_back({{"connection", one.of.connection},
                      {"topic", one.of.topic},
                      {"group", one.of.group},
                      {"records", one.records},
                      {"lost", one.lost},
                      {"trouble", one.trouble}});
  }
  for (const std::string& table : asked.tables) {
    for (const auto& view : history.quality_reports(table, {1, 0})) {
      quality.push_back(
          {{"table", table}, {"at", to_iso(view.run_after)}, {"results", results_of(view, table)}});
    }
  }
  for (const std::string& id : asked.dags) {
    const auto dag = dag_of(id);
    if (!dag || dag->file.starts_with(built_in_prefix)) continue;  // which ingests nothing
    const LeftOut left_out = left_out_of(history, id);
    for (const Task& task : dag->tasks) {
      json facts;
      if (task.is_data) facts = task_facts(history, id, task.id, left_out);
      if (hands_in_tables(task)) facts = handing_in_facts(history, id, task.id, left_out);
      if (!facts.is_null()) tasks.push_back(std::move(facts));
    }
  }
  return json_text({{"quality", std::move(quality)},
                    {"tasks", std::move(tasks)},
                    {"lags", std::move(behind)},
                    {"costs", std::move(taken)}});
}

}  // namespace batuta::http
