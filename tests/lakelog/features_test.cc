// Tables of newer writers: what is known of their features, deletion vectors and mapped columns.
#include "lakelog/features.h"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "lakelog/column_mapping.h"
#include "lakelog/deletion_vector.h"
#include "lakelog/snapshot.h"
#include "tests/lakelog/kept_table.h"

using namespace batuta;
using namespace batuta::lakelog;
using nlohmann::json;

namespace {

Protocol protocol_of(int reader, int writer, const json& features = json::array()) {
  Protocol protocol{reader, writer};
  if (!features.empty())
    protocol.extra_json = json{{"readerFeatures", features}, {"writerFeatures", features}}.dump();
  return protocol;
}

Metadata metadata_of(const json& fields, const json& configuration = json::object()) {
  const json action = {{"metaData",
                        {{"id", "x"},
                         {"format", {{"provider", "parquet"}, {"options", json::object()}}},
                         {"schemaString", json{{"type", "struct"}, {"fields", fields}}.dump()},
                         {"partitionColumns", json::array()},
                         {"configuration", configuration}}}};
  const auto commit = parse_commit(action.dump());
  if (!commit.ok()) FAIL(commit.error().message);
  return *commit->metadata;
}

json field_of(const std::string& name, const json& type, const json& metadata = json::object()) {
  return {{"name", name}, {"type", type}, {"nullable", true}, {"metadata", metadata}};
}

std::string little(std::uint64_t value, int bytes) {
  std::string out;
  for (int i = 0; i < bytes; ++i) out += static_cast<char>(value >> (8 * i) & 0xFF);
  return out;
}

// One bucket with key 0 of the portable form around a 32-bit bitmap.
std::string portable(const std::string& bitmap, std::uint32_t key = 0) {
  return little(1681511377, 4) + little(1, 8) + little(key, 4) + bitmap;
}

std::string array_bitmap(const std::vector<int>& values) {
  std::string out =
      little(12346, 4) + little(1, 4) + little(0, 2) + little(values.size() - 1, 2) + little(16, 4);
  for (const int value : values) out += little(static_cast<std::uint64_t>(value), 2);
  return out;
}

std::vector<std::int64_t> rows_of(const std::string& bytes, std::int64_t most = 1'000'000) {
  const auto rows = decode_deleted_rows(bytes, most);
  if (!rows.ok()) FAIL(rows.error().message);
  return *rows;
}

}  // namespace

TEST_CASE("readers of newer tables know some features, and name those that they do not") {
  CHECK(check_readable(protocol_of(1, 2)).ok());
  CHECK(check_readable(protocol_of(2, 5)).ok());
  CHECK(check_readable(protocol_of(3, 7,
                                   {"deletionVectors", "timestampNtz", "v2Checkpoint",
                                    "typeWidening", "columnMapping", "vacuumProtocolCheck"}))
            .ok());
  CHECK(check_readable(protocol_of(99, 7)).error().message ==
        "needs a Delta reader of version 99; this one is 3");
  CHECK(check_readable(protocol_of(3, 7, {"variantType"})).error().message ==
        "uses the Delta feature variantType, which cannot be read here");
  CHECK(check_readable(protocol_of(3, 7, {"variantType", "deletionVectors", "somethingNew"}))
            .error()
            .message ==
        "uses the Delta features variantType, somethingNew, which cannot be read here");
}

TEST_CASE("what a writer would have to keep is told by name before any work is done") {
  const Metadata metadata = metadata_of(
      {field_of("id", "long", {{"delta.identity.start", 1}}),
       field_of("day", "date", {{"delta.generationExpression", "CAST(at AS DATE)"}}),
       field_of(
           "deep",
           {{"type", "struct"},
            {"fields", json::array({field_of("inner", "long", {{"delta.invariants", "{}"}})})}})},
      {{"delta.constraints.price_positive", "price > 0"}});
  const Protocol protocol = protocol_of(1, 6);
  const auto refused = check_writable(protocol, metadata);
  REQUIRE(!refused.ok());
  CHECK(refused.error().message ==
        "the table needs a Delta writer of version 6, for CHECK constraints (price_positive); "
        "generated columns (day); identity columns (id); column invariants (inner); this one is 2");
  const auto features = check_writable(protocol_of(3, 7, {"deletionVectors", "appendOnly"}),
                                       metadata_of(json::array({field_of("n", "long")})));
  CHECK(features.error().message ==
        "the table needs a Delta writer of version 7, for features (deletionVectors); this one is "
        "2");
}

TEST_CASE("the deletion vector that the protocol shows holds the rows that it tells") {
  const std::string inline_text = "wi5b=000010000siXQKl0rr91000f55c8Xg0@@D72lkbi5=-{L";
  const DeletionVector vector{'i', inline_text, 0, 40, 6};
  KeptTable table;
  const auto rows = deleted_rows(table.storage, test_table, vector);
  if (!rows.ok()) FAIL(rows.error().message);
  CHECK(*rows == std::vector<std::int64_t>{3, 4, 7, 11, 18, 29});
  CHECK(*deletion_vector_path({'u', "ab^-aqEH.-t@S}K{vb[*k^", 4, 40, 6}) ==
        "ab/deletion_vector_d2c639aa-8816-431a-aaf6-d3fe2512ff61.bin");
  CHECK(*deletion_vector_path({'u', "^-aqEH.-t@S}K{vb[*k^", 4, 40, 6}) ==
        "deletion_vector_d2c639aa-8816-431a-aaf6-d3fe2512ff61.bin");
  CHECK(
      deletion_vector_path({'p', "s3://x/y.bin", 0, 40, 6}).error().message.find("absolute path") !=
      std::string::npos);
}

