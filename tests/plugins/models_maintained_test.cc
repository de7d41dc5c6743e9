// What OPTIMIZE and VACUUM do to tables is no reason to compute a model again.
#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "tests/plugins/models_fixture.h"

using namespace batuta;
using nlohmann::json;

namespace {

const std::string from_table = "silver/demo/numbers";
const std::string to_table = "gold/demo/sums";

json sums(bool history) {
  return {{"sql", "SELECT k, CAST(sum(n) AS BIGINT) AS n FROM silver.demo.numbers GROUP BY ALL"},
          {"table", to_table},
          {"keys", {"k"}},
          {"history", history}};
}

}  // namespace

TEST_CASE("nothing is computed after maintenance of a model's table, its history and its inputs") {
  for (const bool history : {false, true}) {
    CAPTURE(history);
    Models world;
    world.put(from_table, "SELECT * FROM (VALUES ('a', 1), ('b', 2)) v(k, n)");
    world.run("run-1", sums(history));
    world.maintain(from_table);
    world.maintain(to_table);
    if (history) world.maintain(to_table + "_hist");
    CHECK(world.run("run-2", sums(history))["unchanged"] == true);
    CHECK(world.said("nothing to compute"));
    CHECK(world.version(to_table) == 2);
  }
}

TEST_CASE("a change of rows below later maintenance is computed, of an input and of the table") {
  Models world;
  world.put(from_table, "SELECT * FROM (VALUES ('a', 1), ('b', 2)) v(k, n)");
  world.run("run-1", sums(false));
  world.put(from_table, "SELECT * FROM (VALUES ('a', 1)) v(k, n)");
  world.maintain(from_table);
  world.run("run-2", sums(false));
  CHECK(world.said("inputs have changed since {\"silver/demo/numbers\":0}"));
  CHECK(world.rows(to_table, "SELECT k, n FROM t") == std::vector<std::string>{"a|1"});
  world.put(to_table, "SELECT 'x' AS k, CAST(9 AS BIGINT) AS n");
  world.maintain(to_table);
  world.run("run-3", sums(false));
  CHECK(world.said("the text or the fields of the model are not those of version "));
  CHECK(world.rows(to_table, "SELECT k, n FROM t") == std::vector<std::string>{"a|1"});
}

TEST_CASE("an erasure of an input is computed, though its log says that no data changed") {
  Models world;
  world.put(from_table, "SELECT * FROM (VALUES ('a', 1), ('b', 2)) v(k, n)");
  world.run("run-1", sums(false));
  world.erase(from_table);
  world.maintain(from_table);
  world.run("run-2", sums(false));
  CHECK_FALSE(world.said("nothing to compute"));
  CHECK(world.said("inputs have changed since {\"silver/demo/numbers\":0}"));
}
