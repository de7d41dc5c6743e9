// A model that comes out the same partition by partition of an input computes those that changed,
// by itself; any other computes all, and says why.
#include <doctest/doctest.h>

#include <map>
#include <nlohmann/json.hpp>
#include <random>
#include <string>
#include <vector>

#include "lakelog/payload.h"
#include "tests/plugins/models_fixture.h"
#include "tests/support/rounds.h"

using namespace batuta;
using nlohmann::json;

namespace {

using Lines = std::vector<std::string>;

const std::string facts_table = "silver/shop/facts";
const std::string client_names = "silver/shop/names";

// What is sold, as (day, place, client, n)…
void put_facts(Models& world, const std::string& rows) {
  world.put(facts_table, "SELECT * FROM (VALUES " + rows + ") v(day, place, client, n)",
            {"day", "place"});
}

json parted_by_day(const std::string& sql, const std::string& table = "gold/shop/by_day") {
  return {{"sql", sql}, {"table", table}, {"partition_by", {"day"}}};
}

const std::string daily_sums =
    "SELECT day, CAST(sum(n) AS BIGINT) AS n FROM silver.shop.facts GROUP BY day";

std::string why_full(Models& world, json task) {
  world.run("run-" + std::to_string(world.outputs.size()), std::move(task));
  for (const std::string& line : world.host->lines)
    if (const auto at = line.find("a full pass: "); at != std::string::npos)
      return line.substr(at + 13);
  return "";
}

}  // namespace

TEST_CASE("a model of partitions computes those that changed, and follows those that went") {
  Models world;
  put_facts(world, "(1, 'a', 'x', 1), (1, 'b', 'x', 2), (2, 'a', 'x', 4), (3, 'a', 'x', 8)");
  world.run("run-1", parted_by_day(daily_sums));
  put_facts(world, "(1, 'a', 'x', 1), (1, 'b', 'x', 5), (2, 'a', 'x', 4), (4, 'a', 'x', 8)");
  const json result = world.run("run-2", parted_by_day(daily_sums));
  CHECK(world.said("only partitions that changed in silver/shop/facts since version 0: 1, 3, 4"));
  CHECK(result["rows"] == 2);
  CHECK(lakelog::parse_payload(world.outputs.back())->adds.size() == 2);
  CHECK_FALSE(lakelog::parse_payload(world.outputs.back())->read_partitions);
  CHECK(world.rows("gold/shop/by_day", "SELECT day, n FROM t ORDER BY 1") ==
        Lines{"1|6", "2|4", "4|8"});
  put_facts(world, "(1, 'a', 'x', 1), (1, 'b', 'x', 5), (2, 'a', 'x', 4)");
  world.run("run-3", parted_by_day(daily_sums));
  CHECK_FALSE(world.said("the result is empty"));
  // The clear of an older run makes what that run made: of all partitions.
  world.run("run-2", parted_by_day(daily_sums));
  CHECK(world.said("a full pass: a newer version of silver/shop/facts was read before"));
  CHECK(world.rows("gold/shop/by_day", "SELECT day, n FROM t ORDER BY 1") ==
        Lines{"1|6", "2|4", "4|8"});
}

TEST_CASE("incremental: what the statement would mix between partitions is a full pass") {
  Models world;
  put_facts(world, "(1, 'a', 'x', 1), (2, 'b', 'x', 2), (NULL, 'c', 'y', 3)");
  world.put(client_names, "SELECT 'x' AS client, 'Ana' AS name");
  const std::vector<std::pair<std::string, std::string>> full = {
      {"SELECT CAST(day + 1 AS INTEGER) AS day, n FROM silver.shop.facts", "no column that both"},
      {"SELECT max(day) AS day, client FROM silver.shop.facts GROUP BY client", "no column"},
      {"SELECT day, sum(n) OVER (ORDER BY day)::BIGINT AS n FROM silver.shop.facts", "no column"},
      {"SELECT DISTINCT ON (client) day, n FROM silver.shop.facts ORDER BY client, n", "a part of"},
      {"SELECT day, n FROM silver.shop.facts ORDER BY n LIMIT 2", "takes a part of the rows"},
      {"SELECT day, n FROM silver.shop.facts UNION ALL SELECT 5, 5", "not one plain SELECT"},
      {"WITH f AS (FROM silver.shop.facts) SELECT day, n FROM f", "has a WITH"},
      {"SELECT day, n FROM silver.shop.facts WHERE n < (SELECT max(n) FROM silver.shop.facts)",
       "silver/shop/facts is read more than once"},
      {"SELECT day, n FROM silver.shop.facts f RIGHT JOIN silver.shop.names USING (client)",
       "silver/shop/names"},
      {"SELECT day, n FROM silver.shop.facts f FULL JOIN silver.shop.names USING (client)",
       "no input stands"},
      {"SELECT day, count(*) AS n FROM silver.shop.facts GROUP BY ROLLUP (day)", "no column"},
      {"SELECT day, n FROM silver.shop.facts WHERE n > random() - 1", "random gives"},
      {"SELECT day, n FROM (FROM silver.shop.facts) f", "no input stands"}};
  for (const auto& [sql, why] : full) {
    const auto& of = sql;  // Clang 14 keeps no structured binding
    CAPTURE(of);
    json task = parted_by_day(sql, "gold/shop/t" + std::to_string(world.outputs.size()));
    why_full(world, task);
    put_facts(world, "(1, 'a', 'x', " + std::to_string(10 + world.outputs.size()) +
                         "), (2, 'b', 'x', 2), (NULL, 'c', 'y', 3)");
    const std::string told = why_full(world, task);
    CHECK_MESSAGE(told.find(why) != std::string::npos, told);
  }
}

