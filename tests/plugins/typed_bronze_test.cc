// A source whose columns have types, through bronze and silver by the built plugins: what stays as
// it is, and what becomes of a file that says otherwise.
#include <doctest/doctest.h>
#include <sqlite3.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "lakelog/publish.h"
#include "plugins/contract/line_parts.h"
#include "plugins/contract/typed_bronze.h"
#include "plugins/lake/appender.h"
#include "plugins/lake/rescued.h"
#include "plugins/lake/session.h"
#include "plugins/sql/postgres_values.h"
#include "tests/lakelog/lake_fixture.h"
#include "tests/plugins/fake_host.h"
#include "tests/plugins/table_rows.h"
#include "tests/plugins/test_engine.h"

using namespace batuta;
using namespace batuta::from_contract;
using Rows = std::vector<std::string>;

namespace {

const std::string sales_columns =
    "      - {name: id, logicalType: integer, required: true, primaryKey: true}\n"
    "      - {name: price, logicalType: number, physicalType: 'decimal(10,2)', logicalTypeOptions: "
    "{minimum: 0}}\n"
    "      - {name: seen, logicalType: timestamp}\n"
    "      - {name: day, logicalType: date}\n"
    "      - {name: weight, logicalType: number}\n"
    "      - {name: paid, logicalType: boolean}\n"
    "      - {name: note, logicalType: string}\n";

// A folder of files, and the lake that they come into.
class Sales {
 public:
  Sales() : home_(lake_.path() + "-home") {
    std::filesystem::create_directories(home_ + "/drop");
    std::filesystem::create_directories(home_ + "/scratch");
  }
  ~Sales() { std::filesystem::remove_all(home_); }
  Sales(const Sales&) = delete;
  Sales& operator=(const Sales&) = delete;

  // The only file that is there from now on.
  void file(const std::string& select, const std::string& kind = "parquet") {
    std::filesystem::remove_all(home_ + "/drop");
    std::filesystem::create_directories(home_ + "/drop");
    kind_ = kind;
    lake::Session session(lake::engine_in(home_ + "/scratch"));
    session.run("COPY (" + select + ") TO $1 (FORMAT " + kind + ")", {home_ + "/drop/a." + kind});
  }

  // The source from now on: a database of SQLite that these statements make.
  void database(const std::string& sql) {
    kind_ = "sqlite";
    sqlite3* db = nullptr;
    REQUIRE(sqlite3_open((home_ + "/drop/a.sqlite").c_str(), &db) == SQLITE_OK);
    CHECK(sqlite3_exec(db, sql.c_str(), nullptr, nullptr, nullptr) == SQLITE_OK);
    CHECK(sqlite3_close(db) == SQLITE_OK);
  }

  // The only file from now on, one of tests/fixtures/avro among lines of JSON.
  void avro(const std::string& name) {
    kind_ = "json";
    const char* source = std::getenv("BATUTA_SOURCE_DIR");
    std::filesystem::copy_file(
        std::string(source == nullptr ? "." : source) + "/tests/fixtures/avro/" + name,
        home_ + "/drop/a.json");
  }

  // One run of both tasks; the reason it failed for, or nothing.
  std::string run() {
    ++runs_;
    const std::string failed = task("contract_bronze");
    return failed.empty() ? task("contract_silver") : failed;
  }

  Rows bronze(const std::string& sql) { return table_rows(lake_.path(), "bronze/shop/sales", sql); }
  Rows silver(const std::string& sql) { return table_rows(lake_.path(), "silver/shop/sales", sql); }
  Rows rejected(const std::string& sql) {
    return table_rows(lake_.path(), "quarantine/shop/sales", sql);
  }
  std::ptrdiff_t bronze_files() const {
    std::ptrdiff_t files = 0;
    for (const auto& each :
         std::filesystem::recursive_directory_iterator(lake_.path() + "/bronze/shop/sales"))
      files += each.path().extension() == ".parquet" ? 1 : 0;
    return files;
  }
  void append_line(const std::string& line) const {
    std::ofstream(home_ + "/drop/a." + kind_, std::ios::app) << line << "\n";
  }
  void drop_silver() { std::filesystem::remove_all(lake_.path() + "/silver"); }

