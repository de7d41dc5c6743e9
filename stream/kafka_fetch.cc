#include <algorithm>
#include <utility>

#include "stream/kafka_client.h"

namespace batuta::stream {
namespace {

// A group that never commits and is never joined: a consumer must have one.
constexpr const char* reader_group = "batuta-reader";

Record record_of(const rd_kafka_message_t& message) {
  const Rdkafka& kafka = rdkafka();
  Record out;
  out.partition = message.partition;
  out.offset = message.offset;
  rd_kafka_timestamp_type_t kind{};
  if (const std::int64_t ms = kafka.f_message_timestamp(&message, &kind); ms >= 0) {
    out.time = Time(std::chrono::milliseconds(ms));
  }
  if (message.key != nullptr) {
    out.key.emplace(static_cast<const char*>(message.key), message.key_len);
  }
  if (message.payload != nullptr) {
    out.value.emplace(static_cast<const char*>(message.payload), message.len);
  }
  rd_kafka_headers_t* headers = nullptr;
  if (kafka.f_message_headers(&message, &headers) == RD_KAFKA_RESP_ERR_NO_ERROR) {
    const char* name = nullptr;
    const void* value = nullptr;
    std::size_t size = 0;
    for (std::size_t i = 0;
         kafka.f_header_get_all(headers, i, &name, &value, &size) == RD_KAFKA_RESP_ERR_NO_ERROR;
         ++i) {
      out.headers.push_back(
          {name, value == nullptr ? "" : std::string(static_cast<const char*>(value), size)});
    }
  }
  return out;
}

}  // namespace

Status KafkaReader::open() {
  if (handle_) return success();
  auto handle = open_handle(RD_KAFKA_CONSUMER, settings_, reader_group, options_.timeout, nullptr,
                            complaints_);
  if (!handle) return handle.error();
  handle_ = *std::move(handle);
  return success();
}

Result<Spans> KafkaReader::spans(rd_kafka_t* asker, const std::string& topic, const Offsets& of,
                                 Deadline deadline) {
  Spans out;
  for (const auto& [partition, offset] : of) {
    Span span;
    rd_kafka_resp_err_t code{};
    // A leader that is just moving is asked again.
    do {
      code = rdkafka().f_query_watermark_offsets(asker, topic.c_str(), partition, &span.first,
                                                 &span.next, left_ms(deadline));
      if (code != RD_KAFKA_RESP_ERR_NO_ERROR) count_error(code, topic, partition);
    } while ((code == RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION ||
              code == RD_KAFKA_RESP_ERR__TRANSPORT ||
              code == RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE) &&
             std::chrono::steady_clock::now() < deadline);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
      return kafka_error(code,
                         "topic " + topic + ", offsets of partition " + std::to_string(partition),
                         complaints_);
    }
    out[partition] = span;
  }
  return out;
}

Status KafkaReader::assign(const std::string& topic, const Offsets& from) {
  if (topic_ == topic && at_ == from && !std::exchange(anew_, false)) return success();
  const Partitions list = partitions_of(topic, from);
  const auto code = rdkafka().f_assign(handle_.get(), list.get());
  topic_ = topic;
  at_ = from;
  if (code == RD_KAFKA_RESP_ERR_NO_ERROR) return success();
  topic_.clear();
  count_error(code, topic);
  return kafka_error(code, "topic " + topic + ": assign", complaints_);
}

// The broker has records that it hands out to nobody before another producer's transaction ends.
// What can be read ends there: asked of the reader's own handle, which reads what is committed.
Status KafkaReader::end_at_open_transaction(int partition, Offsets& ends) {
  const auto committed = spans(handle_.get(), topic_, {{partition, 0}},
                               std::chrono::steady_clock::now() + options_.timeout);
  if (!committed) return committed.error();
  auto& end = ends.at(partition);
  if (committed->at(partition).next >= end) return success();
  end = committed->at(partition).next;
  anew_ = true;
  return success();
}

