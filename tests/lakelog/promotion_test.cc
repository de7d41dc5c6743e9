// What a branch has made becomes the lake's: what may go, what goes, and the power that goes at
// each step of it.
#include "lakelog/promotion.h"

#include <doctest/doctest.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <random>
#include <set>

#include "lakelog/change.h"
#include "lakelog/log_cleanup.h"
#include "lakelog/table.h"
#include "lakelog/vacuum.h"
#include "tests/lakelog/branch_fixture.h"
#include "tests/lakelog/promotion_fixture.h"

using namespace batuta;
using namespace batuta::lakelog;
using nlohmann::json;

namespace {

constexpr const char* quarantine = "quarantine/shop/orders";

}  // namespace

TEST_CASE("what is promoted is one version more of the lake's, and stays when the branch is gone") {
  Forked forked;
  MemoryStorage& lake = forked.table.storage;
  REQUIRE(publish_on(lake, forked.branch, "e", "", 1001).ok());
  const auto ahead = looked(lake, forked.branch);
  CHECK(ahead.base == 1);
  CHECK(ahead.version == 3);
  CHECK(ahead.lake_version == 1);
  CHECK(ahead.expected() == 2);
  CHECK(ahead.added_files == 2);
  CHECK(ahead.removed_files == 1);
  CHECK_FALSE(ahead.moved);
  CHECK(forked.table.live() == "a b");  // whoever looks ahead changes nothing
  must_promote(lake, forked.branch);
  CHECK(forked.table.live() == "a c e");
  CHECK(forked.table.at().version == 2);
  CHECK(forked.table.live(1) == "a b");
  CHECK(looked(lake, forked.branch).is_done());
  must_promote(lake, forked.branch);
  CHECK(promotions(lake, test_table) == 1);
  REQUIRE(drop_branch(lake, "fix").ok());
  CHECK(forked.table.live() == "a c e");
}

TEST_CASE("where the lake has moved nothing of the branch goes, and each such table is named") {
  Forked forked;
  MemoryStorage& lake = forked.table.storage;
  must_publish(lake, &forked.branch, "gold/shop/new", "n");
  forked.table.publish_files({"d"});
  const auto refused = promote(lake, forked.branch);
  REQUIRE(!refused.ok());
  CHECK(refused.error().code == Errc::conflict);
  CHECK(refused.error().message.find(std::string(test_table) +
                                     " left at version 1, and at version 2 of the lake's rows "
                                     "were written") != std::string::npos);
  CHECK(names_of(lake, "gold/shop/new").empty());
  CHECK(forked.table.live() == "a b d");
  must_publish(lake, nullptr, "gold/shop/new", "o");
  const auto both = promote(lake, forked.branch);
  CHECK(both.error().message.find("gold/shop/new was new on the branch") != std::string::npos);
  CHECK(both.error().message.find(test_table) != std::string::npos);
}

TEST_CASE("a table that is gone from the lake is not made again by a promotion") {
  Forked forked;
  MemoryStorage& lake = forked.table.storage;
  for (const char* version : {"00000000000000000000", "00000000000000000001"})
    REQUIRE(lake.remove(std::string(test_table) + "/_delta_log/" + version + ".json").ok());
  const auto gone = looked(lake, forked.branch);
  REQUIRE(gone.moved);
  CHECK(gone.moved->version == -1);
  CHECK(check_promotion(forked.branch, {gone}).error().message.find("gone from the lake") !=
        std::string::npos);
}

TEST_CASE("what changes no row is no move: a vacuum's marks, and files held together elsewhere") {
  Forked forked;
  MemoryStorage& lake = forked.table.storage;
  const auto put = [&](const std::string& operation, const std::string& gone,
                       const std::string& come) {
    Change change;
    change.read_version = forked.table.at().version;
    change.operation = operation;
    const PartitionValues day = {{"day", "2026-11-20"}};
    if (!gone.empty()) {
      forked.table.stage(kept_path(come));
      change.commit.removes.push_back({kept_path(gone), 0, false, day, 100});
      AddFile add;
      add.path = kept_path(come);
      add.partition_values = day;
      add.size = 100;
      add.data_change = false;
      change.commit.adds.push_back(add);
    }
    REQUIRE(put_change(forked.table.log(), change, first_ms).ok());
  };
  put("VACUUM END", "", "");
  CHECK(looked(lake, forked.branch).expected() == 3);
  put("OPTIMIZE", "a", "f");
  CHECK_FALSE(looked(lake, forked.branch).moved);
  SUBCASE("they stay as they are") {
    must_promote(lake, forked.branch);
    CHECK(forked.table.live() == "c f");
    CHECK(forked.table.at().version == 4);
  }
  SUBCASE("but what the branch takes away must be there as it was") {
    put("OPTIMIZE", "b", "g");
    const auto moved = looked(lake, forked.branch).moved;
    REQUIRE(moved);
    CHECK(moved->version == 4);
    CHECK(moved->operation == "OPTIMIZE");
    CHECK_FALSE(promote(lake, forked.branch).ok());
    CHECK(forked.table.live() == "f g");
  }
}

