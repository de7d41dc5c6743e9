// What a reader without the right is shown of a table whose contract masks columns, statement by
// statement, against the rows as they are: no answer and no error ever holds a value.
#include <doctest/doctest.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "lakelog/table.h"
#include "plugins/lake/session.h"
#include "tests/lakelog/lake_fixture.h"
#include "tests/plugins/fake_host.h"
#include "tests/plugins/test_engine.h"

using namespace batuta;
using nlohmann::json;

namespace {

// Values that may be seen nowhere: names, incomes, the end of a card's number but for four digits.
const std::vector<std::string> secrets = {"Ana Lima",     "Rui Costa", "5432.10",   "987.65",
                                          "111122223333", "55556666",  "SECRETOLD", "00c0ffee"};

const char* people_rows =
    "SELECT * FROM (VALUES (1, 'Ana Lima', 5432.10, '1111222233334444', 'Recife', "
    "unhex('00c0ffee'), 'SECRETOLD'), (2, 'Rui Costa', 987.65, '5555666677778888', 'Belem', "
    "unhex('00c0ffee'), 'SECRETOLD'), (3, NULL, NULL, '7654321', NULL, NULL, NULL)) "
    "v(id, name, income, card, city, change_hash, old_name)";

class People {
 public:
  lakelog::TempLake lake;
  int returned = 0;

  People() {
    for (const char* layer : {"silver", "quarantine", "gold"}) write(layer, "clients");
    for (const char* layer : {"bronze", "dlq"}) write(layer, "clients");
    for (const char* table : {"clients_hist", "clients_keys"}) write("silver", table);
    write("silver", "orders");
    write("bronze", "parts", true);
    std::filesystem::create_directories(scratch());
  }
  // {"masks": …} with the layers whose values may be seen.
  static json masks(const json& unmasked = json::array()) {
    return {{"contracts",
             {{"bank/clients",
               {{"masks", {{"Name", "redact"}, {"income", "redact"}, {"card", "partial:4"}}},
                {"received",
                 {{"name", "hash"}, {"income", "hash"}, {"card", "hash"}, {"city", "redact"}}},
                {"open", {"id", "CITY"}}}},
              {"bank/parts",
               {{"masks", json::object()}, {"received", {{"name", "hash"}}}, {"open", {"id"}}}}}},
            {"unmasked", unmasked}};
  }
  json ask(json parameters, const json& with = masks()) {
    FakeHost host;
    host.context = {{"execution_id", "x"}, {"lake", lake.path()}, {"scratch", scratch()}};
    parameters["return_errors"] = true;
    if (!with.is_null()) parameters["masks"] = with;
    host.parameters = std::move(parameters);
    returned = host.run("lake_sql");
    return returned == 0 ? json::parse(host.result) : json({{"failure", host.failure}});
  }
  json sql(const std::string& text, const json& with = masks()) {
    return ask({{"sql", text}}, with);
  }
  json rows(const std::string& text, const json& with = masks()) {
    const json answer = sql(text, with);
    INFO(answer.dump());
    REQUIRE(answer.contains("rows"));
    return answer["rows"];
  }

 private:
  std::string scratch() const { return lake.path() + "/_scratch"; }

  // `parted`: of one partition, whose name the log tells and no file.
  void write(const std::string& layer, const std::string& table, bool parted = false) {
    const std::string path = layer + "/bank/" + table;
    std::filesystem::create_directories(lake.path() + "/" + path + "/_delta_log");
    lake::Session session(lake::engine_in(lake.path()));
    const std::string file = lake.path() + "/" + path + "/a.parquet";
    session.run(std::string("COPY (") + people_rows + ") TO $1 (FORMAT parquet)", {file});
    json fields = json::array();
    for (const auto& [column, type] : {std::pair{"id", "integer"},
                                       {"name", "string"},
                                       {"income", "decimal(6,2)"},
                                       {"card", "string"},
                                       {"city", "string"},
                                       {"change_hash", "binary"},
                                       {"old_name", "string"}})
      fields.push_back(
          {{"name", column}, {"type", type}, {"nullable", true}, {"metadata", json::object()}});
    const json protocol{{"protocol", {{"minReaderVersion", 1}, {"minWriterVersion", 2}}}};
    const json metadata{{"metaData",
                         {{"id", "0198"},
                          {"format", {{"provider", "parquet"}, {"options", json::object()}}},
                          {"schemaString", json{{"type", "struct"}, {"fields", fields}}.dump()},
                          {"partitionColumns", parted ? json({"name"}) : json::array()},
                          {"configuration", json::object()}}}};
    const json add{{"add",
                    {{"path", "a.parquet"},
                     {"partitionValues", parted ? json{{"name", "Ana Lima"}} : json::object()},
                     {"size", std::filesystem::file_size(file)},
                     {"modificationTime", 1},
                     {"dataChange", true},
                     {"stats", json{{"numRecords", 3}}.dump()}}}};
    REQUIRE(lake.storage()
                ->put(path + "/_delta_log/" + lakelog::commit_file_name(0),
                      protocol.dump() + "\n" + metadata.dump() + "\n" + add.dump() + "\n")
                .ok());
  }
};

std::string secret_in(const std::string& text) {
  for (const std::string& secret : secrets)
    if (text.find(secret) != text.npos) return secret;
  return {};
}

}  // namespace

