// Who is shown what a contract masks: what the plugin is told to hide, for whom, and what is
// written down of those who are shown it.
#include <doctest/doctest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <string>

#include "tests/api/fake_services.h"
#include "tests/api/lake_log.h"

namespace batuta::http {
namespace {

using nlohmann::json;

std::string orders_contract(const std::string& amount) {
  return "apiVersion: v3.1.0\nkind: DataContract\nid: o\nversion: '1'\nstatus: active\n"
         "domain: sales\nschema:\n  - name: orders\n    properties:\n"
         "      - {name: id, logicalType: integer, primaryKey: true, customProperties: "
         "[{property: batuta.readMask, value: hash}]}\n"
         "      - {name: amount, logicalType: number" +
         amount +
         "}\n      - {name: buyer, logicalType: string, customProperties: "
         "[{property: batuta.mask, value: redact}]}\n";
}

struct Masked : TestApi {
  Masked() {
    write_orders(home);
    lake_answer = [] {
      return Result<std::string>(
          R"({"columns":["id"],"rows":[[1]],"cut":false,"tables":[{"table":"gold/sales/orders",)"
          R"("version":0,"masked":["id"]}]})");
    };
    add_reader("seller", {"read lake:sales/*"});
    add_reader("auditor", {"read lake:*", "unmask lake:sales/gold"});
    name_contract(orders_contract(""));
  }
  void add_reader(const std::string& name, std::initializer_list<std::string_view> rights) {
    Role role{name, "", {}};
    for (const auto right : rights) role.grants.push_back(*parse_grant(right));
    REQUIRE(registry.add_role(role).ok());
    REQUIRE(registry.add_user(name, name, "hash").ok());
    registry.token_rows[name + "-token"].user = name;
  }
  void name_contract(const std::string& yaml) {
    auto dag = std::make_shared<Dag>(*demo_dag());
    const json contract{{"name", "sales/orders"}, {"yaml", yaml}};
    dag->canonical_json =
        json({{"tasks", {{{"task_id", "first"}, {"contract", contract}}}}}).dump();
    auto bag = std::make_shared<DagBagSnapshot>(*backend.bag);
    bag->dags["demo"] = dag;
    backend.bag = bag;
  }
  // The DAG `id`, whose task hands in a file by a contract of this text.
  void hand_in_by(const std::string& id, const std::string& yaml) {
    auto dag = std::make_shared<Dag>(*demo_dag());
    dag->id = id;
    const json contract{{"name", "sales/orders"}, {"yaml", yaml}};
    const json task{{"task_id", "first"}, {"outputs", {{{"contract", contract}}}}};
    dag->canonical_json = json({{"tasks", {task}}}).dump();
    auto bag = std::make_shared<DagBagSnapshot>(*backend.bag);
    bag->dags[id] = dag;
    backend.bag = bag;
  }
  // What the plugin was told, by the console and by the sample.
  json told_by(const char* path, Method method, const std::string& role) {
    const std::string body = method == Method::post ? R"({"sql":"FROM gold.orders"})" : "";
    const auto answer = call(method, path, body, role);
    INFO(answer.body);
    REQUIRE(answer.status == 200);
    return json::parse(lake_queries.back()).value("masks", json());
  }
  json columns(const std::string& role) {
    return body_of(call(Method::get, table, "", role))["columns"];
  }
  static constexpr char console[] = "/api/lake/sql";
  static constexpr char table[] = "/api/lake/tables/gold/sales/orders";
  static constexpr char sample[] = "/api/lake/tables/gold/sales/orders/rows";
};

}  // namespace

TEST_CASE_FIXTURE(Masked, "masks: every way to rows hides what the contract masks") {
  for (const char* path : {console, sample}) {
    CAPTURE(path);
    const json masks = told_by(path, path == console ? Method::post : Method::get, "seller");
    REQUIRE(masks.is_object());
    CHECK(masks["unmasked"] == json::array());
    const json one = masks["contracts"]["sales/orders"];
    CHECK(one["masks"] == json({{"id", "hash"}}));
    CHECK(one["received"] == json({{"id", "hash"}, {"buyer", "redact"}}));
    CHECK(std::count(one["open"].begin(), one["open"].end(), "amount") == 1);
    CHECK(std::count(one["open"].begin(), one["open"].end(), "id") == 0);
    CHECK(std::count(one["open"].begin(), one["open"].end(), "change_hash") == 0);
  }
  CHECK(body_of(call(Method::get, sample, "", "seller"))["masked"] == json({"id"}));
  CHECK(body_of(call(Method::post, console, R"({"sql":"SELECT 1"})",
                     "seller"))["tables"][0]["masked"] == json({"id"}));
}

TEST_CASE_FIXTURE(Masked,
                  "masks: the right to unmask is of a layer, and no reader has it unasked") {
  CHECK(told_by(console, Method::post, "viewer")["unmasked"] == json::array());
  CHECK(told_by(console, Method::post, "operator")["unmasked"] == json::array());
  CHECK(told_by(console, Method::post, "auditor")["unmasked"] == json({"sales/gold"}));
  const json all = told_by(console, Method::post, "admin")["unmasked"];
  CHECK(std::count(all.begin(), all.end(), "sales/bronze") == 1);
  // The catalogue says how, and whether to whoever asks.
  CHECK(columns("seller")[0]["mask"] == "hash");
  CHECK(columns("seller")[0]["is_masked"] == true);
  CHECK(columns("auditor")[0]["mask"] == "hash");
  CHECK(columns("auditor")[0]["is_masked"] == false);
}

TEST_CASE_FIXTURE(Masked,
                  "masks: statistics tell the bounds of a column to who may see its values") {
  write_lake_version(home, "gold/sales/orders", 1,
                     R"({"remove":{"path":"a.parquet","deletionTimestamp":1,"dataChange":true}})"
                     "\n"
                     R"({"add":{"path":"b.parquet","partitionValues":{},"size":100,)"
                     R"("modificationTime":1700000000000,"dataChange":true,"stats":)"
                     R"("{\"numRecords\":3,\"nullCount\":{\"id\":1},\"minValues\":{\"id\":4},)"
                     R"(\"maxValues\":{\"id\":7}}"}})"
                     "\n");
  const auto of = [&](const std::string& role) {
    return body_of(call(Method::get, std::string(table) + "/statistics", "", role))["columns"][0];
  };
  CHECK(of("auditor")["min"] == "4");
  CHECK(of("seller")["nulls"] == 1);
  CHECK(of("seller")["min"].is_null());
  CHECK(of("seller")["max"].is_null());
  CHECK(of("seller")["is_masked"] == true);
}