TEST_CASE("whoever was erased from the lake does not come back by a branch that was begun before") {
  Forked forked;
  Change mark;
  mark.read_version = 1;
  mark.operation = vacuum_start;
  mark.parameters = {{"erasure", "person-1"}};
  REQUIRE(put_change(forked.table.log(), mark, first_ms).ok());
  const auto refused = promote(forked.table.storage, forked.branch);
  REQUIRE(!refused.ok());
  CHECK(refused.error().message.find("a person was erased") != std::string::npos);
}

TEST_CASE(
    "nor does a table bring them back that only the branch has, or that had nothing of them") {
  MemoryStorage lake;
  must_publish(lake, nullptr, test_table, "a");
  const auto erase_one = [&](std::int64_t at) {
    lake.set_clock(at);
    REQUIRE(lake.put("_erasures/person-" + std::to_string(at) + ".json", "{}").ok());
  };
  erase_one(first_ms - 1);
  const auto made = create_branch(lake, {"fix", "", "ana", "", first_ms});
  REQUIRE(made.ok());
  must_publish(lake, &*made, test_table, "b");
  must_promote(lake, *made);  // whoever went before the branch began is not on it
  must_publish(lake, &*made, "gold/shop/new", "n");
  erase_one(first_ms + 5);
  const auto refused = promote(lake, *made);
  REQUIRE(!refused.ok());
  CHECK(refused.error().code == Errc::conflict);
  CHECK(refused.error().message.find("gold/shop/new was new on the branch, and a person was "
                                     "erased from the lake since") != std::string::npos);
  CHECK(refused.error().message.find(test_table) == std::string::npos);  // it is there already
  CHECK(names_of(lake, "gold/shop/new").empty());
}

TEST_CASE("a branch that goes on is promoted again, from where it was") {
  Forked forked;
  MemoryStorage& lake = forked.table.storage;
  must_promote(lake, forked.branch);
  REQUIRE(publish_on(lake, forked.branch, "e", "c", 1001).ok());
  const auto ahead = looked(lake, forked.branch);
  CHECK(ahead.from == 2);
  CHECK(ahead.added_files == 1);
  CHECK_FALSE(ahead.moved);
  const auto again = promote(lake, forked.branch, "again");
  if (!again.ok()) FAIL(again.error().message);
  CHECK(forked.table.live() == "a e");
  REQUIRE(publish_on(lake, forked.branch, "g", "", 1002).ok());
  forked.table.publish_files({"d"});
  CHECK(looked(lake, forked.branch).moved);
  // Another branch of that name has promoted nothing.
  REQUIRE(drop_branch(lake, "fix").ok());
  const Branch later = made_branch(lake);
  REQUIRE(publish_on(lake, later, "h", "", 1003).ok());
  CHECK(looked(lake, later).from == 4);
}

TEST_CASE("columns that the branch has added come with it, and markers of its own stay behind") {
  MemoryStorage lake;
  must_publish(lake, nullptr, test_table, "a");
  const Branch branch = made_branch(lake);
  must_publish(lake, &branch, test_table, "b", [&](json& payload) {
    payload["operation"] = "merge";
    payload["append"] = false;
    payload["evolve"] = true;
    payload["schema"].push_back({{"name", "note"}, {"type", "string"}, {"nullable", true}});
    payload["txn"] = {{{"app_id", "contract_silver/bronze@" + branch.ref()}, {"version", 7}},
                      {{"app_id", "orders"}, {"version", 3}}};
  });
  CHECK(looked(lake, branch).changes_schema);
  must_promote(lake, branch);
  const auto now = read_snapshot(LogFolder(lake, test_table));
  REQUIRE(now.ok());
  CHECK(now->metadata.columns.back().name == "note");
  CHECK(now->txns.at("orders").version == 3);
  CHECK(now->txns.size() == 2);  // and the publications' own count
  // Columns that the lake has changed meanwhile are another matter.
  const Branch other = made_branch(lake, "other");
  must_publish(lake, &other, test_table, "c", [](json& payload) {
    payload["schema"].push_back({{"name", "note"}, {"type", "string"}, {"nullable", true}});
  });
  must_publish(lake, nullptr, test_table, "d", [](json& payload) {
    payload["operation"] = "merge";
    payload["append"] = false;
    payload["evolve"] = true;
    payload["schema"].push_back({{"name", "note"}, {"type", "string"}, {"nullable", true}});
    payload["schema"].push_back({{"name", "more"}, {"type", "string"}, {"nullable", true}});
  });
  const auto moved = looked(lake, other).moved;
  REQUIRE(moved);
  CHECK(moved->reason.find("columns") != std::string::npos);
}

