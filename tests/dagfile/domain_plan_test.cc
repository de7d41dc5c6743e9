#include "scheduler/dagfile/domain_plan.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <tuple>

#include "common/safe_json.h"
#include "monitor/definition.h"

namespace batuta::domains {

namespace {

constexpr const char* orders = R"(apiVersion: v3.1.0
kind: DataContract
id: risk-orders
version: 1.0.0
status: active
domain: risk
servers:
  - {server: drop, type: local, path: "/srv/orders.csv", format: csv}
schema:
  - name: orders
    properties:
      - {name: id, logicalType: integer, primaryKey: true, required: true}
      - {name: client, logicalType: string, required: true, classification: confidential}
slaProperties:
  - {property: retention, value: 3, unit: y}
  - {property: latency, value: 1, unit: h}
  - {property: processingFailures, value: 3}
  - {property: processingFailures, value: 2, element: orders.id}
  - {property: generalAvailability, value: 2026-01-01}
)";

contract::Contract contract_read(const std::string& yaml) {
  auto found = contract::read_contract(yaml, "c.yaml");
  for (const auto& problem : found.problems) MESSAGE(problem.text());
  REQUIRE(found.contract);
  return *found.contract;
}

const DomainPart& part_of(const Domain& domain, const std::string& name) {
  const auto found = std::find_if(domain.parts.begin(), domain.parts.end(),
                                  [&](const auto& part) { return part.name == name; });
  REQUIRE(found != domain.parts.end());
  return *found;
}

bool says(const std::vector<std::string>& lines, const std::string& words) {
  return std::any_of(lines.begin(), lines.end(),
                     [&](const auto& line) { return line.find(words) != line.npos; });
}

}  // namespace

TEST_CASE("a domain is its contracts, two DAGs, and roles and groups of readers and engineers") {
  const auto domain = domain_of("risk", contract_read(orders), orders, "@hourly");
  REQUIRE(domain.ok());
  CHECK(part_of(*domain, "contracts/risk/orders.odcs.yaml").text == orders);
  const auto ingestion = parse_untrusted(part_of(*domain, "dags/risk_ingestion.json").text);
  REQUIRE(ingestion);
  CHECK((*ingestion)["schedule"] == "@hourly");
  CHECK((*ingestion)["tasks"].size() == 2);
  CHECK((*ingestion)["tasks"][1]["depends_on"][0] == "orders_bronze");
  const auto quality = parse_untrusted(part_of(*domain, "dags/risk_quality.json").text);
  REQUIRE(quality);
  CHECK((*quality)["schedule"]["assets"][0] == "lake://silver/risk/orders");
  const std::string sql = (*quality)["tasks"][0]["sql"];
  CHECK(sql.find("'missing client'") != sql.npos);
  CHECK(sql.find("count(DISTINCT (\"id\"))") != sql.npos);
  CHECK(
      part_of(*domain, "risk_reader")
          .state.find(
              R"("grants":["read lake:risk/silver","read lake:risk/gold","read dag:risk_ingestion",)"
              R"("read dag:risk_quality"])") != std::string::npos);
  CHECK(part_of(*domain, "risk_engineers").state.find(R"("roles":["risk_engineer"])") !=
        std::string::npos);
}

TEST_CASE(
    "a table in which another's values are looked up is made before it, and no two wait for each "
    "other") {
  const auto table = [](const std::string& name, const std::string& to) {
    return "  - name: " + name +
           "\n    properties:\n      - name: id\n        logicalType: integer\n" +
           "        relationships: [{to: " + to + ".id}]\n";
  };
  const std::string yaml =
      "apiVersion: v3.1.0\nkind: DataContract\nid: r\nversion: '1'\nstatus: active\ndomain: risk\n"
      "servers:\n  - {server: drop, type: local, path: \"/srv/all.csv\", format: csv}\nschema:\n" +
      table("orders", "clients") + table("clients", "banks") + table("banks", "orders");
  const auto domain = domain_of("risk", contract_read(yaml), yaml, "");
  REQUIRE(domain.ok());
  const auto dag = nlohmann::json::parse(part_of(*domain, "dags/risk_ingestion.json").text);
  const auto waits = [&](const std::string& id) {
    for (const auto& task : dag["tasks"])
      if (task["task_id"] == id) return task["depends_on"].dump();
    return std::string("no such task");
  };
  CHECK(waits("orders_silver") == R"(["orders_bronze","clients_silver"])");
  CHECK(waits("clients_silver") == R"(["clients_bronze","banks_silver"])");
  CHECK(waits("banks_silver") == R"(["banks_bronze"])");
}

