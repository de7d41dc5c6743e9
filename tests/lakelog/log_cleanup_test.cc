// Checkpoints and the clean-up of the log behind them.
#include "lakelog/log_cleanup.h"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "lakelog/change.h"
#include "lakelog/snapshot.h"
#include "lakelog/table.h"
#include "lakelog/vacuum.h"
#include "tests/lakelog/kept_table.h"

using namespace batuta;
using namespace batuta::lakelog;

namespace {

CleanupResult cleaned(KeptTable& table, CleanupOptions options = {}) {
  PlainCheckpoints checkpoints(table.storage);
  options.now_ms = table.now_ms;
  options.reader = &checkpoints;
  options.writer = &checkpoints;
  const auto done = clean_log(table.log(), options);
  if (!done.ok()) FAIL(done.error().message);
  return *done;
}

bool has_entry(const KeptTable& table, const std::string& name) {
  return table.has("_delta_log/" + name);
}

// A version a day: version 0 is the oldest.
KeptTable table_of_days(int days) {
  KeptTable table;
  for (int day = 0; day < days; ++day) {
    table.publish_files({"v" + std::to_string(day)},
                        day == 0 ? std::vector<std::string>{}
                                 : std::vector<std::string>{"v" + std::to_string(day - 1)});
    table.wait(one_day);
  }
  return table;
}

}  // namespace

TEST_CASE("a checkpoint holds the whole state, and the hint names it") {
  KeptTable table = table_of_days(5);
  const auto before = table.at();
  CHECK(cleaned(table).checkpoint == 4);
  CHECK(has_entry(table, "00000000000000000004.checkpoint.parquet"));
  const auto hint = table.storage.read(std::string(test_table) + "/_delta_log/_last_checkpoint");
  REQUIRE(hint.ok());
  CHECK(*hint == R"({"size":8,"version":4})");
  PlainCheckpoints checkpoints(table.storage);
  const auto state = checkpoints.read(table.log().list()->checkpoints.front());
  REQUIRE(state.ok());
  CHECK(state->adds.size() == before.files.size());
  CHECK(state->removes.size() == before.tombstones.size());
  CHECK(state->metadata == before.metadata);
  CHECK(cleaned(table).checkpoint == -1);  // there is one
  table.publish_files({"more"});
  CleanupOptions seldom;
  seldom.checkpoint_every = 10;
  CHECK(cleaned(table, seldom).checkpoint == -1);
}

TEST_CASE("what lies behind a checkpoint goes when it is old, and every later version stays") {
  KeptTable table = table_of_days(5);
  CHECK(cleaned(table).deleted_entries == 0);
  for (int day = 5; day < 40; ++day) {
    table.publish_files({"v" + std::to_string(day)}, {"v" + std::to_string(day - 1)});
    table.wait(one_day);
  }
  const auto done = cleaned(table);
  CHECK(done.deleted_entries == 4);
  CHECK(done.first_version == 4);
  CHECK_FALSE(has_entry(table, commit_file_name(3)));
  CHECK(has_entry(table, commit_file_name(4)));
  for (std::int64_t version = 4; version < 40; ++version)
    CHECK(table.at(version).files.size() == 1);
  const auto gone = read_snapshot(table.log(), 3);
  REQUIRE(!gone.ok());
  CHECK(gone.error().message.find("can no longer be read") != std::string::npos);
  // Without an engine too.
  CHECK(read_snapshot(table.log()).ok());
  CHECK(read_snapshot(table.log(), 4).ok());
  CHECK(describe_table(table.storage, test_table).ok());
  // And it is written on.
  table.publish_files({"next"});
  CHECK(cleaned(table).deleted_entries == 0);
}

TEST_CASE("a table that does not want its log cleaned keeps it") {
  KeptTable table;
  table.publish_files({"a"});
  Change change;
  change.read_version = 0;
  change.commit.metadata = table.at().metadata;
  change.commit.metadata->configuration["delta.enableExpiredLogCleanup"] = "false";
  REQUIRE(put_change(table.log(), change, table.now_ms).ok());
  (void)cleaned(table);
  table.wait(100 * one_day);
  table.publish_files({"b"});
  CHECK(cleaned(table).deleted_entries == 0);
}

TEST_CASE("a damaged checkpoint is not cleaned up behind") {
  KeptTable table = table_of_days(3);
  (void)cleaned(table);
  REQUIRE(table.storage
              .put(std::string(test_table) + "/_delta_log/00000000000000000002.checkpoint.parquet",
                   "{\"add\":")
              .ok());
  table.wait(100 * one_day);
  table.publish_files({"b"});
  PlainCheckpoints checkpoints(table.storage);
  CleanupOptions options;
  options.now_ms = table.now_ms;
  options.reader = &checkpoints;
  options.writer = &checkpoints;
  CHECK_FALSE(clean_log(table.log(), options).ok());
  CHECK(has_entry(table, commit_file_name(0)));
}

