// Bronze, silver and gold together, over a small market whose truth is known.
#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "lakelog/payload.h"
#include "plugins/lake/delta_table.h"
#include "tests/plugins/financial_fixture.h"

using namespace batuta;

namespace {

const std::string ten = "2026-11-20T10:05:00Z";
const std::string half_past = "2026-11-20T10:30:00Z";
const Run first{"01980000-0000-7000-8000-000000000001"};
const Run second{"01980000-0000-7000-8000-000000000002"};

}  // namespace

TEST_CASE("quotes travel from the service to the hour") {
  Financial world([](const std::string& target) {
    if (target.find("page_token=p2") == std::string::npos)
      return page({quote(ten, "PETR4", "10.00", "10.50", "9.50", "10.20", "100", "10.1")}, "p2");
    return page({quote(half_past, "PETR4", "10.20", "11.00", "10.10", "10.90", "300", "null")});
  });
  world.run_all(first);

  CHECK(world.bronze_result["records"] == 2);
  CHECK(world.bronze_result["execution_id"] == first.execution_id);
  CHECK(world.silver_result["records"] == 2);
  CHECK(world.gold_result["records"] == 1);
  // (10.5+9.5+10.2)/3*100 + (11+10.1+10.9)/3*300, over 400: 4206.666…/400 = 10.516667 half-even.
  CHECK(world.rows(gold_table, R"(SELECT ticker, date, volume, open, high, low, close, vwap,
                                  "return", trades, execution_id, day FROM t)") ==
        std::vector<std::string>{"PETR4|2026-11-20T10:00:00Z|400|10.000000|11.000000|9.500000|"
                                 "10.900000|10.516667|0.090000|2|" +
                                 first.execution_id + "|2026-11-20"});
  CHECK(
      world.rows(silver_table, "SELECT date, open, adj_close, volume, day FROM t ORDER BY date") ==
      std::vector<std::string>{"2026-11-20T10:05:00Z|10.000000|10.100000|100|2026-11-20",
                               "2026-11-20T10:30:00Z|10.200000|NULL|300|2026-11-20"});
  CHECK(world.version(quarantine_table) == -1);
}

TEST_CASE("every file that an attempt wrote is reported, by its place in the lake") {
  Financial world([](const std::string&) {
    return page({quote(ten, "PETR4", "10.00", "10.50", "9.50", "10.20", "100"),
                 quote(ten, "NOPE3", "9.5", "10", "9", "11", "1")});
  });
  json upstream;
  for (const std::string plugin : {"contract_bronze", "contract_silver", gold_plugin}) {
    CAPTURE(plugin);
    const auto host = world.execute(plugin, first, upstream);
    REQUIRE(world.returned == 0);
    std::set<std::string> expected;
    for (const std::string& output : host->outputs) {
      const auto payload = lakelog::parse_payload(output);
      REQUIRE(payload.ok());
      for (const auto& file : payload->adds) expected.insert(payload->table + "/" + file.path);
    }
    upstream = json::parse(host->result);
    if (plugin == "contract_bronze") {
      const std::string part = upstream["files"][0];  // …/part-<attempt>-0001.json
      const auto name = part.find("/part-");
      expected.insert(part);
      expected.insert(part.substr(0, name) + "/_request-" + part.substr(name + 6, 8) + ".json");
    }
    const std::map<std::string, std::size_t> files = {
        {"contract_bronze", 3}, {"contract_silver", 2}, {gold_plugin, 1}};
    REQUIRE(expected.size() == files.at(plugin));
    std::set<std::string> reported;
    for (const std::string& file : host->reports["files"])
      reported.insert(json::parse(file).get<std::string>());
    CHECK(reported == expected);
    for (const std::string& file : reported)
      CHECK(std::filesystem::file_size(world.lake.path() + "/" + file) > 0);
    world.publish_all(*host);
  }
}

TEST_CASE("bronze keeps every value as the text that was sent") {
  Financial world([](const std::string&) {
    return page({quote(ten, "PETR4", "10.00", "1.050e1", "9.5000000000000001", "10", "1E2"),
                 quote(ten, "PETR\\u0034", "\" 10\"", "true", "[1, 2]", "-0.0", "null"),
                 "\"junk\""});
  });
  const auto result = world.complete("contract_bronze", first);
  CHECK(world.rows(bronze_table, R"(SELECT ticker, open, high, low, close, volume, _record_no,
                                    _attempt, _run_id FROM t ORDER BY _record_no)") ==
        std::vector<std::string>{
            "PETR4|10.00|1.050e1|9.5000000000000001|10|1E2|1|1|" + first.execution_id,
            "PETR4| 10|true|[1, 2]|-0.0|NULL|2|1|" + first.execution_id,
            "NULL|NULL|NULL|NULL|NULL|NULL|3|1|" + first.execution_id});
  const auto files = world.rows(bronze_table, "SELECT DISTINCT _source_file FROM t");
  REQUIRE(files.size() == 1);
  CHECK(result["files"] == files);
  CHECK(files[0].find("run=" + first.execution_id) != std::string::npos);
  CHECK(std::filesystem::file_size(world.lake.path() + "/" + files[0]) > 100);
  CHECK(world.rows(bronze_table, "SELECT DISTINCT octet_length(_payload_sha256) FROM t") ==
        std::vector<std::string>{"32"});
}

