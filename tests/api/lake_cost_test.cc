// What a domain holds and took: counted by layer, DAG and day, as far as one sees.
#include "scheduler/api/lake_cost.h"

#include <doctest/doctest.h>

#include <atomic>
#include <nlohmann/json.hpp>

#include "scheduler/api/cost_facts.h"
#include "tests/api/fake_services.h"
#include "tests/api/lake_log.h"

namespace batuta::http::lake_cost_test {
namespace {

using nlohmann::json;

const Time noon = *parse_iso("2026-03-04T12:00:00Z");
const Time since = *parse_iso("2026-03-02T12:00:00Z");

LakeSummary table_of(std::optional<std::int64_t> rows, std::int64_t bytes) {
  LakeSummary out;
  out.version = 1;
  out.rows = rows;
  out.bytes = bytes;
  out.files = 1;
  return out;
}

LakeVersion version_of_day(const char* at, std::optional<std::int64_t> bytes, const char* task) {
  LakeVersion out;
  out.entry.timestamp_ms = parse_iso(at)->time_since_epoch() / std::chrono::milliseconds(1);
  out.entry.info_json = json({{"batuta", {{"dag_id", "risk"}, {"task_id", task}}}}).dump();
  out.bytes = bytes;
  return out;
}

TaskInstanceView try_of(int run, const char* task, TaskState state, const char* start,
                        Duration took) {
  TaskInstanceView out;
  out.dag_id = "risk";
  out.task_id = task;
  out.row.run = RunSeq{run};
  out.row.state = state;
  out.row.start_date = parse_iso(start);
  if (out.row.start_date) out.row.end_date = *out.row.start_date + took;
  out.row.peak_rss_kib = 2048;
  return out;
}

}  // namespace

TEST_CASE("tables are counted by layer, and one whose rows are not known is named") {
  DomainCost cost(since, noon);
  cost.add_table({"gold", "risk", "a"}, table_of(3, 100));
  cost.add_table({"gold", "risk", "b"}, table_of(std::nullopt, 50));
  cost.add_table({"silver", "risk", "a"}, table_of(7, 25));
  const json report = cost.report();
  CHECK(report["tables"] == 3);
  CHECK(report["rows"] == 10);
  CHECK(report["bytes"] == 175);
  CHECK(report["stored"][0] ==
        json::parse(R"({"layer": "gold", "tables": 2, "rows": 3, "files": 2, "bytes": 150})"));
  CHECK(report["unknown"] == json::array({"gold/risk/b"}));
}

TEST_CASE("every try of the tasks that write the domain counts, and of no others, by DAG and day") {
  using std::chrono::seconds;
  DomainCost cost(since, noon);
  cost.add_versions({version_of_day("2026-03-03T10:00:00Z", 10, "score")}, true);
  auto failed = try_of(1, "score", TaskState::failed, "2026-03-03T10:00:00Z", seconds(2));
  failed.row.cpu_us = 1'500'000;
  failed.row.read_bytes = 1000;
  cost.add_try(failed);
  auto again = try_of(1, "score", TaskState::success, "2026-03-04T10:00:00Z", seconds(1));
  again.row.cpu_us = 250'000;
  again.row.read_bytes = 24;
  cost.add_try(again);
  cost.add_try(try_of(2, "score", TaskState::success, "2026-03-04T11:00:00Z", seconds(1)));
  cost.add_try(try_of(3, "score", TaskState::upstream_failed, "", {}));
  cost.add_try(try_of(3, "mail", TaskState::success, "2026-03-04T10:00:00Z", seconds(100)));
  cost.add_try(try_of(4, "score", TaskState::success, "2026-03-02T11:59:59Z", seconds(100)));
  const json report = cost.report();
  CHECK(report["runs"] == 2);
  CHECK(report["attempts"] == 3);
  CHECK(report["failed"] == 1);
  CHECK(report["busy_seconds"] == 4.0);
  CHECK(report["cpu_seconds"] == 1.75);
  CHECK(report["read_bytes"] == 1024);
  CHECK(report["unmeasured"] == 1);  // that of a worker before this version, or one that died
  CHECK(report["work"].size() == 1);
  CHECK(report["work"][0]["dag_id"] == "risk");
  REQUIRE(report["days"].size() == 3);
  CHECK(report["days"][0]["attempts"] == 0);
  CHECK(report["days"][1]["day"] == "2026-03-03");
  CHECK(report["days"][1]["cpu_seconds"] == 1.5);
  CHECK(report["days"][2]["attempts"] == 2);
}

TEST_CASE("how much was stored is told for each day's end, and not guessed") {
  DomainCost cost(since, noon);
  cost.add_versions({version_of_day("2026-03-04T11:00:00Z", 70, "a"),
                     version_of_day("2026-03-03T11:00:00Z", 30, "a"),
                     version_of_day("2026-03-03T01:00:00Z", 20, "a")},
                    true);
  CHECK(cost.report()["days"][0]["stored_bytes"] == 0);
  CHECK(cost.report()["days"][1]["stored_bytes"] == 30);
  CHECK(cost.report()["days"][2]["stored_bytes"] == 70);
  cost.add_versions({version_of_day("2026-03-03T05:00:00Z", 5, "b")}, false);
  const json report = cost.report();
  CHECK(report["days"][0]["stored_bytes"].is_null());  // its older versions are not in the log
  CHECK(report["days"][1]["stored_bytes"] == 35);
  CHECK(report["days"][2]["stored_bytes"] == 75);
}

TEST_CASE("of a log that was cleaned up it is said that its days and tasks before are not known") {
  const auto of_log = [](std::int64_t oldest_version, const char* at) {
    DomainCost cost(since, noon);
    auto oldest = version_of_day(at, 30, "a");
    oldest.entry.version = oldest_version;
    cost.add_versions({oldest}, true);
    return cost;
  };
  const DomainCost cleaned = of_log(7, "2026-03-04T11:00:00Z");
  CHECK(cleaned.report()["days"][0]["stored_bytes"].is_null());
  CHECK(cleaned.report()["days"][2]["stored_bytes"] == 30);
  CHECK(cleaned.has_untold_writers());
  CHECK_FALSE(of_log(0, "2026-03-04T11:00:00Z").has_untold_writers());
  CHECK(of_log(0, "2026-03-04T11:00:00Z").report()["days"][0]["stored_bytes"] == 0);
  CHECK_FALSE(of_log(7, "2026-03-01T11:00:00Z").has_untold_writers());
}

TEST_CASE("the cost of a domain is of what one may see; others hear of no such domain") {
  TestApi api;
  write_orders(api.home);
  const json cost = api.get("/api/lake/domains/sales/cost");
  CHECK(cost["domain"] == "sales");
  CHECK(cost["tables"] == 1);
  CHECK(cost["rows"] == 3);
  CHECK(cost["days"].size() == 31);
  CHECK(cost["more"] == false);
  CHECK(cost["hidden"] == false);
  CHECK(api.status(Method::get, "/api/lake/domains/nobody/cost") == 404);
  CHECK(api.status(Method::get, "/api/lake/domains/sales/cost?since=2020-01-01T00:00:00Z") == 422);
  Role role{"other", "", {*parse_grant("read lake:hr/*")}};
  REQUIRE(api.registry.add_role(role).ok());
  REQUIRE(api.registry.add_user("other", "other", "hash").ok());
  api.registry.token_rows["other-token"].user = "other";
  CHECK(api.status(Method::get, "/api/lake/domains/sales/cost", "", "other") == 404);
}

TEST_CASE("for monitors the cost is counted over their windows, of a table or a whole domain") {
  TestApi api;
  write_orders(api.home);
  write_lake_version(api.home, "gold/sales/orders", 1,
                     R"({"commitInfo":{"timestamp":1772618400000,"operation":"WRITE",)"
                     R"("batuta":{"dag_id":"risk","task_id":"score"}}})"
                     "\n");
  FakeHistory history;
  for (const char* start : {"2026-03-04T10:00:00Z", "2026-03-01T10:00:00Z"}) {
    const int run = static_cast<int>(history.views.size()) + 1;
    auto one = try_of(run, "score", TaskState::success, start, std::chrono::seconds(1));
    one.row.cpu_us = 1'500'000;
    one.row.read_bytes = 1000;
    history.views.push_back(one);
  }
  CostFacts facts(stores::Lake(api.home + "/lake"));
  std::atomic<bool> stopping{false};
  const std::set<CostAsked> asked{{"gold/sales/orders", std::chrono::hours(24)},
                                  {"nobody", std::chrono::hours(24)},
                                  {"sales", std::chrono::hours(7 * 24)}};
  const auto told = facts.read(history, asked, noon, stopping);
  REQUIRE(told.size() == 3);
  CHECK(told[0].of.target == "gold/sales/orders");
  CHECK(told[0].trouble.empty());
  CHECK(told[0].runs == 1);
  CHECK(told[0].cpu_seconds == 1.5);
  CHECK(told[0].scanned_bytes == 1000);
  CHECK(told[0].stored_bytes == 100);
  CHECK_FALSE(told[0].more);
  CHECK(told[1].trouble == "the lake has no table of a domain nobody");
  CHECK(told[2].runs == 2);
  CHECK(told[2].cpu_seconds == 3);
  stopping = true;
  for (const CostTold& one : facts.read(history, asked, noon, stopping))
    CHECK_FALSE(one.trouble.empty());
}

}  // namespace batuta::http::lake_cost_test
