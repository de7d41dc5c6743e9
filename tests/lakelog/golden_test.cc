// Tables that Spark wrote: each must be replayed right or refused with a clear reason.
#include <doctest/doctest.h>

#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "lakelog/snapshot.h"
#include "tests/lakelog/lake_fixture.h"

using namespace batuta;
using namespace batuta::lakelog;

namespace {

struct Golden {
  const char* name;
  Errc expected;         // ok = readable
  std::int64_t version;  // when readable
  std::size_t files;     // live files
  const char* said;      // part of the refusal
};

constexpr Golden golden_tables[] = {
    {"basic-decimal-table", Errc::ok, 0, 4, ""},
    {"basic-with-inserts-updates", Errc::ok, 1, 2, ""},
    {"checkpoint", Errc::ok, 14, 1, ""},
    {"corrupted-last-checkpoint", Errc::ok, 10, 11, ""},
    {"data-reader-nested-struct", Errc::ok, 0, 2, ""},
    {"data-reader-partition-values", Errc::ok, 0, 3, ""},
    {"data-reader-primitives", Errc::ok, 0, 2, ""},
    {"deltalog-invalid-protocol-version", Errc::invalid, 0, 0, "reader of version 99"},
    {"log-replay-special-characters", Errc::ok, 1, 0, ""},
    {"multi-part-checkpoint", Errc::ok, 1, 10, ""},
    {"snapshot-data3", Errc::ok, 3, 4, ""},
    {"time-travel-start-start20-start40", Errc::ok, 2, 6, ""},
    {"update-deleted-directory", Errc::ok, 0, 10, ""},
    {"v2-checkpoint-json", Errc::ok, 2, 4, ""},
};

std::string archive() {
  const char* data = std::getenv("BATUTA_TEST_DATA");
  const char* source = std::getenv("BATUTA_SOURCE_DIR");
  const std::string folder =
      data != nullptr ? data : std::string(source != nullptr ? source : ".") + "/../shared/data";
  return folder + "/delta_golden.tar.gz";
}

}  // namespace

TEST_CASE("the golden tables are read or refused as they should be") {
  if (!std::filesystem::exists(archive())) {
    MESSAGE("skipped: " << archive() << " is absent (BATUTA_TEST_DATA names its folder)");
    return;
  }
  TempLake lake;
  const std::string command = "tar xzf '" + archive() + "' -C " + lake.path();
  REQUIRE(std::system(command.c_str()) == 0);
  for (const Golden& golden : golden_tables) {
    CAPTURE(golden.name);
    const auto snapshot =
        read_snapshot(LogFolder(*lake.storage(), std::string("delta_golden/") + golden.name));
    if (golden.expected != Errc::ok) {
      REQUIRE(!snapshot.ok());
      CHECK(snapshot.error().code == golden.expected);
      CHECK(snapshot.error().message.find(golden.said) != std::string::npos);
      continue;
    }
    if (!snapshot.ok()) MESSAGE(snapshot.error().message);
    REQUIRE(snapshot.ok());
    CHECK(snapshot->version == golden.version);
    CHECK(snapshot->files.size() == golden.files);
  }
}

TEST_CASE("golden tables cut off before their checkpoint are refused") {
  if (!std::filesystem::exists(archive())) {
    MESSAGE("skipped: " << archive() << " is absent (BATUTA_TEST_DATA names its folder)");
    return;
  }
  TempLake lake;
  const std::string command = "tar xzf '" + archive() + "' -C " + lake.path();
  REQUIRE(std::system(command.c_str()) == 0);
  const std::string table = lake.path() + "/delta_golden/checkpoint";
  for (int version = 0; version <= 5; ++version)
    std::filesystem::remove(table + "/_delta_log/" + commit_file_name(version));
  const auto snapshot = read_snapshot(LogFolder(*lake.storage(), "delta_golden/checkpoint"));
  REQUIRE(!snapshot.ok());
  CHECK(snapshot.error().message.find("Parquet checkpoint") != std::string::npos);
}
