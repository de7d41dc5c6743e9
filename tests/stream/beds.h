// What the conformance suite needs of an implementation: somewhere to open streams, and topics.
#pragma once

#include <doctest/doctest.h>

#include <filesystem>
#include <memory>
#include <string>

#include "stream/kafka_stream.h"
#include "stream/stream.h"

struct rd_kafka_s;
struct rd_kafka_mock_cluster_s;

namespace batuta::stream {

class TempFolder {
 public:
  TempFolder() {
    char name[] = "/tmp/batuta-stream-XXXXXX";
    REQUIRE(::mkdtemp(name) != nullptr);
    path_ = name;
  }
  ~TempFolder() { std::filesystem::remove_all(path_); }
  TempFolder(const TempFolder&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

class FileBed {
 public:
  std::unique_ptr<Stream> open() const {
    auto stream = open_file_stream(folder_.path() + "/stream");
    REQUIRE_MESSAGE(stream.ok(), stream.error().message);
    return *std::move(stream);
  }
  void make_topic(const std::string& name, int partitions) const {
    TopicSettings settings;
    settings.partitions = partitions;
    const auto made = open()->create(name, settings);
    REQUIRE_MESSAGE(made.ok(), made.error().message);
  }
  std::string folder() const { return folder_.path() + "/stream"; }

 private:
  TempFolder folder_;
};

// librdkafka's own mock cluster, of three brokers.
class KafkaBed {
 public:
  KafkaBed();
  ~KafkaBed();
  KafkaBed(const KafkaBed&) = delete;
  std::unique_ptr<KafkaStream> open(KafkaOptions options = {}) const;
  void make_topic(const std::string& name, int partitions) const;
  rd_kafka_mock_cluster_s* cluster() const { return cluster_; }
  std::string bootstrap() const;

 private:
  rd_kafka_s* host_ = nullptr;
  rd_kafka_mock_cluster_s* cluster_ = nullptr;
};

// Apache Kafka itself, which BATUTA_KAFKA names; what a test makes there is behind a prefix of its
// own. Only test_stream_broker knows it (./dev test kafka).
class BrokerBed {
 public:
  BrokerBed();
  std::unique_ptr<Stream> open() const;
  void make_topic(const std::string& name, int partitions) const;
  // As the broker has it.
  std::string name(const std::string& own) const { return prefix_ + own; }
  static std::string bootstrap();

 private:
  std::string prefix_;
};

#ifdef BATUTA_BROKER_BED
#define BATUTA_BEDS BrokerBed
#else
#define BATUTA_BEDS FileBed, KafkaBed
#endif

inline NewRecord text_record(std::optional<std::string> key, std::optional<std::string> value,
                             std::optional<int> partition = {}) {
  NewRecord record;
  record.key = std::move(key);
  record.value = std::move(value);
  record.partition = partition;
  return record;
}

template <class T>
T must(Result<T> result) {
  REQUIRE_MESSAGE(result.ok(), result.error().message);
  return *std::move(result);
}

// Everything from there on, fetch by fetch.
inline std::vector<Record> read_all(Stream& stream, const std::string& topic, Offsets from,
                                    FetchLimits limits = {}) {
  std::vector<Record> out;
  for (;;) {
    Batch batch = must(stream.fetch(topic, from, limits));
    for (Record& record : batch.records) out.push_back(std::move(record));
    from = batch.next;
    if (batch.at_end) return out;
  }
}

}  // namespace batuta::stream
