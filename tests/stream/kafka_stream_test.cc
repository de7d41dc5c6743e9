// What only a broker does: errors, leaders that move, members of groups, retention under a reader.
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

#include <algorithm>
#include <chrono>
#include <thread>

#include "stream/broker_errors.h"
#include "tests/stream/beds.h"

using namespace batuta;
using namespace batuta::stream;
using namespace std::chrono_literals;

namespace {

constexpr std::int16_t api_produce = 0, api_fetch = 1, api_offset_commit = 8;

std::vector<NewRecord> numbered(int count, std::size_t size = 0) {
  std::vector<NewRecord> out;
  for (int i = 0; i < count; ++i) {
    std::string value = std::to_string(i);
    // Not to be compressed: the broker's retention counts what is stored.
    for (unsigned x = static_cast<unsigned>(i) * 7919 + 1; value.size() < size;) {
      x = x * 1664525 + 1013904223;
      value.push_back(static_cast<char>(x >> 24));
    }
    out.push_back(text_record(std::nullopt, std::move(value), 0));
  }
  return out;
}

// How often this process has met it, whichever broker.
std::int64_t times_met(const std::string& error, const std::string& topic, int partition) {
  std::int64_t out = 0;
  for (const ErrorCount& one : broker_errors().told()) {
    if (one.of.error == error && one.of.topic == topic && one.of.partition == partition)
      out += one.times;
  }
  return out;
}

}  // namespace

TEST_CASE("kafka: errors that pass are ridden out, nothing is lost or twice") {
  KafkaBed bed;
  bed.make_topic("orders", 1);
  const auto stream = bed.open();
  ::rd_kafka_mock_push_request_errors(
      bed.cluster(), api_produce, 3, RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION,
      RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT, RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS);
  ::rd_kafka_mock_push_request_errors(bed.cluster(), api_fetch, 2,
                                      RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION,
                                      RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE);
  must(stream->produce("orders", numbered(50)));
  const auto read = read_all(*stream, "orders", {{0, 0}});
  REQUIRE(read.size() == 50);
  for (int i = 0; i < 50; ++i) CHECK(read[static_cast<std::size_t>(i)].value == std::to_string(i));
}

TEST_CASE("kafka: an error that stays is told, and the stream goes on afterwards") {
  KafkaBed bed;
  bed.make_topic("orders", 1);
  const auto stream = bed.open();
  must(stream->produce("orders", numbered(2)));
  ::rd_kafka_mock_topic_set_error(bed.cluster(), "orders",
                                  RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED);
  const std::string name = "TOPIC_AUTHORIZATION_FAILED";
  const auto before = times_met(name, "orders", -1);
  const auto refused = stream->produce("orders", numbered(1));
  REQUIRE(!refused.ok());
  CHECK(times_met(name, "orders", -1) == before + 1);
  CHECK(refused.error().code == Errc::forbidden);
  CHECK(refused.error().message.find("topic orders") != std::string::npos);
  ::rd_kafka_mock_topic_set_error(bed.cluster(), "orders", RD_KAFKA_RESP_ERR_NO_ERROR);
  must(stream->produce("orders", numbered(1)));
  CHECK(read_all(*stream, "orders", {{0, 0}}).size() == 3);
  ::rd_kafka_mock_push_request_errors(bed.cluster(), api_produce, 1,
                                      RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE);
  CHECK(!stream->produce("orders", numbered(1)).ok());
  CHECK(times_met("MSG_SIZE_TOO_LARGE", "orders", 0) == 1);
}

TEST_CASE("kafka: a leader that moves and a broker that is away for a while cost nothing") {
  KafkaBed bed;
  bed.make_topic("orders", 1);
  ::rd_kafka_mock_partition_set_leader(bed.cluster(), "orders", 0, 1);
  const auto stream = bed.open();
  must(stream->produce("orders", numbered(10)));
  ::rd_kafka_mock_partition_set_leader(bed.cluster(), "orders", 0, 2);
  must(stream->produce("orders", numbered(10)));
  CHECK(read_all(*stream, "orders", {{0, 0}}).size() == 20);
  ::rd_kafka_mock_broker_set_down(bed.cluster(), 2);
  std::thread back([&bed] {
    std::this_thread::sleep_for(1500ms);
    ::rd_kafka_mock_broker_set_up(bed.cluster(), 2);
  });
  const auto produced = stream->produce("orders", numbered(10));
  back.join();
  REQUIRE_MESSAGE(produced.ok(), produced.error().message);
  CHECK(read_all(*stream, "orders", {{0, 0}}).size() == 30);
  CHECK(!stream->errors().empty());
}

TEST_CASE("kafka: without any broker the message says what was tried, within the time-out") {
  KafkaConnection connection;
  connection.id = "gone";
  connection.host = "127.0.0.1:1";
  KafkaOptions options;
  options.timeout = 2s;
  const auto stream = must(open_kafka_stream(must(kafka_settings(connection)), options));
  const auto begun = std::chrono::steady_clock::now();
  const auto refused = stream->produce("orders", numbered(1));
  REQUIRE(!refused.ok());
  CHECK(refused.error().code == Errc::unavailable);
  CHECK(refused.error().message.find("127.0.0.1:1") != std::string::npos);
  const auto met = broker_errors().told();
  CHECK(std::any_of(met.begin(), met.end(),
                    [](const ErrorCount& one) { return one.of.broker == "127.0.0.1:1"; }));
  CHECK(std::chrono::steady_clock::now() - begun < 10s);
}

