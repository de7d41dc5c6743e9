#include "plugins/financial/tables.h"

#include "plugins/lake/layer/bronze_rows.h"

namespace batuta::financial {
namespace {

const char* const price = "decimal(18,6)";

}  // namespace

const std::vector<std::string>& source_columns() {
  static const std::vector<std::string> names = {"date",  "ticker", "open", "adj_close",
                                                 "close", "high",   "low",  "volume"};
  return names;
}

const lake::TableShape& bronze_quotes() {
  static const lake::TableShape shape{"bronze/financial/quotes",
                                      "Market quotes as received, append only",
                                      "ingest_date",
                                      lake::bronze_columns(source_columns()),
                                      {}};
  return shape;
}

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

const lake::TableShape& quarantine_quotes() {
  static const lake::TableShape shape = [] {
    std::vector<lakelog::Column> columns;
    for (const std::string& name : source_columns()) columns.push_back({name, "string", true});
    for (const char* name : {"reason", "run_id"}) columns.push_back({name, "string", true});
    columns.push_back({"_ingested_at", "timestamp", true});
    columns.push_back({"ingest_date", "date", true});
    return lake::TableShape{"quarantine/financial/quotes",
                            "Quotes that silver rejected, with reasons",
                            "ingest_date",
                            std::move(columns),
                            {}};
  }();
  return shape;
}

}  // namespace batuta::financial
