// What every Stream promises (stream/stream.h), of every implementation.
#include <atomic>
#include <chrono>
#include <set>
#include <thread>

#include "tests/stream/beds.h"

using namespace batuta;
using namespace batuta::stream;
using namespace std::chrono_literals;

TEST_CASE_TEMPLATE("stream: what is produced is read in order, whole, with headers and times", Bed,
                   BATUTA_BEDS) {
  Bed bed;
  bed.make_topic("orders", 1);
  const auto writer = bed.open();
  std::vector<NewRecord> records{text_record("a", "one"), text_record(std::nullopt, ""),
                                 text_record("a", std::nullopt), text_record("", "{\"n\": 4}")};
  records[0].headers = {{"source", "shop"}, {"empty", ""}, {"source", "again"}};
  records[0].time = parse_iso("2024-05-06T07:08:09.123Z");
  const auto places = must(writer->produce("orders", records));
  CHECK(places == std::vector<Position>{{0, 0}, {0, 1}, {0, 2}, {0, 3}});

  const auto reader = bed.open();
  const Batch batch = must(reader->fetch("orders", {{0, 0}}, {}));
  REQUIRE(batch.records.size() == 4);
  CHECK(batch.at_end);
  CHECK(batch.next == Offsets{{0, 4}});
  CHECK(batch.gaps.empty());
  for (std::size_t i = 0; i < 4; ++i) {
    CHECK(batch.records[i].offset == static_cast<std::int64_t>(i));
    CHECK(batch.records[i].value == records[i].value);
    CHECK(batch.records[i].headers == records[i].headers);
  }
  CHECK(batch.records[0].key == "a");
  CHECK(batch.records[1].key == std::nullopt);
  CHECK(batch.records[0].time == *records[0].time);
  CHECK(read_clock().wall - batch.records[1].time < 1min);
  CHECK(batch.records[2].value == std::nullopt);
}

TEST_CASE_TEMPLATE("stream: a key has its partition, the same for all; an asked-for one is taken",
                   Bed, BATUTA_BEDS) {
  Bed bed;
  bed.make_topic("orders", 4);
  const auto stream = bed.open();
  std::vector<NewRecord> records;
  for (int i = 0; i < 60; ++i) records.push_back(text_record("k" + std::to_string(i % 20), "v"));
  records.push_back(text_record("k0", "asked", 3));
  const auto places = must(stream->produce("orders", records));
  std::set<int> used;
  for (int i = 0; i < 60; ++i) {
    const auto& place = places[static_cast<std::size_t>(i)];
    CHECK(place.partition == partition_of("k" + std::to_string(i % 20), 4));
    used.insert(place.partition);
  }
  CHECK(used.size() > 1);
  CHECK(places.back().partition == 3);
}

TEST_CASE_TEMPLATE("stream: a fetch keeps its limits, and the next goes on where it ended", Bed,
                   BATUTA_BEDS) {
  Bed bed;
  bed.make_topic("orders", 2);
  const auto stream = bed.open();
  std::vector<NewRecord> records;
  for (int i = 0; i < 100; ++i)
    records.push_back(text_record(std::nullopt, std::to_string(i), i % 2));
  must(stream->produce("orders", records));
  FetchLimits limits;
  limits.records = 7;
  Offsets at{{0, 0}, {1, 0}};
  std::map<int, std::vector<std::string>> seen;
  for (bool end = false; !end;) {
    const Batch batch = must(stream->fetch("orders", at, limits));
    CHECK(batch.records.size() <= 7);
    CHECK(!batch.records.empty());
    for (const Record& record : batch.records) seen[record.partition].push_back(*record.value);
    at = batch.next;
    end = batch.at_end;
  }
  for (int i = 0; i < 100; ++i) {
    CHECK(seen[i % 2].at(static_cast<std::size_t>(i / 2)) == std::to_string(i));
  }
  // Bytes bound too, yet a first record always comes.
  limits.records = 1000;
  limits.bytes = 1;
  CHECK(must(stream->fetch("orders", {{0, 0}, {1, 0}}, limits)).records.size() == 1);
  // From the middle, of one partition only.
  const Batch middle = must(stream->fetch("orders", {{1, 45}}, {}));
  CHECK(middle.records.size() == 5);
  CHECK(middle.next == Offsets{{1, 50}});
}