TEST_CASE(
    "a table whose types have widened on the branch, where it is new, waits for the lake's own") {
  MemoryStorage lake;
  must_publish(lake, nullptr, test_table, "a");
  const Branch branch = made_branch(lake);
  constexpr const char* made = "gold/shop/new";
  must_publish(lake, &branch, made, "n",
               [](json& payload) { payload["schema"][0]["type"] = "integer"; });
  must_publish(lake, &branch, made, "o", [](json& payload) {
    payload["operation"] = "merge";
    payload["append"] = false;
    payload["evolve"] = true;
  });
  const auto refused = promote(lake, branch);
  REQUIRE(!refused.ok());
  CHECK(refused.error().code == Errc::invalid);
  CHECK(refused.error().message.find("gold/shop/new is new on the branch") != std::string::npos);
  CHECK(names_of(lake, made).empty());
}

TEST_CASE("what a table has read on the branch it has read of the lake when it is promoted") {
  constexpr const char *bronze = "bronze/shop/orders", *silver = "silver/shop/orders";
  MemoryStorage lake;
  must_publish(lake, nullptr, bronze, "a");
  must_publish(lake, nullptr, bronze, "b");
  must_publish(lake, nullptr, silver, "c", [](json& payload) {
    payload["txn"] = json::array({{{"app_id", "one/bronze"}, {"version", 1}}});
  });
  const Branch branch = made_branch(lake);
  const std::string marker = "one/bronze@" + branch.ref();
  const std::string bronze_id = read_snapshot(LogFolder(lake, bronze))->metadata.id;
  const auto reads = [&](std::int64_t version) {
    return [&, version](json& payload) {
      payload["txn"] = json::array({{{"app_id", marker}, {"version", version}},
                                    {{"app_id", "other@" + branch.ref()}, {"version", 9}}});
      payload["metrics"] = {
          {"model", "m"},
          {"inputs", json{{bronze, version}, {"gold/shop/kept", 4}}.dump()},
          {"input_tables", json{{bronze, bronze_id + "@" + branch.ref()}}.dump()}};
    };
  };
  // The branch's version 3 of bronze, of which silver has taken in all or a part.
  must_publish(lake, &branch, bronze, "d");
  must_publish(lake, &branch, bronze, "e");
  bool all = false;
  SUBCASE("in part") {}
  SUBCASE("in full") {
    all = true;
  }
  must_publish(lake, &branch, silver, "f", reads(all ? 3 : 2));
  must_promote(lake, branch);
  const auto now = read_snapshot(LogFolder(lake, silver));
  REQUIRE(now.ok());
  CHECK(read_snapshot(LogFolder(lake, bronze))->version == 2);
  CHECK(now->txns.at("one/bronze").version == (all ? 2 : 1));
  CHECK(now->txns.count(marker) == 0);
  CHECK(now->txns.count("other") == 0);
  const json metrics = json::parse(table_history(lake, silver, 1)->front().metrics_json);
  CHECK(metrics["model"] == "m");
  CHECK(json::parse(metrics["inputs"].get<std::string>()) ==
        json{{bronze, all ? 2 : 1}, {"gold/shop/kept", 4}});
  CHECK(json::parse(metrics["input_tables"].get<std::string>())[bronze] == bronze_id);
}

TEST_CASE("rows that only came to the quarantine go beside those that the lake has put there") {
  MemoryStorage lake;
  must_publish(lake, nullptr, quarantine, "a");
  const Branch branch = made_branch(lake);
  must_publish(lake, &branch, quarantine, "b");
  must_publish(lake, nullptr, quarantine, "c");
  const auto ahead = looked(lake, branch);
  CHECK(ahead.appends);
  CHECK_FALSE(ahead.moved);
  must_promote(lake, branch);
  CHECK(names_of(lake, quarantine) == "a b c");
  must_promote(lake, branch);
  CHECK(promotions(lake, quarantine) == 1);
  // One that the lake has made meanwhile takes them, too.
  const Branch other = made_branch(lake, "other");
  must_publish(lake, &other, "quarantine/shop/late", "d");
  must_publish(lake, nullptr, "quarantine/shop/late", "e");
  must_promote(lake, other);
  CHECK(names_of(lake, "quarantine/shop/late") == "d e");
}

