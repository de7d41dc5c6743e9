#include "scheduler/cli/statement_wait.h"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

using batuta::cli::statement_line;
using nlohmann::json;

TEST_CASE(
    "statements: the line says whether it waits or runs, and how far it is once that is known") {
  const auto list = [](const json& state, const json& progress) {
    return json{{"queries",
                 {{{"query_id", "other"}, {"state", "running"}, {"progress", 9}},
                  {{"query_id", "mine"}, {"state", state}, {"progress", progress}}}}};
  };
  CHECK(statement_line(list("queued", nullptr), "mine") == "waits for its turn");
  CHECK(statement_line(list("running", nullptr), "mine") == "runs");
  CHECK(statement_line(list("running", 42), "mine") == "runs, 42 % done");
  CHECK(statement_line(list("running", 42), "gone") == "");
  CHECK(statement_line(json::object(), "mine") == "");
}
