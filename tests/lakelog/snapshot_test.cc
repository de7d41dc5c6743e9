#include "lakelog/snapshot.h"

#include <doctest/doctest.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <random>
#include <set>

#include "tests/lakelog/lake_fixture.h"

using namespace batuta;
using namespace batuta::lakelog;

namespace {

// Publishes `count` appends; every third one also removes an earlier file. Returns the live paths
// after each version, kept apart from the code under test.
std::vector<std::set<std::string>> random_history(const TempLake& lake, std::uint32_t seed,
                                                  int count) {
  std::mt19937 random(seed);
  std::set<std::string> live;
  std::vector<std::set<std::string>> states;
  for (int i = 0; i < count; ++i) {
    const std::string day = "2026-11-" + std::to_string(10 + random() % 9);
    const auto add = data_file(lake.path(), "f" + std::to_string(i), day);
    nlohmann::json payload = append_payload({add}, i - 1);
    if (i > 0 && random() % 3 == 0) {
      auto victim = live.begin();
      std::advance(victim, random() % live.size());
      payload = merge_payload({{{"path", *victim}}}, {add}, i - 1);
      live.erase(victim);
    }
    live.insert(add["path"].get<std::string>());
    REQUIRE(publish(publication(lake, payload, i + 1)).ok());
    states.push_back(live);
  }
  return states;
}

std::set<std::string> paths(const Snapshot& snapshot) {
  std::set<std::string> out;
  for (const auto& [path, file] : snapshot.files) out.insert(path);
  return out;
}

}  // namespace

TEST_CASE("any version of a random history shows exactly the files that were live then") {
  const std::uint32_t first_seed = std::random_device{}();
  for (std::uint32_t seed = first_seed; seed < first_seed + 5; ++seed) {
    CAPTURE(seed);
    TempLake lake;
    const auto states = random_history(lake, seed, 70);
    for (std::size_t version = 0; version < states.size(); ++version) {
      CAPTURE(version);
      const auto snapshot = read_snapshot(test_log(lake), static_cast<std::int64_t>(version));
      REQUIRE(snapshot.ok());
      CHECK(paths(*snapshot) == states[version]);
      CHECK(snapshot->txns.at("batuta/store-1").version == static_cast<std::int64_t>(version) + 1);
    }
  }
}

TEST_CASE("a compacted entry says the same as the commits it sums up") {
  TempLake lake;
  const auto states = random_history(lake, 7, 40);
  const auto log = test_log(lake);
  REQUIRE(log.list()->compactions == std::vector<std::int64_t>{31});
  const auto with = read_snapshot(log);
  std::filesystem::remove(
      log_file(lake, "00000000000000000000.00000000000000000031.compacted.json"));
  const auto without = read_snapshot(log);
  REQUIRE(with.ok());
  REQUIRE(without.ok());
  CHECK(paths(*with) == states.back());
  CHECK(paths(*with) == paths(*without));
  CHECK(with->txns.at("batuta/store-1").version == without->txns.at("batuta/store-1").version);
  CHECK(with->metadata.id == without->metadata.id);
  CHECK(with->tombstones.size() == without->tombstones.size());
}

TEST_CASE("a publication is recognised as done across a compacted entry") {
  TempLake lake;
  const auto first = publication(lake, append_payload({data_file(lake.path(), "x")}), 1);
  REQUIRE(publish(first).ok());
  for (int i = 1; i < 40; ++i)
    REQUIRE(publish(publication(lake, append_payload({}, i - 1), i + 1)).ok());
  const auto again = publish(first);
  REQUIRE(again.ok());
  CHECK(again->already_done);
  CHECK(again->version == 0);
}

TEST_CASE("a gap in the log is reported with its version") {
  TempLake lake;
  random_history(lake, 1, 4);
  const auto log = test_log(lake);
  std::filesystem::remove(log_file(lake, commit_file_name(2)));
  const auto snapshot = read_snapshot(log);
  REQUIRE(!snapshot.ok());
  CHECK(snapshot.error().code == Errc::malformed);
  CHECK(snapshot.error().message.find("version 2 is missing") != std::string::npos);
  CHECK(read_snapshot(log, 1).ok());
}

TEST_CASE("time travel by time stamp takes the last version not younger") {
  TempLake lake;
  random_history(lake, 1, 2);
  const auto log = test_log(lake);
  const std::int64_t second = log.modified_ms(1);
  CHECK(*version_at(log, second + 1000) == 1);
  CHECK(version_at(log, 0).error().code == Errc::not_found);
}
