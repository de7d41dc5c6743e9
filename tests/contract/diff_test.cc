#include "contract/diff.h"

#include <doctest/doctest.h>

#include <string>

#include "contract/types.h"
#include "tests/contract/texts.h"

using namespace batuta;
using namespace batuta::contract;

namespace {

Contract clients_of(const std::string& old = "", const std::string& text = "") {
  std::string yaml = clients_yaml;
  if (!old.empty()) {
    const auto at = yaml.find(old);
    REQUIRE(at != std::string::npos);
    yaml.replace(at, old.size(), text);
  }
  auto read = read_contract(yaml, "c.yaml");
  for (const auto& each : read.problems) MESSAGE(each.text());
  REQUIRE(read.contract);
  return std::move(*read.contract);
}

// The changes behind the note on the version: "+ table clients: is new".
std::string changes(const Contract& before, const Contract& after) {
  std::string out;
  for (const Change& each : diff(before, after)) {
    if (each.message.starts_with("the version is still")) continue;
    out += (out.empty() ? "" : "\n") + std::string(each.compatible ? "+ " : "- ") + each.what +
           ": " + each.message;
  }
  return out;
}

std::string changes(const std::string& old, const std::string& text) {
  return changes(clients_of(), clients_of(old, text));
}

}  // namespace

TEST_CASE("diff: equal contracts have no difference") {
  CHECK(diff(clients_of(), clients_of()).empty());
}

TEST_CASE("diff: a change without a new version is told as one") {
  const auto found = diff(clients_of(), clients_of("status: active", "status: retired"));
  REQUIRE(found.size() == 2);
  CHECK(found[0].message.starts_with("the version is still 1.2.0"));
  CHECK(found[1].message == "the status becomes retired from active");
}

TEST_CASE("diff: a column that may be absent and other limits are followed") {
  CHECK(changes("      - name: updated_at",
                "      - {name: city, logicalType: string}\n"
                "      - name: updated_at") == "+ table clients, column city: is new, string");
  CHECK(changes("minimum: 0", "minimum: 10") ==
        "+ table clients, column income: its limits are others: they judge rows from now on");
  CHECK(changes("physicalName: birth_date", "physicalName: dob") ==
        "+ table clients, column born: its name at the source is another");
}

TEST_CASE("diff: a wider type is followed where the contract lets the table widen") {
  Contract before = clients_of(), after = clients_of("decimal(12,2)", "decimal(14,3)");
  before.tables.front().widen = after.tables.front().widen = true;
  CHECK(changes(before, after) ==
        "+ table clients, column income: the type becomes decimal(14,3) from decimal(12,2), which "
        "the table takes on in place: from then on it asks its readers for the Delta feature "
        "typeWidening");
  after = clients_of("decimal(12,2)", "decimal(12,4)");
  after.tables.front().widen = true;
  CHECK(changes(before, after).starts_with("- table clients, column income: the type"));
  before.tables.front().widen = false;
  after = clients_of("{property: batuta.history, value: true}",
                     "{property: batuta.history, value: true}\n      - {property: batuta.widen, "
                     "value: true}");
  CHECK(changes(before, after) == "+ table clients: wider types are taken on in place from now on");
}

TEST_CASE("diff: what the rows that stand cannot follow is told with what to do") {
  CHECK(changes("      - name: updated_at",
                "      - {name: city, logicalType: string, required: true}\n"
                "      - name: updated_at")
            .starts_with("- table clients, column city: is new and required"));
  CHECK(changes("decimal(12,2)", "decimal(14,3)") ==
        "- table clients, column income: the type becomes decimal(14,3) from decimal(12,2), which "
        "a table that stands takes on in place with batuta.widen: true alone, for not every reader "
        "knows the Delta feature typeWidening; or remove silver, and the next run makes it anew "
        "from bronze");
  CHECK(changes("decimal(12,2)", "decimal(12,4)")
            .starts_with("- table clients, column income: the type"));
  CHECK(
      changes("name: profile\n", "name: risk\n").find("- table clients, column profile: is gone") !=
      std::string::npos);
  CHECK(changes("primaryKey: true\n      - name: born",
                "description: x\n      - name: born\n        primaryKey: true")
            .starts_with("- table clients: the primary key becomes (born) from (client_id)"));
  CHECK(changes("name: profile\n", "name: profile\n        required: true\n")
            .starts_with("- table clients, column profile: becomes required"));
  CHECK(changes("domain: brokerage", "domain: broker").starts_with("- contract: the domain"));
  CHECK(changes("name: clients\n", "name: people\n")
            .starts_with("- table people: was called clients"));
}

TEST_CASE("diff: without a primary key the columns are the row") {
  const auto keyless = [](const std::string& properties, const std::string& format) {
    auto read = read_contract(
        "apiVersion: v3.1.0\nkind: DataContract\nid: a\nversion: '1'\nstatus: s\ndomain: d\n"
        "servers: [{server: x, type: local, path: /in/x, format: " +
            format + "}]\nschema:\n  - name: t\n    properties: [" + properties + "]\n",
        "c.yaml");
    for (const auto& each : read.problems) MESSAGE(each.text());
    REQUIRE(read.contract);
    return std::move(*read.contract);
  };
  const std::string a = "{name: a, logicalType: string}", b = "{name: b, logicalType: string}";
  const std::string told = "- table t: it has no primary key";
  CHECK(changes(keyless(a, "csv"), keyless(a + "," + b, "csv")).find(told) != std::string::npos);
  CHECK(changes(keyless(a + "," + b, "csv"), keyless(b + "," + a, "csv")).starts_with(told));
  CHECK(changes(keyless(a, "csv"), keyless(a, "csv")).empty());
  CHECK(changes(keyless(a, "json"), keyless(a + "," + b, "json")) ==
        "+ table t, column b: is new, string");
}

TEST_CASE("diff: a type is wider only when every value fits") {
  CHECK(widens("integer", "long"));
  CHECK(!widens("long", "integer"));
  CHECK(widens("float", "double"));
  CHECK(!widens("double", "float"));
  CHECK(!widens("long", "double"));
  CHECK(widens("decimal(10,2)", "decimal(12,4)"));
  CHECK(!widens("decimal(10,2)", "decimal(11,4)"));
  CHECK(!widens("string", "long"));
  CHECK(widens("date", "date"));
}
