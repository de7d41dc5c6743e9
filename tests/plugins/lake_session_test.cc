#include "plugins/lake/session.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>
#include <thread>

#include "common/safe_json.h"
#include "plugins/lake/cell_json.h"
#include "plugins/lake/confinement.h"
#include "plugins/lake/delta_table.h"
#include "plugins/lake/file_stats.h"
#include "plugins/lake/lake_views.h"
#include "plugins/lake/one_thread.h"
#include "plugins/lake/outside_select.h"
#include "plugins/lake/sql_error.h"
#include "plugins/lake/staged_write.h"
#include "plugins/sdk/plugin.h"
#include "tests/lakelog/lake_fixture.h"
#include "tests/plugins/test_engine.h"

using namespace batuta;
using namespace batuta::lake;

namespace {

const std::vector<lakelog::Column> columns = {{"n", "long", true},
                                              {"price", "decimal(18,6)", true},
                                              {"at", "timestamp", true},
                                              {"name", "string", true},
                                              {"day", "date", true}};

StagedWrite sample(const lakelog::TempLake& lake, const std::string& rows) {
  return {lake.storage(),
          "silver/demo/things",
          columns,
          {"day"},
          "SELECT * FROM (VALUES " + rows + ") v(n, price, \"at\", name, day)",
          {},
          {}};
}

std::string thing(const std::string& n, const std::string& day, const std::string& name = "'x'") {
  return "(" + n + "::BIGINT, 9.99::DECIMAL(18,6), TIMESTAMPTZ '2026-11-20 10:00:00.123456+00', " +
         name + ", DATE '" + day + "')";
}

}  // namespace

TEST_CASE("values of every kind come back as they are") {
  lakelog::TempLake lake;
  Session session(engine_in(lake.path()));
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
  CHECK(row[21].text() == "P1D");
}

TEST_CASE("parameters are values, never SQL") {
  lakelog::TempLake lake;
  Session session(engine_in(lake.path()));
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
  Session session(engine_in(lake.path()));
  CHECK_THROWS_WITH_AS(session.run("SELECT nothing_here"), doctest::Contains("nothing_here"),
                       SqlError);
  CHECK_THROWS_AS(session.run("SELECT 1/0 AS x, CAST('a' AS INTEGER)"), SqlError);
  CHECK_THROWS_AS(session.run("INSTALL httpfs"), SqlError);
}

TEST_CASE("rows beyond the limit are cut and said to be") {
  lakelog::TempLake lake;
  Session session(engine_in(lake.path()));
  const auto table = session.query("SELECT * FROM range(1000000000)", {}, 5);
  CHECK(table.rows.size() == 5);
  CHECK(table.cut);
  CHECK_FALSE(session.query("SELECT 1", {}, 1).cut);
}

TEST_CASE("a row that is larger than there is room for is not copied") {
  lakelog::TempLake lake;
  Session session(engine_in(lake.path()));
  const auto rows_of = [&session](const std::string& sql, std::size_t room) {
    int rows = 0;
    const bool all = session.stream_select(
        sql, [](const std::vector<std::string>&) {},
        [&rows](std::vector<Cell>&&) { return ++rows > 0; }, [room] { return room; });
    return std::pair(rows, all);
  };
  CHECK(rows_of("SELECT repeat('x', 100)", 102) == std::pair(1, true));
  CHECK(rows_of("SELECT repeat('x', 100)", 101) == std::pair(0, false));
  CHECK(rows_of("SELECT repeat('x', 60), [repeat('y', 60)]", 101) == std::pair(0, false));
  CHECK(rows_of("SELECT {'a': MAP {repeat('k', 100): 1}}", 101) == std::pair(0, false));
  CHECK(rows_of("SELECT repeat('x', 100)::BLOB", 101) == std::pair(0, false));
  CHECK(rows_of("SELECT range(50)", 102) == std::pair(1, true));
  CHECK(rows_of("SELECT range(50)", 101) == std::pair(0, false));
  // What was there before it is given; of each row anew.
  CHECK(rows_of("SELECT repeat('x', n) FROM (VALUES (90), (90), (101)) v(n)", 102) ==
        std::pair(2, false));
}

