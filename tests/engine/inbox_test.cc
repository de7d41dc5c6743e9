#include "scheduler/engine/inbox.h"

#include <doctest/doctest.h>

#include <thread>

using namespace batuta;
using namespace std::chrono_literals;

TEST_CASE("a full inbox takes nothing, and a batch goes in whole or not at all") {
  Inbox inbox(2);
  CHECK(inbox.push(Event{WorkerHeartbeat{1}}));
  CHECK_FALSE(inbox.push_all({WorkerHeartbeat{2}, WorkerHeartbeat{3}}));
  CHECK(inbox.size() == 1);
  CHECK(inbox.push(Event{WorkerHeartbeat{4}}));
  CHECK_FALSE(inbox.push(Event{WorkerHeartbeat{5}}));
}

TEST_CASE("items come out in the order of arrival, no more than asked") {
  Inbox inbox(10);
  for (WorkerId id = 1; id <= 5; ++id) REQUIRE(inbox.push(Event{WorkerHeartbeat{id}}));
  auto first = inbox.take(2, 0s);
  REQUIRE(first.size() == 2);
  CHECK(std::get<WorkerHeartbeat>(std::get<Event>(first[0])).worker == 1);
  auto rest = inbox.take(10, 0s);
  REQUIRE(rest.size() == 3);
  CHECK(std::get<WorkerHeartbeat>(std::get<Event>(rest[2])).worker == 5);
}

TEST_CASE("a waiting consumer is woken by the first item and by close") {
  Inbox inbox(10);
  std::thread producer([&] { CHECK(inbox.push(Event{WorkerHeartbeat{1}})); });
  CHECK(inbox.take(10, 20s).size() == 1);
  producer.join();
  std::thread closer([&] { inbox.close(); });
  CHECK(inbox.take(10, 20s).empty());
  closer.join();
  CHECK_FALSE(inbox.push(Event{WorkerHeartbeat{1}}));
}
