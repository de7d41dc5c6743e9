// The quote service of the demo and the tests, an ordinary REST server as a Handler:
//   GET /v1/quotes?tickers=A,B&start=ISO&end=ISO&page_token=…[&page_size=N]
//   -> 200 {"quotes":[{"date","ticker","open","adj_close","close","high","low","volume"}…],
//           "next_page_token":null}
// start is inclusive, end exclusive; every column is a text or null. 400 {"error": …} for a bad
// parameter; 429 with Retry-After, 500 and slow answers at the rates asked for.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "scheduler/demo/quote_market.h"
#include "scheduler/demo/quote_source.h"
#include "scheduler/http/exchange.h"

namespace batuta::demo {

struct QuoteServiceOptions {
  MarketOptions market;  // used when `source` is null
  std::shared_ptr<const QuoteSource> source;
  std::size_t page_size = 1000;  // rows a page; a request may ask for fewer
  // Per million requests, drawn from the market's seed and the request's number.
  std::uint32_t rate_limited_ppm = 0;
  std::uint32_t error_ppm = 0;
  std::uint32_t slow_ppm = 0;
  Duration slowness = std::chrono::seconds(3);
  std::function<Time()> clock;  // null: the wall clock
  // Calls back after a while without blocking; null: slow answers come at once.
  std::function<void(Duration, std::function<void()>)> later;
};

// What `./dev run` serves: three papers, some late, doubled and bad rows, no failures.
QuoteServiceOptions demo_market_options();

// Called by one thread.
http::Handler make_quote_handler(QuoteServiceOptions options);

}  // namespace batuta::demo
