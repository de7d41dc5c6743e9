#include "plugins/financial/quote_source.h"

#include <algorithm>
#include <charconv>

#include "common/url.h"
#include "common/uuid.h"

namespace batuta::financial {
namespace {

constexpr std::size_t max_page_bytes = 8u << 20;

bool worth_another_try(int status) {
  return status == 408 || status == 429 || status >= 500;
}

std::string describe(const Result<HttpAnswer>& answer) {
  return answer ? "HTTP " + std::to_string(answer->status) : answer.error().message;
}

// Between half and the whole of `full`, so that many waiters do not come back at once.
Duration jittered(Duration full) {
  std::uint32_t random = 0;
  random_bytes(&random, sizeof random);
  return full / 2 + Duration(full.count() / 2 * static_cast<std::int64_t>(random >> 16) / 65536);
}

// Retry-After in seconds; zero when absent or a date, which few services send.
Duration retry_after(const HttpAnswer& answer) {
  const std::string* value = answer.header("retry-after");
  if (value == nullptr) return Duration::zero();
  std::int32_t seconds = 0;
  const auto [end, ec] = std::from_chars(value->data(), value->data() + value->size(), seconds);
  if (ec != std::errc{} || end != value->data() + value->size() || seconds < 0)
    return Duration::zero();
  return std::chrono::seconds(seconds);
}

}  // namespace

QuoteSource::QuoteSource(const plugin::Context& context, const plugin::Connection& connection,
                         SourceLimits limits)
    : context_(context),
      base_url_(connection.base_url()),
      outgoing_(outgoing_of(connection.extra_json)),
      limits_(limits) {
  headers_.emplace_back("Accept", "application/json");
  if (!connection.password.empty())
    headers_.emplace_back("Authorization", "Bearer " + connection.password);
}

Duration QuoteSource::wait_for(const Result<HttpAnswer>& answer, int tried) const {
  if (answer && answer->status == 429) {
    if (const Duration told = retry_after(*answer); told > Duration::zero())
      return std::min(told, limits_.longest_wait);
  }
  const Duration full = limits_.first_wait * (1LL << std::min(tried - 1, 16));
  return jittered(std::min(full, limits_.longest_wait));
}

std::string QuoteSource::page(const QuoteQuery& query, const std::string& page_token) {
  std::string tickers;
  for (const std::string& ticker : query.tickers)
    tickers += (tickers.empty() ? "" : ",") + percent_encoded(ticker);
  HttpRequest request;
  request.url = base_url_ + "/v1/quotes?tickers=" + tickers +
                "&start=" + percent_encoded(to_iso(query.start)) +
                "&end=" + percent_encoded(to_iso(query.end));
  if (query.page_size > 0) request.url += "&page_size=" + std::to_string(query.page_size);
  if (!page_token.empty()) request.url += "&page_token=" + percent_encoded(page_token);
  request.headers = headers_;
  request.outgoing = outgoing_;
  request.timeout = limits_.timeout;
  request.max_body = max_page_bytes;
  request.cancelled = [this] { return context_.cancelled(); };
  for (int tried = 1;; ++tried) {
    auto answer = http_call(request);
    context_.check_cancelled();
    if (answer && answer->status == 200) return std::move(answer->body);
    if (answer && !worth_another_try(answer->status))
      throw plugin::FinalError("the quote service refused the request: " + describe(answer));
    if (!answer && answer.error().code != Errc::unavailable)
      throw plugin::FinalError("the quote service: " + answer.error().message);
    if (tried >= limits_.max_tries)
      throw plugin::RetryableError("the quote service: " + describe(answer) + " after " +
                                   std::to_string(tried) + " tries");
    const Duration wait = wait_for(answer, tried);
    context_.warn("the quote service: " + describe(answer) + "; next try in " +
                  std::to_string(wait.count() / 1000) + " ms");
    context_.sleep(wait);
    context_.check_cancelled();
  }
}

}  // namespace batuta::financial
