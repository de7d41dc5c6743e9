// financial_silver: bronze text becomes typed, validated rows, one per (ticker, date).
#include "plugins/financial/tables.h"
#include "plugins/lake/layer/transform.h"
#include "plugins/lake/layer/upstream.h"

namespace batuta::financial {
namespace {

const lake::TransformSpec& quotes() {
  static const lake::TransformSpec spec{
      .source = bronze_quotes(),
      .target = silver_quotes(),
      .quarantine = quarantine_quotes(),
      .marker = "financial_silver/bronze",
      .typed = {{"date", "batuta_instant(\"date\")"},
                {"ticker", "\"ticker\""},
                {"open", "batuta_price(\"open\")"},
                {"high", "batuta_price(\"high\")"},
                {"low", "batuta_price(\"low\")"},
                {"close", "batuta_price(\"close\")"},
                {"adj_close", "batuta_price(\"adj_close\")"},
                {"volume", "batuta_whole(\"volume\")"}},
      .partition_sql = "CAST(new_date AS DATE)",
      .time_column = "date",
      .reasons =
          {{"missing_key",
            "coalesce(trim(\"ticker\"), '') = '' OR coalesce(trim(\"date\"), '') = ''"},
           {"bad_date", "trim(\"date\") <> '' AND new_date IS NULL"},
           {"future_date", "new_date > \"_ingested_at\" + INTERVAL 5 MINUTE"},
           {"unknown_ticker", "trim(\"ticker\") <> '' AND NOT asked_for"},
           {"bad_number",
            "new_open IS NULL OR new_high IS NULL OR new_low IS NULL OR new_close IS NULL OR "
            "new_volume IS NULL OR (\"adj_close\" IS NOT NULL AND new_adj_close IS NULL)"},
           {"negative_volume", "new_volume < 0"},
           {"volume_out_of_range", "new_volume > 1000000000000000"},
           {"high_below_low", "new_high < new_low"},
           {"open_outside_range",
            "new_high >= new_low AND (new_open < new_low OR new_open > new_high)"},
           {"close_outside_range",
            "new_high >= new_low AND (new_close < new_low OR new_close > new_high)"}},
      .asked = lake::Asked{"tickers", "ticker"},
      .raw_columns = source_columns(),
      .quality = {{"unique_ticker_date", "uniqueness", "copies > 1"},
                  {"key_present", "completeness", "\"ticker\" IS NULL OR \"date\" IS NULL"},
                  {"high_not_below_low", "validity", "\"high\" < \"low\""},
                  {"open_and_close_inside_range", "validity",
                   "\"open\" NOT BETWEEN \"low\" AND \"high\" OR "
                   "\"close\" NOT BETWEEN \"low\" AND \"high\""},
                  {"volume_not_negative", "validity", "\"volume\" < 0"}}};
  return spec;
}

}  // namespace

struct FinancialSilver {
  static constexpr auto name = "financial_silver";
  static constexpr auto version = "1.0.0";
  static constexpr auto kind = "transform";
  static constexpr auto summary = "Quotes typed, validated and unique by ticker and date";
  static constexpr batuta_param params[] = {
      plugin::optional(BATUTA_PARAM_ARRAY, "tickers",
                       "the known papers for this run's rows; without it, those that its extract "
                       "task asked for. Rows of other runs are judged by what those asked for")};

  void execute(plugin::Context& context) {
    const lake::Upstream upstream = lake::check_upstream(context, bronze_quotes().name);
    lake::OwnList own{context.texts("tickers"), true};
    if (own.values.empty()) own = {upstream.texts("tickers"), false};
    lake::tell(context, quotes(), lake::transform(context, quotes(), own));
  }
};

}  // namespace batuta::financial

BATUTA_PLUGIN(batuta::financial::FinancialSilver)
