// Which events the turns of a scheduler tell, and whether they are as OpenLineage wants them.
#include "scheduler/outbox/lineage.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>

#include "common/safe_json.h"
#include "tests/engine/turn_loop_world.h"
#include "tests/lakelog/lake_fixture.h"
#include "tests/outbox/openlineage_check.h"

using namespace batuta;
using namespace batuta::turns;
using nlohmann::json;

namespace {

LineageNames names() {
  return {"here", lineage_namespace_of("/srv/my lake"), "https://batuta.example.org"};
}

// A scheduler that tells its lineage: every event is checked by the published schemas.
struct Told : World {
  explicit Told(std::vector<Task> tasks, EventBacklog most = most_events)
      : World(std::move(tasks)),
        teller(
            names(),
            [this] {
              return EventBacklog{waiting + rows.size(), waiting_bytes};
            },
            most) {
    context.teller = [this](SchedulerState& state, Changes& changes, const Now& at) {
      teller.tell(state, changes, at);
      for (const OutboxRow& row : changes.outbox) {
        if (row.kind != OutboxKind::lineage) continue;
        CHECK(openlineage_fault(row.payload_json) == "");
        rows.push_back(row);
      }
      for (const EventLogRow& row : changes.event_log) log.push_back(row.event + row.extra_json);
    };
  }

  // "START d.load", one for each event, in order.
  std::vector<std::string> moments() const {
    std::vector<std::string> out;
    for (const OutboxRow& row : rows) {
      const json event = *parse_untrusted(row.payload_json);
      out.push_back(event["eventType"].get<std::string>() + " " +
                    event["job"]["name"].get<std::string>());
    }
    return out;
  }
  json event(std::size_t i) const { return *parse_untrusted(rows.at(i).payload_json); }

  void begin() {
    join();
    turn({request("r1")});
    settle();
    REQUIRE(launches.size() == 1);
    pass(std::chrono::seconds(1));
    turn({AttemptStarted{agent_link, {launches[0].key, now.wall, "slot"}}});
  }
  void finish(Outcome outcome, const std::string& reason = {}) {
    Finished report;
    report.key = launches.back().key;
    report.outcome = outcome;
    report.reason = reason;
    pass(std::chrono::seconds(1));
    turn({AttemptFinished{agent_link, report}});
    settle();
  }

  LineageTeller teller;
  std::size_t waiting = 0;  // beside what this world has told
  std::size_t waiting_bytes = 0;
  std::vector<OutboxRow> rows;
  std::vector<std::string> log;
};

using Names = std::vector<std::string>;

}  // namespace

TEST_CASE("a run and its task start and complete, the task within the run") {
  Told world({task("load")});
  world.begin();
  world.finish(Outcome::success);
  CHECK(world.moments() == Names{"START d", "START d.load", "COMPLETE d.load", "COMPLETE d"});
  const json run = world.event(0), started = world.event(1), done = world.event(2);
  CHECK(run["run"]["runId"] == world.event(3)["run"]["runId"]);
  CHECK(started["run"]["runId"] == done["run"]["runId"]);
  CHECK(started["run"]["facets"]["parent"]["run"]["runId"] == run["run"]["runId"]);
  CHECK(started["run"]["facets"]["parent"]["job"]["name"] == "d");
  CHECK(started["run"]["facets"]["batuta"]["dag_run_id"] == "r1");
  CHECK(started["run"]["facets"]["batuta"]["url"] == "https://batuta.example.org/#/dags/d/runs/r1");
  CHECK(started["job"]["namespace"] == "here");
  CHECK(run["job"]["facets"]["jobType"]["jobType"] == "DAG");
  CHECK(started["job"]["facets"]["jobType"]["jobType"] == "TASK");
  CHECK(started["eventTime"] == to_iso(world.now.wall - std::chrono::seconds(1)));
}