// A message of librdkafka is a record, the news of a partition's end, or of an error.
Status KafkaReader::take(Message message, Batch& batch, Offsets& ends, bool& gone) {
  if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
    const auto asked = batch.next.find(message->partition);
    if (asked != batch.next.end() && message->offset < ends.at(message->partition)) {
      if (Status told = end_at_open_transaction(message->partition, ends); !told) return told;
    }
    // Markers of transactions take offsets that no record has.
    if (asked != batch.next.end() && message->offset >= ends.at(message->partition)) {
      asked->second = std::max(asked->second, message->offset);
      at_[message->partition] = asked->second;
    }
    return success();
  }
  if (message->err == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET ||
      message->err == RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE) {
    count_error(message->err, topic_, message->partition);
    gone = true;
    topic_.clear();
    return success();
  }
  if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
    count_error(message->err, topic_, message->partition);
    switch (message->err) {
      case RD_KAFKA_RESP_ERR__TRANSPORT:
      case RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN:
      case RD_KAFKA_RESP_ERR__TIMED_OUT:
      case RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION:
      case RD_KAFKA_RESP_ERR__RESOLVE:
        return success();  // librdkafka goes on trying; the deadline is ours
      default:
        return kafka_error(message->err, "topic " + std::exchange(topic_, {}) + ": read",
                           complaints_);
    }
  }
  batch.records.push_back(record_of(*message));
  batch.next[message->partition] = at_[message->partition] = message->offset + 1;
  return success();
}

Result<Batch> KafkaReader::fetch(rd_kafka_t* asker, const std::string& topic, const Offsets& from,
                                 const FetchLimits& limits) {
  if (Status opened = open(); !opened) return opened.error();
  const auto begun = std::chrono::steady_clock::now();
  Deadline deadline = begun + options_.timeout;
  const Deadline until = begun + limits.wait;
  Batch batch;
  Offsets wanted = from, ends;
  for (int lost = 0;;) {
    const auto kept = spans(asker, topic, wanted, deadline);
    if (!kept) return kept.error();
    auto settled = settle(topic, wanted, *kept, limits.on_gap);
    if (!settled) return settled.error();
    batch.gaps.insert(batch.gaps.end(), settled->gaps.begin(), settled->gaps.end());
    wanted = batch.next = settled->from;
    for (const auto& [partition, span] : *kept) ends[partition] = span.next;
    const auto all_read = [&] {
      return std::all_of(batch.next.begin(), batch.next.end(),
                         [&](const auto& one) { return one.second >= ends.at(one.first); });
    };
    batch.at_end = all_read();
    if (batch.at_end) {
      if (std::chrono::steady_clock::now() >= until) return batch;
      const auto pace = std::chrono::steady_clock::now() + std::chrono::milliseconds(100);
      // Keeps the handle served, and sees what comes at once when it is assigned already.
      if (Status assigned = assign(topic, wanted); !assigned) return assigned.error();
      bool gone = false;
      Message message(rdkafka().f_consumer_poll(handle_.get(), left_ms(std::min(pace, until))));
      if (message) {
        if (Status taken = take(std::move(message), batch, ends, gone); !taken)
          return taken.error();
      }
      if (!batch.records.empty()) return batch;
      wanted = batch.next;
      deadline = std::chrono::steady_clock::now() + options_.timeout;
      continue;
    }
    if (Status assigned = assign(topic, wanted); !assigned) return assigned.error();
    std::size_t bytes = 0;
    bool gone = false, done = all_read();
    while (!gone && !done && batch.records.size() < limits.records && bytes < limits.bytes) {
      const std::size_t before = batch.records.size();
      // What has come is handed out; only for a first record a broker is waited for to the end.
      const int patience = before == 0 ? left_ms(deadline) : std::min(1000, left_ms(deadline));
      Message message(rdkafka().f_consumer_poll(handle_.get(), patience));
      if (!message) break;
      if (Status taken = take(std::move(message), batch, ends, gone); !taken) return taken.error();
      // A record in the midst of its partition ends nothing: most need no look at all partitions.
      const bool moved = batch.records.size() > before;
      const int at = moved ? batch.records.back().partition : 0;
      if (!moved || batch.next.at(at) >= ends.at(at)) done = all_read();
      if (moved) {
        bytes += size_of(batch.records.back());
        deadline = std::chrono::steady_clock::now() + options_.timeout;
      }
      if (std::chrono::steady_clock::now() >= deadline) break;
    }
    batch.at_end = all_read();
    if (!batch.records.empty() || batch.at_end) return batch;
    // Retention was faster: look again at what there is, a few times.
    if (gone && ++lost < 5) continue;
    if (gone) return {Errc::unavailable, "topic " + topic + ": retention outruns the reader"};
    topic_.clear();
    return {Errc::unavailable, "topic " + topic + ": no records within the time-out though there " +
                                   "are some" + complaints_.last()};
  }
}

}  // namespace batuta::stream
