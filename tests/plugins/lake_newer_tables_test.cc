// Tables that newer writers made, by hand: what they look like on disk, and the rows that come out.
#include <doctest/doctest.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "lakelog/table.h"
#include "plugins/lake/delta_table.h"
#include "plugins/lake/session.h"
#include "plugins/sdk/plugin.h"
#include "tests/lakelog/lake_fixture.h"
#include "tests/plugins/test_engine.h"

using namespace batuta;
using namespace batuta::lake;
using nlohmann::json;

namespace {

const std::string newer = "silver/demo/newer";

std::string big_endian(std::uint64_t value) {
  std::string out;
  for (int shift = 24; shift >= 0; shift -= 8) out += static_cast<char>(value >> shift & 0xFF);
  return out;
}

std::uint32_t checksum_of(const std::string& bytes) {
  std::uint32_t crc = 0xFFFFFFFFu;
  for (const char c : bytes) {
    crc ^= static_cast<unsigned char>(c);
    for (int bit = 0; bit < 8; ++bit) crc = (crc & 1) != 0 ? 0xEDB88320u ^ crc >> 1 : crc >> 1;
  }
  return ~crc;
}

class Newer {
 public:
  lakelog::TempLake lake;
  Session session;
  json protocol = {{"minReaderVersion", 3}, {"minWriterVersion", 7}};
  json fields = json::array(), partition_columns = json::array(), configuration = json::object(),
       adds = json::array();

  Newer() : session(engine_in(lake.path())) {
    std::filesystem::create_directories(lake.path() + "/" + newer + "/_delta_log");
  }
  void features(const json& names) {
    protocol["readerFeatures"] = names;
    protocol["writerFeatures"] = names;
  }
  void field(const std::string& name, const json& type, const std::string& physical = {},
             int id = 0) {
    json metadata = json::object();
    if (!physical.empty())
      metadata = {{"delta.columnMapping.physicalName", physical}, {"delta.columnMapping.id", id}};
    fields.push_back({{"name", name}, {"type", type}, {"nullable", true}, {"metadata", metadata}});
  }
  // A file of the query's rows; `more` are further fields of its add.
  void file(const std::string& name, const std::string& select, std::int64_t rows,
            const json& more = json::object(), const std::string& copy_options = {}) {
    const std::string path = lake.path() + "/" + newer + "/" + name;
    session.run("COPY (" + select + ") TO $1 (FORMAT parquet" + copy_options + ")", {path});
    json add = {{"path", name},
                {"partitionValues", json::object()},
                {"size", std::filesystem::file_size(path)},
                {"modificationTime", 1},
                {"dataChange", true},
                {"stats", json{{"numRecords", rows}}.dump()}};
    add.update(more);
    adds.push_back(std::move(add));
  }
  void commit(std::int64_t version = 0) {
    const json metadata = {{"id", "0198"},
                           {"format", {{"provider", "parquet"}, {"options", json::object()}}},
                           {"schemaString", json{{"type", "struct"}, {"fields", fields}}.dump()},
                           {"partitionColumns", partition_columns},
                           {"configuration", configuration}};
    std::string text =
        json{{"protocol", protocol}}.dump() + "\n" + json{{"metaData", metadata}}.dump() + "\n";
    for (const json& add : adds) text += json{{"add", add}}.dump() + "\n";
    REQUIRE(lake.storage()
                ->put(newer + "/_delta_log/" + lakelog::commit_file_name(version), text)
                .ok());
  }
  // The first column of the query over the table `t`, joined by blanks.
  std::string ask(const std::string& sql) {
    create_view(session, "t", DeltaTable::open(session, lake.path(), newer));
    std::string out;
    for (const std::string& value : first_column(session.query(sql)))
      out += (out.empty() ? "" : " ") + value;
    return out;
  }
  std::string refusal() {
    try {
      return "read: " + ask("SELECT count(*)::VARCHAR FROM t");
    } catch (const plugin::FinalError& error) {
      return error.what();
    }
  }
};

// Of 40 bytes: rows 3, 4, 7, 11, 18, 29, in the text of the protocol's own example.
json inline_vector() {
  return {{"storageType", "i"},
          {"pathOrInlineDv", "wi5b=000010000siXQKl0rr91000f55c8Xg0@@D72lkbi5=-{L"},
          {"sizeInBytes", 40},
          {"cardinality", 6}};
}

// Rows 0 and 2.
std::string small_vector() {
  using namespace std::string_literals;
  return "\xD1\xD3\x39\x64"s + "\x01\0\0\0\0\0\0\0"s + "\0\0\0\0"s + "\x3A\x30\0\0\x01\0\0\0"s +
         "\0\0\x01\0"s + "\x10\0\0\0"s + "\0\0\x02\0"s;
}

}  // namespace

