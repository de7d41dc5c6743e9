#include "plugins/lake/session.h"

#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <thread>

#include "plugins/lake/delta_table.h"
#include "plugins/lake/file_stats.h"
#include "plugins/lake/sql_error.h"
#include "plugins/lake/staged_write.h"
#include "plugins/sdk/plugin.h"
#include "tests/lakelog/lake_fixture.h"

using namespace batuta;
using namespace batuta::lake;

namespace {

SessionOptions options_in(const lakelog::TempLake& lake) {
  SessionOptions options;
  options.library = std::string(std::getenv("BATUTA_BUILD_DIR")) + "/libduckdb.so";
  options.scratch = lake.path();
  return options;
}

const std::vector<lakelog::Column> columns = {{"n", "long", true},
                                              {"price", "decimal(18,6)", true},
                                              {"at", "timestamp", true},
                                              {"name", "string", true},
                                              {"day", "date", true}};

StagedWrite sample(const lakelog::TempLake& lake, const std::string& rows) {
  return {lake.storage(),
          "silver/demo/things",
          columns,
          "day",
          "SELECT * FROM (VALUES " + rows + ") v(n, price, \"at\", name, day)",
          {}};
}

std::string thing(const std::string& n, const std::string& day, const std::string& name = "'x'") {
  return "(" + n + "::BIGINT, 9.99::DECIMAL(18,6), TIMESTAMPTZ '2026-11-20 10:00:00.123456+00', " +
         name + ", DATE '" + day + "')";
}

}  // namespace

TEST_CASE("values of every kind come back as they are") {
  lakelog::TempLake lake;
  Session session(options_in(lake));
  const auto table = session.query(
      "SELECT NULL, true, 42::TINYINT, 9223372036854775807, "
      "170141183460469231731687303715884105727,"
      " 1.25::DOUBLE, -1.05::DECIMAL(18,6), 0.1::DECIMAL(4,1), 'a''b', DATE '2026-11-20',"
      " TIMESTAMPTZ '2026-11-20 10:00:00.5+00', [1, NULL], {'a': 1, 'b': 'x'}, MAP {'k': [2]},"
      " 'long text beyond twelve bytes', '\\xAB'::BLOB, 18446744073709551615::UBIGINT,"
      " TIME '01:02:03', uuid '01980000-0000-7000-8000-00000000000a', [1, 2]::INTEGER[2],"
      " 'b'::ENUM('a', 'b'), INTERVAL 1 DAY");
  const auto& row = table.rows.at(0);
  CHECK(row[0].is_null());
  CHECK(std::get<bool>(row[1].value));
  CHECK(row[2].integer() == 42);
  CHECK(row[3].integer() == 9223372036854775807);
  CHECK(row[4].text() == "170141183460469231731687303715884105727");
  CHECK(std::get<double>(row[5].value) == 1.25);
  CHECK(row[6].text() == "-1.050000");
  CHECK(row[7].text() == "0.1");
  CHECK(row[8].text() == "a'b");
  CHECK(row[9].text() == "2026-11-20");
  CHECK(row[10].text() == "2026-11-20T10:00:00.500000Z");
  CHECK(std::get<std::vector<Cell>>(row[11].value)[1].is_null());
  CHECK(row[12].field("b")->text() == "x");
  CHECK(std::get<std::vector<Cell>>(row[13].field("k")->value)[0].integer() == 2);
  CHECK(row[14].text() == "long text beyond twelve bytes");
  CHECK(row[15].text() == "ab");
  CHECK(row[16].text() == "18446744073709551615");
  CHECK(row[17].text() == "01:02:03.000000");
  CHECK(row[18].text() == "01980000-0000-7000-8000-00000000000a");
  CHECK(std::get<std::vector<Cell>>(row[19].value).size() == 2);
  CHECK(row[20].text() == "b");
  CHECK(row[21].text() == "<unsupported>");
}

TEST_CASE("parameters are values, never SQL") {
  lakelog::TempLake lake;
  Session session(options_in(lake));
  const std::string evil = "x'); DROP TABLE t; --";
  session.run("CREATE TABLE t(a VARCHAR)");
  session.run("INSERT INTO t VALUES ($1)", {evil});
  CHECK(session.value("SELECT a FROM t WHERE a = $1", {evil}).text() == evil);
  CHECK(
      session.value("SELECT len($1::VARCHAR[])", {std::vector<std::string>{"a", evil}}).integer() ==
      2);
  CHECK(std::get<bool>(session.value("SELECT $1 IS NULL", {std::monostate{}}).value));
  CHECK(quoted_name("a\"b") == "\"a\"\"b\"");
}

TEST_CASE("a wrong statement says what is wrong") {
  lakelog::TempLake lake;
  Session session(options_in(lake));
  CHECK_THROWS_WITH_AS(session.run("SELECT nothing_here"), doctest::Contains("nothing_here"),
                       SqlError);
  CHECK_THROWS_AS(session.run("SELECT 1/0 AS x, CAST('a' AS INTEGER)"), SqlError);
  CHECK_THROWS_AS(session.run("INSTALL httpfs"), SqlError);
}

