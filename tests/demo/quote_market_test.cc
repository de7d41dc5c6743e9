#include "scheduler/demo/quote_market.h"

#include <doctest/doctest.h>

#include <map>
#include <set>

#include "scheduler/demo/quote_truth.h"
#include "tests/demo/demo_fixture.h"

namespace batuta::demo {
namespace {

std::vector<Quote> all_rows(const QuoteSource& source, const QuoteQuery& query) {
  std::vector<Quote> rows;
  source.scan(query, std::nullopt, [&](const Quote& quote) {
    rows.push_back(quote);
    return true;
  });
  return rows;
}

// Cents from "12.34", independent of the code under test.
long long cents(const std::string& text) {
  const auto dot = text.find('.');
  return std::stoll(text.substr(0, dot)) * 100 + std::stoll(text.substr(dot + 1, 2));
}

}  // namespace

TEST_CASE("slices of a window, in any order, are the whole window") {
  const QuoteMarket market(faulty_market());
  const QuoteQuery whole{{"AAA", "CCC"}, at("2026-11-20T00:00:00Z"), at("2026-11-20T06:00:00Z")};
  const auto expected = all_rows(market, whole);
  REQUIRE(expected.size() > 700);
  std::map<Position, Quote> pieces;
  for (int i = 35; i >= 0; --i) {
    QuoteQuery slice = whole;
    slice.start = whole.start + std::chrono::minutes(10 * i);
    slice.end = slice.start + std::chrono::minutes(10);
    for (const auto& quote : all_rows(market, slice)) pieces.emplace(quote.at, quote);
  }
  REQUIRE(pieces.size() == expected.size());
  auto piece = pieces.begin();
  for (const auto& quote : expected) {
    CHECK(piece->first == quote.at);
    CHECK(piece->second.columns == quote.columns);
    ++piece;
  }
}

TEST_CASE("the same seed gives the same bytes on every machine") {
  const QuoteMarket market(MarketOptions{});
  const auto rows =
      all_rows(market, {{"PETR4"}, at("2026-11-20T12:00:00Z"), at("2026-11-20T12:01:00Z")});
  REQUIRE(rows.size() == 1);
  std::string line;
  for (const auto& column : rows[0].columns) line += column.value_or("null") + " ";
  CHECK(line == "2026-11-20T12:00:00Z PETR4 37.75 36.150466 37.74 37.77 37.72 9500 ");
}

TEST_CASE("another seed gives another market") {
  MarketOptions one;
  MarketOptions two;
  two.seed = 43;
  const QuoteQuery query{{"PETR4"}, at("2026-11-20T12:00:00Z"), at("2026-11-20T12:05:00Z")};
  CHECK(all_rows(QuoteMarket(one), query)[0].columns !=
        all_rows(QuoteMarket(two), query)[0].columns);
}

TEST_CASE("good bars obey the rules that silver checks") {
  const QuoteMarket market(faulty_market());
  for (const auto& quote :
       all_rows(market,
                {{"AAA", "BBB", "CCC"}, at("2026-11-19T00:00:00Z"), at("2026-11-20T00:00:00Z")})) {
    if (quote.defect != Defect::none) continue;
    const auto open = cents(*quote.columns[col_open]);
    const auto close = cents(*quote.columns[col_close]);
    const auto high = cents(*quote.columns[col_high]);
    const auto low = cents(*quote.columns[col_low]);
    CHECK(low > 0);
    CHECK(low <= std::min(open, close));
    CHECK(high >= std::max(open, close));
    CHECK(std::stoll(*quote.columns[col_volume]) > 0);
  }
}

TEST_CASE("faults come at about their rates, and every defect comes") {
  const QuoteMarket market(faulty_market());
  const auto rows = all_rows(
      market, {{"AAA", "BBB", "CCC"}, at("2026-11-01T00:00:00Z"), at("2026-11-08T00:00:00Z")});
  int late = 0, twice = 0;
  std::set<Defect> seen;
  int bad = 0;
  for (const auto& quote : rows) {
    late += quote.visible_at > quote.at.date;
    twice += quote.at.copy;
    bad += quote.defect != Defect::none;
    seen.insert(quote.defect);
  }
  const double bars = 7 * 24 * 60 * 3;
  CHECK(late / bars == doctest::Approx(0.05).epsilon(0.1));
  CHECK(twice / bars == doctest::Approx(0.03).epsilon(0.1));
  CHECK(bad / bars == doctest::Approx(0.04).epsilon(0.1));
  CHECK(seen.size() == defect_count);
}

TEST_CASE("a late row is late by no more than the pipeline's overlap can catch") {
  const QuoteMarket market(faulty_market());
  for (const auto& quote :
       all_rows(market, {{"AAA"}, at("2026-11-01T00:00:00Z"), at("2026-11-03T00:00:00Z")})) {
    CHECK(quote.visible_at - quote.at.date <= std::chrono::minutes(10));
  }
}

TEST_CASE("bars before 1970 and with another interval line up too") {
  auto options = faulty_market();
  options.interval = std::chrono::minutes(5);
  const QuoteMarket market(options);
  const auto rows =
      all_rows(market, {{"AAA"}, at("1969-12-31T23:52:00Z"), at("1970-01-01T00:08:00Z")});
  std::set<std::string> dates;
  for (const auto& quote : rows) dates.insert(to_iso(quote.at.date));
  CHECK(dates == std::set<std::string>{"1969-12-31T23:55:00Z", "1970-01-01T00:00:00Z",
                                       "1970-01-01T00:05:00Z"});
}

}  // namespace batuta::demo
