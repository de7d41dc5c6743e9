// A lake for readers that are not ours: tests/lakelog/deltalake_reader.py runs these two cases with
// BATUTA_SAMPLE_LAKE naming a folder, and opens the tables in between with another Delta library.
#include <doctest/doctest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "tests/plugins/financial_fixture.h"

using namespace batuta;

namespace {

Run numbered(int number) {
  const std::string digits = std::to_string(100 + number);
  return {"01980000-0000-7000-8000-000000000" + digits};
}

const char* sample_folder() {
  const char* folder = std::getenv("BATUTA_SAMPLE_LAKE");
  if (folder == nullptr) MESSAGE("skipped: BATUTA_SAMPLE_LAKE is not set");
  return folder;
}

}  // namespace

TEST_CASE("a sample lake is written with its sums") {
  const char* folder = sample_folder();
  if (folder == nullptr) return;
  int call = 0;
  Financial world([&call](const std::string&) {
    ++call;
    const std::string day = call % 2 == 0 ? "2026-11-19" : "2026-11-20";
    return page({quote(day + "T10:05:00Z", "PETR4", "9.50", "10.1", "9", "9.2",
                       std::to_string(call), "9.123456"),
                 quote(day + "T10:06:00Z", "AAPL", "9.5", "10", "9", "\"x\"", "1")});
  });
  // Enough versions for a compacted log entry, and merges that remove files.
  for (int i = 0; i < 34; ++i) {
    const auto bronze = world.complete("contract_bronze", numbered(i));
    if (i % 12 != 0) continue;
    const auto silver = world.complete("contract_silver", numbered(i), bronze);
    (void)world.complete(gold_plugin, numbered(i), silver);
  }
  json sums;
  sums[bronze_table] = world.rows(bronze_table, "SELECT count(*), sum(_record_no)::BIGINT FROM t");
  for (const char* table : {silver_table, gold_table})
    sums[table] = world.rows(table, "SELECT count(*), sum(volume)::BIGINT, sum(close) FROM t");
  sums[quarantine_table] = world.rows(quarantine_table, "SELECT count(*) FROM t");
  std::filesystem::copy(world.lake.path(), folder, std::filesystem::copy_options::recursive);
  std::ofstream(std::string(folder) + "/sums.json") << sums.dump(1);
}

TEST_CASE("rows appended by another writer are read") {
  const char* folder = sample_folder();
  if (folder == nullptr || !std::filesystem::exists(std::string(folder) + "/appended.json")) return;
  Financial world([](const std::string&) { return page({}); });
  std::ifstream in(std::string(folder) + "/appended.json");
  const auto expected = json::parse(in);
  std::filesystem::copy(
      folder, world.lake.path(),
      std::filesystem::copy_options::recursive | std::filesystem::copy_options::overwrite_existing);
  CHECK(world.rows(silver_table, "SELECT count(*), sum(volume)::BIGINT, sum(close) FROM t") ==
        std::vector<std::string>{expected.get<std::string>()});
}
