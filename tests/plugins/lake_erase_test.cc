// A person taken out of the lake: tables, their older versions, raw files and dead letters.
#include <doctest/doctest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <set>
#include <string>

#include "lakelog/branch.h"
#include "lakelog/change.h"
#include "lakelog/restore.h"
#include "lakelog/table.h"
#include "plugins/lake/delta_table.h"
#include "plugins/lake/erase.h"
#include "plugins/lake/staged_write.h"
#include "plugins/sdk/plugin.h"
#include "tests/plugins/erased_lake.h"

using namespace batuta;
using namespace batuta::lake;
using namespace batuta::lake::erased;
using nlohmann::json;

namespace {

struct Killed {};

}  // namespace

TEST_CASE("a person leaves a table by a version, and every file that held them goes at once") {
  ErasedLake world;
  world.fill();
  REQUIRE(world.ids(people) == "1 2 3 4 5 6");
  REQUIRE(world.files(people).size() == 3);
  auto look = person("ID", "2");
  look.apply = false;
  const auto plan = erase(world.session, world.lake.path(), people, look);
  CHECK(plan.rows == 1);
  CHECK(plan.old_files == 1);  // of the version that was merged away
  CHECK(plan.columns == std::vector<std::string>{"id"});
  CHECK(world.newest(people) == 2);
  const auto done = erase(world.session, world.lake.path(), people, person("id", " 2"));
  CHECK(done.rows == 1);
  CHECK(done.versions == 1);
  CHECK(done.old_files == 2);  // that one, and the one that was live
  CHECK(world.ids(people) == "1 3 4 5 6");
  CHECK_FALSE(world.holds(people, "2"));
  CHECK(world.files(people).size() == 2);
  // The others' file was not touched, and a version before cannot come back.
  CHECK(world.ids(people, done.version) == "1 3 4 5 6");
  lakelog::RestoreOptions back;
  back.version = 2;
  const auto refused = lakelog::restore(*world.lake.storage(), people, back);
  REQUIRE_FALSE(refused.ok());
  CHECK(refused.error().message.find("has been vacuumed") != std::string::npos);
  const auto again = erase(world.session, world.lake.path(), people, person("id", "2"));
  CHECK(again.rows == 1);  // as the log tells, and no version more
  CHECK(again.version == done.version);
}

TEST_CASE("an erasure that is killed at any step is ended by the next call, and counted once") {
  for (const char* step : {"erase_before_file", "erase_before_put", "erase_after_put",
                           "erase_before_purge", "erase_between_files", "erase_before_end"}) {
    CAPTURE(step);
    ErasedLake world;
    world.fill();
    auto options = person("cpf", "c2");
    options.step = [&](const char* name) {
      if (std::string(name) == step) throw Killed();
    };
    CHECK_THROWS_AS(erase(world.session, world.lake.path(), people, options), Killed);
    options.step = nullptr;
    const auto done = erase(world.session, world.lake.path(), people, options);
    CHECK(done.rows == 1);
    CHECK(done.versions == 1);
    CHECK(done.old_files == 2);
    CHECK(world.ids(people) == "1 3 4 5 6");
    CHECK_FALSE(world.holds(people, "2"));
  }
}

TEST_CASE("what comes while a person is erased stays, and what names them is taken too") {
  ErasedLake world;
  world.fill();
  auto options = person("cpf", "c2");
  bool came = false;
  options.step = [&](const char* name) {
    if (came || std::string(name) != "erase_before_put") return;
    came = true;
    // A merge that takes the very file, and an append that has the person again.
    const auto table = DeltaTable::open(world.session, world.lake.path(), people);
    for (const auto& [path, file] : table.snapshot().files) {
      if (file.partition_values.at("day") != "2026-11-20") continue;
      const auto adds = world.written(people, silver_columns,
                                      "SELECT i::BIGINT AS id, 'c' || i AS cpf, DATE "
                                      "'2026-11-20' AS day FROM range(1, 4) t(i)",
                                      {"day"});
      world.publish(people, silver_columns, {"day"},
                    lakelog::merge_payload({{{"path", path},
                                             {"partition_values", {{"day", "2026-11-20"}}},
                                             {"size", file.size}}},
                                           adds, table.version()));
      break;
    }
    world.append(people, silver_columns,
                 "SELECT i::BIGINT AS id, 'c' || (i % 10) AS cpf, DATE '2026-11-22' AS day FROM "
                 "range(11, 14) t(i)",
                 {"day"});
  };
  const auto done = erase(world.session, world.lake.path(), people, options);
  CHECK(came);
  CHECK(done.rows == 2);
  CHECK(world.ids(people) == "1 3 4 5 6 11 13");
  CHECK_FALSE(world.holds(people, "2"));
  CHECK_FALSE(world.holds(people, "12"));
}

