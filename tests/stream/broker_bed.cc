#include <librdkafka/rdkafka.h>
#include <unistd.h>

#include <cstdlib>
#include <utility>

#include "tests/stream/beds.h"

namespace batuta::stream {
namespace {

// Topics and groups of one test among those of all: everything behind a prefix of its own.
class Prefixed final : public Stream {
 public:
  Prefixed(std::unique_ptr<KafkaStream> inner, std::string prefix)
      : inner_(std::move(inner)), prefix_(std::move(prefix)) {}

  Result<std::vector<TopicInfo>> topics() override {
    auto all = inner_->topics();
    if (!all) return all.error();
    std::vector<TopicInfo> out;
    for (TopicInfo& one : *all)
      if (one.name.starts_with(prefix_)) out.push_back({own(one.name), one.partitions});
    return out;
  }
  Status create(const std::string& topic, const TopicSettings& settings) override {
    return inner_->create(named(topic), settings);
  }
  Status grow(const std::string& topic, int partitions) override {
    return inner_->grow(named(topic), partitions);
  }
  Result<std::vector<Position>> produce(const std::string& topic,
                                        std::span<const NewRecord> records) override {
    return inner_->produce(named(topic), records);
  }
  Result<Batch> fetch(const std::string& topic, const Offsets& from,
                      const FetchLimits& limits) override {
    return inner_->fetch(named(topic), from, limits);
  }
  Status commit(const std::string& group, const std::string& topic,
                const Offsets& offsets) override {
    return inner_->commit(named(group), named(topic), offsets);
  }
  Result<Offsets> committed(const std::string& group, const std::string& topic) override {
    return inner_->committed(named(group), named(topic));
  }
  Result<Spans> offsets(const std::string& topic) override { return inner_->offsets(named(topic)); }
  Result<std::vector<std::string>> groups(const std::string& topic) override {
    auto all = inner_->groups(named(topic));
    if (!all) return all.error();
    std::vector<std::string> out;
    for (const std::string& one : *all)
      if (one.starts_with(prefix_)) out.push_back(own(one));
    return out;
  }

 private:
  // What cannot be a name stays so.
  std::string named(const std::string& name) const {
    return check_name("topic", name) ? prefix_ + name : name;
  }
  std::string own(const std::string& name) const { return name.substr(prefix_.size()); }

  std::unique_ptr<KafkaStream> inner_;
  std::string prefix_;
};

}  // namespace

BrokerBed::BrokerBed() {
  static int made = 0;
  prefix_ = "t" + std::to_string(::getpid()) + "-" + std::to_string(++made) + ".";
}

std::string BrokerBed::bootstrap() {
  const char* host = std::getenv("BATUTA_KAFKA");
  REQUIRE_MESSAGE(host != nullptr, "BATUTA_KAFKA names the broker: ./dev test kafka sets it");
  return host;
}

std::unique_ptr<Stream> BrokerBed::open() const {
  KafkaConnection connection;
  connection.id = "broker";
  connection.host = bootstrap();
  return std::make_unique<Prefixed>(must(open_kafka_stream(must(kafka_settings(connection)))),
                                    prefix_);
}

void BrokerBed::make_topic(const std::string& name, int partitions) const {
  TopicSettings settings;
  settings.partitions = partitions;
  const auto made = open()->create(name, settings);
  REQUIRE_MESSAGE(made.ok(), made.error().message);
}

}  // namespace batuta::stream