TEST_CASE_TEMPLATE("stream: at the end a fetch has nothing, or what comes while it waits", Bed,
                   BATUTA_BEDS) {
  Bed bed;
  bed.make_topic("orders", 1);
  const auto stream = bed.open();
  Batch batch = must(stream->fetch("orders", {{0, 0}}, {}));
  CHECK(batch.records.empty());
  CHECK(batch.at_end);
  CHECK(batch.next == Offsets{{0, 0}});

  std::thread later([&bed] {
    std::this_thread::sleep_for(300ms);
    const auto writer = bed.open();
    (void)writer->produce("orders", std::vector{text_record("k", "late")}).ok();
  });
  FetchLimits limits;
  limits.wait = 20s;
  batch = must(stream->fetch("orders", batch.next, limits));
  later.join();
  REQUIRE(batch.records.size() == 1);
  CHECK(batch.records[0].value == "late");
}

TEST_CASE_TEMPLATE("stream: a group's offsets are kept by partition, and lag counts what is left",
                   Bed, BATUTA_BEDS) {
  Bed bed;
  bed.make_topic("orders", 3);
  const auto stream = bed.open();
  std::vector<NewRecord> records;
  for (int i = 0; i < 30; ++i) records.push_back(text_record(std::nullopt, "v", i % 2));
  must(stream->produce("orders", records));
  CHECK(must(stream->offsets("orders")) == Spans{{0, {0, 15}}, {1, {0, 15}}, {2, {0, 0}}});
  CHECK(must(stream->committed("shop", "orders")).empty());

  must(stream->commit("shop", "orders", {{0, 15}}));
  must(stream->commit("shop", "orders", {{1, 5}, {2, 0}}));
  CHECK(must(bed.open()->committed("shop", "orders")) == Offsets{{0, 15}, {1, 5}, {2, 0}});
  CHECK(must(stream->committed("other", "orders")).empty());

  const auto lags = must(lag(*stream, "shop", "orders"));
  REQUIRE(lags.size() == 3);
  CHECK(lags[0].lag == 0);
  CHECK(lags[1].lag == 10);
  CHECK(lags[1].committed == 5);
  CHECK(lags[2].lag == 0);
  CHECK(must(lag(*stream, "other", "orders"))[0].lag == 15);

  CHECK(stream->commit("shop", "orders", {{7, 1}}).error().code == Errc::not_found);
  CHECK(stream->commit("sh/op", "orders", {{0, 1}}).error().code == Errc::invalid);
  CHECK(stream->commit("shop", "orders", {{0, -5}}).error().code == Errc::invalid);
}

TEST_CASE_TEMPLATE("stream: an offset that the partition does not hold is told, by policy", Bed,
                   BATUTA_BEDS) {
  Bed bed;
  bed.make_topic("orders", 2);
  const auto stream = bed.open();
  must(stream->produce("orders", std::vector{text_record({}, "a", 0), text_record({}, "b", 0)}));
  const Offsets wanted{{0, 99}, {1, 0}};
  const auto failed = stream->fetch("orders", wanted, {});
  REQUIRE(!failed.ok());
  CHECK(failed.error().code == Errc::conflict);
  CHECK(failed.error().message.find("partition 0: offset 99 was never there") != std::string::npos);

  FetchLimits limits;
  limits.on_gap = OnGap::earliest;
  Batch batch = must(stream->fetch("orders", wanted, limits));
  CHECK(batch.records.size() == 2);
  REQUIRE(batch.gaps.size() == 1);
  CHECK(batch.gaps[0].wanted == 99);
  CHECK(batch.gaps[0].taken == 0);
  limits.on_gap = OnGap::latest;
  batch = must(stream->fetch("orders", wanted, limits));
  CHECK(batch.records.empty());
  CHECK(batch.next == Offsets{{0, 2}, {1, 0}});
  CHECK(batch.gaps.size() == 1);
}

