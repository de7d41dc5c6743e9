#include "scheduler/demo/message_producer.h"

#include <doctest/doctest.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <stdexcept>
#include <vector>

#include "scheduler/demo/real_broker.h"
#include "stream/stream.h"

namespace batuta::demo {
namespace {

// Three senders take turns; each counts for itself.
class Talk : public Simulation {
 public:
  explicit Talk(int messages, std::size_t length = 0) : messages_(messages), length_(length) {}
  Status write(const std::string&) const override { return success(); }
  std::string topic() const override { return "talk"; }
  void messages(const std::function<bool(SimulatedMessage)>& take) const override {
    for (int i = 0; i < messages_; ++i) {
      std::string text = std::to_string(i);
      if (text.size() < length_) text.resize(length_, ' ');
      const Time at = Time() + std::chrono::seconds(20 * i);
      if (!take({"sender" + std::to_string(i % 3), std::move(text), at})) return;
    }
  }
  http::Handler handler() const override { return nullptr; }
  std::string connection() const override { return {}; }
  std::vector<SimulationSetting> settings(const std::string&) const override { return {}; }
  std::string truth() const override { return "{}"; }
  Time begins() const override { return {}; }
  Time ends() const override { return {}; }
  std::vector<std::string> gold() const override { return {}; }

