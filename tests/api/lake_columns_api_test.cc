// The ways of the lake's columns over HTTP: by contracts, by what models told, and to whom.
#include <doctest/doctest.h>

#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

#include "contract/expression_names.h"
#include "scheduler/api/lake_columns.h"
#include "tests/api/fake_services.h"
#include "tests/api/lake_log.h"

namespace batuta::http {
namespace {

using nlohmann::json;

constexpr char people_contract[] = R"(apiVersion: v3.1.0
kind: DataContract
id: people
version: '1'
status: active
domain: bank
servers:
  - {server: drop, type: local, path: /drop/people.csv, format: csv}
schema:
  - name: people
    customProperties:
      - {property: batuta.maskKey, value: pii}
      - {property: batuta.history, value: true}
    properties:
      - {name: id, logicalType: integer, primaryKey: true, required: true}
      - {name: cpf, physicalName: NR_CPF, logicalType: string, customProperties: [{property: batuta.mask, value: pseudonym}]}
      - {name: income, logicalType: number}
      - {name: rich, logicalType: boolean, customProperties: [{property: batuta.value, value: "income > 1000"}]}
)";

std::string version_zero(const std::vector<std::string>& columns, const std::string& told = {},
                         const std::string& operation = "WRITE") {
  json fields = json::array();
  for (const std::string& name : columns)
    fields.push_back(
        {{"name", name}, {"type", "string"}, {"nullable", true}, {"metadata", json::object()}});
  const json schema{{"type", "struct"}, {"fields", fields}};
  json metrics = json::object();
  if (!told.empty()) metrics["column_lineage"] = told;
  return json({{"commitInfo", {{"operation", operation}, {"operationMetrics", metrics}}}}).dump() +
         "\n" + json({{"protocol", {{"minReaderVersion", 1}, {"minWriterVersion", 2}}}}).dump() +
         "\n" +
         json({{"metaData",
                {{"id", "t"},
                 {"format", {{"provider", "parquet"}, {"options", json::object()}}},
                 {"schemaString", schema.dump()},
                 {"partitionColumns", json::array()},
                 {"configuration", json::object()},
                 {"createdTime", 1}}}})
             .dump() +
         "\n";
}

std::string upkeep(const std::string& operation) {
  return json({{"commitInfo", {{"operation", operation}}}}).dump() + "\n";
}

// bank/people from a CSV to silver, its history and quarantine, and gold made of it by a model.
struct Columns : TestApi {
  Columns() {
    const std::vector<std::string> sent = {"id", "cpf", "income"};
    auto with = [&](std::vector<std::string> more) {
      more.insert(more.begin(), sent.begin(), sent.end());
      return more;
    };
    write_lake_version(home, "bronze/bank/people", 0,
                       version_zero(with({"_ingested_at", "ingest_date"})));
    const auto silver = with({"rich", "_ingested_at", "execution_id"});
    write_lake_version(home, "silver/bank/people", 0, version_zero(silver));
    write_lake_version(home, "silver/bank/people_hist", 0,
                       version_zero(with({"rich", "valid_from", "change_hash"})));
    write_lake_version(home, "quarantine/bank/people", 0, version_zero(with({"reason"})));
    write_lake_version(home, "gold/bank/by_person", 0,
                       version_zero({"person", "much", "odd"},
                                    R"({"person":{"from":[["silver/bank/people","cpf"]]},)"
                                    R"("much":{"from":[["silver/bank/people","rich"]]},)"
                                    R"("odd":{"unknown":"a table function"}})"));
    write_lake_version(home, "gold/bank/by_person", 1, upkeep("OPTIMIZE"));
    write_lake_version(home, "gold/bank/by_hand", 0, version_zero({"x"}));
    made("bronze/bank/people", "silver/bank/people");
    made("silver/bank/people", "gold/bank/by_person");
    made("silver/bank/people", "gold/bank/by_hand");
    auto dag = std::make_shared<Dag>(*demo_dag());
    dag->tasks.at(0).plugin = "contract_bronze";
    dag->tasks.at(1).plugin = "contract_silver";
    const json contract{{"name", "bank/people"}, {"yaml", people_contract}};
    json tasks = json::array();
    for (std::size_t i : {0, 1})
      tasks.push_back({{"task_id", dag->tasks.at(i).id}, {"contract", contract}});
    dag->canonical_json = json({{"tasks", tasks}}).dump();
    auto bag = std::make_shared<DagBagSnapshot>(*backend.bag);
    bag->dags["demo"] = dag;
    backend.bag = bag;
  }
  void made(const std::string& from, const std::string& to) {
    json edge = json::object();
    edge["from"] = from;
    edge["to"] = to;
    edge["from_version"] = 0;
    json report = json::object();
    report["lineage"] = json::array({edge});
    ++reports;
    history.report_rows.push_back({{RunSeq{1}, 0, unmapped, reports}, reports, report.dump()});
  }
  json ways(const std::string& table, const std::string& query, const std::string& role = "admin") {
    const auto answer =
        call(Method::get, "/api/lake/tables/" + table + "/lineage?" + query, "", role);
    INFO(answer.body);
    REQUIRE(answer.status == 200);
    return body_of(answer)["columns"];
  }
  int reports = 0;
};

std::set<std::string> steps_of(const json& ways) {
  std::set<std::string> out;
  for (const json& one : ways["edges"])
    out.insert(one["from"].get<std::string>() + "." + one["from_column"].get<std::string>() +
               " > " + one["to"].get<std::string>() + "." + one["to_column"].get<std::string>() +
               (one["mask"].is_null() ? "" : " " + one["mask"].get<std::string>()));
  return out;
}

json column_in(const json& ways, const std::string& table, const std::string& column) {
  for (const json& one : ways["columns"])
    if (one["table"] == table && one["column"] == column) return one;
  return nullptr;
}

using Steps = std::set<std::string>;

}  // namespace

