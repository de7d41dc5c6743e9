// Tables looked after over HTTP: who may order it, what the plugin is told, what is written down,
// and how one hears of the end.
#include <doctest/doctest.h>

#include <chrono>
#include <future>
#include <nlohmann/json.hpp>
#include <thread>

#include "tests/api/fake_services.h"
#include "tests/api/lake_log.h"

namespace batuta::http {
namespace {

using nlohmann::json;

constexpr char upkeep_path[] = "/api/lake/tables/gold/sales/orders/maintenance";
constexpr char aged_path[] = "/api/lake/tables/silver/sales/orders/maintenance";
constexpr char upkeep_orders[] = "/api/lake/maintenance";

// silver/sales/orders keeps its rows for a year.
constexpr char aged_orders[] = R"(apiVersion: v3.1.0
kind: DataContract
id: orders
version: '1'
status: active
domain: sales
servers:
  - {server: drop, type: local, path: /drop/orders.csv, format: csv}
schema:
  - name: orders
    customProperties: [{property: batuta.retention, value: [silver]}]
    properties:
      - {name: day, logicalType: date, partitioned: true}
slaProperties:
  - {property: retention, value: 1, unit: y}
)";

struct Upkeeping : TestApi {
  static std::string order(const char* action, const json& more = json::object()) {
    json body{{"action", action}, {"operation", "op-1"}};
    body.update(more);
    return body.dump();
  }
  Response post(const std::string& body, const std::string& role = "admin",
                const char* path = upkeep_path) {
    return call(Method::post, path, body, role);
  }
  void add_keeper(const std::string& name, const std::vector<const char*>& allowed) {
    Role role{name, "", {}};
    for (const char* grant : allowed) role.grants.push_back(*parse_grant(grant));
    REQUIRE(registry.add_role(role).ok());
    REQUIRE(registry.add_user(name, name, "hash").ok());
    registry.token_rows[name + "-token"].user = name;
  }
  void add_aged_contract() {
    auto dag = std::make_shared<Dag>(*demo_dag());
    json task = json::object();
    task["task_id"] = dag->tasks.at(0).id;
    task["contract"] = json{{"name", "sales/orders"}, {"yaml", aged_orders}};
    dag->canonical_json = json({{"tasks", json::array({task})}}).dump();
    auto bag = std::make_shared<DagBagSnapshot>(*backend.bag);
    bag->dags["demo"] = dag;
    backend.bag = bag;
    write_lake_version(home, "silver/sales/orders", 0, empty_lake_table());
  }
  // What became of it, once it has ended.
  json end_of(const std::string& operation) {
    const auto too_late = std::chrono::steady_clock::now() + std::chrono::minutes(1);
    while (std::chrono::steady_clock::now() < too_late) {
      const json told = get(std::string(upkeep_orders) + "/" + operation);
      if (told["state"] != "queued" && told["state"] != "running") return told;
      std::this_thread::yield();
    }
    FAIL("it does not end");
    return {};
  }
};

}  // namespace

TEST_CASE_FIXTURE(Upkeeping,
                  "upkeep: the plugin is told what was asked and by whom, and it ends beside the "
                  "request") {
  const auto answer = post(order("vacuum", {{"retain", "3d"}, {"dry_run", true}}));
  INFO(answer.body);
  REQUIRE(answer.status == 202);
  const json end = end_of("op-1");
  CHECK(end["state"] == "ended");
  CHECK(end["report"]["version"] == 3);
  CHECK(end["report"]["deleted"] == json({"a=1/x"}));
  CHECK(end["by"] == "admin");
  REQUIRE(upkeep_queries.size() == 1);
  const json told = json::parse(upkeep_queries.front());
  CHECK(told["operation"] == "vacuum");
  CHECK(told["table"] == "gold/sales/orders");
  CHECK(told["retain"] == "3d");
  CHECK(told["force"] == false);
  CHECK(told["dry_run"] == true);
  CHECK(told["by"] == "admin");
  // It is written down before and after, and no name of a file is.
  std::vector<std::string> events;
  for (const auto& row : registry.audit)
    if (row.event.starts_with("lake_maintenance")) events.push_back(row.event + row.extra_json);
  REQUIRE(events.size() == 2);
  CHECK(events[0].starts_with("lake_maintenance_ordered"));
  CHECK(events[0].find("\"retain\":\"3d\"") != std::string::npos);
  CHECK(events[1].starts_with("lake_maintenance_ended"));
  CHECK(events[1].find("\"version\":3") != std::string::npos);
  CHECK(events[1].find("a=1") == std::string::npos);
}

