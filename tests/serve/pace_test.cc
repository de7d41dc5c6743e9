#include "scheduler/serve/pace.h"

#include <doctest/doctest.h>

namespace batuta::test {
namespace {

using std::chrono::microseconds;

// Where a commit takes `commit` and each row 20 us: what the steps come to.
struct Steps {
  explicit Steps(Duration commit) {
    for (int i = 0; i < 100; ++i) take(commit);
  }
  void take(Duration commit) {
    last = commit + microseconds(20) * pace.rows();
    pace.took(last);
  }
  // A run of one task takes three rows and one below it.
  double runs_per_second() const {
    const double seconds = std::chrono::duration<double>(last + pace.pause()).count();
    return static_cast<double>(pace.rows()) / 4 / seconds;
  }
  Pace pace;
  Duration last{};
};

TEST_CASE(
    "steps of retention take no longer than a trigger, and remove thousands of runs a second") {
  const Steps fast(microseconds(100));
  CHECK(fast.last <= microseconds(450));
  CHECK(fast.runs_per_second() > 2000);
}

TEST_CASE("where a commit alone takes longer, steps take little longer than that") {
  const Steps slow(microseconds(4000));
  CHECK(slow.last > microseconds(4600));
  CHECK(slow.last < microseconds(6700));
  CHECK(slow.pace.pause() >= slow.last);
}

TEST_CASE("a step that was held up makes the next ones shorter for a while, and never none") {
  Steps steps(microseconds(100));
  const std::int64_t before = steps.pace.rows();
  for (int i = 0; i < 50; ++i) steps.pace.took(microseconds(50'000));
  CHECK(steps.pace.rows() > 0);
  CHECK(steps.pace.rows() < before);
  CHECK(steps.pace.pause() == microseconds(75'000));
  for (int i = 0; i < 20; ++i) steps.take(microseconds(100));
  CHECK(steps.pace.rows() >= before * 2 / 3);
}

TEST_CASE(
    "steps that found nothing to do, without a commit, do not make those after them small for "
    "good") {
  Steps slow(microseconds(20'000));
  slow.pace.took(microseconds(50));
  for (int i = 0; i < 200; ++i) slow.take(microseconds(20'000));
  CHECK(slow.pace.rows() > 100);
}

}  // namespace
}  // namespace batuta::test
