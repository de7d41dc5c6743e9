#include "plugins/lake/layer/bronze_rows.h"

#include <nlohmann/json.hpp>

#include "common/safe_json.h"
#include "plugins/lake/attempt_session.h"
#include "plugins/lake/layer/partition_batches.h"

namespace batuta::lake {
namespace {

// Of the engine's memory, what waiting texts may take: they are copied when they are sorted.
constexpr std::int64_t memory_share = 4;

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

BronzeRows::BronzeRows(plugin::Context& context, Session& session, const TableShape& shape,
                       std::vector<std::string> source_columns)
    : context_(context),
      session_(session),
      shape_(shape),
      source_columns_(std::move(source_columns)),
      table_(DeltaTable::open(session, lake_folder(context), shape.name)),
      version_(shape_, table_, lakelog::Operation::append) {
  version_.set_blind();
  begin();
}

void BronzeRows::begin() {
  std::string columns;
  for (const std::string& name : source_columns_) columns += quoted_name(name) + " VARCHAR, ";
  session_.run("CREATE OR REPLACE TEMP TABLE received (" + columns +
               "payload VARCHAR, ingested_us BIGINT, source_file VARCHAR, record_no BIGINT)");
  rows_.emplace(session_, "received");
}

void BronzeRows::add(std::span<const std::optional<std::string>> fields, const std::string& payload,
                     const std::string& source_file, Time ingested) {
  for (const auto& field : fields) {
    rows_->text(field);
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
    version_.stage(
        session_,
        "SELECT " + column_list(source_columns_) +
            ", $2 AS _run_id, $3 AS _task_id, CAST($4 AS INTEGER) AS _attempt, "
            "make_timestamptz(ingested_us) AS _ingested_at, source_file AS _source_file, "
            "record_no AS _record_no, unhex(sha256(payload)) AS _payload_sha256, "
            "CAST(make_timestamptz(ingested_us) AS DATE) AS ingest_date "
            "FROM received",
        {"_record_no"}, {context_.execution_id(), context_.task_id(), context_.try_number()});
  session_.run("DROP TABLE received");
  rows_.reset();
  waiting_ = waiting_bytes_ = 0;
}

void BronzeRows::finish() {
  write();
  if (!version_.empty()) version_.hand_in(context_, json_text({{"rows_out", count_}}));
}

}  // namespace batuta::lake