TEST_CASE_FIXTURE(Upkeeping, "upkeep: under one operation an order is done once, or refused") {
  REQUIRE(post(order("optimize")).status == 202);
  (void)end_of("op-1");
  const auto again = post(order("optimize"));
  CHECK(again.status == 202);
  CHECK(body_of(again)["repeated"] == true);
  CHECK(body_of(again)["report"]["version"] == 3);
  CHECK(upkeep_queries.size() == 1);
  const auto other = post(order("vacuum"));
  CHECK(other.status == 409);
  CHECK(other.body.find("was another order") != std::string::npos);
  // One that failed is tried again.
  upkeep_answer = [](const auto&) { return Result<std::string>(Errc::invalid, "no room"); };
  REQUIRE(post(order("optimize", {{"operation", "op-2"}})).status == 202);
  CHECK(end_of("op-2")["error"] == "no room");
  REQUIRE(post(order("optimize", {{"operation", "op-2"}})).status == 202);
  CHECK(end_of("op-2")["state"] == "failed");
  CHECK(upkeep_queries.size() == 3);
}

TEST_CASE_FIXTURE(Upkeeping,
                  "upkeep: who may edit the table may; what is lost for good wants more") {
  add_aged_contract();
  add_keeper("reader", {"read lake:*"});
  add_keeper("keeper", {"edit lake:sales/*"});
  add_keeper("remover", {"edit lake:sales/*", "delete lake:sales/silver"});
  add_keeper("stranger", {"edit lake:bank/gold"});
  CHECK(post(order("optimize"), "reader").status == 403);
  CHECK(post(order("optimize"), "stranger").status == 403);
  const auto forced = post(order("vacuum", {{"force", true}}), "keeper");
  CHECK(forced.status == 403);
  CHECK(forced.body.find("delete lake:sales/gold") != std::string::npos);
  CHECK(post(order("expire"), "keeper", aged_path).status == 403);
  CHECK(upkeep_queries.empty());
  CHECK(post(order("expire", {{"dry_run", true}, {"operation", "look"}}), "keeper", aged_path)
            .status == 202);
  (void)end_of("look");
  CHECK(post(order("expire"), "remover", aged_path).status == 202);
  (void)end_of("op-1");
  const json told = json::parse(upkeep_queries.back());
  CHECK(told["column"] == "day");
  CHECK(told["before"].get<std::string>().size() == 10);
  const std::string seen = std::string(upkeep_orders) + "/op-1";
  CHECK(call(Method::get, seen, "", "keeper").status == 200);
  CHECK(call(Method::get, seen, "", "stranger").status == 403);
  CHECK(call(Method::del, seen, "", "stranger").status == 403);
  CHECK(body_of(call(Method::get, upkeep_orders, "", "stranger"))["total_entries"] == 0);
  const json all = body_of(call(Method::get, upkeep_orders, "", "keeper"));
  REQUIRE(all["total_entries"] == 2);
  CHECK(all["orders"][0]["operation"] == "op-1");
  CHECK(all["orders"][0]["report"].is_null());
}

TEST_CASE_FIXTURE(Upkeeping,
                  "upkeep: a restore goes by version or time, and may name what it saw") {
  write_lake_version(home, "gold/sales/orders", 1, "{\"commitInfo\":{\"timestamp\":1}}\n");
  CHECK(post(order("restore", {{"version", 0}, {"expected_version", 1}})).status == 202);
  (void)end_of("op-1");
  const json told = json::parse(upkeep_queries.back());
  CHECK(told["version"] == 0);
  CHECK(told["expected_version"] == 1);
  CHECK(post(order("restore", {{"operation", "op-2"}})).status == 422);
  CHECK(post(order("restore", {{"version", 0}, {"at", "2026-11-20T10:00:00Z"}})).status == 422);
  const auto never =
      post(order("restore", {{"at", "1960-01-01T00:00:00Z"}, {"operation", "op-3"}}));
  CHECK(never.status == 422);
  CHECK(never.body.find("no version that old") != std::string::npos);
}