  std::string columns = sales_columns;
  std::int64_t threads = 0;  // of the engine; 0: its own

 private:
  std::string task(const std::string& plugin) {
    FakeHost host;
    host.engine_threads = threads;
    host.context = {{"execution_id", "run-" + std::to_string(runs_)},
                    {"task_id", plugin},
                    {"try_number", 1},
                    {"fence", 1},
                    {"lake", lake_.path()},
                    {"scratch", home_ + "/scratch"}};
    host.parameters = {
        {"contract",
         "apiVersion: v3.1.0\nkind: DataContract\nid: a\nversion: '1'\nstatus: s\ndomain: shop\n"
         "servers:\n  - {server: drop, type: " +
             std::string(kind_ == "sqlite" ? "custom" : "local") +
             ", format: " + (kind_ == "json" ? "jsonl" : kind_) + ", path: " + home_ + "/drop/" +
             (kind_ == "sqlite" ? "a.sqlite" : "*") +
             "}\nschema:\n  - name: sales\n    properties:\n" + columns},
        {"contract_name", "shop/sales"}};
    if (host.run(plugin) != 0) return plugin + ": " + host.failure;
    for (const std::string& output : host.outputs) {
      const auto done = lakelog::publish(
          lakelog::publication(lake_, nlohmann::json::parse(output), ++publications_));
      if (!done.ok()) return done.error().message;
    }
    return {};
  }

  lakelog::TempLake lake_;
  const std::string home_;
  std::string kind_ = "parquet";
  int runs_ = 0;
  std::int64_t publications_ = 0;
};

const std::string one_sale =
    "SELECT 7::INTEGER AS id, 1.50::DECIMAL(8,2) AS price, TIMESTAMP '2026-11-20 10:00:00.25' AS "
    "seen, DATE '2026-11-20' AS day, 0.1::DOUBLE AS weight, true AS paid, 'ok' AS note";

const std::string typed_values =
    "SELECT id, price, CAST(seen AS VARCHAR), CAST(day AS VARCHAR), CAST(weight AS VARCHAR), "
    "CAST(paid AS VARCHAR), note FROM t";

}  // namespace

TEST_CASE("typed bronze: what a file has with types goes through bronze with them") {
  Sales sales;
  sales.file(one_sale);
  CHECK(sales.run() == "");
  CHECK(sales.bronze("SELECT typeof(id), typeof(price), typeof(seen), typeof(day), typeof(weight), "
                     "typeof(paid), typeof(note) FROM t") ==
        Rows{"BIGINT|DECIMAL(18,2)|TIMESTAMP WITH TIME ZONE|DATE|DOUBLE|BOOLEAN|VARCHAR"});
  const Rows row{"7|1.50|2026-11-20 10:00:00.25+00|2026-11-20|0.1|true|ok"};
  CHECK(sales.bronze(typed_values) == row);
  CHECK(sales.bronze("SELECT _rescued_data FROM t") == Rows{"NULL"});
  CHECK(sales.silver(typed_values) == row);
}

TEST_CASE("typed bronze: rows are judged, and kept in quarantine, as those of texts are") {
  Sales sales;
  sales.file(
      "SELECT * FROM (" + one_sale +
      ") UNION ALL BY NAME SELECT 8 AS id, -1::DECIMAL(8,2) AS price, 'x' AS note UNION ALL BY "
      "NAME SELECT NULL::INTEGER AS id, 2::DECIMAL(8,2) AS price UNION ALL BY NAME SELECT 9 AS id, "
      "'infinity'::DATE AS day, 'nan'::DOUBLE AS weight");
  CHECK(sales.run() == "");
  CHECK(sales.silver("SELECT id FROM t") == Rows{"7"});
  CHECK(sales.rejected("SELECT id, price, day, weight, note, reason FROM t ORDER BY ALL") ==
        Rows{"8|-1.00|NULL|NULL|x|price_below_minimum",
             "9|NULL|infinity|nan|NULL|bad_day,bad_weight", "NULL|2.00|NULL|NULL|NULL|missing_id"});
}