TEST_CASE("a try that fails and is tried again is two attempts with ids of their own") {
  Task load = task("load");
  load.retry.retries = 1;
  load.retry.delay = std::chrono::seconds(5);
  Told world({load});
  world.begin();
  world.finish(Outcome::failed, "no disk");
  world.pass(std::chrono::seconds(6));
  world.settle();
  REQUIRE(world.launches.size() == 2);
  world.finish(Outcome::failed_no_retry, "still none");  // both reports come in one turn
  CHECK(world.moments() ==
        Names{"START d", "START d.load", "FAIL d.load", "START d.load", "FAIL d.load", "FAIL d"});
  CHECK(world.event(2)["run"]["facets"]["errorMessage"]["message"] == "no disk");
  CHECK(world.event(4)["run"]["facets"]["errorMessage"]["message"] == "still none");
  CHECK(world.event(1)["run"]["runId"] == world.event(2)["run"]["runId"]);
  CHECK(world.event(3)["run"]["runId"] == world.event(4)["run"]["runId"]);
  CHECK(world.event(1)["run"]["runId"] != world.event(3)["run"]["runId"]);
}

TEST_CASE("what people cancel is aborted, and a run that a clear opens again is another one") {
  Told world({task("load")});
  world.begin();
  RunStateRequested cancel;
  cancel.dag_id = "d";
  cancel.dag_run_id = "r1";
  cancel.state = DagRunState::failed;
  cancel.user = "ana";
  world.turn({cancel});
  world.finish(Outcome::cancelled, "cancelled by ana");
  CHECK(world.moments() == Names{"START d", "START d.load", "ABORT d.load", "ABORT d"});
  ClearRequested clear;
  clear.dag_id = "d";
  clear.dag_run_id = "r1";
  clear.user = "ana";
  clear.dry_run = false;
  world.pass(std::chrono::seconds(1));
  world.turn({clear});
  world.settle();
  REQUIRE(world.moments().size() == 5);
  CHECK(world.moments().back() == "START d");
  CHECK(world.event(4)["run"]["runId"] != world.event(0)["run"]["runId"]);
}

TEST_CASE("a try that its plugin defers starts once and ends once, whatever parts it has") {
  Told world({task("load")});
  world.begin();
  const auto defer = [&] {
    world.finish(Outcome::deferred);
    world.pass(std::chrono::seconds(5));
    world.turn({WaitChecked{world.launches.back().key, WaitChecked::Outcome::satisfied, {}}});
    world.settle();
  };
  defer();
  REQUIRE(world.launches.size() == 2);
  const auto resume = [&] {
    world.pass(std::chrono::seconds(1));
    world.turn({AttemptStarted{agent_link, {world.launches.back().key, world.now.wall, "slot"}}});
  };
  SUBCASE("two waits, then a success") {
    resume();
    defer();
    REQUIRE(world.launches.size() == 3);
    resume();
    world.finish(Outcome::success);
    CHECK(world.moments() == Names{"START d", "START d.load", "COMPLETE d.load", "COMPLETE d"});
    CHECK(world.event(1)["run"]["runId"] == world.event(2)["run"]["runId"]);
  }
  SUBCASE("its last part starts and ends within one turn") {
    world.finish(Outcome::failed, "no disk");
    CHECK(world.moments() == Names{"START d", "START d.load", "FAIL d.load", "FAIL d"});
  }
  SUBCASE("its run is cancelled while its next part waits for a worker's answer") {
    RunStateRequested cancel;
    cancel.dag_id = "d";
    cancel.dag_run_id = "r1";
    cancel.state = DagRunState::failed;
    cancel.user = "ana";
    world.turn({cancel});
    world.turn({AttemptRecalled{agent_link, world.launches.back().key}});
    world.settle();
    CHECK(world.moments() == Names{"START d", "START d.load", "ABORT d.load", "ABORT d"});
  }
  SUBCASE("its next part is lost: another try goes on") {
    world.finish(Outcome::lost, "gone");
    REQUIRE(world.launches.size() == 3);
    resume();
    world.finish(Outcome::success);
    std::string told;
    for (const std::string& moment : world.moments()) told += moment + "; ";
    CHECK(told ==
          "START d; START d.load; FAIL d.load; START d.load; COMPLETE d.load; COMPLETE d; ");
  }
}

