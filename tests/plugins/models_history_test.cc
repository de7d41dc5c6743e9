// "history": true of a model: <table>_hist beside the table, in the same attempt.
#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "lakelog/payload.h"
#include "tests/plugins/models_fixture.h"

using namespace batuta;
using nlohmann::json;

namespace {

using Texts = std::vector<std::string>;

json kept(const std::string& rows, const std::string& mode) {
  return {{"sql", "SELECT * FROM (VALUES " + rows + ") v(k, n, part)"},
          {"table", "gold/demo/t"},
          {"mode", mode},
          {"keys", {"k"}},
          {"partition_by", {"part"}},
          {"history", true}};
}

Texts past_of(Models& world) {
  return world.rows("gold/demo/t_hist",
                    "SELECT k, n, part, CAST(is_current AS VARCHAR), execution_id FROM t ORDER BY "
                    "k, valid_from, valid_to");
}

}  // namespace

TEST_CASE("a model's history has each state of a row, with the run that made it") {
  Models world;
  world.run("run-1", kept("('a', 1, 'x'), ('b', 2, 'y')", "overwrite"));
  CHECK(world.outputs.size() == 2);
  const json second = world.run("run-2", kept("('a', 1, 'x'), ('b', 3, 'y')", "overwrite"));
  CHECK(second["history"] == json{{"table", "gold/demo/t_hist"}, {"opened", 1}, {"closed", 1}});
  world.run("run-3", kept("('a', 1, 'x')", "overwrite"));
  world.run("run-4", kept("('a', 1, 'x'), ('b', 3, 'x')", "overwrite"));
  CHECK(past_of(world) ==
        Texts{"a|1|x|true|run-1", "b|2|y|false|run-1", "b|3|y|false|run-2", "b|3|x|true|run-4"});
  CHECK(world.rows("gold/demo/t_hist", "SELECT count(*) FROM t WHERE valid_from <> _computed_at") ==
        Texts{"0"});
}

TEST_CASE("a model's history follows merge, what it deletes, and partitions") {
  Models world;
  json task = kept("('a', 1, 'x'), ('b', 2, 'y'), ('c', 3, 'y')", "merge");
  task["delete_when"] = "n < 0";
  world.run("run-1", task);
  task["sql"] = kept("('a', -1, 'x'), ('b', 5, 'x')", "merge")["sql"];
  world.run("run-2", task);
  CHECK(past_of(world) ==
        Texts{"a|1|x|false|run-1", "b|2|y|false|run-1", "b|5|x|true|run-2", "c|3|y|true|run-1"});
  world.run("run-3", kept("('d', 9, 'x')", "partitions"));
  CHECK(past_of(world) == Texts{"a|1|x|false|run-1", "b|2|y|false|run-1", "b|5|x|false|run-2",
                                "c|3|y|true|run-1", "d|9|x|true|run-3"});
  // The current rows are the table.
  CHECK(world.rows("gold/demo/t_hist", "SELECT k, n, part FROM t WHERE is_current ORDER BY 1") ==
        world.rows("gold/demo/t", "SELECT k, n, part FROM t ORDER BY 1"));
}

TEST_CASE("a model's history that begins late, or was refused once, gets what it lacks") {
  Models world;
  json task = kept("('a', 1, 'x')", "overwrite");
  task.erase("history");
  world.run("run-1", task);
  task["history"] = true;
  const json begun = world.run("run-2", task);
  CHECK(begun["unchanged"] == true);
  CHECK(past_of(world) == Texts{"a|1|x|true|run-1"});
  world.run("run-3", task);
  CHECK(world.said("nothing to compute"));
  // The table's version is published, the history's is not.
  world.attempt("run-4", kept("('a', 2, 'x')", "overwrite"));
  REQUIRE(world.host->outputs.size() == 2);
  CHECK(lakelog::parse_payload(world.host->outputs[1])->table == "gold/demo/t_hist");
  world.host->outputs.pop_back();
  world.publish();
  CHECK(past_of(world) == Texts{"a|1|x|true|run-1"});
  world.run("run-4", kept("('a', 2, 'x')", "overwrite"));
  CHECK(past_of(world) == Texts{"a|1|x|false|run-1", "a|2|x|true|run-4"});
  world.run("run-4", kept("('a', 2, 'x')", "overwrite"));
  CHECK(world.said("nothing to compute"));
}

TEST_CASE("a model's history needs keys, and is none of rows that are only added") {
  Models world;
  json task = kept("('a', 1, 'x')", "append");
  CHECK(world.refusal(task) == "parameter history: it needs keys, and another mode than append");
  task = kept("('a', 1, 'x')", "overwrite");
  task.erase("keys");
  CHECK(world.refusal(task) == "parameter history: it needs keys, and another mode than append");
}
