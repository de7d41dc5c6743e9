#include "scheduler/cli/follow.h"

#include <doctest/doctest.h>

#include <chrono>

using batuta::cli::span_text;
using namespace std::chrono_literals;

TEST_CASE("follow: a span is told in the unit that fits it") {
  CHECK(span_text(340ms) == "0.3 s");
  CHECK(span_text(59s) == "59.0 s");
  CHECK(span_text(65s) == "1 min 05 s");
  CHECK(span_text(3h + 7min + 59s) == "3 h 07 min");
}