TEST_CASE_FIXTURE(Upkeeping, "upkeep: what is wrong with an order is told at its field") {
  const auto wrong = [this](const std::string& body, const char* field) {
    const auto answer = post(body);
    CHECK(answer.status == 422);
    CHECK(answer.body.find(field) != std::string::npos);
  };
  wrong(order("shrink"), "optimize, vacuum, restore or expire");
  wrong(order("optimize", {{"retain", "3d"}}), "is of vacuum");
  wrong(order("vacuum", {{"retain", "soon"}}), "must be a duration");
  wrong(order("optimize", {{"target_bytes", 5}}), "target_bytes");
  wrong(order("vacuum", {{"operation", "a b"}}), "operation");
  const auto ageless = post(order("expire"));
  CHECK(ageless.status == 409);
  CHECK(ageless.body.find("batuta.retention") != std::string::npos);
  CHECK(
      call(Method::post, "/api/lake/tables/gold/sales/none/maintenance", order("vacuum")).status ==
      404);
  CHECK(call(Method::get, std::string(upkeep_orders) + "/nothing").status == 404);
  CHECK(upkeep_queries.empty());
}

TEST_CASE_FIXTURE(Upkeeping,
                  "upkeep: one that runs is stopped, and is not ordered twice meanwhile") {
  std::promise<void> running;
  upkeep_answer = [&running](const auto& stop) {
    running.set_value();
    while (!stop()) std::this_thread::yield();
    return Result<std::string>(Errc::unavailable, "interrupted");
  };
  REQUIRE(post(order("optimize")).status == 202);
  running.get_future().wait();
  CHECK(body_of(post(order("optimize")))["repeated"] == true);
  CHECK(call(Method::del, std::string(upkeep_orders) + "/op-1").status == 204);
  CHECK(end_of("op-1")["state"] == "stopped");
  CHECK(call(Method::del, std::string(upkeep_orders) + "/op-1").status == 409);
  CHECK(upkeep_queries.size() == 1);
}

TEST_CASE_FIXTURE(Upkeeping,
                  "upkeep: names of files are not for whom a partition's values are masked") {
  std::string masked = aged_orders;
  const std::string plain = "partitioned: true}";
  masked.replace(
      masked.find(plain), plain.size(),
      "partitioned: true, customProperties: [{property: batuta.readMask, value: redact}]}");
  add_keeper("keeper", {"edit lake:sales/gold"});
  add_keeper("auditor", {"edit lake:sales/gold", "unmask lake:sales/gold"});
  auto dag = std::make_shared<Dag>(*demo_dag());
  json task = json::object();
  task["task_id"] = dag->tasks.at(0).id;
  task["contract"] = json{{"name", "sales/orders"}, {"yaml", masked}};
  dag->canonical_json = json({{"tasks", json::array({task})}}).dump();
  auto bag = std::make_shared<DagBagSnapshot>(*backend.bag);
  bag->dags["demo"] = dag;
  backend.bag = bag;
  write_lake_version(
      home, "gold/sales/orders", 1,
      R"({"metaData":{"id":"t1","format":{"provider":"parquet","options":{}},)"
      R"("schemaString":"{\"type\":\"struct\",\"fields\":[{\"name\":\"day\",)"
      R"(\"type\":\"date\",\"nullable\":true,\"metadata\":{}}]}",)"
      R"("partitionColumns":["day"],"configuration":{},"createdTime":1700000000000}})"
      "\n");
  REQUIRE(post(order("vacuum", {{"dry_run", true}})).status == 202);
  (void)end_of("op-1");
  const std::string path = std::string(upkeep_orders) + "/op-1";
  const json hidden = body_of(call(Method::get, path, "", "keeper"))["report"];
  CHECK(hidden["deleted"] == json::array());
  CHECK(hidden["names_hidden"] == true);
  const json bare = body_of(call(Method::get, path, "", "auditor"))["report"];
  CHECK(bare["deleted"] == json({"a=1/x"}));
  CHECK_FALSE(bare.contains("names_hidden"));
  // Nor does an error say more, and the event log, which others read, says why and no value.
  upkeep_answer = [](const auto&) {
    return Result<std::string>(Errc::invalid, "its file day=1999-12-31/x.parquet is gone");
  };
  REQUIRE(post(order("restore", {{"version", 0}, {"operation", "op-2"}})).status == 202);
  (void)end_of("op-2");
  const std::string failed = std::string(upkeep_orders) + "/op-2";
  const auto error_for = [&](const char* role) {
    return body_of(call(Method::get, failed, "", role))["error"];
  };
  CHECK(error_for("keeper") == "its file day=***/x.parquet is gone");
  CHECK(error_for("auditor") == "its file day=1999-12-31/x.parquet is gone");
  const json listed = body_of(call(Method::get, upkeep_orders, "", "keeper"))["orders"][0];
  CHECK(listed["error"] == "its file day=***/x.parquet is gone");
  const std::string ended = registry.audit.back().extra_json;
  CHECK(ended.find("day=***/x.parquet is gone") != std::string::npos);
  CHECK(ended.find("1999") == std::string::npos);
}

}  // namespace batuta::http
