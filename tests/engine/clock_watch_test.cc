#include "scheduler/engine/clock_watch.h"

#include <doctest/doctest.h>

namespace batuta::test {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;

Now at(Duration boot, Duration set = {}) {
  return {Time{hours(1000) + boot + set}, Boot{boot}};
}

bool says(const std::optional<std::string>& line, const char* words) {
  return line && line->find(words) != std::string::npos;
}

TEST_CASE("a clock that is set on or back is told with how far, to when, and what comes of it") {
  ClockWatch watch;
  CHECK_FALSE(watch.look(at(seconds(1))));
  CHECK_FALSE(watch.look(at(seconds(2))));
  const auto on = watch.look(at(seconds(3), hours(2)));
  CHECK(says(on, "set on by 7200 s, to 1970-02-11T18:00:03Z: ticks"));
  CHECK_FALSE(watch.look(at(seconds(4), hours(2))));
  const auto back = watch.look(at(seconds(100), hours(1)));
  CHECK(says(back, "set back by 3600 s, to 1970-02-11T17:01:40Z: no tick comes twice"));
}

TEST_CASE("a second on or back is a jump") {
  for (const seconds jump : {seconds(1), seconds(-1)}) {
    ClockWatch watch;
    CHECK_FALSE(watch.look(at(seconds(1))));
    CHECK(says(watch.look(at(seconds(2), jump)),
               jump > seconds(0) ? "set on by 1 s" : "set back by 1 s"));
  }
}

TEST_CASE("a machine that slept, and a clock that is slewed, are no jump") {
  ClockWatch watch;
  CHECK_FALSE(watch.look(at(seconds(1))));
  CHECK_FALSE(watch.look(at(hours(9))));  // both clocks count the sleep
  for (int i = 1; i <= 100; ++i) {
    CHECK_FALSE(watch.look(at(hours(9) + seconds(i), milliseconds(50) * i)));
  }
}

TEST_CASE("a clock that goes to and fro is told once a minute") {
  ClockWatch watch;
  int lines = 0;
  for (int i = 0; i < 120; ++i) {
    if (watch.look(at(seconds(i + 1), seconds(i % 2 * 60)))) ++lines;
  }
  CHECK(lines == 2);
}

}  // namespace
}  // namespace batuta::test
