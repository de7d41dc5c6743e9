// Models that run on Spark by one field: the text, and the task that it becomes.
#include "scheduler/dagfile/model_engine.h"

#include <doctest/doctest.h>

#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "common/safe_json.h"
#include "scheduler/dagfile/spark_text.h"
#include "tests/dagfile/dagfile_fixture.h"

namespace batuta {
namespace {

using nlohmann::json;

SparkText read_spark(const std::string& sql) {
  auto read = spark_text(sql);
  if (!read) FAIL(read.error().message);
  return *std::move(read);
}

std::string spark_problem(const std::string& sql) {
  const auto read = spark_text(sql);
  REQUIRE_FALSE(read.ok());
  return read.error().message;
}

json engine_model() {
  return {{"task_id", "daily"},
          {"type", "aggregate"},
          {"sql", "SELECT day, CAST(sum(n) AS BIGINT) AS n FROM silver.shop.sold GROUP BY day"},
          {"spark_sql",
           "SELECT day, sum(n) AS n FROM silver.shop.sold WHERE day <= {{ ds }} GROUP BY day"},
          {"connection", "cluster"},
          {"conf", {{"spark.executor.memory", "4g"}}},
          {"table", "gold/shop/daily"},
          {"mode", "merge"},
          {"keys", {"day"}},
          {"quality", json::array({json{{"rule", "not_null"}, {"column", "n"}}})}};
}

DagFileResult parsed_with(const json& task) {
  return parse_dag_file(json{{"dag_id", "x"}, {"tasks", json::array({task})}}.dump(), "x.json",
                        "/nowhere", {});
}

std::string problems_with(const json& task) {
  std::string out;
  for (const auto& problem : parsed_with(task).problems) out += problem.text() + "\n";
  return out;
}

}  // namespace

TEST_CASE("a text for Spark: tables become views, templates parameters, and all else stays") {
  const auto read = read_spark(
      "-- of silver.shop.no\nSELECT /*+ BROADCAST(c) */ o.`a.b`, silver.shop.orders.id, 'it\\'s "
      "silver.shop.not', \"gold.shop.neither\", r'\\' AS slash\nFROM silver.shop.orders o JOIN "
      "`gold/shop/by-day` c ON o.x.y.z = c.n WHERE day <= {{ ds }} AND n>{{ params.least }};\n");
  CHECK(read.text ==
        "-- of silver.shop.no\nSELECT /*+ BROADCAST(c) */ o.`a.b`, silver_shop_orders.id, 'it\\'s "
        "silver.shop.not', \"gold.shop.neither\", r'\\' AS slash\nFROM silver_shop_orders o JOIN "
        "gold_shop_by_day c ON o.x.y.z = c.n WHERE day <= :template_1 AND n>:template_2\n");
  CHECK(read.views ==
        std::map<std::string, std::string>{{"gold_shop_by_day", "gold/shop/by-day"},
                                           {"silver_shop_orders", "silver/shop/orders"}});
  REQUIRE(read.parameters.size() == 2);
  CHECK(read.parameters[0].second == "{{ ds }}");
  CHECK(read.first_word == "select");
}

TEST_CASE("a text for Spark: two tables never share a view") {
  const auto read = read_spark("WITH a AS (SELECT 1) FROM silver.shop.a_b, `silver/shop/a-b`");
  CHECK(read.views.size() == 2);
  CHECK(read.views.at("silver_shop_a_b") == "silver/shop/a_b");
  CHECK(read.views.at("silver_shop_a_b_2") == "silver/shop/a-b");
  CHECK(read.first_word == "with");
}

TEST_CASE("a text for Spark that is no one statement, or has a template in a literal, is refused") {
  CHECK(spark_problem("SELECT 1; DROP TABLE x").find("behind its semicolon") != std::string::npos);
  CHECK(spark_problem("SELECT '{{ ds }}'").find("a template within") != std::string::npos);
  CHECK(spark_problem("SELECT 1 -- {{ ds }}").find("a template within") != std::string::npos);
  CHECK(spark_problem("SELECT `{{ ds }}`").find("a template within") != std::string::npos);
  CHECK(spark_problem("SELECT 1\n, 'open").find("line 2") != std::string::npos);
  CHECK(spark_problem("SELECT `open").find("does not end") != std::string::npos);
  CHECK(spark_problem("/* open").find("does not end") != std::string::npos);
  CHECK(spark_problem("{% if a %} SELECT 1").find("conditions belong") != std::string::npos);
  CHECK(spark_problem(" -- nothing\n;").find("no statement") != std::string::npos);
}

TEST_CASE("a second file changes nothing of a model until the engine is spark") {
  json plain = engine_model();
  for (const char* name : {"spark_sql", "connection", "conf"}) plain.erase(name);
  const auto without = parsed_with(plain), with = parsed_with(engine_model());
  REQUIRE(without.dag);
  REQUIRE(with.dag);
  CHECK(with.dag->tasks[0].plugin == "sql_model");
  CHECK(with.dag->tasks[0].spec_json == without.dag->tasks[0].spec_json);
  CHECK(with.dag->tasks[0].connections.empty());
  json named = engine_model();
  named["engine"] = "duckdb";
  REQUIRE(parsed_with(named).dag);
  CHECK(parsed_with(named).dag->tasks[0].spec_json == without.dag->tasks[0].spec_json);
}

TEST_CASE("the engine spark makes the model a spark task that reads its inputs and hands in") {
  json there = engine_model();
  there["engine"] = "spark";
  INFO(problems_with(there));
  const auto result = parsed_with(there);
  REQUIRE(result.dag);
  const Task& task = result.dag->tasks[0];
  CHECK(task.plugin == "spark");
  CHECK_FALSE(task.is_data);
  CHECK(task.has_templates);
  CHECK(task.connections == std::vector<std::string>{"cluster"});
  const json params = (*parse_untrusted(task.spec_json))["params"];
  CHECK(params["reads"] == json::array({"silver/shop/sold"}));
  CHECK(params["views"]["silver_shop_sold"] == "silver/shop/sold");
  CHECK(params["parameters"]["template_1"] == "{{ ds }}");
  CHECK(params["deploy_mode"] == "client");
  CHECK(params["conf"]["spark.executor.memory"] == "4g");
  CHECK(params["table"] == "gold/shop/daily");
  REQUIRE(params["outputs"].size() == 1);
  const json& output = params["outputs"][0];
  CHECK(output["table"] == "gold/shop/daily");
  CHECK(output["file"] == "result.parquet");
  CHECK(output["mode"] == "merge");
  CHECK(output["keys"] == json::array({"day"}));
  CHECK(output["quality"].size() == 1);
  CHECK_FALSE(output.contains("sql"));
}

TEST_CASE("what a model on Spark cannot have or lacks is told with its field") {
  json lacks = engine_model();
  lacks["engine"] = "spark";
  lacks.erase("spark_sql");
  CHECK(problems_with(lacks).find("needs \"spark_sql\"") != std::string::npos);
  json other = engine_model();
  other["engine"] = "sparc";
  CHECK(problems_with(other).find("did you mean \"spark\"") != std::string::npos);
  json kept = engine_model();
  kept.update({{"engine", "spark"}, {"history", true}, {"always", true}});
  CHECK(problems_with(kept).find("/tasks/0/history") != std::string::npos);
  CHECK(problems_with(kept).find("/tasks/0/always") != std::string::npos);
  json lists = engine_model();
  lists["spark_sql"] = "SELECT 1 WHERE a IN {{ changed_partitions('silver/shop/sold') }}";
  CHECK(problems_with(lists).find("changed_partitions is found") != std::string::npos);
  json drops = engine_model();
  drops["spark_sql"] = "DROP TABLE x";
  CHECK(problems_with(drops).find("not with drop") != std::string::npos);
  json unknown = engine_model();
  unknown.update({{"engine", "spark"}, {"spark_sql", "SELECT {{ params.nowhere }} AS day"}});
  CHECK(problems_with(unknown).find("/tasks/0/spark_sql") != std::string::npos);
}

TEST_CASE("a table has one writer, a model on Spark among them") {
  json there = engine_model(), here = engine_model();
  there["engine"] = "spark";
  here["task_id"] = "again";
  const auto result = parse_dag_file(
      json{{"dag_id", "x"}, {"tasks", json::array({here, there})}}.dump(), "x.json", "/", {});
  REQUIRE(result.problems.size() == 1);
  CHECK(result.problems[0].pointer == "/tasks/1/table");
}

}  // namespace batuta
