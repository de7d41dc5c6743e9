// What every History must do, whatever it holds: the suite asks for what is there and checks that
// the answers fit each other. A harness has: History& history(), with at least two runs of one DAG,
// two tasks and a value that one of them returned. A new History, a fake too, passes this file.
#pragma once

#include <doctest/doctest.h>

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "scheduler/store/history.h"
#include "tests/store/describe.h"

namespace batuta::test {

// `ask` answers a Page; `name` says which row it is. The pages of one row are the whole list, no
// row is there twice, and the total does not depend on the page.
template <class Ask, class Name>
void check_pages(Ask ask, Name name) {
  const auto whole = ask(Page{max_page, 0});
  CHECK(whole.total == static_cast<std::int64_t>(whole.rows.size()));
  std::vector<std::string> names;
  for (const auto& row : whole.rows) names.push_back(name(row));
  CHECK(std::set<std::string>(names.begin(), names.end()).size() == names.size());
  for (std::int64_t i = 0; i < whole.total; ++i) {
    const auto page = ask(Page{1, i});
    CHECK(page.total == whole.total);
    REQUIRE(page.rows.size() == 1);
    CHECK(name(page.rows[0]) == names[static_cast<std::size_t>(i)]);
  }
  for (const Page page : {Page{0, 0}, Page{5, whole.total}, Page{5, whole.total + 7}}) {
    const auto nothing = ask(page);
    CHECK(nothing.rows.empty());
    CHECK(nothing.total == whole.total);
  }
}

inline std::string seq_of(const RunRow& run) {
  return std::to_string(static_cast<std::int64_t>(run.seq));
}
inline std::string name_of(const TaskInstanceView& view) {
  return view.dag_id + "/" + view.dag_run_id + "/" + view.task_id + "/" +
         std::to_string(static_cast<int>(view.row.map_index));
}
inline InstanceName instance_of(const TaskInstanceView& view) {
  return {view.dag_id, view.dag_run_id, view.task_id, view.row.map_index};
}

TEST_CASE_TEMPLATE_DEFINE("the pages of every list are the whole list", Harness, list_pages) {
  Harness h;
  History& history = h.history();
  check_pages([&](Page page) { return history.runs({{}, {}, {}, {}, {}, page}); }, seq_of);
  check_pages(
      [&](Page page) {
        return history.task_instances({{}, {}, {}, {}, {}, page});
      },
      name_of);
  check_pages(
      [&](Page page) {
        return history.xcoms({{}, {}, {}, {}, {}, page});
      },
      [](const XcomView& view) {
        return view.dag_id + view.dag_run_id + view.task_id + view.row.key;
      });
  check_pages(
      [&](Page page) {
        return history.event_logs({{}, {}, page});
      },
      [](const EventLogView& view) { return std::to_string(view.id); });
  check_pages([&](Page page) { return history.outbox(false, page); },
              [](const OutboxRow& row) { return std::to_string(row.id); });
  check_pages([&](Page page) { return history.outbox(true, page); },
              [](const OutboxRow& row) { return std::to_string(row.id); });
  check_pages([&](Page page) { return history.job_executions({}, page, {}); },
              [](const JobExecutionView& view) { return std::to_string(view.id); });
  for (const DagRow& dag : history.dags()) {
    check_pages(
        [&](Page page) {
          return history.dag_versions({dag.dag_id, {}, {}, page});
        },
        [](const DagVersionView& view) { return std::to_string(view.number); });
  }
}

TEST_CASE_TEMPLATE_DEFINE("what a list shows is found by its name, and nothing else is", Harness,
                          list_names) {
  Harness h;
  History& history = h.history();
  const auto runs = history.runs({}).rows;
  REQUIRE(runs.size() >= 2);
  for (const RunRow& run : runs) {
    const auto found = history.run(run.dag_id, run.dag_run_id);
    REQUIRE(found);
    CHECK(described(*found) == described(run));
    CHECK_FALSE(history.run(run.dag_id, run.dag_run_id + "x"));
    CHECK_FALSE(history.run(run.dag_id + "x", run.dag_run_id));
  }
  const auto tasks = history.task_instances({}).rows;
  REQUIRE(tasks.size() >= 2);
  std::vector<RunSeq> seqs;
  for (const RunRow& run : runs) seqs.push_back(run.seq);
  const auto states = history.instance_states(seqs);
  REQUIRE(states.size() == runs.size());
  for (const TaskInstanceView& view : tasks) {
    const auto run = std::find_if(runs.begin(), runs.end(), [&](const RunRow& one) {
      return one.dag_id == view.dag_id && one.dag_run_id == view.dag_run_id;
    });
    REQUIRE(run != runs.end());
    const RunStates& of_run = states[static_cast<std::size_t>(run - runs.begin())];
    std::vector<TaskState> told;
    for (const RunStates::Named& one : of_run.named) {
      const bool is_it = one.task == view.row.task && one.map_index == view.row.map_index;
      if (is_it) told.push_back(one.state);
    }
    if (told.empty() && view.row.map_index == unmapped) told.push_back(of_run.others);
    CHECK(told == std::vector<TaskState>{view.row.state});
  }
  CHECK(history.instance_states({}).empty());
  for (const TaskInstanceView& view : tasks) {
    InstanceName name = instance_of(view);
    const auto found = history.task_instance(name);
    REQUIRE(found);
    CHECK(found->run_uuid == view.run_uuid);
    CHECK(found->row.key() == view.row.key());
    CHECK(found->row.state == view.row.state);
    name.map_index = MapIndex{7000};
    CHECK_FALSE(history.task_instance(name));
    CHECK(history.tries(name).empty());
    name = instance_of(view);
    name.task_id += "x";
    CHECK_FALSE(history.task_instance(name));
  }
  const auto xcoms = history.xcoms({}).rows;
  REQUIRE_FALSE(xcoms.empty());
  for (const XcomView& view : xcoms) {
    const auto found = history.xcom(view.row.instance(), view.row.key);
    REQUIRE(found);
    CHECK(found->value_json == view.row.value_json);
    CHECK_FALSE(history.xcom(view.row.instance(), view.row.key + "x"));
  }
  for (const EventLogView& view : history.event_logs({}).rows) {
    REQUIRE(history.event_log(view.id));
    CHECK(history.event_log(view.id)->row.event == view.row.event);
  }
  CHECK_FALSE(history.event_log(1'000'000));
  CHECK_FALSE(history.dag_version("no such version"));
}

TEST_CASE_TEMPLATE_DEFINE("a list of one DAG, run, task or state holds those rows and all of them",
                          Harness, list_filters) {
  Harness h;
  History& history = h.history();
  const auto runs = history.runs({}).rows;
  const auto counted = [&](auto is_meant) {
    return std::count_if(runs.begin(), runs.end(), is_meant);
  };
  for (const RunRow& run : runs) {
    RunQuery query;
    query.dag_id = run.dag_id;
    CHECK(history.runs(query).total ==
          counted([&](const RunRow& row) { return row.dag_id == run.dag_id; }));
    query.states = {run.state};
    const auto found = history.runs(query);
    CHECK(found.total == counted([&](const RunRow& row) {
            return row.dag_id == run.dag_id && row.state == run.state;
          }));
    for (const RunRow& row : found.rows) CHECK(row.state == run.state);
    query.states = {DagRunState::queued, DagRunState::running, DagRunState::success,
                    DagRunState::failed};
    query.dag_id.reset();
    CHECK(history.runs(query).total == static_cast<std::int64_t>(runs.size()));
  }
  const auto tasks = history.task_instances({}).rows;
  for (const TaskInstanceView& view : tasks) {
    TaskQuery query;
    query.dag_id = view.dag_id;
    query.dag_run_id = view.dag_run_id;
    const auto of_run = history.task_instances(query);
    CHECK(of_run.total ==
          std::count_if(tasks.begin(), tasks.end(), [&](const TaskInstanceView& other) {
            return other.dag_id == view.dag_id && other.dag_run_id == view.dag_run_id;
          }));
    query.filters = {{"task_id", Filter::Op::any, {view.task_id}}};
    query.states = {view.row.state};
    const auto found = history.task_instances(query);
    REQUIRE_FALSE(found.rows.empty());
    for (const TaskInstanceView& row : found.rows) {
      CHECK(row.task_id == view.task_id);
      CHECK(row.row.state == view.row.state);
    }
    query.filters = {{"task_id", Filter::Op::any, {view.task_id + "x"}}};
    CHECK(history.task_instances(query).total == 0);
  }
  RunQuery nobody;
  nobody.dag_id = "no such DAG";
  CHECK(history.runs(nobody).total == 0);
  XcomQuery none;
  none.dag_run_id = "no such run";
  CHECK(history.xcoms(none).total == 0);
  CHECK(history.dag_versions({"no such DAG", {}, {}, {}}).total == 0);
}

TEST_CASE_TEMPLATE_DEFINE("a field that no list knows is the caller's mistake, not an empty answer",
                          Harness, unknown_fields) {
  Harness h;
  History& history = h.history();
  const std::vector<Filter> filters{{"no_such_field", Filter::Op::any, {std::int64_t{1}}}};
  const std::vector<std::string> order{"no_such_field"};
  CHECK_THROWS_AS(history.runs({{}, {}, {}, filters, {}, {}}), std::invalid_argument);
  CHECK_THROWS_AS(history.runs({{}, {}, {}, {}, order, {}}), std::invalid_argument);
  CHECK_THROWS_AS(history.task_instances({{}, {}, {}, filters, {}, {}}), std::invalid_argument);
  CHECK_THROWS_AS(history.task_instances({{}, {}, {}, {}, order, {}}), std::invalid_argument);
  CHECK_THROWS_AS(history.xcoms({{}, {}, {}, filters, {}, {}}), std::invalid_argument);
  CHECK_THROWS_AS(history.xcoms({{}, {}, {}, {}, order, {}}), std::invalid_argument);
  CHECK_THROWS_AS(history.event_logs({filters, {}, {}}), std::invalid_argument);
  CHECK_THROWS_AS(history.event_logs({{}, order, {}}), std::invalid_argument);
  CHECK_THROWS_AS(history.dag_versions({"etl", filters, {}, {}}), std::invalid_argument);
  CHECK_THROWS_AS(history.dag_versions({"etl", {}, order, {}}), std::invalid_argument);
}

TEST_CASE_TEMPLATE_DEFINE("tries stand oldest first and end with the row itself", Harness,
                          tries_in_order) {
  Harness h;
  History& history = h.history();
  for (const TaskInstanceView& view : history.task_instances({}).rows) {
    const auto tries = history.tries(instance_of(view));
    REQUIRE_FALSE(tries.empty());
    CHECK(tries.back().row.state == view.row.state);
    CHECK(tries.back().row.try_number == view.row.try_number);
    for (std::size_t i = 1; i < tries.size(); ++i) {
      CHECK(tries[i - 1].row.try_number <= tries[i].row.try_number);
      CHECK(tries[i].row.key() == view.row.key());
    }
  }
}

TEST_CASE_TEMPLATE_DEFINE("summaries come in the order asked, with the newest runs first", Harness,
                          summaries) {
  Harness h;
  History& history = h.history();
  std::vector<std::string> ids;
  for (const DagRow& dag : history.dags()) ids.push_back(dag.dag_id);
  REQUIRE_FALSE(ids.empty());
  CHECK(std::is_sorted(ids.begin(), ids.end()));
  std::reverse(ids.begin(), ids.end());
  std::vector<std::string> asked = ids;
  asked.insert(asked.begin(), "no such DAG");
  const auto found = history.dag_summaries(asked, 2);
  REQUIRE(found.size() == ids.size());
  for (std::size_t i = 0; i < ids.size(); ++i) {
    CHECK(found[i].row.dag_id == ids[i]);
    RunQuery query;
    query.dag_id = ids[i];
    const auto runs = history.runs(query).rows;
    CHECK(found[i].last_runs.size() == std::min<std::size_t>(2, runs.size()));
    CHECK(found[i].active_runs == std::count_if(runs.begin(), runs.end(), [](const RunRow& run) {
            return !is_terminal(run.state);
          }));
    for (std::size_t r = 1; r < found[i].last_runs.size(); ++r) {
      CHECK(found[i].last_runs[r - 1].seq > found[i].last_runs[r].seq);
    }
  }
}

TEST_CASE_TEMPLATE_DEFINE("a list holds the rows of the DAGs that are seen, and counts no others",
                          Harness, list_sights) {
  Harness h;
  History& history = h.history();
  std::vector<Sight> sights = {Sight::nothing(), Sight{{{"*"}}}, Sight{{{"no_such_dag"}}},
                               Sight{{{"*"}, {"*l*", "d*"}}}};
  for (const DagRow& dag : history.dags()) {
    sights.push_back(Sight{{{dag.dag_id}}});
    sights.push_back(Sight{{{dag.dag_id.substr(0, 1) + "*"}}});
    sights.push_back(Sight{{{dag.dag_id, "no_such_dag"}, {"*" + dag.dag_id.substr(1)}}});
  }
  const auto check = [](const auto& all, const auto& seen, auto is_seen) {
    const auto wanted = std::count_if(all.rows.begin(), all.rows.end(), is_seen);
    CHECK(seen.total == wanted);
    CHECK(static_cast<std::int64_t>(seen.rows.size()) == wanted);
    CHECK(std::all_of(seen.rows.begin(), seen.rows.end(), is_seen));
  };
  const Page page{max_page, 0};
  for (const Sight& sight : sights) {
    const auto of_dag = [&](const auto& row) { return sight.sees(row.dag_id); };
    check(history.runs({{}, {}, {}, {}, {}, page}), history.runs({{}, {}, {}, {}, {}, page, sight}),
          of_dag);
    check(history.task_instances({{}, {}, {}, {}, {}, page}),
          history.task_instances({{}, {}, {}, {}, {}, page, sight}), of_dag);
    check(history.xcoms({{}, {}, {}, {}, {}, page}),
          history.xcoms({{}, {}, {}, {}, {}, page, sight}), of_dag);
    for (const bool without_dag : {true, false}) {
      check(history.event_logs({{}, {}, page}),
            history.event_logs({{}, {}, page, sight, without_dag}), [&](const EventLogView& view) {
              return view.row.dag_id.empty() ? without_dag : sight.sees(view.row.dag_id);
            });
    }
  }
}

#define BATUTA_HISTORY_CONFORMANCE(...)                   \
  TEST_CASE_TEMPLATE_INVOKE(list_sights, __VA_ARGS__);    \
  TEST_CASE_TEMPLATE_INVOKE(list_pages, __VA_ARGS__);     \
  TEST_CASE_TEMPLATE_INVOKE(list_names, __VA_ARGS__);     \
  TEST_CASE_TEMPLATE_INVOKE(list_filters, __VA_ARGS__);   \
  TEST_CASE_TEMPLATE_INVOKE(unknown_fields, __VA_ARGS__); \
  TEST_CASE_TEMPLATE_INVOKE(tries_in_order, __VA_ARGS__); \
  TEST_CASE_TEMPLATE_INVOKE(summaries, __VA_ARGS__)

}  // namespace batuta::test