TEST_CASE("typed bronze: a later file of other types loses nothing, and good texts are good") {
  Sales sales;
  sales.file(one_sale);
  CHECK(sales.run() == "");
  sales.file(
      "SELECT '8' AS id, 2.25::DOUBLE AS price, '2026-11-21T10:00:00Z' AS seen UNION ALL BY NAME "
      "SELECT 'nine' AS id, 3::DOUBLE AS price");
  CHECK(sales.run() == "");
  CHECK(sales.bronze("SELECT id, price, _rescued_data FROM t ORDER BY _rescued_data NULLS LAST") ==
        Rows{R"(NULL|NULL|{"id":"8","price":"2.25","seen":"2026-11-21T10:00:00Z"})",
             R"(NULL|NULL|{"id":"nine","price":"3.0","seen":null})", "7|1.50|NULL"});
  CHECK(sales.silver("SELECT id, price, CAST(seen AS VARCHAR) FROM t ORDER BY id") ==
        Rows{"7|1.50|2026-11-20 10:00:00.25+00", "8|2.25|2026-11-21 10:00:00+00"});
  CHECK(sales.rejected("SELECT id, price, reason FROM t") == Rows{"nine|3.0|bad_id"});

  // Wider numbers are no other types.
  sales.file("SELECT 5000000000::BIGINT AS id, 4.75::DECIMAL(12,2) AS price");
  CHECK(sales.run() == "");
  CHECK(sales.bronze("SELECT price, _rescued_data FROM t WHERE id = 5000000000") ==
        Rows{"4.75|NULL"});

  // Nor is a source that has no types any more a reason to lose some, or silver made anew.
  sales.file("SELECT 10 AS id, 'abc' AS price", "csv");
  CHECK(sales.run() == "");
  CHECK(sales.rejected("SELECT id, price, reason FROM t WHERE id = '10'") ==
        Rows{"10|abc|bad_price"});
  sales.drop_silver();
  sales.file("SELECT 11 AS id");
  CHECK(sales.run() == "");
  CHECK(sales.silver("SELECT id FROM t ORDER BY id") == Rows{"7", "8", "11", "5000000000"});
}

TEST_CASE("typed bronze: a table of texts goes on with texts, and its new columns have types") {
  Sales sales;
  sales.columns = "      - {name: id, logicalType: integer, primaryKey: true}\n";
  sales.file("SELECT 1 AS id", "csv");
  CHECK(sales.run() == "");
  sales.columns += "      - {name: size, logicalType: integer}\n";
  sales.file("SELECT 2::INTEGER AS id, 3::INTEGER AS size");
  CHECK(sales.run() == "");
  CHECK(sales.bronze("SELECT typeof(id), typeof(size), id, size FROM t ORDER BY id") ==
        Rows{"VARCHAR|BIGINT|1|NULL", "VARCHAR|BIGINT|2|3"});
  CHECK(sales.silver("SELECT id, size FROM t ORDER BY id") == Rows{"1|NULL", "2|3"});
}

TEST_CASE("typed bronze: what a contract changes its mind about is read of what is there") {
  Sales sales;
  sales.columns =
      "      - {name: id, logicalType: integer, primaryKey: true}\n"
      "      - {name: code, logicalType: integer}\n";
  sales.file("SELECT 1 AS id, 42 AS code");
  CHECK(sales.run() == "");
  sales.drop_silver();
  sales.columns =
      "      - {name: id, logicalType: integer, primaryKey: true}\n"
      "      - {name: code, logicalType: string}\n";
  CHECK(sales.run() == "");
  CHECK(sales.silver("SELECT code FROM t") == Rows{"42"});
}

