#include "scheduler/serve/report_facts.h"

#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <future>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "scheduler/serve/cost_watch.h"

namespace batuta {
namespace {

Result<std::string> wait_for(ReportFacts& facts, const std::string& attempt) {
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  std::optional<Result<std::string>> found;
  while (!(found = facts.find(attempt)) && std::chrono::steady_clock::now() < until)
    std::this_thread::yield();
  return found.value_or(Error{Errc::unavailable, "it never came", {}});
}

}  // namespace

TEST_CASE("report facts: a read that throws fails its attempt, and the next one is read anew") {
  std::atomic<int> reads{0};
  ReportFacts facts([&]() -> Result<std::string> {
    if (++reads == 1) throw std::runtime_error("what nobody thought of");
    return std::string("facts");
  });
  const auto first = wait_for(facts, "a");
  REQUIRE_FALSE(first.ok());
  CHECK(first.error().code == Errc::internal);
  CHECK(first.error().message.find("what nobody thought of") != std::string::npos);
  const auto second = wait_for(facts, "a");
  REQUIRE(second.ok());
  CHECK(*second == "facts");
}

TEST_CASE("report facts: what was read for an attempt that is gone is given to no other") {
  std::promise<void> go;
  auto gone = go.get_future().share();
  std::atomic<int> reads{0};
  ReportFacts facts([&]() -> Result<std::string> {
    gone.wait();
    return "read " + std::to_string(++reads);
  });
  CHECK_FALSE(facts.find("a"));
  CHECK_FALSE(facts.find("a"));
  go.set_value();
  const auto read = wait_for(facts, "b");
  REQUIRE(read.ok());
  CHECK(*read == "read 2");
}

TEST_CASE("cost watch: a count that throws leaves what was known, and is tried again later") {
  std::atomic<int> reads{0};
  CostWatch watch([&](const auto&, const auto&) -> std::vector<http::CostTold> {
    ++reads;
    throw std::runtime_error("what nobody thought of");
  });
  const std::set<http::CostAsked> asked{http::CostAsked{}};
  Boot now{};
  watch.told(asked, now);
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (reads < 2 && std::chrono::steady_clock::now() < until) {
    now = now + std::chrono::minutes(10);
    CHECK(watch.told(asked, now).empty());
    std::this_thread::yield();
  }
  CHECK(reads >= 2);
}

}  // namespace batuta
