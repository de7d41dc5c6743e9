// Models as files: header, references, the DAG they make, the cases of their tests.
#include "scheduler/cli/model_files.h"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "common/safe_json.h"
#include "contract/yaml.h"
#include "scheduler/cli/model_create.h"
#include "scheduler/dagfile/dag_parser.h"

using namespace batuta;
using namespace batuta::cli;
using nlohmann::json;
using nlohmann::ordered_json;

namespace {

ModelFile model(const std::string& path, const std::string& text) {
  auto read = read_model(path, text);
  if (!read) FAIL(read.error().message);
  return *read;
}

std::string refused(const std::string& path, const std::string& text) {
  const auto read = read_model(path, text);
  REQUIRE_FALSE(read.ok());
  return read.error().message;
}

using Names = std::vector<std::string>;

}  // namespace

TEST_CASE("a model's header has the fields of its task; its table is its path unless it says so") {
  const auto read =
      model("gold/shop/daily.sql", "/* model\nmode: merge\nkeys: [day]\n*/\nSELECT 1 AS day\n");
  CHECK(read.table == "gold/shop/daily");
  CHECK(read.fields_json == R"({"mode":"merge","keys":["day"]})");
  CHECK(read.sql == "\nSELECT 1 AS day\n");
  CHECK(model("x.sql", "/* model\ntable: gold/shop/x */ SELECT 1 AS n").table == "gold/shop/x");
  CHECK(model("gold/shop/y.sql", "-- no header\nSELECT 1 AS n").fields_json == "{}");
  CHECK(refused("x.sql", "SELECT 1 AS n").find("its header must name its table") !=
        std::string::npos);
  CHECK(refused("x.sql", "/* model\nmode: merge").find("does not end with */") !=
        std::string::npos);
  CHECK(refused("x.sql", "/* model\nkey: [a] */ SELECT 1").find("did you mean \"keys\"") !=
        std::string::npos);
  CHECK(refused("x.sql", "/* model\nkeys: [a */ SELECT 1").find("x.sql: its header: line") !=
        std::string::npos);
}

TEST_CASE("the tables that a statement names are found in its words, not in its texts") {
  CHECK(tables_named("SELECT a.b, 'silver.shop.no' FROM silver.shop.orders o -- silver.shop.not\n"
                     "JOIN \"silver\".\"shop\".\"clients\" /* silver.shop.neither /* nested */ */ "
                     "USING (id), \"gold/shop/daily\" WHERE o.\"silver/x\" > 1.5") ==
        Names{"gold/shop/daily", "silver/shop/clients", "silver/shop/orders"});
  CHECK(tables_named("SELECT silver.shop.orders.id FROM silver.shop.orders") ==
        Names{"silver/shop/orders"});
}

TEST_CASE("a folder of models becomes one DAG, each behind those that it reads") {
  const std::vector<ModelFile> models = {
      model("gold/shop/daily.sql",
            "/* model\nretries: 2\nparams: {least: 1}\n*/ SELECT day FROM silver.shop.orders"),
      model("gold/shop/monthly.sql", "SELECT day FROM \"gold/shop/daily\", gold.shop.monthly"),
      model("silver/shop/orders.sql", "SELECT DATE '2026-11-20' AS day"),
      model("gold/other/daily.sql", "SELECT day FROM gold.shop.daily")};
  const auto text = dag_of_models(models, {"shop", "@daily", "models/"});
  REQUIRE(text.ok());
  const json dag = json::parse(*text);
  std::vector<std::string> order;
  for (const json& task : dag["tasks"]) order.push_back(task["task_id"]);
  CHECK(order == Names{"orders", "gold_shop_daily", "gold_other_daily", "monthly"});
  CHECK(dag["tasks"][1] == json{{"task_id", "gold_shop_daily"},
                                {"type", "aggregate"},
                                {"sql", {{"$file", "models/gold/shop/daily.sql"}}},
                                {"table", "gold/shop/daily"},
                                {"retries", 2},
                                {"depends_on", {"orders"}}});
  CHECK(dag["params"] == json{{"least", 1}});
  // One folder, one text, in whatever order its files were found.
  const std::vector<ModelFile> turned(models.rbegin(), models.rend());
  CHECK(*dag_of_models(turned, {"shop", "@daily", "models/"}) == *text);
}

TEST_CASE("a model that reads another's history comes behind it, where it keeps one") {
  const auto tasks = [](const char* header) {
    const std::vector<ModelFile> models = {
        model("gold/shop/a_first.sql", "SELECT * FROM silver.shop.orders_hist"),
        model("silver/shop/orders.sql", std::string(header) + "SELECT * FROM bronze.shop.raw")};
    return json::parse(*dag_of_models(models, {"shop", "", ""}))["tasks"];
  };
  const json kept = tasks("/* model\nhistory: true\n*/\n");
  CHECK(kept[0]["task_id"] == "orders");
  CHECK(kept[1]["depends_on"] == json::array({"orders"}));
  CHECK_FALSE(tasks("")[0].contains("depends_on"));
}