TEST_CASE("a publication that waits with a file of the person is refused, so that its task runs") {
  ErasedLake world;
  world.fill();
  const auto adds =
      world.written(people, silver_columns,
                    "SELECT 2::BIGINT AS id, 'c2' AS cpf, DATE '2026-11-23' AS day", {"day"});
  const auto payload = lakelog::append_payload(adds, world.newest(people));
  const auto done = erase(world.session, world.lake.path(), people, person("id", "2"));
  CHECK(done.old_files == 3);
  const auto late = world.published(people, silver_columns, {"day"}, payload);
  REQUIRE_FALSE(late.ok());
  CHECK(late.error().code == Errc::conflict);
  CHECK(world.ids(people) == "1 3 4 5 6");
}

TEST_CASE("a publication that comes while files go is refused, however young what it staged is") {
  ErasedLake world;
  world.fill();
  const auto adds = world.written(
      people, silver_columns,
      "SELECT i::BIGINT AS id, 'c' || i AS cpf, DATE '2026-11-23' AS day FROM range(1, 4) t(i)",
      {"day"});
  const auto payload = lakelog::append_payload(adds, world.newest(people));
  auto options = person("id", "2");
  int tried = 0;
  options.step = [&](const char* name) {
    if (std::string(name) != "erase_between_files") return;
    ++tried;
    // Its file is still there at the first.
    const auto late = world.published(people, silver_columns, {"day"}, payload);
    REQUIRE_FALSE(late.ok());
    CHECK(late.error().code == Errc::conflict);
    CHECK(late.error().message.find("a person was erased") != std::string::npos);
  };
  erase(world.session, world.lake.path(), people, options);
  CHECK(tried == 3);
  CHECK(world.ids(people) == "1 3 4 5 6");
  // What is written anew behind the mark is taken.
  world.append(people, silver_columns,
               "SELECT 7::BIGINT AS id, 'c7' AS cpf, DATE '2026-11-23' AS day", {"day"});
  CHECK(world.ids(people) == "1 3 4 5 6 7");
}

TEST_CASE("a file that cannot be read is told, and stays") {
  ErasedLake world;
  world.fill();
  const std::string broken = world.lake.path() + "/" + people + "/day=2026-11-20/part-x.parquet";
  std::ofstream(broken) << "PAR1 begun";
  const auto done = erase(world.session, world.lake.path(), people, person("id", "2"));
  CHECK(done.unread == std::vector<std::string>{"day=2026-11-20/part-x.parquet"});
  CHECK(std::filesystem::exists(broken));
  CHECK(world.ids(people) == "1 3 4 5 6");
}

TEST_CASE("bronze loses the person without its followers taking the others for new") {
  ErasedLake world;
  const std::string bronze = "bronze/demo/people";
  world.append(bronze, bronze_text_columns,
               "SELECT CAST(i AS VARCHAR) AS id, 'c' || i AS cpf, 'x' AS _source_file FROM "
               "range(1, 4) t(i)");
  auto options = person("id", "2");
  options.keys[0].type = "long";
  options.keys[0].values = {"02"};
  options.data_change = false;
  CHECK(erase(world.session, world.lake.path(), bronze, options).rows == 1);
  CHECK(world.ids(bronze) == "1 3");
  const auto table = DeltaTable::open(world.session, world.lake.path(), bronze);
  CHECK(table.changes_since(0).added.empty());
  // Who has not read the file yet reads what is left of it.
  CHECK(table.changes_since(-1).added.size() == 1);
}