 private:
  int messages_;
  std::size_t length_;
};

class ProducerBed {
 public:
  ProducerBed() {
    std::string name = (std::filesystem::temp_directory_path() / "batuta-producer-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("no temporary folder");
    folder_ = name;
    options.home = folder_ + "/home";
    options.spool = folder_ + "/spool";
    options.identity = "talk --seed 1";
  }
  ~ProducerBed() { std::filesystem::remove_all(folder_); }
  ProducerBed(const ProducerBed&) = delete;
  ProducerBed& operator=(const ProducerBed&) = delete;

  void make_home() const { std::filesystem::create_directories(options.home); }
  Produced produce(const Simulation& simulation) const {
    const auto produced = produce_messages(simulation, options);
    if (!produced) throw std::runtime_error(produced.error().message);
    return *produced;
  }
  // What the topic holds, by key, in the order of each partition.
  std::map<std::string, std::vector<int>> said() const {
    std::map<std::string, std::vector<int>> out;
    const auto stream = stream::open_file_stream(options.home + "/stream");
    const auto spans = (*stream)->offsets("talk");
    REQUIRE(spans.ok());
    CHECK(spans->size() == topic_partitions);
    stream::Offsets from;
    for (const auto& [partition, span] : *spans) from[partition] = span.first;
    for (;;) {
      const auto batch = (*stream)->fetch("talk", from, {});
      REQUIRE(batch.ok());
      for (const stream::Record& one : batch->records)
        out[one.key.value_or("")].push_back(std::stoi(one.value.value_or("-1")));
      from = batch->next;
      if (batch->at_end) return out;
    }
  }

  ProducerOptions options;

 private:
  std::string folder_;
};

// What the n messages of a Talk are, by sender.
std::map<std::string, std::vector<int>> whole_talk(int messages) {
  std::map<std::string, std::vector<int>> out;
  for (int i = 0; i < messages; ++i) out["sender" + std::to_string(i % 3)].push_back(i);
  return out;
}

}  // namespace

TEST_CASE(
    "producer: messages wait in the spool while there is no home, which is not made for them") {
  const ProducerBed bed;
  const Produced away = bed.produce(Talk(1200));
  CHECK(away.put == 1200);
  CHECK(away.waiting == 1200);
  CHECK(away.why.find("there is no installation in " + bed.options.home) != std::string::npos);
  CHECK_FALSE(std::filesystem::exists(bed.options.home));
  bed.make_home();
  const Produced there = bed.produce(Talk(1200));
  CHECK(there.put == 0);
  CHECK(there.waiting == 0);
  CHECK(there.why.empty());
  CHECK(bed.said() == whole_talk(1200));
}

TEST_CASE(
    "producer: a longer simulation sends what is new behind what was sent, and a shorter one "
    "nothing") {
  const ProducerBed bed;
  bed.make_home();
  CHECK(bed.produce(Talk(700)).put == 700);
  CHECK(bed.produce(Talk(700)).put == 0);
  CHECK(bed.produce(Talk(1300)).put == 600);
  CHECK(bed.produce(Talk(10)).put == 0);
  CHECK(bed.said() == whole_talk(1300));
}

TEST_CASE("producer: a full spool stops it with the reason, and it goes on where it stopped") {
  ProducerBed bed;
  bed.options.spool_bytes = 1 << 20;
  const Talk talk(4000, 1000);
  const auto full = produce_messages(talk, bed.options);
  REQUIRE_FALSE(full.ok());
  CHECK(full.error().code == Errc::rate_limited);
  CHECK(full.error().message.find(" is full: ") != std::string::npos);
  CHECK(full.error().message.find("there is no installation in ") != std::string::npos);
  CHECK(full.error().message.find("Nothing more is produced") != std::string::npos);
  // Once the topic can be reached, four times the spool's size goes through.
  bed.make_home();
  const Produced rest = bed.produce(talk);
  CHECK(rest.put > 2000);
  CHECK(rest.put < 4000);
  CHECK(rest.waiting == 0);
  CHECK(bed.said() == whole_talk(4000));
}

TEST_CASE("producer: a spool takes the messages of one simulation") {
  ProducerBed bed;
  bed.make_home();
  bed.produce(Talk(10));
  bed.options.identity = "talk --seed 2";
  const auto other = produce_messages(Talk(10), bed.options);
  REQUIRE_FALSE(other.ok());
  CHECK(other.error().code == Errc::conflict);
  CHECK(other.error().message.find("talk --seed 1, not for topic talk") != std::string::npos);
}

TEST_CASE("producer: a second one at the same spool is refused, and no message doubled or lost") {
  // Calls a second producer while the first is between reading what was put and putting more.
  class Overtaken : public Talk {
   public:
    explicit Overtaken(const ProducerBed& bed) : Talk(700), bed_(bed) {}
    void messages(const std::function<bool(SimulatedMessage)>& take) const override {
      const auto second = produce_messages(Talk(700), bed_.options);
      REQUIRE_FALSE(second.ok());
      CHECK(second.error().code == Errc::conflict);
      CHECK(second.error().message.find("another process puts messages into the spool ") == 0);
      Talk::messages(take);
    }

   private:
    const ProducerBed& bed_;
  };
  const ProducerBed bed;
  bed.make_home();
  CHECK(bed.produce(Overtaken(bed)).put == 700);
  CHECK(bed.produce(Talk(1300)).put == 600);
  CHECK(bed.said() == whole_talk(1300));
}

TEST_CASE(
    "simulation: what it is called by holds all that decides over its messages but the days") {
  SimulationOptions options;
  options.defects = 0.5;
  const std::string name = describe("users", options);
  CHECK(name == "users --seed 42 --size 200 --first-day 2026-03-02 --defects 0.5");
  options.days = 9;
  CHECK(describe("users", options) == name);
  options.seed = 7;
  CHECK(describe("users", options) != name);
}

TEST_CASE(
    "producer: new messages come at the pace that is asked for, and what was put before costs no "
    "time") {
  ProducerBed bed;
  bed.make_home();
  std::vector<Duration> due;
  bed.options.per_second = 100;
  bed.options.pause_until = [&](Duration span) { due.push_back(span); };
  CHECK(bed.produce(Talk(300)).put == 300);
  CHECK(due.size() == 30);
  CHECK(due.front() == std::chrono::milliseconds(100));
  CHECK(due.back() == std::chrono::seconds(3));
  due.clear();
  CHECK(bed.produce(Talk(310)).put == 10);
  CHECK(due == std::vector<Duration>{std::chrono::milliseconds(100)});
}

TEST_CASE("producer: with a speed each message is sent at its time, of an interval all together") {
  ProducerBed bed;
  bed.make_home();
  std::vector<Duration> due;
  bed.options.pause_until = [&](Duration span) { due.push_back(span); };
  bed.options.pace.times = 10;  // one of a Talk every 20 s: every 2 s
  CHECK(bed.produce(Talk(5)).put == 5);
  using std::chrono::seconds;
  CHECK(due == std::vector<Duration>{seconds(2), seconds(4), seconds(6), seconds(8)});
  due.clear();
  CHECK(bed.produce(Talk(7)).put == 2);  // the first that is new does not wait
  CHECK(due == std::vector<Duration>{seconds(2)});
  due.clear();
  bed.options.pace.interval = std::chrono::minutes(1);
  CHECK(bed.produce(Talk(13)).put == 6);  // from the third minute on, three a minute
  CHECK(due == std::vector<Duration>{seconds(6), seconds(12), seconds(18)});
  CHECK(bed.said() == whole_talk(13));
}

TEST_CASE(
    "producer: one that shall not go on stops before the next batch, and the next call goes on") {
  ProducerBed bed;
  bed.make_home();
  int batches = 0;
  bed.options.goes_on = [&] { return batches++ < 2; };
  const auto stopped = produce_messages(Talk(1300), bed.options);
  REQUIRE_FALSE(stopped.ok());
  CHECK(stopped.error().code == Errc::unavailable);
  CHECK(stopped.error().message == "stopped before message 1001");
  bed.options.goes_on = {};
  CHECK(bed.produce(Talk(1300)).put == 300);
  CHECK(bed.said() == whole_talk(1300));
}

TEST_CASE("producer: brokers are named by their hosts, or by a file with login and settings") {
  const ProducerBed bed;
  bed.make_home();
  const auto by_file = [&](const std::string& text) {
    std::ofstream(bed.options.home + "/broker.json") << text;
    return read_broker("@" + bed.options.home + "/broker.json");
  };
  const auto plain = read_broker("a:9092,b:9092");
  REQUIRE(plain.ok());
  CHECK(plain->host == "a:9092,b:9092");
  CHECK(plain->password.empty());
  const auto whole = by_file(
      R"({"host": "a", "port": 9093, "login": "u", "password": "p", "extra": {"client_id": "d"}})");
  REQUIRE(whole.ok());
  CHECK(whole->port == 9093);
  CHECK(whole->login == "u");
  CHECK(whole->extra == R"({"client_id":"d"})");
  CHECK(by_file(R"({"host": "a", "pasword": "s3cret"})")
            .error()
            .message.find("\"pasword\" is none of") != std::string::npos);
  CHECK(by_file("[]").error().message.find("holds no JSON object") != std::string::npos);
  CHECK_FALSE(read_broker("@/nonexistent").ok());
  CHECK_FALSE(read_broker("").ok());
}

}  // namespace batuta::demo
