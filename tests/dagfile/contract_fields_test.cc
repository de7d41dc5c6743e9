#include "scheduler/dagfile/contract_fields.h"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "common/safe_json.h"
#include "scheduler/dagfile/bag_state.h"
#include "scheduler/dagfile/dag_codec.h"
#include "scheduler/dagfile/template.h"
#include "tests/dagfile/dagfile_fixture.h"

namespace batuta {
namespace {

constexpr const char* two_tasks = R"({"dag_id": "shop", "schedule": null, "tasks": [
  {"task_id": "extract", "type": "extract", "contract": "shop/orders"},
  {"task_id": "transform", "type": "transform", "contract": "shop/orders",
   "depends_on": ["extract"]}]})";

std::string contracts_of_tests() {
  return (source_folder() / "tests/dagfile/contracts").string();
}

}  // namespace

TEST_CASE("a contract makes a task's plugin, its parameters and how far its window reaches back") {
  const auto result = parse_dag_file(two_tasks, "x.json", "/nowhere", {}, contracts_of_tests());
  REQUIRE(result.dag);
  CHECK(result.contracts == std::vector<std::string>{"shop/orders.odcs.yaml"});
  const Task& extract = result.dag->tasks[0];
  CHECK(extract.plugin == "contract_bronze");
  CHECK(extract.is_data);
  CHECK(extract.overlap == std::chrono::hours(1));
  CHECK(result.dag->tasks[1].plugin == "contract_silver");
  const auto spec = parse_untrusted(extract.spec_json);
  REQUIRE(spec);
  CHECK((*spec)["params"]["contract_name"] == "shop/orders");
  // What the row of the job shows: the name, not the text.
  const auto shown = parse_untrusted(extract.params_json);
  REQUIRE(shown);
  CHECK((*shown)["contract"] == "shop/orders");
  CHECK((*shown)["contract_version"] == "1.0.0");
}

TEST_CASE("the key of a contract's pseudonyms is a connection of the task that makes silver") {
  TempFolder folder;
  folder.write(
      "shop/orders.odcs.yaml",
      "apiVersion: v3.1.0\nkind: DataContract\nid: a\nversion: '1'\nstatus: s\ndomain: shop\n"
      "servers: [{server: d, type: local, path: /in/x.csv, format: csv}]\nschema:\n  - name: "
      "orders\n    properties:\n      - {name: id, logicalType: integer, primaryKey: true}\n"
      "      - {name: cpf, logicalType: string, customProperties: [{property: batuta.mask, "
      "value: pseudonym}]}\n    customProperties: [{property: batuta.maskKey, value: pii}]\n");
  const auto result = parse_dag_file(two_tasks, "x.json", "/nowhere", {}, folder.path());
  REQUIRE(result.dag);
  CHECK(result.dag->tasks[0].connections.empty());
  CHECK(result.dag->tasks[1].connections == std::vector<std::string>{"pii"});
}

TEST_CASE(
    "a topic's broker is a connection of silver's task too, which notes the group's offsets") {
  TempFolder folder;
  const std::string end =
      "schema:\n  - name: orders\n    properties:\n      - {name: id, logicalType: integer, "
      "primaryKey: true}\n";
  const std::string begin =
      "apiVersion: v3.1.0\nkind: DataContract\nid: a\nversion: '1'\nstatus: s\ndomain: shop\n";
  const auto connections = [&](const std::string& server) {
    folder.write("shop/orders.odcs.yaml", begin + "servers: [" + server + "]\n" + end);
    const auto result = parse_dag_file(two_tasks, "x.json", "/nowhere", {}, folder.path());
    REQUIRE(result.dag);
    return std::pair(result.dag->tasks[0].connections, result.dag->tasks[1].connections);
  };
  const std::vector<std::string> none, hub{"hub"};
  const std::string named = "customProperties: [{property: batuta.connection, value: hub}]}";
  CHECK(connections("{server: d, type: kafka, host: 'b:1', " + named) == std::pair(hub, hub));
  CHECK(connections("{server: d, type: custom, format: stream}") == std::pair(none, none));
}

TEST_CASE("a task's own overlap wins over its contract's") {
  const auto result = parse_dag_file(
      R"({"dag_id": "shop", "schedule": null, "tasks": [{"task_id": "extract", "type": "extract",
          "contract": "shop/orders", "params": {"overlap": "2h"}}]})",
      "x.json", "/nowhere", {}, contracts_of_tests());
  REQUIRE(result.dag);
  CHECK(result.dag->tasks[0].overlap == std::chrono::hours(2));
}

TEST_CASE("a contract's own braces reach the plugin, and are no template of the DAG") {
  const auto result = parse_dag_file(two_tasks, "x.json", "/nowhere", {}, contracts_of_tests());
  REQUIRE(result.dag);
  const auto rendered = render_spec(result.dag->tasks[0].spec_json, TemplateScope{}, false);
  REQUIRE(rendered.ok());
  const auto spec = parse_untrusted(*rendered);
  REQUIRE(spec);
  CHECK((*spec)["params"]["contract"].get<std::string>().find("/srv/drop/{{ ds }}.csv") !=
        std::string::npos);
}