TEST_CASE("incremental: fields that look at all rows, other values and other inputs mean all") {
  Models world;
  int n = 0;
  const auto change = [&] { put_facts(world, "(1, 'a', 'x', " + std::to_string(++n) + ")"); };
  const auto told = [&](json task, const std::string& table) {
    task["table"] = table;
    why_full(world, task);
    change();
    return why_full(world, task);
  };
  change();
  world.put(client_names, "SELECT 'x' AS client, 'Ana' AS name");
  json task = parted_by_day(daily_sums);
  CHECK(told(task, "gold/shop/auto").empty());
  task["incremental"] = "off";
  CHECK(told(task, "gold/shop/off") == "incremental is off");
  task = parted_by_day(daily_sums);
  task["quality"] = {{{"rule", "rows"}, {"min", 1}}};
  CHECK(told(task, "gold/shop/counted") == "the rule rows counts all rows");
  task["quality"] = {{{"rule", "unique"}, {"column", "n"}}};
  CHECK(told(task, "gold/shop/unique").find("unique within it") != std::string::npos);
  task = parted_by_day(daily_sums);
  task["keys"] = {"n"};
  CHECK(told(task, "gold/shop/keyed").find("unique within it") != std::string::npos);
  task["mode"] = "merge";
  CHECK(told(task, "gold/shop/merged") == "the mode is merge");
  task = parted_by_day(daily_sums);
  task.erase("partition_by");
  CHECK(told(task, "gold/shop/whole") == "gold/shop/whole has no partitions");
  task = parted_by_day(
      "SELECT f.day, name, CAST(sum(n) AS BIGINT) AS n FROM silver.shop.facts f LEFT JOIN "
      "silver.shop.names USING (client) WHERE n > :least GROUP BY ALL");
  task["parameters"] = {{"least", 0}};
  CHECK(told(task, "gold/shop/named").empty());
  task["table"] = "gold/shop/named";
  task["parameters"] = {{"least", -1}};
  change();
  CHECK(why_full(world, task) == "the values, rules or build are others than before");
  world.put(client_names, "SELECT 'x' AS client, 'Bia' AS name");
  CHECK(why_full(world, task) == "silver/shop/names has changed, which any row may come of");
  world.put("gold/shop/named", "SELECT 9 AS day, 'z' AS name, CAST(1 AS BIGINT) AS n", {"day"});
  CHECK(why_full(world, task).find("was made by another text") != std::string::npos);
}