TEST_CASE("bad rows go to quarantine with every reason, and only once") {
  const std::vector<std::string> bad = {
      quote(ten, "PETR4", "\"abc\"", "10", "9", "9.5", "1"),
      quote(ten, "PETR4", "\"1.234,56\"", "10", "9", "9.5", "1.5"),
      quote(ten, "AAPL", "9.5", "9", "10", "9.5", "-1"),
      quote(ten, "NOPE3", "9.5", "10", "9", "11", "1"),
      quote("", "PETR4", "9.5", "10", "9", "9.5", "1"),
      quote("yesterday", "PETR4", "8", "10", "9", "9.5", "1"),
      quote("-infinity", "PETR4", "9.5", "10", "9", "9.5", "1"),
      quote("2999-01-01T00:00:00Z", "PETR4", "9.5", "10", "9", "9.5", "1"),
      quote(ten, "PETR4", "9.5", "10", "9", "9.5", "1e16"),
      quote(ten, "PETR4", "9.5", "10", "9", "9.5", "1", "\"x\""),
      "42"};
  Financial world([&bad](const std::string&) {
    auto all = bad;
    all.push_back(bad.front());
    all.push_back(quote(ten, "PETR4", "9.5", "10", "9", "9.5", "1"));
    return page(all);
  });
  world.run_all(first);
  CHECK(world.silver_result["records"] == 1);
  CHECK(world.silver_result["quarantined"] == 11);
  CHECK(world.rows(quarantine_table, "SELECT reason FROM t ORDER BY reason") ==
        std::vector<std::string>{"bad_date", "bad_date,open_outside_range", "bad_number",
                                 "bad_number", "bad_number", "future_date", "missing_key",
                                 "missing_key,bad_number", "negative_volume,high_below_low",
                                 "unknown_ticker,close_outside_range", "volume_out_of_range"});

  // The next run's overlapping window reads the same bad rows, and the first is cleared as well.
  world.run_all(second);
  CHECK(world.silver_result["quarantined"] == 0);
  world.run_all(first);
  CHECK(world.version(quarantine_table) == 0);
  CHECK(world.rows(quarantine_table, "SELECT DISTINCT run_id FROM t") ==
        std::vector<std::string>{first.execution_id});
}

TEST_CASE("the latest reception of a key wins and equal rows keep their execution") {
  std::string close = "9.5";
  Financial world([&close](const std::string&) {
    return page({quote(ten, "PETR4", "9.5", "10", "9", "9.2", "1"),
                 quote(ten, "PETR4", "9.5", "10", "9", close, "1"),
                 quote(half_past, "AAPL", "5", "5", "5", "5", "7")});
  });
  world.run_all(first);
  CHECK(world.rows(silver_table, "SELECT close FROM t WHERE ticker = 'PETR4'") ==
        std::vector<std::string>{"9.500000"});

  close = "9.6";
  world.run_all(second);
  CHECK(world.silver_result["records"] == 1);
  CHECK(world.rows(silver_table, "SELECT ticker, close, execution_id FROM t ORDER BY ticker") ==
        std::vector<std::string>{"AAPL|5.000000|" + first.execution_id,
                                 "PETR4|9.600000|" + second.execution_id});
  CHECK(world.rows(gold_table, "SELECT ticker, close, execution_id FROM t ORDER BY ticker") ==
        std::vector<std::string>{"AAPL|5.000000|" + first.execution_id,
                                 "PETR4|9.600000|" + second.execution_id});
}

TEST_CASE("a repeated run leaves silver and gold as they are") {
  Financial world(
      [](const std::string&) { return page({quote(ten, "PETR4", "9.5", "10", "9", "9.2", "1")}); });
  world.run_all(first);
  world.run_all(first);
  CHECK(world.silver_result["records"] == 0);
  CHECK(world.gold_result["records"] == 0);
  CHECK(world.version(bronze_table) == 1);
  CHECK(world.version(silver_table) == 0);
  CHECK(world.version(gold_table) == 0);
}