TEST_CASE(
    "the power goes at every step of a promotion: each table is as it was, or promoted whole") {
  constexpr const char* made = "gold/shop/new";
  std::mt19937 random(11);
  for (const auto loss : {MemoryStorage::Loss::everything, MemoryStorage::Loss::nothing,
                          MemoryStorage::Loss::tears, MemoryStorage::Loss::dice}) {
    for (std::int64_t cut = 0;; ++cut) {
      CAPTURE(cut);
      Forked forked;
      MemoryStorage& lake = forked.table.storage;
      must_publish(lake, &forked.branch, made, "n");
      lake.cut_at(lake.steps() + cut);
      bool cut_short = false;
      try {
        const bool promoted = promote(lake, forked.branch).ok();
        CHECK(promoted);
      } catch (const PowerCut&) {
        cut_short = true;
      }
      lake.lose_power(loss, random);
      const std::string live = forked.table.live(), other = names_of(lake, made);
      CHECK((live == "a b" || live == "a c"));
      CHECK((other.empty() || other == "n"));
      CHECK(live_on(*forked.seen) == "a c");  // the branch is there, to be promoted again
      const auto again = promote(lake, forked.branch, cut % 2 == 0 ? "promote" : "again");
      if (!again.ok()) FAIL(again.error().message);
      CHECK(forked.table.live() == "a c");
      CHECK(names_of(lake, made) == "n");
      CHECK(promotions(lake, test_table) == 1);
      CHECK(promotions(lake, made) == 1);
      REQUIRE(drop_branch(lake, "fix").ok());
      CHECK(forked.table.live() == "a c");
      if (!cut_short) break;
    }
  }
}

TEST_CASE(
    "whatever runs of the lake and of branches do, a promotion changes all of it or nothing") {
  // Tables by the names of their files, as they should be.
  using Model = std::map<std::string, std::set<char>>;
  const std::vector<std::string> tables = {"silver/shop/one", "silver/shop/two", "gold/shop/three"};
  const auto text = [](const std::set<char>& names) {
    std::string out;
    for (const char name : names) out += (out.empty() ? "" : " ") + std::string(1, name);
    return out;
  };
  for (unsigned seed = 0; seed < 40; ++seed) {
    CAPTURE(seed);
    std::mt19937 random(seed);
    const auto below = [&](std::size_t n) { return static_cast<std::size_t>(random() % n); };
    MemoryStorage lake;
    Model main;
    for (const std::string& table : tables) {
      if (below(4) == 0) continue;
      must_publish(lake, nullptr, table, "a");
      main[table].insert('a');
    }
    const Branch branch = made_branch(lake);
    Model own;                      // tables that have left the lake
    std::set<std::string> moved;    // of those: the lake's has gone on since
    std::set<std::string> pending;  // and the branch's, since it was promoted
    char next = 'b';
    for (int step = 0; step < 12 && next < 'z'; ++step) {
      const std::string& table = tables[below(tables.size())];
      const auto writes = [&](Model& model, const Branch* on) {
        auto& rows = model[table];
        const std::string gone =
            !rows.empty() && below(2) == 0 ? std::string(1, *rows.begin()) : "";
        const char name = next++;
        must_publish(lake, on, table, std::string(1, name), [&](json& payload) {
          if (gone.empty()) return;
          payload["operation"] = "merge";
          payload["append"] = false;
          payload["remove"] = {{{"path", kept_path(gone)},
                                {"partition_values", {{"day", "2026-11-20"}}},
                                {"size", 100}}};
        });
        if (!gone.empty()) rows.erase(gone.front());
        rows.insert(name);
      };
      const auto act = below(5);
      if (act < 2) {
        if (own.count(table) == 0 && main.count(table) != 0) own[table] = main[table];
        writes(own, &branch);
        pending.insert(table);
      } else if (act == 2) {
        writes(main, nullptr);
        if (own.count(table) != 0) moved.insert(table);
      } else {
        const bool done = promote(lake, branch, "promote-" + std::to_string(step)).ok();
        const bool may = std::none_of(pending.begin(), pending.end(), [&](const std::string& one) {
          return moved.count(one) != 0;
        });
        CHECK(done == may);
        if (done) {
          for (const std::string& name : pending) main[name] = own[name];
          pending.clear();
        }
      }
      for (const std::string& each : tables) {
        CHECK(names_of(lake, each) == text(main[each]));
        if (own.count(each) != 0)
          CHECK(names_of(*branch_storage(shared(lake), branch.ref()), each) == text(own[each]));
      }
    }
  }
}
