// The plugin lake_monitors through its real C table: what it finds in real logs, and what stands in
// mngt/platform afterwards.
#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "lakelog/change.h"
#include "lakelog/log_folder.h"
#include "tests/lakelog/lake_fixture.h"
#include "tests/plugins/fake_host.h"

using namespace batuta;
using lakelog::append_payload;
using lakelog::data_file;
using nlohmann::json;

namespace {

const std::string watched = lakelog::test_table;  // "silver/demo/numbers"

// A lake with one table of which only the log matters.
struct Watched {
  lakelog::TempLake lake;
  std::int64_t number = 0;
  int runs = 0;
  json told;
  std::string failure;

  // A version that adds one file of so many rows.
  void publish(std::int64_t rows) { publish(rows, json()); }
  void publish(std::int64_t rows, const json& schema) {
    const std::string name = "f" + std::to_string(++number) + ".parquet";
    auto payload = append_payload({data_file(lake.path(), name, "2026-11-20", rows)}, number - 2);
    if (!schema.is_null()) {
      payload["schema"] = schema;
      payload["evolve"] = true;
    }
    const auto done = lakelog::publish(lakelog::publication(lake, payload, number));
    if (!done.ok()) FAIL(done.error().message);
  }
  // 0 = success; then `told` is what it returned.
  bool ask(json parameters, int try_number = 1) {
    FakeHost host;
    if (try_number == 1) ++runs;
    host.context = {{"execution_id", "run-" + std::to_string(runs)},
                    {"try_number", try_number},
                    {"lake", lake.path()},
                    {"scratch", lake.path() + "/_scratch"}};
    std::filesystem::create_directories(lake.path() + "/_scratch");
    host.parameters = std::move(parameters);
    const bool good = host.run("lake_monitors") == 0;
    failure = host.failure;
    told = good ? json::parse(host.result) : json();
    return good;
  }
  bool evaluate(const json& monitors, json more = json::object(), int try_number = 1) {
    more["operation"] = "evaluate";
    more["details"] = true;
    more["monitors"]["demo"]["monitors"] = monitors;
    return ask(std::move(more), try_number);
  }
  json open() {
    REQUIRE(ask({{"operation", "alerts"}}));
    return told["alerts"];
  }
  std::int64_t versions_of(const std::string& table) {
    const auto listing = lakelog::LogFolder(*lake.storage(), table).list();
    REQUIRE(listing.ok());
    return lakelog::newest_version(*listing) + 1;
  }
};

const json fresh = {{"name", "fresh"}, {"kind", "freshness"}, {"table", watched}, {"within", "1h"}};
const json volume = {{"name", "volume"}, {"kind", "volume"}, {"table", watched}};
const json columns = {{"name", "columns"}, {"kind", "schema"}, {"table", watched}};
constexpr const char* far_away = "2099-01-01T00:00:00Z";

}  // namespace

TEST_CASE("a late table opens one alert, which closes by itself when the table is fresh") {
  Watched table;
  table.publish(10);
  REQUIRE_MESSAGE(table.evaluate(json::array({fresh})), table.failure);
  CHECK(table.told["well"] == 1);
  CHECK(table.versions_of("mngt/platform/monitor_result") == 1);
  CHECK(table.versions_of("mngt/platform/alert") == 0);  // nothing to tell, no version
  REQUIRE_MESSAGE(table.evaluate(json::array({fresh}), {{"at", far_away}}), table.failure);
  CHECK(table.told["unwell"] == 1);
  REQUIRE(table.told["opened"].size() == 1);
  CHECK(table.told["opened"][0]["monitor_id"] == "demo/fresh");
  CHECK(table.told["opened"][0]["opened_at"] == far_away);
  // Still late: no second alert, and none is told of again, but by the same run's next attempt.
  REQUIRE(table.evaluate(json::array({fresh}), {{"at", far_away}}));
  CHECK(table.told["opened"].empty());
  CHECK(table.told["open"] == 1);
  CHECK(table.versions_of("mngt/platform/alert") == 1);
  REQUIRE(table.evaluate(json::array({fresh})));
  CHECK(table.told["closed_count"] == 1);
  REQUIRE(table.evaluate(json::array({fresh}), {}, 2));  // had the first died before it could tell
  CHECK(table.told["closed_count"] == 1);
  CHECK(table.open().empty());
  REQUIRE(table.ask({{"operation", "alerts"}, {"state", "closed"}}));
  REQUIRE(table.told["alerts"].size() == 1);
  CHECK(table.told["alerts"][0]["closed_by"] == "monitor");
  CHECK(table.told["alerts"][0]["state"] == "closed");
}

