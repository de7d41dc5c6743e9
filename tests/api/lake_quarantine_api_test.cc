// Orders for rows in quarantine: who may give them, what they must say, and which run they become.
#include <doctest/doctest.h>

#include <nlohmann/json.hpp>
#include <string>

#include "tests/api/fake_services.h"
#include "tests/api/lake_log.h"

namespace batuta::http {
namespace {

using nlohmann::json;

struct Orders : TestApi {
  Orders() {
    write_lake_version(home, "quarantine/sales/orders", 0, "{not json\n");
    add_clerk("clerk", {"edit lake:sales/*"});
    add_clerk("keeper", {"edit lake:sales/quarantine"});
    add_clerk("reader", {"read lake:*"});
    name_contract("", {"demo"});
  }
  void add_clerk(const std::string& name, std::initializer_list<std::string_view> rights) {
    Role role{name, "", {}};
    for (const auto right : rights) role.grants.push_back(*parse_grant(right));
    REQUIRE(registry.add_role(role).ok());
    REQUIRE(registry.add_user(name, name, "hash").ok());
    registry.token_rows[name + "-token"].user = name;
  }
  bool keyed = true;
  // These DAGs have a transform of the contract; `more` is of its column buyer.
  void name_contract(const std::string& more, std::initializer_list<std::string> dags) {
    const std::string yaml =
        "apiVersion: v3.1.0\nkind: DataContract\nid: o\nversion: '1'\nstatus: active\n"
        "domain: sales\nschema:\n  - name: orders\n    properties:\n"
        "      - {name: id, logicalType: integer" +
        std::string(keyed ? ", primaryKey: true" : "") +
        "}\n"
        "      - {name: buyer, logicalType: string" +
        more + "}\n";
    auto bag = std::make_shared<DagBagSnapshot>(*backend.bag);
    for (const std::string& id : dags) {
      auto dag = std::make_shared<Dag>(*demo_dag());
      dag->id = id;
      dag->params_json = "{}";
      dag->tasks[0].plugin = "contract_silver";
      const json task{{"task_id", "first"},
                      {"contract", {{"name", "sales/orders"}, {"yaml", yaml}}}};
      dag->canonical_json = json({{"tasks", {task}}}).dump();
      bag->dags[id] = dag;
    }
    backend.bag = bag;
  }
  Response order(const json& body, const std::string& role = "clerk") {
    return call(Method::post, "/api/lake/quarantine/sales/orders", body.dump(), role);
  }
  std::string refusal(const json& body, int status) {
    const Response answer = order(body);
    CAPTURE(answer.body);
    CHECK(answer.status == status);
    return answer.body;
  }
};

bool holds(const std::string& text, const std::string& part) {
  CAPTURE(text);
  return text.find(part) != text.npos;
}

}  // namespace

TEST_CASE_FIXTURE(Orders,
                  "quarantine: an order is a run of the transform alone, and written down") {
  const Response answer = order({{"action", "repair"},
                                 {"operation", "op-1"},
                                 {"reason", "bad_id"},
                                 {"set", {{"id", 7}, {"buyer", nullptr}}},
                                 {"note", "typing"}});
  INFO(answer.body);
  REQUIRE(answer.status == 200);
  const json told = body_of(answer);
  CHECK(told["dag_id"] == "demo");
  CHECK(told["task_id"] == "first");
  CHECK(told["dag_run_id"] == "quarantine__op-1");
  const auto& run = std::get<RunRequested>(backend.events.back());
  CHECK(run.only == std::vector<std::string>{"first"});
  CHECK(run.idempotency_key == "quarantine:op-1");
  const json order_given = json::parse(run.conf_json)["batuta:quarantine"];
  CHECK(order_given["by"] == "clerk");
  CHECK(order_given["task_id"] == "first");
  CHECK_FALSE(order_given.contains("set"));
  const json conf = json::parse(run.conf_json);
  CHECK(json::parse(conf["batuta:quarantine_values"].get<std::string>())["set"] ==
        json({{"id", "7"}, {"buyer", nullptr}}));
  const auto& row = registry.audit.back();
  CHECK(row.event == "lake_quarantine_repair");
  CHECK(row.owner == "clerk");
  // Names, never values.
  const json extra = json::parse(row.extra_json);
  CHECK(extra["columns"] == json({"buyer", "id"}));
  CHECK(extra["note"] == "typing");
  CHECK_FALSE(extra.contains("set"));
}

TEST_CASE_FIXTURE(Orders, "quarantine: an operation is one order of one table, and no look ahead") {
  write_lake_version(home, "quarantine/sales/clients", 0, "{not json\n");
  auto bag = std::make_shared<DagBagSnapshot>(*backend.bag);
  auto dag = std::make_shared<Dag>(*bag->dags.at("demo"));
  json definition = json::parse(dag->canonical_json);
  definition["tasks"].push_back(definition["tasks"][0]);
  definition["tasks"][1]["task_id"] = dag->tasks[1].id;
  definition["tasks"][1]["contract"]["name"] = "sales/clients";
  dag->tasks[1].plugin = "contract_silver";
  dag->canonical_json = definition.dump();
  bag->dags["demo"] = dag;
  backend.bag = bag;
  json discard{{"action", "discard"}, {"all", true}, {"note", "tests"}, {"operation", "op-1"}};
  const auto requested = [&](const std::string& table) {
    const Response answer =
        call(Method::post, "/api/lake/quarantine/sales/" + table, discard.dump(), "clerk");
    CAPTURE(answer.body);
    REQUIRE(answer.status == 200);
    return std::get<RunRequested>(backend.events.back());
  };
  const RunRequested first = requested("orders"), again = requested("orders"),
                     other = requested("clients");
  CHECK(first.idempotency_key == again.idempotency_key);
  CHECK(first.request_digest == again.request_digest);
  CHECK(first.idempotency_key == other.idempotency_key);
  CHECK(first.request_digest != other.request_digest);
  const json bounded = json::parse(first.conf_json)["batuta:quarantine"];
  CHECK(bounded.contains("until"));
  discard["dry_run"] = true;
  const RunRequested look = requested("orders");
  CHECK(look.idempotency_key != first.idempotency_key);
  CHECK(look.dag_run_id != first.dag_run_id);
}

TEST_CASE_FIXTURE(Orders, "quarantine: rows become silver's only by who may edit both layers") {
  const json replay{{"action", "replay"}, {"all", true}};
  const json discard{{"action", "discard"}, {"all", true}, {"note", "tests"}};
  CHECK(order(replay, "clerk").status == 200);
  CHECK(holds(order(replay, "keeper").body, "edit lake:sales/silver"));
  CHECK(order(discard, "keeper").status == 200);
  CHECK(order(discard, "reader").status == 403);
  const auto before = backend.events.size();
  backend.write_error = Error{Errc::unavailable, "the store is away", {}};
  CHECK(order(discard, "keeper").status == 503);
  CHECK(backend.events.size() == before);
}

TEST_CASE_FIXTURE(Orders, "quarantine: an order says which rows, what values and why") {
  CHECK(holds(refusal({{"action", "mend"}, {"all", true}}, 422), "repair, replay or discard"));
  CHECK(holds(refusal({{"action", "replay"}}, 422), "which rows?"));
  CHECK(holds(refusal({{"action", "discard"}, {"all", true}}, 422), "why the rows are given up"));
  CHECK(holds(refusal({{"action", "repair"}, {"all", true}}, 422), "which values"));
  CHECK(holds(refusal({{"action", "repair"}, {"corrections", {{"r1", 1}}}}, 422),
              "must be an object of rows"));
  CHECK(holds(refusal({{"action", "replay"}, {"all", true}, {"set", {{"id", "1"}}}}, 422),
              "is of repair"));
  CHECK(holds(refusal({{"action", "replay"}, {"all", true}, {"operation", "a b"}}, 422),
              "A-Z a-z 0-9"));
  CHECK(holds(refusal({{"action", "repair"}, {"all", true}, {"set", {{"day", "1"}}}}, 409),
              "has no column day; it has id, buyer"));
  // A value that is given is sealed: what is masked for readers may be repaired.
  name_contract(", customProperties: [{property: batuta.readMask, value: hash}]", {"demo"});
  CHECK(order({{"action", "repair"}, {"all", true}, {"set", {{"buyer", "x"}}}}).status == 200);
  name_contract(", customProperties: [{property: batuta.mask, value: redact}]", {"demo"});
  CHECK(holds(refusal({{"action", "replay"}, {"all", true}}, 409),
              "does not have what the source sent"));
  keyed = false;
  name_contract("", {"demo"});
  CHECK(holds(refusal({{"action", "replay"}, {"all", true}}, 409), "no primary key"));
  CHECK(order({{"action", "discard"}, {"all", true}, {"note", "tests"}}).status == 200);
}

TEST_CASE_FIXTURE(Orders, "quarantine: where several DAGs make a table one is named") {
  name_contract("", {"demo", "other"});
  const json replay{{"action", "replay"}, {"all", true}};
  CHECK(holds(refusal(replay, 409), "demo, other"));
  json named = replay;
  named["dag_id"] = "other";
  CHECK(body_of(order(named))["dag_id"] == "other");
  named["dag_id"] = "none";
  CHECK(holds(refusal(named, 409), "no DAG 'none' has a transform"));
  CHECK(call(Method::post, "/api/lake/quarantine/sales/none", replay.dump(), "clerk").status ==
        404);
}

TEST_CASE_FIXTURE(Orders, "quarantine: nobody gives an order by a run's conf") {
  const Response answer = call(
      Method::post, "/api/v2/dags/demo/dagRuns",
      R"({"logical_date": null, "conf": {"batuta:quarantine": {"verb": "discard"}}})", "admin");
  CHECK(answer.status == 422);
  CHECK(holds(answer.body, "batuta lake quarantine"));
  CHECK(call(Method::post, "/api/v2/dags/demo/dagRuns",
             R"({"logical_date": null, "conf": {"batuta:quarantine_values": "{}"}})", "admin")
            .status == 422);
}

TEST_CASE_FIXTURE(Orders, "quarantine: what was decided is listed when it is asked for") {
  CHECK(call(Method::get, "/api/lake/quarantine/sales/orders?status=gone", "", "clerk").status ==
        422);
  lake_answer = [] {
    return Result<std::string>(R"({"columns":["id"],"rows":[],"cut":false,"tables":[]})");
  };
  const auto sql_of = [this](const std::string& query) {
    CHECK(call(Method::get, "/api/lake/quarantine/sales/orders/rows" + query, "", "clerk").status ==
          200);
    return json::parse(lake_queries.back())["sql"].get<std::string>();
  };
  // This table is of before rows could be decided on.
  CHECK_FALSE(holds(sql_of(""), "_status"));
  CHECK(holds(sql_of("?status=discarded"), "WHERE false"));
}

}  // namespace batuta::http
