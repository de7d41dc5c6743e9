#include "plugins/lake/layer/bronze_rows.h"

#include <nlohmann/json.hpp>

#include "common/safe_json.h"
#include "plugins/lake/attempt_session.h"
#include "plugins/lake/layer/partition_batches.h"
#include "plugins/lake/rescued.h"

namespace batuta::lake {
namespace {

// Of the engine's memory, what waiting texts may take: they are copied when they are sorted.
constexpr std::int64_t memory_share = 4;

// What Appender::as_value() knows.
bool is_read_here(const std::string& type) {
  return type == "long" || type == "double" || type == "boolean" || type == "date" ||
         type == "timestamp";
}

}  // namespace

std::vector<lakelog::Column> bronze_columns(const std::vector<std::string>& source_columns) {
  std::vector<lakelog::Column> columns;
  columns.reserve(source_columns.size() + 8);
  for (const std::string& name : source_columns) columns.push_back({name, "string", true});
  for (const auto& [name, type] : {std::pair{"_run_id", "string"},
                                   {"_task_id", "string"},
                                   {"_attempt", "integer"},
                                   {"_ingested_at", "timestamp"},
                                   {"_source_file", "string"},
                                   {"_record_no", "long"},
                                   {"_payload_sha256", "binary"},
                                   {"ingest_date", "date"}})
    columns.push_back({name, type, true});
  return columns;
}

std::string system_columns_sql(const std::string& ingested, const std::string& source_file,
                               const std::string& record_no, const std::string& payload,
                               int first) {
  const auto parameter = [&](int n) { return "$" + std::to_string(first + n); };
  return parameter(0) + " AS _run_id, " + parameter(1) + " AS _task_id, CAST(" + parameter(2) +
         " AS INTEGER) AS _attempt, " + ingested + " AS _ingested_at, " + source_file +
         " AS _source_file, " + record_no + " AS _record_no, batuta_sha256(" + payload +
         ") AS _payload_sha256, CAST(" + ingested + " AS DATE) AS ingest_date";
}

void mark_snapshot(Publication& version, const DeltaTable& table, bool whole) {
  if (whole || table.marker(snapshot_marker) == 1)
    version.set_marker(snapshot_marker, whole ? 1 : 0);
}

BronzeRows::BronzeRows(plugin::Context& context, Session& session, const TableShape& shape,
                       std::vector<std::string> source_columns, std::set<std::string> typed)
    : context_(context),
      session_(session),
      shape_(shape),
      source_columns_(std::move(source_columns)),
      typed_(std::move(typed)),
      table_(DeltaTable::open(session, lake_folder(context), shape.name)),
      version_(shape_, table_, lakelog::Operation::append) {
  version_.set_blind();
  session.register_text_functions();  // for the hash of each record
  for (const std::string& name : source_columns_) {
    const std::string type = column_type(shape_.columns, name);
    const bool is_read = typed_.count(name) != 0 && is_read_here(type);
    if (is_read) read_.insert(name);
    types_.push_back(is_read ? type : "");
  }
  begin();
}

void BronzeRows::begin() {
  std::string columns;
  for (std::size_t i = 0; i < source_columns_.size(); ++i) {
    const std::string& name = source_columns_[i];
    columns +=
        quoted_name(name) + " " + (types_[i].empty() ? "VARCHAR" : sql_type(types_[i])) + ", ";
    if (!types_[i].empty()) columns += quoted_name(undecided_column(name)) + " VARCHAR, ";
  }
  session_.run("CREATE OR REPLACE TEMP TABLE received (" + columns +
               "_payload VARCHAR, _ingested_us BIGINT, _source VARCHAR, _number BIGINT)");
  rows_.emplace(session_, "received");
}

void BronzeRows::put(std::size_t column, std::optional<std::string_view> field) {
  const std::string& type = types_[column];
  if (type.empty()) return rows_->text(field);
  const bool is_value = field && rows_->as_value(type, *field);
  if (!is_value) rows_->null();
  rows_->text(is_value ? std::nullopt : field);
}

void BronzeRows::add(std::span<const std::optional<std::string>> fields, std::string_view payload,
                     const std::string& source_file, Time ingested) {
  const std::vector<std::optional<std::string_view>> views(fields.begin(), fields.end());
  add(views, payload, source_file, ingested);
}

void BronzeRows::add(std::span<const std::optional<std::string_view>> fields,
                     std::string_view payload, const std::string& source_file, Time ingested) {
  for (std::size_t i = 0; i < fields.size(); ++i) {
    const auto& field = fields[i];
    put(i, field);
    if (field) waiting_bytes_ += static_cast<std::int64_t>(field->size());
  }
  rows_->text(payload);
  rows_->integer(ingested.time_since_epoch().count());
  rows_->text(source_file);
  rows_->integer(++count_);
  rows_->end_row();
  ++waiting_;
  waiting_bytes_ += static_cast<std::int64_t>(payload.size() + source_file.size());
  if (waiting_ < batch_rows(session_) && waiting_bytes_ < session_.memory_bytes() / memory_share)
    return;
  write();
  begin();
}

void BronzeRows::write() {
  rows_->close();
  if (waiting_ > 0)
    version_.stage(session_,
                   "SELECT " + column_list(shape_) + " FROM (SELECT " +
                       from_texts_sql(source_columns_, shape_.columns, typed_, read_) + ", " +
                       system_columns_sql("make_timestamptz(_ingested_us)", "_source", "_number",
                                          "_payload", 2) +
                       " FROM received)",
                   {"_record_no"},
                   {context_.execution_id(), context_.task_id(), context_.try_number()});
  session_.run("DROP TABLE received");
  rows_.reset();
  waiting_ = waiting_bytes_ = 0;
}

void BronzeRows::set_snapshot(bool whole) {
  mark_snapshot(version_, table_, whole);
}

void BronzeRows::finish(const std::string& metrics_json) {
  write();
  nlohmann::json metrics = {{"rows_out", count_}};
  if (!metrics_json.empty()) {
    const auto further = parse_untrusted(metrics_json);
    if (further) metrics.update(*further);
  }
  if (!version_.empty()) version_.hand_in(context_, json_text(metrics));
}

}  // namespace batuta::lake