TEST_CASE("volume is what the newest versions wrote, and maintenance is none of it") {
  Watched table;
  for (int i = 0; i < 4; ++i) table.publish(100);
  REQUIRE_MESSAGE(table.evaluate(json::array({volume})), table.failure);
  CHECK(table.told["well"] == 1);
  // Files held together: rows that were there already.
  lakelog::Change change;
  change.read_version = 3;
  change.operation = "OPTIMIZE";
  change.commit.adds.push_back({"day=2026-11-20/all.parquet",
                                {{"day", "2026-11-20"}},
                                1,
                                0,
                                false,
                                false,
                                R"({"numRecords":400})"});
  const lakelog::LogFolder log(*table.lake.storage(), watched);
  REQUIRE(lakelog::put_change(log, change, 4'070'908'800'000).ok());  // in 2099
  REQUIRE(table.evaluate(json::array({volume, fresh}), {{"at", far_away}}));
  CHECK(table.told["results"][0]["status"] == "well");
  CHECK(table.told["results"][1]["status"] == "unwell");  // it made nothing fresh
  ++table.number;
  table.publish(10);
  REQUIRE(table.evaluate(json::array({volume})));
  REQUIRE(table.told["opened"].size() == 1);
  CHECK(table.told["opened"][0]["message"] ==
        "the newest version wrote 10 rows, and the median of 4 before it is 100: below 0.5 times");
}

TEST_CASE("a version that only takes rows away is none of the volume") {
  Watched table;
  for (int i = 0; i < 4; ++i) table.publish(100);
  lakelog::Change change;
  change.read_version = 3;
  change.operation = "DELETE";
  change.commit.removes.push_back({"day=2026-11-20/f1.parquet", 0, true, std::nullopt, 1});
  const lakelog::LogFolder log(*table.lake.storage(), watched);
  REQUIRE(lakelog::put_change(log, change, 4'070'908'800'000).ok());
  REQUIRE_MESSAGE(table.evaluate(json::array({volume})), table.failure);
  CHECK(table.told["well"] == 1);
  CHECK(table.open().empty());
}

TEST_CASE("a changed column is drift until a person accepts it") {
  Watched table;
  table.publish(1);
  REQUIRE_MESSAGE(table.evaluate(json::array({columns})), table.failure);
  CHECK(table.told["well"] == 1);
  json schema = append_payload({})["schema"];
  schema.push_back({{"name", "city"}, {"type", "string"}, {"nullable", true}});
  table.publish(1, schema);
  REQUIRE(table.evaluate(json::array({columns})));
  REQUIRE(table.told["opened"].size() == 1);
  CHECK(table.told["opened"][0]["message"] == "the columns differ: city (string) is new");
  REQUIRE(table.evaluate(
      json::array({columns})));  // it is held against what was well, not against the last look
  CHECK(table.told["unwell"] == 1);
  REQUIRE_MESSAGE(
      table.ask({{"operation", "close"}, {"alert", 1}, {"by", "ana"}, {"note", "agreed"}}),
      table.failure);
  CHECK(table.told["alert"]["closed_by"] == "ana");
  REQUIRE(table.evaluate(json::array({columns})));
  CHECK(table.told["well"] == 1);
  CHECK(table.open().empty());
}

