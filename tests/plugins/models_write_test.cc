// What a model writes: who writes which file.
#include <doctest/doctest.h>

#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

#include "lakelog/payload.h"
#include "tests/plugins/models_fixture.h"

using namespace batuta;
using nlohmann::json;
using Lines = std::vector<std::string>;

TEST_CASE(
    "partitions of many rows are written by all threads, each a file in the order of its keys") {
  Models world;
  world.engine_threads = 2;
  world.put("silver/brokerage/many",
            "SELECT range AS n, DATE '2026-11-01' + CAST(range % 5 AS INTEGER) AS day FROM "
            "range(100000)");
  const json result = world.run("run-1", {{"sql",
                                           "SELECT CAST(hash(n) % 1000003 AS BIGINT) * 100000 + n "
                                           "AS k, day FROM silver.brokerage.many"},
                                          {"table", "gold/brokerage/many"},
                                          {"mode", "overwrite"},
                                          {"keys", {"k"}},
                                          {"partition_by", {"day"}}});
  CHECK(result["records"] == 100000);
  const auto payload = lakelog::parse_payload(world.outputs.back());
  REQUIRE(payload.ok());
  CHECK(payload->adds.size() == 5);
  std::set<std::string> writers;  // part-<writer>-<number>
  for (const auto& add : payload->adds) {
    const std::string name = add.path.substr(add.path.rfind('/') + 1);
    writers.insert(name.substr(0, name.rfind('-')));
  }
  CHECK(writers.size() == 2);
  CHECK(world.rows("gold/brokerage/many", "SELECT count(*), count(DISTINCT k) FROM t") ==
        Lines{"100000|100000"});
}
