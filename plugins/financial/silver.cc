// financial_silver: bronze text becomes typed, validated rows, one per (ticker, date).
//
// What is read: bronze files that silver has not taken in yet (its progress marker), and all files
// that hold rows of this execution, so that a cleared transform works through its run again. Then
// every bronze file that may hold rows received later than the earliest of those: of one key the
// latest reception wins, whatever the order in which runs are repeated.
//
// What is written: only the day partitions in which a row is new or differs. Equal rows keep their
// old execution_id; nothing new means no table version at all. Rejected rows go to quarantine, once
// per distinct row and reason, however often an overlapping window reads them.
#include <chrono>
#include <nlohmann/json.hpp>
#include <set>

#include "common/safe_json.h"
#include "plugins/financial/tables.h"
#include "plugins/lake/attempt_session.h"
#include "plugins/lake/file_stats.h"
#include "plugins/lake/hand_in.h"
#include "plugins/lake/quality.h"
#include "plugins/lake/staged_write.h"

namespace batuta::financial {
namespace {

using lakelog::AddFile;

// How far back quarantined rows are looked up to recognise a row that came again.
constexpr auto quarantine_memory = std::chrono::hours(24 * 7);

std::vector<AddFile> files_to_read(const lake::DeltaTable& bronze, const lake::DeltaTable& silver,
                                   const std::string& execution_id) {
  const auto fresh = bronze.added_since(silver.marker(silver_marker));
  std::set<std::string> chosen;
  Time earliest = Time::max();
  const auto choose = bronze.files([&](const AddFile& file) {
    return fresh.count(file.path) != 0 || lake::may_hold_text(file, "_run_id", execution_id);
  });
  for (const AddFile& file : choose) {
    chosen.insert(file.path);
    const auto bounds = lake::time_bounds(file, "_ingested_at");
    earliest = bounds ? std::min(earliest, bounds->low) : Time::min();
  }
  return bronze.files([&](const AddFile& file) {
    if (chosen.count(file.path) != 0) return true;
    const auto bounds = lake::time_bounds(file, "_ingested_at");
    return !chosen.empty() && (!bounds || bounds->high >= earliest);
  });
}

// Typed values beside the raw text, and the list of reasons to reject the row ('' = good).
constexpr const char* judge_sql = R"(
CREATE TEMP TABLE judged AS
WITH typed AS (
  SELECT *, batuta_instant("date") AS instant, batuta_price("open") AS o, batuta_price("high") AS h,
         batuta_price("low") AS l, batuta_price("close") AS c, batuta_price("adj_close") AS a,
         batuta_whole("volume") AS v
  FROM bronze_rows)
SELECT *, concat_ws(',',
  CASE WHEN coalesce(trim("ticker"), '') = '' OR coalesce(trim("date"), '') = ''
       THEN 'missing_key' END,
  CASE WHEN trim("date") <> '' AND instant IS NULL THEN 'bad_date' END,
  CASE WHEN instant > "_ingested_at" + INTERVAL 5 MINUTE THEN 'future_date' END,
  CASE WHEN trim("ticker") <> '' AND NOT list_contains($1, "ticker") THEN 'unknown_ticker' END,
  CASE WHEN o IS NULL OR h IS NULL OR l IS NULL OR c IS NULL OR v IS NULL
         OR ("adj_close" IS NOT NULL AND a IS NULL) THEN 'bad_number' END,
  CASE WHEN v < 0 THEN 'negative_volume' END,
  CASE WHEN v > 1000000000000000 THEN 'volume_out_of_range' END,
  CASE WHEN h < l THEN 'high_below_low' END,
  CASE WHEN h >= l AND (o < l OR o > h) THEN 'open_outside_range' END,
  CASE WHEN h >= l AND (c < l OR c > h) THEN 'close_outside_range' END) AS reason
FROM typed)";

constexpr const char* candidates_sql = R"(
CREATE TEMP TABLE candidates AS
SELECT instant AS "date", "ticker", o AS "open", h AS "high", l AS "low", c AS "close",
       a AS "adj_close", v AS "volume", "_ingested_at", CAST(instant AS DATE) AS "day"
FROM judged WHERE reason = ''
QUALIFY row_number() OVER (PARTITION BY "ticker", instant
  ORDER BY "_ingested_at" DESC, "_record_no" DESC, "_run_id" DESC) = 1)";

