#include "plugins/contract/dead_letters.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <nlohmann/json.hpp>

#include "common/safe_json.h"
#include "common/text.h"
#include "plugins/contract/stream_progress.h"
#include "plugins/lake/attempt_session.h"

namespace batuta::from_contract {
namespace {

using nlohmann::json;

constexpr std::size_t letters_together = 1000;
constexpr std::size_t letter_bytes_together = std::size_t{8} << 20;
constexpr std::size_t staged_bytes_together = std::size_t{64} << 20;

Time instant() {
  return std::chrono::time_point_cast<Duration>(std::chrono::system_clock::now());
}

lake::TableShape letters_shape(const Described& described) {
  lake::TableShape shape{"dlq/" + described.path,
                         "Records of the topic " + described.table.source.table +
                             " that could not become rows, whole, with the reason",
                         "ingest_date",
                         {},
                         {}};
  for (const auto& [name, type] : {std::pair{"_source_topic", "string"},
                                   {"_source_partition", "integer"},
                                   {"_source_offset", "long"},
                                   {"key", "string"},
                                   {"value", "string"},
                                   {"encoding", "string"},
                                   {"headers", "string"},
                                   {"reason", "string"},
                                   {"message", "string"},
                                   {"first_seen", "timestamp"},
                                   {"moved_at", "timestamp"},
                                   {"attempt", "integer"},
                                   {"contract_version", "string"},
                                   {"_run_id", "string"},
                                   {"_task_id", "string"},
                                   {"ingest_date", "date"}})
    shape.columns.push_back({name, type, true});
  return shape;
}

const std::string* header(const stream::Record& record, std::string_view name) {
  for (const stream::Header& one : record.headers) {
    if (one.name == name) return &one.value;
  }
  return nullptr;
}

// How often it was tried, and since when it is known: of one that was sent again, what its headers
// say.
struct Past {
  std::int64_t attempt = 1;
  Time first_seen;
};

Past past_of(const stream::Record& record, Time now) {
  Past past{1, now};
  if (const std::string* text = header(record, "batuta-dlq-attempt")) {
    std::int64_t before = 0;
    const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), before);
    if (error == std::errc() && end == text->data() + text->size() && before > 0 &&
        before < 1'000'000)
      past.attempt = before + 1;
  }
  if (const std::string* text = header(record, "batuta-dlq-first-seen")) {
    if (const OptTime seen = parse_iso(*text)) past.first_seen = *seen;
  }
  return past;
}

// Behind another byte, so that what looks like a byte-order mark decides nothing.
bool is_utf8(const std::string& bytes) {
  const bool plain =
      std::all_of(bytes.begin(), bytes.end(), [](unsigned char c) { return c < 0x80; });
  return plain || to_utf8("." + bytes, "utf-8").ok();
}

// What a parser says may repeat the bytes that it stumbled over.
std::string shown(std::string message) {
  if (is_utf8(message)) return message;
  for (char& c : message) {
    if (static_cast<unsigned char>(c) >= 0x80) c = '?';
  }
  return message;
}

}  // namespace

std::string as_text(const std::string& bytes, std::string& encoding) {
  encoding = "utf-8";
  if (is_utf8(bytes) && bytes.find('\0') == std::string::npos) return bytes;
  encoding = "base64";
  constexpr std::string_view digits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    std::uint32_t three = 0;
    for (std::size_t k = 0; k < 3; ++k)
      three = three << 8 | (i + k < bytes.size() ? static_cast<unsigned char>(bytes[i + k]) : 0U);
    for (std::size_t k = 0; k < 4; ++k)
      out += k <= bytes.size() - i ? digits[three >> (18 - 6 * k) & 63] : '=';
  }
  return out;
}

std::string dead_letter_topic(const contract::Source& source) {
  if (source.dead_letters == "none") return {};
  return source.dead_letters.empty() ? source.table + ".dlq" : source.dead_letters;
}

DeadLetters::DeadLetters(Extraction& extraction)
    : to_(extraction),
      topic_(dead_letter_topic(extraction.described.table.source)),
      shape_(letters_shape(extraction.described)),
      table_(lake::DeltaTable::open(extraction.session, lake::lake_folder(extraction.context),
                                    shape_.name)),
      version_(shape_, table_, lakelog::Operation::append) {
  version_.set_blind();
}

void DeadLetters::begin() {
  to_.session.run(
      "CREATE OR REPLACE TEMP TABLE dead_letters (_part BIGINT, _at BIGINT, key VARCHAR, value "
      "VARCHAR, encoding VARCHAR, headers VARCHAR, reason VARCHAR, message VARCHAR, seen_us "
      "BIGINT, moved_us BIGINT, attempt BIGINT)");
  rows_.emplace(to_.session, "dead_letters");
}

