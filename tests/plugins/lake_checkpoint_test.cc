// Parquet checkpoints that Spark wrote, read by the engine.
#include <doctest/doctest.h>

#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "lakelog/schema.h"
#include "lakelog/snapshot.h"
#include "plugins/lake/checkpoint_reader.h"
#include "plugins/lake/checkpoint_writer.h"
#include "plugins/lake/delta_table.h"
#include "plugins/sdk/plugin.h"
#include "tests/lakelog/lake_fixture.h"
#include "tests/plugins/test_engine.h"

using namespace batuta;
using namespace batuta::lake;

namespace {

std::string archive() {
  const char* data = std::getenv("BATUTA_TEST_DATA");
  const char* source = std::getenv("BATUTA_SOURCE_DIR");
  const std::string folder =
      data != nullptr ? data : std::string(source != nullptr ? source : ".") + "/../shared/data";
  return folder + "/delta_golden.tar.gz";
}

struct Case {
  const char* table;
  std::int64_t checkpoint;  // its version; the commits up to it are taken away
};

}  // namespace

TEST_CASE("golden tables are the same from their checkpoint on as from their first commit") {
  if (!std::filesystem::exists(archive())) {
    MESSAGE("skipped: " << archive() << " is absent (BATUTA_TEST_DATA names its folder)");
    return;
  }
  lakelog::TempLake lake;
  const std::string command = "tar xzf '" + archive() + "' -C " + lake.path();
  REQUIRE(std::system(command.c_str()) == 0);
  Session session(engine_in(lake.path()));
  EngineCheckpoints checkpoints(session, lake.path());
  for (const Case& each : {Case{"checkpoint", 10}, Case{"multi-part-checkpoint", 1},
                           Case{"corrupted-last-checkpoint", 10},
                           Case{"update-deleted-directory", 0}, Case{"v2-checkpoint-json", 2}}) {
    CAPTURE(each.table);
    const lakelog::LogFolder log(*lake.storage(), std::string("delta_golden/") + each.table);
    const auto whole = lakelog::read_snapshot(log);
    REQUIRE(whole.ok());
    for (std::int64_t version = 0; version <= each.checkpoint; ++version)
      std::filesystem::remove(lake.path() + "/delta_golden/" + each.table + "/_delta_log/" +
                              lakelog::commit_file_name(version));
    const auto behind = lakelog::read_snapshot(log, lakelog::latest_version, &checkpoints);
    if (!behind.ok()) FAIL(behind.error().message);
    CHECK(behind->version == whole->version);
    CHECK(behind->metadata.id == whole->metadata.id);
    CHECK(behind->metadata.columns == whole->metadata.columns);
    CHECK(behind->protocol.min_writer == whole->protocol.min_writer);
    REQUIRE(behind->files.size() == whole->files.size());
    for (const auto& [path, file] : whole->files) {
      const auto found = behind->files.find(path);
      REQUIRE(found != behind->files.end());
      CHECK(found->second.size == file.size);
      CHECK(found->second.partition_values == file.partition_values);
      CHECK(lakelog::record_count(found->second) == lakelog::record_count(file));
    }
    CHECK(behind->txns.size() == whole->txns.size());
    const auto table = DeltaTable::open(session, lake.path(), log.table());
    CHECK(table.version() == whole->version);
  }
}

TEST_CASE("a file that is no checkpoint is refused with table and version") {
  lakelog::TempLake lake;
  Session session(engine_in(lake.path()));
  const std::string prefix = std::string(lakelog::test_table) + "/_delta_log/";
  REQUIRE(lake.storage()->put(prefix + "00000000000000000003.checkpoint.parquet", "PAR1").ok());
  try {
    (void)DeltaTable::open(session, lake.path(), lakelog::test_table);
    FAIL("it was read");
  } catch (const plugin::FinalError& error) {
    const std::string text = error.what();
    CHECK(text.find("silver/demo/numbers version 3 (checkpoint)") != std::string::npos);
  }
}

