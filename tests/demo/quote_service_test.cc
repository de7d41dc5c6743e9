#include "scheduler/demo/quote_service.h"

#include <doctest/doctest.h>

#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "common/safe_json.h"
#include "scheduler/demo/quote_truth.h"
#include "tests/demo/demo_fixture.h"

namespace batuta::demo {

using nlohmann::json;

TEST_CASE("a row has the eight columns of the source") {
  const auto handler = service_at("2026-11-20T12:00:00Z", {}, 1000);
  const auto answer =
      call(handler, quotes_request("PETR4", "2026-11-20T10:00:00Z", "2026-11-20T10:01:00Z"));
  CHECK(answer.status == 200);
  const auto body = *parse_untrusted(answer.body);
  CHECK(body["next_page_token"].is_null());
  REQUIRE(body["quotes"].size() == 1);
  std::set<std::string> names;
  for (const auto& [name, value] : body["quotes"][0].items()) {
    names.insert(name);
    CHECK(value.is_string());
  }
  CHECK(names == std::set<std::string>{"date", "ticker", "open", "adj_close", "close", "high",
                                       "low", "volume"});
  CHECK(body["quotes"][0]["date"] == "2026-11-20T10:00:00Z");
}

TEST_CASE("walking the pages gives what one large page gives") {
  const char* now = "2026-11-20T12:00:00Z";
  const auto whole = walk(service_at(now, faulty_market(), 10'000), "AAA,BBB,CCC",
                          "2026-11-20T09:00:00Z", "2026-11-20T12:00:00Z");
  REQUIRE(whole.size() > 500);
  for (const std::size_t size : {1, 7, 100, 999}) {
    CHECK(walk(service_at(now, faulty_market(), size), "AAA,BBB,CCC", "2026-11-20T09:00:00Z",
               "2026-11-20T12:00:00Z") == whole);
  }
}

TEST_CASE("late rows are missing at first and there in the end") {
  auto market = faulty_market();
  market.late_ppm = 500'000;
  const auto count = [&](const char* now) {
    return walk(service_at(now, market, 1000), "AAA,BBB,CCC", "2026-11-20T09:00:00Z",
                "2026-11-20T10:00:00Z")
        .size();
  };
  const auto first = count("2026-11-20T10:00:00Z");
  const auto later = count("2026-11-20T10:10:00Z");
  CHECK(first < later);
  CHECK(later == count("2027-01-01T00:00:00Z"));
}

TEST_CASE("hourly windows with an overlap miss nothing, without one they miss late rows") {
  const auto collect = [](Duration overlap) {
    std::set<std::string> seen;
    for (int hour = 1; hour <= 12; ++hour) {
      const Time end = at("2026-11-20T00:00:00Z") + std::chrono::hours(hour);
      QuoteServiceOptions options;
      options.market = faulty_market();
      options.clock = [end] { return end; };
      for (const auto& row : walk(make_quote_handler(options), "AAA,BBB,CCC",
                                  to_iso(end - std::chrono::hours(1) - overlap), to_iso(end))) {
        seen.insert(row.dump());
      }
    }
    return seen;
  };
  const auto everything = walk(service_at("2026-12-01T00:00:00Z", faulty_market(), 1000),
                               "AAA,BBB,CCC", "2026-11-20T00:00:00Z", "2026-11-20T11:45:00Z");
  const auto with = collect(std::chrono::minutes(15));
  const auto without = collect(Duration::zero());
  std::size_t lost = 0;
  for (const auto& row : everything) {
    CHECK(with.contains(row.dump()));
    lost += !without.contains(row.dump());
  }
  CHECK(lost > 0);
}

TEST_CASE("nothing of the future is served") {
  const auto rows = walk(service_at("2026-11-20T10:00:30Z", {}, 1000), "PETR4",
                         "2026-11-20T09:59:00Z", "2026-11-20T11:00:00Z");
  REQUIRE(rows.size() == 2);
  CHECK(rows[1]["date"] == "2026-11-20T10:00:00Z");
}

TEST_CASE("bad parameters are told apart") {
  const auto handler = service_at("2026-11-20T12:00:00Z", {}, 1000);
  const std::map<std::string, http::Request> bad = {
      {"start must be a time", quotes_request("A", "yesterday", "2026-11-20T00:00:00Z")},
      {"end must be a time", quotes_request("A", "2026-11-20T00:00:00Z", "2026-11-20T00:00:00")},
      {"end lies before", quotes_request("A", "2026-11-20T00:00:00Z", "2026-11-19T00:00:00Z")},
      {"tickers must be", quotes_request("A,,B", "2026-11-19T00:00:00Z", "2026-11-20T00:00:00Z")},
      {"366 days", quotes_request("A", "2020-01-01T00:00:00Z", "2026-11-20T00:00:00Z")},
      {"page_token", quotes_request("A", "2026-11-19T00:00:00Z", "2026-11-20T00:00:00Z", "~~")},
  };
  for (const auto& [message, request] : bad) {
    const auto answer = call(handler, request);
    CHECK(answer.status == 400);
    CHECK(answer.body.find(message) != std::string::npos);
  }
  http::Request none;
  none.path = "/v1/quotes";
  CHECK(call(handler, none).status == 400);
  none.path = "/v2/quotes";
  CHECK(call(handler, none).status == 404);
  auto post = quotes_request("A", "2026-11-19T00:00:00Z", "2026-11-20T00:00:00Z");
  post.method = http::Method::post;
  CHECK(call(handler, post).status == 405);
}

TEST_CASE("a request may ask for smaller pages, not for larger ones") {
  const auto handler = service_at("2026-11-20T12:00:00Z", {}, 10);
  const auto rows = [&](const char* size) {
    auto request = quotes_request("PETR4", "2026-11-20T10:00:00Z", "2026-11-20T11:00:00Z");
    request.query.emplace_back("page_size", size);
    const auto answer = call(handler, request);
    return answer.status == 200 ? (*parse_untrusted(answer.body))["quotes"].size() : 0;
  };
  CHECK(rows("4") == 4);
  CHECK(rows("5000") == 10);
  CHECK(rows("0") == 0);
  CHECK(rows("-1") == 0);
}

TEST_CASE("failures come at their rates, the same for the same seed") {
  const auto statuses = [] {
    QuoteServiceOptions options;
    options.rate_limited_ppm = 200'000;
    options.error_ppm = 100'000;
    options.clock = [] { return at("2026-11-20T12:00:00Z"); };
    const auto handler = make_quote_handler(options);
    std::map<int, int> count;
    std::string order;
    for (int i = 0; i < 2000; ++i) {
      const auto answer =
          call(handler, quotes_request("PETR4", "2026-11-20T10:00:00Z", "2026-11-20T10:01:00Z"));
      ++count[answer.status];
      order += std::to_string(answer.status);
      if (answer.status == 429) CHECK(answer.headers.at(0).first == "Retry-After");
    }
    return std::pair(count, order);
  };
  auto [count, order] = statuses();
  CHECK(count[429] == doctest::Approx(400).epsilon(0.15));
  CHECK(count[500] == doctest::Approx(160).epsilon(0.25));
  CHECK(count[200] + count[429] + count[500] == 2000);
  CHECK(statuses().second == order);
}

TEST_CASE("a slow answer is given back to the caller's timer") {
  QuoteServiceOptions options;
  options.slow_ppm = 1'000'000;
  Duration asked{};
  std::function<void()> kept;
  options.later = [&](Duration delay, std::function<void()> then) {
    asked = delay;
    kept = std::move(then);
  };
  const auto handler = make_quote_handler(options);
  int answers = 0;
  handler(std::make_shared<http::Request>(
              quotes_request("PETR4", "2026-11-20T10:00:00Z", "2026-11-20T10:01:00Z")),
          [&](const http::Response& response) { answers += response.status == 200; });
  CHECK(answers == 0);
  CHECK(asked == std::chrono::seconds(3));
  kept();
  CHECK(answers == 1);
}

TEST_CASE("the truth agrees with figures taken from the served rows alone") {
  const auto market = faulty_market();
  const char* start = "2026-11-20T00:00:00Z";
  const char* end = "2026-11-20T06:00:00Z";
  const auto rows =
      walk(service_at("2026-12-01T00:00:00Z", market, 500), "AAA,BBB,CCC", start, end);
  const auto truth =
      *parse_untrusted(quote_truth(QuoteMarket(market), {{"AAA", "BBB", "CCC"}, at(start), at(end)},
                                   at("2026-12-01T00:00:00Z")));
  CHECK(truth["rows"] == rows.size());
  CHECK(truth["visible"] == rows.size());

  // By the text of the rows: what a pipeline sees.
  std::set<std::string> distinct;
  std::map<std::pair<std::string, std::string>, long long> volume;
  std::set<std::pair<std::string, std::string>> keys;
  long long bad = 0;
  for (const auto& row : rows) {
    if (!distinct.insert(row.dump()).second) continue;
    const bool known = row["ticker"] == "AAA" || row["ticker"] == "BBB" || row["ticker"] == "CCC";
    const bool good =
        known && row["close"] != "abc" && row["volume"].get<std::string>()[0] != '-' &&
        row["date"].get<std::string>() < end &&
        std::stod(row["high"].get<std::string>()) >= std::stod(row["low"].get<std::string>());
    if (!good) {
      ++bad;
      continue;
    }
    const auto ticker = row["ticker"].get<std::string>();
    keys.insert({ticker, row["date"]});
    volume[{ticker, row["date"].get<std::string>().substr(0, 13)}] +=
        std::stoll(row["volume"].get<std::string>());
  }
  CHECK(truth["silver_rows"] == keys.size());
  CHECK(truth["duplicates"] == rows.size() - distinct.size());
  long long told = 0;
  for (const auto& [reason, count] : truth["bad"].items()) told += count.get<long long>();
  CHECK(told == bad);
  REQUIRE(truth["gold"].size() == volume.size());
  for (const auto& hour : truth["gold"]) {
    CHECK(hour["volume"] ==
          volume[{hour["ticker"], hour["date"].get<std::string>().substr(0, 13)}]);
  }
}

}  // namespace batuta::demo
