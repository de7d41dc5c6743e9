#include "contract/draft.h"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>
#include <string>

#include "contract/contract.h"
#include "contract/yaml.h"
#include "tests/contract/texts.h"

using namespace batuta;
using namespace batuta::contract;

namespace {

SeenColumn seen(const std::string& name, const std::vector<std::string>& values) {
  SeenColumn column(name);
  for (const std::string& value : values)
    column.add(value == "-" ? std::nullopt : std::optional(value));
  return column;
}

}  // namespace

TEST_CASE("draft: a column's type is the narrowest that all its values have") {
  CHECK(seen("a", {"1", "-20", "3"}).logical_type() == "integer");
  CHECK(seen("a", {"1", "2.50"}).logical_type() == "number");
  CHECK(seen("a", {"1", "2.50"}).physical_type() == "decimal(18,2)");
  CHECK(seen("a", {"007", "12"}).logical_type() == "string");
  CHECK(seen("a", {"true", "false"}).logical_type() == "boolean");
  CHECK(seen("a", {"2024-05-06", "-"}).logical_type() == "date");
  CHECK(seen("a", {"06/05/2024", "31/05/2024"}).format() == "dd/MM/yyyy");
  CHECK(seen("a", {"05/31/2024"}).format() == "MM/dd/yyyy");
  CHECK(seen("a", {"2024-05-06 10:00:00"}).logical_type() == "timestamp");
  CHECK(seen("a", {"2024-05-06 10:00:00"}).format().empty());
  CHECK(seen("a", {"2024-05-06", "soon"}).logical_type() == "string");
  CHECK(seen("a", {"2024-13-06"}).logical_type() == "string");
  CHECK(seen("a", {"-", "-"}).logical_type() == "string");
  CHECK_FALSE(seen("a", {"1", "-"}).required());
  CHECK_FALSE(seen("a", {"1", "1"}).distinct());
}

TEST_CASE("draft: names of the source become names of the lake") {
  CHECK(lake_name("Order Day") == "order_day");
  CHECK(lake_name("InvoiceNo") == "invoice_no");
  CHECK(lake_name("CustomerID") == "customer_id");
  CHECK(lake_name("  %") == "column");
  CHECK(lake_name("reason") == "source_reason");
}

TEST_CASE("draft: what is drafted is a contract") {
  const std::vector<SeenColumn> columns = {
      seen("Id", {"1", "2"}), seen("Order Day", {"06/05/2024", "31/05/2024"}),
      seen("amount", {"1.50", "-"}), seen("note: #1", {"x", "y"})};
  const std::string yaml =
      draft_contract({"shop",
                      "orders",
                      R"({"server": "drop", "type": "local", "path": "/in/*.csv",
                      "format": "csv"})",
                      "",
                      {"Id"}},
                     columns);
  CAPTURE(yaml);
  const auto read = read_contract(yaml, "draft.yaml");
  for (const auto& each : read.problems) MESSAGE(each.text());
  REQUIRE(read.contract);
  const Table& table = *read.contract->table("orders");
  CHECK(table.keys() == std::vector<std::string>{"id"});
  CHECK(table.column("order_day")->format == "%d/%m/%Y");
  CHECK(table.column("amount")->type == "decimal(18,2)");
  CHECK(table.column("note_1")->source_name == "note: #1");
  CHECK(table.source.path == "/in/*.csv");
}

TEST_CASE("draft: a column without repeats is a suggestion, and no primary key") {
  const std::vector<SeenColumn> columns = {seen("day", {"2024-05-06", "2024-05-07"}),
                                           seen("kind", {"a", "a"}), seen("Id", {"1", "2"})};
  CHECK(suggested_key(columns) == "Id");
  CHECK(suggested_key({seen("kind", {"a", "a"})}).empty());
  const auto read =
      read_contract(draft_contract({"shop", "orders", "", "", {}}, columns), "c.yaml");
  REQUIRE(read.contract);
  CHECK(read.contract->table("orders")->keys().empty());
}

TEST_CASE("yaml: what is written reads back as it was") {
  for (const char* yaml :
       {clients_yaml, "{}", "[]", "a: ''", "a: 'yes: no'\nb: '1.0'\nc: [1, 2.5, true, null, '~']",
        "a: {b: {c: [[1], [{d: e}]]}}", "a: \"x\\ny\"", "- - 1\n  - 2\n- {a: []}"}) {
    const auto value = parse_yaml(yaml);
    REQUIRE(value.ok());
    const std::string text = write_yaml(*value);
    CAPTURE(text);
    const auto again = parse_yaml(text);
    REQUIRE(again.ok());
    CHECK(*again == *value);
  }
}

TEST_CASE("convert: a Data Contract Specification becomes a contract, and what is left is told") {
  const auto converted = convert_contract(R"(
dataContractSpecification: 1.1.0
id: orders-latest
info: {title: Orders, version: 2.0.0, owner: checkout, description: All orders, contact: {name: x}}
terms: {usage: Reports, limitations: None}
servers:
  production: {type: local, path: "/in/*.json", format: json}
  lake: {type: s3, location: "s3://bucket/orders", format: parquet}
models:
  orders:
    description: One row an order
    type: table
    fields:
      order_id: {$ref: '#/definitions/order_id', required: true, primaryKey: true}
      total: {type: decimal, precision: 12, scale: 2, minimum: 0}
      status: {type: text, enum: [placed, sent], pii: true}
      at: {type: timestamp}
      lines: {type: array, items: {type: record, fields: {sku: {type: string}}}}
definitions:
  order_id: {type: string, maxLength: 10, description: The number of the order}
servicelevels:
  retention: {period: P1Y}
  latency: {threshold: 1h}
)");
  REQUIRE(converted.ok());
  CAPTURE(converted->yaml);
  const auto read = read_contract(converted->yaml, "c.yaml");
  for (const auto& each : read.problems) MESSAGE(each.text());
  REQUIRE(read.contract);
  CHECK(read.contract->version == "2.0.0");
  CHECK(read.contract->retention == "1 y");
  const Table& table = *read.contract->table("orders");
  CHECK(table.keys() == std::vector<std::string>{"order_id"});
  CHECK(table.column("order_id")->max_length == 10);
  CHECK(table.column("total")->type == "decimal(12,2)");
  CHECK(table.column("total")->minimum == "0");
  CHECK(table.column("status")->tags == std::vector<std::string>{"pii"});
  CHECK(table.column("lines")->type == "string");
  CHECK(table.source.kind == SourceKind::json);
  std::string notes;
  for (const std::string& each : converted->notes) notes += each + "\n";
  CHECK(notes.find("servers.lake: of type s3, kept as custom") != std::string::npos);
  CHECK(notes.find("servicelevels.latency") != std::string::npos);
  CHECK(!convert_contract("kind: DataContract").ok());
}
