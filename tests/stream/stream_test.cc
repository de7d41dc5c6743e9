#include "stream/stream.h"

#include <doctest/doctest.h>

using namespace batuta;
using namespace batuta::stream;

TEST_CASE("partition_of: places keys where Kafka's own clients do") {
  // Of Kafka's UtilsTest: murmur2 of these texts, as signed numbers.
  const auto place = [](std::string_view key, std::int32_t murmur) {
    constexpr int partitions = 997;
    CHECK(partition_of(key, partitions) == (murmur & 0x7fffffff) % partitions);
  };
  place("21", -973932308);
  place("foobar", -790332482);
  place("a-little-bit-long-string", -985981536);
  place("a-little-bit-longer-string", -1486304829);
  place("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971);
  place("abc", 479470107);
}

TEST_CASE("settle: what is held goes on, what is not goes by the policy, and is told") {
  const Spans kept{{0, {10, 20}}, {1, {0, 5}}, {2, {7, 7}}};
  const auto good = settle("t", {{0, 10}, {1, 5}, {2, 7}}, kept, OnGap::fail);
  REQUIRE(good.ok());
  CHECK(good->from == Offsets{{0, 10}, {1, 5}, {2, 7}});
  CHECK(good->gaps.empty());

  const auto lost = settle("t", {{0, 3}}, kept, OnGap::fail);
  REQUIRE(!lost.ok());
  CHECK(lost.error().code == Errc::conflict);
  CHECK(lost.error().message.find(
            "partition 0: offset 3 is gone, the oldest is 10: 7 offsets were lost") !=
        std::string::npos);
  CHECK(settle("t", {{0, 3}}, kept, OnGap::earliest)->from.at(0) == 10);
  CHECK(settle("t", {{0, 3}}, kept, OnGap::latest)->from.at(0) == 20);
  CHECK(settle("t", {{0, 21}}, kept, OnGap::earliest)->gaps.at(0).taken == 10);
  CHECK(settle("t", {{5, 0}}, kept, OnGap::earliest).error().code == Errc::not_found);
}

TEST_CASE("on_gap: its names are read back") {
  for (const OnGap policy : {OnGap::fail, OnGap::earliest, OnGap::latest}) {
    CHECK(parse_on_gap(to_text(policy)) == policy);
  }
  CHECK(!parse_on_gap("newest"));
}

TEST_CASE("check_name: what is a file name everywhere, and nothing else") {
  CHECK(check_name("topic", "pedidos.dlq-2_X").ok());
  for (const char* bad : {"", ".", "..", ".x", "a/b", "a b", "ç", "a\n"}) {
    CHECK_MESSAGE(!check_name("topic", bad).ok(), bad);
  }
  CHECK(check_name("group", std::string(249, 'x')).ok());
  CHECK(!check_name("group", std::string(250, 'x')).ok());
}
