#include "plugins/financial/tables.h"

#include <nlohmann/json.hpp>

#include "common/safe_json.h"

namespace batuta::financial {
namespace {

using nlohmann::json;

const char* const price = "decimal(18,6)";

std::vector<lakelog::Column> with_source_columns(std::vector<lakelog::Column> more) {
  std::vector<lakelog::Column> columns;
  for (const std::string& name : source_columns()) columns.push_back({name, "string", true});
  columns.insert(columns.end(), more.begin(), more.end());
  return columns;
}

}  // namespace

const std::vector<std::string>& source_columns() {
  static const std::vector<std::string> names = {"date",  "ticker", "open", "adj_close",
                                                 "close", "high",   "low",  "volume"};
  return names;
}

const TableShape& bronze_quotes() {
  static const TableShape shape{"bronze/financial/quotes", "Market quotes as received, append only",
                                "ingest_date",
                                with_source_columns({{"_run_id", "string", true},
                                                     {"_task_id", "string", true},
                                                     {"_attempt", "integer", true},
                                                     {"_ingested_at", "timestamp", true},
                                                     {"_source_file", "string", true},
                                                     {"_record_no", "long", true},
                                                     {"_payload_sha256", "binary", true},
                                                     {"ingest_date", "date", true}})};
  return shape;
}

const TableShape& silver_quotes() {
  static const TableShape shape{"silver/financial/quotes",
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
                                 {"day", "date", true}}};
  return shape;
}

const TableShape& gold_hours() {
  static const TableShape shape{"gold/financial/financial_data_hour",
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
                                 {"day", "date", true}}};
  return shape;
}

const TableShape& quarantine_quotes() {
  static const TableShape shape{"quarantine/financial/quotes",
                                "Quotes that silver rejected, with reasons", "ingest_date",
                                with_source_columns({{"reason", "string", true},
                                                     {"run_id", "string", true},
                                                     {"_ingested_at", "timestamp", true},
                                                     {"ingest_date", "date", true}})};
  return shape;
}

Upstream check_upstream(const plugin::Context& context, const std::string& table) {
  auto parsed = parse_untrusted(context.upstreams_json());
  const json* found = nullptr;
  if (parsed && parsed->is_object()) {
    for (const auto& [task, value] : parsed->items()) {
      if (!value.is_object() || value.value("table", json()) != table) continue;
      if (found != nullptr) throw plugin::FinalError("two upstream tasks returned " + table);
      found = &value;
    }
  }
  if (found == nullptr)
    throw plugin::FinalError("no direct upstream task returned a result for " + table);
  if (found->value("execution_id", json()) != context.execution_id())
    throw plugin::FinalError("the upstream result for " + table + " is of another execution");
  const auto records = found->find("records");
  const auto count = records == found->end() ? std::nullopt : json_int(*records);
  if (!count || *count < 0)
    throw plugin::FinalError("the upstream result for " + table + " has no count of records");
  Upstream upstream;
  const auto tickers = found->find("tickers");
  if (tickers != found->end() && tickers->is_array()) {
    for (const json& ticker : *tickers)
      if (ticker.is_string()) upstream.tickers.push_back(ticker.get<std::string>());
  }
  return upstream;
}

lakelog::Payload publication_for(const TableShape& shape, const lake::DeltaTable& table,
                                 lakelog::Operation operation) {
  lakelog::Payload payload;
  payload.table = shape.name;
  payload.operation = operation;
  payload.read_version = table.version();
  payload.schema = shape.columns;
  payload.partition_columns = {shape.partition};
  payload.description = shape.description;
  return payload;
}

lakelog::RemoveFile removal_of(const lakelog::AddFile& file) {
  lakelog::RemoveFile remove;
  remove.path = file.path;
  remove.partition_values = file.partition_values;
  remove.size = file.size;
  return remove;
}

void view_of(lake::Session& session, const std::string& view, const TableShape& shape,
             const lake::DeltaTable& table, const std::vector<lakelog::AddFile>& files) {
  lake::create_view(session, view, table.folder(), shape.columns, {shape.partition}, files);
}

std::string column_list(const TableShape& shape, const std::string& prefix) {
  std::string out;
  for (const lakelog::Column& column : shape.columns)
    out += (out.empty() ? "" : ", ") + prefix + lake::quoted_name(column.name);
  return out;
}

}  // namespace batuta::financial
