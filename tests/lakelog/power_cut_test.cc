// The power goes at every step of a publication: staging, the log entry, the compacted entry. After
// the restart the version is there whole, or not at all, and going on ends with it there once.
#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "tests/lakelog/lake_fixture.h"
#include "tests/lakelog/memory_storage.h"

using namespace batuta;
using namespace batuta::lakelog;
using nlohmann::json;

namespace {

using Loss = MemoryStorage::Loss;

std::string bytes_of(const std::string& name) {
  return "PAR1 rows of " + name + " PAR1";
}

// The scheduler's record of one task: what survives a power cut by its own store's promise.
struct Record {
  int attempts = 0;
  std::optional<Publication> accepted;  // step 1 of the three
  std::optional<std::int64_t> settled;  // step 3: the version
};

// One merge: two new files, and the one file of the version before removed.
json stage(MemoryStorage& storage, int version, int attempt) {
  json adds = json::array();
  std::vector<std::string> keys;
  for (int part = 0; part < 2; ++part) {
    const std::string name = "v" + std::to_string(version) + "-try" + std::to_string(attempt) +
                             "-part" + std::to_string(part);
    const std::string path = "day=2026-11-20/" + name;
    keys.push_back(std::string(test_table) + "/" + path);
    storage.write_staged(keys.back(), bytes_of(name));
    adds.push_back({{"path", path},
                    {"size", bytes_of(name).size()},
                    {"modification_time", 1'700'000'000'000},
                    {"partition_values", {{"day", "2026-11-20"}}},
                    {"stats", {{"numRecords", 1}}}});
  }
  const bool synced = storage.sync(keys).ok();
  REQUIRE(synced);
  return append_payload(adds, version - 1);
}

// Carries the task as far as the power allows; called again it goes on where the record says.
void work(MemoryStorage& storage, int version, Record& record) {
  if (!record.accepted) {
    ++record.attempts;
    Publication out;
    out.storage = &storage;
    out.payload_json = stage(storage, version, record.attempts).dump();
    out.app_id = "batuta/store-1";
    out.number = version + 1;
    out.uuid = "publication-" + std::to_string(version);
    record.accepted = std::move(out);
  }
  if (!record.settled) {
    const auto published = publish(*record.accepted);
    REQUIRE(published.ok());
    record.settled = published->version;
  }
}

// Every version that the log shows names files that are there, byte for byte.
void check_sound(MemoryStorage& storage, std::int64_t at_least, std::int64_t at_most) {
  const LogFolder log(storage, test_table);
  const auto snapshot = read_snapshot(log);
  if (!snapshot.ok()) {
    CHECK(snapshot.error().code == Errc::not_found);
    REQUIRE(at_least < 0);
    return;
  }
  CHECK(snapshot->version >= at_least);
  CHECK(snapshot->version <= at_most);
  CHECK(snapshot->files.size() == 2 * static_cast<std::size_t>(snapshot->version + 1));
  std::string damaged;
  for (const auto& [path, file] : snapshot->files) {
    const auto found = storage.objects().find(std::string(test_table) + "/" + path);
    const bool whole = found != storage.objects().end() &&
                       found->second == bytes_of(path.substr(path.find('/') + 1));
    if (!whole) damaged += path + " ";
  }
  CHECK(damaged == "");
}

MemoryStorage table_with(int versions) {
  MemoryStorage storage;
  std::mt19937 random(1);
  for (int version = 0; version < versions; ++version) {
    Record record;
    work(storage, version, record);
  }
  storage.lose_power(Loss::everything, random);
  return storage;
}

std::int64_t steps_of(MemoryStorage storage, int version) {
  const std::int64_t before = storage.steps();
  Record record;
  work(storage, version, record);
  return storage.steps() - before;
}

// The first version, one in the middle, and those that write a compacted entry and remove one.
constexpr int versions[] = {0, 5, 31, 95};

}  // namespace

TEST_CASE(
    "a power cut at any step leaves the version whole or absent, and going on publishes it once") {
  const std::uint32_t seed = std::random_device{}();
  CAPTURE(seed);
  std::mt19937 random(seed);
  for (const int version : versions) {
    const MemoryStorage before = table_with(version);
    const std::int64_t steps = steps_of(before, version);
    REQUIRE(steps > 8);
    for (std::int64_t cut = 0; cut <= steps; ++cut) {
      for (const Loss loss :
           {Loss::everything, Loss::nothing, Loss::tears, Loss::dice, Loss::dice}) {
        CAPTURE(version);
        CAPTURE(cut);
        CAPTURE(static_cast<int>(loss));
        MemoryStorage storage = before;
        Record record;
        storage.cut_at(cut);
        try {
          work(storage, version, record);
        } catch (const PowerCut&) {
        }
        if (record.accepted) record.accepted->storage = &storage;
        storage.lose_power(loss, random);
        check_sound(storage, record.settled ? version : version - 1,
                    record.accepted ? version : version - 1);
        work(storage, version, record);
        CHECK(*record.settled == version);
        check_sound(storage, version, version);
        storage.lose_power(Loss::everything, random);
        check_sound(storage, version, version);
      }
    }
  }
}

TEST_CASE(
    "a version that was told as published outlives a power cut, though its first writer died "
    "before it was sure") {
  std::mt19937 random(7);
  for (const int version : versions) {
    const MemoryStorage before = table_with(version);
    const std::int64_t steps = steps_of(before, version);
    for (std::int64_t death = 0; death <= steps; ++death) {
      CAPTURE(version);
      CAPTURE(death);
      MemoryStorage storage = before;
      Record record;
      storage.cut_at(death);
      try {
        work(storage, version, record);
      } catch (const PowerCut&) {
      }
      storage.restart_process();
      work(storage, version, record);
      storage.lose_power(Loss::everything, random);
      check_sound(storage, version, version);
    }
  }
}