TEST_CASE("arrays, runs and bits of a bitmap are read, in the form with buckets") {
  CHECK(rows_of(portable(array_bitmap({1, 5, 65535}))) == std::vector<std::int64_t>{1, 5, 65535});
  CHECK(rows_of(portable(array_bitmap({7}), 1)) == std::vector<std::int64_t>{(1LL << 32) + 7});
  // Two containers, the first of runs: 10 to 14 and 20.
  const std::string runs = little(12347 | 1 << 16, 4) + std::string(1, '\x01') + little(0, 2) +
                           little(5, 2) + little(2, 2) + little(0, 2) + little(2, 2) +
                           little(10, 2) + little(4, 2) + little(20, 2) + little(0, 2) +
                           little(9, 2);
  CHECK(rows_of(portable(runs)) ==
        std::vector<std::int64_t>{10, 11, 12, 13, 14, 20, (2 << 16) + 9});
  // More than 4096 values: a bit each; here every second one.
  std::string bits = little(12346, 4) + little(1, 4) + little(0, 2) + little(32767, 2) +
                     little(16, 4) + std::string(8192, '\x55');
  const auto rows = rows_of(portable(bits));
  REQUIRE(rows.size() == 32768);
  CHECK(rows[1] == 2);
  CHECK(rows.back() == 65534);
  CHECK(rows_of(little(1681511377, 4) + little(0, 8)).empty());
}

TEST_CASE("a damaged deletion vector is refused, however it is damaged") {
  const std::string good = portable(array_bitmap({1, 5, 9}));
  REQUIRE(decode_deleted_rows(good, 3).ok());
  CHECK_FALSE(decode_deleted_rows(good, 2).ok());
  for (std::size_t size = 0; size < good.size(); ++size) {
    CAPTURE(size);
    CHECK_FALSE(decode_deleted_rows(good.substr(0, size), 1000).ok());
  }
  CHECK_FALSE(decode_deleted_rows(good + "x", 1000).ok());
  for (std::size_t at = 0; at < good.size(); ++at)
    for (const char c : {'\x00', '\xFF', '\x7F'}) {
      std::string other = good;
      other[at] = c;
      const auto rows = decode_deleted_rows(other, 1000);  // no crash, and never out of order
      if (rows.ok()) CHECK(std::is_sorted(rows->begin(), rows->end()));
    }
  CHECK_FALSE(decode_deleted_rows(portable(array_bitmap({5, 1})), 1000).ok());
  CHECK_FALSE(decode_z85("abcd").ok());
  CHECK_FALSE(decode_z85("abc~d").ok());
  CHECK_FALSE(decode_z85("#####").ok());
}

TEST_CASE("mapped columns are known by the names that files and log have for them") {
  const json mapped = {{physical_name_key, "col-1"}, {column_id_key, 1}};
  const Metadata metadata = metadata_of(json::array({field_of("price", "long", mapped)}),
                                        {{"delta.columnMapping.mode", "name"}});
  CHECK(column_mapping(protocol_of(1, 2), metadata)->mode == MappingMode::none);
  const auto mapping = column_mapping(protocol_of(2, 5), metadata);
  REQUIRE(mapping.ok());
  CHECK(mapping->mode == MappingMode::name);
  CHECK(mapping->columns.at("price").physical == "col-1");
  CHECK(visible_names({{"col-1", "7"}, {"col-gone", "8"}}, *mapping) ==
        PartitionValues{{"price", "7"}});
  const Metadata without =
      metadata_of(json::array({field_of("price", "long")}), {{"delta.columnMapping.mode", "name"}});
  CHECK(column_mapping(protocol_of(2, 5), without).error().message ==
        "maps its columns, and price has no physical name");
  const Metadata odd = metadata_of(json::array({field_of("price", "long", mapped)}),
                                   {{"delta.columnMapping.mode", "colour"}});
  CHECK(column_mapping(protocol_of(2, 5), odd).error().message ==
        "maps its columns in the unknown mode colour");
}

TEST_CASE("a deletion vector of more rows than the file has, or than memory should, is refused") {
  AddFile file;
  file.path = "a.parquet";
  file.has_deletion_vector = true;
  file.stats_json = R"({"numRecords":5})";
  file.extra_json =
      R"({"deletionVector":{"storageType":"i","pathOrInlineDv":"x","sizeInBytes":40,"cardinality":6}})";
  const auto refused = deletion_vector_of(file);
  REQUIRE(!refused.ok());
  CHECK(refused.error().message.find("more rows than the file has") != std::string::npos);
  file.stats_json = R"({"numRecords":6})";
  CHECK(deletion_vector_of(file).ok());
  file.stats_json.clear();
  CHECK(deletion_vector_of(file).ok());
  KeptTable table;
  const auto vector = DeletionVector{'i', "", 0, 0, max_deleted_rows + 1};
  CHECK(deleted_rows(table.storage, test_table, vector).error().code == Errc::too_large);
}
