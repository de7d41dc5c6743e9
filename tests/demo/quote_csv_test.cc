#include "scheduler/demo/quote_csv.h"

#include <doctest/doctest.h>

#include <cstdlib>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <sstream>

#include "common/safe_json.h"
#include "scheduler/demo/quote_truth.h"
#include "tests/demo/demo_fixture.h"

namespace batuta::demo {
namespace {

constexpr const char* small_csv =
    "Date,T.Open,T.High,T.Low,T.Close,T.Volume\n"
    "2015-02-18,1.100000,3.30,1.000000,2.2,200\r\n"
    "2015-02-17,\"127.489998\",128.880005,126.919998,127.830002,63152400\n";
constexpr const char* small_map =
    "date=Date,open=T.Open,high=T.High,low=T.Low,close=T.Close,volume=T.Volume";

std::unique_ptr<QuoteSource> small() {
  return std::move(*read_quote_csv(small_csv, "T", *parse_column_map(small_map)));
}

}  // namespace

TEST_CASE("prices of a CSV file pass as they are written, in order of date") {
  QuoteServiceOptions options;
  options.source = small();
  const auto rows =
      walk(make_quote_handler(options), "T", "2015-01-01T00:00:00Z", "2017-12-31T00:00:00Z");
  REQUIRE(rows.size() == 2);
  CHECK(rows[0]["date"] == "2015-02-17T00:00:00Z");
  CHECK(rows[0]["open"] == "127.489998");
  CHECK(rows[1]["open"] == "1.100000");
  CHECK(rows[1]["volume"] == "200");
  CHECK(rows[1]["adj_close"].is_null());
  CHECK(walk(make_quote_handler(options), "OTHER", "2015-01-01T00:00:00Z", "2017-12-31T00:00:00Z")
            .empty());
}

TEST_CASE("a CSV file without a needed column, date or field is refused with the place") {
  const auto error = [](const char* text) {
    const auto source = read_quote_csv(text, "T", {});
    return source ? std::string() : source.error().message;
  };
  CHECK(error("") == "the CSV file is empty");
  CHECK(error("date,open\n").find("no column \"close\"") != std::string::npos);
  const std::string head = "date,open,close,high,low,volume\n";
  CHECK(error((head + "someday,1,1,1,1,1\n").c_str()).find("record 2") != std::string::npos);
  CHECK(error((head + "2020-01-01,1,1,1,1,1\n2020-01-02,1\n").c_str()).find("record 3") !=
        std::string::npos);
  CHECK_FALSE(parse_column_map("open=X,price=Y").ok());
  CHECK_FALSE(parse_column_map("open").ok());
}

TEST_CASE("the truth of a CSV window is exact to six places") {
  const auto truth = *parse_untrusted(quote_truth(
      *small(), {{"T"}, at("2015-02-17T00:00:00Z"), at("2015-02-18T00:00:00Z")}, at("2020-01-01")));
  REQUIRE(truth["gold"].size() == 1);
  CHECK(truth["gold"][0]["high"] == "128.880005");
  CHECK(truth["gold"][0]["volume"] == 63152400);
  // (128.880005 + 126.919998 + 127.830002) * 63152400
  CHECK(truth["gold"][0]["price_volume"] == "24227155527.762");
}

TEST_CASE("the manifest of a CSV window has gold's hours in full, half to even") {
  const auto manifest = *parse_untrusted(quote_manifest(
      *small(), {{"T"}, at("2015-02-17T00:00:00Z"), at("2015-02-18T00:00:00Z")}, at("2020-01-01")));
  const auto& assertions = manifest["assertions"];
  REQUIRE(assertions.size() == 2);
  CHECK(assertions[0]["rows"][0][0] == "1");
  REQUIRE(assertions[1]["rows"].size() == 1);
  const auto& row = assertions[1]["rows"][0];
  REQUIRE(row.size() == 10);
  CHECK(row[1] == "2015-02-17T00");
  CHECK(row[2] == "1");
  CHECK(row[3] == "63152400");
  CHECK(row[5] == "128.880005");
  CHECK(row[8] == "127.876668");  // (128.880005 + 126.919998 + 127.830002) / 3
  // Nothing had appeared before.
  const auto early = *parse_untrusted(quote_manifest(
      *small(), {{"T"}, at("2015-02-17T00:00:00Z"), at("2015-02-18T00:00:00Z")}, at("2015-01-01")));
  CHECK(early["assertions"][0]["rows"][0][0] == "0");
}

TEST_CASE("the real AAPL file replays whole") {
  const char* given = std::getenv("BATUTA_TEST_DATA");
  const char* tree = std::getenv("BATUTA_SOURCE_DIR");
  const std::string folder =
      given ? given : (tree ? std::string(tree) + "/../shared/data" : "../shared/data");
  std::ifstream file(folder + "/quotes/AAPL_daily_2015-2017.csv");
  if (!file) {
    MESSAGE("skipped: no AAPL file below BATUTA_TEST_DATA");
    return;
  }
  std::ostringstream text;
  text << file.rdbuf();
  auto source = read_quote_csv(
      text.str(), "AAPL",
      *parse_column_map("date=Date,open=AAPL.Open,high=AAPL.High,low=AAPL.Low,close=AAPL.Close,"
                        "adj_close=AAPL.Adjusted,volume=AAPL.Volume"));
  REQUIRE(source.ok());
  QuoteServiceOptions options;
  options.source = std::move(*source);
  options.page_size = 100;
  const auto rows =
      walk(make_quote_handler(options), "AAPL", "2015-01-01T00:00:00Z", "2018-01-01T00:00:00Z");
  CHECK(rows.size() == 506);
  CHECK(rows[0]["adj_close"] == "122.905254");
}

}  // namespace batuta::demo
