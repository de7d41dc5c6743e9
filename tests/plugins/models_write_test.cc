// What a model writes: who writes which file.
#include <doctest/doctest.h>

#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

#include "lakelog/action.h"
#include "lakelog/log_folder.h"
#include "lakelog/payload.h"
#include "tests/plugins/models_fixture.h"

using namespace batuta;
using nlohmann::json;
using Lines = std::vector<std::string>;

namespace {

// Of files named part-<writer>-<number>.
std::set<std::string> writers_of(const lakelog::Payload& payload) {
  std::set<std::string> writers;
  for (const auto& add : payload.adds) {
    const std::string name = add.path.substr(add.path.rfind('/') + 1);
    writers.insert(name.substr(0, name.rfind('-')));
  }
  return writers;
}

// As after maintenance, the files of the first version may hold rows of any execution.
void mix_executions(Models& world, const std::string& table) {
  const lakelog::LogFolder log(*world.lake.storage(), table);
  auto mixed = *lakelog::parse_commit(*log.read(0));
  mixed.protocol.reset();
  mixed.metadata.reset();
  mixed.txns.clear();
  mixed.info_json = R"({"operation":"OPTIMIZE"})";
  for (lakelog::AddFile& file : mixed.adds) {
    file.data_change = false;
    file.stats_json = json{{"numRecords", lakelog::record_count(file).value_or(0)}}.dump();
  }
  REQUIRE(log.put_if_absent(world.version(table) + 1, lakelog::serialise(mixed)).ok());
}

}  // namespace

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
  CHECK(writers_of(*payload).size() == 2);
  CHECK(world.rows("gold/brokerage/many", "SELECT count(*), count(DISTINCT k) FROM t") ==
        Lines{"100000|100000"});
}

TEST_CASE("rows of others that an append writes again count for who writes the files") {
  Models world;
  world.engine_threads = 2;
  const auto append = [&](const char* execution, const char* rows) {
    world.run(execution, {{"sql", std::string("SELECT range AS n, DATE '2026-11-01' + "
                                              "CAST(range % 2 AS INTEGER) AS day FROM range(") +
                                      rows + ")"},
                          {"table", "gold/brokerage/kept"},
                          {"mode", "append"},
                          {"partition_by", {"day"}}});
  };
  append("run-1", "90000");
  append("run-2", "10000");
  mix_executions(world, "gold/brokerage/kept");
  append("run-2", "10001");
  const auto payload = lakelog::parse_payload(world.outputs.back());
  REQUIRE(payload.ok());
  CHECK(writers_of(*payload).size() == 2);
  CHECK(world.rows("gold/brokerage/kept", "SELECT count(*) FROM t") == Lines{"100001"});
}