TEST_CASE("incremental: a warning is judged over all rows that the table will hold") {
  Models world;
  const auto told = [&](const std::string& rule) {
    for (const std::string& report : world.host->reports["quality"])
      if (const json one = json::parse(report); one["rule"] == rule)
        return std::to_string(one["failed"].get<int>()) + " of " +
               std::to_string(one["checked"].get<int>());
    return std::string("nothing");
  };
  json task = parted_by_day(daily_sums);
  task["quality"] = {
      {{"rule", "range"}, {"column", "n"}, {"max", 5}, {"name", "few"}, {"severity", "warning"}},
      {{"rule", "sql"},
       {"condition", "n <= 2 * (SELECT avg(n) FROM fresh)"},
       {"name", "usual"},
       {"severity", "warning"}},
      {{"rule", "range"}, {"column", "n"}, {"min", 0}, {"name", "sound"}}};
  put_facts(world, "(1, 'a', 'x', 1), (2, 'a', 'x', 9), (3, 'a', 'x', 1)");
  world.run("run-1", task);
  CHECK(told("few") == "1 of 3");
  CHECK(told("usual") == "1 of 3");
  put_facts(world, "(1, 'a', 'x', 2), (2, 'a', 'x', 9)");  // the bad day is as it was
  world.run("run-2", task);
  CHECK(world.said("only partitions that changed"));
  CHECK(told("few") == "1 of 2");
  CHECK(told("usual") == "0 of 2");
  CHECK(told("sound") == "0 of 1");
  put_facts(world, "(1, 'a', 'x', 1), (2, 'a', 'x', 3)");
  world.run("run-3", task);
  CHECK(told("few") == "0 of 2");
  // One that fails the task is a matter of what is new, so it may look at nothing else.
  task["quality"] = {{{"rule", "sql"}, {"condition", "n <= 9 * (SELECT min(n) FROM fresh)"}}};
  task["table"] = "gold/shop/looks";
  why_full(world, task);
  put_facts(world, "(1, 'a', 'x', 2), (2, 'a', 'x', 3)");
  CHECK(why_full(world, task) == "the rule sql_1 looks at other rows, too");
}

TEST_CASE("incremental equals full after any appends, overwrites, deletes and maintenance") {
  const std::vector<std::string> statements = {
      daily_sums,
      "SELECT * EXCLUDE (execution_id, _computed_at, _silver_versions) FROM silver.shop.facts "
      "WHERE n > 1",
      "SELECT f.day, name, count(*) AS n FROM silver.shop.facts f LEFT JOIN silver.shop.names "
      "USING (client) GROUP BY 1, name",
      "SELECT day, place, n, row_number() OVER (PARTITION BY day ORDER BY n, place, client) AS "
      "rank FROM silver.shop.facts QUALIFY rank <= 2"};
  std::mt19937 random(20261129);
  const auto pick = [&](int below) {
    return static_cast<int>(random() % static_cast<unsigned>(below));
  };
  for (unsigned at = 0; at < rounds(static_cast<unsigned>(statements.size())); ++at) {
    const std::string& sql = statements[at];
    CAPTURE(sql);
    Models world;
    world.put(client_names, "SELECT * FROM (VALUES ('x', 'Ana'), ('y', 'Bia')) v(client, name)");
    std::map<std::pair<int, int>, Lines> state = {{{1, 0}, {"'x', 1"}}};
    std::size_t increments = 0;
    for (int step = 0; step < 8; ++step) {
      CAPTURE(step);
      if (state.size() > 1 && pick(3) == 0) state.erase(state.begin());
      for (int change = pick(3); change > 0; --change) {
        Lines& rows = state[{pick(4), pick(2)}];
        if (pick(2) == 0) rows.clear();
        rows.push_back((pick(2) == 0 ? "'x', " : "'y', ") + std::to_string(pick(5)));
      }
      std::string text;
      for (const auto& [part, rows] : state)
        for (const std::string& row : rows)
          text += (text.empty() ? "(" : ", (") +
                  (part.first == 0 ? std::string("NULL") : std::to_string(part.first)) + ", '" +
                  (part.second == 0 ? "a" : "b") + "', " + row + ")";
      put_facts(world, text);
      if (pick(3) == 0) world.maintain(facts_table);
      if (pick(6) == 0) world.put(client_names, "SELECT 'x' AS client, 'Eva' AS name");
      const std::string run = "run-" + std::to_string(step);
      world.run(run, parted_by_day(sql, "gold/shop/auto"));
      increments += world.said("only partitions that changed") ? 1 : 0;
      json off = parted_by_day(sql, "gold/shop/off");
      off["incremental"] = "off";
      world.run(run, off);
      const std::string columns =
          "SELECT * EXCLUDE (execution_id, _computed_at, _silver_versions) FROM t ORDER BY ALL";
      CHECK(world.rows("gold/shop/auto", columns) == world.rows("gold/shop/off", columns));
    }
    CHECK(increments > 1);
  }
}

TEST_CASE("a model of partitions computes all of them once a person was erased from its input") {
  Models world;
  put_facts(world, "(1, 'a', 'x', 1), (2, 'a', 'x', 4)");
  world.run("run-1", parted_by_day(daily_sums));
  world.erase(facts_table);
  CHECK(why_full(world, parted_by_day(daily_sums))
            .find("a person was erased from silver/shop/facts since version 0") !=
        std::string::npos);
}
