// {{ changed_partitions('silver/…') }}: a model computes the partitions of an input that changed
// since its table was made, and no others.
#include <doctest/doctest.h>

#include <map>
#include <nlohmann/json.hpp>
#include <random>
#include <string>
#include <vector>

#include "lakelog/log_folder.h"
#include "lakelog/payload.h"
#include "lakelog/snapshot.h"
#include "tests/plugins/models_fixture.h"
#include "tests/support/rounds.h"

using namespace batuta;
using nlohmann::json;

namespace {

using Lines = std::vector<std::string>;

const std::string sold = "silver/shop/sold";
const std::string daily_sales = "gold/shop/daily";

json daily(const std::string& condition = "day IN :changed") {
  return {{"sql", "SELECT day, CAST(sum(n) AS BIGINT) AS n FROM silver.shop.sold WHERE " +
                      condition + " GROUP BY day"},
          {"changed", {{"changed", {{"table", sold}, {"column", ""}}}}},
          {"table", daily_sales},
          {"mode", "partitions"},
          {"partition_by", {"day"}}};
}

// What is sold, as (number, day of November)…; by day.
void sell(Models& world, const std::string& rows) {
  world.put(sold,
            "SELECT n, DATE '2026-11-01' + CAST(d - 1 AS INTEGER) AS day FROM (VALUES " + rows +
                ") v(n, d)",
            {"day"});
}

Lines days(Models& world) {
  return world.rows(daily_sales, "SELECT day(day), n FROM t ORDER BY day NULLS LAST");
}

bool text_holds(const std::string& text, const std::string& words) {
  return text.find(words) != std::string::npos;
}

}  // namespace

TEST_CASE("only partitions that changed are computed, and those that went go from the table") {
  Models world;
  sell(world, "(1, 1), (2, 2), (3, 3)");
  world.run("run-1", daily());
  CHECK(world.said("all 3 partitions, because gold/shop/daily is new"));
  CHECK(days(world) == Lines{"1|1", "2|2", "3|3"});
  sell(world, "(1, 1), (5, 2), (4, 4)");  // the second changed, the third went, the fourth came
  const json result = world.run("run-2", daily());
  CHECK(world.said("partitions changed since version 0: 2026-11-02, 2026-11-03, 2026-11-04"));
  CHECK(result["rows"] == 2);
  CHECK(result["removed"] == 1);
  CHECK(days(world) == Lines{"1|1", "2|5", "4|4"});
  CHECK(lakelog::parse_payload(world.outputs.back())->adds.size() == 2);
  // Rows that the statement leaves out are gone, too, where their partition changed.
  sell(world, "(0, 1), (5, 2), (4, 4)");
  world.run("run-3", daily("n > 0 AND day IN :changed"));
  CHECK(world.said("was made by another text of the model"));
  CHECK(days(world) == Lines{"2|5", "4|4"});
  sell(world, "(0, 1), (5, 2), (0, 4)");
  world.run("run-4", daily("n > 0 AND day IN :changed"));
  CHECK(world.said("since version 2: 2026-11-04"));
  CHECK(days(world) == Lines{"2|5"});
}

TEST_CASE("changed_partitions: a retry and a clear get the list of the run's first attempt") {
  Models world;
  sell(world, "(1, 1), (2, 2)");
  world.run("run-1", daily());
  sell(world, "(1, 1), (3, 2)");
  world.attempt("run-2", daily());  // it dies before it hands anything in
  sell(world, "(9, 1), (3, 2)");
  world.run("run-2", daily());
  CHECK(world.said("partitions changed since version 0: 2026-11-02"));
  CHECK(days(world) == Lines{"1|1", "2|3"});
  world.run("run-3", daily());
  CHECK(days(world) == Lines{"1|9", "2|3"});
  // The clear of run 2 makes what run 2 made of its list, and the next run counts from there.
  sell(world, "(9, 1), (7, 2)");
  world.run("run-4", daily());
  CHECK(days(world) == Lines{"1|9", "2|7"});
  world.run("run-2", daily());
  CHECK(days(world) == Lines{"1|9", "2|3"});
  world.run("run-5", daily());
  CHECK(world.said("partitions changed since version 1: 2026-11-01, 2026-11-02"));
  CHECK(days(world) == Lines{"1|9", "2|7"});
}

