// Rules over another table: whose values silver must have. On the real engine, with a real table.
#include <doctest/doctest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "plugins/contract/described.h"
#include "plugins/contract/references.h"
#include "plugins/lake/session.h"
#include "plugins/lake/staged_write.h"
#include "tests/lakelog/lake_fixture.h"
#include "tests/plugins/fake_host.h"
#include "tests/plugins/test_engine.h"

using namespace batuta;
using namespace batuta::from_contract;
using nlohmann::json;

namespace {

Described orders_of(const std::string& properties) {
  auto read = contract::read_contract(
      "apiVersion: v3.1.0\nkind: DataContract\nid: a\nversion: '1'\nstatus: s\ndomain: shop\n"
      "schema:\n  - name: orders\n    properties:\n" +
          properties,
      "orders.yaml");
  for (const auto& problem : read.problems) MESSAGE(problem.text());
  REQUIRE(read.contract);
  Described described{std::move(*read.contract), {}, "shop/orders"};
  described.table = described.contract.tables[0];
  return described;
}

class TwoTables {
 public:
  TwoTables() : session_(lake::engine_in(lake_.path())), context_(host_table_) {
    session_.register_text_functions();
  }

  // A version of silver/shop/<name> with the rows of `select` besides.
  void append(const std::string& name, const std::vector<lakelog::Column>& columns,
              const std::string& select) {
    const std::string table = "silver/shop/" + name;
    const lake::StagedWrite write{lake_.storage(), table, columns, {}, select, {}, {}};
    std::vector<json> adds;
    for (const auto& add : lake::write_files(session_, write))
      adds.push_back(lakelog::add_json(add));
    json payload = lakelog::append_payload(adds, number_ == 0 ? -1 : number_ - 1);
    payload["table"] = table;
    payload["partition_columns"] = json::array();
    payload["schema"] = lakelog::schema_json(columns);
    const auto done = lakelog::publish(lakelog::publication(lake_, payload, ++number_));
    if (!done.ok()) FAIL(done.error().message);
  }

  void prepare(const Described& described) { prepare_references(context_, session_, described); }

  // Whether the rule rejects a row of typed values, asked as the transform asks for reasons.
  bool rejects(const Described& described, std::size_t check, const std::string& row) {
    session_.run("CREATE OR REPLACE TEMP TABLE asked AS WITH typed AS (SELECT " + row +
                 "), reasoned AS (SELECT *, concat_ws(',', CASE WHEN false THEN 'other' END, CASE "
                 "WHEN " +
                 reference_sql(described.table, check) +
                 " THEN 'broken' END) AS reason FROM typed) SELECT reason FROM reasoned");
    return session_.value("SELECT reason FROM asked").text() == "broken";
  }

  // Judges as many good and rejected rows as there are; why the version is refused, or nothing.
  std::string judged(const Described& described, int good, int rejected) {
    const std::string name = described.table.quality.at(0).name;
    session_.run("CREATE OR REPLACE TEMP TABLE judged AS SELECT CASE WHEN i < " +
                 std::to_string(rejected) + " THEN 'bad_x," + name +
                 "' ELSE '' END AS reason FROM range(" + std::to_string(good + rejected) +
                 ") t(i)");
    session_.run("CREATE OR REPLACE TEMP VIEW new_rows AS SELECT * FROM judged WHERE reason = ''");
    try {
      check_quality(context_, session_, described, {{}, JudgedRows::References::by_reasons});
    } catch (const plugin::FinalError& error) {
      return error.what();
    }
    return {};
  }
  const std::vector<std::string>& reports() { return host_.reports["quality"]; }

 private:
  static batuta_host table_of(FakeHost& host, const lakelog::TempLake& lake) {
    host.context = {{"lake", lake.path()}};
    return host.table();
  }
  lakelog::TempLake lake_;
  lake::Session session_;
  FakeHost host_;
  const batuta_host host_table_ = table_of(host_, lake_);
  plugin::Context context_;
  std::int64_t number_ = 0;
};

const std::string with_rule =
    "      - name: client_id\n        logicalType: integer\n        quality:\n"
    "          - {type: custom, engine: batuta, name: no_client, unit: percent,\n"
    "             implementation: {references: shop/clients.id, mustBeLessOrEqualTo: 10}}\n";

}  // namespace

TEST_CASE(
    "references: a value passes when the other table's newest version has it, and so does "
    "none") {
  TwoTables tables;
  const Described described = orders_of(with_rule);
  const std::vector<lakelog::Column> columns = {{"id", "integer", true}, {"name", "string", true}};
  tables.append("clients", columns, "SELECT i::INTEGER AS id, 'x' AS name FROM range(3) t(i)");
  tables.append("clients", columns,
                "SELECT 7 AS id, NULL::VARCHAR AS name UNION ALL "
                "SELECT NULL, 'nobody'");
  tables.prepare(described);
  CHECK_FALSE(tables.rejects(described, 0, "2::BIGINT AS new_client_id"));
  CHECK_FALSE(tables.rejects(described, 0, "7::BIGINT AS new_client_id"));
  CHECK(tables.rejects(described, 0, "3::BIGINT AS new_client_id"));
  CHECK_FALSE(tables.rejects(described, 0, "NULL::BIGINT AS new_client_id"));
}