TEST_CASE("typed bronze: of a source that has become a database its list of keys is read") {
  Sales sales;
  sales.columns =
      "      - {name: id, logicalType: integer, required: true, primaryKey: true}\n"
      "      - {name: seen, logicalType: timestamp}\n";
  sales.file("SELECT range::INTEGER AS id, TIMESTAMP '2026-11-20 10:00:00' AS seen FROM range(4)");
  CHECK(sales.run() == "");
  sales.columns +=
      "    customProperties:\n      - {property: batuta.mode, value: incremental}\n"
      "      - {property: batuta.watermark, value: seen}\n"
      "      - {property: batuta.deletes, value: remove}\n";
  sales.database(
      "CREATE TABLE sales (id INTEGER, seen TEXT); INSERT INTO sales VALUES (0, '2026-11-20 "
      "10:00:00'), (1, '2026-11-20 10:00:00'), (3, '2026-11-21 10:00:00')");
  CHECK(sales.run() == "");
  CHECK(sales.silver("SELECT string_agg(CAST(id AS VARCHAR), ' ' ORDER BY id) FROM t") ==
        Rows{"0 1 3"});
}

TEST_CASE(
    "typed bronze: a database's numbers stay such, and what stands among them is judged as text") {
  Sales sales;
  const std::string table =
      "DROP TABLE IF EXISTS sales; CREATE TABLE sales (id INTEGER, price TEXT, seen TEXT, day "
      "TEXT, "
      "weight REAL, paid INT, note TEXT); INSERT INTO sales VALUES ";
  sales.database(table +
                 "(7, '1.50', '2026-11-20 10:00:00.25', '2026-11-20', 0.1, 1, 'ok'), "
                 "('nine', NULL, NULL, NULL, NULL, NULL, NULL), "
                 "(9.5, NULL, NULL, NULL, 'heavy', NULL, NULL)");
  CHECK(sales.run() == "");
  CHECK(sales.bronze(
            "SELECT typeof(id), typeof(price), typeof(seen), typeof(weight), typeof(paid), "
            "typeof(note) FROM t LIMIT 1") == Rows{"BIGINT|VARCHAR|VARCHAR|DOUBLE|BIGINT|VARCHAR"});
  CHECK(sales.bronze("SELECT id, CAST(weight AS VARCHAR), _rescued_data FROM t ORDER BY "
                     "_record_no") ==
        Rows{"7|0.1|NULL", R"(NULL|NULL|{"id":"nine","weight":null,"paid":null})",
             R"(NULL|NULL|{"id":"9.5","weight":"heavy","paid":null})"});
  CHECK(sales.silver(typed_values) ==
        Rows{"7|1.50|2026-11-20 10:00:00.25+00|2026-11-20|0.1|true|ok"});
  CHECK(sales.rejected("SELECT id, weight, reason FROM t ORDER BY id") ==
        Rows{"9.5|heavy|bad_id,bad_weight", "nine|NULL|bad_id"});
  // The same rows from a file of other types are the same rows.
  sales.drop_silver();
  sales.file("SELECT '8' AS id, 0.25::FLOAT AS weight", "parquet");
  CHECK(sales.run() == "");
  CHECK(sales.silver(
            "SELECT id, CAST(weight AS VARCHAR), CAST(paid AS VARCHAR) FROM t ORDER BY id") ==
        Rows{"7|0.1|true", "8|0.25|NULL"});
}

