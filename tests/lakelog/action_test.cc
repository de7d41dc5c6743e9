#include "lakelog/action.h"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "lakelog/path.h"
#include "lakelog/schema.h"

using namespace batuta;
using namespace batuta::lakelog;

TEST_CASE("a commit survives being written and read again") {
  Commit commit;
  commit.protocol = Protocol{};
  commit.metadata = Metadata{};
  commit.metadata->id = "3f5c";
  commit.metadata->description = "numbers, \"quoted\"";
  commit.metadata->columns = {{"price", "decimal(18,6)", false}, {"day", "date", true}};
  commit.metadata->partition_columns = {"day"};
  commit.metadata->configuration = {{"delta.appendOnly", "true"}};
  commit.metadata->created_ms = 17;
  commit.adds.push_back({"day=2026-11-20/a b%#.parquet",
                         {{"day", "2026-11-20"}},
                         12,
                         5,
                         true,
                         false,
                         R"({"numRecords":3})"});
  commit.removes.push_back({"old.parquet", 9, true, PartitionValues{{"day", std::nullopt}}, 44});
  commit.txns.push_back({"app", 7});
  commit.info_json = R"({"operation":"WRITE"})";

  const auto again = parse_commit(serialise(commit));
  REQUIRE(again.ok());
  CHECK(again->metadata->columns == commit.metadata->columns);
  CHECK(again->metadata->configuration == commit.metadata->configuration);
  CHECK(again->metadata->description == commit.metadata->description);
  REQUIRE(again->adds.size() == 1);
  CHECK(again->adds[0].path == commit.adds[0].path);
  CHECK(again->adds[0].partition_values == commit.adds[0].partition_values);
  CHECK(record_count(again->adds[0]) == 3);
  REQUIRE(again->removes.size() == 1);
  CHECK(again->removes[0].partition_values == commit.removes[0].partition_values);
  CHECK(again->removes[0].size == 44);
  CHECK(again->txns[0].version == 7);
  CHECK(serialise(*again) == serialise(commit));
}

TEST_CASE("unknown actions and fields of a commit are ignored") {
  const auto commit = parse_commit(
      "{\"domainMetadata\":{\"domain\":\"x\"}}\n\n"
      "{\"add\":{\"path\":\"a\",\"partitionValues\":{},\"size\":1,\"tags\":{},\"new\":1}}\r\n");
  REQUIRE(commit.ok());
  CHECK(commit->adds.size() == 1);
}

TEST_CASE("a commit that breaks the protocol's rules names the line and the field") {
  const auto message = [](const char* text) {
    const auto commit = parse_commit(text);
    REQUIRE(!commit.ok());
    CHECK(commit.error().code == Errc::malformed);
    return commit.error().message;
  };
  CHECK(message("{\"txn\":{\"appId\":\"a\",\"version\":1}}\n{\"add\":{\"size\":1}}")
            .starts_with("line 2: add.path"));
  CHECK(message("{\"add\":{\"path\":\"a%2\",\"size\":1}}").find("add.path") != std::string::npos);
  CHECK(message("{\"add\":{\"path\":\"a\",\"size\":1.5}}").find("add.size") != std::string::npos);
  CHECK(message("[1]").find("not an object") != std::string::npos);
  CHECK(message("{\"add\":").starts_with("line 1"));
  CHECK(message("{\"add\":{\"path\":\"a\",\"size\":1}}\n{\"add\":{\"path\":\"a\",\"size\":1}}")
            .find("twice") != std::string::npos);
  CHECK(message("{\"protocol\":{\"minReaderVersion\":1,\"minWriterVersion\":2}}\n"
                "{\"protocol\":{\"minReaderVersion\":1,\"minWriterVersion\":2}}")
            .find("second protocol") != std::string::npos);
}

TEST_CASE("file paths are escaped so that every reader decodes the same bytes") {
  CHECK(uri_encode("day=2026-11-20/part-1.parquet") == "day=2026-11-20/part-1.parquet");
  CHECK(uri_encode("a b%c#ç") == "a%20b%25c%23%C3%A7");
  CHECK(*uri_decode(uri_encode("a b%c#ç+:")) == "a b%c#ç+:");
  CHECK_FALSE(uri_decode("a%4").ok());
  CHECK_FALSE(uri_decode("a%zz").ok());
}

TEST_CASE("a removal keeps its partition values and its size, each also without the other") {
  const auto commit =
      parse_commit(R"({"remove":{"path":"a","partitionValues":{"day":"2026-11-20"}}})"
                   "\n"
                   R"({"remove":{"path":"b","size":7}})"
                   "\n");
  REQUIRE(commit.ok());
  const auto again = parse_commit(serialise(*commit));
  REQUIRE(again.ok());
  CHECK(*again == *commit);
  CHECK(again->removes[0].partition_values->at("day") == "2026-11-20");
  CHECK(again->removes[1].size == 7);
}

TEST_CASE("names that could leave the table's folder are refused") {
  CHECK(valid_data_path("day=2026-11-20/x.parquet"));
  for (const char* bad : {"", "/etc/passwd", "../x", "a/../b", "a//b", "./a", "a/", "_delta_log/x"})
    CHECK_FALSE(valid_data_path(bad));
  CHECK(valid_table_name("silver/financial/quotes"));
  for (const char* bad : {"", "quotes", "/silver/quotes", "silver//quotes", "silver/../quotes",
                          "silver/_log", "a/b/c/d/e/f/g", "silver/quotes/"})
    CHECK_FALSE(valid_table_name(bad));
}

TEST_CASE("a table is also named as SQL names it, and what names none is told how they are named") {
  CHECK(table_name_of("silver.financial.quotes") == "silver/financial/quotes");
  for (const char* same : {"silver/financial/quotes", "silver/demo/a.b", "nope", "..", "a..b", ""})
    CHECK(table_name_of(same) == same);
  const std::string said = no_table_name("nope");
  CHECK(said.find("\"nope\"") != std::string::npos);
  CHECK(said.find("layer/domain/table") != std::string::npos);
}

TEST_CASE("a nested type keeps its JSON through the schema string") {
  const auto schema = parse_schema(
      R"({"type":"struct","fields":[{"name":"a","type":{"type":"array","elementType":"long",)"
      R"("containsNull":true},"nullable":false,"metadata":{}},)"
      R"({"name":"b","type":"string","metadata":{"delta.invariants":"x"}}]})");
  REQUIRE(schema.ok());
  CHECK(schema->has_invariants);
  CHECK_FALSE(schema->columns[0].nullable);
  CHECK(schema->columns[1].nullable);
  const auto again = parse_schema(schema_string(schema->columns));
  REQUIRE(again.ok());
  CHECK(again->columns == schema->columns);
  CHECK(is_primitive_type("decimal(38,6)"));
  for (const char* bad :
       {"decimal(39,6)", "decimal(6,7)", "decimal(18)", "decimal(18,6", "int", ""})
    CHECK_FALSE(is_primitive_type(bad));
}