TEST_CASE("changed_partitions: a run that waited counts from what a clear left behind meanwhile") {
  Models world;
  sell(world, "(1, 1)");
  world.run("run-1", daily());
  sell(world, "(2, 1)");
  world.run("run-2", daily());
  sell(world, "(2, 1), (3, 2)");
  world.attempt("run-3", daily());  // fixed: from version 1
  world.run("run-1", daily());      // a clear: the first day as it was at version 0
  CHECK(days(world) == Lines{"1|1"});
  world.run("run-3", daily());
  CHECK(days(world) == Lines{"1|2", "2|3"});
}

TEST_CASE(
    "changed_partitions: where nothing tells what changed, all are computed and it says why") {
  Models world;
  sell(world, "(1, 1), (2, 2)");
  world.run("run-1", daily());
  // Somebody else wrote the table: what it holds is not known, and what the input lost goes.
  world.put(daily_sales, "SELECT DATE '2026-11-09' AS day, CAST(9 AS BIGINT) AS n", {"day"});
  world.run("run-2", daily());
  CHECK(world.said("all 2 partitions, because version 1 of gold/shop/daily"));
  CHECK(days(world) == Lines{"1|1", "2|2"});
  // The log of the input was cleaned up.
  sell(world, "(1, 1), (5, 2)");
  sell(world, "(1, 1), (5, 2), (6, 3)");
  const lakelog::LogFolder log(*world.lake.storage(), sold);
  const auto snapshot = lakelog::read_snapshot(log);
  REQUIRE(snapshot.ok());
  REQUIRE(log.put_compacted(snapshot->version, lakelog::compact(*snapshot, 0)).ok());
  REQUIRE(log.remove_commit(1).ok());
  world.run("run-3", daily());
  CHECK(world.said("the log of silver/shop/sold no longer tells what changed since version 0"));
  CHECK(days(world) == Lines{"1|1", "2|5", "3|6"});
}

TEST_CASE("changed_partitions: other values are no other model; another input's change is told") {
  Models world;
  sell(world, "(1, 1), (2, 2)");
  world.put("silver/shop/rate", "SELECT 10 AS rate");
  json task = daily();
  task["sql"] =
      "SELECT day, CAST(sum(n * rate) AS BIGINT) AS n FROM silver.shop.sold, silver.shop.rate "
      "WHERE day IN :changed AND n > :least GROUP BY day";
  task["parameters"] = {{"least", 0}};
  world.run("run-1", task);
  world.put("silver/shop/rate", "SELECT 100 AS rate");
  sell(world, "(1, 1), (3, 2)");
  task["parameters"] = {{"least", -1}};
  task["description"] = "sales";
  world.run("run-2", task);
  CHECK(world.said("silver/shop/rate has changed since version 0, too"));
  CHECK(days(world) == Lines{"1|10", "2|300"});
}

TEST_CASE("changed_partitions: the partition NULL is told, and computed where the statement says") {
  Models world;
  sell(world, "(1, 1), (2, NULL)");
  json task = daily("day IN :changed OR day IS NULL");
  world.run("run-1", task);
  CHECK(world.said("without a day is among them, which no list can name"));
  CHECK(days(world) == Lines{"1|1", "NULL|2"});
  sell(world, "(1, 1), (3, NULL)");
  world.run("run-2", task);
  CHECK(world.said("since version 0: NULL"));
  CHECK(days(world) == Lines{"1|1", "NULL|3"});
  // It follows the input's when that is gone, too.
  sell(world, "(1, 1)");
  world.run("run-3", task);
  CHECK(days(world) == Lines{"1|1"});
}

