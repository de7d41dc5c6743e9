// A broker of Kafka's protocol (Apache Kafka, Azure Event Hubs, Redpanda, …) through librdkafka.
//
// Reads by explicit positions, so that no rebalance of a group takes anything away from a reader;
// a group's offsets are committed as somebody who is no member of it. A broker refuses that while
// the group has members of its own: then the commit fails, and nothing else.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "common/time.h"
#include "stream/kafka_connection.h"
#include "stream/stream.h"

namespace batuta::stream {

struct KafkaOptions {
  // Of each question and each produce as a whole. Brokers that are away for less are waited for.
  Duration timeout = std::chrono::seconds(30);
  std::int16_t replication = -1;  // of topics that are created; -1: the broker's default
};

class KafkaStream : public Stream {
 public:
  // Errors that librdkafka has told, by "name: what it said" cut to 200 bytes; at most 100 kinds,
  // the rest under "other".
  virtual std::map<std::string, std::int64_t> errors() const = 0;
};

// Connects at the first call. Errc::invalid for a setting that librdkafka refuses;
// Errc::unavailable when the library is not installed.
Result<std::unique_ptr<KafkaStream>> open_kafka_stream(const KafkaSettings& settings,
                                                       const KafkaOptions& options = {});

}  // namespace batuta::stream