TEST_CASE("a checkpoint with parsed statistics is read, whatever numbers they hold") {
  lakelog::TempLake lake;
  const auto add = lakelog::data_file(lake.path(), "a");
  REQUIRE(lakelog::publish(lakelog::publication(lake, lakelog::append_payload({add}), 1)).ok());
  const auto log = lakelog::test_log(lake);
  const auto before = lakelog::read_snapshot(log);
  REQUIRE(before.ok());
  // As other engines write one: by the engine, with structs beside the JSON of the statistics.
  Session session(engine_in(lake.path()));
  const auto& metadata = before->metadata;
  session.run(
      "COPY (SELECT {'minReaderVersion': 1, 'minWriterVersion': 2} AS protocol "
      "UNION ALL BY NAME SELECT {'id': $2, 'format': {'provider': 'parquet'}, 'schemaString': $3, "
      "'partitionColumns': ['day'], 'configuration': MAP {}} AS \"metaData\" "
      "UNION ALL BY NAME SELECT {'path': 'day=2026-11-20/' || name, 'partitionValues': "
      "MAP {'day': '2026-11-20'}, 'size': 5, 'modificationTime': 7, 'dataChange': true, "
      "'stats': '{\"numRecords\":3}', 'tags': MAP {'k': 'v'}, "
      "'partitionValues_parsed': {'day': DATE '2026-11-20'}, "
      "'stats_parsed': {'numRecords': 3, 'minValues': {'x': CAST(low AS DOUBLE)}, "
      "'maxValues': {'x': CAST('NaN' AS DOUBLE)}}} AS add "
      "FROM (VALUES ('a', '-Infinity'), ('b', 'NaN')) v(name, low)) TO $1 (FORMAT parquet)",
      {lakelog::log_file(lake, "00000000000000000000.checkpoint.parquet"), metadata.id,
       lakelog::schema_string(metadata.columns)});
  std::filesystem::remove(lakelog::log_file(lake, lakelog::commit_file_name(0)));
  const auto table = DeltaTable::open(session, lake.path(), lakelog::test_table);
  CHECK(table.version() == 0);
  CHECK(table.snapshot().metadata.columns == metadata.columns);
  REQUIRE(table.snapshot().files.size() == 2);
  const auto& file = table.snapshot().files.at("day=2026-11-20/b");
  CHECK(lakelog::record_count(file) == 3);
  CHECK(file.partition_values.at("day") == "2026-11-20");
  CHECK(file.extra_json == R"({"tags":{"k":"v"}})");
}

TEST_CASE("a checkpoint too large for the engine's memory is refused with the setting's name") {
  lakelog::TempLake lake;
  auto options = engine_in(lake.path());
  options.memory_bytes = 64 << 20;
  Session session(options);
  std::filesystem::create_directories(lakelog::log_file(lake, ""));
  session.run(
      "COPY (SELECT {'minReaderVersion': 1, 'minWriterVersion': 2} AS protocol "
      "UNION ALL BY NAME SELECT {'path': range || '.parquet', 'partitionValues': "
      "MAP {'day': '2026-11-20'}, 'size': 5, 'modificationTime': 7, 'dataChange': true, "
      "'stats': repeat('x', 1000)} AS add FROM range(20000)) TO $1 (FORMAT parquet)",
      {lakelog::log_file(lake, "00000000000000000003.checkpoint.parquet")});
  CHECK_THROWS_WITH_AS(
      (void)DeltaTable::open(session, lake.path(), lakelog::test_table),
      doctest::Contains("(checkpoint): it holds more than 16 MiB of file names and "
                        "statistics: the setting lake.memory"),
      plugin::FinalError);
}

