// What monitors are told of the attempts of data tasks.
#include "scheduler/api/lake_facts.h"

#include <doctest/doctest.h>

#include <iterator>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

#include "scheduler/api/lake_retention.h"
#include "scheduler/dagfile/dag_bag.h"
#include "scheduler/dagfile/dag_parser.h"
#include "tests/api/fake_services.h"

using namespace batuta;
using namespace batuta::http;
using nlohmann::json;

namespace {

std::shared_ptr<const Dag> dag_of_extracts(const std::string& id,
                                           const std::vector<std::string>& tasks) {
  json text = {{"dag_id", id}, {"tasks", json::array()}};
  for (const std::string& task : tasks)
    text["tasks"].push_back(
        {{"task_id", task}, {"type", "extract"}, {"source", "any"}, {"layer", "bronze"}});
  const auto parsed = parse_dag_file(text.dump(), "facts.json", ".", {});
  for (const auto& problem : parsed.problems) FAIL(problem.text());
  REQUIRE(parsed.dag);
  return parsed.dag;
}

struct AttemptFacts {
  FakeHistory history;
  std::map<std::string, std::shared_ptr<const Dag>> dags;

  void dag(const std::string& id, const std::vector<std::string>& tasks) {
    dags[id] = dag_of_extracts(id, tasks);
  }
  void attempt(const std::string& dag, const std::string& task, const std::string& status) {
    JobExecutionRow row;
    row.job_name = dag + "." + task;
    row.status = status;
    row.error = status == "failed" ? "no answer" : "";
    history.job_rows.emplace(dag, row);
  }
  json tasks_of(const std::string& dag) {
    FactsAsked asked;
    asked.dags.insert(dag);
    const auto dag_of = [this](const std::string& id) {
      const auto found = dags.find(id);
      return found == dags.end() ? nullptr : found->second;
    };
    return json::parse(lake_facts(history, asked, dag_of))["tasks"];
  }
};

}  // namespace

TEST_CASE("a task that was taken out of its DAG, or whose DAG is gone, fails no more") {
  AttemptFacts known;
  known.attempt("bank", "old_name", "failed");
  known.attempt("bank", "new_name", "success");
  known.dag("bank", {"old_name", "new_name"});
  CHECK(known.tasks_of("bank").size() == 2);
  CHECK(known.tasks_of("bank")[0] ==
        json{{"dag", "bank"}, {"task", "old_name"}, {"failed", 1}, {"error", "no answer"}});
  known.dag("bank", {"new_name"});
  REQUIRE(known.tasks_of("bank").size() == 1);
  CHECK(known.tasks_of("bank")[0]["task"] == "new_name");
  CHECK(known.tasks_of("bank")[0]["failed"] == 0);
  known.dags.clear();
  CHECK(known.tasks_of("bank").empty());
}

TEST_CASE("a DAG is not told of the tasks of one whose id begins with its own and a dot") {
  AttemptFacts known;
  known.dag("bank", {"extract"});
  known.dag("bank.eu", {"extract"});
  known.attempt("bank", "extract", "success");
  known.attempt("bank.eu", "extract", "failed");
  REQUIRE(known.tasks_of("bank").size() == 1);
  CHECK(known.tasks_of("bank")[0]["failed"] == 0);
  // Also where both come to the same job name.
  known.dag("bank", {"extract", "eu.extract"});
  CHECK(known.tasks_of("bank").size() == 1);  // its own eu.extract has not run
  REQUIRE(known.tasks_of("bank.eu").size() == 1);
  CHECK(known.tasks_of("bank.eu")[0]["failed"] == 1);
}

TEST_CASE("what runs on a branch of the lake come to is no failure and no success of the lake's") {
  AttemptFacts known;
  known.dag("bank", {"extract"});
  RunRow run;
  run.dag_id = "bank";
  run.seq = RunSeq{7};
  run.branch = "fix/0123456789abcdef";
  known.history.run_rows = {run};
  const auto add = [&](const char* status, std::int64_t of) {
    known.attempt("bank", "extract", status);
    auto last = std::prev(known.history.job_rows.upper_bound("bank"));
    last->second.key.run = RunSeq{of};
  };
  add("failed", 7);
  CHECK(known.tasks_of("bank").empty());
  add("success", 7);  // older
  add("failed", 3);
  add("failed", 2);
  add("success", 1);
  CHECK(known.tasks_of("bank")[0]["failed"] == 2);
}

