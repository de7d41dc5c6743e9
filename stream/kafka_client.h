// One client handle of librdkafka, what it has complained about, and its C objects with owners.
// Internal to batuta_stream_kafka.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "stream/kafka_library.h"
#include "stream/kafka_stream.h"

namespace batuta::stream {

// What the brokers' threads tell, for all handles of a stream. Any thread.
class Complaints {
 public:
  void add(const std::string& kind, const std::string& text);
  std::map<std::string, std::int64_t> counts() const;
  // The last of the last minute, in brackets, for the end of a message; empty: none.
  std::string last() const;
  // A broker, or who gives out tokens, has refused who this is. No waiting helps.
  void refuse(const std::string& text);
  // What was said then, within the last minute; empty: nobody has.
  std::string refused() const;

 private:
  using Moment = std::chrono::steady_clock::time_point;
  mutable std::mutex mutex_;
  std::map<std::string, std::int64_t> counts_;
  std::string last_, refused_;
  Moment when_, refused_at_;
};

struct HandleDelete {
  void operator()(rd_kafka_t* rk) const {
    // Nobody here is a member of a group: there is nothing to leave.
    rdkafka().f_destroy_flags(rk, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
  }
};
using Handle = std::unique_ptr<rd_kafka_t, HandleDelete>;

struct PartitionsDelete {
  void operator()(rd_kafka_topic_partition_list_t* list) const {
    rdkafka().f_topic_partition_list_destroy(list);
  }
};
using Partitions = std::unique_ptr<rd_kafka_topic_partition_list_t, PartitionsDelete>;
Partitions partitions_of(const std::string& topic, const Offsets& offsets);

struct MessageDelete {
  void operator()(rd_kafka_message_t* message) const { rdkafka().f_message_destroy(message); }
};
using Message = std::unique_ptr<rd_kafka_message_t, MessageDelete>;

struct QueueDelete {
  void operator()(rd_kafka_queue_t* queue) const { rdkafka().f_queue_destroy(queue); }
};
using Queue = std::unique_ptr<rd_kafka_queue_t, QueueDelete>;
struct EventDelete {
  void operator()(rd_kafka_event_t* event) const { rdkafka().f_event_destroy(event); }
};
using Event = std::unique_ptr<rd_kafka_event_t, EventDelete>;

using Deadline = std::chrono::steady_clock::time_point;
// Milliseconds until then, at least 1, at most a day.
int left_ms(Deadline deadline);

// `role` is RD_KAFKA_PRODUCER or RD_KAFKA_CONSUMER; a consumer belongs to `group`, which it never
// joins. `dr_msg` is called for every record that is delivered or not; `complaints` outlives it.
Result<Handle> open_handle(rd_kafka_type_t role, const KafkaSettings& settings,
                           const std::string& group, Duration timeout,
                           void (*dr_msg)(rd_kafka_t*, const rd_kafka_message_t*, void*),
                           Complaints& complaints);

// Counts what a broker has answered about a topic, of whose partition or (-1) of it as a whole.
void count_error(rd_kafka_resp_err_t code, const std::string& topic, int partition = -1);

// What a code of librdkafka means here; `what` begins the message: "topic orders: produce".
Error kafka_error(rd_kafka_resp_err_t code, const std::string& what, const Complaints& complaints);

// Reads by positions. What it has read ahead is kept as long as the next fetch goes on there.
class KafkaReader {
 public:
  KafkaReader(const KafkaSettings& settings, const KafkaOptions& options, Complaints& complaints)
      : settings_(settings), options_(options), complaints_(complaints) {}
  // `asker`: another handle, for questions: on the reader's own connection they would wait behind
  // what waits for records.
  Result<Batch> fetch(rd_kafka_t* asker, const std::string& topic, const Offsets& from,
                      const FetchLimits& limits);
  // Of those partitions.
  Result<Spans> spans(rd_kafka_t* asker, const std::string& topic, const Offsets& of,
                      Deadline deadline);

 private:
  Status open();
  Status assign(const std::string& topic, const Offsets& from);
  Status take(Message message, Batch& batch, Offsets& ends, bool& gone);
  Status end_at_open_transaction(int partition, Offsets& ends);

  const KafkaSettings& settings_;
  const KafkaOptions& options_;
  Complaints& complaints_;
  Handle handle_;
  std::string topic_;
  Offsets at_;         // what is assigned, and where each partition stands
  bool anew_ = false;  // it is to be assigned once more: an end was told that is none for ever
};

}  // namespace batuta::stream