TEST_CASE("a checkpoint of version 2 under the classic name is read with its sidecars") {
  lakelog::TempLake lake;
  const auto add = lakelog::data_file(lake.path(), "a");
  REQUIRE(lakelog::publish(lakelog::publication(lake, lakelog::append_payload({add}), 1)).ok());
  const auto before = lakelog::read_snapshot(lakelog::test_log(lake));
  REQUIRE(before.ok());
  Session session(engine_in(lake.path()));
  std::filesystem::create_directories(lakelog::log_file(lake, "_sidecars"));
  session.run(
      "COPY (SELECT {'path': 'day=2026-11-20/' || name, 'partitionValues': "
      "MAP {'day': '2026-11-20'}, 'size': 5, 'modificationTime': 7, 'dataChange': true} AS add "
      "FROM (VALUES ('a'), ('b')) v(name)) TO $1 (FORMAT parquet)",
      {lakelog::log_file(lake, "_sidecars/s.parquet")});
  session.run(
      "COPY (SELECT {'minReaderVersion': 1, 'minWriterVersion': 2} AS protocol "
      "UNION ALL BY NAME SELECT {'id': $2, 'format': {'provider': 'parquet'}, 'schemaString': $3, "
      "'partitionColumns': ['day'], 'configuration': MAP {}} AS \"metaData\" "
      "UNION ALL BY NAME SELECT {'path': 's.parquet', 'sizeInBytes': 5, 'modificationTime': 7} "
      "AS sidecar) TO $1 (FORMAT parquet)",
      {lakelog::log_file(lake, "00000000000000000000.checkpoint.parquet"), before->metadata.id,
       lakelog::schema_string(before->metadata.columns)});
  std::filesystem::remove(lakelog::log_file(lake, lakelog::commit_file_name(0)));
  const auto table = DeltaTable::open(session, lake.path(), lakelog::test_table);
  CHECK(table.snapshot().files.size() == 2);
}

TEST_CASE("a checkpoint whose lines did not all reach the scratch folder is not made") {
  lakelog::TempLake lake;
  const auto add = lakelog::data_file(lake.path(), "a");
  REQUIRE(lakelog::publish(lakelog::publication(lake, lakelog::append_payload({add}), 1)).ok());
  const auto snapshot = lakelog::read_snapshot(lakelog::test_log(lake));
  REQUIRE(snapshot.ok());
  Session session(engine_in(lake.path()));
  EngineCheckpointWriter writer(session, lake.path());
  const lakelog::Commit state = lakelog::state_of(*snapshot, 0);
  const std::string lines = lake.path() + "/checkpoint.jsonl";
  std::filesystem::create_symlink("/dev/full", lines);
  const auto full = writer.write(state);
  REQUIRE(!full.ok());
  CHECK(full.error().message.find("cannot be written") != std::string::npos);
  CHECK(writer.write(state).ok());
}

TEST_CASE("a checkpoint of a table whose types have widened keeps its features and its changes") {
  lakelog::TempLake lake;
  const auto publish_as = [&](const std::string& file, const char* type, std::int64_t number) {
    auto payload =
        lakelog::append_payload({lakelog::data_file(lake.path(), file)}, number == 1 ? -1 : 0);
    payload["schema"][0]["type"] = type;
    if (number > 1) payload["evolve"] = true;
    const auto done = lakelog::publish(lakelog::publication(lake, payload, number));
    if (!done.ok()) FAIL(done.error().message);
  };
  publish_as("a", "integer", 1);
  publish_as("b", "long", 2);
  const auto log = lakelog::test_log(lake);
  const auto before = lakelog::read_snapshot(log);
  Session session(engine_in(lake.path()));
  EngineCheckpointWriter writer(session, lake.path());
  const auto bytes = writer.write(lakelog::state_of(*before, 0));
  if (!bytes.ok()) FAIL(bytes.error().message);
  const std::string folder = std::string(lakelog::test_table) + "/_delta_log/";
  REQUIRE(lake.storage()->put(folder + "00000000000000000001.checkpoint.parquet", *bytes).ok());
  for (const std::int64_t version : {0, 1})
    REQUIRE(lake.storage()->remove(folder + lakelog::commit_file_name(version)).ok());
  EngineCheckpoints checkpoints(session, lake.path());
  const auto after = lakelog::read_snapshot(log, lakelog::latest_version, &checkpoints);
  if (!after.ok()) FAIL(after.error().message);
  CHECK(after->protocol == before->protocol);
  CHECK(after->metadata.columns == before->metadata.columns);
  CHECK(after->metadata.configuration == before->metadata.configuration);
  CHECK(after->metadata.extra_json.find("delta.typeChanges") != std::string::npos);
  CHECK(lakelog::check_writable(after->protocol, after->metadata).ok());
  CHECK(DeltaTable::open(session, lake.path(), lakelog::test_table).version() == 1);
}