TEST_CASE("a person leaves every layer, a plan changes nothing, and what was not reached is told") {
  ErasedLake world;
  world.fill();
  const std::string pseudonym(64, 'a');
  world.append("bronze/demo/people", bronze_text_columns,
               "SELECT CAST(i AS VARCHAR) AS id, 'c' || i AS cpf, "
               "'raw/demo/people/ingest_date=2026-11-20/run=x/' || (CASE i WHEN 2 THEN 'a.jsonl' "
               "ELSE 'c.csv' END) AS _source_file FROM range(1, 4) t(i)");
  world.append("dlq/demo/people", letter_columns,
               "SELECT 'k' AS key, v AS value, '[]' AS headers, e AS encoding FROM (VALUES "
               "('{\"cpf\":\"c2\"}', 'utf-8'), ('{\"cpf\":\"c22\"}', 'utf-8'), ('AAAA', "
               "'base64')) t(v, e)");
  world.append(
      "gold/demo/per_person", {{"cpf", "string", true}, {"n", "long", true}},
      "SELECT * FROM (VALUES ('" + pseudonym + "', 1::BIGINT), ('b', 2::BIGINT)) t(cpf, n)");
  world.append("gold/demo/per_day", {{"n", "long", true}}, "SELECT 6::BIGINT AS n");
  world.raw("a.jsonl", "{\"tax_no\":\"c1\"}\n{\"tax_no\":\"c2\"}\n");
  world.raw("c.csv", "cpf\nc3\n");
  world.raw("_request-1.json", "{\"query\":{\"who\":[\"c2\"]}}");
  world.raw("odd.xml", "<cpf>c2</cpf>");
  json asked = {
      {"keys", {{{"column", "cpf"}, {"value", "c2"}, {"pseudonyms", {pseudonym}}}}},
      {"contracts",
       {{"demo/people",
         {{"cpf", {{"source", "/person/tax_no"}, {"type", "string"}, {"mask", "none"}}}}}}}};
  const json plan = world.told(asked);
  CHECK(plan["applied"] == false);
  CHECK(plan["rows"] == 4);
  CHECK(plan["raw_records"] == 1);
  CHECK(world.ids(people) == "1 2 3 4 5 6");
  CHECK(world.raw("a.jsonl").find("c2") != std::string::npos);
  CHECK_FALSE(std::filesystem::exists(world.lake.path() + "/_erasures"));
  asked["apply"] = true;
  const json done = world.told(asked);
  CHECK(done["rows"] == 4);
  CHECK(world.ids(people) == "1 3 4 5 6");
  CHECK(world.ids("bronze/demo/people") == "1 3");
  CHECK_FALSE(world.holds("bronze/demo/people", "2"));
  CHECK(world.raw("a.jsonl") == "{\"tax_no\":\"c1\"}\n");
  CHECK(done["without_column"] == json::array({"gold/demo/per_day"}));
  CHECK(misses(done, "_request-1.json", "asked for the person by name"));
  CHECK(misses(done, "odd.xml", "it has the value"));
  CHECK(misses(done, "dlq/demo/people", "1 letters are bytes in base64"));
  CHECK(misses(done, "backups", ""));
  CHECK(misses(done, "log entries", "--log-retain"));
  std::ifstream in(world.lake.path() + "/_erasures/op-1.json");
  const std::string record{std::istreambuf_iterator<char>(in), {}};
  CHECK(record.find("ticket-7") != std::string::npos);
  CHECK(record.find("\"c2\"") == std::string::npos);
  // What is still to be done keeps the operation open: the next call does it, and counts once.
  CHECK(done["complete"] == false);
  CHECK(json::parse(record)["ended_at"] == "");
  std::filesystem::remove(world.lake.path() + in_raw + "odd.xml");
  world.append("bronze/demo/people", bronze_text_columns,
               "SELECT '2' AS id, 'c2' AS cpf, 'x' AS _source_file");
  const json ended = world.told(asked);
  CHECK(ended["complete"] == true);
  CHECK(ended["done_before"] == false);
  CHECK(ended["rows"] == 5);
  CHECK(ended["raw_records"] == 1);
  CHECK(world.ids("bronze/demo/people") == "1 3");
  // Ended under that operation: told again, and nothing is looked at.
  world.append(people, silver_columns,
               "SELECT 2::BIGINT AS id, 'c2' AS cpf, DATE '2026-11-20' AS day", {"day"});
  CHECK(world.told(asked)["done_before"] == true);
  CHECK(world.ids(people) == "1 2 3 4 5 6");
  json other = asked;
  other["subject"] = "ticket-8";
  CHECK(world.run(other) != 0);
  CHECK(world.host.failure.find("operation op-1 was another erasure") != std::string::npos);
  other = asked;
  other["who"] = "another value";
  CHECK(world.run(other) != 0);
  CHECK(world.host.failure.find("operation op-1 was another erasure") != std::string::npos);
  // With what was not given before it goes on.
  other = asked;
  other["means"] = "another key of pseudonyms";
  CHECK(world.told(other)["rows"] == 6);
  asked["operation"] = "op-2";
  CHECK(world.told(asked)["rows"] == 0);
}

