// The lake_sql plugin: what it reads, and what it must not do.
#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>

#include "tests/plugins/financial_fixture.h"

using namespace batuta;

namespace {

const Run run{"01980000-0000-7000-8000-00000000000b"};

// A home with a filled lake and a run folder beside it.
struct Home {
  Financial world{[](const std::string&) {
    return page({quote("2026-11-20T10:05:00Z", "PETR4", "9.5", "10", "9", "9.2", "1"),
                 quote("2026-11-20T10:06:00Z", "AAPL", "9.5", "10", "9", "9.2", "3")});
  }};
  std::string lake;

  Home() {
    world.run_all(run);
    lake = world.lake.path() + "/home/lake";
    std::filesystem::create_directories(world.lake.path() + "/home/run");
    std::filesystem::create_directories(lake);
    for (const char* layer : {"bronze", "silver", "gold"})
      std::filesystem::rename(world.lake.path() + "/" + layer, lake + "/" + layer);
  }

  std::unique_ptr<FakeHost> ask(json parameters) {
    auto host = std::make_unique<FakeHost>();
    host->context = {{"execution_id", "x"}, {"lake", lake}, {"scratch", world.lake.path()}};
    host->parameters = std::move(parameters);
    returned = host->run("lake_sql");
    return host;
  }
  json rows(const std::string& sql) {
    const auto host = ask({{"sql", sql}});
    INFO(host->failure);
    REQUIRE(returned == 0);
    return json::parse(host->result)["rows"];
  }
  std::string refusal(json parameters) {
    const auto host = ask(std::move(parameters));
    CHECK(returned != 0);
    CHECK(host->failure_kind == BATUTA_FAIL_FINAL);
    return host->failure;
  }
  int returned = -1;
};

}  // namespace

TEST_CASE("tables are found by path and by layer") {
  Home home;
  CHECK(home.rows("SELECT ticker, volume FROM silver.quotes ORDER BY 1") ==
        json::parse(R"([["AAPL",3],["PETR4",1]])"));
  CHECK(home.rows("SELECT count(*) FROM \"bronze/financial/quotes\"") == json::parse("[[2]]"));
  CHECK(home.rows("SELECT max(close), max(date) FROM gold.financial_data_hour") ==
        json::parse(R"([["9.200000","2026-11-20T10:00:00Z"]])"));
}

TEST_CASE("the first rows of a table, of any version") {
  Home home;
  const auto host = home.ask({{"operation", "head"}, {"table", silver_table}, {"limit", 1}});
  REQUIRE(home.returned == 0);
  const auto result = json::parse(host->result);
  CHECK(result["rows"].size() == 1);
  CHECK(result["cut"] == true);
  CHECK(result["columns"][1] == "ticker");
  CHECK(home.ask({{"operation", "head"}, {"table", silver_table}, {"version", 0}})->failure == "");
  CHECK(home.refusal({{"operation", "head"}, {"table", silver_table}, {"version", 7}})
            .find("version 7 does not exist") != std::string::npos);
  CHECK(home.refusal({{"operation", "head"}, {"table", "silver/none"}}) ==
        "there is no table silver/none");
  CHECK(home.refusal({{"operation", "head"}, {"table", "../../etc"}}).find("not a table name") !=
        std::string::npos);
}

TEST_CASE("SQL from outside can only read, and only the lake") {
  Home home;
  for (const std::string& sql :
       {std::string("COPY (SELECT 1) TO '" + home.lake + "/x.csv'"),
        std::string("CREATE TABLE t(a int)"), std::string("SET threads = 4"),
        std::string("ATTACH 'x.db'"), std::string("INSTALL httpfs"),
        std::string("SELECT 1; SELECT 2"), std::string("PRAGMA version; DROP VIEW silver.quotes"),
        std::string("SELECT * FROM read_text('/etc/passwd')"),
        std::string("SELECT * FROM read_csv('" + home.lake + "/../run/../../secret')"),
        std::string("SELECT * FROM glob('/etc/*')"), std::string("SELECT nothing"),
        std::string("")}) {
    CAPTURE(sql);
    CHECK_FALSE(home.refusal({{"sql", sql}}).empty());
  }
  CHECK_FALSE(std::filesystem::exists(home.lake + "/x.csv"));
}

TEST_CASE("limits on rows, bytes and time hold") {
  Home home;
  auto host = home.ask({{"sql", "SELECT range FROM range(5000)"}, {"limit", 10}});
  CHECK(json::parse(host->result)["rows"].size() == 10);
  host = home.ask({{"sql", "SELECT repeat('x', 1000) FROM range(500)"}});
  CHECK(json::parse(host->result)["cut"] == true);
  CHECK(host->result.size() < 64u << 10);
  CHECK(home.refusal({{"sql", "SELECT 1"}, {"limit", 0}}).find("limit") != std::string::npos);
  CHECK(home.refusal({{"sql", "SELECT count(*) FROM range(1000000000) a, range(1000) b"},
                      {"timeout", "300ms"}})
            .find("longer than its time-out") != std::string::npos);
}

TEST_CASE("a large result goes to a new file of the run folder and nowhere else") {
  Home home;
  const std::string file = home.world.lake.path() + "/home/run/result-1.json";
  const auto host =
      home.ask({{"sql", "SELECT repeat('x', 1000) FROM range(500)"}, {"result_file", file}});
  INFO(host->failure);
  REQUIRE(home.returned == 0);
  std::ifstream in(file);
  CHECK(json::parse(in)["rows"].size() == 500);
  CHECK(json::parse(host->result)["rows"] == 500);
  for (const std::string& bad : {std::string("/tmp/x.json"), home.lake + "/x.json",
                                 home.world.lake.path() + "/home/run/../x.json"})
    CHECK(home.refusal({{"sql", "SELECT 1"}, {"result_file", bad}}).find("result_file") !=
          std::string::npos);
}

TEST_CASE("control tables travel with the question") {
  Home home;
  const auto host = home.ask(
      {{"sql",
        "SELECT job_name, records + 1 FROM mngt.ingestion_job_execution WHERE status IS NULL"},
       {"mngt",
        {{"ingestion_job_execution",
          {{"columns",
            {{{"name", "job_name"}, {"type", "string"}},
             {{"name", "records"}, {"type", "long"}},
             {{"name", "status"}, {"type", "string"}}}},
           {"rows", {{"financial", 41, nullptr}, {"other", "1", "SUCCESS"}}}}}}}});
  INFO(host->failure);
  REQUIRE(home.returned == 0);
  CHECK(json::parse(host->result)["rows"] == json::parse(R"([["financial",42]])"));
}