TEST_CASE("cancelling ends a long query within a second") {
  lakelog::TempLake lake;
  std::atomic<bool> stop = false;
  auto options = engine_in(lake.path());
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
  Session session(engine_in(lake.path()));
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

TEST_CASE("a number that a double may round is found in a text, as its expression would find it") {
  lakelog::TempLake lake;
  Session session(engine_in(lake.path()));
  session.register_text_functions();
  const std::string texts =
      "(VALUES ('{\"a\":1234567890123456}'), ('{\"a\":123456789012345}'), "
      "('{\"a\":-0.123456789012345e-7}'), ('{\"a\":----------------1}'), "
      "('2026-11-28T10:00:00.123456Z'), ('--1.e+E-0123456789'), ('1234567 12345678901'), (''), "
      "('é1234567890123456'), (NULL)) v(t)";
  CHECK(session
            .value("SELECT count(*) FROM " + texts +
                   " WHERE batuta_long_number(t) IS NOT DISTINCT FROM "
                   "regexp_matches(t, '[0-9][0-9.eE+-]{15,}')")
            .integer() == 10);
  CHECK(session.value("SELECT count(*) FROM " + texts + " WHERE batuta_long_number(t)").integer() ==
        4);
  // Digits, signs and letters mixed: runs of every length at every place.
  CHECK(
      session
          .value(
              "SELECT count(*) FROM (SELECT translate(md5(CAST(i AS VARCHAR)) || md5(CAST(i + 1 "
              "AS VARCHAR)), 'abcdef', '1.-+eE') AS t FROM range(300) r(i)) WHERE "
              "batuta_long_number(substr(t, 1, 33) || 'x' || t) <> regexp_matches(substr(t, 1, 33) "
              "|| 'x' || t, '[0-9][0-9.eE+-]{15,}')")
          .integer() == 0);
  CHECK(session
            .value(
                "SELECT count(*) FROM range(40) p(place), range(20) l(size) WHERE "
                "batuta_long_number(repeat('x', place) || repeat('7', size) || 'y') <> (size > 15)")
            .integer() == 0);
}

TEST_CASE("blanks around a text are told as the engine's trim takes them") {
  lakelog::TempLake lake;
  Session session(engine_in(lake.path()));
  session.register_text_functions();
  const std::string texts =
      "(WITH c(ch) AS (SELECT chr(unnest([32, 160, 5760, 8192, 8193, 8197, 8202, 8203, 8239, 8287, "
      "8288, 12288, 6158, 9, 10, 133, 8232, 33, 126, 127, 233, 55, 128512])) UNION ALL SELECT '') "
      "SELECT a.ch || m || b.ch AS t FROM c a, c b, (VALUES (''), ('x'), (' ')) v(m))";
  CHECK(session
            .value("SELECT count(*) FROM " + texts +
                   " WHERE batuta_blank(t) IS DISTINCT FROM (trim(t) = '')")
            .integer() == 0);
  CHECK(session.value("SELECT count(*) FROM " + texts + " WHERE batuta_tidy(t) AND trim(t) <> t")
            .integer() == 0);
  CHECK(session.value("SELECT count(*) FROM " + texts + " WHERE batuta_tidy(t)").integer() > 0);
  CHECK(session
            .value("SELECT count(*) FROM (SELECT 1) WHERE batuta_blank(NULL) IS NULL AND "
                   "batuta_tidy(NULL) IS NULL")
            .integer() == 1);
}

TEST_CASE("a text's fingerprint is the engine's own SHA-256, as bytes") {
  lakelog::TempLake lake;
  Session session(engine_in(lake.path()));
  session.register_text_functions();
  CHECK(session
            .value("SELECT count(*) FROM (SELECT CASE WHEN i % 50 = 7 THEN NULL ELSE "
                   "repeat(chr(CAST(97 + i % 26 AS INTEGER)), i) END AS t FROM range(300) r(i)) "
                   "WHERE batuta_sha256(t) "
                   "IS DISTINCT FROM unhex(sha256(t))")
            .integer() == 0);
  CHECK(session.value("SELECT typeof(batuta_sha256('a'))").text() == "BLOB");
}

TEST_CASE("statements of one thread let the others go, and the next one has them again") {
  lakelog::TempLake lake;
  SessionOptions options = engine_in(lake.path());
  options.threads = 2;
  Session session(options);
  const std::string threads = "SELECT current_setting('threads')";
  {
    const OneThread one;
    CHECK(session.value(threads).integer() == 1);
    const OneThread within;
    CHECK(session.query(threads).rows[0][0].integer() == 1);
  }
  CHECK(session.value(threads).integer() == 2);
  CHECK(session.query(threads).rows[0][0].integer() == 2);
}

TEST_CASE("staged files carry sizes, partitions and honest statistics") {
  lakelog::TempLake lake;
  Session session(engine_in(lake.path()));
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
  Session session(engine_in(lake.path()));
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

TEST_CASE("a file is found under the name it has, whatever a pattern would make of that") {
  lakelog::TempLake outer;
  Session session(engine_in(outer.path()));
  const std::string lake = outer.path() + "/lake[1]", decoy = outer.path() + "/lake1";
  std::filesystem::create_directories(lake);
  auto write = sample(outer, thing("1", "2026-11-20") + "," + thing("2", "2026-11-21") + "," +
                                 thing("3", "2026-11-22"));
  write.storage = *lakelog::open_storage(lake);
  auto files = write_files(session, write);
  REQUIRE(files.size() == 3);
  // As other writers spell partitions: the first is a pattern for the second, the third for both.
  const std::string folder = lake + "/silver/demo/things/";
  const char* const spelt[] = {"name=a[b]", "name=ab", "name=a*"};
  for (std::size_t i = 0; i < files.size(); ++i) {
    const std::string path = spelt[i] + std::string("/x.parquet");
    std::filesystem::create_directories(folder + spelt[i]);
    std::filesystem::rename(folder + files[i].path, folder + path);
    files[i].path = path;
  }
  std::filesystem::copy(lake, decoy, std::filesystem::copy_options::recursive);
  const std::string rows = "SELECT list(n ORDER BY n)::VARCHAR FROM things";
  for (const std::string& spelling : {lake + "/./", lake}) {
    const auto table = DeltaTable::open(session, spelling, "silver/demo/things");
    create_view(session, "things", table, columns, {"day"}, files);
    CHECK(session.value(rows).text() == "[1, 2, 3]");
  }
  lock_down(session, lake);
  CHECK(session.value(rows).text() == "[1, 2, 3]");
  CHECK(exact_path("/plain/path\\x") == "/plain/path\\x");
  CHECK_THROWS_AS((void)exact_path("/a\\b/*"), SqlError);
}

TEST_CASE("values of every kind have a text that loses nothing") {
  lakelog::TempLake lake;
  Session session(engine_in(lake.path()));
  const auto text = [&session](const std::string& sql) {
    return json_text(to_json(session.value("SELECT " + sql)));
  };
  const std::pair<const char*, const char*> expected[] = {
      {"MAP {1.5::DOUBLE: 'a', 0.1::DOUBLE: 'b'}", R"({"0.1":"b","1.5":"a"})"},
      {"MAP {true: 1, false: 2}", R"({"false":2,"true":1})"},
      {"MAP {[1, 2]: 1}", R"({"[1, 2]":1})"},
      {"MAP {{'a': 1}: 1}", R"({"{a: 1}":1})"},
      {"MAP {DATE '2026-01-02': 1}", R"({"2026-01-02":1})"},
      {"INTERVAL '14 months 3 days 4 hours 5 minutes 6.7 seconds'", R"("P1Y2M3DT4H5M6.7S")"},
      {"INTERVAL '-90 seconds'", R"("PT-1M-30S")"},
      {"INTERVAL '-0.5 seconds'", R"("PT-0.5S")"},
      {"INTERVAL '0 days'", R"("PT0S")"},
      {"'10110'::BIT", R"("10110")"},
      {"'0000000001'::BIT", R"("0000000001")"},
      {"340282366920938463463374607431768211455::UHUGEINT",
       R"("340282366920938463463374607431768211455")"},
      {"0::UHUGEINT", R"("0")"},
      {"TIMESTAMP '2026-01-02 03:04:05.6'", R"("2026-01-02T03:04:05.600000")"},
      {"TIMESTAMPTZ '2026-01-02 03:04:05+00'", R"("2026-01-02T03:04:05Z")"},
      {"TIMESTAMP_S '2026-01-02 03:04:05'", R"("2026-01-02T03:04:05")"},
      {"TIMESTAMP_MS '2026-01-02 03:04:05.006'", R"("2026-01-02T03:04:05.006000")"},
      {"TIMESTAMP_NS '1969-12-31 23:59:59.123456789'", R"("1969-12-31T23:59:59.123456789")"},
      {"TIMESTAMPTZ 'infinity'", R"("infinity")"},
      {"TIMESTAMP '-infinity'", R"("-infinity")"},
      {"DATE 'infinity'", R"("infinity")"},
      {"DATE '0044-03-15 (BC)'", R"("-0043-03-15")"},
      {"TIMESTAMPTZ '12345-01-02 00:00:00+00'", R"("+12345-01-02T00:00:00Z")"},
      {"NULL", "null"}};
  for (const auto& [sql, wanted] : expected) {
    const auto& of = sql;  // Clang 14 keeps no structured binding
    CAPTURE(of);
    CHECK(text(sql) == wanted);
  }
  CHECK_THROWS_WITH_AS(text("TIMETZ '10:00:00+01'"),
                       "a column has a type that cannot be shown: CAST it AS VARCHAR", SqlError);
}

TEST_CASE("a query that needs too much memory names the setting") {
  lakelog::TempLake lake;
  auto options = engine_in(lake.path());
  options.memory_bytes = 32 << 20;
  Session session(options);
  session.run("SET temp_directory = ''");
  try {
    session.run("CREATE TABLE t AS SELECT range, repeat('x', 100) FROM range(2000000)");
    FAIL("it fits");
  } catch (const SqlError& error) {
    CHECK(std::string(error.what()).find("may use 32 MiB: the setting lake.memory") !=
          std::string::npos);
  }
}

TEST_CASE("a column that no file has is NULL, and any column name is read") {
  lakelog::TempLake lake;
  Session session(engine_in(lake.path()));
  const std::vector<lakelog::Column> old_columns = {
      {"filename", "string", true}, {"batuta_file", "long", true}, {"day", "date", true}};
  const auto files = write_files(
      session, {lake.storage(),
                "silver/demo/odd",
                old_columns,
                {"day"},
                "SELECT 'a' AS filename, 1::BIGINT AS batuta_file, DATE '2026-11-20' AS day",
                {},
                {}});
  auto columns_now = old_columns;
  columns_now.push_back({"added", "decimal(18,6)", true});
  columns_now.push_back(
      {"list", R"({"type":"array","elementType":"long","containsNull":true})", true});
  const auto table = DeltaTable::open(lake.path(), "silver/demo/odd");
  create_view(session, "odd", table, columns_now, {"day"}, files);
  const auto row =
      session.query("SELECT filename, batuta_file, added, list, typeof(added) FROM odd");
  REQUIRE(row.rows.size() == 1);
  CHECK(row.rows[0][0].text() == "a");
  CHECK(row.rows[0][1].integer() == 1);
  CHECK(row.rows[0][2].is_null());
  CHECK(row.rows[0][3].is_null());
  CHECK(row.rows[0][4].text() == "DECIMAL(18,6)");
  auto no_day = files;
  no_day[0].partition_values.clear();
  CHECK_THROWS_WITH_AS(
      create_view(session, "odd", table, columns_now, {"day"}, no_day),
      ("silver/demo/odd version -1 cannot be read: its log does not tell the day of " +
       files[0].path)
          .c_str(),
      plugin::FinalError);
}

TEST_CASE("a confined thread reaches the lake and its scratch folder, and others stay free") {
  lakelog::TempLake lake;
  const std::string readable = lake.path() + "/lake", writable = lake.path() + "/scratch";
  for (const auto& folder : {readable, writable}) std::filesystem::create_directories(folder);
  std::ofstream(readable + "/there") << "x";
  const auto can_write = [](const std::string& path) { return std::ofstream(path).good(); };
  bool supported = false;
  bool read_lake = false, write_lake = true, write_scratch = false, read_passwd = true;
  std::thread([&] {
    supported = confine_thread(readable, writable);
    read_lake = std::ifstream(readable + "/there").good();
    write_lake = can_write(readable + "/there");
    write_scratch = can_write(writable + "/new");
    read_passwd = std::ifstream("/etc/passwd").good();
  }).join();
  if (!supported) {
    MESSAGE("skipped: this kernel has no Landlock");
    return;
  }
  CHECK(read_lake);
  CHECK_FALSE(write_lake);
  CHECK(write_scratch);
  CHECK_FALSE(read_passwd);
  CHECK(can_write(readable + "/there"));
}

TEST_CASE("the engine has no function that reaches out and is not refused") {
  lakelog::TempLake lake;
  Session session(engine_in(lake.path()));
  // A new engine's new functions fail here, to be looked at. Those are pure enough: they tell the
  // time, make identifiers, or name what everybody knows.
  const std::vector<std::string> harmless = {"random",
                                             "uuid",
                                             "uuidv4",
                                             "uuidv7",
                                             "gen_random_uuid",
                                             "error",
                                             "current_database",
                                             "current_schema",
                                             "current_date",
                                             "today",
                                             "now",
                                             "transaction_timestamp",
                                             "get_current_time",
                                             "get_current_timestamp"};
  const auto& refused = refused_functions();
  for (const std::string& name : first_column(session.query(
           "SELECT DISTINCT function_name FROM duckdb_functions() WHERE function_type = 'scalar' "
           "AND stability <> 'CONSISTENT' ORDER BY 1"))) {
    CAPTURE(name);
    const bool known = std::find(refused.begin(), refused.end(), name) != refused.end() ||
                       std::find(harmless.begin(), harmless.end(), name) != harmless.end();
    CHECK(known);
  }
}