void DeadLetters::add(const stream::Record& record, const Fault& fault) {
  if (!rows_) begin();
  const Time now = instant();
  const Past past = past_of(record, now);
  std::string encoding = "utf-8", of_key;
  std::optional<std::string> key, value;
  if (record.key) key = as_text(*record.key, of_key);
  if (record.value) value = as_text(*record.value, encoding);
  const std::string message = shown(fault.message);
  json headers = json::array();
  for (const stream::Header& one : record.headers) {
    std::string of_header;
    headers.push_back({one.name, as_text(one.value, of_header)});
  }
  rows_->integer(record.partition);
  rows_->integer(record.offset);
  rows_->text(key);
  rows_->text(value);
  rows_->text(encoding);
  rows_->text(json_text(headers));
  rows_->text(fault.reason);
  rows_->text(message);
  rows_->integer(past.first_seen.time_since_epoch().count());
  rows_->integer(now.time_since_epoch().count());
  rows_->integer(past.attempt);
  rows_->end_row();
  ++count_;
  ++waiting_;
  waiting_bytes_ += stream::size_of(record);
  if (!topic_.empty()) {
    stream::NewRecord letter;
    letter.key = record.key;
    letter.value = record.value;
    for (const stream::Header& one : record.headers) {
      if (!one.name.starts_with("batuta-dlq-")) letter.headers.push_back(one);
    }
    for (auto& [name, text] :
         {std::pair<const char*, std::string>{"topic", to_.described.table.source.table},
          {"partition", std::to_string(record.partition)},
          {"offset", std::to_string(record.offset)},
          {"reason", fault.reason},
          {"message", message},
          {"first-seen", to_iso(past.first_seen)},
          {"moved", to_iso(now)},
          {"attempt", std::to_string(past.attempt)},
          {"contract-version", to_.described.contract.version}})
      letter.headers.push_back({std::string("batuta-dlq-") + name, text});
    if (stream::size_of(letter) > stream::max_record_bytes) {
      letter.value.reset();
      letter.headers.push_back({"batuta-dlq-value", "too long for a topic: it is in the table"});
    }
    letter_bytes_ += stream::size_of(letter);
    letters_.push_back(std::move(letter));
    if (stream_ != nullptr &&
        (letters_.size() >= letters_together || letter_bytes_ >= letter_bytes_together))
      send();
  }
  if (waiting_bytes_ >= staged_bytes_together) write();
}

void DeadLetters::send() {
  if (letters_.empty()) return;
  auto sent = stream_->produce(topic_, letters_);
  if (!sent && sent.error().code == Errc::not_found) {
    const Status made = stream_->create(topic_, {});
    if (!made && made.error().code != Errc::conflict)
      throw plugin::RetryableError("the topic of dead letters " + topic_ +
                                   " is missing and cannot be made (create it, or say "
                                   "batuta.deadLetters: none): " +
                                   made.error().message);
    sent = stream_->produce(topic_, letters_);
  }
  if (!sent)
    throw plugin::RetryableError("dead letters cannot be sent to " + topic_ + ": " +
                                 sent.error().message);
  letters_.clear();
  letter_bytes_ = 0;
}

void DeadLetters::write() {
  if (!rows_) return;
  rows_->close();
  if (waiting_ > 0)
    version_.stage(
        to_.session,
        "SELECT " + lake::column_list(shape_) +
            " FROM (SELECT $2 AS _source_topic, CAST(_part AS INTEGER) AS _source_partition, _at "
            "AS "
            "_source_offset, key, value, encoding, headers, reason, message, "
            "make_timestamptz(seen_us) AS first_seen, make_timestamptz(moved_us) AS moved_at, "
            "CAST(attempt AS INTEGER) AS attempt, $3 AS contract_version, $4 AS _run_id, $5 AS "
            "_task_id, CAST(make_timestamptz(moved_us) AS DATE) AS ingest_date FROM dead_letters)",
        {"_source_partition", "_source_offset"},
        {to_.described.table.source.table, to_.described.contract.version,
         to_.context.execution_id(), to_.context.task_id()});
  to_.session.run("DROP TABLE dead_letters");
  rows_.reset();
  waiting_ = 0;
  waiting_bytes_ = 0;
}

void DeadLetters::finish(stream::Stream& stream, const stream::Offsets& moved) {
  send_to(stream);
  send();
  write();
  if (!version_.empty()) {
    for (const auto& [partition, next] : moved)
      version_.set_marker(marker_of(to_.described.table.source.table, partition), next);
    json metrics = {{"rows_out", count_}};
    if (const auto own = parse_untrusted(to_.described.metrics_json())) metrics.update(*own);
    version_.hand_in(to_.context, json_text(metrics));
  }
}

}  // namespace batuta::from_contract