TEST_CASE(
    "a task that no worker runs starts and completes in one turn; what never began is silent") {
  Task nothing = task("nothing");
  nothing.plugin = "empty";
  Told world({nothing, task("load", {0}), task("after", {1})});
  world.begin();
  world.finish(Outcome::failed_no_retry, "broken");
  CHECK(world.moments() == Names{"START d", "START d.nothing", "COMPLETE d.nothing", "START d.load",
                                 "FAIL d.load", "FAIL d"});
}

TEST_CASE("tables that an attempt reads and publishes are told with version, schema and counts") {
  const lakelog::TempLake lake;
  json payload =
      lakelog::append_payload({lakelog::data_file(lake.path(), "a.parquet", "2026-11-20", 3),
                               lakelog::data_file(lake.path(), "b.parquet", "2026-11-20", 4)});
  payload["metrics"] = {{"column_lineage", R"({"n": {"from": [["bronze/demo/raw", "count"]]},
                                               "at": {"unknown": "it is not followed"}})"}};
  Told world({task("load")});
  world.begin();
  Finished report;
  report.key = world.launches[0].key;
  report.outcome = Outcome::success;
  report.extra_json =
      R"({"lineage":[{"from":"bronze/demo/raw","from_version":7,"to":"silver/demo/numbers"},
                     {"from":"bronze/demo/raw","from_version":7,"to":"silver/demo/other"}]})";
  TableOutput output;
  output.table = lakelog::test_table;
  output.append = true;
  output.payload_json = json_text(payload);
  report.outputs = {output};
  world.turn({AttemptFinished{agent_link, report}});
  world.settle();
  CHECK(world.moments().back() == "RUNNING d.load");
  const auto publication = world.store.load().publications.at(0).id;
  world.turn({PublicationSettled{publication, 4}});
  world.settle();
  CHECK(world.moments() ==
        Names{"START d", "START d.load", "RUNNING d.load", "COMPLETE d.load", "COMPLETE d"});
  for (const std::size_t i : {2, 3}) {
    const json inputs = world.event(i)["inputs"];
    REQUIRE(inputs.size() == 1);
    CHECK(inputs[0]["namespace"] == "file:///srv/my%20lake");
    CHECK(inputs[0]["name"] == "bronze/demo/raw");
    CHECK(inputs[0]["facets"]["version"]["datasetVersion"] == "7");
  }
  CHECK(world.event(2)["outputs"].empty());
  const json outputs = world.event(3)["outputs"];
  REQUIRE(outputs.size() == 1);
  CHECK(outputs[0]["name"] == "silver/demo/numbers");
  CHECK(outputs[0]["facets"]["version"]["datasetVersion"] == "4");
  CHECK(outputs[0]["facets"]["lifecycleStateChange"]["lifecycleStateChange"] == "CREATE");
  CHECK(outputs[0]["facets"]["dataSource"]["uri"] == "file:///srv/my%20lake/silver/demo/numbers");
  CHECK(outputs[0]["facets"]["schema"]["fields"].size() == payload["schema"].size());
  const json columns = outputs[0]["facets"]["columnLineage"];
  CHECK(columns["fields"] == json{{"n",
                                   {{"inputFields",
                                     {{{"namespace", "file:///srv/my%20lake"},
                                       {"name", "bronze/demo/raw"},
                                       {"field", "count"}}}}}}});
  CHECK(columns["unknown"] == json{{"at", "it is not followed"}});
  const json statistics = outputs[0]["outputFacets"]["outputStatistics"];
  CHECK(statistics["rowCount"] == 7);
  CHECK(statistics["fileCount"] == 2);
}