TEST_CASE("rows that a deletion vector in the log takes out are not read, and not counted") {
  Newer table;
  table.features({"deletionVectors"});
  table.field("n", "long");
  table.file("a.parquet", "SELECT i::BIGINT AS n FROM range(32) t(i)", 32,
             {{"deletionVector", inline_vector()}});
  table.file("b.parquet", "SELECT 100::BIGINT AS n", 1);
  table.commit();
  CHECK(table.ask("SELECT count(*)::VARCHAR FROM t") == "27");
  CHECK(table.ask("SELECT n::VARCHAR FROM t WHERE n < 12 ORDER BY n") == "0 1 2 5 6 8 9 10");
  const auto info = lakelog::describe_table(*table.lake.storage(), newer);
  REQUIRE(info.ok());
  CHECK(info->rows == 27);
}

TEST_CASE("a deletion vector in a file beside the data is read at its offset and checked") {
  Newer table;
  table.features({"deletionVectors"});
  table.field("n", "long");
  const std::string name = "deletion_vector_d2c639aa-8816-431a-aaf6-d3fe2512ff61.bin";
  const std::string data = small_vector();
  std::string file = std::string(1, '\x01') + std::string(10, 'x');  // another one before it
  const auto offset = file.size();
  file += big_endian(data.size()) + data + big_endian(checksum_of(data));
  REQUIRE(table.lake.storage()->put(newer + "/" + name, file).ok());
  table.file("a.parquet", "SELECT i::BIGINT AS n FROM range(4) t(i)", 4,
             {{"deletionVector",
               {{"storageType", "u"},
                {"pathOrInlineDv", "^-aqEH.-t@S}K{vb[*k^"},
                {"offset", offset},
                {"sizeInBytes", data.size()},
                {"cardinality", 2}}}});
  table.commit();
  CHECK(table.ask("SELECT n::VARCHAR FROM t ORDER BY n") == "1 3");
  file[offset + 6] ^= 1;
  REQUIRE(table.lake.storage()->put(newer + "/" + name, file).ok());
  CHECK(table.refusal().find("another checksum") != std::string::npos);
  REQUIRE(table.lake.storage()->remove(newer + "/" + name).ok());
  CHECK(table.refusal().find("silver/demo/newer version 0 cannot be read") != std::string::npos);
}

TEST_CASE("a file that comes back with another deletion vector takes the place of itself") {
  Newer table;
  table.features({"deletionVectors"});
  table.field("n", "long");
  table.file("a.parquet", "SELECT i::BIGINT AS n FROM range(32) t(i)", 32);
  table.commit();
  CHECK(table.ask("SELECT count(*)::VARCHAR FROM t") == "32");
  json add = table.adds[0];
  add["deletionVector"] = inline_vector();
  const json remove = {{"path", "a.parquet"}, {"deletionTimestamp", 1}, {"dataChange", true}};
  REQUIRE(table.lake.storage()
              ->put(newer + "/_delta_log/" + lakelog::commit_file_name(1),
                    json{{"remove", remove}}.dump() + "\n" + json{{"add", add}}.dump() + "\n")
              .ok());
  CHECK(table.ask("SELECT count(*)::VARCHAR FROM t") == "26");
}

TEST_CASE("columns mapped by name are read under the names that people see, nested ones too") {
  Newer table;
  table.protocol = {{"minReaderVersion", 2}, {"minWriterVersion", 5}};
  table.configuration = {{"delta.columnMapping.mode", "name"}};
  table.field("price", "long", "col-p", 1);
  table.field("day", "date", "col-d", 2);
  const json street = {
      {"name", "street"},
      {"type", "string"},
      {"nullable", true},
      {"metadata", {{"delta.columnMapping.physicalName", "col-s"}, {"delta.columnMapping.id", 4}}}};
  const json inner = {{"type", "struct"}, {"fields", json::array({street})}};
  table.field("address", inner, "col-a", 3);
  table.field("homes", {{"type", "array"}, {"elementType", inner}, {"containsNull", true}}, "col-h",
              5);
  table.field("added", "string", "col-new", 6);
  table.partition_columns = {"day"};
  table.file("a.parquet",
             "SELECT * FROM (VALUES (7::BIGINT, {'col-s': 'Rua A'}, [{'col-s': 'x'}]), (8, NULL, "
             "NULL)) v(\"col-p\", \"col-a\", \"col-h\")",
             2, {{"partitionValues", {{"col-d", "2026-11-20"}}}});
  table.commit();
  CHECK(table.ask("SELECT price || '/' || day || '/' || coalesce(address.street, '-') || '/' || "
                  "coalesce(homes[1].street, '-') || '/' || coalesce(added, '-') FROM t ORDER BY "
                  "price") == "7/2026-11-20/Rua A/x/- 8/2026-11-20/-/-/-");
  CHECK(table.ask("SELECT count(*)::VARCHAR FROM t WHERE address IS NULL") == "1");
}

