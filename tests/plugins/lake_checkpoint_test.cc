// Parquet checkpoints that Spark wrote, read by the engine.
#include <doctest/doctest.h>

#include <cstdlib>
#include <filesystem>

#include "lakelog/snapshot.h"
#include "plugins/lake/checkpoint_reader.h"
#include "plugins/lake/delta_table.h"
#include "plugins/sdk/plugin.h"
#include "tests/lakelog/lake_fixture.h"

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

SessionOptions engine_options(const lakelog::TempLake& lake) {
  SessionOptions options;
  options.library = std::string(std::getenv("BATUTA_BUILD_DIR")) + "/libduckdb.so";
  options.scratch = lake.path();
  return options;
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
  Session session(engine_options(lake));
  EngineCheckpoints checkpoints(session, lake.path());
  for (const Case& each :
       {Case{"checkpoint", 10}, Case{"multi-part-checkpoint", 1},
        Case{"corrupted-last-checkpoint", 10}, Case{"update-deleted-directory", 0}}) {
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
  Session session(engine_options(lake));
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