TEST_CASE_FIXTURE(Masked,
                  "masks: of two texts of one contract the stricter holds, whoever names them") {
  const std::string masked = ", customProperties: [{property: batuta.readMask, value: redact}]";
  hand_in_by("another", orders_contract(masked));
  const auto one = [&] {
    return told_by(console, Method::post, "seller")["contracts"]["sales/orders"];
  };
  CHECK(one()["masks"] == json({{"id", "hash"}, {"amount", "redact"}}));
  hand_in_by("zzz", orders_contract(""));  // the last by name takes nothing away
  CHECK(one()["masks"] == json({{"id", "hash"}, {"amount", "redact"}}));
  const json open = one()["open"];
  CHECK(std::count(open.begin(), open.end(), "amount") == 0);
  // A text that nobody can read hides what is not the lake's own.
  hand_in_by("zzz", "batuta.readMask: {");
  CHECK(one()["masks"] == json({{"*", "redact"}}));
  CHECK(columns("seller")[0]["mask"] == "redact");
}

TEST_CASE_FIXTURE(Masked, "versions are compared by the contract's key, as they are shown") {
  const std::string diff = std::string(table) + "/diff";
  lake_answer = [] {
    return Result<std::string>(R"({"diff":{"added":1,"key":["id"]},"tables":[{"table":)"
                               R"("gold/sales/orders","version":2,"masked":["id"]}]})");
  };
  const json told = body_of(call(Method::get, diff, "", "seller"));
  CHECK(told["table"] == "gold/sales/orders");
  CHECK(told["masked"] == json({"id"}));
  CHECK(told["added"] == 1);
  json asked = json::parse(lake_queries.back());
  CHECK(asked["operation"] == "diff");
  CHECK(asked["key"] == json({"id"}));
  CHECK(asked["key_is_asked"] == false);
  CHECK_FALSE(asked.contains("from_version"));
  CHECK_FALSE(asked.contains("version"));
  CHECK(asked["masks"]["contracts"]["sales/orders"]["masks"] == json({{"id", "hash"}}));
  CHECK(asked["most_bytes"] == 1 << 30);
  CHECK(call(Method::get, diff + "?from=3&to=7&key=a&key=b&limit=5", "", "seller").status == 200);
  asked = json::parse(lake_queries.back());
  CHECK(asked["from_version"] == 3);
  CHECK(asked["version"] == 7);
  CHECK(asked["key"] == json({"a", "b"}));
  CHECK(asked["key_is_asked"] == true);
  CHECK(asked["limit"] == 5);
  const std::size_t before = lake_queries.size();
  for (const char* wrong : {"?from=-1", "?to=x", "?limit=201"})
    CHECK(call(Method::get, diff + wrong, "", "seller").status == 422);
  CHECK(call(Method::get, "/api/lake/tables/gold/hr/people/diff", "", "seller").status == 403);
  CHECK(call(Method::get, "/api/lake/tables/gold/sales/none/diff", "", "seller").status == 404);
  CHECK(lake_queries.size() == before);
  lake_answer = [] {
    return Result<std::string>(R"({"error":{"text":"key: these columns are no key"}})");
  };
  const auto refused = call(Method::get, diff + "?key=a", "", "seller");
  CHECK(refused.status == 422);
  CHECK(body_of(refused)["detail"][0]["loc"] == json({"query", "key"}));
  // Who was shown what is masked is written down.
  lake_answer = [] { return Result<std::string>(R"({"diff":{},"tables":[{"unmasked":["id"]}]})"); };
  CHECK(call(Method::get, diff, "", "auditor").status == 200);
  CHECK(registry.audit.back().event == "lake_rows_unmasked");
}