TEST_CASE("without an engine nothing is summed up and nothing goes") {
  KeptTable table = table_of_days(3);
  table.wait(100 * one_day);
  const auto done = clean_log(table.log(), {table.now_ms});
  REQUIRE(done.ok());
  CHECK(done->checkpoint == -1);
  CHECK(done->deleted_entries == 0);
}

TEST_CASE("a power cut at any step of a clean-up leaves every version that the log tells of") {
  std::mt19937 random(5);
  KeptTable before = table_of_days(3);
  (void)cleaned(before);
  before.wait(100 * one_day);
  before.publish_files({"v3"}, {"v2"});
  before.storage.lose_power(MemoryStorage::Loss::everything, random);
  KeptTable counted = before;
  CHECK(cleaned(counted).deleted_entries == 2);
  const std::int64_t steps = counted.storage.steps() - before.storage.steps();
  using Loss = MemoryStorage::Loss;
  for (std::int64_t cut = 0; cut <= steps; ++cut) {
    for (const Loss loss : {Loss::everything, Loss::nothing, Loss::tears, Loss::dice}) {
      CAPTURE(cut);
      CAPTURE(static_cast<int>(loss));
      KeptTable table = before;
      PlainCheckpoints checkpoints(table.storage);
      CleanupOptions options;
      options.now_ms = table.now_ms;
      options.reader = &checkpoints;
      options.writer = &checkpoints;
      table.storage.cut_at(cut);
      try {
        (void)clean_log(table.log(), options);
      } catch (const PowerCut&) {
      }
      table.storage.lose_power(loss, random);
      CHECK(table.live() == "v3");
      CHECK(table.at(2).files.size() == 1);
      CHECK(read_snapshot(table.log()).ok());
      (void)cleaned(table);
      CHECK(table.live() == "v3");
      CHECK_FALSE(has_entry(table, commit_file_name(1)));
    }
  }
}

TEST_CASE("a clean-up that ends early leaves a log that can be vacuumed and cleaned up") {
  KeptTable before = table_of_days(5);
  (void)cleaned(before);
  for (int day = 5; day < 10; ++day) {
    before.publish_files({"v" + std::to_string(day)}, {"v" + std::to_string(day - 1)});
    before.wait(one_day);
  }
  (void)cleaned(before);
  before.wait(100 * one_day);
  before.publish_files({"v10"}, {"v9"});
  for (int most = 0; most <= 7; ++most) {  // of as many entries
    for (const int version : {0, 6, 8}) {
      CAPTURE(most);
      CAPTURE(version);
      KeptTable table = before;
      CleanupOptions stopped;
      int left = most;
      stopped.cancelled = [&left] { return left-- <= 0; };
      (void)cleaned(table, stopped);
      PlainCheckpoints checkpoints(table.storage);
      VacuumOptions options;
      options.now_ms = table.now_ms;
      options.retain_ms = table.now_ms - first_ms - version * one_day;
      options.checkpoints = &checkpoints;
      const auto done = vacuum(table.storage, test_table, options);
      if (!done.ok()) FAIL(done.error().message);
      CHECK(table.live() == "v10");
      (void)cleaned(table);
      CHECK_FALSE(has_entry(table, commit_file_name(8)));
      CHECK_FALSE(has_entry(table, "00000000000000000004.checkpoint.parquet"));
    }
  }
}

TEST_CASE("a summary that is left of a cleaned-up log makes no gap of what followed it") {
  KeptTable table = table_of_days(5);
  (void)cleaned(table);
  const std::string left =
      std::string(test_table) + "/_delta_log/00000000000000000004.checkpoint.parquet";
  const auto bytes = table.storage.read(left);
  REQUIRE(bytes.ok());
  for (int day = 5; day < 10; ++day) table.publish_files({"v" + std::to_string(day)});
  (void)cleaned(table);
  table.wait(100 * one_day);
  table.publish_files({"v10"});
  (void)cleaned(table);
  REQUIRE_FALSE(has_entry(table, commit_file_name(8)));
  REQUIRE(table.storage.put(left, *bytes).ok());
  PlainCheckpoints checkpoints(table.storage);
  const auto gone = read_snapshot(table.log(), 6, &checkpoints);
  REQUIRE(!gone.ok());
  CHECK(gone.error().code == Errc::not_found);
  CHECK(gone.error().message.find("begins at version 9") != std::string::npos);
  CHECK(read_snapshot(table.log(), 4, &checkpoints).ok());
}