TEST_CASE("typed bronze: a bronze of texts takes a database's numbers as texts") {
  Sales sales;
  sales.columns =
      "      - {name: id, logicalType: integer, primaryKey: true}\n"
      "      - {name: size, logicalType: integer}\n";
  sales.file("SELECT 1 AS id, 2 AS size", "csv");
  CHECK(sales.run() == "");
  sales.database("CREATE TABLE sales (id INTEGER, size INTEGER); INSERT INTO sales VALUES (3, 4)");
  CHECK(sales.run() == "");
  CHECK(sales.bronze("SELECT typeof(id), id, size FROM t ORDER BY id") ==
        Rows{"VARCHAR|1|2", "VARCHAR|3|4"});
  CHECK(sales.silver("SELECT id, size FROM t ORDER BY id") == Rows{"1|2", "3|4"});
}

TEST_CASE("typed bronze: Avro's numbers and flags stay such, beside lines of JSON too") {
  Sales sales;
  sales.columns =
      "      - {name: i, logicalType: integer, primaryKey: true}\n"
      "      - {name: b, logicalType: boolean}\n"
      "      - {name: f, logicalType: number}\n"
      "      - {name: d, logicalType: number}\n"
      "      - {name: e, logicalType: string}\n"
      "      - {name: when, logicalType: integer}\n";
  sales.avro("types.avro");
  CHECK(sales.run() == "");
  CHECK(sales.bronze(
            "SELECT typeof(i), typeof(b), typeof(f), typeof(d), typeof(e), typeof(\"when\"), "
            "_rescued_data FROM t") == Rows{"BIGINT|BOOLEAN|FLOAT|DOUBLE|VARCHAR|BIGINT|NULL"});
  const std::string all =
      "SELECT i, CAST(b AS VARCHAR), CAST(f AS VARCHAR), CAST(d AS VARCHAR), e, \"when\" FROM t "
      "ORDER BY i";
  const std::string row = "2147483647|false|0.25|1e+300|sell|1772359200123";
  CHECK(sales.silver(all) == Rows{row});
  sales.file("SELECT 5 AS i, true AS b, 'x' AS d", "json");
  CHECK(sales.run() == "");
  CHECK(sales.rejected("SELECT i, b, d, reason FROM t") == Rows{"5|true|x|bad_d"});
  sales.drop_silver();
  sales.file("SELECT 6 AS i, 0.5 AS f", "json");
  CHECK(sales.run() == "");
  CHECK(sales.silver(all) == Rows{"6|NULL|0.5|NULL|NULL|NULL", row});
}

TEST_CASE(
    "typed bronze: a text is a value where it says one as programs write it, and only there") {
  const lakelog::TempLake folder;
  lake::Session session(lake::engine_in(folder.path()));
  const auto value = [&](const std::string& type, const std::string& text) {
    const auto cell = session.value("SELECT coalesce(CAST(" + lake::text_value_sql(type, "t") +
                                    " AS VARCHAR), 'none') FROM (SELECT " +
                                    lake::quoted_literal(text) + " AS t)");
    return cell.text();
  };
  CHECK(value("long", "-12") == "-12");
  for (const char* other : {"1.5", "007", "1_000", " 1", "1e3", "", "9223372036854775808"})
    CHECK(value("long", other) == "none");
  CHECK(value("decimal(18,2)", "1.50") == "1.50");
  CHECK(value("decimal(18,2)", "1.505") == "none");
  CHECK(value("decimal(18,2)", "NaN") == "none");
  CHECK(value("double", "1e+300") == "1e+300");
  CHECK(value("double", "1_0.5") == "none");
  CHECK(value("boolean", "true") == "true");
  CHECK(value("boolean", "yes") == "none");
  CHECK(value("date", "2026-11-20") == "2026-11-20");
  CHECK(value("date", "0044-03-15 BC") == "none");
  CHECK(value("timestamp", "2026-11-20 07:00:00.25-03") == "2026-11-20 10:00:00.25+00");
  CHECK(value("timestamp", "20/11/2026 07:00:00") == "none");
}

