// A model whose table has a data contract: its types, keys and partitions, and its rules.
#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "lakelog/action.h"
#include "lakelog/log_folder.h"
#include "lakelog/payload.h"
#include "plugins/lake/delta_table.h"
#include "tests/plugins/models_fixture.h"

using namespace batuta;
using nlohmann::json;

namespace {

using Lines = std::vector<std::string>;

const std::string daily_table = "gold/shop/daily";

// `columns` and `rest` as lines of the table of the contract.
std::string contract_yaml(const std::string& columns, const std::string& rest = "",
                          const std::string& version = "1.0.0") {
  return "apiVersion: v3.1.0\nkind: DataContract\nid: daily\nversion: " + version +
         "\nstatus: active\ndomain: shop\nschema:\n  - name: daily\n    description: Sales of a "
         "day\n    properties:\n" +
         columns + rest;
}

const std::string usual_columns =
    "      - {name: day, logicalType: date, required: true, primaryKey: true, primaryKeyPosition: "
    "1, partitioned: true}\n"
    "      - {name: shop, logicalType: string, primaryKey: true, primaryKeyPosition: 2, "
    "logicalTypeOptions: {maxLength: 5, pattern: '^[a-z]+$'}}\n"
    "      - {name: net, logicalType: number, physicalType: 'decimal(12,2)', logicalTypeOptions: "
    "{minimum: 0}}\n";

json daily(const std::string& rows, const std::string& yaml) {
  return {{"sql", "SELECT * FROM (VALUES " + rows + ") v(day, shop, net)"},
          {"table", daily_table},
          {"contract", {{"name", "shop/daily"}, {"yaml", yaml}}}};
}

bool says_so(const std::string& text, const std::string& words) {
  return text.find(words) != std::string::npos;
}

json metrics_of_newest(const Models& world, const std::string& table) {
  const lakelog::LogFolder log(*world.lake.storage(), table);
  const auto commit = lakelog::parse_commit(*log.read(world.version(table)));
  return json::parse(commit->info_json)["operationMetrics"];
}

// "missing_day 1, net_below_minimum 0…": what the last attempt told of rules that were broken.
std::string broken_rules(const Models& world) {
  std::string out;
  for (const std::string& text : world.host->reports.at("quality")) {
    const json told = json::parse(text);
    CHECK(told["table"] == daily_table);
    if (told["passed"] == true) continue;
    out += (out.empty() ? "" : ", ") + told["rule"].get<std::string>() + " " +
           told["failed"].dump() + (told["severity"] == "warning" ? " (warning)" : "");
  }
  return out;
}

}  // namespace

TEST_CASE("a contract gives a model's table its types, keys and partitions, and is told with it") {
  Models world;
  const json task = daily("(DATE '2026-11-20', 'south', 5), (DATE '2026-11-21', 'north', 7)",
                          contract_yaml(usual_columns));
  world.run("run-1", task);
  const auto table = lake::DeltaTable::open(stores::Lake(world.lake.path()), daily_table);
  const auto& metadata = table.snapshot().metadata;
  CHECK(metadata.partition_columns == Lines{"day"});
  CHECK(metadata.description == "Sales of a day");
  // A whole number of the engine, and the contract's type.
  CHECK(std::any_of(metadata.columns.begin(), metadata.columns.end(), [](const auto& column) {
    return column.name == "net" && column.type == "decimal(12,2)";
  }));
  const json metrics = metrics_of_newest(world, daily_table);
  CHECK(metrics["contract"] == "shop/daily");
  CHECK(metrics["contract_version"] == "1.0.0");
  // Keys of the contract are the model's: the same twice is refused.
  CHECK(says_so(
      world.refusal(daily("(DATE '2026-11-20', 'south', 5), (DATE '2026-11-20', 'south', 6)",
                          contract_yaml(usual_columns))),
      "keys_unique"));
}