TEST_CASE_FIXTURE(Masked, "masks: rows that were shown bare are written down before they go out") {
  const auto events = [&] { return registry.audit.size(); };
  auto before = events();
  (void)told_by(sample, Method::get, "seller");
  CHECK(events() == before);
  lake_answer = [] {
    return Result<std::string>(
        R"({"columns":["id"],"rows":[[1]],"cut":false,"tables":[{"table":"gold/sales/orders",)"
        R"("version":0,"unmasked":["id"]}]})");
  };
  (void)told_by(sample, Method::get, "auditor");
  REQUIRE(events() == before + 1);
  CHECK(registry.audit.back().event == "lake_rows_unmasked");
  CHECK(json::parse(registry.audit.back().extra_json) ==
        json({{"table", "gold/sales/orders"}, {"unmasked", {"id"}}}));
  (void)told_by(console, Method::post, "auditor");
  CHECK(json::parse(registry.audit.back().extra_json)["tables"][0]["unmasked"] == json({"id"}));
}

TEST_CASE_FIXTURE(Masked, "masks: they outlive their DAG's file, and a contract nobody can read") {
  auto bag = std::make_shared<DagBagSnapshot>(*backend.bag);
  const auto dag = bag->dags["demo"];
  bag->dags.erase("demo");
  backend.bag = bag;
  history.dag_rows.push_back({"gone", false, true, "former", {}, 0});
  history.older_versions.push_back(
      {1, "former", *parse_iso("2026-11-01T00:00:00Z"), "{}", dag->canonical_json, "gone"});
  CHECK(told_by(console, Method::post, "seller")["contracts"].contains("sales/orders"));
  name_contract("batuta.readMask: {");
  const json unread = told_by(console, Method::post, "seller")["contracts"]["sales/orders"];
  CHECK_FALSE(unread["masks"].empty());
  CHECK(columns("seller")[0]["mask"] == "redact");  // the catalogue says what is so
  CHECK(std::count(unread["open"].begin(), unread["open"].end(), "amount") == 0);
  // One that masks nothing hides nothing.
  name_contract(
      "apiVersion: v3.1.0\nkind: DataContract\nid: o\nversion: '1'\nstatus: active\n"
      "domain: sales\nschema:\n  - name: orders\n    properties:\n"
      "      - {name: id, logicalType: integer}\n");
  CHECK(told_by(console, Method::post, "seller").is_null());
}

