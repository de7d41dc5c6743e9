// Rules over another table, and the standard's relationships, as a contract has them.
#include <doctest/doctest.h>

#include <string>

#include "contract/contract.h"

using namespace batuta::contract;

namespace {

ContractResult orders_with(const std::string& column, const std::string& table = "",
                           const std::string& domain = "domain: shop\n") {
  return read_contract("apiVersion: v3.1.0\nkind: DataContract\nid: a\nversion: '1'\nstatus: s\n" +
                           domain +
                           "schema:\n  - name: orders\n    properties:\n      - name: client_id\n"
                           "        logicalType: integer\n" +
                           column + table,
                       "orders.odcs.yaml");
}

ContractResult ruled(const std::string& implementation, const std::string& rest = "") {
  return orders_with(
      "        quality:\n          - {type: custom, engine: batuta, implementation: {" +
      implementation + "}" + rest + "}\n");
}

ContractResult related(const std::string& to) {
  return orders_with("        relationships:\n          - {to: " + to + "}\n");
}

}  // namespace

TEST_CASE("contract references: a rule says table, column, number and whether it blocks") {
  const auto read =
      ruled("references: bank/clients.id, mustBeLessThan: 5", ", name: no_client, unit: percent");
  for (const auto& problem : read.problems) MESSAGE(problem.text());
  REQUIRE(read.contract);
  const auto& check = read.contract->tables[0].quality.at(0);
  CHECK(check.metric == Metric::referential);
  CHECK(check.name == "no_client");
  CHECK(check.columns == std::vector<std::string>{"client_id"});
  CHECK(check.other_table == "bank/clients");
  CHECK(check.other_columns == std::vector<std::string>{"id"});
  CHECK(check.blocking);
  CHECK(check.percent);
  CHECK(check.dimension == "consistency");
  CHECK(expectation(check) == "less than 5 percent");
  CHECK(contract_json(*read.contract).find("\"references\":\"bank/clients\"") != std::string::npos);
}

TEST_CASE("contract references: without a number rows are rejected and nothing is blocked") {
  const auto read = ruled("references: clients");
  REQUIRE(read.contract);
  const auto& check = read.contract->tables[0].quality.at(0);
  CHECK(check.name == "client_id_without_clients");
  CHECK(check.other_table == "shop/clients");
  CHECK(check.other_columns == std::vector<std::string>{"client_id"});
  CHECK_FALSE(check.blocking);
}

TEST_CASE("contract references: a relationship of a property is a rule without a number") {
  for (const char* to :
       {"clients.id", "/schema/clients/properties/id", "schema/clients/properties/id",
        "contracts/shop/clients.odcs.yaml#/schema/clients/properties/id",
        "clients.odcs.yaml#/schema/clients/properties/id"}) {
    CAPTURE(to);
    const auto read = related(to);
    for (const auto& problem : read.problems) MESSAGE(problem.text());
    REQUIRE(read.contract);
    CHECK(read.warnings.size() == orders_with("").warnings.size());
    REQUIRE(read.contract->tables[0].quality.size() == 1);
    const auto& check = read.contract->tables[0].quality[0];
    CHECK(check.other_table == "shop/clients");
    CHECK(check.other_columns == std::vector<std::string>{"id"});
    CHECK_FALSE(check.blocking);
  }
}

TEST_CASE(
    "contract references: what cannot be carried out is refused of a rule, told of the rest") {
  for (const char* wrong : {"references: orders.client_id", "references: clients, tu: [x]",
                            "to: [id]", "references: a/b/c", "references: clients, to: [a, b]",
                            "references: clients, mustBe: none"}) {
    CAPTURE(wrong);
    CHECK_FALSE(ruled(wrong).problems.empty());
  }
  CHECK_FALSE(ruled("references: clients", ", name: 'no client'").problems.empty());
  const std::size_t usual = orders_with("").warnings.size();
  const auto itself = related("orders.client_id");
  REQUIRE(itself.contract);
  CHECK(itself.contract->tables[0].quality.empty());
  CHECK(itself.warnings.size() == usual + 1);
  const auto nowhere =
      orders_with("        relationships:\n          - {to: clients.id}\n", "", "");
  REQUIRE(nowhere.contract);
  CHECK(nowhere.warnings.size() == usual + 1);
}