constexpr const char* changed_sql = R"(
CREATE TEMP TABLE changed AS
SELECT n.* FROM candidates n
LEFT JOIN silver_old s ON s."ticker" = n."ticker" AND s."date" = n."date"
WHERE s."ticker" IS NULL OR (n."_ingested_at" >= s."_ingested_at" AND
  (n."open" IS DISTINCT FROM s."open" OR n."high" IS DISTINCT FROM s."high" OR
   n."low" IS DISTINCT FROM s."low" OR n."close" IS DISTINCT FROM s."close" OR
   n."adj_close" IS DISTINCT FROM s."adj_close" OR n."volume" IS DISTINCT FROM s."volume")))";

// The changed days whole: changed rows, and the old rows they do not replace.
constexpr const char* merged_sql = R"(
CREATE TEMP TABLE merged AS
SELECT "date", "ticker", "open", "high", "low", "close", "adj_close", "volume", "_ingested_at",
       $1 AS "execution_id", "day" FROM changed
UNION ALL
SELECT s."date", s."ticker", s."open", s."high", s."low", s."close", s."adj_close", s."volume",
       s."_ingested_at", s."execution_id", s."day"
FROM silver_old s SEMI JOIN changed d ON s."day" = d."day"
ANTI JOIN changed c ON s."ticker" = c."ticker" AND s."date" = c."date")";

const std::vector<lake::QualityRule>& silver_rules() {
  static const std::vector<lake::QualityRule> rules = {
      {"unique_ticker_date", "uniqueness", "copies > 1"},
      {"key_present", "completeness", "\"ticker\" IS NULL OR \"date\" IS NULL"},
      {"high_not_below_low", "validity", "\"high\" < \"low\""},
      {"open_and_close_inside_range", "validity",
       "\"open\" NOT BETWEEN \"low\" AND \"high\" OR \"close\" NOT BETWEEN \"low\" AND \"high\""},
      {"volume_not_negative", "validity", "\"volume\" < 0"}};
  return rules;
}

// Rejected rows that the quarantine does not hold yet.
std::string quarantine_sql() {
  std::string same = "q.\"reason\" = b.\"reason\"";
  std::string raw;
  for (const std::string& name : source_columns()) {
    const std::string column = lake::quoted_name(name);
    raw += column + ", ";
    same += " AND q." + column + " IS NOT DISTINCT FROM b." + column;
  }
  return "CREATE TEMP TABLE rejected AS SELECT " + raw +
         "reason AS \"reason\", \"_run_id\" AS \"run_id\", \"_ingested_at\", \"ingest_date\" "
         "FROM judged b WHERE reason <> '' "
         "AND NOT EXISTS (SELECT 1 FROM quarantine_old q WHERE " +
         same +
         ") "
         "QUALIFY row_number() OVER (PARTITION BY " +
         raw + "reason ORDER BY \"_ingested_at\", \"_record_no\") = 1";
}

class Transform {
 public:
  Transform(plugin::Context& context, std::vector<std::string> tickers)
      : context_(context),
        tickers_(std::move(tickers)),
        session_(lake::session_options(context)),
        bronze_(lake::DeltaTable::open(lake::lake_folder(context), bronze_quotes().name)),
        silver_(lake::DeltaTable::open(lake::lake_folder(context), silver_quotes().name)) {
    session_.register_text_functions();
  }

  void run() {
    const auto files = files_to_read(bronze_, silver_, context_.execution_id());
    view_of(session_, "bronze_rows", bronze_quotes(), bronze_, files);
    session_.run(judge_sql, {tickers_});
    const std::int64_t read = session_.value("SELECT count(*) FROM judged").integer();
    const std::int64_t rejected = quarantine();
    context_.progress(0.4);
    const std::int64_t changed = merge(read);
    context_.records(changed);
    context_.return_json(json_text({{"execution_id", context_.execution_id()},
                                    {"table", silver_quotes().name},
                                    {"records", changed},
                                    {"rows_read", read},
                                    {"quarantined", rejected}}));
    context_.info(std::to_string(read) + " bronze rows read, " + std::to_string(changed) +
                  " silver rows new or changed, " + std::to_string(rejected) + " quarantined");
  }