TEST_CASE("typed bronze: a value that is read before the engine is what the engine reads of it") {
  const lakelog::TempLake folder;
  lake::Session session(lake::engine_in(folder.path()));
  std::istringstream listed(
      "0;7;-7;-0;+7;007;1_000; 7;7 ;;9223372036854775807;-9223372036854775808;9223372036854775808;"
      "0.1;-0.5;1e+300;1e400;1.;.5;NaN;inf;-inf;0x10;true;false;TRUE;t;1;2026-03-02;2024-02-29;"
      "2026-02-29;2026-13-01;0001-01-01;0000-01-01;2026-3-2;2026-03-02 ;+026-03-02;"
      "2026-03-02 10:00:00;2026-03-02 23:59:59.25+00;2026-03-02 10:00:00-03;2026-03-02 24:00:00;"
      "2026-03-02T10:00:00Z");
  std::vector<std::string> texts;
  for (std::string text; std::getline(listed, text, ';');) texts.push_back(text);
  std::map<std::string, int> read;
  for (const std::string type : {"long", "double", "boolean", "date", "timestamp", "string"}) {
    for (const std::string& text : texts) {
      session.run("CREATE OR REPLACE TEMP TABLE read_here (v " + lake::sql_type(type) + ")");
      lake::Appender rows(session, "read_here");
      const bool is_value = rows.as_value(type, text);
      if (!is_value) rows.null();
      rows.end_row();
      rows.close();
      const auto here = session.value("SELECT CAST(v AS VARCHAR) FROM read_here");
      CHECK(here.is_null() != is_value);
      if (!is_value) continue;
      ++read[type];
      const auto engine = session.value(
          "SELECT CAST(" + lake::text_value_sql(type, lake::quoted_literal(text)) + " AS VARCHAR)");
      INFO(type, ": ", text);
      CHECK(here.text() == engine.text());
    }
  }
  CHECK(read["long"] == 6);
  CHECK(read["double"] > 8);
  CHECK(read["boolean"] == 2);
  CHECK(read["date"] == 3);
  CHECK(read["timestamp"] == 2);
}

TEST_CASE("typed bronze: a row that PostgreSQL copies is what it answers a SELECT with") {
  const std::vector<unsigned> types{16, 20, 701, 1700, 25, 3802, 1184};
  plugin::CopiedRow row(types);
  const auto read = [&](const std::string& line) {
    std::string out;
    for (const plugin::SqlText& field : row.read(line))
      out += (out.empty() ? "" : "|") + (field.is_json ? "j:" : std::string()) +
             (field.text ? std::string(*field.text) : "NULL");
    return out;
  };
  CHECK(read("t\t-9223372036854775808\t0.1\t1.50\ta\\tb\\\\c\\nd\t{\"b\": 1, \"a\": 2}\t"
             "2026-11-20 10:00:00+00\n") ==
        "j:true|j:-9223372036854775808|j:0.1|1.50|a\tb\\c\nd|j:{\"a\":2,\"b\":1}|"
        "2026-11-20 10:00:00+00");
  CHECK(read("f\t0\tNaN\tNaN\t\t\"a\\\\\"b\"\t\\N\n") == "j:false|j:0|NaN|NaN||a\"b|NULL");
  CHECK(read("\\N\t1\t1e+300\t1\t\\\\N\tnull\tinfinity\n") ==
        "NULL|j:1|j:1e+300|1|\\N|NULL|infinity");
  CHECK(read("t\t1\t1\t1\t\\b\\f\\r\\v\t1\t-\n") == "j:true|j:1|j:1|1|\b\f\r\v|j:1|-");
  CHECK_THROWS_WITH_AS(row.read("t\t1\n"),
                       "the database sent a row of 2 fields where 7 columns were told",
                       plugin::FinalError);
  CHECK_THROWS_AS(row.read("t\t1\t1\t1\tx\t1\t-\tmore\n"), plugin::FinalError);
}

