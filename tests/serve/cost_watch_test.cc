// When costs are counted for monitors, and what is told meanwhile.
#include "scheduler/serve/cost_watch.h"

#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <set>
#include <thread>
#include <vector>

using namespace batuta;

namespace {

using CostsAsked = std::set<http::CostAsked>;

const CostsAsked costs_of_bank{{"bank", std::chrono::hours(24)}};
const CostsAsked costs_of_shop{{"shop", std::chrono::hours(24)}};

}  // namespace

TEST_CASE("costs are counted once in five minutes, and at once where others are asked for") {
  std::atomic<int> counted{0};
  CostWatch watch([&](const CostsAsked& asked, const std::atomic<bool>&) {
    http::CostTold one;
    one.of = *asked.begin();
    one.runs = ++counted;
    return std::vector<http::CostTold>{one};
  });
  const Boot start{};
  CHECK(watch.told({}, start).empty());
  CHECK(counted == 0);
  while (watch.told(costs_of_bank, start).empty()) std::this_thread::yield();
  CHECK(watch.told(costs_of_bank, start + std::chrono::minutes(4)).at(0).runs == 1);
  CHECK(counted == 1);
  // What was counted last is told while it is counted anew.
  CHECK(watch.told(costs_of_bank, start + std::chrono::minutes(6)).at(0).runs == 1);
  while (watch.told(costs_of_bank, start + std::chrono::minutes(6)).at(0).runs == 1)
    std::this_thread::yield();
  CHECK(counted == 2);
  while (watch.told(costs_of_shop, start + std::chrono::minutes(6)).at(0).of.target != "shop")
    std::this_thread::yield();
  CHECK(counted == 3);
  CHECK(watch.told({}, start + std::chrono::minutes(7)).empty());
}

TEST_CASE("a server that stops waits for no long count") {
  std::atomic<bool> noticed{false};
  {
    CostWatch watch([&](const CostsAsked&, const std::atomic<bool>& stopping) {
      while (!stopping) std::this_thread::yield();
      noticed = true;
      return std::vector<http::CostTold>{};
    });
    CHECK(watch.told(costs_of_bank, Boot{}).empty());
  }
  CHECK(noticed);
}
