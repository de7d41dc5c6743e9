// Vacuum: what it deletes, what it must not, and the power that goes at each of its steps.
#include "lakelog/vacuum.h"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "lakelog/change.h"
#include "lakelog/restore.h"
#include "lakelog/retention.h"
#include "lakelog/rewrite.h"
#include "lakelog/table.h"
#include "tests/lakelog/kept_table.h"

using namespace batuta;
using namespace batuta::lakelog;

namespace {

VacuumResult vacuumed(KeptTable& table, VacuumOptions options = {}) {
  options.now_ms = table.now_ms;
  const auto done = vacuum(table.storage, test_table, options);
  if (!done.ok()) FAIL(done.error().message);
  return *done;
}

// a, then b in its place, then eight days, then c beside it.
KeptTable table_of_old() {
  KeptTable table;
  table.publish_files({"a"});
  table.wait(one_day);
  table.publish_files({"b"}, {"a"});
  table.wait(8 * one_day);
  table.publish_files({"c"});
  return table;
}

}  // namespace

TEST_CASE("vacuum deletes what no version within the retention needs, and tells of it in the log") {
  KeptTable table = table_of_old();
  const auto done = vacuumed(table);
  CHECK(done.deleted == std::vector<std::string>{kept_path("a")});
  CHECK(done.deleted_bytes == 100);
  CHECK(done.oldest_version == 1);
  CHECK(table.live() == "b c");
  CHECK(table.live(1) == "b");
  CHECK_FALSE(table.has(kept_path("a")));
  const auto history = table_history(table.storage, test_table, 10);
  REQUIRE(history.ok());
  CHECK((*history)[0].operation == "VACUUM END");
  CHECK((*history)[1].operation == "VACUUM START");
  CHECK(done.version == 4);
}

TEST_CASE("a second vacuum finds nothing to do and writes no version") {
  KeptTable table = table_of_old();
  const auto first = vacuumed(table);
  const auto again = vacuumed(table);
  CHECK(again.deleted_files == 0);
  CHECK(again.version == -1);
  CHECK(table.at().version == first.version);
}

TEST_CASE("no version is told of as whole that a vacuum before may have taken files from") {
  KeptTable table;
  table.publish_files({"a"});
  table.wait(one_day);
  table.publish_files({"b"}, {"a"});
  VacuumOptions forced;
  forced.retain_ms = 0;
  forced.force = true;
  CHECK(vacuumed(table, forced).oldest_version == 1);
  CHECK(vacuumed(table).oldest_version == 1);  // and not 0, which the retention would keep
  CHECK(table.live(1) == "b");
  // Another writer does not tell what it keeps.
  Change foreign;
  foreign.read_version = table.at().version;
  foreign.operation = vacuum_start;
  foreign.parameters = {{"specifiedRetentionMillis", "0"}};
  foreign.intent.blind_append = true;
  const auto begun = put_change(table.log(), foreign, table.now_ms);
  REQUIRE(begun.ok());
  CHECK(vacuumed(table).oldest_version == *begun);
}

TEST_CASE("a dry run tells the same and changes nothing") {
  KeptTable table = table_of_old();
  VacuumOptions options;
  options.dry_run = true;
  const auto would = vacuumed(table, options);
  CHECK(would.deleted == std::vector<std::string>{kept_path("a")});
  CHECK(table.has(kept_path("a")));
  CHECK(table.at().version == 2);
}

TEST_CASE("a file that a version was left with inside the retention stays, however old it is") {
  KeptTable table;
  table.publish_files({"a"});
  table.wait(100 * one_day);
  table.publish_files({"b"}, {"a"});
  table.wait(6 * one_day);
  CHECK(vacuumed(table).deleted_files == 0);
  CHECK(table.live(0) == "a");
  table.wait(2 * one_day);
  CHECK(vacuumed(table).deleted == std::vector<std::string>{kept_path("a")});
}

TEST_CASE("a retention shorter than the table's own needs force") {
  KeptTable table = table_of_old();
  VacuumOptions options;
  options.now_ms = table.now_ms;
  options.retain_ms = 0;
  const auto refused = vacuum(table.storage, test_table, options);
  REQUIRE(!refused.ok());
  CHECK(refused.error().code == Errc::invalid);
  CHECK(refused.error().message.find("--force") != std::string::npos);
  CHECK(table.has(kept_path("a")));
  options.force = true;
  table.publish_files({"d"}, {"b"});
  const auto done = vacuumed(table, options);
  CHECK(done.deleted_files == 2);
  CHECK(table.live() == "c d");
}

