// The plugin sql_model: what a model may say, what it reads, what becomes of its table.
#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <random>

#include "lakelog/payload.h"
#include "plugins/lake/delta_table.h"
#include "tests/plugins/models_fixture.h"
#include "tests/support/rounds.h"

using namespace batuta;
using nlohmann::json;

namespace {

using Lines = std::vector<std::string>;

const std::string orders = "silver/brokerage/orders";
const std::string gold = "gold/brokerage/client_position";

const std::string some_orders =
    "SELECT * FROM (VALUES ('ana', 'PETR4', 10, DATE '2026-11-20'), ('ana', 'VALE3', 5, DATE "
    "'2026-11-20'), ('bia', 'PETR4', 7, DATE '2026-11-21')) v(client, ticker, quantity, day)";

json position(const std::string& mode = "overwrite") {
  return {{"sql",
           "SELECT client, ticker, CAST(sum(quantity) AS BIGINT) AS quantity FROM "
           "silver.brokerage.orders GROUP BY ALL"},
          {"table", gold},
          {"mode", mode},
          {"keys", {"client", "ticker"}}};
}

json values(const std::string& rows, const std::string& mode) {
  return {{"sql", "SELECT * FROM (VALUES " + rows + ") v(k, n, part)"},
          {"table", "gold/demo/t"},
          {"mode", mode},
          {"keys", {"k"}},
          {"partition_by", {"part"}}};
}

bool holds(const std::string& text, const std::string& words) {
  return text.find(words) != std::string::npos;
}

std::int64_t removed_files(const Models& world) {
  return static_cast<std::int64_t>(lakelog::parse_payload(world.outputs.back())->removes.size());
}

}  // namespace

TEST_CASE("one SELECT over tables by name becomes a table, with its lineage and system columns") {
  Models world;
  world.put(orders, some_orders, {"day"});
  world.put("silver/brokerage/clients",
            "SELECT * FROM (VALUES ('ana', 'SP'), ('bia', 'RJ')) v(client, uf)");
  json task = position();
  task["sql"] =
      "-- by client; two ways to name a table\nWITH named AS (SELECT * FROM "
      "\"silver\".\"brokerage\".\"orders\") SELECT uf, named.client, sum(quantity)::BIGINT AS "
      "quantity, max(day) AS last FROM named JOIN \"silver/brokerage/clients\" c USING (client) "
      "GROUP BY ALL; -- the end";
  task["keys"] = {"client"};
  const json result = world.run("run-1", task);
  CHECK(result["records"] == 2);
  CHECK(result["inputs"] == json{{orders, 0}, {"silver/brokerage/clients", 0}});
  CHECK(world.rows(gold, "SELECT client, uf, quantity, last FROM t ORDER BY 1") ==
        Lines{"ana|SP|15|2026-11-20", "bia|RJ|7|2026-11-21"});
  CHECK(world
            .rows(gold,
                  "SELECT DISTINCT execution_id, _silver_versions, _computed_at > TIMESTAMPTZ "
                  "'2020-01-01' FROM t")
            .size() == 1);
  CHECK(world.rows(gold, "SELECT any_value(_silver_versions) FROM t") ==
        Lines{R"({"silver/brokerage/clients":0,"silver/brokerage/orders":0})"});
  REQUIRE(world.host->reports["lineage"].size() == 2);
  CHECK(json::parse(world.host->reports["lineage"][1]) ==
        json{{"from", orders}, {"from_version", 0}, {"to", gold}});
}

TEST_CASE("a model is one SELECT of tables and pure functions, and is told what it may not") {
  Models world;
  world.put(orders, some_orders);
  const auto refused = [&](const std::string& sql) {
    return world.refusal({{"sql", sql}, {"table", gold}});
  };
  CHECK(holds(refused("SELECT * FROM read_csv('/etc/passwd')"), "function read_csv"));
  CHECK(holds(refused("SELECT getenv('HOME') AS h"), "function getenv"));
  CHECK(holds(refused("SELECT 1 AS a; SELECT 2 AS b"), "one SELECT, not 2 statements"));
  CHECK(holds(refused("COPY silver.brokerage.orders TO '/tmp/x'"), "only one SELECT"));
  CHECK(holds(refused("CREATE TABLE x AS SELECT 1"), "only one SELECT"));
  CHECK(holds(refused("SELECT * FROM '/etc/passwd'"), "layer.domain.table"));
  CHECK(holds(refused("SELECT * FROM orders"), "the model reads orders"));
  CHECK(holds(refused("SELECT * FROM brokerage.orders"), "the model reads brokerage.orders"));
  CHECK(holds(refused("SELECT * FROM silver.brokerage.none"), "no table silver/brokerage/none"));
  CHECK(holds(refused("SELECT * FROM \"silver/../../etc\""), "layer.domain.table"));
  CHECK(holds(refused("SELECT * FROM system.information_schema.tables"), "no table system/"));
  CHECK(holds(refused("SELECT * FROM silver.brokerage.orders AT (VERSION => 0)"), "fixed"));
  CHECK(holds(refused("SELECT nothing FROM silver.brokerage.orders"), "nothing"));
  CHECK(holds(refused("SELEC 1"), "syntax error"));
}