TEST_CASE("the parts of a try that was deferred are no successes, as long as it goes on") {
  AttemptFacts known;
  known.dag("bank", {"extract"});
  const auto add = [&](const char* status, std::int64_t of, std::int32_t try_number) {
    known.attempt("bank", "extract", status);
    auto last = std::prev(known.history.job_rows.upper_bound("bank"));
    last->second.key.run = RunSeq{of};
    last->second.try_number = try_number;
  };
  TaskInstanceView waiting;
  waiting.dag_id = "bank";
  waiting.task_id = "extract";
  waiting.row.run = RunSeq{2};
  waiting.row.state = TaskState::deferred;
  known.history.views = {waiting};
  add("success", 2, 1);  // its first part
  add("failed", 1, 2);
  add("success", 1, 2);
  add("failed", 1, 1);
  add("success", 1, 1);
  add("success", 0, 1);
  CHECK(known.tasks_of("bank")[0]["failed"] == 2);
  known.history.views.clear();
  CHECK(known.tasks_of("bank")[0]["failed"] == 0);
  known.history.job_rows.clear();
  add("deferred", 3, 1);  // on its way from the wait to its next part
  add("failed", 2, 1);
  add("success", 1, 1);
  CHECK(known.tasks_of("bank")[0]["failed"] == 1);
}

TEST_CASE("tasks that hand in tables are told of, models on Spark too: of each run once") {
  AttemptFacts known;
  const auto parsed = parse_dag_file(
      R"({"dag_id": "bank", "tasks": [
          {"task_id": "load", "type": "shell", "command": "true",
           "outputs": [{"table": "silver/bank/rows", "file": "rows.csv"}]},
          {"task_id": "spark", "type": "aggregate", "sql": "SELECT 1 AS n",
           "spark_sql": "SELECT 1 AS n", "engine": "spark", "table": "gold/bank/ones"},
          {"task_id": "say", "type": "shell", "command": "true"}]})",
      "facts.json", ".", {});
  REQUIRE(parsed.dag);
  known.dags["bank"] = parsed.dag;
  RunRow branch;
  branch.dag_id = "bank";
  branch.seq = RunSeq{9};
  branch.branch = "fix/0123456789abcdef";
  known.history.run_rows = {branch};
  const auto add = [&](const char* task, TaskState state, std::int64_t run) {
    TaskInstanceView view;
    view.dag_id = "bank";
    view.task_id = task;
    view.row.run = RunSeq{run};
    view.row.state = state;
    view.row.reason = "exit code 1";
    known.history.views.push_back(view);
  };
  CHECK(known.tasks_of("bank").empty());
  add("spark", TaskState::success, 9);  // of a branch
  add("spark", TaskState::running, 8);
  add("spark", TaskState::up_for_retry, 7);
  add("spark", TaskState::failed, 6);
  add("spark", TaskState::success, 5);
  add("spark", TaskState::failed, 4);
  add("load", TaskState::success, 7);
  add("say", TaskState::failed, 7);
  const json told = known.tasks_of("bank");
  REQUIRE(told.size() == 2);
  CHECK(told[0] == json{{"dag", "bank"}, {"task", "load"}, {"failed", 0}, {"error", ""}});
  CHECK(told[1] ==
        json{{"dag", "bank"}, {"task", "spark"}, {"failed", 2}, {"error", "exit code 1"}});
}

TEST_CASE("without a server the store's newest version of a DAG says which tasks it has") {
  FakeHistory history;
  const auto dag = dag_of_extracts("bank", {"extract"});
  history.older_versions.push_back(
      {7, dag->version, Time{}, dag->source_text, dag->canonical_json});
  DagRow row;
  row.dag_id = "bank";
  row.version = dag->version;
  history.dag_rows = {row};
  const auto found = stored_dag(history, "bank");
  REQUIRE(found);
  REQUIRE(found->tasks.size() == 1);
  CHECK(found->tasks[0].id == "extract");
  CHECK(found->tasks[0].is_data);
  CHECK_FALSE(stored_dag(history, "shop"));
  history.dag_rows[0].is_stale = true;
  CHECK_FALSE(stored_dag(history, "bank"));
}