TEST_CASE("an alert is acknowledged once, closed once, and named when there is none") {
  Watched table;
  REQUIRE(table.evaluate(json::array({fresh})));  // there is no table
  json alerts = table.open();
  REQUIRE(alerts.size() == 1);
  CHECK(alerts[0]["message"] == "there is no table " + watched);
  REQUIRE_MESSAGE(table.ask({{"operation", "ack"}, {"alert", 1}, {"by", "ana"}, {"note", "on it"}}),
                  table.failure);
  CHECK(table.told["alert"]["state"] == "acknowledged");
  REQUIRE_FALSE(table.ask({{"operation", "ack"}, {"alert", 1}, {"by", "rui"}}));
  CHECK(table.failure.find("alert 1 was acknowledged by ana at ") == 0);
  REQUIRE(table.evaluate(json::array({fresh})));  // it stays open, and keeps who looks after it
  alerts = table.open();
  REQUIRE(alerts.size() == 1);
  CHECK(alerts[0]["acked_by"] == "ana");
  REQUIRE(table.ask({{"operation", "close"}, {"alert", 1}, {"by", "ana"}}));
  REQUIRE_FALSE(table.ask({{"operation", "close"}, {"alert", 1}, {"by", "ana"}}));
  CHECK(table.failure.find("alert 1 was closed at ") == 0);
  REQUIRE_FALSE(table.ask({{"operation", "ack"}, {"alert", 9}, {"by", "ana"}}));
  CHECK(table.failure == "there is no alert 9; `batuta monitors alerts --state all` lists them");
  // The server asks for the same as an answer.
  REQUIRE(table.ask({{"operation", "ack"}, {"alert", 9}, {"by", "ana"}, {"return_errors", true}}));
  CHECK(table.told["error"]["kind"] == "not_found");
  REQUIRE(
      table.ask({{"operation", "close"}, {"alert", 1}, {"by", "ana"}, {"return_errors", true}}));
  CHECK(table.told["error"]["kind"] == "conflict");
  REQUIRE(
      table.evaluate(json::array({fresh})));  // still unwell: another alert, with the next number
  CHECK(table.told["opened"][0]["alert_id"] == 2);
  REQUIRE(table.ask({{"operation", "show"}, {"alert", 2}}));
  CHECK(table.told["alert"]["state"] == "open");
  CHECK(table.told["results"].size() == 3);
  REQUIRE(table.ask(
      {{"operation", "history"}, {"monitor", "demo/fresh"}, {"limit", 2}, {"offset", 2}}));
  CHECK(table.told["total"] == 3);
  REQUIRE(table.told["results"].size() == 1);
  CHECK(table.told["results"][0]["status"] == "unwell");
  const std::string kind = table.told["results"][0]["kind"];
  const std::string target = table.told["results"][0]["target"];
  // What it found of another table, or as another kind, is told to nobody who asks for this one.
  const auto total = [&](const std::string& of_kind, const std::string& of_target) {
    REQUIRE(table.ask({{"operation", "history"},
                       {"monitor", "demo/fresh"},
                       {"kind", of_kind},
                       {"target", of_target}}));
    CHECK(table.told["results"].size() == table.told["total"]);
    return table.told["total"];
  };
  CHECK(total(kind, target) == 3);
  CHECK(total("volume", target) == 0);
  CHECK(total(kind, "gold/hr/pay") == 0);
}

TEST_CASE("quality and failures are judged by what the platform tells, and are unknown without") {
  Watched table;
  const json rules = {{"name", "rules"}, {"kind", "quality"}, {"table", watched}};
  const json tasks = {{"name", "tasks"}, {"kind", "failures"}, {"dag", "demo"}};
  const json read = {{"name", "read"}, {"kind", "lag"},       {"topic", "orders"},
                     {"group", "g"},   {"connection", "hub"}, {"at_most", 5}};
  const json monitors = json::array({rules, tasks, read});
  REQUIRE_MESSAGE(table.evaluate(monitors), table.failure);
  CHECK(table.told["unknown"] == 3);
  const json rule = {{"rule", "n_is_there"},
                     {"severity", "blocking"},
                     {"checked", 9},
                     {"failed", 2},
                     {"passed", false}};
  json report = {{"table", watched}, {"at", "2026-11-20T10:00:00Z"}};
  report["results"] = json::array({rule});
  const json task = {{"dag", "demo"}, {"task", "extract"}, {"failed", 3}, {"error", "no answer"}};
  json platform;
  platform["quality"] = json::array({report});
  platform["tasks"] = json::array({task});
  const json of_another = {{"connection", ""}, {"topic", "orders"}, {"group", "g"},
                           {"records", 99},    {"lost", 0},         {"trouble", ""}};
  json behind = of_another;
  behind["connection"] = "hub";
  behind["records"] = 6;
  platform["lags"] = json::array({behind, of_another});
  REQUIRE(table.evaluate(monitors, {{"platform", platform}}));
  REQUIRE(table.told["opened"].size() == 3);
  CHECK(table.told["opened"][0]["message"] ==
        "broken: n_is_there (2 of 9 rows, not published), at 2026-11-20T10:00:00Z");
  CHECK(table.told["opened"][1]["message"] == "extract failed 3 times in a row: no answer");
  CHECK(table.told["opened"][2]["message"] == "g is 6 records behind in orders");
  REQUIRE(table.evaluate(monitors));  // not told: nothing closes
  CHECK(table.told["open"] == 3);
}

