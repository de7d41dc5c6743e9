// financial_gold: silver by ticker and UTC hour.
#include <nlohmann/json.hpp>

#include "common/safe_json.h"
#include "plugins/lake/layer/aggregate.h"
#include "plugins/lake/layer/upstream.h"

namespace batuta::financial {
namespace {

const char* const price = "decimal(18,6)";

const lake::TableShape& silver_quotes() {
  static const lake::TableShape shape{
      "silver/financial/quotes",
      "Market quotes, typed, validated and unique by ticker and date",
      "day",
      {{"date", "timestamp", true},
       {"ticker", "string", true},
       {"open", price, true},
       {"high", price, true},
       {"low", price, true},
       {"close", price, true},
       {"adj_close", price, true},
       {"volume", "long", true},
       {"_ingested_at", "timestamp", true},
       {"execution_id", "string", true},
       {"day", "date", true}},
      {"ticker", "date"}};
  return shape;
}

const lake::TableShape& gold_hours() {
  static const lake::TableShape shape{"gold/financial/financial_data_hour",
                                      "Quotes by ticker and UTC hour",
                                      "day",
                                      {{"ticker", "string", true},
                                       {"date", "timestamp", true},
                                       {"volume", "long", true},
                                       {"open", price, true},
                                       {"high", price, true},
                                       {"low", price, true},
                                       {"close", price, true},
                                       {"vwap", price, true},
                                       {"return", price, true},
                                       {"trades", "long", true},
                                       {"execution_id", "string", true},
                                       {"day", "date", true}},
                                      {"ticker", "date"}};
  return shape;
}

const lake::AggregateSpec& hours() {
  static const lake::AggregateSpec spec{
      .source = silver_quotes(),
      .target = gold_hours(),
      .marker = "financial_gold/silver",
      // Exact integer arithmetic: a price is a count of millionths. half_even(n, d), d > 0, is n /
      // d rounded half-even; DuckDB's own division of decimals goes through a double.
      .prepare = {R"(CREATE TEMP MACRO half_even(n, d) AS
  CASE WHEN 2 * abs(n % d) > d OR (2 * abs(n % d) = d AND (n // d) % 2 <> 0)
       THEN n // d + sign(n) ELSE n // d END)",
                  R"(CREATE TEMP MACRO millionths(price) AS CAST(price * 1000000 AS HUGEINT))",
                  // NULL when the number does not fit a price.
                  R"(CREATE TEMP MACRO to_price(n) AS TRY_CAST(
  TRY_CAST(n AS DECIMAL(24, 0)) * CAST('0.000001' AS DECIMAL(7, 6)) AS DECIMAL(18, 6)))"},
      .select = R"(
WITH sums AS (
  SELECT "ticker", date_trunc('hour', "date") AS "date", CAST(sum("volume") AS BIGINT) AS "volume",
         arg_min("open", s."date") AS "open", max("high") AS "high", min("low") AS "low",
         arg_max("close", s."date") AS "close",
         sum(millionths("high" + "low" + "close") * CAST("volume" AS HUGEINT)) AS money,
         CAST(count(*) AS BIGINT) AS "trades"
  FROM source_rows s GROUP BY ALL)
SELECT "ticker", "date", "volume", "open", "high", "low", "close",
       CASE WHEN "volume" > 0
            THEN to_price(half_even(money, 3 * CAST("volume" AS HUGEINT))) END AS "vwap",
       CASE WHEN "open" > 0
            THEN to_price(half_even((millionths("close") - millionths("open")) * 1000000,
                                    millionths("open"))) END AS "return",
       "trades", CAST("date" AS DATE) AS "day"
FROM sums)",
      .quality = {{"unique_ticker_hour", "uniqueness", "copies > 1"},
                  {"vwap_inside_range", "validity", "\"vwap\" NOT BETWEEN \"low\" AND \"high\""},
                  {"trades_positive", "validity", "\"trades\" <= 0"}},
      .order = {"ticker", "execution_id", "date"}};
  return spec;
}

}  // namespace

struct FinancialGold {
  static constexpr auto name = "financial_gold";
  static constexpr auto version = "1.0.0";
  static constexpr auto kind = "aggregate";
  static constexpr auto summary = "Quotes by ticker and hour, with vwap and return";

  void execute(plugin::Context& context) {
    (void)lake::check_upstream(context, silver_quotes().name);
    const lake::AggregateResult result = lake::aggregate(context, hours());
    context.records(result.changed);
    context.return_json(json_text({{"execution_id", context.execution_id()},
                                   {"table", gold_hours().name},
                                   {"records", result.changed},
                                   {"days", result.partitions}}));
    context.info(std::to_string(result.changed) + " hours new or changed in " +
                 std::to_string(result.partitions) + " days");
  }
};

}  // namespace batuta::financial

BATUTA_PLUGIN(batuta::financial::FinancialGold)
