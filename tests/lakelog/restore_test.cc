// A table made what it was, by a new version.
#include "lakelog/restore.h"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "lakelog/change.h"
#include "lakelog/table.h"
#include "tests/lakelog/kept_table.h"

using namespace batuta;
using namespace batuta::lakelog;

namespace {

Restored restored(KeptTable& table, std::int64_t version) {
  const auto done = restore(table.storage, test_table, {version, table.now_ms});
  if (!done.ok()) FAIL(done.error().message);
  return *done;
}

std::int64_t marker(KeptTable& table, const std::string& app_id) {
  const auto snapshot = table.at();
  const auto found = snapshot.txns.find(app_id);
  return found == snapshot.txns.end() ? -2 : found->second.version;
}

}  // namespace

TEST_CASE("a restore brings files back, takes newer ones out, and can be undone") {
  KeptTable table;
  table.publish_files({"a"});
  table.publish_files({"b"}, {"a"});
  table.publish_files({"c"});
  const auto done = restored(table, 0);
  CHECK(done.changed);
  CHECK(done.version == 3);
  CHECK(done.added_files == 1);
  CHECK(done.removed_files == 2);
  CHECK(table.live() == "a");
  CHECK(table.live(2) == "b c");
  const auto history = table_history(table.storage, test_table, 1);
  REQUIRE(history.ok());
  CHECK((*history)[0].operation == "RESTORE");
  restored(table, 2);
  CHECK(table.live() == "b c");
}

TEST_CASE("a restore to what the table is already writes no version") {
  KeptTable table;
  table.publish_files({"a"});
  table.publish_files({"b"});
  CHECK_FALSE(restored(table, 1).changed);
  restored(table, 0);
  const auto again = restored(table, 0);
  CHECK_FALSE(again.changed);
  CHECK(again.version == 2);
  CHECK(table.at().version == 2);
}

TEST_CASE("progress markers go back with the data, the count of publications does not") {
  KeptTable table;
  table.publish_files({"a"}, {}, 100, {{"silver/bronze", 5}});
  table.publish_files({"b"}, {}, 100, {{"silver/bronze", 9}, {"other", 3}});
  const auto done = restored(table, 0);
  CHECK(done.markers == 2);
  CHECK(marker(table, "silver/bronze") == 5);
  CHECK(marker(table, "other") == -1);
  CHECK(marker(table, "batuta/store-1") == 2);
  table.publish_files({"c"}, {}, 100, {{"silver/bronze", 9}});
  CHECK(table.live() == "a c");
}

TEST_CASE("columns that came since leave again") {
  KeptTable table;
  table.publish_files({"a"});
  const auto before = table.at().metadata;
  Change change;
  change.read_version = 0;
  change.operation = "ADD COLUMNS";
  change.commit.metadata = before;
  change.commit.metadata->columns.push_back({"more", "string", true});
  REQUIRE(put_change(table.log(), change, table.now_ms).ok());
  CHECK(table.at().metadata.columns.size() == 3);
  const auto done = restored(table, 0);
  CHECK(done.schema_changed);
  CHECK(table.at().metadata == before);
}

TEST_CASE("an append that comes between makes a restore look again, and is part of what leaves") {
  KeptTable table;
  table.publish_files({"a"});
  table.publish_files({"b"});
  const auto stale = table.at();
  table.publish_files({"c"});
  restored(table, 0);
  CHECK(table.live() == "a");
  const auto late = table.try_publish({"d"}, {"b"}, stale.version);
  REQUIRE(!late.ok());
  CHECK(late.error().code == Errc::conflict);
}

TEST_CASE("what cannot be restored is refused with the reason") {
  KeptTable table;
  const RestoreOptions to_first{0, table.now_ms};
  CHECK(restore(table.storage, test_table, to_first).error().code == Errc::not_found);
  table.publish_files({"a"});
  table.publish_files({"b"}, {"a"});
  CHECK(restore(table.storage, test_table, {7, table.now_ms}).error().code == Errc::not_found);
  CHECK(restore(table.storage, "../etc", to_first).error().code == Errc::invalid);
  REQUIRE(table.storage.remove(std::string(test_table) + "/" + kept_path("a")).ok());
  const auto gone = restore(table.storage, test_table, to_first);
  REQUIRE(!gone.ok());
  CHECK(gone.error().code == Errc::invalid);
  CHECK(gone.error().message.find("has been vacuumed") != std::string::npos);
}

TEST_CASE("a restore that was looked at is refused once the table has moved on") {
  KeptTable table;
  table.publish_files({"a"});
  table.publish_files({"b"});
  RestoreOptions options{0, table.now_ms};
  options.dry_run = true;
  const auto looked = restore(table.storage, test_table, options);
  REQUIRE(looked.ok());
  options.dry_run = false;
  options.expected = looked->version;
  table.publish_files({"c"});
  const auto late = restore(table.storage, test_table, options);
  REQUIRE_FALSE(late.ok());
  CHECK(late.error().code == Errc::invalid);
  CHECK(late.error().message.find("is at version 2 and was at 1") != std::string::npos);
  CHECK(table.live() == "a b c");
  options.expected = 2;
  CHECK(restore(table.storage, test_table, options)->changed);
  CHECK(table.live() == "a");
  // What a crash hid from whoever ordered it is not done again over what came since.
  table.publish_files({"d"});
  CHECK_FALSE(restore(table.storage, test_table, options).ok());
  CHECK(table.live() == "a d");
}

TEST_CASE("a dry run of a restore tells the same and changes nothing") {
  KeptTable table;
  table.publish_files({"a"});
  table.publish_files({"b"}, {"a"});
  const auto would = restore(table.storage, test_table, {0, table.now_ms, true});
  REQUIRE(would.ok());
  CHECK(would->added_files == 1);
  CHECK(would->removed_files == 1);
  CHECK_FALSE(would->changed);
  CHECK(table.live() == "b");
}

TEST_CASE("a power cut at any step of a restore leaves the table as it was or restored") {
  std::mt19937 random(11);
  KeptTable before;
  before.publish_files({"a"});
  before.publish_files({"b"}, {"a"});
  before.storage.lose_power(MemoryStorage::Loss::everything, random);
  using Loss = MemoryStorage::Loss;
  for (std::int64_t cut = 0; cut <= 4; ++cut) {
    for (const Loss loss : {Loss::everything, Loss::nothing, Loss::tears}) {
      CAPTURE(cut);
      KeptTable table = before;
      table.storage.cut_at(cut);
      try {
        (void)restore(table.storage, test_table, {0, table.now_ms});
      } catch (const PowerCut&) {
      }
      table.storage.lose_power(loss, random);
      const std::string now = table.live();
      CHECK((now == "a" || now == "b"));
      restored(table, 0);
      CHECK(table.live() == "a");
      CHECK(table.at().version == 2);
    }
  }
}
