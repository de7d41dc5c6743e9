// Branches of a lake: what is seen on one, what stays of the lake, and the power that goes at each
// step of a life.
#include "lakelog/branch.h"

#include <doctest/doctest.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <random>

#include "lakelog/change.h"
#include "lakelog/log_cleanup.h"
#include "lakelog/promotion.h"
#include "lakelog/table.h"
#include "lakelog/vacuum.h"
#include "tests/lakelog/branch_fixture.h"

using namespace batuta;
using namespace batuta::lakelog;
using nlohmann::json;

TEST_CASE("a branch reads the lake as it goes on, until it writes a table itself") {
  KeptTable table;
  table.publish_files({"a"});
  const Branch branch = made_branch(table.storage);
  const auto seen = branch_storage(shared(table.storage), branch.ref());
  CHECK(live_on(*seen) == "a");
  table.publish_files({"b"});
  CHECK(live_on(*seen) == "a b");
  REQUIRE(publish_on(table.storage, branch, "c", "b").ok());
  CHECK(live_on(*seen) == "a c");
  CHECK(live_on(*seen, 1) == "a b");
  CHECK(table.live() == "a b");
  table.publish_files({"d"});
  CHECK(table.live() == "a b d");
  CHECK(live_on(*seen) == "a c");
  REQUIRE(publish_on(table.storage, branch, "e", "", 1001).ok());
  CHECK(live_on(*seen) == "a c e");
  const auto tables = branch_tables(table.storage, branch);
  REQUIRE(tables.ok());
  REQUIRE(tables->size() == 1);
  CHECK((*tables)[0].table == test_table);
  CHECK((*tables)[0].base == 1);
  CHECK((*tables)[0].version == 3);
  CHECK(table_history(*seen, test_table, 10)->size() == 4);
}

TEST_CASE("nothing of the lake is copied to a branch, and none of it can be removed there") {
  Forked forked;
  std::size_t own = 0;
  for (const auto& [key, bytes] : forked.table.storage.objects())
    own += key.starts_with("_branches/fix/") ? 1 : 0;
  CHECK(own == 2);  // a file and an entry of the log
  REQUIRE(forked.seen->remove(std::string(test_table) + "/" + kept_path("a")).ok());
  CHECK(forked.table.has(kept_path("a")));
}

TEST_CASE(
    "a table that is only on the branch is not in the lake, and a later one there is hidden") {
  KeptTable table;
  const Branch branch = made_branch(table.storage);
  REQUIRE(publish_on(table.storage, branch, "c").ok());
  CHECK(list_tables(table.storage)->names.empty());
  const auto seen = branch_storage(shared(table.storage), branch.ref());
  CHECK(list_tables(*seen)->names == std::vector<std::string>{test_table});
  table.publish_files({"a"});
  table.publish_files({"b"});
  CHECK(live_on(*seen) == "c");
  CHECK(branch_tables(table.storage, branch)->front().base == -1);
}

TEST_CASE("who loses the race for the lake's next version leaves from the newer one") {
  KeptTable table;
  table.publish_files({"a"});
  const Branch branch = made_branch(table.storage);
  const auto seen = branch_storage(shared(table.storage), branch.ref());
  const LogFolder log(*seen, test_table);
  table.publish_files({"b"});
  const auto taken = log.put_if_absent(1, "{}");
  REQUIRE(taken.ok());
  CHECK(*taken == Put::exists);
}

TEST_CASE("what a later summary of the lake's log says is not of the branch") {
  Forked forked;
  for (char name = 'd'; name < 'd' + 20; ++name) forked.table.publish_files({std::string(1, name)});
  PlainCheckpoints checkpoints(forked.table.storage);
  CleanupOptions options;
  options.now_ms = forked.table.now_ms;
  options.reader = &checkpoints;
  options.writer = &checkpoints;
  REQUIRE(clean_log(forked.table.log(), options).ok());
  CHECK(live_on(*forked.seen) == "a c");
  CHECK(LogFolder(*forked.seen, test_table).list()->checkpoints.empty());
}