TEST_CASE("changed_partitions: a coarser table keeps what it has; a merge goes by keys") {
  Models world;
  sell(world, "(1, 1), (2, 2)");
  json monthly = daily();
  monthly["sql"] =
      "SELECT month(day) AS month, CAST(sum(n) AS BIGINT) AS n FROM silver.shop.sold WHERE "
      "month(day) IN (SELECT month(unnest(:changed))) GROUP BY 1";
  monthly["table"] = "gold/shop/monthly";
  monthly["partition_by"] = {"month"};
  world.run("run-1", monthly);
  CHECK(world.said("gold/shop/monthly is not partitioned by the day of silver/shop/sold"));
  sell(world, "(5, 1), (2, 2)");
  world.run("run-2", monthly);
  CHECK(world.rows("gold/shop/monthly", "SELECT month, n FROM t") == Lines{"11|7"});
  json merged = daily();
  merged["table"] = "gold/shop/merged";
  merged["mode"] = "merge";
  merged["keys"] = {"day"};
  merged.erase("partition_by");
  world.run("run-3", merged);
  sell(world, "(6, 1), (2, 2)");
  CHECK(world.run("run-4", merged)["rows"] == 1);
  CHECK(world.rows("gold/shop/merged", "SELECT day(day), n FROM t ORDER BY 1") ==
        Lines{"1|6", "2|2"});
}

TEST_CASE("changed_partitions: of several partition columns one is named, and the others follow") {
  Models world;
  const auto put = [&](const std::string& rows) {
    world.put("silver/shop/by_place", "SELECT * FROM (VALUES " + rows + ") v(n, place, year)",
              {"year", "place"});
  };
  json task = {{"sql",
                "SELECT year, place, CAST(sum(n) AS BIGINT) AS n FROM \"silver/shop/by_place\" "
                "WHERE year IN :changed GROUP BY ALL"},
               {"changed", {{"changed", {{"table", "silver/shop/by_place"}, {"column", "year"}}}}},
               {"table", "gold/shop/yearly"},
               {"mode", "partitions"},
               {"partition_by", {"place", "year"}}};
  const auto held = [&] {
    return world.rows("gold/shop/yearly", "SELECT year, place, n FROM t ORDER BY ALL");
  };
  put("(1, 'a', 2025), (2, 'b', 2025), (3, 'a', 2026)");
  world.run("run-1", task);
  put("(1, 'a', 2025), (3, 'a', 2026), (4, 'c', 2026)");
  world.run("run-2", task);
  CHECK(held() == Lines{"2025|a|1", "2026|a|3", "2026|c|4"});
  task["changed"]["changed"]["column"] = "";
  CHECK(text_holds(world.refusal(task), "is partitioned by year, place: name one"));
  task["changed"]["changed"]["column"] = "month";
  CHECK(text_holds(world.refusal(task), "is partitioned by year, place, not by month"));
}

TEST_CASE("changed_partitions: where one input is computed whole, so are the others of the lists") {
  Models world;
  const std::string bought = "silver/shop/bought";
  const auto buy = [&](const std::string& rows) {
    world.put(bought,
              "SELECT n, DATE '2026-11-01' + CAST(d - 1 AS INTEGER) AS day FROM (VALUES " + rows +
                  ") v(n, d)",
              {"day"});
  };
  json task = daily();
  task["sql"] =
      "SELECT day, CAST(sum(n) AS BIGINT) AS n FROM (SELECT day, n FROM silver.shop.sold WHERE day "
      "IN :s OR day IN :b UNION ALL SELECT day, n FROM silver.shop.bought WHERE day IN :s OR day "
      "IN :b) GROUP BY day";
  task["changed"] = {{"s", {{"table", sold}, {"column", ""}}},
                     {"b", {{"table", bought}, {"column", ""}}}};
  sell(world, "(1, 1), (2, 2)");
  buy("(10, 2), (20, 3), (30, 4)");
  world.run("run-1", task);
  CHECK(days(world) == Lines{"1|1", "2|12", "3|20", "4|30"});
  sell(world, "(1, 1), (5, 2)");
  world.run("run-2", task);
  CHECK(world.said("partitions changed since version 0: 2026-11-02"));
  CHECK(days(world) == Lines{"1|1", "2|15", "3|20", "4|30"});
  // The log of one of them was cleaned past the version read.
  sell(world, "(1, 1), (6, 2)");
  sell(world, "(1, 1), (7, 2)");
  const lakelog::LogFolder log(*world.lake.storage(), sold);
  const auto snapshot = lakelog::read_snapshot(log);
  REQUIRE(snapshot.ok());
  REQUIRE(log.put_compacted(snapshot->version, lakelog::compact(*snapshot, 0)).ok());
  REQUIRE(log.remove_commit(2).ok());
  world.run("run-3", task);
  CHECK(world.said("the log of silver/shop/sold no longer tells what changed since version 1"));
  CHECK(world.said("all 3 partitions, because those of silver/shop/sold are all computed"));
  CHECK(days(world) == Lines{"1|1", "2|17", "3|20", "4|30"});
}

