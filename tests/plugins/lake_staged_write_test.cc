#include "plugins/lake/staged_write.h"

#include <doctest/doctest.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <set>
#include <stdexcept>

#include "plugins/lake/delta_table.h"
#include "plugins/lake/lake_views.h"
#include "plugins/lake/session.h"
#include "plugins/sdk/plugin.h"
#include "tests/lakelog/lake_fixture.h"
#include "tests/plugins/test_engine.h"

using namespace batuta;
using namespace batuta::lake;

namespace {}  // namespace

TEST_CASE("a partition gets one file, its rows in order, however many rows and partitions come") {
  lakelog::TempLake lake;
  Session session(engine_in(lake.path()));
  // More rows than the engine holds back at once, for more partitions than it keeps files open.
  const auto files = write_files(
      session, {lake.storage(),
                "silver/demo/many",
                {{"n", "long", true}, {"day", "date", true}},
                {"day"},
                "SELECT range AS n, DATE '2026-01-01' + CAST(hash(range) % 150 AS INTEGER) AS day "
                "FROM range(700000) ORDER BY hash(range + 1)",
                {},
                {"n"}});
  CHECK(files.size() == 150);
  const std::string first = lake.path() + "/silver/demo/many/" + files.at(0).path;
  const auto rows = session.query(
      "SELECT list(n) = list_sort(list(n)), count(*) > 1000 FROM read_parquet($1)", {first});
  CHECK(std::get<bool>(rows.rows.at(0).at(0).value));
  CHECK(std::get<bool>(rows.rows.at(0).at(1).value));
}

TEST_CASE("a file that has grown large is ended and another begun, in the order of the rows") {
  lakelog::TempLake lake;
  Session session(engine_in(lake.path()));
  StagedWrite write{lake.storage(),
                    "bronze/demo/large",
                    {{"n", "long", true}, {"text", "string", true}, {"day", "date", true}},
                    {"day"},
                    "SELECT range AS n, md5(CAST(range AS VARCHAR)) AS text, DATE '2026-01-02' AS "
                    "day FROM range(400000)",
                    {},
                    {"n"}};
  write.only = lakelog::PartitionValues{{"day", "2026-01-02"}};
  write.most_bytes = 1 << 20;
  const auto check = [&](const std::string& prefix) {
    const auto files = write_files(session, write);
    REQUIRE(files.size() > 2);
    std::int64_t next = 0;
    std::set<std::string> paths;
    for (const auto& file : files) {
      CHECK(file.path.starts_with(prefix));
      CHECK(paths.insert(file.path).second);
      CHECK(file.size == static_cast<std::int64_t>(std::filesystem::file_size(
                             lake.path() + "/bronze/demo/large/" + file.path)));
      const auto stats = nlohmann::json::parse(file.stats_json);
      CHECK(stats["minValues"]["n"] == next);
      next += lakelog::record_count(file).value_or(0);
      CHECK(stats["maxValues"]["n"] == next - 1);
    }
    CHECK(next == 400000);
  };
  check("day=2026-01-02/part-");
  // All threads write one that is expected to stay small: sorted, and in one file even where that
  // was wrong.
  {
    SessionOptions options = engine_in(lake.path());
    options.threads = 2;
    Session both(options);
    both.run("SET preserve_insertion_order = false");
    StagedWrite sorted = write;
    sorted.select += " ORDER BY hash(range)";
    sorted.expected_bytes = sorted.most_bytes;
    const auto files = write_files(both, sorted);
    REQUIRE(files.size() == 1);
    CHECK(files[0].size > write.most_bytes);
    CHECK(both.value("SELECT count(*) FILTER (n = file_row_number) FROM read_parquet($1, "
                     "file_row_number = true)",
                     {lake.path() + "/bronze/demo/large/" + files[0].path})
              .integer() == 400000);
    CHECK(both.value("SELECT current_setting('threads')").integer() == 2);
    sorted.expected_bytes = sorted.most_bytes + 1;
    CHECK(write_files(both, sorted).size() > 2);
  }
  write.only.reset();
  write.partition_columns.clear();
  check("part-");
  write.select += " LIMIT 0";
  CHECK(write_files(session, write).empty());
}

TEST_CASE(
    "rows of one partition are written in the order in which they come, whatever their number") {
  lakelog::TempLake lake;
  Session session(engine_in(lake.path()));
  StagedWrite write{lake.storage(),
                    "bronze/demo/many",
                    {{"n", "long", true}, {"day", "date", true}},
                    {"day"},
                    "SELECT 700000 - range AS n, DATE '2026-01-02' AS day FROM range(700000)",
                    {},
                    {}};
  write.only = lakelog::PartitionValues{{"day", "2026-01-02"}};
  const auto files = write_files(session, write);
  REQUIRE(files.size() == 1);
  CHECK(files[0].path.starts_with("day=2026-01-02/part-"));
  CHECK(files[0].partition_values == *write.only);
  CHECK(lakelog::record_count(files[0]) == 700000);
  const auto stats = nlohmann::json::parse(files[0].stats_json);
  CHECK(stats["minValues"] == nlohmann::json{{"n", 1}});
  CHECK(stats["maxValues"] == nlohmann::json{{"n", 700000}});
  const auto rows = session.query(
      "SELECT count(*) FILTER (n + file_row_number <> 700000) FROM read_parquet($1, "
      "file_row_number = true, hive_partitioning = false)",
      {lake.path() + "/bronze/demo/many/" + files[0].path});
  CHECK(rows.rows.at(0).at(0).integer() == 0);

  const auto table = DeltaTable::open(lake.path(), "bronze/demo/many");
  create_view(session, "many", table, write.columns, write.partition_columns, files);
  CHECK(session.value("SELECT count(*) FROM many WHERE day = DATE '2026-01-02'").integer() ==
        700000);
  write.select += " LIMIT 0";
  CHECK(write_files(session, write).empty());
  write.only = lakelog::PartitionValues{{"day", "../2026"}};
  CHECK_THROWS_AS(write_files(session, write), std::logic_error);
}