TEST_CASE("a DAG's version holds the bytes of its contracts, and needs their files no more") {
  const auto result = parse_dag_file(two_tasks, "x.json", "/nowhere", {}, contracts_of_tests());
  REQUIRE(result.dag);
  CHECK(result.dag->canonical_json.find("batuta.overlap") != std::string::npos);
  const auto again = dag_from_canonical(result.dag->version, result.dag->canonical_json);
  REQUIRE(again);
  CHECK(again->tasks[0].spec_json == result.dag->tasks[0].spec_json);
  CHECK(again->tasks[0].overlap == std::chrono::hours(1));
}

TEST_CASE(
    "a model's contract goes to its plugin with the task, and says what it lacks of a model") {
  TempFolder folder;
  const std::string begin =
      "apiVersion: v3.1.0\nkind: DataContract\nid: a\nversion: '3'\nstatus: s\ndomain: shop\n"
      "schema:\n  - name: daily\n    properties:\n      - {name: day, logicalType: date, "
      "primaryKey: true, description: 'by {{ ds }}'";
  const auto parsed = [&](const std::string& more, const std::string& fields) {
    folder.write("shop/daily.odcs.yaml", begin + more);
    return parse_dag_file(
        R"({"dag_id": "x", "schedule": null, "tasks": [{"task_id": "daily", "type": "aggregate",
            "sql": "SELECT day FROM silver.shop.sold", "contract": "shop/daily", )" +
            fields + "}]}",
        "x.json", "/nowhere", {}, folder.path());
  };
  const auto told = [&](const std::string& more, const std::string& fields) {
    const auto result = parsed(more, fields);
    return result.problems.empty() ? std::string() : result.problems[0].message;
  };
  // Keys are the contract's: merge needs none beside.
  const auto result = parsed("}\n", R"("table": "gold/shop/daily", "mode": "merge")");
  REQUIRE(result.dag);
  const Task& task = result.dag->tasks[0];
  CHECK(task.plugin == "sql_model");
  CHECK((*parse_untrusted(task.params_json))["contract"] == "shop/daily");
  CHECK((*parse_untrusted(task.params_json))["contract_version"] == "3");
  const auto rendered = render_spec(task.spec_json, TemplateScope{}, false);
  REQUIRE(rendered.ok());
  CHECK((*parse_untrusted(*rendered))["params"]["contract"] ==
        nlohmann::json{{"name", "shop/daily"}, {"yaml", begin + "}\n"}});
  const auto again = dag_from_canonical(result.dag->version, result.dag->canonical_json);
  REQUIRE(again);
  CHECK(again->tasks[0].spec_json == task.spec_json);

  const std::string table = R"("table": "gold/shop/daily")";
  CHECK(told("}\n", R"("table": "gold/shop/weekly")").find("is not of gold/shop/weekly") !=
        std::string::npos);
  CHECK(told("}\n", table + R"(, "keys": ["shop"])").find("keys is [\"day\"] by the contract") !=
        std::string::npos);
  CHECK(told("}\n    customProperties: [{property: batuta.history, value: true}]\n", table)
            .find("asks for a history") != std::string::npos);
  CHECK(told("}\n      - {name: cpf, logicalType: string, customProperties: [{property: "
             "batuta.mask, value: redact}]}\n",
             table)
            .find("masks cpf") != std::string::npos);
  CHECK(told("}\n", R"("owner": "x")").find("needs the \"table\"") != std::string::npos);
}

TEST_CASE("contracts lie beside the DAG folder unless another place is named") {
  CHECK(contracts_beside("/etc/batuta/dags") == "/etc/batuta/contracts");
  CHECK(contracts_beside("/etc/batuta/dags/") == "/etc/batuta/contracts");
  CHECK(contracts_beside("dags") == "contracts");
}

TEST_CASE(
    "a contract that changes makes a new version of its DAGs, one that breaks keeps the old") {
  TempFolder folder;
  const fs::path root(folder.path());
  folder.write("dags/shop.json", two_tasks);
  const std::string good = read_text(contracts_of_tests() + "/shop/orders.odcs.yaml");
  const auto write = [&](const std::string& text) {
    folder.write("contracts/shop/orders.odcs.yaml", text);
  };
  BagState bag((root / "dags").string());
  const auto later = [] { return read_clock().wall + std::chrono::hours(1); };
  CHECK(bag.scan(later()).snapshot->import_errors.size() == 1);  // the contract is not there yet
  write(good);
  auto update = bag.scan(later());
  REQUIRE(update.snapshot);
  REQUIRE(update.snapshot->import_errors.empty());
  CHECK(update.outside == std::vector<std::string>{(root / "contracts").string() + "/shop"});
  const std::string first = update.snapshot->dags.at("shop")->version;
  std::string changed = good;
  changed.replace(changed.find("version: 1.0.0"), 14, "version: 1.1.0");
  write(changed);
  update = bag.scan(later());
  REQUIRE(update.snapshot);
  CHECK(update.snapshot->dags.at("shop")->version != first);
  const std::string second = update.snapshot->dags.at("shop")->version;
  write("kind: [");
  update = bag.scan(later());
  REQUIRE(update.snapshot);
  CHECK(update.snapshot->dags.at("shop")->version == second);
  REQUIRE(update.snapshot->import_errors.size() == 1);
  CHECK(update.snapshot->import_errors[0].message.find("orders.odcs.yaml:2:") != std::string::npos);
}

}  // namespace batuta
