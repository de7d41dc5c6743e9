#include "scheduler/demo/quote_service.h"

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>

#include "common/ids.h"
#include "common/result.h"
#include "common/safe_json.h"

namespace batuta::demo {
namespace {

using nlohmann::json;

constexpr std::size_t max_tickers = 500;
constexpr std::size_t max_token_bytes = 200;
// Rows looked at for one answer: a window full of rows not visible yet ends in an empty page with a
// token instead of a long silence.
constexpr std::size_t max_scanned = 200'000;

http::Response answer(int status, const json& body) {
  http::Response response;
  response.status = status;
  response.body = json_text(body);
  return response;
}

http::Response refuse(int status, const std::string& message) {
  return answer(status, json{{"error", message}});
}

// "2026-11-20T10:00:00Z~PETR4~0": the last row of the page before.
std::string to_token(const Position& at) {
  return to_iso(at.date) + "~" + at.ticker + "~" + std::to_string(at.copy);
}

std::optional<Position> parse_token(const std::string& token) {
  const auto first = token.find('~');
  const auto second = first == std::string::npos ? first : token.find('~', first + 1);
  if (second == std::string::npos || token.size() > max_token_bytes) return std::nullopt;
  Position at;
  const auto date = parse_iso(token.substr(0, first));
  const char* end = token.data() + token.size();
  const auto copy = std::from_chars(token.data() + second + 1, end, at.copy);
  if (!date || copy.ec != std::errc{} || copy.ptr != end) return std::nullopt;
  at.date = *date;
  at.ticker = token.substr(first + 1, second - first - 1);
  return at;
}

Result<std::vector<std::string>> parse_tickers(const std::string& text) {
  std::vector<std::string> out;
  for (std::size_t at = 0; at <= text.size();) {
    const auto end = std::min(text.find(',', at), text.size());
    auto ticker = text.substr(at, end - at);
    if (ticker.size() > 32 || !valid_id(ticker)) {
      return {Errc::invalid, "tickers must be names such as PETR4, separated by commas"};
    }
    out.push_back(std::move(ticker));
    if (out.size() > max_tickers) return {Errc::invalid, "at most 500 tickers in one request"};
    at = end + 1;
  }
  std::sort(out.begin(), out.end());
  out.erase(std::unique(out.begin(), out.end()), out.end());
  return out;
}

json to_json(const Quote& quote) {
  json row = json::object();
  for (int i = 0; i < column_count; ++i) {
    const auto& value = quote.columns[static_cast<std::size_t>(i)];
    row[column_names[static_cast<std::size_t>(i)]] = value ? json(*value) : json(nullptr);
  }
  return row;
}

class QuoteService {
 public:
  explicit QuoteService(QuoteServiceOptions options) : options_(std::move(options)) {
    if (!options_.source) options_.source = std::make_shared<QuoteMarket>(options_.market);
    if (!options_.clock) options_.clock = [] { return read_clock().wall; };
    options_.page_size = std::clamp<std::size_t>(options_.page_size, 1, 10'000);
  }

  void handle(const http::Request& request, const http::Respond& respond) {
    if (request.path != "/v1/quotes") return respond(refuse(404, "there is only /v1/quotes"));
    if (request.method != http::Method::get) {
      auto response = refuse(405, "quotes can only be read");
      response.headers.emplace_back("Allow", "GET");
      return respond(std::move(response));
    }
    const auto number = ++requests_;
    const auto draw = [&](std::uint64_t what) {
      return hash_words({options_.market.seed, number, what}) % 1'000'000;
    };
    if (draw(1) < options_.rate_limited_ppm) {
      auto response = refuse(429, "too many requests");
      response.headers.emplace_back("Retry-After", "1");
      return respond(std::move(response));
    }
    if (draw(2) < options_.error_ppm) return respond(refuse(500, "the market's database is away"));
    auto response = quotes(request);
    if (options_.later && draw(3) < options_.slow_ppm) {
      return options_.later(options_.slowness, [respond, response] { respond(response); });
    }
    respond(std::move(response));
  }

 private:
  http::Response quotes(const http::Request& request) const {
    QuoteQuery query;
    const auto* tickers = request.query_value("tickers");
    const auto* start = request.query_value("start");
    const auto* end = request.query_value("end");
    const auto* token = request.query_value("page_token");
    if (!tickers || !start || !end) return refuse(400, "tickers, start and end are required");
    for (const auto& [name, value] : request.query) {
      if (name != "tickers" && name != "start" && name != "end" && name != "page_token" &&
          name != "page_size") {
        return refuse(400, "unknown parameter \"" + name.substr(0, 80) + "\"");
      }
    }
    auto wanted = parse_tickers(*tickers);
    if (!wanted) return refuse(400, wanted.error().message);
    query.tickers = std::move(*wanted);
    const auto from = parse_iso(*start);
    const auto until = parse_iso(*end);
    if (!from || !until) {
      return refuse(400, std::string(from ? "end" : "start") +
                             " must be a time with its zone, such as 2026-11-20T10:00:00Z");
    }
    if (*until < *from) return refuse(400, "end lies before start");
    query.start = *from;
    query.end = *until;
    const auto longest = options_.source->longest_window();
    if (longest > Duration::zero() && query.end - query.start > longest) {
      return refuse(400, "start and end may lie at most 366 days apart");
    }
    std::optional<Position> after;
    if (token && !token->empty()) {
      after = parse_token(*token);
      if (!after) return refuse(400, "page_token is not one of ours");
    }
    auto size = options_.page_size;
    if (const auto* wished = request.query_value("page_size")) {
      const char* last = wished->data() + wished->size();
      std::size_t wanted_size = 0;
      const auto read = std::from_chars(wished->data(), last, wanted_size);
      if (read.ec != std::errc{} || read.ptr != last || wanted_size == 0) {
        return refuse(400, "page_size must be a whole number, 1 or more");
      }
      size = std::min(size, wanted_size);
    }
    return page(query, after, size);
  }

  http::Response page(const QuoteQuery& query, const std::optional<Position>& after,
                      std::size_t size) const {
    const Time now = options_.clock();
    json rows = json::array();
    std::optional<Position> last;
    bool more = false;
    std::size_t scanned = 0;
    options_.source->scan(query, after, [&](const Quote& quote) {
      if (quote.at.date > now) return false;  // rows are in order of date: nothing visible follows
      const bool visible = quote.visible_at <= now;
      more = (visible && rows.size() == size) || ++scanned > max_scanned;
      if (more) return false;
      last = quote.at;
      if (visible) rows.push_back(to_json(quote));
      return true;
    });
    return answer(200,
                  json{{"quotes", std::move(rows)},
                       {"next_page_token", more && last ? json(to_token(*last)) : json(nullptr)}});
  }

  QuoteServiceOptions options_;
  std::uint64_t requests_ = 0;
};

}  // namespace

QuoteServiceOptions demo_market_options() {
  QuoteServiceOptions options;
  options.market.late_ppm = 20'000;
  options.market.duplicate_ppm = 10'000;
  options.market.bad_ppm = 10'000;
  return options;
}

http::Handler make_quote_handler(QuoteServiceOptions options) {
  auto service = std::make_shared<QuoteService>(std::move(options));
  return [service](const std::shared_ptr<http::Request>& request, const http::Respond& respond) {
    service->handle(*request, respond);
  };
}

}  // namespace batuta::demo
