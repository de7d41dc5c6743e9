// A topic into bronze. Which records are new is told by the offsets that lie in bronze's own commit
// (progress markers), so that an attempt that is killed, tried again or refused takes nothing twice
// and loses nothing: rows and offsets are one publication.
#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>

#include "common/exact_json.h"
#include "plugins/contract/dead_letters.h"
#include "plugins/contract/record_text.h"
#include "plugins/contract/sources.h"
#include "plugins/contract/stream_progress.h"
#include "plugins/contract/stream_record.h"
#include "plugins/lake/appender.h"
#include "plugins/lake/attempt_session.h"
#include "plugins/lake/layer/bronze_rows.h"
#include "plugins/lake/layer/partition_batches.h"

namespace batuta::from_contract {
namespace {

using nlohmann::json;

// One raw file's worth: each is made durable by itself, and each fetch asks what the partitions
// hold.
constexpr std::size_t records_a_fetch = 50'000;
constexpr std::size_t bytes_a_fetch = std::size_t{16} << 20;
// Rows from which on all threads are worth their start, and what they may sort of the engine's
// memory.
constexpr std::int64_t rows_for_all = 250'000;
constexpr std::int64_t share_to_sort = 5;
// Of the engine's memory, what waiting texts may take.
constexpr std::int64_t share_of_memory = 4;

class StreamReader {
 public:
  explicit StreamReader(Extraction& extraction)
      : to_(extraction),
        source_(extraction.described.table.source),
        stream_(open_stream(extraction.context, extraction.described)),
        table_(lake::DeltaTable::open(extraction.session, lake::lake_folder(extraction.context),
                                      extraction.bronze.name)),
        version_(extraction.bronze, table_, lakelog::Operation::append),
        dead_(extraction),
        flat_(names_of(extraction.described)) {
    version_.set_blind();
    dead_.send_to(*stream_);
    limits_.bytes = static_cast<std::size_t>(source_.max_record_bytes);
    limits_.string_bytes = limits_.bytes;
    limits_.tokens = 2'000'000;
  }

  std::int64_t run() {
    const auto spans = stream_->offsets(source_.table);
    if (!spans) fail_by(spans.error());
    spans_ = *spans;
    before_ = taken_by(table_, source_.table, spans_);
    note_progress(to_.context, to_.described, table_, *stream_);
    next_ = start();
    read();
    finish();
    return rows_;
  }

 private:
  static std::vector<std::string> names_of(const Described& described) {
    std::vector<std::string> names;
    for (const contract::Column& column : described.table.columns)
      names.push_back(column.source_name);
    return names;
  }

  // A partition that bronze knows goes on there. One that is new beside others begins at its
  // beginning; where none is known the contract says where.
  stream::Offsets start() const {
    stream::Offsets from;
    const bool at_end = before_.empty() && source_.start == "latest";
    for (const auto& [partition, span] : spans_) {
      const auto known = before_.find(partition);
      from[partition] = known != before_.end() ? known->second : at_end ? span.next : span.first;
      if (known == before_.end() && !before_.empty())
        to_.context.info("partition " + std::to_string(partition) + " is new");
    }
    return from;
  }

  bool all_read() const {
    return std::all_of(next_.begin(), next_.end(),
                       [&](const auto& one) { return one.second >= spans_.at(one.first).next; });
  }

  // What was there when the run began, within its bounds; what came since is the next run's.
  void read() {
    const auto begun = std::chrono::steady_clock::now();
    stream::FetchLimits limits;
    limits.on_gap = stream::parse_on_gap(source_.on_gap).value_or(stream::OnGap::fail);
    for (bool first = true;; first = false) {
      to_.context.check_cancelled();
      if (!first && all_read()) return;
      const std::int64_t records = source_.max_records - read_, bytes = source_.max_bytes - bytes_;
      if (records <= 0 || bytes <= 0 ||
          std::chrono::steady_clock::now() - begun >= source_.max_time) {
        to_.context.info("this run's bounds are reached; the next one goes on");
        return;
      }
      limits.records = static_cast<std::size_t>(
          std::min<std::int64_t>(records, static_cast<std::int64_t>(records_a_fetch)));
      limits.bytes = static_cast<std::size_t>(
          std::min<std::int64_t>(bytes, static_cast<std::int64_t>(bytes_a_fetch)));
      const auto batch = stream_->fetch(source_.table, next_, limits);
      if (!batch) fail_by(batch.error());
      for (const stream::Gap& gap : batch->gaps) {
        to_.context.warn("topic " + source_.table + ", " + stream::to_text(gap) + "; going on at " +
                         std::to_string(gap.taken) + " (batuta.onGap: " + source_.on_gap + ")");
        ++to_.told["gaps"];
      }
      take(batch->records);
      next_ = batch->next;
      if (batch->at_end) return;
    }
  }