TEST_CASE("a value of a template is bound, whatever it holds") {
  Models world;
  world.put(orders, some_orders, {"day"});
  json task = {{"sql",
                "SELECT client, :template_2 AS note, {'a':1}['a'] AS one FROM "
                "silver.brokerage.orders WHERE day = :template_1 AND quantity < :template_3 AND "
                "list_contains(:template_4, ticker)"},
               {"parameters",
                {{"template_1", "2026-11-20"},
                 {"template_2", "x'); DROP TABLE t; --"},
                 {"template_3", 9.5},
                 {"template_4", {"VALE3", "PETR4"}}}},
               {"table", gold}};
  world.run("run-1", task);
  CHECK(world.rows(gold, "SELECT client, note, one FROM t") ==
        Lines{"ana|x'); DROP TABLE t; --|1"});
  task["parameters"]["template_4"] = json::array();
  CHECK(world.run("run-2", task)["rows"] == 0);
  task["parameters"]["template_4"] = {"VALE3"};
  task["parameters"]["template_1"] = "no date";
  CHECK(holds(world.refusal(task), "no date"));
}

TEST_CASE("overwrite rewrites the partitions that differ; rows that stay keep their run") {
  Models world;
  world.run("run-1",
            values("('a', 1, 'x'), ('b', 2, 'x'), ('c', 3, 'y'), ('d', 4, NULL)", "overwrite"));
  const json second = world.run(
      "run-2", values("('a', 1, 'x'), ('b', 9, 'x'), ('c', 3, 'y'), ('d', 4, NULL)", "overwrite"));
  CHECK(second["records"] == 1);
  CHECK(second["partitions"] == 1);
  CHECK(removed_files(world) == 1);
  CHECK(world.rows("gold/demo/t", "SELECT k, n, execution_id FROM t ORDER BY k") ==
        Lines{"a|1|run-1", "b|9|run-2", "c|3|run-1", "d|4|run-1"});
  // A row that moves to another partition leaves its old one; what is not in the result goes.
  world.run("run-3", values("('a', 1, 'y'), ('b', 9, 'x'), ('d', 4, NULL)", "overwrite"));
  CHECK(world.rows("gold/demo/t", "SELECT k, part, execution_id FROM t ORDER BY k") ==
        Lines{"a|y|run-3", "b|x|run-2", "d|NULL|run-1"});
  const json same =
      world.run("run-4", values("('d', 4, NULL), ('b', 9, 'x'), ('a', 1, 'y')", "overwrite"));
  CHECK(same["unchanged"] == true);
  CHECK(world.version("gold/demo/t") == 2);
}

TEST_CASE("without keys rows are compared as they are, copies among them") {
  Models world;
  const auto task = [](const std::string& rows) {
    return json{{"sql", "SELECT * FROM (VALUES " + rows + ") v(n)"}, {"table", "gold/demo/bag"}};
  };
  world.run("run-1", task("(1), (1), (2)"));
  CHECK(world.run("run-2", task("(2), (1), (1)"))["unchanged"] == true);
  CHECK(world.run("run-3", task("(2), (1), (2)"))["records"] == 3);
  CHECK(world.rows("gold/demo/bag", "SELECT n FROM t ORDER BY n") == Lines{"1", "2", "2"});
}

