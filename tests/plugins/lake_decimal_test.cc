#include <doctest/doctest.h>

#include "plugins/lake/decimal.h"

using namespace batuta::lake;

TEST_CASE("prices are read exactly and rounded half-even") {
  CHECK(parse_decimal("127.489998", 18, 6) == 127'489'998);
  CHECK(parse_decimal("0.10", 18, 6) == 100'000);
  CHECK(parse_decimal("-0.0", 18, 6) == 0);
  CHECK(parse_decimal("106.7410523", 18, 6) == 106'741'052);
  CHECK(parse_decimal("0.0000005", 18, 6) == 0);
  CHECK(parse_decimal("0.0000015", 18, 6) == 2);
  CHECK(parse_decimal("0.0000025", 18, 6) == 2);
  CHECK(parse_decimal("0.00000250000000000000000001", 18, 6) == 3);
  CHECK(parse_decimal("-0.0000015", 18, 6) == -2);
  CHECK(parse_decimal("9.9999995", 18, 6) == 10'000'000);
  CHECK(parse_decimal("9.9999985", 18, 6) == 9'999'998);
  CHECK(parse_decimal("1e3", 18, 6) == 1'000'000'000);
  CHECK(parse_decimal("1.5E-6", 18, 6) == 2);
  CHECK(parse_decimal("1e-400", 18, 6) == 0);
  CHECK(parse_decimal("999999999999.999999", 18, 6) == 999'999'999'999'999'999);
}

TEST_CASE("what is no number, or does not fit, is nothing") {
  for (const char* bad : {"",
                          " 1",
                          "1 ",
                          "+1",
                          "01",
                          ".5",
                          "1.",
                          "1,5",
                          "1.234,56",
                          "1e",
                          "1e+",
                          "0x1",
                          "NaN",
                          "inf",
                          "--1",
                          "1_000",
                          "1000000000000",
                          "999999999999.9999995",
                          "1e18",
                          "1e401",
                          "1111111111111111111111111111111111111111111111111111111111111111.1"})
    CHECK_FALSE(parse_decimal(bad, 18, 6).has_value());
}

TEST_CASE("the longest numbers and the shortest are read to their last digit") {
  CHECK(parse_decimal("99999999999999.9999", 18, 4) == 999'999'999'999'999'999);
  CHECK(parse_decimal("100000000000000", 18, 4).has_value() == false);
  CHECK(parse_decimal("12.3", 4, 2) == 1230);
  CHECK(parse_decimal("99.99", 4, 2) == 9999);
  CHECK(parse_decimal("100", 4, 2).has_value() == false);
  CHECK(parse_decimal("0", 18, 18) == 0);
  CHECK(parse_decimal("-0.5", 18, 18) == -500'000'000'000'000'000);
  CHECK(parse_whole("999999999999999999") == 999'999'999'999'999'999);
  CHECK(parse_whole("-999999999999999999") == -999'999'999'999'999'999);
  CHECK(parse_whole("1000000000000000000").has_value() == false);
  CHECK(parse_whole("007").has_value() == false);
}

TEST_CASE("a volume is whole or nothing") {
  CHECK(parse_whole("63152400") == 63'152'400);
  CHECK(parse_whole("3.0") == 3);
  CHECK(parse_whole("2e3") == 2000);
  CHECK(parse_whole("-7") == -7);
  CHECK(parse_whole("25e-1").has_value() == false);
  CHECK(parse_whole("1.5").has_value() == false);
  CHECK(parse_whole("1e-400").has_value() == false);
  CHECK(parse_whole("9999999999999999999").has_value() == false);
}

TEST_CASE("an unscaled number is written with all its decimals") {
  CHECK(decimal_text(-1'050'000, 6) == "-1.050000");
  CHECK(decimal_text(5, 6) == "0.000005");
  CHECK(decimal_text(0, 0) == "0");
  CHECK(decimal_text(1'234, 0) == "1234");
  Int128 largest = 1;
  for (int i = 0; i < 38; ++i) largest *= 10;
  CHECK(decimal_text(largest - 1, 0) == std::string(38, '9'));
}