 private:
  // Returns how many rows went to quarantine.
  std::int64_t quarantine() {
    const std::string first =
        session_
            .value("SELECT CAST(min(\"ingest_date\") AS VARCHAR) FROM judged WHERE reason <> ''")
            .text();
    if (first.empty()) return 0;
    const auto table =
        lake::DeltaTable::open(lake::lake_folder(context_), quarantine_quotes().name);
    const std::string from = to_iso(*parse_iso(first) - quarantine_memory).substr(0, 10);
    view_of(session_, "quarantine_old", quarantine_quotes(), table,
            table.files([&](const AddFile& file) {
              return file.partition_values.at(quarantine_quotes().partition).value_or("") >= from;
            }));
    session_.run(quarantine_sql());
    const std::int64_t rows = session_.value("SELECT count(*) FROM rejected").integer();
    if (rows == 0) return 0;
    lake::StagedWrite write{
        table.folder(),
        quarantine_quotes().columns,
        quarantine_quotes().partition,
        "SELECT " + column_list(quarantine_quotes()) + " FROM rejected ORDER BY \"_ingested_at\"",
        {}};
    // Not a blind append: what is already there decides what is added.
    auto payload = publication_for(quarantine_quotes(), table, lakelog::Operation::append);
    payload.adds = lake::write_files(session_, write);
    payload.metrics_json = json_text({{"rows_out", rows}});
    lake::hand_in(context_, payload);
    return rows;
  }

  std::vector<AddFile> silver_files_of(const std::vector<std::string>& days) const {
    const std::set<std::string> wanted(days.begin(), days.end());
    return silver_.files([&wanted](const AddFile& file) {
      return wanted.count(file.partition_values.at(silver_quotes().partition).value_or("")) != 0;
    });
  }

  // Returns how many rows are new or changed.
  std::int64_t merge(std::int64_t rows_read) {
    session_.run(candidates_sql);
    const auto days = lake::first_column(
        session_.query("SELECT DISTINCT CAST(\"day\" AS VARCHAR) FROM candidates ORDER BY 1"));
    view_of(session_, "silver_old", silver_quotes(), silver_, silver_files_of(days));
    session_.run(changed_sql);
    const std::int64_t changed = session_.value("SELECT count(*) FROM changed").integer();
    if (changed == 0) return 0;
    session_.run(merged_sql, {context_.execution_id()});
    lake::check_quality(context_, session_, silver_quotes().name,
                        "(SELECT *, count(*) OVER (PARTITION BY \"ticker\", \"date\") AS copies "
                        "FROM merged)",
                        silver_rules());
    publish(days, changed, rows_read);
    return changed;
  }

  void publish(const std::vector<std::string>& days_read, std::int64_t changed,
               std::int64_t rows_read) {
    lake::StagedWrite write{
        silver_.folder(),
        silver_quotes().columns,
        silver_quotes().partition,
        "SELECT " + column_list(silver_quotes()) + " FROM merged ORDER BY \"ticker\", \"date\"",
        {}};
    auto payload = publication_for(silver_quotes(), silver_, lakelog::Operation::merge);
    payload.adds = lake::write_files(session_, write);
    const auto days = lake::first_column(
        session_.query("SELECT DISTINCT CAST(\"day\" AS VARCHAR) FROM changed ORDER BY 1"));
    for (const AddFile& file : silver_files_of(days)) payload.removes.push_back(removal_of(file));
    payload.read_partitions.emplace();
    for (const std::string& day : days_read)
      payload.read_partitions->push_back({{silver_quotes().partition, day}});
    payload.txns = {{silver_marker, bronze_.version()}};
    payload.metrics_json = json_text({{"rows_in", rows_read}, {"rows_out", changed}});
    lake::hand_in(context_, payload);
    context_.report("lineage", json_text({{"from", bronze_quotes().name},
                                          {"from_version", bronze_.version()},
                                          {"to", silver_quotes().name}}));
  }

  plugin::Context& context_;
  std::vector<std::string> tickers_;
  lake::Session session_;
  lake::DeltaTable bronze_;
  lake::DeltaTable silver_;
};

}  // namespace

struct FinancialSilver {
  static constexpr auto name = "financial_silver";
  static constexpr auto version = "1.0.0";
  static constexpr auto kind = "transform";
  static constexpr auto summary = "Quotes typed, validated and unique by ticker and date";
  static constexpr batuta_param params[] = {
      plugin::optional(BATUTA_PARAM_ARRAY, "tickers",
                       "the known papers; without it, those that the extract task asked for")};

  void execute(plugin::Context& context) {
    const Upstream upstream = check_upstream(context, bronze_quotes().name);
    auto tickers = context.texts("tickers");
    if (tickers.empty()) tickers = upstream.tickers;
    if (tickers.empty()) throw plugin::FinalError("neither parameter nor upstream names tickers");
    Transform(context, std::move(tickers)).run();
  }
};

}  // namespace batuta::financial

BATUTA_PLUGIN(batuta::financial::FinancialSilver)