  void take(const std::vector<stream::Record>& records) {
    if (records.empty()) return;
    const auto now = std::chrono::time_point_cast<Duration>(std::chrono::system_clock::now());
    std::string landed;
    for (const stream::Record& record : records) {
      append_landed(landed, record);
      landed += '\n';
    }
    // What is written together is of one day, and so of one partition of bronze.
    std::string day = to_iso(now).substr(0, 10);
    if (day != day_) write();
    day_ = std::move(day);
    files_.push_back(to_.landing.add(landed, "jsonl"));
    for (const stream::Record& record : records) {
      ++read_;
      bytes_ += static_cast<std::int64_t>(stream::size_of(record));
      if (!record.value) {
        ++to_.told["tombstones"];
        continue;
      }
      if (const auto fault = read_fields(record)) {
        dead_.add(record, *fault);
      } else {
        add(record, now);
      }
    }
  }

  // Why the record is none of the contract's; else fields_ are its columns' texts, valid until the
  // next one is read.
  std::optional<Fault> read_fields(const stream::Record& record) {
    if (record.value->size() > limits_.bytes)
      return Fault{"too_large", std::to_string(record.value->size()) +
                                    " bytes, the contract takes " + std::to_string(limits_.bytes) +
                                    " (batuta.maxRecordBytes)"};
    if (!flat_.read(*record.value, fields_)) {
      if (auto fault = read_slowly(*record.value)) return fault;
    }
    const auto& columns = to_.described.table.columns;
    for (std::size_t i = 0; i < columns.size(); ++i) {
      if (!fields_[i] && (columns[i].required || columns[i].key_position > 0))
        return Fault{"missing_" + columns[i].name,
                     "it has no " + columns[i].source_name + ", which the contract requires"};
    }
    return std::nullopt;
  }

  std::optional<Fault> read_slowly(const std::string& value) {
    const auto body = parse_untrusted_exact(value, limits_);
    if (!body) {
      return Fault{body.error().code == Errc::too_large ? "too_large" : "not_json",
                   body.error().message};
    }
    if (!body->is_object())
      return Fault{"not_an_object",
                   "the message is JSON, but no object: " + std::string(body->type_name())};
    const auto& columns = to_.described.table.columns;
    texts_.clear();
    for (const contract::Column& column : columns)
      texts_.push_back(record_text(*body, column.source_name));
    fields_.assign(texts_.begin(), texts_.end());
    return std::nullopt;
  }

  void add(const stream::Record& record, Time now) {
    if (!waiting_rows_) begin();
    for (const auto& field : fields_) {
      waiting_rows_->text(field);
      if (field) waiting_bytes_ += static_cast<std::int64_t>(field->size());
    }
    waiting_rows_->text(*record.value);
    waiting_rows_->integer(now.time_since_epoch().count());
    waiting_rows_->integer(static_cast<std::int64_t>(files_.size()));
    waiting_rows_->integer(++rows_);
    waiting_rows_->integer(record.partition);
    waiting_rows_->integer(record.offset);
    waiting_rows_->end_row();
    ++waiting_;
    waiting_bytes_ += static_cast<std::int64_t>(record.value->size());
    if (waiting_ >= lake::batch_rows(to_.session) ||
        waiting_bytes_ >= to_.session.memory_bytes() / share_of_memory)
      write();
  }

  void begin() {
    std::string columns;
    for (const contract::Column& column : to_.described.table.columns)
      columns += lake::quoted_name(column.name) + " VARCHAR, ";
    to_.session.run("CREATE OR REPLACE TEMP TABLE taken (" + columns +
                    "_payload VARCHAR, _ingested_us BIGINT, _file BIGINT, _number BIGINT, _part "
                    "BIGINT, _at BIGINT)");
    waiting_rows_.emplace(to_.session, "taken");
  }