TEST_CASE("what of a model's result is not as its contract says is refused together") {
  Models world;
  json task = daily("(DATE '2026-11-20', 'south', 5.125)", contract_yaml(usual_columns));
  task["sql"] = "SELECT DATE '2026-11-20' AS day, 5.125 AS net, 1 AS extra";
  const std::string why = world.refusal(task);
  CHECK(says_so(why,
                "net is decimal(4,3) in the result and decimal(12,2) by the contract: write CAST(… "
                "AS decimal(12,2))"));
  CHECK(says_so(why, "extra is no column of the contract shop/daily"));
  CHECK(says_so(why, "the column shop of the contract shop/daily is not in the result"));
  json other = daily("(DATE '2026-11-20', 'south', 5)", contract_yaml(usual_columns));
  other["keys"] = {"day"};
  CHECK(says_so(world.refusal(other), "keys is day and by the contract shop/daily day, shop"));
  other.erase("keys");
  other["table"] = "gold/shop/weekly";
  CHECK(says_so(world.refusal(other), "that of gold/shop/weekly is named shop/weekly"));
  other["table"] = daily_table;
  other["contract"]["yaml"] =
      contract_yaml("      - {name: day, logicalType: date, primaryKey: true}\n",
                    "    customProperties:\n      - {property: batuta.history, value: true}\n");
  CHECK(says_so(world.refusal(other), "\"history\": true"));
}

TEST_CASE("a contract's rules are judged over a model's result before anybody can read it") {
  Models world;
  world.put("silver/shop/shops", "SELECT * FROM (VALUES ('south'), ('north')) v(code)");
  const std::string yaml = contract_yaml(
      usual_columns,
      "    quality:\n"
      "      - {type: custom, engine: batuta, name: too_dear, implementation: net > 1000}\n"
      "      - {metric: rowCount, mustBeGreaterThan: 1, name: enough}\n"
      "      - {type: sql, name: total, severity: warning, query: 'SELECT sum(net) FROM {object}', "
      "mustBeLessThan: 100}\n"
      "      - {type: custom, engine: batuta, name: no_shop, implementation: {references: "
      "shop/shops, properties: [shop], to: code, mustBeLessThan: 1}}\n");
  // Each row breaks what stands behind it, and nothing else.
  CHECK(says_so(
      world.refusal(daily("(DATE '2026-11-20', 'south', 1.00), (DATE '2026-11-20', 'north', "
                          "-1.00), (DATE '2026-11-21', 'SOUTH', 1.00), (DATE "
                          "'2026-11-21', 'southern', 1.00), (DATE '2026-11-22', ' ', "
                          "1.00), (NULL, 'south', 1.00), (DATE '2026-11-23', 'south', "
                          "1000.01)",
                          yaml)),
      "net_below_minimum"));
  CHECK(broken_rules(world) ==
        "keys_not_null 1, missing_day 1, missing_shop 1, shop_too_long 1, shop_mismatch 2, "
        "net_below_minimum 1, too_dear 1");
  CHECK_FALSE(lake::DeltaTable::open(stores::Lake(world.lake.path()), daily_table).exists());
  CHECK(says_so(world.refusal(daily("(DATE '2026-11-20', 'south', 1.00)", yaml)),
                "enough is 1, and must be"));
  CHECK(
      says_so(world.refusal(daily("(DATE '2026-11-20', 'south', 1.00), (DATE '2026-11-20', 'east', "
                                  "1.00)",
                                  yaml)),
              "no_shop is 1, and must be"));
  world.run("run-1",
            daily("(DATE '2026-11-20', 'south', 99.00), (DATE '2026-11-20', 'north', 1.00)", yaml));
  CHECK(broken_rules(world) == "total 100 (warning)");
}

TEST_CASE("a contract that changed is computed anew, a column that it gained is added") {
  Models world;
  const std::string rows = "(DATE '2026-11-20', 'south', 5), (DATE '2026-11-21', 'north', 7)";
  world.run("run-1", daily(rows, contract_yaml(usual_columns)));
  CHECK(world.run("run-2", daily(rows, contract_yaml(usual_columns)))["unchanged"] == true);
  const json stricter = daily(rows, contract_yaml(usual_columns, "", "1.1.0"));
  json asked = stricter;
  asked["plan"] = {{"unknown", json::array()}};
  world.attempt("plan", asked);
  REQUIRE(world.returned == 0);
  CHECK(json::parse(world.host->result)["change"] == "fields");
  CHECK(json::parse(world.host->result)["computes"] == "all");
  world.run("run-3", stricter);
  CHECK(world.said("the rules or the description of the model are not those of"));
  json wider =
      daily(rows, contract_yaml(usual_columns + "      - {name: note, logicalType: string}\n"));
  wider["sql"] = "SELECT *, 'x' AS note FROM (VALUES " + rows + ") v(day, shop, net)";
  world.run("run-4", wider);
  CHECK(world.rows(daily_table, "SELECT shop, net, note FROM t ORDER BY 1") ==
        Lines{"north|7.00|x", "south|5.00|x"});
  // Another type is none that the table takes on.
  std::string retyped = usual_columns;
  retyped.replace(retyped.find("decimal(12,2)"), 13, "decimal(14,2)");
  CHECK(says_so(world.refusal(daily(rows, contract_yaml(retyped))),
                "net is decimal(14,2) by the contract shop/daily and decimal(12,2) in the table"));
}