TEST_CASE_FIXTURE(Masked, "masks: a file that hides something is nobody else's, nor gone on with") {
  lake_answer = [this] {
    const std::string folder = json::parse(lake_queries.back())["result_folder"];
    std::ofstream(folder + "/rows.csv") << "0123";
    return Result<std::string>(R"({"rows":1,"bytes":4,"file":"rows.csv","tables":[)"
                               R"({"table":"gold/sales/orders","version":0,"masked":["id"]}]})");
  };
  const auto tag = [this](const std::string& role, const std::string& more, const Extra& extra) {
    const auto answer =
        call(Method::get, std::string(table) + "/export?format=csv" + more, "", role, extra);
    for (const auto& [name, value] : answer.headers)
      if (name == "ETag") return std::to_string(answer.status) + value;
    return std::to_string(answer.status);
  };
  const std::string hidden = tag("seller", "", {}), bare = tag("auditor", "", {});
  CHECK(json::parse(lake_queries.front())["masks"]["unmasked"] == json::array());
  CHECK(json::parse(lake_queries.back())["masks"]["unmasked"] == json({"sales/gold"}));
  CHECK(hidden != bare);
  CHECK(lake_queries.size() == 2);
  CHECK(json::parse(registry.audit.front().extra_json)["masked"] == json({"id"}));
  // The same file for who is shown the same; a part of it only by its own tag.
  CHECK(tag("seller", "", {}) == hidden);
  CHECK(lake_queries.size() == 2);
  CHECK(tag("seller", "&version=0", {{{"range", "bytes=2-"}}}) == hidden);
  CHECK(tag("seller", "", {{{"range", "bytes=2-"}, {"if-range", hidden.substr(3)}}})
            .starts_with("206"));
  CHECK(tag("seller", "", {{{"if-none-match", hidden.substr(3)}}}).starts_with("304"));
  // Where its folder is, is told to nobody.
  const std::string folder = json::parse(lake_queries.front())["result_folder"];
  CHECK(hidden.find(folder.substr(folder.size() - 6)) == std::string::npos);
}

TEST_CASE_FIXTURE(Masked, "masks: a file of before them is not given after, nor written down so") {
  lake_answer = [this] {
    const json asked = json::parse(lake_queries.back());
    std::ofstream(asked["result_folder"].get<std::string>() + "/rows.csv") << "0123";
    json told{{"table", "gold/sales/orders"}, {"version", 0}};
    if (asked.contains("masks")) told["unmasked"] = {"id"};
    return Result<std::string>(
        json({{"rows", 1}, {"bytes", 4}, {"file", "rows.csv"}, {"tables", {told}}}).dump());
  };
  const auto bare_columns = [this] {
    REQUIRE(call(Method::get, std::string(table) + "/export?format=csv", "", "auditor").status ==
            200);
    return json::parse(registry.audit.back().extra_json)["unmasked"];
  };
  name_contract(
      "apiVersion: v3.1.0\nkind: DataContract\nid: o\nversion: '1'\nstatus: active\n"
      "domain: sales\nschema:\n  - name: orders\n    properties:\n"
      "      - {name: id, logicalType: integer}\n");
  CHECK(bare_columns() == json::array());
  name_contract(orders_contract(""));
  CHECK(bare_columns() == json({"id"}));
  CHECK(lake_queries.size() == 2);
}

