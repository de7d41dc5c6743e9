// What a publication to PostgreSQL makes of a table: types, rows, statements. A server stands in
// tests/e2e/publish_test.py.
#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "plugins/postgres_publish/copy_text.h"
#include "plugins/postgres_publish/target_shape.h"
#include "plugins/postgres_publish/target_statements.h"
#include "plugins/sdk/plugin.h"

using namespace batuta;
using namespace batuta::publish;
using lake::Cell;

TEST_CASE("publish: every type of a lake's table has one in PostgreSQL") {
  const std::vector<std::pair<std::string, std::string>> types = {
      {"string", "text"},
      {"long", "bigint"},
      {"integer", "integer"},
      {"short", "smallint"},
      {"byte", "smallint"},
      {"double", "double precision"},
      {"float", "real"},
      {"decimal(18,6)", "numeric(18,6)"},
      {"boolean", "boolean"},
      {"date", "date"},
      {"timestamp", "timestamp with time zone"},
      {"timestamp_ntz", "timestamp without time zone"},
      {"binary", "bytea"},
      {R"({"type":"array","elementType":"long","containsNull":true})", "jsonb"}};
  for (const auto& [delta, postgres] : types) CHECK(target_type(delta) == postgres);
  CHECK_THROWS_WITH_AS(target_type("variant"), "the type \"variant\" has none in PostgreSQL",
                       plugin::FinalError);
}

TEST_CASE("publish: a type may get wider, and no other") {
  CHECK(widens("integer", "bigint"));
  CHECK(widens("real", "double precision"));
  CHECK(widens("numeric(18,2)", "numeric(20,4)"));
  CHECK(widens("bigint", "numeric(20,1)"));
  CHECK_FALSE(widens("bigint", "integer"));
  CHECK_FALSE(widens("bigint", "double precision"));
  CHECK_FALSE(widens("numeric(18,2)", "numeric(18,4)"));
  CHECK_FALSE(widens("integer", "text"));
  CHECK_FALSE(widens("timestamp without time zone", "timestamp with time zone"));
  const ShapeChange change = shape_change({{"a", "integer"}, {"b", "text"}, {"more", "date"}},
                                          {{"a", "bigint"}, {"b", "bigint"}, {"c", "date"}});
  CHECK(change.added == std::vector<TargetColumn>{{"c", "date"}});
  CHECK(change.widened == std::vector<TargetColumn>{{"a", "bigint"}});
  CHECK(change.refused == std::vector<std::string>{"b: text is there, bigint would come"});
}

TEST_CASE("publish: rows are COPY's text, whatever their values hold") {
  const std::vector<TargetColumn> columns = {
      {"t", "text"},    {"n", "bigint"}, {"d", "double precision"},
      {"b", "boolean"}, {"x", "bytea"},  {"j", "jsonb"}};
  std::string out;
  const Cell list{
      std::vector<Cell>{Cell{std::int64_t{9007199254740993}}, Cell{std::string("a\"\\")}, Cell{}}};
  add_copy_row(out, columns,
               {Cell{std::string("a\tb\nc\\N\r")}, Cell{std::int64_t{-5}}, Cell{0.1}, Cell{true},
                Cell{std::string("00FF")}, list});
  add_copy_row(out, columns, {Cell{}, Cell{}, Cell{}, Cell{}, Cell{}, Cell{}});
  CHECK(out ==
        "a\\tb\\nc\\\\N\\r\t-5\t0.1\tt\t\\\\x00FF\t[9007199254740993,\"a\\\\\"\\\\\\\\\",null]\n"
        "\\N\t\\N\t\\N\t\\N\t\\N\t\\N\n");
  CHECK_THROWS_AS(add_copy_row(out, {{"t", "text"}}, {Cell{std::string("a\0b", 3)}}),
                  plugin::FinalError);
}

TEST_CASE("publish: statements quote every name, and merge leaves the keys") {
  const std::vector<TargetColumn> columns = {{"id", "bigint"}, {"a \"b\"", "text"}};
  const std::string table = sql_name("sales", "it\"s");
  CHECK(table == "\"sales\".\"it\"\"s\"");
  CHECK(create_statement(table, columns) ==
        "CREATE TABLE \"sales\".\"it\"\"s\" (\"id\" bigint, \"a \"\"b\"\"\" text)");
  CHECK(copy_statement("t", columns) ==
        "COPY t (\"id\", \"a \"\"b\"\"\") FROM STDIN WITH (FORMAT text, ENCODING 'UTF8')");
  CHECK(merge_statement("t", "s", columns, {"id"}) ==
        "INSERT INTO t (\"id\", \"a \"\"b\"\"\") SELECT \"id\", \"a \"\"b\"\"\" FROM s ON CONFLICT "
        "(\"id\") DO UPDATE SET \"a \"\"b\"\"\" = EXCLUDED.\"a \"\"b\"\"\"");
  CHECK(merge_statement("t", "s", {{"id", "bigint"}}, {"id"}) ==
        "INSERT INTO t (\"id\") SELECT \"id\" FROM s ON CONFLICT (\"id\") DO NOTHING");
  CHECK(change_statements("t", {{{"c", "date"}}, {{"id", "bigint"}}, {}}) ==
        std::vector<std::string>{"ALTER TABLE t ADD COLUMN \"c\" date",
                                 "ALTER TABLE t ALTER COLUMN \"id\" TYPE bigint"});
  CHECK_THROWS_AS(check_name("target", std::string(64, 'x')), plugin::FinalError);
}
