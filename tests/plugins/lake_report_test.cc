// The plugin lake_report through its real C table: what the server told of runs becomes rows of
// mngt/platform, once each, whatever is told again, lost on the way, or gone from the store.
#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "lakelog/log_folder.h"
#include "lakelog/table.h"
#include "tests/lakelog/lake_fixture.h"
#include "tests/plugins/fake_host.h"

using namespace batuta;
using nlohmann::json;

namespace {

struct ReportedRun {
  std::string uuid, day = "2026-11-20", state = "success";
  int tries = 1;      // of its one task
  int first_try = 1;  // the others were told before
};

// The columns of a table behind those that say which run, and before created_on.
const std::map<std::string, std::vector<std::string>> told_columns = {
    {"dag_run",
     {"dag_version", "run_type", "state", "logical_date", "data_interval_start",
      "data_interval_end", "run_after", "queued_at", "start_date", "end_date", "duration_seconds",
      "triggered_by", "triggering_user", "clear_number", "backfill_id", "branch", "partition_key",
      "reason"}},
    {"task_instance",
     {"task_id", "map_index", "try_number", "is_newest", "state", "queued_at", "start_date",
      "end_date", "duration_seconds", "pool", "hostname", "exit_code", "reason"}},
    {"task_cost",
     {"task_id", "map_index", "try_number", "domain", "tables", "state", "start_date",
      "busy_seconds", "cpu_seconds", "read_bytes", "peak_rss_bytes"}},
    {"dq_result",
     {"task_id", "map_index", "try_number", "position", "table_name", "rule", "dimension",
      "severity", "checked", "failed", "passed"}},
    {"lineage_edge",
     {"task_id", "map_index", "try_number", "position", "from_table", "from_version", "to_table"}}};

// A lake, and what its server would tell.
struct Reported {
  lakelog::TempLake lake;
  std::map<std::string, std::int64_t> numbers;  // of publications, by table
  std::vector<json> outputs;                    // of the last attempt
  json told;
  std::string failure;

  json report(const std::vector<ReportedRun>& runs, const json& since, const json& next) {
    json out = {{"since", since}, {"next", next}, {"more", false}, {"runs", json::array()}};
    for (const auto& [name, columns] : told_columns) {
      json all = {"run_uuid", "dag_id", "dag_run_id"};
      for (const std::string& column : columns) all.push_back(column);
      all.push_back("created_on");
      out["tables"][name] = {{"columns", all}, {"rows", json::array()}};
    }
    for (const ReportedRun& run : runs) {
      out["runs"].push_back({run.uuid, run.day, run.first_try == 1});
      const auto add = [&](const char* table, json values) {
        values.insert(values.begin(), {run.uuid, "shop", "run_" + run.uuid});
        while (values.size() + 1 < out["tables"][table]["columns"].size())
          values.push_back(nullptr);
        values.push_back(run.day);
        out["tables"][table]["rows"].push_back(values);
      };
      add("dag_run",
          {"v1", "manual", run.state, nullptr, nullptr, nullptr, "2026-11-20T10:00:00Z"});
      for (int number = run.first_try; number <= run.tries; ++number) {
        add("task_instance", {"load", -1, number, number == run.tries, run.state, nullptr, nullptr,
                              nullptr, 1.5, "default_pool"});
        add("task_cost", {"load", -1, number, "shop", "silver/shop/orders", run.state, nullptr, 2.5,
                          0.25, 4096});
        add("dq_result",
            {"load", -1, number, 0, "silver/shop/orders", "r", "range", "blocking", 9, 0, true});
        add("lineage_edge", {"load", -1, number, 0, "bronze/shop/orders", 4, "silver/shop/orders"});
      }
    }
    return out;
  }