TEST_CASE("columns mapped by id are found whatever files call them, and missing ones are NULL") {
  Newer table;
  table.features({"columnMapping"});
  table.configuration = {{"delta.columnMapping.mode", "id"}};
  table.field("price", "long", "col-p", 1);
  table.field("name", "string", "col-n", 2);
  table.field("added", "string", "col-x", 3);
  table.file("a.parquet", "SELECT 7::BIGINT AS odd, 'x' AS odder", 1, json::object(),
             ", FIELD_IDS {odd: 1, odder: 2}");
  table.file("b.parquet", "SELECT 'y' AS first, 8::BIGINT AS second", 1, json::object(),
             ", FIELD_IDS {first: 2, second: 1}");
  table.commit();
  CHECK(table.ask("SELECT price || name || coalesce(added, '-') FROM t ORDER BY price") ==
        "7x- 8y-");
}

namespace {

json nested_field(const std::string& name, const json& type, const std::string& physical, int id) {
  return {{"name", name},
          {"type", type},
          {"nullable", true},
          {"metadata",
           {{"delta.columnMapping.physicalName", physical}, {"delta.columnMapping.id", id}}}};
}

json struct_of(const json& fields) {
  return {{"type", "struct"}, {"fields", fields}};
}

// person {name, home {street}}, tags [{word}], prices {text: {cents}}, all mapped by id.
void nested_by_id(Newer& table) {
  table.features({"columnMapping"});
  table.configuration = {{"delta.columnMapping.mode", "id"}};
  const json home = struct_of(json::array({nested_field("street", "string", "col-4", 4)}));
  const json person = struct_of(json::array(
      {nested_field("name", "string", "col-2", 2), nested_field("home", home, "col-3", 3)}));
  const json word = struct_of(json::array({nested_field("word", "string", "col-6", 6)}));
  const json cents = struct_of(json::array({nested_field("cents", "long", "col-8", 8)}));
  table.field("person", person, "col-1", 1);
  table.field("tags", {{"type", "array"}, {"elementType", word}, {"containsNull", true}}, "col-5",
              5);
  table.field(
      "prices",
      {{"type", "map"}, {"keyType", "string"}, {"valueType", cents}, {"valueContainsNull", true}},
      "col-7", 7);
}

const std::string nested_text =
    "SELECT coalesce(person.name, '-') || '/' || coalesce(person.home.street, '-') || '/' || "
    "coalesce(tags[1].word, '-') || '/' || coalesce(prices['a'].cents::VARCHAR, '-') FROM t ";

}  // namespace

TEST_CASE("nested columns mapped by id are read whatever each file calls their fields") {
  Newer table;
  nested_by_id(table);
  // By the names of the mapping, as most writers do.
  table.file("a.parquet",
             "SELECT {'col-2': 'Ana', 'col-3': {'col-4': 'Rua A'}} AS \"col-1\", [{'col-6': 'x'}] "
             "AS \"col-5\", MAP {'a': {'col-8': 5::BIGINT}} AS \"col-7\"",
             1, json::object(),
             ", FIELD_IDS {\"col-1\": {__duckdb_field_id: 1, \"col-2\": 2, \"col-3\": "
             "{__duckdb_field_id: 3, \"col-4\": 4}}, \"col-5\": {__duckdb_field_id: 5, element: "
             "{\"col-6\": 6}}, \"col-7\": {__duckdb_field_id: 7, value: {\"col-8\": 8}}}");
  // By others, in another order, a narrower type, a field that is gone, and one that is missing.
  table.file(
      "b.parquet",
      "SELECT {'gone': 1, 'h': {'s': 'Rua B'}} AS p, [{'col-8': 'y'}] AS l, MAP {'a': "
      "{'col-6': 7::INTEGER}} AS m",
      1, json::object(),
      ", FIELD_IDS {p: {__duckdb_field_id: 1, gone: 99, h: {__duckdb_field_id: 3, s: 4}}, l: "
      "{__duckdb_field_id: 5, element: {\"col-8\": 6}}, m: {__duckdb_field_id: 7, value: "
      "{\"col-6\": 8}}}");
  // None of them.
  table.file("c.parquet", "SELECT 1 AS other", 1, json::object(), ", FIELD_IDS {other: 98}");
  table.commit();
  CHECK(table.ask(nested_text + "ORDER BY 1") == "-/-/-/- -/Rua B/y/7 Ana/Rua A/x/5");
  CHECK(table.ask("SELECT count(*)::VARCHAR FROM t WHERE person IS NULL") == "1");
  CHECK(table.ask("SELECT typeof(prices) FROM t LIMIT 1") == "MAP(VARCHAR, STRUCT(cents BIGINT))");
}

