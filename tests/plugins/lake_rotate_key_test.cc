// Another key of pseudonyms: each table turns in one version, joins hold before and after, and what
// bronze has no text of is refused.
#include <doctest/doctest.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "lakelog/branch.h"
#include "lakelog/change.h"
#include "plugins/lake/erase_spellings.h"
#include "plugins/lake/pseudonym.h"
#include "plugins/lake/rotate_key.h"
#include "plugins/lake/state_hash.h"
#include "plugins/sdk/plugin.h"
#include "tests/plugins/erased_lake.h"

using namespace batuta;
using namespace batuta::lake;
using namespace batuta::lake::erased;
using nlohmann::json;

namespace {

const std::string key_before = "the key of pseudonyms before",
                  key_after = "the key of them afterwards";
const std::string rotated_gold = "gold/demo/per_person", rotated_bronze = "bronze/demo/people";
const std::vector<lakelog::Column> rotated_columns = {
    {"id", "long", true}, {"cpf", "string", true}, {"note", "string", true}};

struct RotatingLake : ErasedLake {
  RotatingLake() {
    set_pseudonym_key(session, "before", key_before);
    set_pseudonym_key(session, "after", key_after);
    append(rotated_bronze, bronze_text_columns,
           "SELECT CAST(i AS VARCHAR) AS id, 'c' || i AS cpf, 'x' AS _source_file FROM range(1, 4) "
           "t(i)");
    const std::string masked = "SELECT i::BIGINT AS id, " + pseudonym_sql("'c' || i", "before") +
                               " AS cpf, 'n' AS note FROM range(1, 4) t(i)";
    append(people, rotated_columns, masked);
    append(people, rotated_columns, "SELECT 4::BIGINT AS id, NULL::VARCHAR AS cpf, 'n' AS note");
    append(rotated_gold, rotated_columns, masked);
  }
  RotateOptions options(bool apply) const {
    RotateOptions out;
    out.key = key_after;
    out.previous = key_before;
    out.facts["demo/people"]["cpf"] = {"", "string", "pseudonym", "", ""};
    out.apply = apply;
    return out;
  }
  Rotation rotated(bool apply) { return rotate_key(session, lake.path(), options(apply)); }
  // Rows of both tables that meet by their pseudonym.
  std::int64_t joined() {
    create_view(session, "joined_people", DeltaTable::open(session, lake.path(), people));
    create_view(session, "joined_gold", DeltaTable::open(session, lake.path(), rotated_gold));
    return session.value("SELECT count(*) FROM joined_people JOIN joined_gold USING (cpf)")
        .integer();
  }
  std::int64_t under(const std::string& table, const std::string& name) {
    create_view(session, "rows_under", DeltaTable::open(session, lake.path(), table));
    return session
        .value("SELECT count(*) FROM rows_under WHERE cpf IN (SELECT " +
               pseudonym_sql("'c' || i", name) + " FROM range(1, 10) t(i))")
        .integer();
  }
  std::string bears(const std::string& table) {
    const auto opened = DeltaTable::open(session, lake.path(), table);
    const auto& configuration = opened.snapshot().metadata.configuration;
    const auto found = configuration.find(mask_key_property);
    return found == configuration.end() ? std::string() : found->second;
  }
};

struct RotationKilled {};

}  // namespace

TEST_CASE("rotation: every table turns in one version, joins hold, and the old key has no use") {
  RotatingLake world;
  const std::int64_t silver = world.newest(people), gold = world.newest(rotated_gold);
  const Rotation plan = world.rotated(false);
  CHECK(plan.tables.size() == 2);
  CHECK_FALSE(plan.unused);
  CHECK(world.newest(people) == silver);
  REQUIRE(world.joined() == 3);
  const Rotation done = world.rotated(true);
  CHECK(done.unused);
  CHECK(done.texts == 3);
  CHECK(world.newest(people) == silver + 1);
  CHECK(world.newest(rotated_gold) == gold + 1);
  CHECK(world.joined() == 3);
  CHECK(world.under(people, "before") == 0);
  CHECK(world.under(people, "after") == 3);
  CHECK(world.ids(people) == "1 2 3 4");
  CHECK(world.bears(people) == mask_key_id(world.session, key_after));
  // The version before is what it was.
  CHECK(world.ids(people, silver) == "1 2 3 4");
  const Rotation again = world.rotated(true);
  CHECK(again.unused);
  CHECK(world.newest(people) == silver + 1);
}