  bool run(const json& report, json parameters = json::object()) {
    FakeHost host;
    host.context = {
        {"execution_id", "run"}, {"lake", lake.path()}, {"scratch", lake.path() + "/_scratch"}};
    if (!report.is_null()) host.context["report"] = report;
    std::filesystem::create_directories(lake.path() + "/_scratch");
    host.parameters = std::move(parameters);
    const bool good = host.run("lake_report") == 0;
    failure = host.failure;
    told = good ? json::parse(host.result) : json();
    outputs.clear();
    for (const std::string& text : host.outputs) outputs.push_back(json::parse(text));
    return good;
  }
  // Publishes the first `most` of what the last attempt handed in, as the host does, in order.
  void publish(std::size_t most = 99) {
    for (std::size_t i = 0; i < std::min(most, outputs.size()); ++i) {
      const auto number = ++numbers[outputs[i]["table"].get<std::string>()];
      const auto done = lakelog::publish(lakelog::publication(lake, outputs[i], number));
      if (!done.ok()) FAIL(done.error().message);
    }
  }
  void keep(const std::vector<ReportedRun>& runs, const json& since, const json& next) {
    REQUIRE_MESSAGE(run(report(runs, since, next)), failure);
    publish();
  }
  std::string rows(const std::string& sql) {
    FakeHost host;
    host.context = {
        {"execution_id", "x"}, {"lake", lake.path()}, {"scratch", lake.path() + "/_scratch"}};
    host.parameters = {{"operation", "sql"}, {"sql", sql}};
    return host.run("lake_sql") == 0 ? json::parse(host.result)["rows"].dump() : host.failure;
  }
  std::string tries() {
    return rows(
        R"(SELECT run_uuid, try_number, is_newest FROM "mngt/platform/task_instance" ORDER BY ALL)");
  }
  std::int64_t version_of(const std::string& table) {
    const auto listing = lakelog::LogFolder(*lake.storage(), "mngt/platform/" + table).list();
    REQUIRE(listing.ok());
    return lakelog::newest_version(*listing);
  }
};

const json nothing = {0, 0, 0}, first = {100, 1, 0}, second = {200, 2, 0};

}  // namespace

