#include "scheduler/cli/statement_wait.h"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>
#include <string>

#include "scheduler/cli/client.h"
#include "scheduler/cli/lake_server.h"

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

TEST_CASE("orders: one that had ended when it was to be stopped is told as it ended") {
  const auto told = [](const char* state) {
    try {
      const json order = batuta::cli::end_of_stopped({{"state", state}}, "interrupted", 130);
      return order["state"].get<std::string>();
    } catch (const batuta::cli::Failure& failure) {
      return std::string(failure.what());
    }
  };
  CHECK(told("ended") == "ended");
  CHECK(told("failed") == "failed");
  CHECK(told("stopped").starts_with("interrupted: it was stopped"));
  CHECK(told("running").starts_with("interrupted: it ends at its next step"));
}
