// Under which texts a person stands: those that bronze has, as silver writes them, and pseudonyms
// of these by every key that was given.
#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "plugins/lake/erase_spellings.h"
#include "plugins/lake/pseudonym.h"
#include "tests/plugins/erased_lake.h"

using namespace batuta;
using namespace batuta::lake;
using namespace batuta::lake::erased;
using nlohmann::json;

namespace {

const std::string texts_bronze = "bronze/demo/people", texts_quarantine = "quarantine/demo/people";
const std::string first_key = "the first key of pseudonyms", second_key = "the second key of them";

json texts_key(const std::string& column, const std::string& value) {
  json one = json::object();
  one["column"] = column;
  one["value"] = value;
  return json::array({one});
}

json texts_facts(const std::string& type, const std::string& mask, const std::string& format = {}) {
  json column = json::object();
  column["type"] = type;
  column["mask"] = mask;
  column["format"] = format;
  json table = json::object();
  table["cpf"] = column;
  json out = json::object();
  out["demo/people"] = table;
  return out;
}

struct TextsWorld : ErasedLake {
  TextsWorld() {
    set_pseudonym_key(session, "k1", first_key);
    set_pseudonym_key(session, "k2", second_key);
  }
  static std::string of(const std::string& text, const std::string& name) {
    return pseudonym_sql("'" + text + "'", name);
  }
  std::string record() {
    std::ifstream in(lake.path() + "/_erasures/op-1.json");
    return {std::istreambuf_iterator<char>(in), {}};
  }
};

const std::vector<lakelog::Column> texts_columns = {{"id", "long", true}, {"cpf", "string", true}};

}  // namespace

TEST_CASE("erasure: a number is found under each text that bronze has, and under its pseudonyms") {
  TextsWorld world;
  world.append(texts_bronze, bronze_text_columns,
               "SELECT * FROM (VALUES ('1', '007', 'x'), ('2', ' 7', 'x'), ('3', '8', 'x')) "
               "t(id, cpf, _source_file)");
  // Silver has it of the number, rows that were rejected of the text as it was sent.
  world.append(people, texts_columns,
               "SELECT 1::BIGINT AS id, " + TextsWorld::of("7", "k1") +
                   " AS cpf UNION ALL SELECT 3::BIGINT, " + TextsWorld::of("8", "k1"));
  world.append(texts_quarantine, texts_columns,
               "SELECT 1::BIGINT AS id, " + TextsWorld::of("007", "k1") + " AS cpf");
  world.raw("a.jsonl", "{\"cpf\":\"007\"}\n{\"cpf\":\"8\"}\n");
  json asked{{"keys", texts_key("cpf", "7")},
             {"contracts", texts_facts("long", "pseudonym")},
             {"mask_keys", json::array({first_key})},
             {"apply", true}};
  const json done = world.told(asked);
  CHECK(done["complete"] == true);
  CHECK(done["rows"] == 4);
  CHECK(world.ids(people) == "3");
  CHECK(world.ids(texts_bronze) == "3");
  CHECK(world.ids(texts_quarantine) == "");
  CHECK(world.raw("a.jsonl") == "{\"cpf\":\"8\"}\n");
  CHECK(world.record().find("\"007\"") == std::string::npos);
}

TEST_CASE("erasure: a date of the contract's own format is found however it was written") {
  TextsWorld world;
  world.append(texts_bronze, bronze_text_columns,
               "SELECT * FROM (VALUES ('1', '31/12/1990', 'x'), ('2', '1/2/1991', 'x')) "
               "t(id, cpf, _source_file)");
  world.append(people, {{"id", "long", true}, {"cpf", "date", true}},
               "SELECT 1::BIGINT AS id, DATE '1990-12-31' AS cpf UNION ALL SELECT 2::BIGINT, DATE "
               "'1991-02-01'");
  world.append("silver/demo/people_hist", texts_columns,
               "SELECT 1::BIGINT AS id, " + TextsWorld::of("1990-12-31", "k1") + " AS cpf");
  world.raw("a.jsonl", "{\"cpf\":\"31/12/1990\"}\n{\"cpf\":\"1/2/1991\"}\n");
  for (const char* written : {"31/12/1990", "1990-12-31"}) {
    CAPTURE(written);
    json plan{{"keys", texts_key("cpf", written)},
              {"contracts", texts_facts("date", "none", "%d/%m/%Y")}};
    CHECK(world.told(plan)["rows"] == 2);
    CHECK(world.told(plan)["raw_records"] == 1);
    plan["contracts"] = texts_facts("date", "pseudonym", "%d/%m/%Y");
    plan["mask_keys"] = json::array({first_key});
    CHECK(world.told(plan)["rows"] == 3);
  }
}

TEST_CASE("erasure: rows under a key that was not given are told by their table, and found by it") {
  TextsWorld world;
  world.append(
      texts_bronze, bronze_text_columns,
      "SELECT * FROM (VALUES ('1', 'c1', 'x'), ('2', 'c2', 'x')) t(id, cpf, _source_file)");
  world.append(people, texts_columns,
               "SELECT 1::BIGINT AS id, " + TextsWorld::of("c1", "k1") +
                   " AS cpf UNION ALL SELECT 2::BIGINT, " + TextsWorld::of("c2", "k2"));
  json asked{{"keys", texts_key("cpf", "c2")},
             {"contracts", texts_facts("string", "pseudonym")},
             {"mask_keys", json::array({first_key})}};
  const json half = world.told(asked);
  CHECK(half["rows"] == 1);  // bronze's
  CHECK(misses(half, people, "1 rows have a pseudonym in cpf that no text in bronze has"));
  asked["mask_keys"].push_back(second_key);
  const json whole = world.told(asked);
  CHECK(whole["rows"] == 2);
  CHECK_FALSE(misses(whole, people, "older key"));
}

TEST_CASE("erasure: what bronze told is known to the next call, though bronze has lost it") {
  TextsWorld world;
  world.append(texts_bronze, bronze_text_columns,
               "SELECT '1' AS id, '007' AS cpf, 'x' AS _source_file");
  json asked{{"keys", texts_key("cpf", "7")},
             {"contracts", texts_facts("long", "pseudonym")},
             {"mask_keys", json::array({first_key})},
             {"apply", true}};
  world.raw("odd.xml", "<cpf>7</cpf>");  // keeps the operation open
  CHECK(world.told(asked)["complete"] == false);
  CHECK(world.ids(texts_bronze) == "");
  world.append(texts_quarantine, texts_columns,
               "SELECT 1::BIGINT AS id, " + TextsWorld::of("007", "k1") + " AS cpf");
  (void)world.told(asked);
  CHECK(world.ids(texts_quarantine) == "");
}