TEST_CASE("an erasure has not ended while a branch has the person, and has once that is dropped") {
  ErasedLake world;
  world.fill();
  const auto branch = lakelog::create_branch(*world.lake.storage(), {"fix", ""});
  REQUIRE(branch.ok());
  // A row of the person's that only the branch has.
  const auto rows =
      world.written(people, silver_columns,
                    "SELECT 9::BIGINT AS id, 'c9' AS cpf, DATE '2026-11-20' AS day", {"day"});
  lakelog::Change change;
  change.read_version = world.newest(people);
  change.operation = "WRITE";
  change.intent.blind_append = true;
  lakelog::AddFile& add = change.commit.adds.emplace_back();
  add.path = rows[0]["path"].get<std::string>();
  add.partition_values = {{"day", "2026-11-20"}};
  add.size = rows[0]["size"].get<std::int64_t>();
  const auto there = Lake(world.lake.path()).on_branch(branch->ref()).storage();
  REQUIRE(there.ok());
  // As a branch's run writes it: among the branch's own files.
  const std::string file = world.lake.path() + "/" + people + "/" + change.commit.adds[0].path;
  const std::string own =
      world.lake.path() + "/" +
      lakelog::branch_key(branch->ref(), people + "/" + change.commit.adds[0].path);
  std::filesystem::create_directories(std::filesystem::path(own).parent_path());
  std::filesystem::rename(file, own);
  REQUIRE(lakelog::put_change(lakelog::LogFolder(**there, people), change, 1).ok());
  json asked = {{"keys", key("cpf", "c9")}, {"table", "demo/people"}};
  const json plan = world.told(asked);
  CHECK(plan["rows"] == 0);
  CHECK(misses(plan, "branch fix", people + " has the person there"));
  asked["apply"] = true;
  CHECK(world.told(asked)["complete"] == false);
  REQUIRE(lakelog::drop_branch(*world.lake.storage(), "fix").ok());
  CHECK(world.told(asked)["complete"] == true);
}

TEST_CASE("raw files that only a branch has, and a drop that has not ended, hold an erasure open") {
  ErasedLake world;
  world.fill();
  const auto lake = world.lake.storage();
  const auto branch = lakelog::create_branch(*lake, {"fix", ""});
  REQUIRE(branch.ok());
  const std::string raw = lakelog::branch_key(branch->ref(), "raw/demo/people/2026-11-20/a.jsonl");
  const json asked = {{"keys", key("cpf", "c9")}, {"table", "demo/people"}, {"apply", true}};
  REQUIRE(lake->put(raw, "{\"cpf\":\"c8\"}\n").ok());
  CHECK(world.told(asked)["complete"] == true);
  REQUIRE(lake->put(raw, "{\"cpf\":\"c9\"}\n").ok());
  json again = asked;
  again["operation"] = "op-2";
  json done = world.told(again);
  CHECK(done["complete"] == false);
  CHECK(misses(done, "branch fix", "raw files on it have the person"));
  // As a drop that was killed leaves it.
  std::string marker = *lake->read("_branches/fix.json");
  marker.replace(marker.find("\"dropping\":false"), 16, "\"dropping\":true");
  REQUIRE(lake->put("_branches/fix.json", marker).ok());
  done = world.told(again);
  CHECK(done["complete"] == false);
  CHECK(misses(done, "branch fix", "its drop has not ended"));
  REQUIRE(lakelog::drop_branch(*lake, "fix").ok());
  CHECK(world.told(again)["complete"] == true);
}

