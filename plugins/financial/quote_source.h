// The REST client of the quote service: GET /v1/quotes with paging, time-outs and back-off.
#pragma once

#include <string>
#include <vector>

#include "common/http_client.h"
#include "common/time.h"
#include "plugins/sdk/plugin.h"

namespace batuta::financial {

struct QuoteQuery {
  std::vector<std::string> tickers;
  Time start;
  Time end;                    // exclusive
  std::int64_t page_size = 0;  // 0 = the service's own
};

struct SourceLimits {
  Duration timeout = std::chrono::seconds(10);           // one request
  int max_tries = 6;                                     // of one page
  Duration first_wait = std::chrono::milliseconds(500);  // doubles, with jitter
  Duration longest_wait = std::chrono::minutes(5);       // also caps what Retry-After may ask
};

class QuoteSource {
 public:
  // `context` and its connection must outlive the source.
  QuoteSource(const plugin::Context& context, const plugin::Connection& connection,
              SourceLimits limits);

  // The body of one page. 429 waits as Retry-After says; 408, 5xx and broken connections wait
  // exponentially longer; after max_tries, or as soon as the attempt should stop,
  // plugin::RetryableError. Any other status is plugin::FinalError.
  std::string page(const QuoteQuery& query, const std::string& page_token);

 private:
  Duration wait_for(const Result<HttpAnswer>& answer, int tried) const;
  const plugin::Context& context_;
  std::string base_url_;
  std::vector<std::pair<std::string, std::string>> headers_;
  Outgoing outgoing_;
  SourceLimits limits_;
};

}  // namespace batuta::financial
