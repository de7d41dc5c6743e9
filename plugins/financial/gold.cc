// financial_gold: silver by ticker and UTC hour.
//
// What is read: the silver days that changed since gold's progress marker, and those that hold rows
// of this execution. Their hours are computed anew and compared with gold: only days with a
// difference are rewritten, and equal rows keep their old execution_id.
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

// Exact integer arithmetic: a price is a count of millionths. half_even(n, d), d > 0, is n / d
// rounded half-even; DuckDB's own division of decimals goes through a double.
constexpr const char* macros_sql[] = {
    R"(CREATE TEMP MACRO half_even(n, d) AS
  CASE WHEN 2 * abs(n % d) > d OR (2 * abs(n % d) = d AND (n // d) % 2 <> 0)
       THEN n // d + sign(n) ELSE n // d END)",
    R"(CREATE TEMP MACRO millionths(price) AS CAST(price * 1000000 AS HUGEINT))",
    // NULL when the number does not fit a price.
    R"(CREATE TEMP MACRO to_price(n) AS TRY_CAST(
  TRY_CAST(n AS DECIMAL(24, 0)) * CAST('0.000001' AS DECIMAL(7, 6)) AS DECIMAL(18, 6)))"};

constexpr const char* hours_sql = R"(
CREATE TEMP TABLE hours AS
WITH sums AS (
  SELECT "ticker", date_trunc('hour', "date") AS "date", CAST(sum("volume") AS BIGINT) AS "volume",
         arg_min("open", s."date") AS "open", max("high") AS "high", min("low") AS "low",
         arg_max("close", s."date") AS "close",
         sum(millionths("high" + "low" + "close") * CAST("volume" AS HUGEINT)) AS money,
         CAST(count(*) AS BIGINT) AS "trades"
  FROM silver_rows s GROUP BY ALL)
SELECT "ticker", "date", "volume", "open", "high", "low", "close",
       CASE WHEN "volume" > 0
            THEN to_price(half_even(money, 3 * CAST("volume" AS HUGEINT))) END AS "vwap",
       CASE WHEN "open" > 0
            THEN to_price(half_even((millionths("close") - millionths("open")) * 1000000,
                                    millionths("open"))) END AS "return",
       "trades", CAST("date" AS DATE) AS "day"
FROM sums)";

// Every hour of the touched days, with the execution that last wrote it; `changed` marks new ones.
constexpr const char* compared_sql = R"(
CREATE TEMP TABLE compared AS
SELECT n.*, NOT coalesce(
         n."volume" = o."volume" AND n."open" = o."open" AND n."high" = o."high" AND
         n."low" = o."low" AND n."close" = o."close" AND n."trades" = o."trades" AND
         n."vwap" IS NOT DISTINCT FROM o."vwap" AND n."return" IS NOT DISTINCT FROM o."return",
         false) AS changed,
       CASE WHEN changed THEN $1 ELSE o."execution_id" END AS "execution_id"
FROM hours n LEFT JOIN gold_old o ON o."ticker" = n."ticker" AND o."date" = n."date")";

// Days to rewrite: an hour is new or differs, or gold has one that silver no longer supports.
constexpr const char* changed_days_sql = R"(
SELECT CAST("day" AS VARCHAR) FROM compared WHERE changed
UNION SELECT CAST(o."day" AS VARCHAR) FROM gold_old o
  ANTI JOIN hours n ON o."ticker" = n."ticker" AND o."date" = n."date"
ORDER BY 1)";

const std::vector<lake::QualityRule>& gold_rules() {
  static const std::vector<lake::QualityRule> rules = {
      {"unique_ticker_hour", "uniqueness", "copies > 1"},
      {"vwap_inside_range", "validity", "\"vwap\" NOT BETWEEN \"low\" AND \"high\""},
      {"trades_positive", "validity", "\"trades\" <= 0"}};
  return rules;
}

std::string day_of(const AddFile& file) {
  return file.partition_values.at("day").value_or("");
}