TEST_CASE("clearing an old transform does not bring back values that were corrected since") {
  std::string close = "9.1";
  Financial world([&close](const std::string&) {
    return page({quote(ten, "PETR4", "9.5", "10", "9", close, "1")});
  });
  world.run_all(first);
  const auto old_bronze = world.bronze_result;
  close = "9.7";
  world.run_all(second);
  const auto cleared = world.complete("contract_silver", first, old_bronze);
  CHECK(cleared["records"] == 0);
  CHECK(world.rows(silver_table, "SELECT close FROM t") == std::vector<std::string>{"9.700000"});
}

TEST_CASE("a transform takes in what earlier runs left behind") {
  std::string minute = "05";
  Financial world([&minute](const std::string&) {
    return page({quote("2026-11-20T10:" + minute + ":00Z", "PETR4", "9.5", "10", "9", "9.2", "1")});
  });
  (void)world.complete("contract_bronze", first);  // its transform never ran
  minute = "06";
  world.run_all(second);
  CHECK(world.silver_result["records"] == 2);
  CHECK(world.gold_result["records"] == 1);
}

TEST_CASE("a silver that the pipeline's own plugin kept goes on, and nothing is judged again") {
  std::string minute = "05";
  Financial world([&minute](const std::string&) {
    const std::string at = "2026-11-20T10:" + minute + ":00Z";
    return page({quote(at, "PETR4", "9.5", "10", "9", "9.2", "1"),
                 quote(at, "NOPE3", "9.5", "10", "9", "9.2", "1")});
  });
  const auto bronze = world.complete("contract_bronze", first);
  const auto host = world.execute("contract_silver", first, bronze);
  REQUIRE(world.returned == 0);
  const std::string ours = "contract_silver/bronze";
  int markers = 0;
  for (std::string& output : host->outputs)
    for (std::size_t at = 0; (at = output.find(ours, at)) != output.npos; ++markers)
      output.replace(at, ours.size(), "financial_silver/bronze");
  REQUIRE(markers > 0);
  world.publish_all(*host);
  // What was asked for is no longer known: whoever judged that row anew would let it pass.
  std::filesystem::remove_all(world.lake.path() + "/raw");
  minute = "06";
  world.run_all(second);
  CHECK(world.silver_result["rows_read"] == 2);
  CHECK(world.rows(silver_table, "SELECT ticker, count(*) FROM t GROUP BY 1") ==
        std::vector<std::string>{"PETR4|2"});
}

TEST_CASE("an extraction leaves what it was asked for beside what it got, as the first ones did") {
  Financial world([](const std::string&) {
    return page({quote(ten, "PETR4", "9.5", "10", "9", "9.2", "1"),
                 quote(ten, "NOPE3", "9.5", "10", "9", "9.2", "1")});
  });
  world.bronze_result = world.complete("contract_bronze", first);
  const std::string part = world.bronze_result["files"][0];
  const auto name = part.find("/part-");
  const std::string request = world.lake.path() + "/" + part.substr(0, name) + "/_request-" +
                              part.substr(name + 6, 8) + ".json";
  json asked;
  std::ifstream(request) >> asked;
  CHECK(asked["query"]["tickers"] == world.tickers);
  CHECK(asked["window_start"] == first.start);
  std::ofstream(request) << R"({"tickers":["NOPE3"],"window_start":"2026-11-20T10:00:00Z"})";
  (void)world.complete("contract_silver", first, world.bronze_result);
  CHECK(world.rows(silver_table, "SELECT ticker FROM t") == std::vector<std::string>{"NOPE3"});
  CHECK(world.rows(quarantine_table, "SELECT ticker, reason FROM t") ==
        std::vector<std::string>{"PETR4|unknown_ticker"});
}

TEST_CASE("an extract that does not say which tickers it wants is refused") {
  Financial world([](const std::string&) { return page({}); });
  for (const json& query : {json::object(), json{{"tickers", json::array()}}}) {
    world.bronze_parameters = {{"query", query}};
    const auto host = world.execute("contract_bronze", first);
    CHECK(world.returned != 0);
    CHECK(host->failure.find("tickers is a list of 1 to 10000 values of ticker") !=
          std::string::npos);
    CHECK(world.server.targets().empty());
  }
}

TEST_CASE("two DAGs over one source do not quarantine each other's rows") {
  Financial world([](const std::string& target) {
    const bool petr = target.find("PETR4") != std::string::npos;
    return page({quote(ten, petr ? "PETR4" : "VALE3", "9.5", "10", "9", "9.2", "1")});
  });
  world.tickers = {"PETR4"};
  world.run_all(first);
  const auto old_bronze = world.bronze_result;
  world.tickers = {"VALE3"};
  (void)world.complete("contract_bronze", second);  // its transform has not run yet
  // Clearing the first run reads what the second has received since.
  const auto cleared = world.complete("contract_silver", first, old_bronze);
  CHECK(cleared["records"] == 1);
  CHECK(cleared["quarantined"] == 0);
  CHECK(world.rows(silver_table, "SELECT ticker FROM t ORDER BY 1") ==
        std::vector<std::string>{"PETR4", "VALE3"});
}