TEST_CASE("rows beyond the limit are cut and said to be") {
  lakelog::TempLake lake;
  Session session(options_in(lake));
  const auto table = session.query("SELECT * FROM range(1000000000)", {}, 5);
  CHECK(table.rows.size() == 5);
  CHECK(table.cut);
  CHECK_FALSE(session.query("SELECT 1", {}, 1).cut);
}

TEST_CASE("cancelling ends a long query within a second") {
  lakelog::TempLake lake;
  std::atomic<bool> stop = false;
  auto options = options_in(lake);
  options.cancelled = [&stop] { return stop.load(); };
  Session session(options);
  std::thread later([&stop] { stop = true; });
  const auto start = std::chrono::steady_clock::now();
  CHECK_THROWS_AS(session.run("SELECT count(*) FROM range(100000000) a, range(1000) b"),
                  plugin::RetryableError);
  CHECK(std::chrono::steady_clock::now() - start < std::chrono::seconds(5));
  later.join();
}

TEST_CASE("raw text becomes exact values inside SQL") {
  lakelog::TempLake lake;
  Session session(options_in(lake));
  session.register_text_functions();
  const auto table = session.query(
      "SELECT batuta_price(v), batuta_whole(v), batuta_instant(v) FROM (VALUES ('0.0000025'), "
      "('12'),"
      " ('2026-11-20T10:00:00-03:00'), (NULL), ('x')) t(v)");
  CHECK(table.rows[0][0].text() == "0.000002");
  CHECK(table.rows[0][1].is_null());
  CHECK(table.rows[1][1].integer() == 12);
  CHECK(table.rows[2][2].text() == "2026-11-20T13:00:00Z");
  for (const auto& cell : table.rows[3]) CHECK(cell.is_null());
  for (const auto& cell : table.rows[4]) CHECK(cell.is_null());
  CHECK(session.value("SELECT typeof(batuta_price('1'))").text() == "DECIMAL(18,6)");
}

TEST_CASE("staged files carry sizes, partitions and honest statistics") {
  lakelog::TempLake lake;
  Session session(options_in(lake));
  const auto files =
      write_files(session, sample(lake, thing("1", "2026-11-20") + "," + thing("7", "2026-11-20") +
                                            "," + thing("NULL", "2026-11-21", "repeat('z', 300)")));
  REQUIRE(files.size() == 2);
  const auto& first = files[0].partition_values.at("day") == "2026-11-20" ? files[0] : files[1];
  const auto& second = &first == &files[0] ? files[1] : files[0];
  CHECK(first.path.starts_with("day=2026-11-20/part-"));
  CHECK(static_cast<std::uintmax_t>(first.size) ==
        std::filesystem::file_size(lake.path() + "/silver/demo/things/" + first.path));
  const auto stats = nlohmann::json::parse(first.stats_json);
  CHECK(stats["numRecords"] == 2);
  CHECK(stats["minValues"]["n"] == 1);
  CHECK(stats["maxValues"]["n"] == 7);
  CHECK(stats["minValues"]["at"] == "2026-11-20T10:00:00.123000Z");
  CHECK(stats["maxValues"]["at"] == "2026-11-20T10:00:00.124000Z");
  CHECK(stats["maxValues"]["name"] == "x");
  CHECK_FALSE(stats["minValues"].contains("price"));
  CHECK_FALSE(stats["minValues"].contains("day"));
  const auto other = nlohmann::json::parse(second.stats_json);
  CHECK(other["nullCount"]["n"] == 1);
  CHECK_FALSE(other["maxValues"].contains("name"));
  CHECK(may_hold_text(first, "name", "x"));
  CHECK_FALSE(may_hold_text(first, "name", "y"));
  CHECK(may_hold_text(second, "name", "y"));
  CHECK(time_bounds(first, "at")->high == *parse_iso("2026-11-20T10:00:00.124Z"));
  CHECK(write_files(session, sample(lake, thing("1", "2026-11-20") + " LIMIT 0")).empty());
}

TEST_CASE("a view takes partition columns from the log and is typed even when empty") {
  lakelog::TempLake lake;
  Session session(options_in(lake));
  const auto write = sample(lake, thing("1", "2026-11-20") + "," + thing("2", "2026-11-21"));
  auto files = write_files(session, write);
  files[0].partition_values["day"] = "2001-01-01";  // the folder's name is not what counts
  const auto table = DeltaTable::open(lake.path(), "silver/demo/things");
  create_view(session, "things", table, columns, {"day"}, files);
  CHECK(session.value("SELECT count(*) FROM things WHERE day = DATE '2001-01-01'").integer() == 1);
  CHECK(session.value("SELECT sum(price) FROM things").text() == "19.980000");
  create_view(session, "things", table, columns, {"day"}, {});
  CHECK(session.value("SELECT count(*) FROM things").integer() == 0);
  CHECK(session.value("SELECT typeof(first(price)) FROM things").text() == "DECIMAL(18,6)");
  CHECK(sql_type(R"({"type":"array","elementType":{"type":"map","keyType":"string",)"
                 R"("valueType":"long","valueContainsNull":true},"containsNull":true})") ==
        "MAP(VARCHAR, BIGINT)[]");
  CHECK_THROWS_AS(sql_type("hugeint"), plugin::FinalError);
}
