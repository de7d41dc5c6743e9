// The queue of what a DAG has yet to consume, against a plain model of it.
#include "scheduler/core/asset_queue.h"

#include <algorithm>
#include <ctime>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <tuple>
#include <vector>

#include "scheduler/core/partition.h"
#include "tests/core/support.h"

namespace batuta::testing {
namespace {

struct PlainEvent {
  std::string partition;
  std::int64_t asset = 0;
  std::int64_t id = 0;
  std::string key;
};

PartitionMapper hours_of_a_day(std::int32_t at_least) {
  PartitionMapper mapper;
  mapper.kind = PartitionMapper::Kind::roll_up;
  mapper.grain = PartitionGrain::hour;
  mapper.at_least = at_least;
  mapper.of.emplace_back().grain = PartitionGrain::day;
  return mapper;
}

// All as it is asked for, by a look at everything.
struct PlainQueue {
  std::vector<PlainEvent> events;
  std::map<std::int64_t, PartitionMapper> rolled_up;

  std::vector<PlainEvent> of(const std::string& partition, std::int64_t asset) const {
    std::vector<PlainEvent> out;
    std::copy_if(events.begin(), events.end(), std::back_inserter(out),
                 [&](const auto& one) { return one.partition == partition && one.asset == asset; });
    return out;
  }
  bool are_enough(const std::string& partition, std::int64_t asset) const {
    std::vector<std::string> keys;
    for (const PlainEvent& one : of(partition, asset)) keys.push_back(one.key);
    const std::vector<std::string_view> told(keys.begin(), keys.end());
    const WindowState window = state_of_window(partition, rolled_up.at(asset), nullptr, told);
    return window.came >= window.needed;
  }
  std::int64_t next_to_leave() const {
    using Order = std::tuple<std::int64_t, std::int64_t, std::string, std::int64_t>;
    std::optional<Order> first;
    for (const PlainEvent& each : events) {
      const auto beside = of(each.partition, each.asset);
      auto count = static_cast<std::int64_t>(beside.size());
      std::int64_t oldest = beside.front().id;
      if (rolled_up.contains(each.asset)) {
        std::map<std::string, std::int64_t> newest;
        for (const PlainEvent& one : beside) newest[one.key] = one.id;
        count -= static_cast<std::int64_t>(newest.size()) - 1;
        const auto spare = std::find_if(beside.begin(), beside.end(), [&](const auto& one) {
          return newest.at(one.key) != one.id;
        });
        if (spare != beside.end()) oldest = spare->id;
      }
      const Order order{-count, oldest, each.partition, each.asset};
      if (!first || order < *first) first = order;
    }
    return std::get<1>(*first);
  }
};

std::string day_of(int day) {
  return "2026-03-1" + std::to_string(day);
}

}  // namespace

TEST_CASE("assets: a queue knows what is enough and what leaves first, as a look at all would") {
  std::mt19937 random(7);
  const auto below = [&](unsigned n) { return static_cast<int>(random() % n); };
  PlainQueue plain;
  plain.rolled_up = {{1, hours_of_a_day(3)}, {2, hours_of_a_day(-22)}};
  AssetMappers mappers = {{1, &plain.rolled_up.at(1)}, {2, &plain.rolled_up.at(2)}, {3, nullptr}};
  AssetQueue queue;
  std::int64_t last = 0;
  for (int step = 0; step < 3000; ++step) {
    const std::string day = day_of(below(3));
    if (below(100) < 55 || plain.events.empty()) {
      const std::int64_t asset = 1 + below(3);
      const std::string key = day + "T0" + std::to_string(below(5));
      CHECK(queue.add(day, asset, {++last, Time(), key}, mappers.at(asset), nullptr));
      CHECK_FALSE(queue.add(day, asset, {last, Time(), key}, mappers.at(asset), nullptr));
      plain.events.push_back({day, asset, last, key});
    } else {
      const auto at = plain.events.begin() + below(static_cast<unsigned>(plain.events.size()));
      queue.remove({at->partition, at->asset, at->id});
      plain.events.erase(at);
    }
    if (step % 500 == 499) queue.remap(mappers, nullptr);
    REQUIRE(queue.size() == plain.events.size());
    if (plain.events.empty()) continue;
    REQUIRE(queue.next_to_leave().event == plain.next_to_leave());
    for (const std::int64_t asset : {1, 2}) {
      const auto at = queue.partitions().find(day);
      if (at == queue.partitions().end() || !at->second.contains(asset)) continue;
      const PartitionMapper other = plain.rolled_up.at(asset);
      REQUIRE(at->second.at(asset).are_enough(*mappers.at(asset), nullptr, day) ==
              plain.are_enough(day, asset));
      REQUIRE(at->second.at(asset).are_enough(other, nullptr, day) == plain.are_enough(day, asset));
    }
  }
}

TEST_CASE("assets: a queue tells which partitions to look at again, and none that are gone") {
  AssetQueue queue;
  queue.add("a", 1, {1, Time(), "a"}, nullptr, nullptr);
  queue.add("b", 1, {2, Time(), "b"}, nullptr, nullptr);
  CHECK(queue.take_changed() == std::set<std::string>{"a", "b"});
  CHECK(queue.take_changed().empty());
  queue.set_due("a", true);
  queue.add("b", 1, {3, Time(), "b"}, nullptr, nullptr);
  CHECK(queue.take_changed() == std::set<std::string>{"b"});
  queue.remove({"b", 1, 2});
  queue.remove({"b", 1, 3});
  CHECK(queue.take_changed().empty());
  CHECK(queue.due() == std::set<std::string>{"a"});
  queue.look_again();
  CHECK(queue.take_changed() == std::set<std::string>{"a"});
  queue.remove({"a", 1, 1});
  CHECK(queue.due().empty());
  CHECK(queue.empty());
}

TEST_CASE("assets: a part of a window is known without a look at the others") {
  const Zone* utc = nullptr;
  const PartitionMapper hours = hours_of_a_day(0);
  for (const std::string& part : parts_of_window("2026-03-10", hours, utc))
    CHECK(is_part_of_window(part, "2026-03-10", hours, utc));
  for (const char* part : {"2026-03-09T23", "2026-03-11T00", "2026-03-10", "2026-03-10T01:30", "x"})
    CHECK_FALSE(is_part_of_window(part, "2026-03-10", hours, utc));
  CHECK_FALSE(is_part_of_window("2026-03-10T01", "2026-03", hours, utc));
}

TEST_CASE("assets: an event costs the same in a queue that is full as in one that is not") {
  const PartitionMapper hours = hours_of_a_day(0);
  const auto processor_time = [&](std::int64_t queued) {
    AssetQueue queue;
    std::int64_t last = 0;
    const auto add = [&] {
      const std::int64_t number = ++last % 24;
      queue.add("2026-03-10", 1,
                {last, Time(),
                 "2026-03-10T" + std::string(number < 10 ? "0" : "") + std::to_string(number)},
                &hours, nullptr);
    };
    while (last < queued) add();
    const std::clock_t begun = std::clock();
    for (int i = 0; i < 3000; ++i) {
      add();
      queue.remove(queue.next_to_leave());
      for (const std::string& key : queue.take_changed())
        queue.set_due(key, queue.partitions().at(key).at(1).are_enough(hours, nullptr, key));
    }
    return static_cast<double>(std::clock() - begun);
  };
  const double full = processor_time(max_queued_of_windows), small = processor_time(100);
  CHECK_MESSAGE(full < 20 * small + CLOCKS_PER_SEC / 50.0, full, " against ", small);
}

}  // namespace batuta::testing