  // Of rows enough for all threads: a guess that is too high rather than too low, for what is
  // written of a message's text is its hash. 0: one thread writes them.
  std::int64_t bytes_together() const {
    const bool fit = waiting_bytes_ <= to_.session.memory_bytes() / share_to_sort;
    return waiting_ >= rows_for_all && fit ? waiting_bytes_ : 0;
  }

  // A row has its file's number, not its name, which is as long as a message.
  void write() {
    if (!waiting_rows_) return;
    waiting_rows_->close();
    version_.stage(
        to_.session,
        "SELECT " + lake::column_list(to_.bronze) + " FROM (SELECT " +
            lake::column_list(to_.described.columns()) + ", " +
            lake::system_columns_sql("make_timestamptz(_ingested_us)",
                                     "list_extract(CAST($5 AS VARCHAR[]), _file)", "_number",
                                     "_payload", 2) +
            ", CAST(_part AS INTEGER) AS _source_partition, _at AS _source_offset FROM taken)",
        {"_source_partition", "_source_offset"},
        {to_.context.execution_id(), to_.context.task_id(), to_.context.try_number(), files_},
        lakelog::PartitionValues{{to_.bronze.partition, day_}}, bytes_together());
    to_.session.run("DROP TABLE taken");
    waiting_rows_.reset();
    waiting_ = waiting_bytes_ = 0;
    // Of the file at hand more rows may come.
    if (files_.size() > 1) files_.erase(files_.begin(), files_.end() - 1);
  }

  // Rows, dead letters and how far both go are handed in together; nothing new is no version.
  void finish() {
    write();
    std::int64_t lag = 0;
    stream::Offsets moved;
    json offsets = json::object();
    for (const auto& [partition, next] : next_) {
      lag += std::max<std::int64_t>(0, spans_.at(partition).next - next);
      const auto known = before_.find(partition);
      if (known != before_.end() && known->second == next) continue;
      version_.set_marker(marker_of(source_.table, partition), next);
      moved[partition] = next;
      offsets[std::to_string(partition)] = next;
    }
    dead_.finish(*stream_, moved);
    if (dead_.count() > 0) {
      to_.told["dead_letters"] = dead_.count();
      to_.context.warn(std::to_string(dead_.count()) + " of " + std::to_string(read_) +
                       " records went to dlq/" + to_.described.path);
    }
    if (const auto found = to_.told.find("tombstones"); found != to_.told.end())
      to_.context.info(std::to_string(found->second) +
                       " tombstones: kept in raw, they take no row away");
    to_.told["lag"] = lag;
    if (offsets.empty()) return;
    json metrics = {{"rows_out", rows_},
                    {"dead_letters", dead_.count()},
                    {"stream", {{"topic", source_.table}, {"next", std::move(offsets)}}}};
    if (const auto own = parse_untrusted(to_.described.metrics_json())) metrics.update(*own);
    version_.hand_in(to_.context, json_text(metrics));
  }

  Extraction& to_;
  const contract::Source& source_;
  std::unique_ptr<stream::Stream> stream_;
  lake::DeltaTable table_;
  lake::Publication version_;
  DeadLetters dead_;
  JsonLimits limits_;
  stream::Spans spans_;            // when the run began
  stream::Offsets before_, next_;  // by bronze's markers; where this run ends
  std::optional<lake::Appender> waiting_rows_;
  FlatReader flat_;
  std::vector<std::optional<std::string_view>> fields_;  // of the record at hand
  std::vector<std::optional<std::string>> texts_;        // what some of them are views of
  std::vector<std::string> files_;                       // of raw, that waiting rows came from
  std::string day_;                                      // when they came
  std::int64_t rows_ = 0, read_ = 0, bytes_ = 0, waiting_ = 0, waiting_bytes_ = 0;
};

}  // namespace

std::int64_t receive_stream(Extraction& extraction) {
  if (!lake::branch_of(extraction.context).empty())
    throw plugin::FinalError(
        "a topic cannot be read on a branch of the lake: what is wrong with its records is sent to "
        "the topic's dead letters, which are everybody's; bronze is read as the lake has it: name "
        "the tasks behind it in \"only\"");
  const TellsBrokerErrors tells(extraction.context);
  return StreamReader(extraction).run();
}

}  // namespace batuta::from_contract