TEST_CASE_TEMPLATE("stream: what there is not is not found, what cannot be is refused", Bed,
                   BATUTA_BEDS) {
  Bed bed;
  bed.make_topic("orders", 1);
  const auto stream = bed.open();
  CHECK(stream->offsets("nothing").error().code == Errc::not_found);
  CHECK(stream->fetch("nothing", {{0, 0}}, {}).error().code == Errc::not_found);
  CHECK(stream->fetch("orders", {{1, 0}}, {}).error().code == Errc::not_found);
  CHECK(stream->produce("nothing", std::vector{text_record("k", "v")}).error().code ==
        Errc::not_found);
  CHECK(stream->produce("or/ders", std::vector{text_record("k", "v")}).error().code ==
        Errc::invalid);
  CHECK(stream->produce("orders", std::vector{text_record("k", "v", 1)}).error().code ==
        Errc::invalid);
  CHECK(stream->create("..", {}).error().code == Errc::invalid);
  TopicSettings none;
  none.partitions = 0;
  CHECK(stream->create("none", none).error().code == Errc::invalid);
  CHECK(must(stream->produce("orders", {})).empty());
  const auto topics = must(stream->topics());
  REQUIRE(topics.size() == 1);
  CHECK(topics[0].name == "orders");
  CHECK(topics[0].partitions == 1);
}

TEST_CASE_TEMPLATE("stream: five megabytes go through, more than eight are refused before any", Bed,
                   BATUTA_BEDS) {
  Bed bed;
  bed.make_topic("orders", 1);
  const auto stream = bed.open();
  std::string large(5'000'000, '\0');
  for (std::size_t i = 0; i < large.size(); ++i)
    large[i] = static_cast<char>(i * 2654435761u >> 13);
  must(stream->produce("orders", std::vector{text_record("k", "small"), text_record("k", large)}));
  const auto read = read_all(*stream, "orders", {{0, 0}});
  REQUIRE(read.size() == 2);
  CHECK(read[1].value == large);

  const auto refused = stream->produce(
      "orders",
      std::vector{text_record("k", "x"), text_record("k", std::string(max_record_bytes + 1, 'x'))});
  REQUIRE(!refused.ok());
  CHECK(refused.error().code == Errc::too_large);
  CHECK(refused.error().message.find("record 2") != std::string::npos);
  CHECK(must(stream->offsets("orders")).at(0).next == 2);
}

TEST_CASE_TEMPLATE("stream: producers and readers at once lose nothing and keep each one's order",
                   Bed, BATUTA_BEDS) {
  Bed bed;
  bed.make_topic("orders", 2);
  constexpr int producers = 3, rounds = 20, each = 10;
  std::atomic<int> failures = 0;
  std::vector<std::thread> threads;
  for (int who = 0; who < producers; ++who) {
    threads.emplace_back([&, who] {
      const auto stream = bed.open();
      for (int round = 0; round < rounds; ++round) {
        std::vector<NewRecord> records;
        for (int i = 0; i < each; ++i) {
          records.push_back(text_record(std::to_string(who), std::to_string(round * each + i)));
        }
        if (!stream->produce("orders", records).ok()) ++failures;
      }
    });
  }
  std::map<std::string, std::vector<int>> seen;
  const auto stream = bed.open();
  Offsets at{{0, 0}, {1, 0}};
  std::size_t count = 0;
  FetchLimits limits;
  limits.wait = 2s;
  const auto until = std::chrono::steady_clock::now() + 60s;
  while (count < producers * rounds * each && std::chrono::steady_clock::now() < until) {
    const Batch batch = must(stream->fetch("orders", at, limits));
    for (const Record& record : batch.records)
      seen[*record.key].push_back(std::stoi(*record.value));
    count += batch.records.size();
    at = batch.next;
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(failures == 0);
  REQUIRE(seen.size() == producers);
  for (const auto& [who, numbers] : seen) {
    REQUIRE(numbers.size() == rounds * each);
    for (std::size_t i = 0; i < numbers.size(); ++i) CHECK(numbers[i] == static_cast<int>(i));
  }
}