TEST_CASE(
    "a file with a struct and none of its fields is refused by a sentence, rows being at stake") {
  Newer table;
  nested_by_id(table);
  table.file("a.parquet", "SELECT {'gone': 1} AS p", 1, json::object(),
             ", FIELD_IDS {p: {__duckdb_field_id: 1, gone: 99}}");
  table.commit();
  CHECK(table.refusal() ==
        "silver/demo/newer version 0 maps its columns by id, and a file of it has person with none "
        "of the fields that the table has in a struct of it: such a file is not read");
}

TEST_CASE("a table with instants without zone, and one whose types have widened, are read") {
  Newer table;
  table.features({"timestampNtz", "typeWidening"});
  table.field("at", "timestamp_ntz");
  table.field("n", "long");
  table.field("x", "double");
  table.field("d", "decimal(12,3)");
  table.file("old.parquet",
             "SELECT TIMESTAMP '2026-11-20 10:00:00' AS \"at\", 1::INTEGER AS n, 1.5::FLOAT AS x, "
             "2.25::DECIMAL(6,2) AS d",
             1);
  table.file("new.parquet",
             "SELECT TIMESTAMP '2026-11-21 10:00:00' AS \"at\", 3000000000::BIGINT AS n, "
             "2.5::DOUBLE AS x, 3.125::DECIMAL(12,3) AS d",
             1);
  table.commit();
  CHECK(table.ask("SELECT \"at\" || '|' || n || '|' || x || '|' || d FROM t ORDER BY n") ==
        "2026-11-20 10:00:00|1|1.5|2.250 2026-11-21 10:00:00|3000000000|2.5|3.125");
  CHECK(table.ask("SELECT typeof(\"at\") || typeof(n) FROM t LIMIT 1") == "TIMESTAMPBIGINT");
}

TEST_CASE("a table whose writers promise what we cannot keep is refused before any work is done") {
  Newer table;
  table.protocol = {{"minReaderVersion", 1}, {"minWriterVersion", 3}};
  table.configuration = {{"delta.constraints.positive", "n > 0"}};
  table.field("n", "long");
  table.file("a.parquet", "SELECT 1::BIGINT AS n", 1);
  table.commit();
  CHECK(table.ask("SELECT n::VARCHAR FROM t") == "1");  // read it may be
  const auto opened = DeltaTable::open(table.session, table.lake.path(), newer);
  CHECK_THROWS_WITH_AS(check_may_write(opened),
                       "silver/demo/newer: the table needs a Delta writer of version 3, for CHECK "
                       "constraints (positive); this one is 2",
                       plugin::FinalError);
  const auto none = DeltaTable::open(table.session, table.lake.path(), "silver/demo/none");
  CHECK_NOTHROW(check_may_write(none));
  const auto below =
      DeltaTable::open(table.session, table.lake.path(), std::string(newer) + "/part");
  CHECK_THROWS_WITH_AS(check_may_write(below),
                       "silver/demo/newer/part: it lies below the table silver/demo/newer: call "
                       "one of them otherwise",
                       plugin::FinalError);
}

TEST_CASE("what is not known is refused in a sentence that names table and feature") {
  Newer table;
  table.field("n", "long");
  table.file("a.parquet", "SELECT 1::BIGINT AS n", 1);
  table.features({"variantType", "deletionVectors"});
  table.commit();
  CHECK(
      table.refusal() ==
      "silver/demo/newer version 0 uses the Delta feature variantType, which cannot be read here");
  table.features({"deletionVectors"});
  table.adds[0]["deletionVector"] = {{"storageType", "p"},
                                     {"pathOrInlineDv", "s3://elsewhere/x.bin"},
                                     {"sizeInBytes", 40},
                                     {"cardinality", 1}};
  table.commit();
  CHECK(table.refusal().find("absolute path") != std::string::npos);
  table.features(json::array({"timestampNtz"}));
  table.commit();
  CHECK(table.refusal().find("its protocol does not say so") != std::string::npos);
}