TEST_CASE("tables in which many others are looked up by many ways are put in order all the same") {
  std::string yaml =
      "apiVersion: v3.1.0\nkind: DataContract\nid: r\nversion: '1'\nstatus: active\ndomain: risk\n"
      "servers:\n  - {server: drop, type: local, path: \"/srv/all.csv\", format: csv}\nschema:\n";
  // Each looks up the two before it: as many ways as Fibonacci's numbers.
  for (int i = 0; i < 70; ++i) {
    yaml += "  - name: t" + std::to_string(i) +
            "\n    properties:\n      - name: id\n        logicalType: integer\n";
    for (const int back : {1, 2})
      if (i >= back)
        yaml += (back == 1 ? "        relationships:\n" : "") + std::string("          - {to: t") +
                std::to_string(i - back) + ".id}\n";
  }
  const auto domain = domain_of("risk", contract_read(yaml), yaml, "");
  REQUIRE(domain.ok());
  const auto dag = nlohmann::json::parse(part_of(*domain, "dags/risk_ingestion.json").text);
  CHECK(dag["tasks"].back()["depends_on"].size() == 3);
}

TEST_CASE("what nothing here carries out yet is said, and never faked") {
  const auto domain = domain_of("risk", contract_read(orders), orders, "");
  REQUIRE(domain.ok());
  CHECK(says(domain->not_carried_out, "silver holds them as they are: client (confidential)"));
  CHECK(says(domain->not_carried_out, "retention of 3 y"));
  std::string carried_out = orders;
  carried_out.insert(carried_out.find("    properties:"),
                     "    customProperties: [{property: batuta.retention, value: [quarantine]}]\n");
  const auto by_age = domain_of("risk", contract_read(carried_out), carried_out, "");
  REQUIRE(by_age.ok());
  CHECK_FALSE(says(by_age->not_carried_out, "retention"));
  CHECK_FALSE(says(domain->not_carried_out, "service level latency 1 h"));
  CHECK(says(domain->not_carried_out, "service level generalAvailability 2026-01-01: nobody"));
  CHECK_FALSE(says(domain->not_carried_out, "masking policies by group"));
  std::string masked = orders;
  const std::string open = "classification: confidential}";
  masked.replace(masked.find(open), open.size(),
                 "classification: confidential, customProperties: "
                 "[{property: batuta.mask, value: redact}]}");
  const auto hidden = domain_of("risk", contract_read(masked), masked, "");
  REQUIRE(hidden.ok());
  CHECK(says(hidden->not_carried_out, "masking policies by group: the masks of orders"));
  CHECK_FALSE(says(hidden->not_carried_out, "as they are"));
}

TEST_CASE(
    "what the contract promises of a domain is watched: its age, and failures beyond a number") {
  std::string text = orders;
  text.replace(text.find("name: orders"), 12, "name: Orders");
  const auto domain = domain_of("risk", contract_read(text), text, "");
  REQUIRE(domain.ok());
  const auto read_back =
      monitor::parse_monitors("risk", part_of(*domain, "monitors/risk.json").text);
  REQUIRE_MESSAGE(read_back.problems.empty(), read_back.problems.front());
  REQUIRE(read_back.monitors.size() == 4);
  const auto& ingestion = read_back.monitors[0];
  const auto& processing = read_back.monitors[1];
  const auto& quality = read_back.monitors[2];
  const auto& latency = read_back.monitors[3];
  CHECK(ingestion.id == "risk/orders_ingestion");
  CHECK(ingestion.target() == "risk_ingestion.Orders_bronze");
  CHECK(ingestion.let_pass == 0);
  CHECK(processing.target() == "risk_ingestion.Orders_silver");
  CHECK(processing.let_pass == 2);  // the strictest
  CHECK(quality.target() == "silver/risk/Orders");
  CHECK(latency.within == std::chrono::hours(1));

  // What no monitor can hold is said.
  for (const auto& [from, to, note] :
       {std::tuple("latency, value: 1, unit: h", "latency, value: 1, unit: moons",
                   "service level latency 1 moons: write it as a number above zero"),
        std::tuple("Failures, value: 3}", "Failures, value: some}",
                   "service level processingFailures some: write it as a whole number")}) {
    std::string other = text;
    other.replace(other.find(from), std::string(from).size(), to);
    const auto told = domain_of("risk", contract_read(other), other, "");
    REQUIRE(told.ok());
    const std::string expected = note;
    CHECK_MESSAGE(says(told->not_carried_out, expected), expected);
  }
}

