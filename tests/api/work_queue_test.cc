#include "scheduler/api/work_queue.h"

#include <doctest/doctest.h>

#include <future>
#include <string>

#include "tests/support/gate.h"

namespace batuta::http {
namespace {

using batuta::test::Gate;
using Taken = WorkQueue::Taken;

}  // namespace

TEST_CASE("a hundred slow jobs of one leave a thread to everyone else") {
  Gate slow;
  WorkQueue queue(3, WorkQueue::Bounds{200, 100, 2});
  for (int i = 0; i < 100; ++i) {
    REQUIRE(queue.run("ana", [&] { slow.pass(); }) == Taken::yes);
  }
  slow.wait_for(2);
  std::promise<void> quick;
  REQUIRE(queue.run("bob", [&] { quick.set_value(); }) == Taken::yes);
  quick.get_future().wait();
  CHECK(slow.here() == 2);  // never a third of hers
  slow.open();
  slow.wait_for(100);
}

TEST_CASE("who waits is served in turn, one job each") {
  Gate first;
  std::string order;
  std::promise<void> last;
  WorkQueue queue(1, WorkQueue::Bounds{100, 100, 1});
  REQUIRE(queue.run("ana", [&] { first.pass(); }) == Taken::yes);
  first.wait_for(1);
  for (int i = 0; i < 3; ++i) REQUIRE(queue.run("ana", [&] { order += 'a'; }) == Taken::yes);
  for (int i = 0; i < 2; ++i) REQUIRE(queue.run("bob", [&] { order += 'b'; }) == Taken::yes);
  REQUIRE(queue.run("cy", [&] { order += 'c'; }) == Taken::yes);
  REQUIRE(queue.run("ana", [&] { last.set_value(); }) == Taken::yes);
  first.open();
  last.get_future().wait();
  CHECK(order == "abcaba");
}

TEST_CASE("too many jobs of one are refused to that one, too many of all to everyone") {
  Gate held;
  WorkQueue queue(1, WorkQueue::Bounds{4, 3, 1});
  REQUIRE(queue.run("ana", [&] { held.pass(); }) == Taken::yes);
  held.wait_for(1);
  for (int i = 0; i < 3; ++i) REQUIRE(queue.run("ana", [] {}) == Taken::yes);
  CHECK(queue.run("ana", [] {}) == Taken::full_of_one);
  CHECK(queue.run(
            "ana", [] {}, true) == Taken::yes);  // what must be ended is not refused for that
  CHECK(queue.run("bob", [] {}) == Taken::full);
  held.open();
}

}  // namespace batuta::http