class Aggregate {
 public:
  explicit Aggregate(plugin::Context& context)
      : context_(context),
        session_(lake::session_options(context)),
        silver_(lake::DeltaTable::open(lake::lake_folder(context), silver_quotes().name)),
        gold_(lake::DeltaTable::open(lake::lake_folder(context), gold_hours().name)) {
    for (const char* macro : macros_sql) session_.run(macro);
  }

  void run() {
    const std::set<std::string> days = touched_days();
    const auto in_days = [&days](const AddFile& file) { return days.count(day_of(file)) != 0; };
    view_of(session_, "silver_rows", silver_quotes(), silver_, silver_.files(in_days));
    view_of(session_, "gold_old", gold_hours(), gold_, gold_.files(in_days));
    session_.run(hours_sql);
    context_.progress(0.5);
    session_.run(compared_sql, {context_.execution_id()});
    const std::int64_t changed =
        session_.value("SELECT count(*) FILTER (changed) FROM compared").integer();
    const auto changed_days = lake::first_column(session_.query(changed_days_sql));
    if (!changed_days.empty()) publish(days, changed_days, changed);
    context_.records(changed);
    context_.return_json(json_text({{"execution_id", context_.execution_id()},
                                    {"table", gold_hours().name},
                                    {"records", changed},
                                    {"days", changed_days.size()}}));
    context_.info(std::to_string(changed) + " hours new or changed in " +
                  std::to_string(changed_days.size()) + " days");
  }

 private:
  std::set<std::string> touched_days() const {
    const auto fresh = silver_.added_since(gold_.marker(gold_marker));
    std::set<std::string> days;
    for (const AddFile& file : silver_.files([&](const AddFile& each) {
           return fresh.count(each.path) != 0 ||
                  lake::may_hold_text(each, "execution_id", context_.execution_id());
         }))
      days.insert(day_of(file));
    return days;
  }

  void publish(const std::set<std::string>& days_read, const std::vector<std::string>& days,
               std::int64_t changed) {
    const std::string wanted = "list_contains($1, CAST(\"day\" AS VARCHAR))";
    session_.run("CREATE TEMP TABLE merged AS SELECT " + column_list(gold_hours()) +
                     " FROM compared WHERE " + wanted,
                 {days});
    lake::check_quality(context_, session_, gold_hours().name,
                        "(SELECT *, count(*) OVER (PARTITION BY \"ticker\", \"date\") AS copies "
                        "FROM merged)",
                        gold_rules());
    lake::StagedWrite write{gold_.folder(),
                            gold_hours().columns,
                            gold_hours().partition,
                            "SELECT " + column_list(gold_hours()) +
                                " FROM merged ORDER BY \"ticker\", \"execution_id\", \"date\"",
                            {}};
    auto payload = publication_for(gold_hours(), gold_, lakelog::Operation::merge);
    payload.adds = lake::write_files(session_, write);
    const std::set<std::string> rewritten(days.begin(), days.end());
    for (const AddFile& file :
         gold_.files([&](const AddFile& each) { return rewritten.count(day_of(each)) != 0; }))
      payload.removes.push_back(removal_of(file));
    payload.read_partitions.emplace();
    for (const std::string& day : days_read) payload.read_partitions->push_back({{"day", day}});
    payload.txns = {{gold_marker, silver_.version()}};
    payload.metrics_json = json_text({{"rows_out", changed}});
    lake::hand_in(context_, payload);
    context_.report("lineage", json_text({{"from", silver_quotes().name},
                                          {"from_version", silver_.version()},
                                          {"to", gold_hours().name}}));
  }

  plugin::Context& context_;
  lake::Session session_;
  lake::DeltaTable silver_;
  lake::DeltaTable gold_;
};

}  // namespace

struct FinancialGold {
  static constexpr auto name = "financial_gold";
  static constexpr auto version = "1.0.0";
  static constexpr auto kind = "aggregate";
  static constexpr auto summary = "Quotes by ticker and hour, with vwap and return";

  void execute(plugin::Context& context) {
    (void)check_upstream(context, silver_quotes().name);
    Aggregate(context).run();
  }
};

}  // namespace batuta::financial

BATUTA_PLUGIN(batuta::financial::FinancialGold)