TEST_CASE("an hour without volume has no vwap, and rounding is half-even") {
  Financial world([](const std::string&) {
    return page({quote(ten, "PETR4", "2", "2.000001", "2", "2.000001", "0"),
                 quote(ten, "AAPL", "0.5000005", "1", "0.5", "0.5000015", "2")});
  });
  world.run_all(first);
  CHECK(world.rows(gold_table, R"(SELECT ticker, open, close, vwap, "return" FROM t ORDER BY 1)") ==
        std::vector<std::string>{// (1 + 0.5 + 0.500002) / 3 = 0.666667333…; 0.500002 / 0.5 - 1
                                 "AAPL|0.500000|0.500002|0.666667|0.000004",
                                 // 0.000001 / 2 = 0.0000005, a tie: to the even 0
                                 "PETR4|2.000000|2.000001|NULL|0.000000"});
}

TEST_CASE("gold files are sorted by ticker and execution") {
  Financial world([](const std::string& target) {
    std::vector<std::string> quotes;
    const bool again = target.find("start=2026-11-20T11") != std::string::npos;
    for (int minute = 0; minute < 24; ++minute)
      for (const char* ticker : {"PETR4", "AAPL"})
        quotes.push_back(quote("2026-11-20T" + std::to_string(minute % 3 + 10) + ":" +
                                   std::to_string(minute + 10) + ":00Z",
                               ticker, "9.5", "10", "9", again ? "9.3" : "9.2", "1"));
    if (again) quotes.resize(3);
    return page(quotes);
  });
  world.run_all(first);
  Run later = second;
  later.start = "2026-11-20T11:00:00Z";
  world.run_all(later);
  const auto files = lake::DeltaTable::open(world.lake.path(), gold_table).snapshot().files;
  REQUIRE(files.size() == 1);
  const auto keys =
      world.rows(gold_table, "SELECT ticker, execution_id, date FROM t");  // file order
  CHECK(keys.size() == 6);
  CHECK(std::is_sorted(keys.begin(), keys.end()));
}

TEST_CASE(
    "a gold that the pipeline's own plugin kept goes on, and equal rows keep their execution") {
  std::string ticker = "PETR4";
  Financial world([&ticker](const std::string&) {
    return page({quote(ten, ticker, "9", "10", "9", "9", "1")});
  });
  world.silver_result =
      world.complete("contract_silver", first, world.complete("contract_bronze", first));
  FakeHost before;
  before.context = world.execute(gold_plugin, first)->context;
  before.parameters = {
      {"sql",
       "SELECT ticker, date_trunc('hour', date) AS date, volume, open, high, low, close, "
       "CAST(9.333333 AS DECIMAL(18,6)) AS vwap, CAST(0 AS DECIMAL(18,6)) AS \"return\", "
       "CAST(1 AS BIGINT) AS trades, day FROM silver.financial.quotes"},
      {"table", gold_table},
      {"mode", "overwrite"},
      {"partition_by", {"day"}}};
  REQUIRE(before.run(gold_plugin) == 0);
  // That plugin's tables had neither of the columns that a model adds, and a marker.
  for (std::string& output : before.outputs) {
    json payload = json::parse(output);
    json& columns = payload["schema"];
    columns.erase(std::remove_if(columns.begin(), columns.end(),
                                 [](const json& column) {
                                   return column["name"] == "_computed_at" ||
                                          column["name"] == "_silver_versions";
                                 }),
                  columns.end());
    payload.erase("metrics");
    output = payload.dump();
  }
  world.publish_all(before);
  ticker = "AAPL";
  world.run_all(second);
  CHECK(world.gold_result["records"] == 1);
  CHECK(world.rows(gold_table, "SELECT ticker, vwap, execution_id FROM t ORDER BY ticker") ==
        std::vector<std::string>{"AAPL|9.333333|" + second.execution_id,
                                 "PETR4|9.333333|" + first.execution_id});
}

TEST_CASE("an empty answer makes an empty silver and an empty gold") {
  Financial world([](const std::string&) { return page({}); });
  world.run_all(first);
  CHECK(world.bronze_result["records"] == 0);
  CHECK(world.version(bronze_table) == -1);
  CHECK(world.version(silver_table) == 0);
  CHECK(world.rows(silver_table, "SELECT count(*) FROM t") == std::vector<std::string>{"0"});
  CHECK(world.rows(gold_table, "SELECT count(*) FROM t") == std::vector<std::string>{"0"});
}
