#include "stream/broker_errors.h"

#include <doctest/doctest.h>

#include <string>

using namespace batuta::stream;

TEST_CASE("broker errors: each error, topic, partition and broker is counted for itself") {
  BrokerErrors errors;
  CHECK(errors.add({"_TIMED_OUT", "orders", 1, {}}));
  CHECK(!errors.add({"_TIMED_OUT", "orders", 1, {}}));  // not the first of its kind
  CHECK(errors.add({"_TIMED_OUT", "orders", 2, {}}));
  CHECK(errors.add({"_TIMED_OUT", "returns", 1, {}}));
  CHECK(errors.add({"_TRANSPORT", {}, -1, "a:9092"}));
  CHECK(errors.add({"_TRANSPORT", {}, -1, "b:9092"}));
  const auto told = errors.told();
  REQUIRE(told.size() == 5);
  CHECK(told[0].of == ErrorPlace{"_TIMED_OUT", "orders", 1, {}});
  CHECK(told[0].times == 2);
  CHECK(told[4].of.broker == "b:9092");
  CHECK(told[4].times == 1);
}

TEST_CASE("broker errors: what is new is taken once, and read again as it was told") {
  BrokerErrors errors;
  errors.add({"_TIMED_OUT", "or\"ders", 1, {}});
  errors.add({"_TRANSPORT", {}, -1, "a:9092"}, 4);
  CHECK(errors.take_new().size() == 2);
  CHECK(errors.take_new().empty());
  errors.add({"_TIMED_OUT", "or\"ders", 1, {}}, 2);
  const auto fresh = errors.take_new();
  REQUIRE(fresh.size() == 1);
  CHECK(fresh[0].times == 2);
  const auto read = read_errors("[" + error_json(fresh[0]) + "]");
  REQUIRE(read.size() == 1);
  CHECK(read[0].of == fresh[0].of);
  CHECK(read[0].times == 2);
  CHECK(errors.told()[0].times == 3);
}

TEST_CASE("broker errors: of what a worker says only that counts which can be meant") {
  const auto one = [](const std::string& with) {
    return R"({"error":"_TRANSPORT","topic":"t","partition":0,"broker":"","times":1)" + with + "}";
  };
  CHECK(read_errors("[" + one("") + "]").size() == 1);
  for (const std::string& bad :
       {std::string("{}"), std::string("7"), std::string("no JSON"),
        std::string(R"({"error":"","topic":"","partition":0,"broker":"","times":1})"),
        std::string(R"({"error":"e","topic":7,"partition":0,"broker":"","times":1})"),
        std::string(R"({"error":"e","topic":"","partition":-2,"broker":"","times":1})"),
        std::string(R"({"error":"e","topic":"","partition":0,"broker":"","times":0})"),
        std::string(R"({"error":"e","topic":"","partition":0,"broker":"","times":1.5})"),
        std::string(R"({"error":"a\nb","topic":"","partition":0,"broker":"","times":1})"),
        R"({"error":")" + std::string(400, 'e') +
            R"(","topic":"","partition":0,"broker":"","times":1})"})
    CHECK_MESSAGE(read_errors("[" + bad + "]").empty(), bad);
  std::string many;
  for (std::size_t i = 0; i < BrokerErrors::most_places + 9; ++i)
    many += (many.empty() ? "" : ",") + one("");
  CHECK(read_errors("[" + many + "]").size() == BrokerErrors::most_places);
}

TEST_CASE("broker errors: more places than are told apart are counted together") {
  BrokerErrors errors;
  const std::size_t more = 30;
  for (std::size_t i = 0; i < BrokerErrors::most_places + more; ++i)
    errors.add({"_TIMED_OUT", "t" + std::to_string(i), 0, {}});
  errors.add({"_TIMED_OUT", "t0", 0, {}});  // known: it still counts for itself
  std::int64_t sum = 0, others = 0, first = 0;
  const auto told = errors.told();
  for (const ErrorCount& one : told) {
    sum += one.times;
    if (one.of == ErrorPlace{"(others)", {}, -1, {}}) others = one.times;
    if (one.of.topic == "t0") first = one.times;
  }
  CHECK(told.size() == BrokerErrors::most_places + 1);
  CHECK(sum == static_cast<std::int64_t>(BrokerErrors::most_places + more + 1));
  CHECK(others == static_cast<std::int64_t>(more));
  CHECK(first == 2);
}

TEST_CASE("broker errors: the broker is the one that librdkafka's text begins with") {
  CHECK(broker_named_by("sasl_ssl://a.example:9093/1: Connect to ipv4#10.0.0.1:9093 failed") ==
        "a.example:9093");
  CHECK(broker_named_by("127.0.0.1:1/bootstrap: Connect to ipv4#127.0.0.1:1 failed: refused") ==
        "127.0.0.1:1");
  CHECK(broker_named_by("[thrd:ssl://a:9093/bootstrap]: ssl://b:9094/12: Disconnected") ==
        "b:9094");
  CHECK(broker_named_by("[thrd:GroupCoordinator]: GroupCoordinator: a:9093: Disconnected") ==
        "a:9093");
  CHECK(broker_named_by("[::1]:9092/3: Receive failed") == "[::1]:9092");
  for (const char* none : {"", "3/3 brokers are down", "[thrd:main]: no broker", "[thrd:a:1/1",
                           "GroupCoordinator: a:1/x: b", "GroupCoordinator: no broker",
                           "x/1: no port", "a b:1/1: c"}) {
    INFO(none);
    CHECK(broker_named_by(none).empty());
  }
}