TEST_CASE(
    "what is known of a job goes with its start, documentation of more than 16 KiB does not") {
  Dag dag;
  dag.id = "d";
  dag.doc_md = "# Doc";
  dag.owners = {"ana"};
  dag.tags = {"daily"};
  dag.tasks = {task("load")};
  dag.tasks[0].doc_md = std::string(20'000, 'x');
  RunRow run;
  run.dag_id = "d";
  run.dag_run_id = "r";
  run.data_interval_start = Time(std::chrono::seconds(1'760'000'000));
  run.data_interval_end = *run.data_interval_start + std::chrono::hours(1);
  const auto told = [&](MomentType type) {
    const std::string text = lineage_of_run(names(), {type, *run.data_interval_end}, run, dag);
    CHECK(openlineage_fault(text) == "");
    return *parse_untrusted(text);
  };
  const json start = told(MomentType::start);
  CHECK(start["job"]["facets"]["documentation"]["description"] == "# Doc");
  CHECK(start["job"]["facets"]["ownership"]["owners"][0]["name"] == "ana");
  CHECK(start["job"]["facets"]["tags"]["tags"][0]["key"] == "daily");
  CHECK(start["run"]["facets"]["nominalTime"]["nominalEndTime"] == to_iso(*run.data_interval_end));
  CHECK_FALSE(told(MomentType::complete)["job"]["facets"].contains("documentation"));
  TaskInstanceRow row;
  const std::string text =
      lineage_of_attempt(names(), {MomentType::start, *run.data_interval_end}, run, dag, row, {});
  CHECK(openlineage_fault(text) == "");
  const json job = (*parse_untrusted(text))["job"]["facets"];
  CHECK_FALSE(job.contains("documentation"));
  CHECK(job["ownership"]["owners"][0]["name"] == "ana");
}

TEST_CASE("a storm stops at the bound; what is lost is counted and told when it begins and ends") {
  Told world({task("load")}, {10, 1 << 20});
  world.waiting = 9;  // room for one
  world.begin();
  CHECK(world.moments() == Names{"START d"});
  CHECK(world.teller.lost() == 1);
  const auto times = [&](const std::string& what) {
    return std::count(world.log.begin(), world.log.end(), what);
  };
  CHECK(times(R"(lineage_full{"waiting":10,"bytes":0})") == 1);
  world.waiting = 3;
  world.finish(Outcome::success);
  CHECK(world.moments() == Names{"START d", "COMPLETE d.load", "COMPLETE d"});
  CHECK(times(R"(lineage_resumed{"lost":1})") == 1);
}

TEST_CASE("a storm of large events stops at the bound of bytes") {
  Told world({task("load")}, {10, 100'000});
  world.waiting_bytes = 99'900;
  world.begin();
  CHECK(world.moments().empty());
  CHECK(world.teller.lost() == 2);
  world.waiting_bytes = 50'000;
  world.finish(Outcome::success);
  CHECK(world.moments() == Names{"COMPLETE d.load", "COMPLETE d"});
}

TEST_CASE("the checker finds what is not as the schemas say") {
  RunRow run;
  Dag dag;
  dag.id = "d";
  const std::string good = lineage_of_run(names(), {MomentType::start, Time{}}, run, dag);
  REQUIRE(openlineage_fault(good) == "");
  const auto broken = [&](const char* pointer, const json& value) {
    json event = *parse_untrusted(good);
    event[json::json_pointer(pointer)] = value;
    return openlineage_fault(json_text(event));
  };
  CHECK(broken("/eventType", "BEGIN") != "");
  CHECK(broken("/run/runId", "one") != "");
  CHECK(broken("/eventTime", "now") != "");
  CHECK(broken("/run/facets/processing_engine/version", 1) != "");
  CHECK(broken("/job/facets/jobType/_schemaURL", "https://example.org/x.json#/$defs/X") != "");
  CHECK(broken("/job/name", nullptr) != "");
}

TEST_CASE("a derived id is what RFC 9562 says of version 5") {
  const Uuid dns = *parse_uuid("6ba7b810-9dad-11d1-80b4-00c04fd430c8");
  CHECK(to_string(named_uuid(dns, "www.example.com")) == "2ed6657d-e927-568b-95e1-2665a8aea6a2");
}