TEST_CASE("what ended becomes rows of mngt/platform, typed, and dag_run is published last") {
  Reported platform;
  REQUIRE_MESSAGE(
      platform.run(platform.report({{"a"}, {"b", "2026-11-21", "failed"}}, nothing, first)),
      platform.failure);
  REQUIRE(platform.outputs.size() == 6);
  CHECK(platform.outputs.back()["table"] == "mngt/platform/dag_run");
  CHECK(platform.outputs.back()["txn"].size() == 3);
  CHECK(platform.told["runs"] == 2);
  CHECK(platform.told["more"] == false);
  platform.publish();
  CHECK(platform.rows(R"(SELECT run_uuid, dag_id, state, run_after, created_on::VARCHAR
      FROM "mngt/platform/dag_run" ORDER BY 1)") ==
        R"([["a","shop","success","2026-11-20T10:00:00Z","2026-11-20"],)"
        R"(["b","shop","failed","2026-11-20T10:00:00Z","2026-11-21"]])");
  CHECK(platform.rows(R"(SELECT domain, sum(cpu_seconds), sum(read_bytes)::BIGINT
      FROM "mngt/platform/task_cost" GROUP BY 1)") == R"([["shop",0.5,8192]])");
  CHECK(platform.rows(R"(SELECT DISTINCT rule, checked, passed FROM "mngt/platform/dq_result")") ==
        R"([["r",9,true]])");
  CHECK(
      platform.rows(
          R"(SELECT DISTINCT from_table, from_version, to_table FROM "mngt/platform/lineage_edge")") ==
      R"([["bronze/shop/orders",4,"silver/shop/orders"]])");
  // Of the tables there were; the next run tells these too.
  CHECK(platform.rows(R"(SELECT count(*) FROM "mngt/platform/table_registry")") == "[[0]]");
}

TEST_CASE(
    "the catalogue has a row for each table and day, of its newest state, and says what it cannot "
    "read") {
  Reported platform;
  platform.keep({{"a"}}, nothing, first);
  std::filesystem::create_directories(platform.lake.path() + "/silver/shop/odd/_delta_log");
  std::ofstream(platform.lake.path() + "/silver/shop/odd/_delta_log/00000000000000000000.json")
      << "{\"metaData\": 7}\n";
  platform.keep({{"b"}}, first, second);
  platform.keep({{"c"}}, second, {300, 3, 0});
  CHECK(platform.rows(R"(SELECT table_name, layer, domain, version, rows
      FROM "mngt/platform/table_registry" WHERE table_name LIKE '%dag_run')") ==
        R"([["mngt/platform/dag_run","mngt","platform",1,2]])");
  CHECK(platform.rows(R"(SELECT version IS NULL, problem IS NOT NULL
      FROM "mngt/platform/table_registry" WHERE domain = 'shop')") == "[[true,true]]");
}

TEST_CASE("what was published without dag_run is told again, and every row is there once") {
  for (std::size_t published = 0; published < 6; ++published) {
    Reported platform;
    platform.keep({{"a"}}, nothing, first);
    const json report = platform.report({{"b"}, {"c", "2026-11-21"}}, first, second);
    REQUIRE(platform.run(report));
    platform.publish(published);  // and then it dies
    REQUIRE_MESSAGE(platform.run(report), platform.failure);
    platform.publish();
    INFO("published " << published << " tables");
    CHECK(platform.tries() == R"([["a",1,true],["b",1,true],["c",1,true]])");
    for (const char* table : {"dag_run", "task_cost", "dq_result", "lineage_edge"})
      CHECK(platform.rows("SELECT count(*) FROM \"mngt/platform/" + std::string(table) + "\"") ==
            "[[3]]");
    // All of them published: what was told goes on from elsewhere, and nothing is taken in twice.
    REQUIRE_FALSE(platform.run(report));
    CHECK(platform.failure.find("was moved on meanwhile") != std::string::npos);
    CHECK(platform.outputs.empty());
  }
}

TEST_CASE("a run that ended again takes the place of itself, and one that is gone stays") {
  Reported platform;
  platform.keep({{"a", "2026-11-20", "failed", 1}, {"gone", "2026-11-20"}}, nothing, first);
  platform.keep({{"a", "2026-11-20", "success", 2}}, first, second);
  CHECK(platform.tries() == R"([["a",1,false],["a",2,true],["gone",1,true]])");
  CHECK(platform.rows(R"(SELECT run_uuid, state FROM "mngt/platform/dag_run" ORDER BY 1)") ==
        R"([["a","success"],["gone","success"]])");
}

TEST_CASE("a large run comes in parts, each once") {
  Reported platform;
  const json middle = {100, 1, 5};
  platform.keep({{"a", "2026-11-20", "success", 2, 1}}, nothing, middle);
  platform.keep({{"a", "2026-11-20", "success", 3, 3}}, middle, first);
  CHECK(platform.rows(R"(SELECT list(try_number ORDER BY try_number)
      FROM "mngt/platform/task_instance")") == "[[[1,2,3]]]");
  CHECK(platform.rows(R"(SELECT count(*) FROM "mngt/platform/dag_run")") == "[[1]]");
}

TEST_CASE("only days that something came to are written, by a new file where nothing is replaced") {
  Reported platform;
  platform.keep({{"a"}, {"b", "2026-11-19"}}, nothing, first);
  REQUIRE(platform.run(platform.report({{"c"}}, first, second)));
  for (const json& output : platform.outputs) {
    if (output["table"] == "mngt/platform/table_registry") continue;
    CHECK(output["add"].size() == 1);
    CHECK(output.value("remove", json::array()).empty());
  }
  platform.publish();
  REQUIRE(platform.run(platform.report({}, second, second)));
  REQUIRE(platform.outputs.size() == 1);  // nothing ended: no version but of the catalogue
  CHECK(platform.outputs[0]["table"] == "mngt/platform/table_registry");
}

TEST_CASE("days that are older than is kept go, and what comes late stays a while") {
  Reported platform;
  platform.keep({{"old", "2020-01-01"}, {"a", "2020-01-02"}}, nothing, first);
  platform.keep({{"b", "2020-01-02"}}, first, second);
  CHECK(platform.rows(R"(SELECT run_uuid FROM "mngt/platform/dag_run" ORDER BY 1)") ==
        R"([["a"],["b"]])");
  REQUIRE(platform.run(platform.report({}, second, {300, 3, 0}), {{"keep_days", 1'000'000}}));
  platform.publish();
  CHECK(platform.rows(R"(SELECT count(*) FROM "mngt/platform/dag_run")") == "[[2]]");
}

TEST_CASE("nothing told, and columns of another version of the server, are refused") {
  Reported platform;
  REQUIRE_FALSE(platform.run(json()));
  CHECK(platform.failure.find("the server told nothing of its runs") == 0);
  json report = platform.report({{"a"}}, nothing, first);
  report["tables"]["dag_run"]["columns"][3] = "dag_hash";
  REQUIRE_FALSE(platform.run(report));
  CHECK(platform.failure.find("server and worker are of different versions") != std::string::npos);
}