TEST_CASE("rotation: killed at any step it is ended by the next call") {
  for (const char* at : {"rotate_before_file", "rotate_before_put", "rotate_after_put"}) {
    CAPTURE(at);
    RotatingLake world;
    RotateOptions options = world.options(true);
    options.step = [&](const char* name) {
      if (std::string(name) == at) throw RotationKilled{};
    };
    CHECK_THROWS_AS(rotate_key(world.session, world.lake.path(), options), RotationKilled);
    // Each table is whole, under one of the two keys.
    for (const std::string& table : {people, rotated_gold})
      CHECK((world.under(table, "before") == 0 || world.under(table, "after") == 0));
    CHECK(world.rotated(true).unused);
    CHECK(world.joined() == 3);
    CHECK(world.under(people, "before") + world.under(rotated_gold, "before") == 0);
  }
}

TEST_CASE("rotation: a pseudonym of which bronze has no text is refused before anything is done") {
  RotatingLake world;
  world.append(
      people, rotated_columns,
      "SELECT 9::BIGINT AS id, " + pseudonym_sql("'c9'", "before") + " AS cpf, 'n' AS note");
  const std::int64_t silver = world.newest(people), gold = world.newest(rotated_gold);
  const Rotation plan = world.rotated(false);
  CHECK_FALSE(plan.unused);
  std::string refused;
  try {
    (void)world.rotated(true);
  } catch (const plugin::FinalError& error) {
    refused = error.what();
  }
  CHECK(refused.find("silver/demo/people: 1 pseudonyms are of no text that bronze has") == 0);
  CHECK(world.newest(people) == silver);
  CHECK(world.newest(rotated_gold) == gold);
}

TEST_CASE(
    "rotation: of a bronze with types the texts are those that were sent, and so in erasure") {
  RotatingLake world;
  const std::string bronze = "bronze/demo/cards", silver = "silver/demo/cards";
  world.append(bronze,
               {{"number", "long", true},
                {"_rescued_data", "string", true},
                {"_source_file", "string", true}},
               "SELECT i::BIGINT AS number, NULL::VARCHAR AS _rescued_data, 'x' AS _source_file "
               "FROM range(1, 3) t(i) UNION ALL SELECT NULL, '{\"number\":\"030\"}', 'x'");
  world.append(silver, {{"id", "long", true}, {"number", "string", true}},
               "SELECT row_number() OVER () AS id, " + pseudonym_sql("s", "before") +
                   " AS number FROM (VALUES ('1'), ('2'), ('30')) v(s)");
  RotateOptions options = world.options(true);
  options.facts["demo/cards"]["number"] = {"", "long", "pseudonym", "", ""};
  CHECK(rotate_key(world.session, world.lake.path(), options).unused);
  create_view(world.session, "turned", DeltaTable::open(world.session, world.lake.path(), silver));
  CHECK(world.session
            .value("SELECT count(*) FROM turned WHERE number IN (SELECT " +
                   pseudonym_sql("s", "after") + " FROM (VALUES ('1'), ('2'), ('30')) v(s))")
            .integer() == 3);
  const PersonTexts texts =
      person_texts(world.session, world.lake.path(), bronze, "number", {"long"}, {"30"});
  CHECK(std::count(texts.sent.begin(), texts.sent.end(), "030") == 1);
  CHECK(texts.typed == std::vector<std::string>{"30"});
  CHECK(rows_of_other_keys(world.session, world.lake.path(), silver, bronze, "number", {"long"},
                           {"after"}) == 0);
}

TEST_CASE("rotation: the hashes of a history are those of its states as they are then") {
  RotatingLake world;
  const std::string history = "silver/demo/people_hist";
  const std::vector<lakelog::Column> columns = {{"id", "long", true},
                                                {"cpf", "string", true},
                                                {"note", "string", true},
                                                {"valid_from", "timestamp", true},
                                                {"is_current", "boolean", true},
                                                {"change_hash", "binary", true}};
  const auto state = [](const std::string& key) {
    return "SELECT id, cpf, note, TIMESTAMPTZ '2026-11-20 00:00:00Z' AS valid_from, true AS "
           "is_current, " +
           state_hash_sql({{"note", "note"}, {"cpf", "cpf"}}) +
           " AS change_hash FROM (SELECT i::BIGINT AS id, " + pseudonym_sql("'c' || i", key) +
           " AS cpf, 'n' || i AS note FROM range(1, 4) t(i))";
  };
  // One whose hash is of something else, as an earlier build left it, stays what it is.
  world.append(history, columns,
               state("before") + " UNION ALL SELECT 9, NULL, 'n', NULL, true, 'x'::BLOB");
  CHECK(world.rotated(true).unused);
  create_view(world.session, "rotated_states",
              DeltaTable::open(world.session, world.lake.path(), history));
  CHECK(world.session
            .value("SELECT count(*) FROM rotated_states SEMI JOIN (" + state("after") +
                   ") USING (id, cpf, change_hash)")
            .integer() == 3);
  CHECK(world.session.value("SELECT count(*) FROM rotated_states WHERE change_hash = 'x'::BLOB")
            .integer() == 1);
}