TEST_CASE("changed_partitions: what cannot be counted is refused with the reason") {
  Models world;
  sell(world, "(1, 1)");
  json task = daily();
  task["mode"] = "overwrite";
  CHECK(text_holds(world.refusal(task), "partitions or merge"));
  task = daily();
  task["changed"]["changed"]["table"] = "silver/shop/other";
  CHECK(text_holds(world.refusal(task),
                   "changed_partitions('silver/shop/other'): the statement does not read"));
  world.put("silver/shop/whole", "SELECT DATE '2026-11-01' AS day, 1 AS n");
  task["sql"] = "SELECT day, n FROM silver.shop.whole WHERE day IN :changed";
  task["changed"]["changed"]["table"] = "silver/shop/whole";
  CHECK(text_holds(world.refusal(task), "silver/shop/whole has no partitions"));
  world.map_index = 0;
  CHECK(text_holds(world.refusal(daily()), "a mapped task"));
}

TEST_CASE("changed_partitions: warnings and the count of rows are of the table, not of the list") {
  for (const char* mode : {"partitions", "merge"}) {
    CAPTURE(mode);
    Models world;
    json task = daily();
    task["mode"] = mode;
    task["keys"] = {"day"};
    if (task["mode"] == "merge") task["delete_when"] = "n = 0";
    task["quality"] = {{{"rule", "rows"}, {"min", 2}},
                       {{"rule", "range"}, {"column", "n"}, {"max", 5}, {"severity", "warning"}}};
    sell(world, "(9, 1), (2, 2), (3, 3)");
    world.run("run-1", task);
    sell(world, "(9, 1), (4, 2), (0, 3)");
    world.run("run-2", task);
    std::map<std::string, json> told;
    for (const std::string& report : world.host->reports["quality"]) {
      const json one = json::parse(report);
      told[one["rule"]] = one;
    }
    const int rows = task["mode"] == "merge" ? 2 : 3;
    CHECK(told["rows"]["checked"] == rows);
    CHECK(told["range_n"]["checked"] == rows);
    CHECK(told["range_n"]["failed"] == 1);
    CHECK(told["keys_unique"]["checked"] == 2);
    CHECK(days(world).size() == static_cast<std::size_t>(rows));
  }
}

TEST_CASE("changed_partitions: after any changes and clears a new run has what a full pass has") {
  std::mt19937 random(20261128);
  for (unsigned world_number = 0; world_number < rounds(3); ++world_number) {
    Models world;
    std::map<int, int> state = {{1, 1}};
    std::vector<std::string> before;
    for (int step = 0; step < 10; ++step) {
      CAPTURE(step);
      for (unsigned change = random() % 3; change > 0; --change)
        state[1 + static_cast<int>(random() % 5)] = static_cast<int>(random() % 4);
      if (state.size() > 1 && random() % 3 == 0) state.erase(state.begin());
      std::string rows;
      Lines expected;
      for (const auto& [day, n] : state) {
        rows += (rows.empty() ? "(" : ", (") + std::to_string(n) + ", " + std::to_string(day) + ")";
        expected.push_back(std::to_string(day) + "|" + std::to_string(n));
      }
      sell(world, rows);
      if (!before.empty() && random() % 3 == 0)
        world.run(before[random() % before.size()], daily());
      const std::string run = "run-" + std::to_string(step);
      world.run(run, daily());
      before.push_back(run);
      CHECK(days(world) == expected);
    }
  }
}