TEST_CASE("a retention of the log shorter than the table's own needs force, before a file goes") {
  KeptTable table = table_of_old();
  VacuumOptions options;
  options.now_ms = table.now_ms;
  options.log_retain_ms = 29 * one_day;
  const auto refused = vacuum(table.storage, test_table, options);
  REQUIRE(!refused.ok());
  CHECK(refused.error().code == Errc::invalid);
  CHECK(refused.error().message.find("of the log shorter than the table's own 30 days") !=
        std::string::npos);
  CHECK(table.has(kept_path("a")));
  options.dry_run = true;
  CHECK_FALSE(vacuum(table.storage, test_table, options).ok());
  options.dry_run = false;
  options.log_retain_ms = 30 * one_day;
  CHECK(vacuumed(table, options).deleted_files == 1);
  options.log_retain_ms = 0;
  options.force = true;
  CHECK(vacuumed(table, options).deleted_files == 0);
}

TEST_CASE("what an attempt may be staging stays for a day at least, force or not") {
  KeptTable table = table_of_old();
  table.stage(kept_path("staged"));
  table.wait(one_day / 2);
  VacuumOptions options;
  options.retain_ms = 0;
  options.force = true;
  auto done = vacuumed(table, options);
  CHECK(done.staged_files == 1);
  CHECK(table.has(kept_path("staged")));
  table.wait(one_day);
  done = vacuumed(table);
  CHECK(done.staged_files == 1);  // younger than the retention
  table.wait(8 * one_day);
  done = vacuumed(table);
  CHECK(done.deleted == std::vector<std::string>{kept_path("staged")});
}

TEST_CASE("foreign files are left and told; hidden ones are not looked at") {
  KeptTable table = table_of_old();
  table.stage("notes.txt");
  table.stage("_staging/part-x.parquet");
  table.stage(".tmp/part-y.parquet");
  table.stage("_day=2026-11-20/part-z.parquet");
  table.wait(30 * one_day);
  const auto done = vacuumed(table);
  CHECK(done.foreign == std::vector<std::string>{"notes.txt"});
  CHECK(table.has("notes.txt"));
  CHECK(table.has("_staging/part-x.parquet"));
  CHECK(table.has(".tmp/part-y.parquet"));
  CHECK_FALSE(table.has("_day=2026-11-20/part-z.parquet"));
}

TEST_CASE("the times that a table's own properties tell hold, in Delta's words") {
  CHECK(parse_interval("interval 7 days") == 7 * one_day);
  CHECK(parse_interval("interval 1 week") == 7 * one_day);
  CHECK(parse_interval("168 hours") == 7 * one_day);
  CHECK(parse_interval("interval 1 day 12 hours") == one_day + one_day / 2);
  for (const char* wrong : {"", "interval", "7", "interval 2 months", "days", "-1 days",
                            "interval 99999999999999 weeks"})
    CHECK_FALSE(parse_interval(wrong).has_value());
  Metadata metadata;
  CHECK(file_retention_ms(metadata) == 7 * one_day);
  CHECK(log_retention_ms(metadata) == 30 * one_day);
  metadata.configuration["delta.deletedFileRetentionDuration"] = "interval 2 months";
  CHECK(file_retention_ms(metadata) > 1000 * one_day);  // what cannot be read keeps more
}

TEST_CASE("a log that cannot be read stops a vacuum before it deletes") {
  KeptTable table = table_of_old();
  const std::string second = std::string(test_table) + "/_delta_log/" + commit_file_name(1);
  REQUIRE(table.storage.put(second, "{\"add\":").ok());
  VacuumOptions options;
  options.now_ms = table.now_ms;
  const auto refused = vacuum(table.storage, test_table, options);
  REQUIRE(!refused.ok());
  CHECK(refused.error().code == Errc::malformed);
  CHECK(table.has(kept_path("a")));
  CHECK(vacuum(table.storage, "silver/demo/none", options).error().code == Errc::not_found);
}

TEST_CASE("a publication whose files a vacuum may take is refused once the vacuum has begun") {
  KeptTable table = table_of_old();
  table.stage(kept_path("late"));
  table.wait(30 * one_day);
  const std::int64_t read = table.at().version;
  Change start;
  start.read_version = read;
  start.operation = vacuum_start;
  start.intent.blind_append = true;
  REQUIRE(put_change(table.log(), start, table.now_ms).ok());
  const auto late = table.try_publish({"late"}, {}, read);
  REQUIRE(!late.ok());
  CHECK(late.error().code == Errc::conflict);
  CHECK(late.error().message.find("vacuum") != std::string::npos);
  CHECK(table.try_publish({"fresh"}, {}, read).ok());
}