TEST_CASE("masks: each column is shown as its contract says, row by row") {
  People people;
  CHECK(people.rows("SELECT id, name, income, card, city FROM silver.clients ORDER BY id") ==
        json::parse(R"([[1,"***",null,"***4444","Recife"],[2,"***",null,"***8888","Belem"],)"
                    R"([3,null,null,"***",null]])"));  // as many are hidden as shown, or all
  // The contract has neither: a hash of the record, and a column of a time before.
  CHECK(people.rows("SELECT change_hash, old_name FROM silver.clients WHERE id < 3") ==
        json::parse(R"([[null,"***"],[null,"***"]])"));
  const json read = people.sql("FROM silver.bank.clients")["tables"][0];
  CHECK(read["masked"] == json({"card", "change_hash", "income", "name", "old_name"}));
  CHECK_FALSE(read.contains("unmasked"));
}

TEST_CASE("masks: no expression, filter, join or order of a statement sees a value") {
  People people;
  const auto none = [&](const std::string& sql) {
    CAPTURE(sql);
    CHECK(people.rows("SELECT count(*) FROM silver.clients WHERE " + sql) == json::parse("[[0]]"));
  };
  none("name = 'Ana Lima'");
  none("name LIKE 'A%'");
  none("income > 1000");
  none("income IS NOT NULL");
  none("starts_with(card, '1111')");
  none("old_name = 'SECRETOLD'");
  none("md5(name) = md5('Ana Lima')");
  none("EXISTS (FROM (VALUES ('Ana Lima')) g(n) WHERE g.n = name)");
  CHECK(people.rows("SELECT count(*) FROM silver.clients c JOIN (VALUES (5432.10)) g(i) ON "
                    "c.income = g.i") == json::parse("[[0]]"));
  // By income descending Ana would be the first, by name too: what is equal keeps no order of it.
  CHECK(people.rows("SELECT min(income), max(income), sum(income) FROM silver.clients") ==
        json::parse("[[null,null,null]]"));
  CHECK(people.rows("SELECT DISTINCT name FROM silver.clients WHERE name IS NOT NULL") ==
        json::parse(R"([["***"]])"));
  CHECK(people.rows("SELECT dense_rank() OVER (ORDER BY name, income) FROM silver.clients WHERE "
                    "id < 3") == json::parse("[[1],[1]]"));
}

TEST_CASE("masks: whatever is asked of the tables, and whatever fails, holds no value") {
  People people;
  const std::vector<std::string> statements = {
      "FROM silver.clients",
      "FROM silver.bank.clients",
      "FROM \"silver/bank/clients\"",
      "FROM silver.\"clients@v0\"",
      "FROM silver.clients@v0",
      "FROM silver.clients_hist",
      "FROM quarantine.clients",
      "FROM gold.clients",
      "FROM bronze.clients",
      "SELECT c FROM silver.clients c",
      "SELECT to_json(c) FROM silver.clients c",
      "SELECT list(name), list(income), string_agg(card) FROM silver.clients",
      "SELECT COLUMNS(*) FROM silver.clients",
      "SELECT * EXCLUDE (id) FROM silver.clients",
      "SUMMARIZE silver.clients",
      "DESCRIBE silver.clients",
      "PIVOT silver.clients ON name USING count(*)",
      "UNPIVOT (SELECT name, card FROM silver.clients) ON name, card",
      "SELECT a.name, b.income FROM silver.clients a JOIN bronze.clients b USING (id)",
      "SELECT CAST(name AS INTEGER) FROM silver.clients",
      "SELECT CAST(card AS DATE) FROM silver.clients",
      "SELECT error(name) FROM silver.clients",
      "SELECT (SELECT name FROM silver.clients WHERE id = 1)",
      "WITH lake_table_1 AS (SELECT 1) SELECT * FROM silver.clients",
      "WITH RECURSIVE r AS (SELECT name FROM silver.clients UNION ALL SELECT name || 'x' FROM r "
      "WHERE length(name) < 5) FROM r",
      "WITH RECURSIVE lake_table_1 AS (FROM lake_table_1 UNION ALL FROM lake_table_1 WHERE false) "
      "SELECT x.* FROM lake_table_1 x, silver.clients",
      "WITH RECURSIVE \"Lake_Table_1\" AS (FROM LAKE_TABLE_1 UNION FROM lake_table_1) "
      "SELECT x.* FROM silver.clients, lake_table_1 x",
      "WITH RECURSIVE read_mask_salt AS (FROM read_mask_salt UNION ALL FROM read_mask_salt WHERE "
      "false) SELECT hex(x.salt) FROM read_mask_salt x, silver.clients",
      "FROM lake_table_1",
      "FROM temp.main.lake_table_1",
      "SELECT * FROM silver.clients, lake_table_1",
      "FROM temp.main.read_mask_salt",
      "SELECT (SELECT salt FROM read_mask_salt) FROM silver.clients",
      "SELECT typeof(income), typeof(name) FROM silver.clients"};
  for (const std::string& statement : statements) {
    CAPTURE(statement);
    CHECK(secret_in(people.sql(statement).dump()) == "");
  }
  for (const char* table : {"silver/bank/clients", "silver/bank/clients_hist",
                            "silver/bank/clients_keys", "gold/bank/clients",
                            "quarantine/bank/clients", "bronze/bank/clients", "dlq/bank/clients"}) {
    CAPTURE(table);
    const json head = people.ask({{"operation", "head"}, {"table", table}});
    CHECK(head["rows"].size() == 3);
    CHECK(secret_in(head.dump()) == "");
    const json old = people.ask({{"operation", "head"}, {"table", table}, {"version", 0}});
    CHECK(secret_in(old.dump()) == "");
  }
}

