// Columns that become wider in place: what the log says of it, and who may write the table then.
#include <doctest/doctest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include "lakelog/features.h"
#include "lakelog/schema.h"
#include "lakelog/snapshot.h"
#include "tests/lakelog/lake_fixture.h"

using namespace batuta;
using namespace batuta::lakelog;
using nlohmann::json;

namespace {

constexpr const char* wide_type = "decimal(12,4)";

// A publication of one file whose column n has this type, beside a column m where it is named.
Result<Published> publish_as(const TempLake& lake, const std::string& file, const std::string& type,
                             std::int64_t number, std::int64_t read = -1, bool more = false) {
  json payload = append_payload({data_file(lake.path(), file)}, read);
  payload["schema"][0]["type"] = type;
  if (more) payload["schema"].push_back({{"name", "m"}, {"type", "string"}, {"nullable", true}});
  if (read >= 0) payload["evolve"] = true;
  return publish(publication(lake, payload, number));
}

json field_n(const Snapshot& snapshot) {
  const auto extra = json::parse(snapshot.metadata.extra_json);
  return json::parse(extra.at("schemaString").get<std::string>()).at("fields").at(0);
}

}  // namespace

TEST_CASE("types become wider in place where every value stays the same, and only there") {
  CHECK(widens_in_place("byte", "short"));
  CHECK(widens_in_place("integer", "long"));
  CHECK(widens_in_place("float", "double"));
  CHECK(widens_in_place("decimal(10,2)", wide_type));
  for (const auto& [from, to] :
       {std::pair{"long", "integer"}, std::pair{"long", "long"}, std::pair{"long", "double"},
        std::pair{"double", "float"}, std::pair{"decimal(10,2)", "decimal(11,4)"},
        std::pair{"decimal(10,2)", "decimal(10,2)"}, std::pair{"decimal(10,4)", "decimal(12,2)"},
        std::pair{"string", "long"}, std::pair{"date", "timestamp"}}) {
    const std::string of = from;  // CAPTURE takes no structured binding in Clang 14
    CAPTURE(of);
    CHECK(!widens_in_place(from, to));
  }
}

TEST_CASE("a column that widens is told as Delta tells it, and the table stays ours to write") {
  TempLake lake;
  REQUIRE(publish_as(lake, "a", "decimal(10,2)", 1).ok());
  CHECK(read_snapshot(test_log(lake))->protocol == Protocol{});  // everybody reads and writes it
  const auto wider = publish_as(lake, "b", wide_type, 2, 0, true);
  if (!wider.ok()) FAIL(wider.error().message);
  auto now = read_snapshot(test_log(lake));
  REQUIRE(now.ok());
  CHECK(now->protocol.min_reader == 3);
  CHECK(now->protocol.min_writer == 7);
  CHECK(features_of(now->protocol).reader == std::vector<std::string>{"typeWidening"});
  CHECK(features_of(now->protocol).writer ==
        std::vector<std::string>{"appendOnly", "invariants", "typeWidening"});
  CHECK(now->metadata.configuration.at("delta.enableTypeWidening") == "true");
  CHECK(now->metadata.columns[0].type == wide_type);
  CHECK(now->metadata.columns.back().name == "m");
  CHECK(field_n(*now)["metadata"]["delta.typeChanges"] ==
        json{{{"fromType", "decimal(10,2)"}, {"toType", wide_type}}});
  CHECK(check_writable(now->protocol, now->metadata).ok());
  CHECK(now->files.size() == 2);
  // Before it the table is what it was.
  const auto before = read_snapshot(test_log(lake), 0);
  CHECK(before->metadata.columns[0].type == "decimal(10,2)");
  CHECK(before->protocol == Protocol{});
  // Another time, each change in its turn; and what needs none changes neither protocol nor schema.
  REQUIRE(publish_as(lake, "c", "decimal(14,4)", 3, 1, true).ok());
  REQUIRE(publish_as(lake, "d", "decimal(14,4)", 4, 2, true).ok());
  now = read_snapshot(test_log(lake));
  CHECK(field_n(*now)["metadata"]["delta.typeChanges"].size() == 2);
  const auto last = parse_commit(*test_log(lake).read(3));
  CHECK(!last->metadata);
  CHECK(!last->protocol);
  CHECK(!parse_commit(*test_log(lake).read(2))->protocol);
}

TEST_CASE("who knew the narrower column begins anew, and nobody makes one narrower") {
  TempLake lake;
  REQUIRE(publish_as(lake, "a", "integer", 1).ok());
  REQUIRE(publish_as(lake, "b", "long", 2, 0).ok());
  CHECK(publish_as(lake, "c", "integer", 3, 0).error().code == Errc::conflict);
  const auto narrower = publish_as(lake, "d", "integer", 4, 1);
  CHECK(narrower.error().code == Errc::invalid);
  CHECK(narrower.error().where == "schema");
  json quiet = append_payload({data_file(lake.path(), "e")}, 1);
  quiet["schema"][0]["type"] = "double";
  quiet["evolve"] = true;
  CHECK(publish(publication(lake, quiet, 5)).error().where == "schema");
}

TEST_CASE("a protocol is lifted with all that it had, and once") {
  const Protocol lifted = with_type_widening({1, 2});
  CHECK(with_type_widening(lifted) == lifted);
  CHECK(keeps_all_promises(lifted));
  const Protocol rich{3, 7,
                      R"({"readerFeatures":["deletionVectors"],"writerFeatures":)"
                      R"(["deletionVectors","appendOnly"]})"};
  const auto features = features_of(with_type_widening(rich));
  CHECK(features.reader == std::vector<std::string>{"deletionVectors", "typeWidening"});
  CHECK(features.writer ==
        std::vector<std::string>{"deletionVectors", "appendOnly", "typeWidening"});
  CHECK(!keeps_all_promises(with_type_widening(rich)));
  CHECK(!keeps_all_promises({1, 7}));
}
