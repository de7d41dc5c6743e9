// Persons erased over HTTP: who may order it, what the plugin is told, what is written down, and
// how one hears of the end.
#include <doctest/doctest.h>

#include <chrono>
#include <future>
#include <nlohmann/json.hpp>
#include <thread>

#include "scheduler/api/lake_erasures.h"
#include "tests/api/fake_services.h"
#include "tests/api/lake_log.h"

namespace batuta::http {
namespace {

using nlohmann::json;

constexpr char erasures[] = "/api/lake/erasures";
constexpr char secret_value[] = "111.222.333-44";
constexpr char pii_key[] = "a key of pseudonyms, long enough";

constexpr char masked_people[] = R"(apiVersion: v3.1.0
kind: DataContract
id: people
version: '1'
status: active
domain: bank
servers:
  - {server: drop, type: local, path: /drop/people.csv, format: csv, customProperties: [{property: batuta.delimiter, value: ";"}]}
schema:
  - name: people
    customProperties: [{property: batuta.maskKey, value: pii}]
    properties:
      - {name: id, logicalType: integer, primaryKey: true, required: true}
      - {name: cpf, physicalName: NR_CPF, logicalType: string, customProperties: [{property: batuta.mask, value: pseudonym}]}
      - {name: born, logicalType: date, logicalTypeOptions: {format: "%d/%m/%Y"}}
)";

struct Erasing : TestApi {
  Erasing() {
    Connection pii;
    pii.id = "pii";
    pii.password = pii_key;
    registry.connection_rows["pii"] = pii;
    auto dag = std::make_shared<Dag>(*demo_dag());
    const json contract{{"name", "bank/people"}, {"yaml", masked_people}};
    json task = json::object();
    task["task_id"] = dag->tasks.at(0).id;
    task["contract"] = contract;
    dag->canonical_json = json({{"tasks", json::array({task})}}).dump();
    auto bag = std::make_shared<DagBagSnapshot>(*backend.bag);
    bag->dags["demo"] = dag;
    backend.bag = bag;
  }
  static std::string order(const json& more = json::object()) {
    json keys = json::array();
    json key = json::object();
    key["column"] = "cpf";
    key["value"] = secret_value;
    keys.push_back(key);
    json body{{"keys", keys}, {"subject", "request-7"}, {"operation", "op-1"}};
    body.update(more);
    return body.dump();
  }
  void add_eraser(const std::string& name, const char* grant) {
    Role role{name, "", {}};
    role.grants.push_back(*parse_grant(grant));
    REQUIRE(registry.add_role(role).ok());
    REQUIRE(registry.add_user(name, name, "hash").ok());
    registry.token_rows[name + "-token"].user = name;
  }
  // What became of it, once it has ended.
  json end_of(const std::string& operation) {
    const auto too_late = std::chrono::steady_clock::now() + std::chrono::minutes(1);
    while (std::chrono::steady_clock::now() < too_late) {
      const json told = get(std::string(erasures) + "/" + operation);
      if (told["state"] != "queued" && told["state"] != "running") return told;
      std::this_thread::yield();
    }
    FAIL("it does not end");
    return {};
  }
};

}  // namespace

TEST_CASE_FIXTURE(Erasing,
                  "erasure: the plugin is told names, masks and keys by the contracts, and it ends "
                  "beside the request") {
  const auto answer = call(Method::post, erasures, order({{"apply", true}}));
  INFO(answer.body);
  REQUIRE(answer.status == 202);
  CHECK(body_of(answer)["subject"] == "request-7");
  const json end = end_of("op-1");
  CHECK(end["state"] == "ended");
  CHECK(end["report"]["rows"] == 2);
  CHECK(end["by"] == "admin");
  REQUIRE(erase_queries.size() == 1);
  const json told = json::parse(erase_queries.front());
  CHECK(told["keys"][0]["value"] == secret_value);
  CHECK(told["mask_keys"] == json::array({pii_key}));
  CHECK(told["apply"] == true);
  CHECK(told["contracts"]["bank/people"]["cpf"]["source"] == "NR_CPF");
  CHECK(told["contracts"]["bank/people"]["cpf"]["mask"] == "pseudonym");
  CHECK(told["contracts"]["bank/people"]["born"]["format"] == "%d/%m/%Y");
  CHECK(told["csv"]["bank/people"]["delimiter"] == ";");
}

TEST_CASE_FIXTURE(Erasing,
                  "erasure: it is written down before and after, and no value is in what is kept") {
  REQUIRE(call(Method::post, erasures, order()).status == 202);
  (void)end_of("op-1");
  std::vector<std::string> events;
  for (const auto& row : registry.audit)
    if (row.event.starts_with("lake_erase")) events.push_back(row.event + " " + row.extra_json);
  REQUIRE(events.size() == 2);
  CHECK(events[0].starts_with("lake_erase_ordered "));
  CHECK(events[0].find("request-7") != std::string::npos);
  CHECK(events[1].starts_with("lake_erase_ended "));
  CHECK(events[1].find("\"rows\":2") != std::string::npos);
  for (const std::string& event : events) CHECK(event.find(secret_value) == std::string::npos);
  CHECK(get(std::string(erasures) + "/op-1").dump().find(secret_value) == std::string::npos);
}