TEST_CASE("vacuum and the clean-up of the log leave what a branch stands on, until it is dropped") {
  Forked forked;
  KeptTable& table = forked.table;
  PlainCheckpoints checkpoints(table.storage);
  CleanupOptions cleaning;
  cleaning.reader = &checkpoints;
  cleaning.writer = &checkpoints;
  VacuumOptions options;
  options.checkpoints = &checkpoints;
  table.publish_files({"d"}, {"b"});
  for (int days = 0; days < 3; ++days) {
    table.wait(40 * one_day);
    table.publish_files({std::string(1, static_cast<char>('x' + days))});
    cleaning.now_ms = options.now_ms = table.now_ms;
    REQUIRE(clean_log(table.log(), cleaning).ok());
    REQUIRE(vacuum(table.storage, test_table, options).ok());
  }
  CHECK(table.has(kept_path("b")));
  CHECK(live_on(*forked.seen) == "a c");
  CHECK(live_on(*forked.seen, 1) == "a b");
  REQUIRE(drop_branch(table.storage, "fix").ok());
  REQUIRE(vacuum(table.storage, test_table, options).ok());
  CHECK_FALSE(table.has(kept_path("b")));
  CHECK(table.live() == "a d x y z");
  const auto cleaned = clean_log(table.log(), cleaning);
  REQUIRE(cleaned.ok());
  CHECK(cleaned->first_version > 1);
}

TEST_CASE("what a branch stands on stays where its marker cannot be read, and it can be dropped") {
  Forked forked;
  KeptTable& table = forked.table;
  table.publish_files({"d"}, {"b"});
  table.wait(40 * one_day);
  table.publish_files({"e"});
  REQUIRE(table.storage.put("_branches/fix.json", "{").ok());
  VacuumOptions options;
  options.now_ms = table.now_ms;
  const auto kept = vacuum(table.storage, test_table, options);
  if (!kept.ok()) FAIL(kept.error().message);
  CHECK(table.has(kept_path("b")));  // of the branch's base, which the lake has no more
  const auto late = publish_on(table.storage, forked.branch, "e", "", 1001);
  REQUIRE(!late.ok());
  CHECK(late.error().message.find("_branches/fix.json") != std::string::npos);
  const auto all = list_branches(table.storage);
  REQUIRE(all.ok());
  REQUIRE(all->size() == 1);
  CHECK_FALSE(all->front().readable);
  CHECK(create_branch(table.storage, {"other", ""}).ok());  // it holds nobody up
  REQUIRE(drop_branch(table.storage, "fix").ok());
  CHECK(list_branches(table.storage)->size() == 1);
  REQUIRE(vacuum(table.storage, test_table, options).ok());
  CHECK_FALSE(table.has(kept_path("b")));
}

TEST_CASE("what was written on a branch while it was dropped goes with the next vacuum") {
  Forked forked;
  MemoryStorage& lake = forked.table.storage;
  REQUIRE(drop_branch(lake, "fix").ok());
  const Branch again = made_branch(lake), other = made_branch(lake, "other");
  const auto late_key = [](const Branch& branch) {
    return branch_key(branch.ref(), std::string(test_table) + "/" + kept_path("z"));
  };
  for (const Branch& branch : {forked.branch, again, other})
    lake.write_staged(late_key(branch), "rows");
  REQUIRE(lake.put("_branches/other.json", "{").ok());  // it may be its
  const auto gone = remove_left_over(lake);
  REQUIRE(gone.ok());
  CHECK(*gone == 1);
  CHECK_FALSE(lake.stat(late_key(forked.branch)).ok());
  CHECK(lake.stat(late_key(again)).ok());
  CHECK(lake.stat(late_key(other)).ok());
  lake.write_staged(late_key(forked.branch), "rows");
  forked.table.publish_files({"d"}, {"b"});
  forked.table.wait(40 * one_day);
  forked.table.publish_files({"e"});
  VacuumOptions options;
  options.now_ms = forked.table.now_ms;
  REQUIRE(vacuum(lake, test_table, options).ok());
  CHECK_FALSE(lake.stat(late_key(forked.branch)).ok());
}

TEST_CASE("nothing is written on a branch that was dropped, nor by its runs on one of its name") {
  Forked forked;
  MemoryStorage& lake = forked.table.storage;
  REQUIRE(drop_branch(lake, "fix").ok());
  CHECK(forked.table.live() == "a b");
  for (const auto& [key, bytes] : lake.objects()) {
    const auto& left = key;
    CAPTURE(left);
    CHECK_FALSE(left.starts_with("_branches/"));
  }
  const auto late = publish_on(lake, forked.branch, "e", "", 1001);
  REQUIRE(!late.ok());
  CHECK(late.error().code == Errc::conflict);
  CHECK(late.error().message.find("has been dropped") != std::string::npos);
  CHECK_FALSE(forked.seen->stage(std::string(test_table) + "/").ok());
  const Branch again = made_branch(lake);
  CHECK(again.id != forked.branch.id);
  CHECK(drop_branch(lake, "fix", forked.branch.id).error().code == Errc::not_found);
  CHECK(find_branch(lake, "fix").ok());
  CHECK_FALSE(forked.seen->put("raw/x", "y").ok());
  CHECK(live_on(*branch_storage(shared(lake), again.ref())) == "a b");
  CHECK(drop_branch(lake, "none").error().code == Errc::not_found);
}

