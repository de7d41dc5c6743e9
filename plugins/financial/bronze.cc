// financial_bronze: quotes of the run's window, landed raw and appended to bronze as they were
// sent.
//
// Every attempt lands its own files and its own rows: bronze is history, append only. A cleared run
// reads its window again and appends again; silver takes the latest row of each key.
#include <chrono>
#include <nlohmann/json.hpp>

#include "common/safe_json.h"
#include "common/uuid.h"
#include "lakelog/posix_file.h"
#include "plugins/financial/quote_page.h"
#include "plugins/financial/quote_source.h"
#include "plugins/financial/tables.h"
#include "plugins/lake/appender.h"
#include "plugins/lake/attempt_session.h"
#include "plugins/lake/hand_in.h"
#include "plugins/lake/staged_write.h"

namespace batuta::financial {
namespace {

using nlohmann::json;

// A service that never ends its pages must not fill the disk.
constexpr int max_pages = 100'000;
constexpr std::size_t max_tickers = 10'000;
// The result names the first raw files only: XCom holds 64 KiB.
constexpr std::size_t max_listed_files = 50;

Time now() {
  return std::chrono::time_point_cast<Duration>(std::chrono::system_clock::now());
}

std::string date_of(Time time) {
  return to_iso(time).substr(0, 10);
}

// The raw landing of one attempt: pages as received, each durable before bronze speaks of it.
class RawLanding {
 public:
  explicit RawLanding(plugin::Context& context)
      : context_(context),
        lake_(lake::lake_folder(context)),
        folder_("raw/financial/quotes/ingest_date=" + date_of(now()) +
                "/run=" + context.execution_id()) {
    const auto made = lakelog::make_folders(lake_ + "/" + folder_);
    if (!made) throw plugin::RetryableError(made.error().message);
    Uuid id;
    random_bytes(id.bytes.data(), id.bytes.size());
    attempt_ = to_string(id).substr(0, 8);
  }

  // Path of the new file, relative to the lake.
  std::string add(const std::string& body) {
    char number[16];
    std::snprintf(number, sizeof number, "%04zu", files_.size() + 1);
    std::string name = folder_ + "/part-" + attempt_ + "-" + number + ".json";
    const auto written = lakelog::write_new_file(lake_ + "/" + name, body);
    if (!written) throw plugin::RetryableError(written.error().message);
    files_.push_back(name);
    context_.report("files", plugin::quoted(name));
    return name;
  }

  void sync() const {
    const auto synced = lakelog::sync_folder(lake_ + "/" + folder_);
    if (!synced) throw plugin::RetryableError(synced.error().message);
  }
  const std::vector<std::string>& files() const { return files_; }

 private:
  plugin::Context& context_;
  std::string lake_;
  std::string folder_;
  std::string attempt_;
  std::vector<std::string> files_;
};

void create_staging(lake::Session& session) {
  std::string columns;
  for (const std::string& name : source_columns())
    columns += lake::quoted_name(name) + " VARCHAR, ";
  session.run("CREATE TEMP TABLE received (" + columns +
              "payload VARCHAR, ingested_us BIGINT, source_file VARCHAR, record_no BIGINT)");
}

// Reads all pages into `received`; returns how many records there are.
std::int64_t receive(QuoteSource& source, const QuoteQuery& query, RawLanding& landing,
                     lake::Session& session) {
  lake::Appender rows(session, "received");
  std::int64_t records = 0;
  std::string token;
  for (int number = 1;; ++number) {
    const std::string body = source.page(query, token);
    const std::int64_t ingested = now().time_since_epoch().count();
    const std::string file = landing.add(body);
    auto page = parse_quote_page(body);
    if (!page)
      throw plugin::RetryableError("page " + std::to_string(number) + ": " + page.error().message +
                                   " (kept as " + file + ")");
    for (const QuoteRecord& record : page->records) {
      for (const auto& field : record.fields) rows.text(field);
      rows.text(record.payload);
      rows.integer(ingested);
      rows.text(file);
      rows.integer(++records);
      rows.end_row();
    }
    if (page->next_page_token.empty()) break;
    if (page->next_page_token == token)
      throw plugin::RetryableError("the quote service repeats the page token " + token);
    token = page->next_page_token;
    if (number == max_pages) throw plugin::FinalError("the quote service sends too many pages");
  }
  rows.close();
  return records;
}

std::string bronze_select() {
  std::string columns;
  for (const std::string& name : source_columns()) columns += lake::quoted_name(name) + ", ";
  return "SELECT " + columns +
         "$2 AS _run_id, $3 AS _task_id, CAST($4 AS INTEGER) AS _attempt, "
         "make_timestamptz(ingested_us) AS _ingested_at, source_file AS _source_file, "
         "record_no AS _record_no, unhex(sha256(payload)) AS _payload_sha256, "
         "CAST(make_timestamptz(ingested_us) AS DATE) AS ingest_date "
         "FROM received ORDER BY record_no";
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

json result_of(const plugin::Context& context, const QuoteQuery& query, const RawLanding& landing,
               std::int64_t records) {
  const auto& files = landing.files();
  const auto listed = std::min(files.size(), max_listed_files);
  return {{"execution_id", context.execution_id()},
          {"table", bronze_quotes().name},
          {"records", records},
          {"tickers", query.tickers},
          {"window_start", to_iso(query.start)},
          {"window_end", to_iso(query.end)},
          {"watermark", to_iso(query.end)},
          {"files", std::vector<std::string>(files.begin(), files.begin() + listed)},
          {"file_count", files.size()}};
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
    RawLanding landing(context);
    create_staging(session);
    const std::int64_t records = receive(source, query, landing, session);
    landing.sync();
    if (records > 0) append(context, session, records);
    context.records(records, query.end);
    context.return_json(json_text(result_of(context, query, landing, records)));
    context.info(std::to_string(records) + " records from " + to_iso(query.start) + " to " +
                 to_iso(query.end));
  }

 private:
  void append(plugin::Context& context, lake::Session& session, std::int64_t records) {
    const auto table = lake::DeltaTable::open(lake::lake_folder(context), bronze_quotes().name);
    lake::StagedWrite write;
    write.table_folder = table.folder();
    write.columns = bronze_quotes().columns;
    write.partition_column = bronze_quotes().partition;
    write.select = bronze_select();
    write.params = {context.execution_id(), context.task_id(), context.try_number()};
    auto payload = publication_for(bronze_quotes(), table, lakelog::Operation::append);
    payload.append = true;
    payload.adds = lake::write_files(session, write);
    payload.metrics_json = json_text({{"rows_out", records}});
    lake::hand_in(context, payload);
  }
};

}  // namespace batuta::financial

BATUTA_PLUGIN(batuta::financial::FinancialBronze)