TEST_CASE("partitions overwrites those that the result has, and leaves the others") {
  Models world;
  world.run("run-1",
            values("('a', 1, 'x'), ('b', 2, 'x'), ('c', 3, 'y'), ('n', 0, NULL)", "partitions"));
  world.run("run-2", values("('a', 5, 'x'), ('n', 1, NULL)", "partitions"));
  CHECK(world.rows("gold/demo/t", "SELECT k, n FROM t ORDER BY k") == Lines{"a|5", "c|3", "n|1"});
  json none = values("('a', 1, 'x')", "partitions");
  none["sql"] = none["sql"].get<std::string>() + " WHERE n > 5";
  CHECK(world.run("run-3", none)["unchanged"] == true);
  CHECK(world.rows("gold/demo/t", "SELECT count(*) FROM t") == Lines{"3"});
}

TEST_CASE("merge adds and replaces by key, moves rows between partitions, and deletes on demand") {
  Models world;
  world.run("run-1", values("('a', 1, 'x'), ('b', 2, 'x'), ('c', 3, 'y')", "merge"));
  json task = values("('b', 5, 'y'), ('c', -1, 'y'), ('d', 4, 'z'), ('e', -1, 'z')", "merge");
  task["delete_when"] = "n < 0";
  const json result = world.run("run-2", task);
  CHECK(result["records"] == 2);
  CHECK(result["removed"] == 1);
  CHECK(world.rows("gold/demo/t", "SELECT k, n, part, execution_id FROM t ORDER BY k") ==
        Lines{"a|1|x|run-1", "b|5|y|run-2", "d|4|z|run-2"});
  task["delete_when"] = "n IN (SELECT 1 FROM silver.a.b)";
  CHECK(holds(world.refusal(task), "delete_when: it may name columns of the result only"));
}

TEST_CASE("append adds, and replaces what the same run appended before") {
  Models world;
  const auto task = [](const std::string& rows) {
    return json{{"sql", "SELECT * FROM (VALUES " + rows + ") v(n)"},
                {"table", "gold/demo/log"},
                {"mode", "append"}};
  };
  world.run("run-1", task("(1), (2)"));
  world.run("run-2", task("(3)"));
  CHECK(lakelog::parse_payload(world.outputs.back())->append);
  CHECK(world.run("run-1", task("(2), (1)"))["unchanged"] == true);  // a clear of the same
  const json again = world.run("run-1", task("(4)"));
  CHECK(again["removed"] == 2);
  CHECK(world.rows("gold/demo/log", "SELECT n, execution_id FROM t ORDER BY n") ==
        Lines{"3|run-2", "4|run-1"});
  json none = task("(1)");
  none["sql"] = none["sql"].get<std::string>() + " WHERE n > 1";
  CHECK(world.run("run-3", none)["unchanged"] == true);
  CHECK(world.run("run-2", none)["removed"] == 1);  // a clear that finds nothing any more
  CHECK(world.rows("gold/demo/log", "SELECT n FROM t") == Lines{"4"});
}

TEST_CASE("a retry reads what the run's first attempt read; a new run reads what is there now") {
  Models world;
  world.put(orders, some_orders);
  world.attempt("run-1", position());  // its report is lost: nothing is published
  REQUIRE(world.returned == 0);
  world.put(orders,
            "SELECT 'eva' AS client, 'PETR4' AS ticker, 1 AS quantity, DATE '2026-11-22' AS day");
  world.run("run-1", position());
  CHECK(world.said("reads silver/brokerage/orders version 0, as the run's first attempt did"));
  CHECK(world.rows(gold, "SELECT count(*) FROM t") == Lines{"3"});
  world.run("run-2", position());
  CHECK(world.rows(gold, "SELECT client FROM t") == Lines{"eva"});
  // Run 1 cleared as a whole: its silver task writes anew, and its model reads that.
  world.put_by("run-1", orders, some_orders + " WHERE client = 'bia'");
  world.run("run-1", position());
  CHECK(world.rows(gold, "SELECT client, execution_id FROM t") == Lines{"bia|run-1"});
}

TEST_CASE("what the first attempt read and is no longer there fails the run for good") {
  Models world;
  world.put(orders, some_orders);
  world.attempt("run-refused", position());
  std::filesystem::remove_all(world.lake.path() + "/" + orders);
  CHECK(holds(world.refusal(position()), "this run's first attempt read it"));
}