TEST_CASE("names of branches lead nowhere, are had once, and are no more than a hundred") {
  MemoryStorage lake;
  for (const char* name : {"", "..", "a/b", "_a", "-a", "A", "a.b", "a b", "caf\xC3\xA9"}) {
    CAPTURE(name);
    CHECK(create_branch(lake, {name, ""}).error().code == Errc::invalid);
    CHECK(find_branch(lake, name).error().code == Errc::invalid);
    CHECK(drop_branch(lake, name).error().code == Errc::invalid);
  }
  CHECK_FALSE(valid_branch_name(std::string(65, 'a')));
  CHECK(create_branch(lake, {"a", "", "", std::string(1001, 'n')}).error().where == "note");
  const Branch fix = made_branch(lake);
  CHECK(fix.ref() == "fix/" + fix.id);
  CHECK(branch_name_of(fix.ref()) == "fix");
  const auto twice = create_branch(lake, {"fix", ""});
  REQUIRE(!twice.ok());
  CHECK(twice.error().code == Errc::conflict);
  const auto found = find_branch(lake, "fix");
  REQUIRE(found.ok());
  CHECK(found->created_by == "ana");
  CHECK(found->note == "a note");
  CHECK(found->created_ms == 7);
  for (std::size_t n = 1; n < max_branches; ++n) made_branch(lake, "b" + std::to_string(n));
  CHECK(create_branch(lake, {"more", ""}).error().message.find("drop one first") !=
        std::string::npos);
  CHECK(list_branches(lake)->size() == max_branches);
}

TEST_CASE("the power goes at every step of a branch's life: it is whole, or goes on, or is gone") {
  std::mt19937 random(7);
  for (const auto loss : {MemoryStorage::Loss::everything, MemoryStorage::Loss::nothing,
                          MemoryStorage::Loss::tears, MemoryStorage::Loss::dice}) {
    for (std::int64_t cut = 0;; ++cut) {
      CAPTURE(cut);
      KeptTable table;
      table.publish_files({"a"});
      table.publish_files({"b"});
      table.storage.cut_at(table.storage.steps() + cut);
      bool cut_short = false, dropping = false;
      try {
        const Branch branch = made_branch(table.storage);
        const bool published = publish_on(table.storage, branch, "c", "b").ok();
        dropping = true;  // and no assertion around what the power goes under
        const bool dropped = drop_branch(table.storage, "fix").ok();
        CHECK((published && dropped));
      } catch (const PowerCut&) {
        cut_short = true;
      }
      table.storage.lose_power(loss, random);
      CHECK(table.live() == "a b");
      const auto found = find_branch(table.storage, "fix");
      if (found.ok()) {
        CHECK((!dropping || cut_short));
        const auto seen = branch_storage(shared(table.storage), found->ref());
        const std::string live = live_on(*seen);
        CHECK((live == "a b" || live == "a c"));
        if (live == "a b") REQUIRE(publish_on(table.storage, *found, "c", "b").ok());
        CHECK(live_on(*seen) == "a c");
        REQUIRE(drop_branch(table.storage, "fix").ok());
      }
      const Branch again = made_branch(table.storage);
      CHECK(live_on(*branch_storage(shared(table.storage), again.ref())) == "a b");
      if (!cut_short) break;
    }
  }
}

TEST_CASE("nothing goes of a branch that is dropped while it is read") {
  Forked forked;
  MemoryStorage& lake = forked.table.storage;
  const auto tables = look_at_promotion(shared(lake), forked.branch);
  REQUIRE(tables.ok());
  auto payload = promotion_payload(shared(lake), forked.branch, *tables, 0, {});
  REQUIRE(payload.ok());
  const auto dropping = [&](const std::string& from, const std::string& to) -> Status {
    lake.write_staged(to, *lake.read(from));
    return drop_branch(lake, "fix");
  };
  const auto brought = bring_files(lake, forked.branch, *payload, first_ms, dropping);
  REQUIRE(!brought.ok());
  CHECK(brought.error().message.find("has been dropped") != std::string::npos);
  CHECK_FALSE(look_at_promotion(shared(lake), forked.branch).ok());
}