TEST_CASE("masks: a plan names its steps, and nothing that the engine knows of hidden values") {
  People people;
  // The engine writes the least of a column that it packs, and a partition's value, into plans.
  const std::vector<std::string> statements = {
      "SELECT id FROM bronze.parts WHERE name = 'x'",
      "SELECT name, count(*) FROM bronze.parts GROUP BY name ORDER BY name",
      "SELECT income, card FROM silver.clients WHERE name > 'A' ORDER BY income, card",
      "SELECT a.name FROM silver.clients a JOIN bronze.clients b ON a.card = b.card",
      "SUMMARIZE silver.clients"};
  for (const std::string& statement : statements) {
    CAPTURE(statement);
    const bool analyze = statement.ends_with("card");
    const json told =
        people.ask({{"operation", "explain"}, {"sql", statement}, {"analyze", analyze}});
    INFO(told.dump());
    REQUIRE(told.contains("plan"));
    CHECK(told["hidden"] == true);
    CHECK(secret_in(told.dump()) == "");
    CHECK(told["plan"][0]["details"].empty());
    CHECK(told["plan"][0]["estimated_rows"].is_null());
  }
  // Who may see the values sees the whole plan.
  const json bare = people.ask({{"operation", "explain"}, {"sql", statements[1]}},
                               People::masks({"bank/bronze"}));
  CHECK(bare["hidden"] == false);
  CHECK_FALSE(bare["plan"][0]["estimated_rows"].is_null());
}

TEST_CASE("masks: bronze hides what silver holds masked, and equal hashes join within a query") {
  People people;
  CHECK(people.rows("SELECT count(DISTINCT name), count(name), count(city), min(length(name)) FROM "
                    "bronze.clients") == json::parse("[[2,2,2,64]]"));
  for (const std::string layer : {"bronze", "dlq"})
    CHECK(people.rows("SELECT DISTINCT city FROM " + layer + ".clients WHERE id < 3") ==
          json::parse(R"([["***"]])"));
  CHECK(people.rows("SELECT count(*) FROM bronze.clients a JOIN bronze.clients b USING (name)") ==
        json::parse("[[2]]"));
  // Nobody can try all names: the hash is another one each time.
  const std::string one = "SELECT name FROM bronze.clients WHERE id = 1";
  CHECK(people.rows(one) != people.rows(one));
}

TEST_CASE("masks: who may see a layer's values sees them there alone, and is told of") {
  People people;
  const json silver = People::masks({"bank/silver"});
  CHECK(people.rows("SELECT name FROM silver.clients WHERE income > 1000", silver) ==
        json::parse(R"([["Ana Lima"]])"));
  const json read = people.sql("FROM silver.clients", silver)["tables"][0];
  CHECK(read["unmasked"] == json({"card", "change_hash", "income", "name", "old_name"}));
  CHECK_FALSE(read.contains("masked"));
  CHECK(secret_in(people.sql("FROM gold.clients", silver).dump()) == "");
  CHECK(people.rows("SELECT name FROM silver.orders WHERE id = 1") ==
        json::parse(R"([["Ana Lima"]])"));  // no contract hides anything of it
}

TEST_CASE("masks: what is not understood shows nothing") {
  People people;
  json wrong = People::masks();
  wrong["contracts"]["bank/clients"]["masks"]["name"] = "blur";
  for (const json& masks : {wrong, json({{"contracts", json::object()}}), json::object()}) {
    const json answer = people.sql("FROM silver.clients", masks);
    CHECK_FALSE(answer.contains("rows"));
    CHECK(answer.dump().find("parameter masks") != std::string::npos);
  }
}