TEST_CASE("models in a circle, and two of one table, are told by name") {
  const auto why = [](const std::vector<ModelFile>& models) {
    return dag_of_models(models, {"x", "", ""}).error().message;
  };
  CHECK(why({model("gold/a/b.sql", "FROM gold.a.c"), model("gold/a/c.sql", "FROM gold.a.b")}) ==
        "models read each other in a circle: gold/a/b reads gold/a/c reads gold/a/b");
  CHECK(why({model("gold/a/b.sql", "SELECT 1"),
             model("x.sql", "/* model\ntable: gold/a/b */ SELECT 1")}) ==
        "x.sql: makes gold/a/b, as gold/a/b.sql does");
  CHECK(why({model("gold/a/b.sql", "/* model\nparams: {n: 1} */ SELECT 1"),
             model("gold/a/c.sql", "/* model\nparams: {n: 2} */ SELECT 1")}) ==
        "gold/a/c.sql: the param n is declared otherwise by another");
  CHECK(why({}) == "there are no models (*.sql)");
}

TEST_CASE("a test's inputs get types from their values, its templates theirs from the test") {
  const std::map<std::string, ModelFile> models = {
      {"gold/shop/daily",
       model("gold/shop/daily.sql", "SELECT day FROM silver.shop.orders WHERE day <= {{ ds }}")}};
  const auto yaml = contract::parse_yaml(R"(
model: gold/shop/daily
tests:
  - name: until the day
    values: {ds: 2026-11-20}
    inputs:
      silver/shop/orders:
        - {day: 2026-11-20, id: 1, price: 1, at: "2026-11-20T10:00:00Z", note: x}
        - {day: 2026-11-21, id: 2, price: 2.5, paid: true}
      silver/shop/none: {types: {id: BIGINT}, rows: []}
    expected:
      - {day: 2026-11-20}
)");
  REQUIRE(yaml.ok());
  const auto cases = test_cases(*yaml, models);
  REQUIRE_MESSAGE(cases.ok(), cases.error().message);
  const json& one = (*cases)[0];
  CHECK(one["name"] == "gold/shop/daily: until the day");
  CHECK(one["parameters"] == json{{"template_1", "2026-11-20"}});
  const json& columns = one["inputs"]["silver/shop/orders"]["columns"];
  std::map<std::string, std::string> types;
  for (const json& column : columns) types[column["name"]] = column["type"];
  CHECK(types == std::map<std::string, std::string>{{"day", "DATE"},
                                                    {"id", "BIGINT"},
                                                    {"price", "DOUBLE"},
                                                    {"at", "TIMESTAMPTZ"},
                                                    {"note", "VARCHAR"},
                                                    {"paid", "BOOLEAN"}});
  CHECK(one["inputs"]["silver/shop/none"]["columns"][0]["type"] == "BIGINT");
  const auto changed = bound_model(
      "SELECT 1 FROM silver.shop.orders WHERE day IN {{ changed_partitions('silver/shop/orders', "
      "'day') }} AND day <= {{ ds }}",
      {{"ds", "2026-11-20"}});
  REQUIRE(changed.ok());
  CHECK(changed->changed_json == R"({"template_1":{"column":"day","table":"silver/shop/orders"}})");
  CHECK(changed->parameters_json == R"({"template_1":null,"template_2":"2026-11-20"})");
  CHECK_FALSE(bound_model("SELECT {{ changed_partitions(silver) }}", {}).ok());
  const auto why = [&](const std::string& text) {
    const auto parsed = contract::parse_yaml(text);
    REQUIRE(parsed.ok());
    const auto made = test_cases(*parsed, models);
    REQUIRE_FALSE(made.ok());
    return made.error().message;
  };
  CHECK(why("model: gold/shop/dayly\ntests: []").find("did you mean \"gold/shop/daily\"") !=
        std::string::npos);
  CHECK(why("model: gold/shop/daily\ntests: [{name: a, expected: []}]") ==
        "a: the template {{ ds }} has no value: give it in \"values\" as \"ds\"");
  CHECK(why("model: gold/shop/daily\ntests: [{name: a, input: {}, expected: []}]")
            .find("did you mean \"inputs\"") != std::string::npos);
  CHECK(why("model: gold/shop/daily\ntests: [{values: {ds: 1}, inputs: {a/b/c: []}, expected: []}]")
            .find("name its columns in \"types\"") != std::string::npos);
}