TEST_CASE("kafka: a setting that the library refuses is named, its value is not") {
  const auto stream = open_kafka_stream({{"bootstrap.servers", "x:1"}, {"linger.ms", "geheim"}});
  REQUIRE(!stream.ok());
  CHECK(stream.error().code == Errc::invalid);
  CHECK(stream.error().message.find("linger.ms") != std::string::npos);
  CHECK(stream.error().message.find("geheim") == std::string::npos);
}

TEST_CASE("kafka: commits ride out a coordinator that moves, and are refused with a reason") {
  KafkaBed bed;
  bed.make_topic("orders", 1);
  const auto stream = bed.open();
  must(stream->produce("orders", numbered(5)));
  ::rd_kafka_mock_coordinator_set(bed.cluster(), "group", "shop", 1);
  must(stream->commit("shop", "orders", {{0, 2}}));
  ::rd_kafka_mock_coordinator_set(bed.cluster(), "group", "shop", 2);
  must(stream->commit("shop", "orders", {{0, 3}}));
  CHECK(must(stream->committed("shop", "orders")) == Offsets{{0, 3}});
  ::rd_kafka_mock_push_request_errors(bed.cluster(), api_offset_commit, 1,
                                      RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID);
  const auto refused = stream->commit("shop", "orders", {{0, 4}});
  REQUIRE(!refused.ok());
  CHECK(times_met("UNKNOWN_MEMBER_ID", "orders", -1) > 0);
  CHECK(refused.error().code == Errc::conflict);
  CHECK(refused.error().message.find("other consumers are members") != std::string::npos);
}

TEST_CASE("kafka: members that join the group and rebalance it take nothing from a reader") {
  KafkaBed bed;
  bed.make_topic("orders", 2);
  const auto stream = bed.open();
  std::vector<NewRecord> records;
  for (int i = 0; i < 40; ++i)
    records.push_back(text_record(std::nullopt, std::to_string(i), i % 2));
  must(stream->produce("orders", records));
  FetchLimits limits;
  limits.records = 10;
  Batch first = must(stream->fetch("orders", {{0, 0}, {1, 0}}, limits));
  must(stream->commit("shop", "orders", first.next));

  char said[256];
  rd_kafka_conf_t* conf = ::rd_kafka_conf_new();
  ::rd_kafka_conf_set(conf, "bootstrap.servers", bed.bootstrap().c_str(), said, sizeof said);
  ::rd_kafka_conf_set(conf, "group.id", "shop", said, sizeof said);
  ::rd_kafka_conf_set(conf, "session.timeout.ms", "3000", said, sizeof said);
  rd_kafka_t* other = ::rd_kafka_new(RD_KAFKA_CONSUMER, conf, said, sizeof said);
  REQUIRE(other != nullptr);
  ::rd_kafka_poll_set_consumer(other);
  rd_kafka_topic_partition_list_t* wanted = ::rd_kafka_topic_partition_list_new(1);
  ::rd_kafka_topic_partition_list_add(wanted, "orders", RD_KAFKA_PARTITION_UA);
  ::rd_kafka_subscribe(other, wanted);
  ::rd_kafka_topic_partition_list_destroy(wanted);
  // It has joined when it was given something of what is left.
  bool joined = false;
  for (int i = 0; i < 100 && !joined; ++i) {
    rd_kafka_message_t* message = ::rd_kafka_consumer_poll(other, 100);
    if (message == nullptr) continue;
    joined = message->err == RD_KAFKA_RESP_ERR_NO_ERROR;
    ::rd_kafka_message_destroy(message);
  }
  CHECK(joined);
  std::size_t count = first.records.size();
  for (Offsets at = first.next; count < 40;) {
    const Batch batch = must(stream->fetch("orders", at, limits));
    REQUIRE(!batch.records.empty());
    count += batch.records.size();
    at = batch.next;
  }
  CHECK(count == 40);
  ::rd_kafka_destroy_flags(other, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
}

TEST_CASE("kafka: what retention took is told by policy") {
  KafkaBed bed;  // keeps the last five megabytes of a partition
  bed.make_topic("orders", 1);
  const auto stream = bed.open();
  for (int i = 0; i < 10; ++i) must(stream->produce("orders", numbered(10, 100'000)));
  const Span kept = must(stream->offsets("orders")).at(0);
  REQUIRE(kept.first > 0);
  CHECK(kept.next == 100);
  CHECK(stream->fetch("orders", {{0, 0}}, {}).error().code == Errc::conflict);
  FetchLimits limits;
  limits.on_gap = OnGap::earliest;
  const Batch batch = must(stream->fetch("orders", {{0, 0}}, limits));
  REQUIRE(!batch.records.empty());
  CHECK(batch.records[0].offset == kept.first);
  REQUIRE(batch.gaps.size() == 1);
  CHECK(batch.gaps[0].kept.first == kept.first);
  must(stream->commit("shop", "orders", {{0, 2}}));
  CHECK(must(lag(*stream, "shop", "orders"))[0].lost == kept.first - 2);
}