TEST_CASE("while a vacuum deletes, nothing is restored that it may take") {
  KeptTable table = table_of_old();
  std::string said;
  VacuumOptions options;
  options.now_ms = table.now_ms;
  bool asked = false;
  options.cancelled = [&] {
    if (asked) return false;
    asked = true;
    const auto back = restore(table.storage, test_table, {0, table.now_ms});
    REQUIRE(!back.ok());
    CHECK(back.error().code == Errc::conflict);
    said = back.error().message;
    // To a version that stays whole it is no matter.
    CHECK(restore(table.storage, test_table, {1, table.now_ms, true}).ok());
    return false;
  };
  REQUIRE(vacuum(table.storage, test_table, options).ok());
  CHECK(said.find("vacuum") != std::string::npos);
  const auto after = restore(table.storage, test_table, {0, table.now_ms});
  REQUIRE(!after.ok());
  CHECK(after.error().code == Errc::invalid);
  CHECK(after.error().message.find("has been vacuumed") != std::string::npos);
}

TEST_CASE("what a restore brought back before a vacuum could begin stays") {
  KeptTable table = table_of_old();
  // As a vacuum that looked before the restore, and puts its mark after it.
  const auto listed = table.storage.objects();
  REQUIRE(restore(table.storage, test_table, {0, table.now_ms}).ok());
  CHECK(vacuumed(table).deleted_files == 0);
  CHECK(table.live() == "a");
  CHECK(listed.size() < table.storage.objects().size());
}

TEST_CASE("a power cut at any step of a vacuum loses no file that is needed, and it goes on") {
  const std::uint32_t seed = std::random_device{}();
  CAPTURE(seed);
  std::mt19937 random(seed);
  KeptTable before = table_of_old();
  before.stage(kept_path("orphan"));
  before.wait(9 * one_day);
  before.storage.lose_power(MemoryStorage::Loss::everything, random);
  KeptTable counted = before;
  (void)vacuumed(counted);
  const std::int64_t steps = counted.storage.steps() - before.storage.steps();
  REQUIRE(steps >= 6);
  using Loss = MemoryStorage::Loss;
  for (std::int64_t cut = 0; cut <= steps; ++cut) {
    for (const Loss loss : {Loss::everything, Loss::nothing, Loss::tears, Loss::dice}) {
      CAPTURE(cut);
      CAPTURE(static_cast<int>(loss));
      KeptTable table = before;
      VacuumOptions options;
      options.now_ms = table.now_ms;
      table.storage.cut_at(cut);
      try {
        (void)vacuum(table.storage, test_table, options);
      } catch (const PowerCut&) {
      }
      table.storage.lose_power(loss, random);
      CHECK(table.live() == "b c");
      CHECK(table.live(1) == "b");
      (void)vacuumed(table);
      CHECK(table.live() == "b c");
      CHECK_FALSE(table.has(kept_path("a")));
      CHECK_FALSE(table.has(kept_path("orphan")));
    }
  }
}

TEST_CASE("the files of a table that lies below another one's folder stay") {
  KeptTable table = table_of_old();
  const std::string inner = "orders/day=2026-11-20/part-x.parquet";
  table.stage("orders/_delta_log/" + commit_file_name(0));
  table.stage(inner);
  table.stage("orders/part-y.parquet");
  table.wait(30 * one_day);
  const auto done = vacuumed(table);
  CHECK(done.deleted == std::vector<std::string>{kept_path("a")});
  CHECK(table.has(inner));
  CHECK(table.has("orders/part-y.parquet"));
}

TEST_CASE("a version of which the storage does not tell how old it is ends a vacuum") {
  KeptTable table;
  table.publish_files({"a"});
  table.wait(30 * one_day);
  table.publish_files({"b"}, {"a"});
  table.wait(one_day);
  const std::string entry = std::string(test_table) + "/_delta_log/" + commit_file_name(1);
  table.storage.fail_stat(entry);
  VacuumOptions options;
  options.now_ms = table.now_ms;
  const auto refused = vacuum(table.storage, test_table, options);
  REQUIRE(!refused.ok());
  CHECK(refused.error().code == Errc::unavailable);
  CHECK(table.has(kept_path("a")));
  CHECK_FALSE(version_at(table.log(), table.now_ms - 2 * one_day).ok());
  table.storage.fail_stat({});
  CHECK(*version_at(table.log(), table.now_ms - 2 * one_day) == 0);
  CHECK(vacuumed(table).deleted_files == 0);
}
