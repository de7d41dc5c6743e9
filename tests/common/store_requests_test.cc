#include "common/store_requests.h"

#include <doctest/doctest.h>

#include <string>

using namespace batuta;

TEST_CASE("store requests: what is new is taken once, and read again as it was told") {
  StoreRequests requests;
  requests.add({"s3://lake", "put", "ok"});
  requests.add({"s3://lake", "put", "ok"}, 4);
  requests.add({"s3://lake", "read", "absent"});
  CHECK(requests.take_new().size() == 2);
  requests.add({"s3://lake", "put", "ok"}, 2);
  const auto fresh = requests.take_new();
  REQUIRE(fresh.size() == 1);
  const auto read = read_store_requests("[" + store_request_json(fresh[0]) + "]");
  REQUIRE(read.size() == 1);
  CHECK(read[0].of == StoreRequest{"s3://lake", "put", "ok"});
  CHECK(read[0].times == 2);
  CHECK(requests.told()[0].times == 7);
}

TEST_CASE("store requests: of what a worker says only that counts which can be meant") {
  const auto one = [](const std::string& store, const std::string& times) {
    return R"([{"store":")" + store + R"(","operation":"put","outcome":"ok","times":)" + times +
           "}]";
  };
  CHECK(read_store_requests(one("s3://lake", "1")).size() == 1);
  CHECK(read_store_requests(one("", "1")).empty());
  CHECK(read_store_requests(one("a\\nb", "1")).empty());
  CHECK(read_store_requests(one(std::string(400, 's'), "1")).empty());
  CHECK(read_store_requests(one("s3://lake", "0")).empty());
  CHECK(read_store_requests(one("s3://lake", "1.5")).empty());
  CHECK(read_store_requests(R"([7,{"store":"s3://lake"}])").empty());
  CHECK(read_store_requests("no JSON").empty());
}

TEST_CASE("store requests: more than are told apart are counted together") {
  StoreRequests requests;
  for (std::size_t i = 0; i < StoreRequests::most + 30; ++i)
    requests.add({"s3://" + std::to_string(i), "put", "ok"});
  const auto told = requests.told();
  REQUIRE(told.size() == StoreRequests::most + 1);
  CHECK(told[0].of.store == "(others)");
  CHECK(told[0].times == 30);
}

TEST_CASE("store requests: a report's list counts in this process, and one without it is nothing") {
  store_requests().take_new();
  count_told_requests(R"({"quality":[]})");
  count_told_requests("");
  CHECK(store_requests().take_new().empty());
  count_told_requests(
      R"({"store_requests":[{"store":"gs://b","operation":"list","outcome":"ok","times":3}]})");
  const auto fresh = store_requests().take_new();
  REQUIRE(fresh.size() == 1);
  CHECK(fresh[0].times == 3);
}