TEST_CASE("typed bronze: only types that say what their text says take its place") {
  const auto column = [](const std::string& type, const std::string& zone = {}) {
    contract::Column out;
    out.name = "c";
    out.type = type;
    out.timezone = zone;
    return out;
  };
  CHECK(held_type(column("short"), "UINTEGER") == "long");
  CHECK(held_type(column("long"), "UBIGINT") == "string");
  CHECK(held_type(column("decimal(30,2)"), "DECIMAL(20,2)") == "decimal(38,2)");
  CHECK(held_type(column("timestamp"), "TIMESTAMP_NS") == "string");
  CHECK(held_type(column("timestamp", "America/Sao_Paulo"), "TIMESTAMP") == "string");
  CHECK(held_type(column("timestamp", "America/Sao_Paulo"), "TIMESTAMP WITH TIME ZONE") ==
        "timestamp");
  CHECK(held_type(column("string"), "BIGINT") == "string");
  // 22:00-03 is the day in the source's text, and the next one in UTC.
  CHECK(held_type(column("date"), "TIMESTAMP WITH TIME ZONE") == "string");
  CHECK(held_type(column("date"), "TIMESTAMP") == "timestamp");
  contract::Column formatted = column("date");
  formatted.format = "%d/%m/%Y";
  CHECK(held_type(formatted, "DATE") == "string");
  contract::Column hidden = column("long");
  hidden.mask = contract::Mask::pseudonym;
  CHECK(held_type(hidden, "BIGINT") == "string");
  CHECK(fits_held(column("decimal(10,2)"), "DECIMAL(12,2)", "decimal(18,2)"));
  CHECK_FALSE(fits_held(column("decimal(10,2)"), "DECIMAL(12,3)", "decimal(18,2)"));
  CHECK_FALSE(fits_held(column("double"), "FLOAT", "double"));
  CHECK_FALSE(fits_held(column("timestamp", "America/Sao_Paulo"), "TIMESTAMP", "timestamp"));
}

TEST_CASE("lines: parts hold the whole file in its order, and know how many records came before") {
  const lakelog::TempLake folder;
  const std::string file = folder.path() + "/lines.jsonl";
  std::string text = "\n  \r\n";
  for (int i = 0; i < 50; ++i)
    text += "{\"n\":" + std::to_string(i) + "}" + (i % 7 == 0 ? "\r\n \t\n" : "\n");
  text += "{\"n\":50}";  // the last line may have no end
  std::ofstream(file) << text;
  for (const std::int64_t size : {1, 9, 100, 10'000}) {
    LineParts parts(file, folder.path() + "/part-", size);
    LinePart part;
    std::string all;
    std::int64_t records = 0;
    while (parts.next(part)) {
      CHECK(part.before == records);
      std::ifstream in(part.path);
      const std::string own{std::istreambuf_iterator<char>(in), {}};
      records += std::count(own.begin(), own.end(), '{');
      all += own;
    }
    CHECK(all == text);
    CHECK(records == 51);
  }
}

TEST_CASE(
    "lines: a large file is read by every thread, and its records have the numbers of lines") {
  Sales sales;
  sales.threads = 2;
  sales.columns =
      "      - {name: id, logicalType: integer, primaryKey: true}\n"
      "      - {name: note, logicalType: string}\n";
  sales.file("SELECT range + 1 AS id, repeat('x', 400) AS note FROM range(44000)", "json");
  CHECK(sales.run() == "");
  CHECK(sales.bronze("SELECT count(*), count(DISTINCT id), count(*) FILTER (CAST(id AS BIGINT) <> "
                     "_record_no) FROM t") == Rows{"44000|44000|0"});
  CHECK(sales.bronze_files() == 2);
  // What cannot be read is told as of the whole file: here with the line's number in it.
  sales.append_line("{\"id\": 44001, \"note");
  const std::string why = sales.run();
  CHECK_MESSAGE(why.find("line 4400") != std::string::npos, why);
  CHECK_MESSAGE(why.find("part-") == std::string::npos, why);
}