TEST_CASE(
    "where a part of a model is computed, its contract's rules over many rows see the table") {
  Models world;
  const std::string sales = "silver/shop/sales";
  world.put(sales,
            "SELECT DATE '2026-11-20' + CAST(range AS INTEGER) AS day, 'south' AS shop, "
            "CAST(range AS DECIMAL(12,2)) AS net FROM range(4)",
            {"day"});
  const std::string yaml = contract_yaml(
      usual_columns, "    quality:\n      - {metric: rowCount, mustBe: 4, name: all_days}\n");
  json task = daily("", yaml);
  task["sql"] = "SELECT day, shop, net FROM silver.shop.sales";
  world.run("run-1", task);
  world.put(sales,
            "SELECT DATE '2026-11-20' + CAST(range AS INTEGER) AS day, 'south' AS shop, CAST(CASE "
            "WHEN range = 2 THEN 9 ELSE range END AS DECIMAL(12,2)) AS net FROM range(4)",
            {"day"});
  world.run("run-2", task);
  CHECK(world.said("only partitions that changed"));
  CHECK(world.rows(daily_table, "SELECT net FROM t ORDER BY day") ==
        Lines{"0.00", "1.00", "9.00", "3.00"});
}

TEST_CASE("each rule of a contract's rows breaks in the rows that a plain look at them finds") {
  const std::string yaml = contract_yaml(
      "      - {name: day, logicalType: date, required: true}\n"
      "      - {name: shop, logicalType: string, required: true, logicalTypeOptions: {minLength: "
      "2, "
      "maxLength: 5, pattern: '^[a-z]+$'}}\n"
      "      - {name: net, logicalType: integer, logicalTypeOptions: {minimum: 0, "
      "exclusiveMaximum: 1001}}\n",
      "    quality:\n      - {type: custom, engine: batuta, name: dear_north, implementation: "
      "\"net > 500 AND shop = 'north'\"}\n");
  const std::vector<std::optional<std::string>> shops = {std::nullopt, "",     " ",       "x",
                                                         "north",      "East", "southern"};
  const std::vector<std::optional<int>> nets = {std::nullopt, -1, 0, 501, 1000, 1001};
  std::mt19937 random(7);
  for (int round = 0; round < 3; ++round) {
    std::map<std::string, int> expected;
    std::string rows;
    for (int i = 0; i < 60; ++i) {
      const bool has_day = random() % 4 != 0;
      const auto& shop = shops[random() % shops.size()];
      const auto& net = nets[random() % nets.size()];
      rows += std::string(i == 0 ? "" : ", ") + "(" + (has_day ? "DATE '2026-11-20'" : "NULL") +
              ", " + (shop ? "'" + *shop + "'" : "NULL") + ", " +
              (net ? std::to_string(*net) : "NULL") + ")";
      expected["missing_day"] += has_day ? 0 : 1;
      expected["missing_shop"] += !shop || shop->find_first_not_of(' ') == shop->npos ? 1 : 0;
      expected["shop_too_short"] += shop && shop->size() < 2 ? 1 : 0;
      expected["shop_too_long"] += shop && shop->size() > 5 ? 1 : 0;
      const bool plain = shop && !shop->empty() &&
                         shop->find_first_not_of("abcdefghijklmnopqrstuvwxyz") == shop->npos;
      expected["shop_mismatch"] += shop && !plain ? 1 : 0;
      expected["net_below_minimum"] += net && *net < 0 ? 1 : 0;
      expected["net_above_maximum"] += net && *net >= 1001 ? 1 : 0;
      expected["dear_north"] += net && *net > 500 && shop == "north" ? 1 : 0;
    }
    Models world;
    world.refusal(daily(rows, yaml));
    std::map<std::string, int> found;
    for (const std::string& text : world.host->reports.at("quality")) {
      const json told = json::parse(text);
      found[told["rule"].get<std::string>()] = told["failed"].get<int>();
    }
    // A date that is none of Delta's years is a rule, too, and no row here has one.
    CHECK(found["bad_day"] == 0);
    found.erase("bad_day");
    CHECK(found == expected);
  }
}
