// What is told of runs that ended, for the lake's own tables.
#include "scheduler/api/lake_report.h"

#include <doctest/doctest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>

#include "tests/api/fake_services.h"
#include "tests/api/lake_log.h"

using namespace batuta;
using namespace batuta::http;
using nlohmann::json;

namespace {

Time moment(std::int64_t seconds) {
  return Time(std::chrono::seconds(1'790'000'000 + seconds));
}

// One run with a task of two tries, and one that never began.
struct EndedFacts {
  FakeHistory history;

  EndedFacts() {
    RunRow run;
    run.seq = RunSeq{7};
    run.uuid = *parse_uuid("019a9e3c-0000-7000-8000-000000000001");
    run.dag_id = "shop";
    run.dag_run_id = "manual__1";
    run.state = DagRunState::failed;
    run.run_after = run.queued_at = moment(0);
    run.start_date = moment(1);
    run.end_date = moment(3);
    run.conf_json = R"({"password": "hunter2"})";
    run.note = "hunter2";
    history.run_rows.push_back(run);
    TaskInstanceView view;
    view.row.run = run.seq;
    view.row.state = TaskState::failed;
    view.row.try_number = view.row.fence = 1;
    view.row.start_date = moment(1);
    view.row.end_date = moment(2);
    view.row.cpu_us = 1'500'000;
    view.row.note = view.rendered_json = "hunter2";
    view.task_id = "load";
    history.older_tries.push_back(view);
    view.row.try_number = view.row.fence = 2;
    view.row.read_bytes = 9;
    history.views.push_back(view);
    TaskInstanceView never;
    never.row.run = run.seq;
    never.row.task = 1;
    never.row.state = TaskState::upstream_failed;
    never.task_id = "sum";
    history.views.push_back(never);
    history.report_rows.push_back(
        {{RunSeq{7}, 0, unmapped, 2},
         2,
         R"({"quality":[7,{"table":"silver/shop/orders","rule":"r","severity":"blocking",)"
         R"("checked":9,"failed":2,"passed":false,"sample":"hunter2"}],)"
         R"("lineage":[{"from":"bronze/shop/orders","from_version":4,"to":"silver/shop/orders"}]})"});
    history.written_tables = {{"shop", "load", "quarantine/shop/orders"},
                              {"shop", "load", "silver/shop/orders"},
                              {"other", "load", "silver/bank/x"}};
  }
  json told(const EndedMark& since = {}) { return json::parse(ended_report(history, since)); }
  // A row by the names of its columns.
  static json row(const json& report, const char* table, std::size_t at) {
    const json& of = report["tables"][table];
    json out = json::object();
    for (std::size_t i = 0; i < of["columns"].size(); ++i)
      out[of["columns"][i].get<std::string>()] = of["rows"].at(at).at(i);
    return out;
  }
};

}  // namespace

TEST_CASE("what ended is told with its tries, what they took, and what they told") {
  EndedFacts facts;
  const json report = facts.told();
  CHECK(report["since"] == json{0, 0, 0});
  CHECK(report["next"] == json{1'790'000'003'000'000, 7, 0});
  CHECK(report["more"] == false);
  CHECK(report["runs"][0] == json{"019a9e3c-0000-7000-8000-000000000001", "2025-11-19", true});
  const json run = EndedFacts::row(report, "dag_run", 0);
  CHECK(run["state"] == "failed");
  CHECK(run["duration_seconds"] == 2.0);
  CHECK(run["created_on"] == "2025-11-19");  // its UUID's day, not that of run_after
  REQUIRE(report["tables"]["task_instance"]["rows"].size() == 3);
  CHECK(EndedFacts::row(report, "task_instance", 0)["is_newest"] == false);
  CHECK(EndedFacts::row(report, "task_instance", 1)["is_newest"] == true);
  CHECK(EndedFacts::row(report, "task_instance", 2)["state"] == "upstream_failed");
  REQUIRE(report["tables"]["task_cost"]["rows"].size() == 2);  // what never began cost nothing
  const json cost = EndedFacts::row(report, "task_cost", 0);
  CHECK(cost["domain"] == "shop");
  CHECK(cost["tables"] == "quarantine/shop/orders, silver/shop/orders");
  CHECK(cost["cpu_seconds"] == 1.5);
  CHECK(cost["read_bytes"].is_null());
  REQUIRE(report["tables"]["dq_result"]["rows"].size() == 1);
  const json rule = EndedFacts::row(report, "dq_result", 0);
  CHECK(rule["table_name"] == "silver/shop/orders");
  CHECK(rule["try_number"] == 2);
  CHECK(rule["failed"] == 2);
  const json edge = EndedFacts::row(report, "lineage_edge", 0);
  CHECK(edge["from_version"] == 4);
  CHECK(edge["to_table"] == "silver/shop/orders");
}

TEST_CASE("what a try told otherwise than the tables have it is told as not known") {
  EndedFacts facts;
  facts.history.report_rows[0].report_json =
      R"({"quality":[{"table":"silver/shop/orders","rule":"r","checked":18446744073709551615,)"
      R"("failed":2.5,"passed":"perhaps"}]})";
  const json rule = EndedFacts::row(facts.told(), "dq_result", 0);
  CHECK(rule["rule"] == "r");
  CHECK(rule["checked"].is_null());
  CHECK(rule["failed"].is_null());
  CHECK(rule["passed"].is_null());
}

TEST_CASE("what is too much for one answer is told as far as it nearly fills it") {
  EndedFacts facts;
  facts.history.views.resize(3000, facts.history.views[0]);
  for (std::size_t i = 0; i < facts.history.views.size(); ++i)
    facts.history.views[i].row.map_index = static_cast<MapIndex>(i);
  constexpr std::size_t room = 100'000;
  const std::string text = ended_report(facts.history, {}, room);
  CHECK(text.size() <= room);
  CHECK(text.size() > room * 3 / 4);
}

TEST_CASE("parameters, notes, samples and what was rendered are told to no table") {
  EndedFacts facts;
  CHECK(facts.told().dump().find("hunter2") == std::string::npos);
}

TEST_CASE("what the mark has is not told again, and the mark never goes back") {
  EndedFacts facts;
  const json again = facts.told({moment(63), RunSeq{8}, 0});
  CHECK(again["runs"].empty());
  CHECK(again["next"] == again["since"]);
}

TEST_CASE("a lake without a table of runs has told nothing, and one with it says how far it is") {
  const std::string home =
      std::filesystem::temp_directory_path() / ("batuta-lake-report-" + std::to_string(::getpid()));
  std::filesystem::remove_all(home);
  const stores::Lake lake(home + "/lake");
  CHECK((*reported_until(lake) == EndedMark{}));
  write_lake_version(home, "mngt/platform/dag_run", 0,
                     empty_lake_table() + R"({"txn":{"appId":"report/end","version":5000000}})"
                                          "\n"
                                          R"({"txn":{"appId":"report/run","version":3}})"
                                          "\n");
  CHECK((*reported_until(lake) == EndedMark{Time(std::chrono::seconds(5)), RunSeq{3}, 0}));
  std::filesystem::remove_all(home);
}