TEST_CASE("references: keys of several columns are looked up together") {
  TwoTables tables;
  const Described described = orders_of(
      "      - {name: bank, logicalType: string}\n      - {name: branch, logicalType: integer}\n"
      "    relationships:\n      - {from: [orders.bank, orders.branch], to: [branches.code, "
      "branches.number]}\n");
  REQUIRE(described.table.quality.size() == 1);
  tables.append("branches", {{"number", "long", true}, {"code", "string", true}},
                "SELECT 1::BIGINT AS number, 'a' AS code UNION ALL SELECT 2, 'b'");
  tables.prepare(described);
  CHECK_FALSE(tables.rejects(described, 0, "'a' AS new_bank, 1::BIGINT AS new_branch"));
  CHECK(tables.rejects(described, 0, "'a' AS new_bank, 2::BIGINT AS new_branch"));
  CHECK_FALSE(tables.rejects(described, 0, "'z' AS new_bank, NULL::BIGINT AS new_branch"));
}

TEST_CASE("references: values are compared as silver holds them") {
  TwoTables tables;
  Described described = orders_of(
      "      - name: code\n        logicalType: string\n        relationships: [{to: "
      "areas.prefix}]\n");
  described.table.columns[0].mask = contract::Mask::prefix;
  described.table.columns[0].mask_size = 3;
  tables.append("areas", {{"prefix", "string", true}}, "SELECT 'abc' AS prefix");
  tables.prepare(described);
  CHECK_FALSE(tables.rejects(described, 0, "'abcdef' AS new_code"));
  CHECK(tables.rejects(described, 0, "'xyz' AS new_code"));
  CHECK_FALSE(tables.rejects(described, 0, "NULL::VARCHAR AS new_code"));
}

TEST_CASE("references: another table that is not there, or has no such column, is told by name") {
  TwoTables tables;
  const Described described = orders_of(with_rule);
  const auto refusal = [&]() -> std::string {
    try {
      tables.prepare(described);
    } catch (const std::exception& error) {
      return error.what();
    }
    return {};
  };
  CHECK(refusal().find("quality rule no_client: there is no table silver/shop/clients") == 0);
  tables.append("clients", {{"code", "string", true}}, "SELECT 'a' AS code");
  CHECK(refusal() == "quality rule no_client: silver/shop/clients has no column id");
  Described other = described;
  other.table.quality[0].other_columns = {"code"};
  CHECK_THROWS_WITH(tables.prepare(other),
                    "quality rule no_client: client_id is long, and code of silver/shop/clients is "
                    "string: give both the same type, and the same mask");
}

TEST_CASE("references: what was rejected is counted against the rule's number, blocking or not") {
  TwoTables tables;
  Described described = orders_of(with_rule);
  CHECK(tables.judged(described, 90, 10).empty());
  CHECK(tables.judged(described, 89, 11).find("no_client is 11, and must be at most 10 percent") !=
        std::string::npos);
  // Not one row is good: the rule is judged all the same.
  CHECK_FALSE(tables.judged(described, 0, 1).empty());
  described.table.quality[0].blocking = false;
  CHECK(tables.judged(described, 0, 1).empty());
  REQUIRE(tables.reports().size() == 4);
  const json told = json::parse(tables.reports().back());
  CHECK(told["severity"] == "warning");
  CHECK(told["passed"] == false);
  CHECK(told["checked"] == 1);
}

TEST_CASE("references: they are among the reasons of silver, behind all others") {
  const Described described = orders_of(with_rule);
  const lake::TransformSpec spec = silver_spec(described);
  REQUIRE_FALSE(spec.reasons.empty());
  CHECK(spec.reasons.back().name == "no_client");
}

TEST_CASE("retention: silver takes in no row of a day that the contract lets go") {
  auto described = orders_of("      - {name: day, logicalType: date, partitioned: true}\n");
  CHECK(silver_spec(described).expired.empty());
  described.table.retention = {{"bronze"}, "day", 1, 'y'};
  CHECK(silver_spec(described).expired.empty());
  described.table.retention.layers.push_back("silver");
  const std::string condition = silver_spec(described).expired;
  CHECK(condition.find("\"new_day\" < DATE '") == 0);
  CHECK(condition == "\"new_day\" < DATE '" + first_day_in_silver(described) + "'");
}
