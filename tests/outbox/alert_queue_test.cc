#include "scheduler/outbox/alert_queue.h"

#include <doctest/doctest.h>

#include "scheduler/outbox/alert.h"

using namespace batuta;

namespace {

const Time twelve = Time(std::chrono::seconds(1'700'000'000));
constexpr auto second = std::chrono::seconds(1);

OutboxRow alert(std::int64_t id, const std::string& dag, const std::string& connection = "slack",
                const std::string& channel = "#etl", std::size_t bytes = 10, Duration every = {}) {
  OutboxRow row;
  row.id = id;
  row.kind = OutboxKind::alert;
  row.key = connection;
  Alert alert;
  alert.connection = connection;
  alert.dag_id = dag;
  alert.text = std::string(bytes, 'x');
  alert.channel = channel;
  alert.username = "batuta";
  alert.every = every;
  row.payload_json = alert_payload(alert);
  return row;
}
OutboxRow each_hour(std::int64_t id) {
  return alert(id, "a", "slack", "#etl", 10, std::chrono::hours(1));
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

TEST_CASE("with an interval, what comes after a message waits and goes together when it is over") {
  AlertQueue queue;
  queue.add(each_hour(1));
  auto rows = queue.take(twelve);
  CHECK(ids(rows) == Ids{1});
  sent(queue, rows, twelve);
  CHECK(queue.size() == 0);
  for (const std::int64_t id : {2, 3}) queue.add(each_hour(id));
  queue.add(alert(4, "a"));  // without an interval: waits for none
  rows = queue.take(twelve + second);
  CHECK(ids(rows) == Ids{4});
  sent(queue, rows, twelve + second);
  CHECK(queue.take(twelve + 30 * 60 * second).empty());
  CHECK(queue.next_due() == twelve + 3600 * second);
  rows = queue.take(twelve + 3600 * second);
  CHECK(ids(rows) == Ids{2, 3});
  sent(queue, rows, twelve + 3600 * second);
  queue.add(each_hour(5));
  CHECK(queue.take(twelve + 3602 * second).empty());
  queue.retry_now(5);
  CHECK(ids(queue.take(twelve + 3603 * second)) == Ids{5});
}

TEST_CASE("an interval that opens sends all that waited, in as many messages as that takes") {
  AlertQueue queue;
  const auto count = static_cast<std::int64_t>(AlertQueue::max_rows) + 5;
  for (std::int64_t id = 1; id <= count; ++id) queue.add(each_hour(id));
  auto rows = queue.take(twelve);
  CHECK(rows.size() == AlertQueue::max_rows);
  queue.add(each_hour(1000));  // came after it opened
  sent(queue, rows, twelve);
  rows = queue.take(twelve + second);
  CHECK(rows.size() == 6);
  sent(queue, rows, twelve + second);
  queue.add(each_hour(1001));
  CHECK(queue.take(twelve + 5 * second).empty());
}

TEST_CASE("a try that failed is repeated though its interval is not over") {
  AlertQueue queue;
  queue.add(each_hour(1));
  OutboxRow row = queue.take(twelve).front();
  row.tries = 1;
  row.next_try_at = twelve + second;
  REQUIRE(queue.put_back(row, false));
  CHECK(queue.take(twelve).empty());
  CHECK(queue.next_due() == twelve + second);
  CHECK(ids(queue.take(twelve + second)) == Ids{1});
}
