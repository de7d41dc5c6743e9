#include "tests/demo/demo_fixture.h"

#include <memory>
#include <nlohmann/json.hpp>
#include <utility>

#include "common/safe_json.h"

namespace batuta::demo {

Time at(const char* iso) {
  return *parse_iso(iso);
}

http::Response call(const http::Handler& handler, http::Request request) {
  http::Response answer;
  handler(std::make_shared<http::Request>(std::move(request)),
          [&](http::Response response) { answer = std::move(response); });
  return answer;
}

http::Request quotes_request(const std::string& tickers, const std::string& start,
                             const std::string& end, const std::string& token) {
  http::Request request;
  request.path = "/v1/quotes";
  request.query = {{"tickers", tickers}, {"start", start}, {"end", end}};
  if (!token.empty()) request.query.emplace_back("page_token", token);
  return request;
}

std::vector<nlohmann::json> walk(const http::Handler& handler, const std::string& tickers,
                                 const std::string& start, const std::string& end) {
  std::vector<nlohmann::json> rows;
  std::string token;
  do {
    const auto answer = call(handler, quotes_request(tickers, start, end, token));
    if (answer.status != 200) return {};
    const auto page = *parse_untrusted(answer.body);
    for (const auto& row : page["quotes"]) rows.push_back(row);
    token = page["next_page_token"].is_null() ? "" : page["next_page_token"].get<std::string>();
  } while (!token.empty());
  return rows;
}

MarketOptions faulty_market() {
  MarketOptions options;
  options.seed = 7;
  options.tickers = {"AAA", "BBB", "CCC"};
  options.late_ppm = 50'000;
  options.duplicate_ppm = 30'000;
  options.bad_ppm = 40'000;
  return options;
}

http::Handler service_at(const char* now, MarketOptions market, std::size_t page_size) {
  QuoteServiceOptions options;
  options.market = std::move(market);
  options.page_size = page_size;
  options.clock = [time = at(now)] { return time; };
  return make_quote_handler(std::move(options));
}

}  // namespace batuta::demo
