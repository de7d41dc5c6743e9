// financial_bronze: quotes of the run's window, landed raw and appended to bronze as they were
// sent.
//
// Every attempt lands its own files and its own rows: bronze is history, append only. A cleared run
// reads its window again and appends again; silver takes the latest row of each key.
#include <chrono>
#include <nlohmann/json.hpp>

#include "common/safe_json.h"
#include "plugins/financial/quote_page.h"
#include "plugins/financial/quote_source.h"
#include "plugins/financial/tables.h"
#include "plugins/lake/attempt_session.h"
#include "plugins/lake/layer/bronze_rows.h"
#include "plugins/lake/layer/raw_landing.h"

namespace batuta::financial {
namespace {

using nlohmann::json;

// A service that never ends its pages must not fill the disk.
constexpr int max_pages = 100'000;
constexpr std::size_t max_tickers = 10'000;

Time now() {
  return std::chrono::time_point_cast<Duration>(std::chrono::system_clock::now());
}

// Lands every page and takes its records in.
void receive(QuoteSource& source, const QuoteQuery& query, lake::RawLanding& landing,
             lake::BronzeRows& rows) {
  std::string token;
  for (int number = 1;; ++number) {
    const std::string body = source.page(query, token);
    const Time ingested = now();
    const std::string file = landing.add(body);
    auto page = parse_quote_page(body);
    if (!page)
      throw plugin::RetryableError("page " + std::to_string(number) + ": " + page.error().message +
                                   " (kept as " + file + ")");
    for (const QuoteRecord& record : page->records)
      rows.add(record.fields, record.payload, file, ingested);
    if (page->next_page_token.empty()) break;
    if (page->next_page_token == token)
      throw plugin::RetryableError("the quote service repeats the page token " + token);
    token = page->next_page_token;
    if (number == max_pages) throw plugin::FinalError("the quote service sends too many pages");
  }
}

QuoteQuery query_of(const plugin::Context& context) {
  QuoteQuery query;
  query.tickers = context.texts("tickers");
  if (query.tickers.empty() || query.tickers.size() > max_tickers)
    throw plugin::FinalError("parameter tickers: 1 to " + std::to_string(max_tickers) + " names");
  const plugin::Window window = context.window();
  if (window.end <= window.start) throw plugin::FinalError("the window is empty");
  query.start = window.start;
  query.end = window.end;
  query.page_size = context.integer("page_size", 0);
  return query;
}

// What the rows are judged by, whoever transforms them.
json request_of(const QuoteQuery& query) {
  return {{"tickers", query.tickers},
          {"window_start", to_iso(query.start)},
          {"window_end", to_iso(query.end)}};
}

json result_of(const plugin::Context& context, const QuoteQuery& query,
               const lake::RawLanding& landing, std::int64_t records) {
  json result = request_of(query);
  result["execution_id"] = context.execution_id();
  result["table"] = bronze_quotes().name;
  result["records"] = records;
  result["watermark"] = to_iso(query.end);
  result["files"] = landing.first_files();
  result["file_count"] = landing.file_count();
  return result;
}

}  // namespace

struct FinancialBronze {
  static constexpr auto name = "financial_bronze";
  static constexpr auto version = "1.0.0";
  static constexpr auto kind = "extract";
  static constexpr auto summary = "Market quotes of the run's window, as sent, into bronze";
  static constexpr batuta_param params[] = {
      plugin::required(BATUTA_PARAM_ARRAY, "tickers", "papers to fetch, such as [\"PETR4\"]"),
      plugin::optional(BATUTA_PARAM_STRING, "interval",
                       "spacing of the runs; for the control table"),
      plugin::optional(
          BATUTA_PARAM_STRING, "overlap",
          "how far the window reaches back over the last one; the scheduler applies it"),
      plugin::optional(BATUTA_PARAM_CONNECTION, "connection", "the quote service",
                       "\"quotes_api\""),
      plugin::optional(BATUTA_PARAM_INTEGER, "page_size", "records a page; 0 = the service's own"),
      plugin::optional(BATUTA_PARAM_STRING, "timeout", "of one request", "\"10s\""),
      plugin::optional(BATUTA_PARAM_INTEGER, "max_tries", "of one page, with back-off", "6")};

  void execute(plugin::Context& context) {
    const QuoteQuery query = query_of(context);
    SourceLimits limits;
    limits.timeout = context.duration("timeout", limits.timeout);
    limits.max_tries = static_cast<int>(context.integer("max_tries", limits.max_tries));
    const auto connection = context.connection(context.text("connection", "quotes_api"));
    QuoteSource source(context, connection, limits);
    lake::Session session(lake::session_options(context));
    lake::RawLanding landing(context, "financial/quotes", json_text(request_of(query)));
    lake::BronzeRows rows(context, session, bronze_quotes(), source_columns());
    receive(source, query, landing, rows);
    rows.finish();
    context.records(rows.count(), query.end);
    context.return_json(json_text(result_of(context, query, landing, rows.count())));
    context.info(std::to_string(rows.count()) + " records from " + to_iso(query.start) + " to " +
                 to_iso(query.end));
  }
};

}  // namespace batuta::financial

BATUTA_PLUGIN(batuta::financial::FinancialBronze)