TEST_CASE_FIXTURE(Erasing, "erasure: it is a right of its own, of all layers of a domain") {
  add_eraser("dpo", "erase lake:bank/*");
  add_eraser("editor", "edit lake:*");
  add_eraser("golden", "erase lake:bank/gold");
  CHECK(call(Method::post, erasures, order({{"domain", "bank"}}), "editor").status == 403);
  CHECK(call(Method::post, erasures, order({{"domain", "bank"}}), "golden").status == 403);
  CHECK(call(Method::post, erasures, order(), "dpo").status == 403);  // of the whole lake
  CHECK(call(Method::post, erasures, order({{"domain", "sales"}}), "dpo").status == 403);
  const json of_any_connection{{"domain", "bank"}, {"mask_connections", json::array({"anything"})}};
  const auto curious = call(Method::post, erasures, order(of_any_connection), "dpo");
  CHECK(curious.status == 403);
  CHECK(curious.body.find("admin:connections") != std::string::npos);
  CHECK(call(Method::post, erasures, order({{"table", "silver/bank/people"}}), "dpo").status ==
        202);
  (void)end_of("op-1");
  CHECK(call(Method::get, std::string(erasures) + "/op-1", "", "dpo").status == 200);
  CHECK(call(Method::get, std::string(erasures) + "/op-1", "", "golden").status == 403);
  // The list has what one may erase, without reports; a record in the lake is one, too.
  std::filesystem::create_directories(home + "/lake/_erasures");
  std::ofstream(home + "/lake/_erasures/old.json")
      << R"({"operation":"old","what":{"subject":"request-1","domain":"","table":""},"by":"ana",)"
         R"("begun_at":"2020-11-20T11:00:00Z","ended_at":"2020-11-20T12:00:00Z","report":{}})";
  const json own = body_of(call(Method::get, erasures, "", "dpo"));
  REQUIRE(own["total_entries"] == 1);
  CHECK(own["erasures"][0]["operation"] == "op-1");
  CHECK(own["erasures"][0]["report"].is_null());
  const json all = get(erasures);
  REQUIRE(all["total_entries"] == 2);
  CHECK(all["erasures"][1]["operation"] == "old");
  CHECK(all["more"] == false);
  CHECK(body_of(call(Method::get, erasures, "", "golden"))["total_entries"] == 0);
}

TEST_CASE_FIXTURE(Erasing, "erasure: a record that cannot be read is told, alone and in the list") {
  add_eraser("dpo", "erase lake:bank/*");
  std::filesystem::create_directories(home + "/lake/_erasures");
  std::ofstream(home + "/lake/_erasures/torn.json") << R"({"operation":"torn","wha)";
  const json all = get(erasures);
  REQUIRE(all["total_entries"] == 1);
  const std::string why = all["erasures"][0]["error"];
  CHECK(all["erasures"][0]["state"] == "failed");
  CHECK(why.find("_erasures/torn.json") != std::string::npos);
  CHECK(get(std::string(erasures) + "/torn")["error"] == why);
  // Of which domain it was stands in the record.
  CHECK(body_of(call(Method::get, erasures, "", "dpo"))["total_entries"] == 0);
}

TEST_CASE_FIXTURE(Erasing, "erasure: what is missing to find the person is told before it begins") {
  registry.connection_rows.erase("pii");
  const auto keyless = call(Method::post, erasures, order());
  CHECK(keyless.status == 409);
  CHECK(keyless.body.find("there is no connection pii") != std::string::npos);
  const auto nobody = call(Method::post, erasures, R"({"keys":[{"column":"cpf","value":" "}]})");
  CHECK(nobody.status == 422);
  CHECK(
      call(Method::post, erasures, order({{"domain", "bank"}, {"table", "bank/people"}})).status ==
      422);
  CHECK(erase_queries.empty());
  CHECK(call(Method::get, std::string(erasures) + "/nothing").status == 404);
}

TEST_CASE_FIXTURE(Erasing,
                  "erasure: one that runs is stopped, and is not ordered twice meanwhile") {
  std::promise<void> running;
  erase_answer = [&running](const auto& stop) {
    running.set_value();
    while (!stop()) std::this_thread::yield();
    return Result<std::string>(Errc::unavailable, "interrupted");
  };
  REQUIRE(call(Method::post, erasures, order()).status == 202);
  running.get_future().wait();
  CHECK(call(Method::post, erasures, order()).status == 409);
  CHECK(call(Method::del, std::string(erasures) + "/op-1").status == 204);
  CHECK(end_of("op-1")["state"] == "stopped");
  CHECK(call(Method::del, std::string(erasures) + "/op-1").status == 409);
}

TEST_CASE("erasure: more than wait at a time are refused, and the newest are remembered") {
  LakeErasures all;
  Erasure one;
  std::size_t taken = 0;
  for (; taken < 100; ++taken) {
    one.operation = std::to_string(taken);
    if (!all.begin(one)) break;
  }
  CHECK(taken == LakeErasures::most_waiting + 1);
  CHECK(all.begin(one).error().code == Errc::rate_limited);
  all.forget("0");
  CHECK(all.begin(one).ok());
  one.operation = "1";
  CHECK(all.begin(one).error().code == Errc::conflict);
}

}  // namespace batuta::http