TEST_CASE("rotation: states whose hashes nobody can make anew are counted, in a bounded search") {
  RotatingLake world;
  const std::string history = "silver/demo/people_hist";
  std::vector<lakelog::Column> columns = {{"id", "long", true}, {"cpf", "string", true}};
  std::string more;
  for (int i = 0; i < 4; ++i) {
    columns.push_back({"c" + std::to_string(i), "long", true});
    more += ", 1::BIGINT AS c" + std::to_string(i);
  }
  columns.push_back({"change_hash", "binary", true});
  const std::string states = "SELECT i::BIGINT AS id, " + pseudonym_sql("'c' || i", "before") +
                             " AS cpf" + more + ", 'x'::BLOB AS change_hash FROM range(1, 4) t(i)";
  world.append(history, columns, states);
  world.append(history, columns, states);
  std::int64_t asked = 0;
  RotateOptions options = world.options(true);
  options.key_tries = 20;  // of 6 + 15 + 20 sets
  options.cancelled = [&asked] { return ++asked < 0; };
  const Rotation done = rotate_key(world.session, world.lake.path(), options);
  CHECK(done.unused);
  CHECK(asked > 20);
  CHECK(asked < 40);  // once for the table, not for each of its files
  for (const RotatedTable& table : done.tables)
    CHECK(table.kept_hashes == (table.table == history ? 6 : 0));
}

TEST_CASE("rotation: nothing is changed while a branch has tables under the old key") {
  RotatingLake world;
  const auto branch = lakelog::create_branch(*world.lake.storage(), {"fix", ""});
  REQUIRE(branch.ok());
  const Lake there = Lake(world.lake.path()).on_branch(branch->ref());
  auto rows = world.written(people, rotated_columns,
                            "SELECT 9::BIGINT AS id, NULL::VARCHAR AS cpf, 'n' AS note");
  lakelog::Change change;
  change.read_version = world.newest(people);
  change.operation = "WRITE";
  change.intent.blind_append = true;
  lakelog::AddFile& add = change.commit.adds.emplace_back();
  add.path = rows[0]["path"].get<std::string>();
  add.partition_values = {};
  add.size = rows[0]["size"].get<std::int64_t>();
  const auto storage = there.storage();
  REQUIRE(storage.ok());
  REQUIRE(lakelog::put_change(lakelog::LogFolder(**storage, people), change, 1).ok());
  std::string why;
  try {
    world.rotated(true);
  } catch (const plugin::FinalError& error) {
    why = error.what();
  }
  CHECK(why.find("branch fix has " + people + " under the old key: promote or drop it first") == 0);
  CHECK(world.bears(people).empty());
  REQUIRE(lakelog::drop_branch(*world.lake.storage(), "fix").ok());
  CHECK(world.rotated(true).unused);
}

TEST_CASE(
    "rotation: who read the table before is refused, so that no row comes under the old key") {
  RotatingLake world;
  const auto late = world.written(
      people, rotated_columns,
      "SELECT 2::BIGINT AS id, " + pseudonym_sql("'c2'", "before") + " AS cpf, 'late' AS note");
  const std::int64_t read = world.newest(people);
  (void)world.rotated(true);
  const auto merged =
      world.published(people, rotated_columns, {}, lakelog::merge_payload({}, late, read));
  REQUIRE_FALSE(merged.ok());
  CHECK(merged.error().message.find("metadata") != std::string::npos);
  CHECK(world.under(people, "before") == 0);
}

TEST_CASE("rotation: the plugin tells what it would do, and refuses a key that is none") {
  RotatingLake world;
  const json facts = json::parse(R"({"demo/people":{"cpf":{"type":"string","mask":"pseudonym"}}})");
  const auto run = [&](const std::string& key) {
    const std::string scratch = world.lake.path() + "/_scratch";
    std::filesystem::create_directories(scratch);
    world.host.context = {{"execution_id", "x"}, {"lake", world.lake.path()}, {"scratch", scratch}};
    world.host.parameters = json{{"key", key}, {"previous", key_before}, {"contracts", facts}};
    world.host.failure.clear();
    return world.host.run("lake_rotate_key");
  };
  REQUIRE(run(key_after) == 0);
  const json told = json::parse(world.host.result);
  CHECK(told["applied"] == false);
  CHECK(told["tables"].size() == 2);
  CHECK(told["tables"][1]["table"] == people);
  CHECK(told["tables"][1]["rows"] == 3);
  CHECK(run("short") != 0);
  CHECK(world.host.failure.find("16 characters") != std::string::npos);
  CHECK(run(key_before) != 0);
}