TEST_CASE("partitions of many rows are written by all threads, a file each, its rows in order") {
  lakelog::TempLake lake;
  SessionOptions options = engine_in(lake.path());
  options.threads = 2;
  Session session(options);
  session.run("SET preserve_insertion_order = false");
  StagedWrite write{lake.storage(),
                    "gold/demo/shared",
                    {{"n", "long", true}, {"region", "string", true}, {"day", "date", true}},
                    {"region", "day"},
                    "SELECT range AS n, CASE range % 3 WHEN 0 THEN 'a/b' WHEN 1 THEN 'c' END AS "
                    "region, DATE '2026-01-01' + CAST(range % 2 AS INTEGER) AS day FROM "
                    "range(120000) ORDER BY hash(range)",
                    {},
                    {"n"}};
  const auto writers = [&] {
    const auto files = write_files(session, write);
    CHECK(files.size() == 6);
    std::set<std::string> names;
    std::int64_t rows = 0;
    for (const auto& file : files) {
      const std::string name = file.path.substr(file.path.rfind('/') + 1);
      names.insert(name.substr(0, name.rfind('-')));
      rows += lakelog::record_count(file).value_or(0);
      CHECK(std::get<bool>(
          session
              .value("SELECT list(n ORDER BY file_row_number) = list_sort(list(n)) FROM "
                     "read_parquet($1, file_row_number = true, hive_partitioning = false)",
                     {lake.path() + "/gold/demo/shared/" + file.path})
              .value));
    }
    CHECK(rows == 120000);
    return names.size();
  };
  CHECK(writers() == 1);
  write.expected_rows = 120'000;
  CHECK(writers() == 2);
  CHECK(session.value("SELECT count(*) FROM duckdb_tables()").integer() == 0);
  // More than fits its memory, and fewer than are worth it.
  write.expected_rows = session.memory_bytes();
  CHECK(writers() == 1);
  write.expected_rows = 1'000;
  CHECK(writers() == 1);
  write.expected_rows = 120'000;
  write.select =
      "SELECT range AS n, CASE WHEN range % 2 = 0 THEN 'NULL' END AS region, DATE '2026-01-01' AS "
      "day FROM range(120000)";
  CHECK_THROWS_AS(write_files(session, write), plugin::FinalError);
}

TEST_CASE("files are written for several partition columns, NULL among their values, or for none") {
  lakelog::TempLake lake;
  Session session(engine_in(lake.path()));
  StagedWrite write{lake.storage(),
                    "gold/demo/parts",
                    {{"n", "long", true}, {"region", "string", true}, {"day", "date", true}},
                    {"region", "day"},
                    "SELECT * FROM (VALUES (1::BIGINT, 'a/b %', DATE '2026-11-20'), (2, NULL, DATE "
                    "'2026-11-20'), "
                    "(3, NULL, NULL), (4, 'a/b %', DATE '2026-11-20')) v(n, region, day)",
                    {},
                    {"n"}};
  const auto files = write_files(session, write);
  REQUIRE(files.size() == 3);
  std::set<std::pair<std::string, std::string>> told;
  for (const auto& file : files)
    told.insert({file.partition_values.at("region").value_or("NULL"),
                 file.partition_values.at("day").value_or("NULL")});
  CHECK(told == std::set<std::pair<std::string, std::string>>{
                    {"a/b %", "2026-11-20"}, {"NULL", "2026-11-20"}, {"NULL", "NULL"}});
  const auto table = DeltaTable::open(lake.path(), "gold/demo/parts");
  create_view(session, "parts", table, write.columns, write.partition_columns, files);
  CHECK(
      session.value("SELECT list(n ORDER BY n)::VARCHAR FROM parts WHERE region IS NULL").text() ==
      "[2, 3]");
  CHECK(session.value("SELECT sum(n)::BIGINT FROM parts WHERE region = 'a/b %'").integer() == 5);

  write.partition_columns.clear();
  const auto whole = write_files(session, write);
  REQUIRE(whole.size() == 1);
  CHECK(whole[0].partition_values.empty());
  CHECK(lakelog::record_count(whole[0]) == 4);
  write.select += " LIMIT 0";
  CHECK(write_files(session, write).empty());

  write.partition_columns = {"region"};
  write.select =
      "SELECT 1::BIGINT AS n, 'NULL' AS region, NULL::DATE AS day UNION ALL SELECT 2, NULL, NULL";
  CHECK_THROWS_AS(write_files(session, write), plugin::FinalError);
}
