#include "scheduler/serve/job_config.h"

#include <doctest/doctest.h>

#include "tests/serve/serve_fixture.h"

using namespace batuta;

namespace {

const char* const with_data = R"({
  "dag_id": "quotes", "schedule": "@hourly", "start_date": "2024-01-01T00:00:00Z",
  "tasks": [
    {"task_id": "get", "type": "extract", "source": "financial", "layer": "bronze",
     "params": {"overlap": "15m", "tickers": ["A"]}},
    {"task_id": "tell", "type": "shell", "command": "true", "depends_on": ["get"]}
  ]})";

}  // namespace

TEST_CASE("every data task of a DAG has a job, and no other task has") {
  const Time now{std::chrono::hours(1)};
  const auto rows = job_configs_of(*dag_from(with_data), "/lake", now);
  REQUIRE(rows.size() == 1);
  CHECK(rows[0].job_name == "quotes.get");
  CHECK(rows[0].interval == "@hourly");
  CHECK(rows[0].overlap == "15m");
  CHECK(rows[0].bucket_name == "/lake");
  CHECK(rows[0].created_at == now);
}