TEST_CASE("a table that was removed and made anew is another one, at the same version too") {
  Models world;
  const auto make_anew = [&](const std::string& select) {
    std::filesystem::remove_all(world.lake.path() + "/" + orders);
    world.put(orders, select);
    REQUIRE(world.version(orders) == 0);
  };
  world.put(orders, some_orders);
  world.run("run-1", position());
  make_anew(some_orders + " WHERE client = 'bia'");
  world.run("run-2", position());
  CHECK(world.said("inputs have changed since {\"silver/brokerage/orders\":0}"));
  CHECK(world.rows(gold, "SELECT client FROM t") == Lines{"bia"});
  world.attempt("run-refused", position());
  make_anew(some_orders);
  CHECK(holds(world.refusal(position()), "made anew since this run's first attempt read"));
}

TEST_CASE("the instances of a mapped model may not take away each other's rows") {
  Models world;
  world.map_index = 0;
  for (const char* mode : {"append", "overwrite"})
    CHECK(holds(world.refusal(values("('a', 1, 'x')", mode)), "mapped task"));
  world.run("run-1", values("('a', 1, 'x')", "merge"));
  world.map_index = 1;
  world.run("run-1", values("('b', 2, 'x')", "merge"));
  CHECK(world.rows("gold/demo/t", "SELECT k FROM t ORDER BY k") == Lines{"a", "b"});
}

TEST_CASE("what was fixed for old runs goes, of a run that computes nothing too") {
  Models world;
  world.put(orders, some_orders);
  world.run("run-1", position());
  for (int i = 0; i < 1005; ++i)
    REQUIRE(world.lake.storage()
                ->put(gold + "/_inputs/a" + std::to_string(i) + ".model.json", "{}")
                .ok());
  world.run("a-clear", position());
  CHECK(world.said("nothing to compute"));
  const auto left = world.lake.storage()->list(gold + "/_inputs/");
  REQUIRE(left.ok());
  CHECK(left->objects.size() == 1001);  // this run's own is older than the thousand
  CHECK(left->objects.front().key == gold + "/_inputs/a-clear.model.json");
}

TEST_CASE("more partitions than one attempt can hand in are refused before a file is written") {
  Models world;
  for (const char* mode : {"overwrite", "partitions", "append"}) {
    const std::string why = world.refusal({{"sql", "SELECT n, 1 AS one FROM range(20001) r(n)"},
                                           {"table", "gold/demo/many"},
                                           {"mode", mode},
                                           {"partition_by", {"n"}}});
    CHECK_MESSAGE(holds(why, "20001 partitions to write, at most 20000"), why);
  }
  CHECK_FALSE(std::filesystem::exists(world.lake.path() + "/gold/demo/many"));
}

TEST_CASE("nothing is computed where inputs, text and values are those of the newest version") {
  Models world;
  world.put(orders, some_orders);
  world.run("run-1", position());
  CHECK(world.run("run-2", position())["unchanged"] == true);
  CHECK(world.said("nothing to compute"));
  CHECK(world.version(gold) == 0);
  json other = position();
  other["sql"] = other["sql"].get<std::string>() + " HAVING sum(quantity) > 5";
  world.run("run-3", other);
  CHECK(world.said("the text or the fields of the model are not those of version 0"));
  CHECK(world.version(gold) == 1);
  world.put(orders, some_orders + " WHERE client = 'ana'");
  world.run("run-4", other);
  CHECK(world.said("inputs have changed since {\"silver/brokerage/orders\":0}"));
  CHECK(world.version(gold) == 2);
  other["sql"] = "SELECT 'x' AS client, 'y' AS ticker, CAST(random() * 0 AS BIGINT) AS quantity";
  world.run("run-5", other);
  world.run("run-6", other);
  CHECK(world.said("random gives something else each time"));
}