TEST_CASE_FIXTURE(Columns, "columns: the way up ends at the source's field, and masks are named") {
  const json up = ways("gold/bank/by_person", "columns=person");
  CHECK(steps_of(up) == Steps{"bronze/bank/people.cpf > silver/bank/people.cpf pseudonym",
                              "silver/bank/people.cpf > gold/bank/by_person.person"});
  const json received = column_in(up, "bronze/bank/people", "cpf");
  CHECK(received["distance"] == -2);
  CHECK(received["source"] == json({{"kind", "csv"}, {"server", "drop"}, {"field", "NR_CPF"}}));
  CHECK(up["more"] == false);
  const json near = ways("gold/bank/by_person", "columns=person&depth=1");
  CHECK(steps_of(near) == Steps{"silver/bank/people.cpf > gold/bank/by_person.person"});
  CHECK(near["more"] == true);
}

TEST_CASE_FIXTURE(Columns, "columns: the way down leads through silver, history and quarantine") {
  const json down = ways("bronze/bank/people", "columns=cpf&columns=income");
  CHECK(steps_of(down) == Steps{"bronze/bank/people.cpf > silver/bank/people.cpf pseudonym",
                                "bronze/bank/people.cpf > silver/bank/people_hist.cpf pseudonym",
                                "bronze/bank/people.cpf > quarantine/bank/people.cpf pseudonym",
                                "bronze/bank/people.income > silver/bank/people.income",
                                "bronze/bank/people.income > silver/bank/people.rich",
                                "bronze/bank/people.income > silver/bank/people_hist.income",
                                "bronze/bank/people.income > silver/bank/people_hist.rich",
                                "bronze/bank/people.income > quarantine/bank/people.income",
                                "silver/bank/people.cpf > gold/bank/by_person.person",
                                "silver/bank/people.rich > gold/bank/by_person.much"});
  // A table of which nobody told: it may have the column.
  REQUIRE(down["untold"].size() == 1);
  CHECK(down["untold"][0]["table"] == "gold/bank/by_hand");
}

TEST_CASE_FIXTURE(Columns, "columns: what cannot be told says why, and is no guess") {
  CHECK(column_in(ways("gold/bank/by_person", "columns=odd"), "gold/bank/by_person",
                  "odd")["unknown"] == "a table function");
  CHECK(column_in(ways("silver/bank/people_hist", "columns=change_hash"), "silver/bank/people_hist",
                  "change_hash")["unknown"] == "the history works it out of the whole row");
  const json own = ways("silver/bank/people", "columns=execution_id");
  CHECK(column_in(own, "silver/bank/people", "execution_id")["unknown"].is_null());
  CHECK(own["edges"].empty());
  const auto none =
      call(Method::get, "/api/lake/tables/silver/bank/people/lineage?columns=nothing", "", "admin");
  CHECK(none.status == 422);
  CHECK(none.body.find("has no column nothing") != std::string::npos);
}

TEST_CASE_FIXTURE(Columns, "columns: rows that were judged again came from the quarantine too") {
  made("quarantine/bank/people", "silver/bank/people");
  const Steps steps = steps_of(ways("silver/bank/people", "columns=cpf&depth=2"));
  CHECK(steps.contains("quarantine/bank/people.cpf > silver/bank/people.cpf"));
  CHECK(steps.contains("bronze/bank/people.cpf > quarantine/bank/people.cpf pseudonym"));
}

TEST_CASE_FIXTURE(Columns, "columns: a table that may not be seen ends the way, and is counted") {
  Role role{"golden", "", {}};
  role.grants.push_back(*parse_grant("read lake:bank/gold"));
  REQUIRE(registry.add_role(role).ok());
  REQUIRE(registry.add_user("golden", "golden", "hash").ok());
  registry.token_rows["golden-token"].user = "golden";
  const json seen = ways("gold/bank/by_person", "columns=person", "golden");
  CHECK(seen["edges"].empty());
  CHECK(seen["hidden"] == 1);
  CHECK(seen.dump().find("silver") == std::string::npos);
}

TEST_CASE("columns: an expression names columns, and neither types, functions nor texts") {
  const std::set<std::string> columns = {"date", "Income", "year", "cpf", "left"};
  using Names = std::set<std::string>;
  CHECK(contract::columns_named("income > 1000 AND 'cpf' <> \"CPF\"", columns) ==
        Names{"Income", "cpf"});
  CHECK(contract::columns_named("left(cpf, 3) = CAST(income AS date)", columns) ==
        Names{"cpf", "Income"});
  CHECK(contract::columns_named("extract(year FROM date) + date '2026-01-01'::date", columns) ==
        Names{"date"});
  CHECK(contract::columns_named("1e3 + year", columns) == Names{"year"});
  CHECK(contract::columns_named("it''s", columns) == Names{});
  CHECK_FALSE(contract::columns_named("list_transform([cpf], x -> x)", columns));
  CHECK_FALSE(contract::columns_named("cpf.part", columns));
  CHECK_FALSE(contract::columns_named("'it does not end", columns));
}

}  // namespace batuta::http