TEST_CASE_FIXTURE(Masked, "quarantine: its tables, and what is wrong in one by reason and run") {
  write_lake_version(home, "quarantine/sales/orders", 0, "{not json\n");
  write_lake_version(home, "quarantine/bank/clients", 0, "{not json\n");
  const json listed = body_of(call(Method::get, "/api/lake/quarantine", "", "seller"));
  CHECK(listed["total_entries"] == 1);
  CHECK(listed["tables"][0]["table"] == "orders");
  lake_answer = [] {
    return Result<std::string>(
        R"({"columns":["reason","run_id","n","a","b"],"rows":[["no_id","r1",3,"2026-11-20T10:00:00Z",)"
        R"("2026-11-20T11:00:00Z"]],"cut":true,"cut_by":"rows","tables":[]})");
  };
  const std::string path = "/api/lake/quarantine/sales/orders";
  const json told = body_of(
      call(Method::get, path + "?reason=it's&run_id=r1&since=2026-11-20T00:00:00Z", "", "seller"));
  CHECK(told["groups"][0] == json({{"reason", "no_id"},
                                   {"run_id", "r1"},
                                   {"rows", 3},
                                   {"first_seen", "2026-11-20T10:00:00Z"},
                                   {"last_seen", "2026-11-20T11:00:00Z"}}));
  CHECK(told["more"] == true);
  const std::string sql = json::parse(lake_queries.back())["sql"];
  CHECK(sql.find("FROM \"quarantine/sales/orders\" WHERE list_contains(string_split(reason, ','), "
                 "'it''s') AND run_id = 'r1' AND _ingested_at >= ") != std::string::npos);
  CHECK(call(Method::get, path + "?since=yesterday", "", "seller").status == 422);
  CHECK(call(Method::get, "/api/lake/quarantine/bank/clients", "", "seller").status == 403);
  CHECK(call(Method::get, "/api/lake/quarantine/bank/none", "", "seller").status == 403);
  CHECK(call(Method::get, "/api/lake/quarantine/sales/none", "", "seller").status == 404);
}

TEST_CASE_FIXTURE(Masked,
                  "quarantine: rows are masked like any, and those shown bare written down") {
  write_lake_version(home, "quarantine/sales/orders", 0, "{not json\n");
  const std::string path = "/api/lake/quarantine/sales/orders/rows?limit=7";
  CHECK(told_by(path.c_str(), Method::get, "seller")["contracts"].contains("sales/orders"));
  CHECK(json::parse(lake_queries.back())["limit"] == 7);
  CHECK(body_of(call(Method::get, path, "", "seller"))["masked"] == json({"id"}));
  lake_answer = [] {
    return Result<std::string>(R"({"columns":["id"],"rows":[[1]],"cut":false,"tables":)"
                               R"([{"table":"x","version":0,"unmasked":["id"]}]})");
  };
  (void)told_by(path.c_str(), Method::get, "admin");
  CHECK(registry.audit.back().event == "lake_rows_unmasked");
  CHECK(json::parse(registry.audit.back().extra_json)["table"] == "quarantine/sales/orders");
  // Counts show nobody's value, so that they are not written down.
  lake_answer = [] {
    return Result<std::string>(R"({"columns":[],"rows":[],"cut":false,"tables":)"
                               R"([{"table":"x","version":0,"unmasked":["id"]}]})");
  };
  const auto written = registry.audit.size();
  (void)told_by("/api/lake/quarantine/sales/orders", Method::get, "admin");
  CHECK(registry.audit.size() == written);
}

}  // namespace batuta::http