TEST_CASE("a contract's budgets are one monitor of what the domain may cost in 30 days") {
  std::string text = orders;
  text +=
      "  - {property: budgetRuns, value: 900}\n"
      "  - {property: budgetRuns, value: 500}\n"
      "  - {property: budgetBytesStored, value: 2GiB}\n"
      "  - {property: budgetCpuSeconds, value: plenty}\n"
      "  - {property: budgetBytesScanned, value: 5, element: orders}\n";
  const auto domain = domain_of("risk", contract_read(text), text, "");
  REQUIRE(domain.ok());
  const auto read_back =
      monitor::parse_monitors("risk", part_of(*domain, "monitors/risk.json").text);
  REQUIRE_MESSAGE(read_back.problems.empty(), read_back.problems.front());
  REQUIRE(read_back.monitors.size() == 5);
  const auto& budget = read_back.monitors[0];
  CHECK(budget.id == "risk/budget");
  CHECK(budget.target() == "risk");
  CHECK(budget.window == std::chrono::hours(30 * 24));
  CHECK(budget.bounds.runs == 500);  // the strictest
  CHECK(budget.bounds.bytes_stored == std::int64_t{2} << 30);
  CHECK_FALSE(budget.bounds.cpu_seconds.has_value());
  CHECK_FALSE(budget.bounds.bytes_scanned.has_value());
  CHECK(says(domain->not_carried_out, "budgetCpuSeconds plenty: write it as a whole number"));
  CHECK(says(domain->not_carried_out, "budgetBytesScanned 5: a budget is of the whole domain"));
}

TEST_CASE("a domain needs a name that fits, its own contract, and a table that can be read") {
  CHECK(domain_of("Risk", contract_read(orders), orders, "")
            .error()
            .message.find("named as a bundle") != std::string::npos);
  CHECK(domain_of("sales", contract_read(orders), orders, "")
            .error()
            .message.find("domain \"risk\"") != std::string::npos);
  std::string without = orders;
  const auto begin = without.find("servers:"), end = without.find("schema:");
  without.erase(begin, end - begin);
  CHECK(
      domain_of("risk", contract_read(without), without, "").error().message.find("can be read") !=
      std::string::npos);
}

TEST_CASE("a part is made, renewed, or left; what others made or changed is a conflict") {
  const DomainPart part{"role", "risk_reader", R"({"grants":["read lake:risk/gold"]})", {}};
  const std::string other = R"({"grants":["* *"]})", before = R"({"grants":[]})";
  CHECK(step_to_have(part, {"", ""}).action == DomainAction::create);
  CHECK(step_to_have(part, {part.state, ""}).action == DomainAction::none);
  // Taken away by somebody, or a kill between record and making: made again.
  CHECK(step_to_have(part, {"", part.state}).action == DomainAction::create);
  const auto renewed = step_to_have(part, {before, before});
  CHECK(renewed.action == DomainAction::update);
  CHECK(renewed.conflict.empty());
  CHECK(step_to_have(part, {other, ""}).conflict.find("not made by this domain") !=
        std::string::npos);
  CHECK(step_to_have(part, {other, before}).conflict.find("was changed since") !=
        std::string::npos);
}

TEST_CASE("what an apply that failed half-way had not come to yet is no change of others") {
  const DomainPart part{"role", "risk_reader", R"({"grants":["read lake:risk/gold"]})", {}};
  const std::string other = R"({"grants":["* *"]})", before = R"({"grants":[]})";
  const auto again = step_to_have(part, {before, part.state, before});
  CHECK(again.action == DomainAction::update);
  CHECK(again.conflict.empty());
  CHECK(again.before == before);
  CHECK(step_to_remove(part, {before, part.state, before}).conflict.empty());
  CHECK_FALSE(step_to_have(part, {other, part.state, before}).conflict.empty());
  CHECK_FALSE(step_to_remove(part, {other, part.state, before}).conflict.empty());
}

TEST_CASE("only what was made is taken away, and what was changed since is a conflict") {
  const DomainPart part{"file", "dags/a.json", R"({"sha256":"1"})", {}};
  CHECK(step_to_remove(part, {"", part.state}).action == DomainAction::none);
  CHECK(step_to_remove(part, {part.state, ""}).action == DomainAction::none);
  const auto gone = step_to_remove(part, {part.state, part.state});
  CHECK(gone.action == DomainAction::remove);
  CHECK(gone.conflict.empty());
  CHECK_FALSE(step_to_remove(part, {R"({"sha256":"2"})", part.state}).conflict.empty());
}

}  // namespace batuta::domains