TEST_CASE(
    "what tells the time is computed each time, however it is written and wherever it stands") {
  Models world;
  const auto twice = [&](const json& task) {
    world.run("run-1", task);
    world.run("run-2", task);
    return !world.said("nothing to compute");
  };
  for (const std::string name :
       {"current_date", "CURRENT_TIME", "current_timestamp", "localtime", "localtimestamp"})
    CHECK_MESSAGE(
        twice({{"sql", "SELECT CAST(" + name + " AS VARCHAR) AS at"}, {"table", "gold/demo/at"}}),
        name);
  for (const std::string call : {"age(TIMESTAMP '2020-01-01')", "current_localtimestamp()"})
    CHECK_MESSAGE(
        twice({{"sql", "SELECT CAST(" + call + " AS VARCHAR) AS at"}, {"table", "gold/demo/at"}}),
        call);
  CHECK_FALSE(twice(
      {{"sql", "SELECT CAST(age(TIMESTAMP '2020-01-02', TIMESTAMP '2020-01-01') AS VARCHAR) AS at"},
       {"table", "gold/demo/at"}}));
  json task = values("('a', 1, 'x')", "merge");
  CHECK_FALSE(twice(task));
  task["delete_when"] = "n > 1 + random()";
  CHECK(twice(task));
  task.erase("delete_when");
  task["quality"] = {{{"rule", "sql"}, {"condition", "current_date > DATE '2020-01-01'"}}};
  CHECK(twice(task));
  task["quality"] = {{{"rule", "sql"}, {"condition", "getenv('HOME') = 'x'"}}};
  task["sql"] = "SELECT error('computed') AS k";
  CHECK(holds(world.refusal(task), "quality rule sql_1: "));
}

TEST_CASE("a result with more columns widens the table; one that does not fit is refused whole") {
  Models world;
  world.put(orders, some_orders);
  world.run("run-1", position());
  json wider = position();
  wider["sql"] =
      "SELECT client, ticker, CAST(sum(quantity) AS INTEGER) AS quantity, count(*) AS orders FROM "
      "silver.brokerage.orders GROUP BY ALL";
  world.run("run-2", wider);
  CHECK(world.rows(gold, "SELECT orders FROM t WHERE ticker = 'VALE3'") == Lines{"1"});
  CHECK(world.rows(gold, "SELECT typeof(any_value(quantity)) FROM t") == Lines{"BIGINT"});
  json wrong = position();
  wrong["sql"] =
      "SELECT client, sum(quantity) AS quantity, [1] AS list, 1 AS execution_id, count(*) FROM "
      "silver.brokerage.orders GROUP BY ALL";
  const std::string why = world.refusal(wrong);
  CHECK(holds(why, "quantity is decimal(38,0) in the result and long in the table"));
  CHECK(holds(why, "write CAST(… AS BIGINT)"));
  CHECK(holds(why, "list is a INTEGER[]"));
  CHECK(holds(why, "execution_id is a column that every model's table has"));
  CHECK(holds(why, "the column count_star() needs a name"));
  CHECK(holds(why, "the table's column ticker is not in the result"));
  json parted = position();
  parted["partition_by"] = {"client"};
  CHECK(holds(world.refusal(parted), "the table is partitioned by nothing"));
  json spelt = position();
  spelt["keys"] = {"Client", "who"};
  CHECK(holds(world.refusal(spelt), "keys names Client, which is spelt client; keys names who"));
  json sorted = position();
  sorted["cluster_by"] = {"execution_id", "who"};
  sorted["table"] = "gold/brokerage/sorted";  // rows that are there already are not written again
  CHECK(holds(world.refusal(sorted),
              "parameter cluster_by: gold/brokerage/sorted has no column who"));
}

TEST_CASE("quality is judged before anybody can read the rows") {
  Models world;
  world.put(orders, some_orders);
  const auto judged = [&](const json& rule) {
    json task = position();
    task["quality"] = json::array({rule});
    return world.refusal(task);
  };
  CHECK(judged({{"rule", "unique"}, {"columns", {"ticker"}}}) ==
        "quality: " + gold + ": 2 rows break unique_ticker");
  CHECK(holds(judged({{"rule", "range"}, {"column", "quantity"}, {"min", 6}}),
              "1 rows break range_quantity"));
  CHECK(holds(judged({{"rule", "range"}, {"column", "client"}, {"max", "ana"}}),
              "1 rows break range_client"));
  CHECK(holds(judged({{"rule", "accepted_values"}, {"column", "quantity"}, {"values", {5, 10}}}),
              "1 rows break accepted_values_quantity"));
  CHECK(holds(judged({{"rule", "sql"}, {"condition", "quantity <> 7 -- odd"}, {"name", "even"}}),
              "1 rows break even"));
  CHECK(holds(judged({{"rule", "rows"}, {"min", 4}}), "3 rows break rows, at least 4"));
  CHECK(holds(judged({{"rule", "not_null"}, {"column", "none"}}), "the result has no column none"));
  CHECK(holds(judged({{"rule", "sql"}, {"condition", "read_text('/etc/passwd') = ''"}}),
              "read_text"));
  CHECK(holds(
      judged({{"rule", "sql"}, {"condition", "true) FROM fresh; DROP VIEW fresh; SELECT (1"}}),
      "quality rule sql_1"));
  CHECK(world.version(gold) == -1);
  json warned = position();
  warned["quality"] = {
      {{"rule", "range"}, {"column", "quantity"}, {"min", 6}, {"severity", "warning"}},
      {{"rule", "not_null"}, {"columns", {"client", "ticker"}}}};
  world.run("run-1", warned);
  CHECK(world.said("1 rows break range_quantity"));
  const auto& told = world.host->reports["quality"];
  CHECK(std::any_of(told.begin(), told.end(), [](const std::string& text) {
    const json rule = json::parse(text);
    return rule["rule"] == "range_quantity" && rule["failed"] == 1 && rule["severity"] == "warning";
  }));
}

