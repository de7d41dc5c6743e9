#include "common/number_range.h"

#include <doctest/doctest.h>

#include <CLI/CLI.hpp>

using namespace batuta;

namespace {

std::string judged(const CLI::Validator& range, const std::string& text) {
  return range(text);
}

}  // namespace

TEST_CASE("a number outside of its range is refused with the range, and with what was given") {
  const auto limit = whole_number(1, 1000);
  for (const char* good : {"1", "25", "1000"}) CHECK(judged(limit, good) == "");
  for (const char* bad : {"0", "1001", "-1", "abc", "", "1.5", "99999999999999999999"})
    CHECK(judged(limit, bad) == "a whole number from 1 to 1000, not " + std::string(bad));
  CHECK(limit.get_description() == "from 1 to 1000");
}

TEST_CASE("a range without an end says so, and takes no number that has no room") {
  const auto offset = whole_number(0);
  CHECK(judged(offset, "9223372036854775807") == "");
  CHECK(judged(offset, "-1") == "a whole number, 0 or more, not -1");
  CHECK(judged(offset, "9223372036854775808") ==
        "a whole number, 0 or more, not 9223372036854775808");
  CHECK(offset.get_description() == "0 or more");
}

TEST_CASE("a share is a number, with or without a fraction") {
  const auto share = any_number(0, 1);
  for (const char* good : {"0", "0.25", "1", "1e-3"}) CHECK(judged(share, good) == "");
  for (const char* bad : {"1.5", "-0.1", "nan", "half"})
    CHECK(judged(share, bad) == "a number from 0 to 1, not " + std::string(bad));
}
