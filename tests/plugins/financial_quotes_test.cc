// Real quotes through the whole pipeline, compared with sums made without it: integers read from
// the CSV's text by the few lines below.
#include <doctest/doctest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "tests/plugins/financial_fixture.h"

using namespace batuta;

namespace {

const Run run{"01980000-0000-7000-8000-0000000000aa", "2015-01-01T00:00:00Z",
              "2018-01-01T00:00:00Z"};

struct Bar {
  std::string date, open, high, low, close, volume, adjusted;
};

std::string csv_path() {
  const char* data = std::getenv("BATUTA_TEST_DATA");
  const char* source = std::getenv("BATUTA_SOURCE_DIR");
  const std::string folder =
      data != nullptr ? data : std::string(source != nullptr ? source : ".") + "/../shared/data";
  return folder + "/quotes/AAPL_daily_2015-2017.csv";
}

std::vector<Bar> read_bars() {
  std::ifstream file(csv_path());
  std::string line;
  std::getline(file, line);
  std::vector<Bar> bars;
  while (std::getline(file, line)) {
    std::istringstream cells(line);
    Bar bar;
    for (std::string* cell :
         {&bar.date, &bar.open, &bar.high, &bar.low, &bar.close, &bar.volume, &bar.adjusted})
      std::getline(cells, *cell, ',');
    bars.push_back(bar);
  }
  return bars;
}

// Millionths of a price with at most six decimals, which these have.
std::int64_t millionths(const std::string& text) {
  const auto point = text.find('.');
  std::string fraction = point == std::string::npos ? "" : text.substr(point + 1);
  REQUIRE(fraction.size() <= 6);
  fraction.resize(6, '0');
  return std::stoll(text.substr(0, point)) * 1'000'000 + std::stoll(fraction);
}

// n / d to the nearest whole number, ties to even; d > 0.
std::int64_t rounded(std::int64_t n, std::int64_t d) {
  std::int64_t down = n / d;
  if (n % d < 0) --down;
  const std::int64_t rest = n - down * d;
  const bool up = 2 * rest > d || (2 * rest == d && down % 2 != 0);
  return down + (up ? 1 : 0);
}

struct Sums {
  std::int64_t rows = 0, volume = 0, open = 0, close = 0, vwap = 0, gain = 0;
};

// Every daily bar is alone in its hour, so its vwap is (high + low + close) / 3.
Sums expected(const std::vector<Bar>& bars) {
  Sums sums;
  for (const Bar& bar : bars) {
    const std::int64_t open = millionths(bar.open);
    const std::int64_t close = millionths(bar.close);
    ++sums.rows;
    sums.volume += std::stoll(bar.volume);
    sums.open += open;
    sums.close += close;
    sums.vwap += rounded(millionths(bar.high) + millionths(bar.low) + close, 3);
    sums.gain += rounded((close - open) * 1'000'000, open);
  }
  return sums;
}

}  // namespace

TEST_CASE("three years of real quotes give the gold that plain arithmetic gives") {
  if (!std::filesystem::exists(csv_path())) {
    MESSAGE("skipped: " << csv_path() << " is absent (BATUTA_TEST_DATA names its folder)");
    return;
  }
  const auto bars = read_bars();
  REQUIRE(bars.size() > 500);
  Financial world([&bars](const std::string& target) {
    const auto token = target.find("page_token=");
    const std::size_t from = token == std::string::npos ? 0 : std::stoul(target.substr(token + 11));
    const std::size_t to = std::min(bars.size(), from + 100);
    std::vector<std::string> quotes;
    for (std::size_t i = from; i < to; ++i) {
      const Bar& bar = bars[i];
      quotes.push_back(quote(bar.date + "T00:00:00Z", "AAPL", bar.open, bar.high, bar.low,
                             bar.close, bar.volume, bar.adjusted));
    }
    return page(quotes, to == bars.size() ? "" : std::to_string(to));
  });
  world.run_all(run);

  const Sums sums = expected(bars);
  const auto text = [](std::int64_t value) { return std::to_string(value); };
  CHECK(world.rows(gold_table, R"(
      SELECT count(*), sum(volume)::BIGINT, (sum(open) * 1000000)::BIGINT,
             (sum(close) * 1000000)::BIGINT, (sum(vwap) * 1000000)::BIGINT,
             (sum("return") * 1000000)::BIGINT, sum(trades)::BIGINT FROM t)") ==
        std::vector<std::string>{text(sums.rows) + "|" + text(sums.volume) + "|" + text(sums.open) +
                                 "|" + text(sums.close) + "|" + text(sums.vwap) + "|" +
                                 text(sums.gain) + "|" + text(sums.rows)});
  CHECK(world.bronze_result["records"] == sums.rows);
  CHECK(world.silver_result["records"] == sums.rows);
  CHECK(world.silver_result["quarantined"] == 0);
}