TEST_CASE("maintenance is told what contracts let go by its age, and no more than all of them do") {
  const auto contract = [](const std::string& keeps, bool carried_out) {
    return "apiVersion: v3.1.0\nkind: DataContract\nid: a\nversion: '1'\nstatus: s\ndomain: bank\n"
           "schema:\n  - name: people\n    properties:\n"
           "      - {name: day, logicalType: date, partitioned: true}\n" +
           std::string(carried_out ? "    customProperties: [{property: batuta.retention, value: "
                                     "[silver]}]\n"
                                   : "") +
           "slaProperties:\n  - {property: retention, value: " + keeps + ", unit: y}\n";
  };
  DagBagSnapshot bag;
  const auto dag = [&](const std::string& id, const std::string& yaml) {
    auto made = std::make_shared<Dag>(*dag_of_extracts(id, {"extract"}));
    json task{{"task_id", "extract"}};
    task["contract"] = json{{"name", "bank/people"}, {"yaml", yaml}};
    json definition = json::object();
    definition["tasks"] = json::array({task});
    made->canonical_json = definition.dump();
    bag.dags[id] = made;
  };
  const Time now = *parse_iso("2026-11-28T10:00:00Z");
  CHECK(retention_told(bag, now).empty());
  dag("one", contract("1", true));
  const json told = json::parse(retention_told(bag, now));
  REQUIRE(told.size() == 1);
  CHECK(told[0]["table"] == "silver/bank/people");
  CHECK(told[0]["column"] == "day");
  CHECK(told[0]["before"] == "2025-11-28");
  dag("two", contract("3", true));
  CHECK(json::parse(retention_told(bag, now))[0]["before"] == "2023-11-28");
  dag("three", contract("1", false));
  CHECK(retention_told(bag, now).empty());
}

TEST_CASE("no row goes by a clock that was set forward under the server") {
  using namespace std::chrono;
  const Now begun{*parse_iso("2026-11-28T10:00:00Z"), Boot{hours(5)}};
  const auto after = [&](Duration wall, Duration boot) {
    return check_clock(begun, {begun.wall + wall, begun.boot + boot});
  };
  CHECK(after(hours(400), hours(400)).ok());  // it was asleep, and the machine's time went on
  CHECK(after(hours(1), seconds(5)).ok());
  CHECK(after(-hours(9), hours(9)).ok());  // back: rows only stay for longer
  const auto jumped = after(hours(24 * 90), minutes(1));
  REQUIRE_FALSE(jumped.ok());
  CHECK(jumped.error().message.find("set forward by 129599 minutes") != std::string::npos);
}

TEST_CASE("what a cost monitor without a table asks of is the domain of its file") {
  const char* files = R"({"bank": {"monitors": [
      {"name": "a", "kind": "cost", "window": "7d", "at_most": {"runs": 5}},
      {"name": "b", "kind": "cost", "window": "1h", "table": "gold/bank/x", "at_most": {"runs": 5}},
      {"name": "c", "kind": "cost", "window": "soon", "at_most": {"runs": 5}}]}})";
  const std::set<CostAsked> wanted{{"bank", std::chrono::hours(7 * 24)},
                                   {"gold/bank/x", std::chrono::hours(1)}};
  CHECK(facts_asked(files).costs == wanted);
  // As a task has them.
  json task;
  task["params"]["operation"] = "evaluate";
  task["params"]["monitors"] = json::parse(files);
  CHECK(facts_asked(task.dump()).costs == wanted);
  CHECK_FALSE(facts_asked(files).none());
  CostTold told;
  told.of = {"bank", std::chrono::hours(7 * 24)};
  told.runs = 3;
  CostTold of_nobody = told;
  of_nobody.of.target = "shop";
  FakeHistory history;
  const json facts =
      json::parse(lake_facts(history, facts_asked(files),
                             [](const std::string&) { return nullptr; }, {}, {told, of_nobody}));
  REQUIRE(facts["costs"].size() == 1);
  CHECK(facts["costs"][0]["target"] == "bank");
  CHECK(facts["costs"][0]["window_seconds"] == 7 * 86'400);
  CHECK(facts["costs"][0]["runs"] == 3);
}