TEST_CASE("a branch that stands on files of the person is told as one that can no longer be read") {
  ErasedLake world;
  world.fill();
  const auto branch = lakelog::create_branch(*world.lake.storage(), {"fix", ""});
  REQUIRE(branch.ok());
  lakelog::Change change;
  change.read_version = world.newest(people);
  change.operation = "OPTIMIZE";
  change.intent.blind_append = true;
  const auto there = Lake(world.lake.path()).on_branch(branch->ref()).storage();
  REQUIRE(there.ok());
  REQUIRE(lakelog::put_change(lakelog::LogFolder(**there, people), change, 1).ok());
  const json done =
      world.told({{"keys", key("cpf", "c2")}, {"table", "demo/people"}, {"apply", true}});
  CHECK(done["rows"] == 1);
  CHECK(done["complete"] == false);
  CHECK(misses(done, "branch fix", "cannot be read there any more"));
}

TEST_CASE("an erasure keeps to its scope, and tells where a mask hides who is who") {
  ErasedLake world;
  world.fill();
  world.append("silver/other/people", silver_columns,
               "SELECT 2::BIGINT AS id, 'c2' AS cpf, DATE '2026-11-20' AS day", {"day"});
  world.append("silver/demo/people_hist", silver_columns,
               "SELECT 2::BIGINT AS id, 'c2' AS cpf, DATE '2026-11-20' AS day", {"day"});
  const json facts = {{"other/people", {{"cpf", {{"type", "string"}, {"mask", "redact"}}}}}};
  const json hidden =
      world.told({{"keys", key("cpf", "c2")}, {"domain", "other"}, {"contracts", facts}});
  CHECK(hidden["rows"] == 0);
  CHECK(misses(hidden, "silver/other/people", "is masked (redact)"));
  const json done =
      world.told({{"keys", key("cpf", "c2")}, {"table", "demo/people"}, {"apply", true}});
  CHECK(done["rows"] == 2);
  CHECK(world.ids("silver/demo/people_hist") == "");
  CHECK(world.ids("silver/other/people") == "2");
  CHECK(world.run({{"keys", key("cpf", "c2")}, {"table", "demo/nothing"}, {"operation", "op-3"}}) !=
        0);
  CHECK(world.host.failure == "the lake has no table of demo/nothing");
  CHECK(world.run({{"keys", key("cpf", " ")}}) != 0);
  CHECK(world.host.failure.find("who has no value is nobody") != std::string::npos);
}

TEST_CASE("nothing is erased while pseudonyms of the person would stay that nobody looks for") {
  ErasedLake world;
  const std::string bronze = "bronze/demo/people";
  world.fill();
  world.append(bronze, bronze_text_columns,
               "SELECT '1' AS id, v AS cpf, 'x' AS _source_file FROM (VALUES ('07'), (' 7')) t(v)");
  const json facts = {{"demo/people", {{"cpf", {{"type", "long"}, {"mask", "pseudonym"}}}}}};
  const auto asked = [&](const std::vector<std::string>& texts, bool keyed) {
    json keys = json::array();
    for (const std::string& text : texts) {
      keys.push_back({{"column", "cpf"}, {"value", text}});
      if (keyed) keys.back()["pseudonyms"] = {"of " + text};
    }
    return json{{"keys", keys}, {"contracts", facts}, {"apply", true}};
  };
  CHECK(world.run(asked({"7"}, false)) != 0);
  CHECK(world.host.failure.find("the key of it was not given: --mask-key") != std::string::npos);
  CHECK(world.run(asked({"7"}, true)) != 0);
  CHECK(world.host.failure.find("pseudonyms of 2 more texts") != std::string::npos);
  CHECK(world.ids(bronze) == "1 1");
  CHECK_FALSE(std::filesystem::exists(world.lake.path() + "/_erasures"));
  CHECK(world.told(asked({"7", " 7", "07"}, true))["complete"] == true);
  CHECK(world.ids(bronze) == "");
}
