#include <doctest/doctest.h>

#include "scheduler/core/sha1.h"
#include "tests/core/support.h"

namespace batuta {
namespace {

using namespace testing;

std::shared_ptr<const Dag> retrying(const std::function<void(RetryPolicy&)>& change) {
  return DagMaker("dag").task("task", {}, [&](Task& t) { change(t.retry); }).make();
}

// Fails the task `failures` times in a row and returns the delay before the next try.
Duration delay_after(const std::shared_ptr<const Dag>& dag, int failures, OptTime logical = {}) {
  World world;
  world.add(dag);
  world.join("a", 1);
  const RunSeq run =
      world.trigger("dag", [&](RunRequested& request) { request.logical_date = logical; });
  for (int i = 1;; ++i) {
    world.finish(world.attempt(run, "task"), Outcome::failed);
    REQUIRE(world.state_of(run, "task") == TaskState::up_for_retry);
    const Duration delay = *world.row(run, "task").retry_at - *world.row(run, "task").end_date;
    if (i == failures) return delay;
    world.live(delay);
    REQUIRE(world.state_of(run, "task") == TaskState::queued);
  }
}

std::string hex(const std::array<std::uint8_t, 20>& bytes) {
  std::string text;
  for (const std::uint8_t b : bytes) {
    text += "0123456789abcdef"[b >> 4];
    text += "0123456789abcdef"[b & 15];
  }
  return text;
}

TEST_CASE("SHA-1 gives the published digests") {
  CHECK(hex(sha1("")) == "da39a3ee5e6b4b0d3255bfef95601890afd80709");
  CHECK(hex(sha1("abc")) == "a9993e364706816aba3e25717850c26c9cd0d89d");
  CHECK(hex(sha1("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq")) ==
        "84983e441c3bd26ebaae4aa1f95129e5e54670f1");
  CHECK(hex(sha1(std::string(1'000'000, 'a'))) == "34aa973cd4c4daa4f61eeb2bdbad27316534016f");
}

TEST_CASE("without backoff the delay is the same after every failure") {
  for (const double multiplier : {0.0, 1.0}) {
    const auto dag = retrying([&](RetryPolicy& p) {
      p.retries = 5;
      p.delay = 2s;
      p.multiplier = multiplier;
    });
    CHECK(delay_after(dag, 1) == 2s);
    CHECK(delay_after(dag, 4) == 2s);
  }
}

// Figures computed with Airflow's own formula in Python for
// sha1("dag#task#2024-01-01 00:00:00+00:00#n") and a delay of 10 s.
TEST_CASE("backoff and jitter are Airflow's, second for second") {
  const auto dag = retrying([](RetryPolicy& p) {
    p.retries = 9;
    p.delay = 10s;
    p.multiplier = 2;
  });
  const OptTime logical = at("2024-01-01T00:00:00Z");
  CHECK(delay_after(dag, 1, logical) == 15s);
  CHECK(delay_after(dag, 2, logical) == 36s);
  CHECK(delay_after(dag, 3, logical) == 56s);
  CHECK(delay_after(dag, 4, logical) == 125s);
}

TEST_CASE("the delay lies between the base and twice the base, and under both caps") {
  const auto capped = retrying([](RetryPolicy& p) {
    p.retries = 9;
    p.delay = 10s;
    p.multiplier = 2;
    p.max_delay = 25s;
  });
  CHECK(delay_after(capped, 3) == 25s);
  const auto huge = retrying([](RetryPolicy& p) {
    p.retries = 9;
    p.delay = std::chrono::hours(20);
    p.multiplier = 1000;
  });
  CHECK(delay_after(huge, 1) == std::chrono::hours(24));
  const auto tiny = retrying([](RetryPolicy& p) {
    p.retries = 9;
    p.delay = 0s;
    p.multiplier = 2;
  });
  CHECK(delay_after(tiny, 1) == 1s);
}

TEST_CASE("a run without a logical date takes run_after for the jitter") {
  const auto dag = retrying([](RetryPolicy& p) {
    p.retries = 3;
    p.delay = std::chrono::seconds(1000);
    p.multiplier = 2;
  });
  World world;  // triggers at 2026-03-10 12:00
  CHECK(delay_after(dag, 1) == delay_after(dag, 1, world.now.wall));
}

TEST_CASE("a task runs retries + 1 times, then fails, and each try is kept") {
  World world;
  world.add(retrying([](RetryPolicy& p) {
    p.retries = 2;
    p.delay = 4s;
  }));
  world.join("a", 1);
  const RunSeq run = world.trigger("dag");
  for (int failure = 1; failure <= 3; ++failure) {
    CHECK(world.row(run, "task").try_number == failure);
    world.start(world.attempt(run, "task"));
    world.finish(world.attempt(run, "task"), Outcome::failed);
    world.live(4s);
  }
  CHECK(world.state_of(run, "task") == TaskState::failed);
  CHECK(world.run_state(run) == DagRunState::failed);
  REQUIRE(world.ledger.archived.size() == 2);
  for (int i = 0; i < 2; ++i) {
    const TaskInstanceRow& old = world.ledger.archived[static_cast<std::size_t>(i)].row;
    CHECK(old.try_number == i + 1);
    CHECK(old.state == TaskState::failed);
    CHECK_FALSE(old.retry_at);
    CHECK(old.reason == "it failed");
    CHECK(old.start_date.has_value());
    CHECK(old.end_date.has_value());
  }
}

TEST_CASE("not before its delay is over does a task run again, and wake_at says when") {
  World world;
  world.add(retrying([](RetryPolicy& p) {
    p.retries = 1;
    p.delay = 5s;
  }));
  world.join("a", 1);
  const RunSeq run = world.trigger("dag");
  const Effects after = world.finish(world.attempt(run, "task"), Outcome::timeout);
  CHECK(after.wake_at == world.now.wall + 5s);
  world.pass(4999ms);
  world.step();
  CHECK(world.state_of(run, "task") == TaskState::up_for_retry);
  world.pass(1ms);
  world.step();
  CHECK(world.state_of(run, "task") == TaskState::queued);
}

TEST_CASE("failed_no_retry and cancelled end the task at once; crashed and timeout may retry") {
  for (const auto& [outcome, expected] : {std::pair{Outcome::failed_no_retry, TaskState::failed},
                                          std::pair{Outcome::cancelled, TaskState::failed},
                                          std::pair{Outcome::crashed, TaskState::up_for_retry},
                                          std::pair{Outcome::timeout, TaskState::up_for_retry},
                                          std::pair{Outcome::refused, TaskState::up_for_retry},
                                          std::pair{Outcome::skipped, TaskState::skipped}}) {
    World world;
    world.add(retrying([](RetryPolicy& p) { p.retries = 1; }));
    world.join("a", 1);
    const RunSeq run = world.trigger("dag");
    world.finish(world.attempt(run, "task"), outcome);
    const std::string told(to_string(outcome));
    INFO(told);
    CHECK(world.state_of(run, "task") == expected);
  }
}

TEST_CASE("an alert is told once per end in failed, not on a retry and not downstream") {
  World world;
  world.add(DagMaker("dag")
                .task("a", {},
                      [](Task& t) {
                        t.retry.retries = 1;
                        t.retry.delay = 1s;
                        t.notifiers = {{AlertOn::failure, "slack"}, {AlertOn::failure, "mail"}};
                      })
                .task("b", {"a"},
                      [](Task& t) {
                        t.notifiers = {{AlertOn::failure, "slack"}};
                      })
                .make());
  world.join("w", 1);
  const RunSeq run = world.trigger("dag");
  world.finish(world.attempt(run, "a"), Outcome::failed);
  CHECK(world.alerts.empty());
  world.live(1s);
  const AttemptKey second = world.attempt(run, "a");
  world.finish(second, Outcome::failed);
  world.finish(second, Outcome::failed);
  REQUIRE(world.alerts.size() == 2);
  CHECK(world.alerts[0].notifier_json == "slack");
  CHECK(world.alerts[0].key == second);
  CHECK(world.state_of(run, "b") == TaskState::upstream_failed);
}

}  // namespace
}  // namespace batuta