TEST_CASE("a made test is read back with the rows and types that it was made of") {
  const TestInput orders{"silver/shop/orders",
                         {{"id", "BIGINT"}, {"price", "DECIMAL(18,2)"}, {"who", "VARCHAR"}},
                         R"([["7","2.50","a \"b\": - {c}"],["8",null,"***"]])"};
  ordered_json values = {{"ds", "2026-11-20"}};
  const std::string text = test_file("gold/shop/daily", "real: rows", values, {orders},
                                     json{"id", "n"}, json::parse(R"([["7","1"],["8",null]])"));
  const auto yaml = contract::parse_yaml(text);
  REQUIRE_MESSAGE(yaml.ok(), text);
  const ModelFile read =
      model("gold/shop/daily.sql", "SELECT id, 1 AS n FROM silver.shop.orders WHERE d = {{ ds }}");
  const auto cases = test_cases(*yaml, {{read.table, read}});
  REQUIRE_MESSAGE(cases.ok(), text);
  const json& one = (*cases)[0];
  CHECK(one["name"] == "gold/shop/daily: real: rows");
  const json& input = one["inputs"]["silver/shop/orders"];
  CHECK(input["columns"][1] == json{{"name", "price"}, {"type", "DECIMAL(18,2)"}});
  CHECK(input["rows"] == json::parse(orders.rows_json));
  CHECK(one["expected"]["rows"] == json::parse(R"([["7","1"],["8",null]])"));
  // Without rows and inputs it is a test all the same.
  const auto empty = contract::parse_yaml(
      test_file("gold/shop/daily", "n", values, {{"silver/shop/orders", {{"id", "BIGINT"}}, "[]"}},
                json::array(), json::array()));
  REQUIRE(empty.ok());
  CHECK(test_cases(*empty, {{read.table, read}}).ok());
}

TEST_CASE(
    "what contracts mask is hidden from a test, of bronze what silver masks too, and all of a "
    "broken one") {
  const std::string yaml = R"(apiVersion: v3.1.0
kind: DataContract
id: shop-people
version: 1.0.0
status: active
domain: shop
servers:
  - {server: drop, type: local, path: /srv/people.csv, format: csv}
schema:
  - name: people
    properties:
      - {name: id, logicalType: integer, required: true, primaryKey: true}
      - {name: cpf, logicalType: string, customProperties: [{property: batuta.mask, value: pseudonym}]}
      - {name: card, logicalType: string, customProperties: [{property: batuta.readMask, value: "partial:4"}]}
    customProperties:
      - {property: batuta.maskKey, value: pii}
)";
  const json masks = contract_masks({{"shop/people", yaml}, {"shop/broken", "kind: ["}});
  const json& people = masks["contracts"]["shop/people"];
  CHECK(people["masks"] == json{{"card", "partial:4"}});
  CHECK(people["received"] == json{{"card", "partial:4"}, {"cpf", "hash"}});
  CHECK(people["open"] == json{"id", "cpf"});
  CHECK(masks["contracts"]["shop/broken"]["masks"]["*"] == "redact");
  CHECK(masks["unmasked"].empty());
  CHECK(contract_masks({}).at("contracts").empty());
}

TEST_CASE("a column of a type that no test can hold has none") {
  CHECK(test_type("decimal(18,2)") == "DECIMAL(18,2)");
  CHECK(test_type("timestamp") == "TIMESTAMPTZ");
  CHECK(test_type("struct<a: long>").empty());
  CHECK(test_type("binary").empty());
}

TEST_CASE("a model names a second file for Spark, and one field takes it there") {
  const std::string header =
      "/* model\nspark_sql: gold/shop/daily.spark.sql\nconnection: cluster\n";
  const auto here = model("gold/shop/daily.sql", header + "*/ SELECT 1 AS n");
  CHECK(here.spark_path == "gold/shop/daily.spark.sql");
  const auto dag = [](const ModelFile& one) {
    auto text = dag_of_models({one}, {"shop", "", "models/"});
    if (!text) FAIL(text.error().message);
    return json::parse(*text)["tasks"][0];
  };
  const json task = dag(here);
  CHECK(task["spark_sql"] == json{{"$file", "models/gold/shop/daily.spark.sql"}});
  CHECK(task["connection"] == "cluster");
  CHECK_FALSE(task.contains("engine"));
  const auto there = model("gold/shop/daily.sql", header + "engine: spark\n*/ SELECT 1 AS n");
  json same = dag(there);
  CHECK(same["engine"] == "spark");
  same.erase("engine");
  CHECK(same == task);
  CHECK(refused("gold/shop/daily.sql", "/* model\nspark_sql: daily.sql\n*/ SELECT 1 AS n")
            .find("ends with .spark.sql") != std::string::npos);
  CHECK(tables_named("SELECT * FROM `silver/shop/orders`") == Names{"silver/shop/orders"});
}