TEST_CASE("keys are unique and never NULL; an empty result has its meaning in every mode") {
  Models world;
  CHECK(holds(world.refusal(values("('a', 1, 'x'), (NULL, 2, 'x')", "merge")),
              "1 rows break keys_not_null"));
  CHECK(holds(world.refusal(values("('a', 1, 'x'), ('a', 2, 'y')", "overwrite")),
              "2 rows break keys_unique"));
  CHECK(holds(world.refusal(values("('a', 1, ''), ('b', 2, 'y')", "overwrite")),
              "part is an empty text in some rows"));
  json none = values("('a', 1, 'x')", "merge");
  none["sql"] = none["sql"].get<std::string>() + " WHERE false";
  CHECK(world.run("run-1", none)["unchanged"] == false);  // the table is made
  CHECK(world.rows("gold/demo/t", "SELECT count(*) FROM t") == Lines{"0"});
  world.run("run-2", values("('a', 1, 'x')", "overwrite"));
  none["mode"] = "merge";
  CHECK(world.run("run-3", none)["unchanged"] == true);
  none["mode"] = "overwrite";
  world.run("run-4", none);
  CHECK(world.said("the result is empty, and so is gold/demo/t now"));
  CHECK(world.rows("gold/demo/t", "SELECT count(*) FROM t") == Lines{"0"});
}

TEST_CASE("a model may read its own table; its retry reads what the first attempt did") {
  Models world;
  const std::string log = "gold/demo/counted";
  world.run("run-1", {{"sql", "SELECT 1 AS n"}, {"table", log}, {"mode", "append"}});
  const json next = {
      {"sql", "SELECT max(n) + 1 AS n FROM gold.demo.counted"}, {"table", log}, {"mode", "append"}};
  world.run("run-2", next);
  world.run("run-2", next);
  CHECK(world.rows(log, "SELECT n FROM t ORDER BY n") == Lines{"1", "2"});
}

TEST_CASE("merges in any order come to what a plain map would hold") {
  std::mt19937 random(20261127);
  Models world;
  std::map<int, std::pair<int, int>> plain;
  for (unsigned step = 0; step < rounds(25); ++step) {
    std::map<int, std::pair<int, int>> rows;
    const int count = static_cast<int>(random() % 6);
    for (int i = 0; i < count; ++i)
      rows[static_cast<int>(random() % 12)] = {static_cast<int>(random() % 8) - 1,
                                               static_cast<int>(random() % 3)};
    std::string text;
    for (const auto& [key, row] : rows) {
      text += (text.empty() ? "(" : ", (") + std::to_string(key) + ", " +
              std::to_string(row.first) + ", " + std::to_string(row.second) + ")";
      if (row.first < 0) {
        plain.erase(key);
      } else {
        plain[key] = row;
      }
    }
    json task = values(text.empty() ? "(0, 0, 0)) v2(k, n, part) WHERE false UNION ALL SELECT * "
                                      "FROM (VALUES (0, 0, 0)"
                                    : text,
                       "merge");
    if (text.empty()) task["sql"] = task["sql"].get<std::string>() + " WHERE false";
    task["delete_when"] = "n < 0";
    world.run("run-" + std::to_string(step), task);
    Lines expected;
    for (const auto& [key, row] : plain)
      expected.push_back(std::to_string(key) + "|" + std::to_string(row.first) + "|" +
                         std::to_string(row.second));
    CHECK(world.rows("gold/demo/t", "SELECT k, n, part FROM t ORDER BY k") == expected);
  }
}
