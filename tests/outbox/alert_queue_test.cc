#include "scheduler/outbox/alert_queue.h"

#include <doctest/doctest.h>

#include "scheduler/outbox/alert.h"

using namespace batuta;

namespace {

const Time twelve = Time(std::chrono::seconds(1'700'000'000));
constexpr auto second = std::chrono::seconds(1);

OutboxRow alert(std::int64_t id, const std::string& dag, const std::string& connection = "slack",
                const std::string& channel = "#etl", std::size_t bytes = 10) {
  OutboxRow row;
  row.id = id;
  row.kind = OutboxKind::alert;
  row.key = connection;
  row.payload_json = alert_payload(connection, dag, std::string(bytes, 'x'), channel, "batuta");
  return row;
}

std::vector<std::int64_t> ids(const std::vector<OutboxRow>& rows) {
  std::vector<std::int64_t> out;
  for (const OutboxRow& row : rows) out.push_back(row.id);
  return out;
}
using Ids = std::vector<std::int64_t>;

// As the outbox does after a message that was taken.
void sent(AlertQueue& queue, const std::vector<OutboxRow>& rows, Time now) {
  queue.hold(rows.front().key, now + second);
  for (const OutboxRow& row : rows) queue.remove(row.id);
}

}  // namespace

TEST_CASE("what a DAG has waiting for a channel goes as one message, other channels apart") {
  AlertQueue queue;
  for (const std::int64_t id : {1, 2, 4}) queue.add(alert(id, "a"));
  queue.add(alert(3, "a", "slack", "#ops"));
  const auto first = queue.take(twelve);
  CHECK(ids(first) == Ids{1, 2, 4});
  CHECK(queue.take(twelve).empty());  // one message at a time to a connection
  sent(queue, first, twelve);
  CHECK(queue.take(twelve).empty());
  CHECK(queue.next_due() == twelve + second);
  CHECK(ids(queue.take(twelve + second)) == Ids{3});
}

TEST_CASE("another DAG's alert does not wait behind a storm") {
  AlertQueue queue;
  for (std::int64_t id = 1; id <= 500; ++id) queue.add(alert(id, "storm"));
  Time now = twelve;
  sent(queue, queue.take(now), now);
  queue.add(alert(1000, "quiet"));
  int messages = 1;
  for (now += second; queue.size() > 0; now += second) {
    const auto rows = queue.take(now);
    ++messages;
    if (messages == 3) CHECK(queue.size() <= 401);
    CHECK((rows.front().id != 1000 || messages <= 3));
    sent(queue, rows, now);
  }
  CHECK(messages == 6);  // 500 alerts in five, the other's in one of its own
}

TEST_CASE("a message holds so many bytes; what does not fit comes with the next") {
  AlertQueue queue;
  const std::size_t half = AlertQueue::max_bytes / 2;
  queue.add(alert(1, "a", "slack", "#etl", half));
  queue.add(alert(2, "a", "slack", "#etl", half));
  queue.add(alert(3, "a", "slack", "#etl", 2 * half));
  auto rows = queue.take(twelve);
  CHECK(ids(rows) == Ids{1});
  sent(queue, rows, twelve);
  rows = queue.take(twelve + second);
  CHECK(ids(rows) == Ids{2});
  sent(queue, rows, twelve + second);
  CHECK(ids(queue.take(twelve + 2 * second)) == Ids{3});  // by itself, however large
}

TEST_CASE("what was refused with others is tried by itself") {
  AlertQueue queue;
  for (const std::int64_t id : {1, 2}) queue.add(alert(id, "a"));
  for (const OutboxRow& row : queue.take(twelve)) CHECK(queue.put_back(row, true));
  queue.add(alert(3, "a"));
  CHECK(ids(queue.take(twelve)) == Ids{1});
  queue.remove(1);
  CHECK(ids(queue.take(twelve)) == Ids{2});
  queue.remove(2);
  CHECK(ids(queue.take(twelve)) == Ids{3});
}

TEST_CASE("one that waits for its next try lets others go, unless its connection is held") {
  AlertQueue queue;
  queue.add(alert(1, "a"));
  OutboxRow row = queue.take(twelve).front();
  row.next_try_at = twelve + 5 * second;
  REQUIRE(queue.put_back(row, false));
  queue.add(alert(2, "b"));
  queue.hold("slack", twelve + second);
  CHECK(queue.take(twelve).empty());
  CHECK(queue.next_due() == twelve + second);
  CHECK(ids(queue.take(twelve + second)) == Ids{2});
  queue.remove(2);
  CHECK(queue.take(twelve + 4 * second).empty());
  CHECK(queue.next_due() == twelve + 5 * second);
  queue.retry_now(1);
  CHECK(ids(queue.take(twelve + 4 * second)) == Ids{1});
}

TEST_CASE("connections do not wait for each other") {
  AlertQueue queue;
  queue.add(alert(1, "a", "slack"));
  queue.add(alert(2, "a", "other"));
  CHECK(ids(queue.take(twelve)) == Ids{1});
  CHECK(ids(queue.take(twelve)) == Ids{2});
  CHECK(queue.take(twelve).empty());
}

TEST_CASE("an alert removed while it runs is not put back, and a resync forgets what is gone") {
  AlertQueue queue;
  queue.add(alert(1, "a"));
  const OutboxRow row = queue.take(twelve).front();
  queue.remove(1);
  CHECK_FALSE(queue.put_back(row, false));
  CHECK(queue.size() == 0);
  queue.add(alert(2, "a"));
  queue.add(alert(3, "a"));
  queue.resync({alert(3, "a"), alert(4, "a")});
  CHECK(ids(queue.take(twelve)) == Ids{3, 4});
}

TEST_CASE("a digest says how many alerts of which DAG, and has every text whole") {
  const std::string digest =
      alert_digest({alert_payload("slack", "etl", "first", "#c", "batuta"),
                    alert_payload("slack", "etl", "second", "#c", "batuta")});
  CHECK(digest ==
        alert_payload("slack", "etl", "*2 alerts of etl*\n\nfirst\n\nsecond", "#c", "batuta"));
  const std::string single = alert_payload("slack", "etl", "first", "", "");
  CHECK(alert_digest({single}) == single);
}