TEST_CASE("a cost is what the platform counted of the same target and window") {
  Watched table;
  json one = {{"name", "all"}, {"kind", "cost"}, {"window", "7d"}};
  one["at_most"]["runs"] = 10;
  one["at_most"]["bytes_scanned"] = "1KiB";
  json other = one;
  other["name"] = "day";
  other["window"] = "1d";
  const json monitors = json::array({one, other});
  REQUIRE_MESSAGE(table.evaluate(monitors), table.failure);
  CHECK(table.told["unknown"] == 2);
  json cost = {{"target", "demo"},
               {"window_seconds", 7 * 86'400},
               {"runs", 11},
               {"cpu_seconds", 1.5},
               {"scanned_bytes", 512},
               {"stored_bytes", 99},
               {"unmeasured", 0},
               {"more", false},
               {"size_unknown", false},
               {"trouble", ""}};
  json platform;
  platform["costs"] = json::array({cost});
  REQUIRE(table.evaluate(monitors, {{"platform", platform}}));
  CHECK(table.told["unknown"] == 1);  // of the other window nobody has counted
  REQUIRE(table.told["opened"].size() == 1);
  CHECK(table.told["opened"][0]["target"] == "demo");
  CHECK(table.told["opened"][0]["message"] == "in 7d: 11 runs, and 10 are allowed");
  cost["trouble"] = "the store does not answer";
  platform["costs"] = json::array({cost});
  REQUIRE(table.evaluate(monitors, {{"platform", platform}}));
  CHECK(table.told["open"] == 1);
}

TEST_CASE("an evaluation says in lines what it opened and closed, once, from a severity on") {
  Watched table;
  table.publish(10);
  const json monitors = json::array({fresh});
  REQUIRE(table.evaluate(monitors));
  CHECK(table.told["told_count"] == 0);
  REQUIRE(table.evaluate(monitors, {{"at", far_away}, {"tell_from", "critical"}}));
  CHECK(table.told["told_count"] == 0);  // it is a warning
  REQUIRE(table.evaluate(monitors));
  CHECK(table.told["told_count"] == 1);
  CHECK(table.told["told"].get<std::string>().starts_with(
      "Alerts of monitors: 0 opened, 1 closed\nClosed: warning, alert 1 of demo/fresh"));
  REQUIRE(table.evaluate(monitors, {{"at", far_away}}));
  CHECK(table.told["told_count"] == 1);
  REQUIRE(table.evaluate(monitors, {{"at", far_away}}));
  CHECK(table.told["told_count"] == 0);
  CHECK_FALSE(table.evaluate(monitors, {{"tell_from", "grave"}}));
  CHECK(table.failure.find("tell_from") != std::string::npos);
}

TEST_CASE("a dry run keeps nothing, and results are kept for 90 days") {
  Watched table;
  table.publish(1);
  REQUIRE(table.evaluate(json::array({fresh}), {{"at", far_away}, {"dry_run", true}}));
  CHECK(table.told["unwell"] == 1);
  CHECK(table.versions_of("mngt/platform/alert") == 0);
  CHECK(table.versions_of("mngt/platform/monitor_result") == 0);
  REQUIRE(table.evaluate(json::array({fresh}), {{"at", "2026-11-20T10:00:00Z"}}));
  REQUIRE(table.evaluate(json::array({fresh}), {{"at", "2027-02-18T10:00:00Z"}}));  // 90 days on
  CHECK(table.versions_of("mngt/platform/monitor_result") == 2);
  REQUIRE(table.evaluate(json::array({fresh}), {{"at", "2027-02-19T10:00:00Z"}}));
  CHECK(table.versions_of("mngt/platform/monitor_result") == 4);  // one that takes the day away
  REQUIRE(table.ask({{"operation", "list"}}));
  REQUIRE(table.told["monitors"].size() == 1);
  CHECK(table.told["monitors"][0]["evaluated_at"] == "2027-02-19T10:00:00Z");
}

TEST_CASE("a table that cannot be read leaves the other monitors judged") {
  Watched table;
  table.publish(1);
  const std::string other = table.lake.path() + "/silver/demo/other/_delta_log";
  std::filesystem::create_directories(other);
  std::ofstream(other + "/00000000000000000000.json") << "{\"metaData\": 7}\n";
  json broken = fresh;
  broken["name"] = "broken";
  broken["table"] = "silver/demo/other";
  REQUIRE_MESSAGE(table.evaluate(json::array({broken, fresh})), table.failure);
  CHECK(table.told["unknown"] == 1);
  CHECK(table.told["well"] == 1);
  REQUIRE_FALSE(table.evaluate(json::array({json::object({{"name", "x"}})})));
  CHECK(table.failure.find("parameter monitors: demo/monitors/0/kind: is missing") == 0);
}

TEST_CASE("columns that changed while their monitor rested are held against what was well before") {
  Watched table;
  table.publish(1);
  REQUIRE_MESSAGE(table.evaluate(json::array({columns}), {{"at", "2026-11-20T10:00:00Z"}}),
                  table.failure);
  for (const char* at : {"2026-11-21T10:00:00Z", "2026-11-22T10:00:00Z", "2026-11-23T10:00:00Z",
                         "2026-11-24T10:00:00Z"})
    REQUIRE(table.evaluate(json::array({volume}), {{"at", at}}));
  json schema = append_payload({})["schema"];
  schema.push_back({{"name", "city"}, {"type", "string"}, {"nullable", true}});
  table.publish(1, schema);
  REQUIRE(table.evaluate(json::array({columns}), {{"at", "2026-11-25T10:00:00Z"}}));
  REQUIRE(table.told["opened"].size() == 1);
  CHECK(table.told["opened"][0]["message"] == "the columns differ: city (string) is new");
}

TEST_CASE("closed alerts are kept for 365 days, open ones and the highest number for good") {
  Watched table;
  json other = fresh;
  other["name"] = "other";
  const auto close = [&](int id, const char* at) {
    return table.ask({{"operation", "close"}, {"alert", id}, {"by", "ana"}, {"at", at}});
  };
  // 1 stays open; 2 and 3 are closed, a day apart.
  REQUIRE(table.evaluate(json::array({fresh, other}), {{"at", "2025-01-10T10:00:00Z"}}));
  REQUIRE(close(2, "2025-01-10T11:00:00Z"));
  REQUIRE(table.evaluate(json::array({fresh, other}), {{"at", "2025-01-11T10:00:00Z"}}));
  REQUIRE(close(3, "2025-01-11T11:00:00Z"));
  const auto numbers = [&] {
    REQUIRE(table.ask({{"operation", "alerts"}, {"state", "all"}}));
    std::vector<int> out;
    for (const json& alert : table.told["alerts"]) out.push_back(alert["alert_id"].get<int>());
    return out;
  };
  REQUIRE(table.evaluate(json::array({fresh}), {{"at", "2026-01-10T12:00:00Z"}}));
  CHECK(table.told["dropped"] == 0);
  REQUIRE_MESSAGE(table.evaluate(json::array({fresh}), {{"at", "2026-01-11T12:00:00Z"}}),
                  table.failure);
  CHECK(table.told["dropped"] == 1);
  CHECK(numbers() == std::vector<int>{3, 1});
  REQUIRE(table.evaluate(json::array({fresh}), {{"at", "2027-01-11T12:00:00Z"}}));
  CHECK(table.told["dropped"] == 0);
  CHECK(numbers() == std::vector<int>{3, 1});
  REQUIRE(table.evaluate(json::array({fresh, other}), {{"at", "2027-01-11T13:00:00Z"}}));
  CHECK(table.told["opened"][0]["alert_id"] == 4);
  CHECK(table.told["dropped"] == 1);  // in the same evaluation, 3 is the highest no more
  CHECK(numbers() == std::vector<int>{4, 1});
  CHECK(table.open().size() == 2);
}

TEST_CASE("an evaluation that began before a person closed an alert does not open it again") {
  Watched table;
  REQUIRE(table.evaluate(json::array({fresh}), {{"at", "2026-11-20T10:00:00Z"}}));
  REQUIRE(table.ask(
      {{"operation", "close"}, {"alert", 1}, {"by", "ana"}, {"at", "2026-11-20T10:20:00Z"}}));
  REQUIRE_MESSAGE(table.evaluate(json::array({fresh}), {{"at", "2026-11-20T10:15:00Z"}}),
                  table.failure);
  CHECK(table.told["unwell"] == 1);
  CHECK(table.told["opened"].empty());
  REQUIRE(table.evaluate(json::array({fresh}), {{"at", "2026-11-20T10:30:00Z"}}));
  CHECK(table.told["opened"].size() == 1);
}

TEST_CASE("a table whose newest 500 versions changed nothing is late by the oldest of them") {
  Watched table;
  table.publish(1);
  lakelog::Change change;
  change.operation = "OPTIMIZE";
  change.commit.adds.push_back({"day=2026-11-20/all.parquet",
                                {{"day", "2026-11-20"}},
                                1,
                                0,
                                false,
                                false,
                                R"({"numRecords":1})"});
  const lakelog::LogFolder log(*table.lake.storage(), watched);
  for (int version = 1; version <= 500; ++version) {
    change.read_version = version - 1;
    REQUIRE(lakelog::put_change(log, change, 4'070'908'800'000).ok());  // far_away
  }
  REQUIRE_MESSAGE(table.evaluate(json::array({fresh}), {{"at", "2099-01-01T02:00:00Z"}}),
                  table.failure);
  REQUIRE(table.told["opened"].size() == 1);
  CHECK(table.told["opened"][0]["message"] ==
        "no change since at least 2099-01-01T00:00:00Z, 2h ago, and 1h are allowed");
}
