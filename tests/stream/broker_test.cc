// What Apache Kafka's own broker does and librdkafka's mock cluster does not: ./dev test kafka.
#include <librdkafka/rdkafka.h>

#include <chrono>
#include <functional>
#include <set>
#include <thread>

#include "tests/stream/beds.h"

using namespace batuta;
using namespace batuta::stream;
using namespace std::chrono_literals;

namespace {

// A client of the test's own, beside what is tested.
class Other {
 public:
  using Properties = std::vector<std::pair<const char*, std::string>>;
  Other(rd_kafka_type_t role, const Properties& properties) {
    rd_kafka_conf_t* conf = ::rd_kafka_conf_new();
    set(conf, "bootstrap.servers", BrokerBed::bootstrap());
    for (const auto& [name, value] : properties) set(conf, name, value);
    rk_ = ::rd_kafka_new(role, conf, said_, sizeof said_);
    REQUIRE_MESSAGE(rk_ != nullptr, said_);
  }
  ~Other() { ::rd_kafka_destroy(rk_); }
  Other(const Other&) = delete;
  rd_kafka_t* get() const { return rk_; }

 private:
  void set(rd_kafka_conf_t* conf, const char* name, const std::string& value) {
    REQUIRE_MESSAGE(
        ::rd_kafka_conf_set(conf, name, value.c_str(), said_, sizeof said_) == RD_KAFKA_CONF_OK,
        said_);
  }
  char said_[512] = {};
  rd_kafka_t* rk_ = nullptr;
};

void must_go(rd_kafka_error_t* error) {
  const std::string said = error == nullptr ? "" : ::rd_kafka_error_string(error);
  if (error != nullptr) ::rd_kafka_error_destroy(error);
  REQUIRE_MESSAGE(said.empty(), said);
}

void make_compacted(const std::string& topic) {
  const Other admin(RD_KAFKA_PRODUCER, {});
  char said[512];
  rd_kafka_NewTopic_t* wanted = ::rd_kafka_NewTopic_new(topic.c_str(), 1, 1, said, sizeof said);
  REQUIRE(wanted != nullptr);
  for (const auto& [name, value] :
       {std::pair("cleanup.policy", "compact"), std::pair("segment.ms", "100"),
        std::pair("min.cleanable.dirty.ratio", "0.01"), std::pair("delete.retention.ms", "0")})
    ::rd_kafka_NewTopic_set_config(wanted, name, value);
  rd_kafka_queue_t* queue = ::rd_kafka_queue_new(admin.get());
  ::rd_kafka_CreateTopics(admin.get(), &wanted, 1, nullptr, queue);
  rd_kafka_event_t* event = ::rd_kafka_queue_poll(queue, 20'000);
  REQUIRE(event != nullptr);
  CHECK(::rd_kafka_event_error(event) == RD_KAFKA_RESP_ERR_NO_ERROR);
  ::rd_kafka_event_destroy(event);
  ::rd_kafka_queue_destroy(queue);
  ::rd_kafka_NewTopic_destroy(wanted);
}

void produce_as(const Other& other, const std::string& topic, const std::string& value) {
  REQUIRE(::rd_kafka_producev(other.get(), RD_KAFKA_V_TOPIC(topic.c_str()), RD_KAFKA_V_PARTITION(0),
                              RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
                              RD_KAFKA_V_VALUE(const_cast<char*>(value.c_str()), value.size()),
                              RD_KAFKA_V_END) == RD_KAFKA_RESP_ERR_NO_ERROR);
}

std::vector<std::string> values_of(const std::vector<Record>& records) {
  std::vector<std::string> out;
  for (const Record& record : records) out.push_back(record.value.value_or("(none)"));
  return out;
}

}  // namespace

TEST_CASE("broker: what compaction leaves is read in order, over its holes, tombstones too") {
  const BrokerBed bed;
  make_compacted(bed.name("states"));
  const auto stream = bed.open();
  for (int round = 0; round < 5; ++round) {
    std::vector<NewRecord> records;
    for (int key = 0; key < 20; ++key)
      records.push_back(text_record("k" + std::to_string(key), std::to_string(round)));
    must(stream->produce("states", records));
    std::this_thread::sleep_for(150ms);  // a segment of its own
  }
  must(stream->produce("states", std::vector{text_record("k3", std::nullopt)}));
  std::this_thread::sleep_for(150ms);
  must(stream->produce("states", std::vector{text_record("last", "x")}));
  // The cleaner comes when it comes.
  std::vector<Record> left;
  const auto until = std::chrono::steady_clock::now() + 60s;
  do {
    std::this_thread::sleep_for(300ms);
    left = read_all(*stream, "states", {{0, 0}});
  } while (left.size() > 40 && std::chrono::steady_clock::now() < until);
  REQUIRE(left.size() <= 40);
  std::int64_t before = -1;
  std::map<std::string, std::string> newest;
  for (const Record& record : left) {
    CHECK(record.offset > before);
    before = record.offset;
    if (record.value) newest[*record.key] = *record.value;
    if (!record.value) newest.erase(*record.key);
  }
  CHECK(newest.size() == 20);  // 19 keys of the last round, and the last
  CHECK(!newest.contains("k3"));
  CHECK(newest.at("k7") == "4");
  // In the midst of a hole a reader goes on, and nothing is told as lost: all of it was replaced.
  const Batch middle = must(stream->fetch("states", {{0, 30}}, {}));
  CHECK(middle.gaps.empty());
  CHECK(middle.at_end);
  CHECK(middle.next == Offsets{{0, 102}});
}

TEST_CASE(
    "broker: of transactions there is what was committed, and their marks hold no reader up") {
  const BrokerBed bed;
  bed.make_topic("orders", 1);
  const auto stream = bed.open();
  const Other writer(RD_KAFKA_PRODUCER, {{"transactional.id", bed.name("writer")}});
  must_go(::rd_kafka_init_transactions(writer.get(), 20'000));
  must_go(::rd_kafka_begin_transaction(writer.get()));
  produce_as(writer, bed.name("orders"), "kept");
  must_go(::rd_kafka_commit_transaction(writer.get(), 20'000));
  must_go(::rd_kafka_begin_transaction(writer.get()));
  produce_as(writer, bed.name("orders"), "taken back");
  must_go(::rd_kafka_flush(writer.get(), 20'000) == RD_KAFKA_RESP_ERR_NO_ERROR
              ? ::rd_kafka_abort_transaction(writer.get(), 20'000)
              : ::rd_kafka_error_new(RD_KAFKA_RESP_ERR__FAIL, "flush"));
  CHECK(values_of(read_all(*stream, "orders", {{0, 0}})) == std::vector<std::string>{"kept"});
  const Batch whole = must(stream->fetch("orders", {{0, 0}}, {}));
  CHECK(whole.at_end);
  CHECK(whole.next == Offsets{{0, 4}});  // two records, two marks

  // One that is open: what is behind it waits, and is told to be the end.
  must_go(::rd_kafka_begin_transaction(writer.get()));
  produce_as(writer, bed.name("orders"), "open");
  REQUIRE(::rd_kafka_flush(writer.get(), 20'000) == RD_KAFKA_RESP_ERR_NO_ERROR);
  must(stream->produce("orders", std::vector{text_record("k", "behind it", 0)}));
  const auto begun = std::chrono::steady_clock::now();
  const Batch before = must(stream->fetch("orders", whole.next, {}));
  CHECK(before.records.empty());
  CHECK(before.at_end);
  CHECK(before.next == Offsets{{0, 4}});
  CHECK(std::chrono::steady_clock::now() - begun < 10s);
  must_go(::rd_kafka_commit_transaction(writer.get(), 20'000));
  CHECK(values_of(read_all(*stream, "orders", whole.next)) ==
        std::vector<std::string>{"open", "behind it"});
}

TEST_CASE("broker: a topic gains partitions, and a reader that is told of them has them all") {
  const BrokerBed bed;
  bed.make_topic("orders", 1);
  const auto stream = bed.open();
  must(stream->produce("orders", std::vector{text_record({}, "before", 0)}));
  must(stream->grow("orders", 3));
  CHECK(stream->grow("orders", 2).error().code == Errc::invalid);
  const auto until = std::chrono::steady_clock::now() + 20s;
  while (must(stream->offsets("orders")).size() < 3 && std::chrono::steady_clock::now() < until)
    std::this_thread::sleep_for(50ms);
  must(stream->produce("orders", std::vector{text_record({}, "after", 2)}));
  CHECK(must(stream->offsets("orders")) == Spans{{0, {0, 1}}, {1, {0, 0}}, {2, {0, 1}}});
  CHECK(read_all(*stream, "orders", {{0, 0}, {1, 0}, {2, 0}}).size() == 2);
}

TEST_CASE(
    "broker: members of a group rebalance, a reader reads on, and its commit is refused while they "
    "are there") {
  const BrokerBed bed;
  bed.make_topic("orders", 2);
  const auto stream = bed.open();
  std::vector<NewRecord> records;
  for (int i = 0; i < 40; ++i) records.push_back(text_record({}, std::to_string(i), i % 2));
  must(stream->produce("orders", records));
  must(stream->commit("shop", "orders", {{0, 5}, {1, 5}}));
  CHECK(must(stream->groups("orders")) == std::vector<std::string>{"shop"});
  {
    const Other member(RD_KAFKA_CONSUMER, {{"group.id", bed.name("shop")},
                                           {"enable.auto.commit", "false"},
                                           {"auto.offset.reset", "earliest"}});
    ::rd_kafka_poll_set_consumer(member.get());
    rd_kafka_topic_partition_list_t* wanted = ::rd_kafka_topic_partition_list_new(1);
    ::rd_kafka_topic_partition_list_add(wanted, bed.name("orders").c_str(), RD_KAFKA_PARTITION_UA);
    ::rd_kafka_subscribe(member.get(), wanted);
    ::rd_kafka_topic_partition_list_destroy(wanted);
    bool joined = false;
    for (int i = 0; i < 200 && !joined; ++i) {
      rd_kafka_message_t* message = ::rd_kafka_consumer_poll(member.get(), 100);
      if (message == nullptr) continue;
      joined = message->err == RD_KAFKA_RESP_ERR_NO_ERROR;
      ::rd_kafka_message_destroy(message);
    }
    REQUIRE(joined);
    CHECK(read_all(*stream, "orders", {{0, 0}, {1, 0}}).size() == 40);
    const auto refused = stream->commit("shop", "orders", {{0, 20}});
    REQUIRE(!refused.ok());
    CHECK(refused.error().code == Errc::conflict);
    CHECK(refused.error().message.find("a group of its own") != std::string::npos);
    ::rd_kafka_consumer_close(member.get());
  }
  must(stream->commit("shop", "orders", {{0, 20}, {1, 20}}));
  CHECK(must(lag(*stream, "shop", "orders"))[0].lag == 0);
}

TEST_CASE("broker: what was deleted under a reader is told by policy") {
  const BrokerBed bed;
  bed.make_topic("orders", 1);
  const auto stream = bed.open();
  std::vector<NewRecord> records;
  for (int i = 0; i < 30; ++i) records.push_back(text_record({}, std::to_string(i), 0));
  must(stream->produce("orders", records));
  const Other admin(RD_KAFKA_PRODUCER, {});
  rd_kafka_topic_partition_list_t* before = ::rd_kafka_topic_partition_list_new(1);
  ::rd_kafka_topic_partition_list_add(before, bed.name("orders").c_str(), 0)->offset = 12;
  rd_kafka_DeleteRecords_t* wanted = ::rd_kafka_DeleteRecords_new(before);
  rd_kafka_queue_t* queue = ::rd_kafka_queue_new(admin.get());
  ::rd_kafka_DeleteRecords(admin.get(), &wanted, 1, nullptr, queue);
  rd_kafka_event_t* event = ::rd_kafka_queue_poll(queue, 20'000);
  REQUIRE(event != nullptr);
  CHECK(::rd_kafka_event_error(event) == RD_KAFKA_RESP_ERR_NO_ERROR);
  ::rd_kafka_event_destroy(event);
  ::rd_kafka_queue_destroy(queue);
  ::rd_kafka_DeleteRecords_destroy(wanted);
  ::rd_kafka_topic_partition_list_destroy(before);
  const auto failed = stream->fetch("orders", {{0, 3}}, {});
  REQUIRE(!failed.ok());
  CHECK(failed.error().code == Errc::conflict);
  FetchLimits limits;
  limits.on_gap = OnGap::earliest;
  const Batch batch = must(stream->fetch("orders", {{0, 3}}, limits));
  REQUIRE(batch.gaps.size() == 1);
  CHECK(batch.gaps[0].taken == 12);
  CHECK(batch.records.size() == 18);
}
