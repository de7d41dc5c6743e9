#include <doctest/doctest.h>

#include "scheduler/outbox/outbox_queue.h"

using namespace batuta;

namespace {

const Time noon = Time(std::chrono::seconds(1'700'000'000));

OutboxItem publication(std::int64_t id, const std::string& table, std::int64_t run,
                       std::int32_t position) {
  OutboxItem item;
  item.row.id = id;
  item.row.kind = OutboxKind::publish;
  item.row.key = table;
  item.row.publication = id;
  item.publication.id = id;
  item.publication.key = {RunSeq{run}, 0, unmapped, 1};
  item.publication.position = position;
  item.publication.table = table;
  return item;
}

}  // namespace

TEST_CASE("publications of one table go one after the other") {
  OutboxQueue queue;
  queue.add(publication(1, "silver/a", 1, 0));
  queue.add(publication(2, "silver/a", 2, 0));
  REQUIRE(queue.take(noon)->row.id == 1);
  CHECK_FALSE(queue.take(noon));
  queue.carried_out(1);
  CHECK_FALSE(queue.take(noon));  // carried out, but not yet settled by a commit
  queue.remove(1);
  CHECK(queue.take(noon)->row.id == 2);
}

TEST_CASE("different tables do not wait for each other") {
  OutboxQueue queue;
  queue.add(publication(1, "silver/a", 1, 0));
  queue.add(publication(2, "silver/b", 2, 0));
  CHECK(queue.take(noon)->row.id == 1);
  CHECK(queue.take(noon)->row.id == 2);
  CHECK_FALSE(queue.take(noon));
}

TEST_CASE("the tables of one attempt publish in their listed order") {
  OutboxQueue queue;
  queue.add(publication(1, "quarantine/a", 1, 0));
  queue.add(publication(2, "silver/a", 1, 1));
  CHECK(queue.take(noon)->row.id == 1);
  CHECK_FALSE(queue.take(noon));
  queue.carried_out(1);
  queue.remove(1);
  CHECK(queue.take(noon)->row.id == 2);
}

TEST_CASE("a resync forgets what the store does not have and redoes what was not recorded") {
  OutboxQueue queue;
  queue.add(publication(1, "silver/a", 1, 0));
  queue.add(publication(2, "silver/b", 2, 0));
  queue.take(noon);
  queue.take(noon);
  queue.carried_out(1);
  queue.carried_out(2);
  queue.resync({publication(2, "silver/b", 2, 0), publication(3, "silver/c", 3, 0)});
  CHECK(queue.take(noon)->row.id == 2);
  CHECK(queue.take(noon)->row.id == 3);
  CHECK_FALSE(queue.take(noon));
}

TEST_CASE("an item that waits for its next try holds its table and says when it is due") {
  OutboxQueue queue;
  queue.add(publication(1, "silver/a", 1, 0));
  queue.add(publication(2, "silver/a", 2, 0));
  OutboxItem item = *queue.take(noon);
  item.row.next_try_at = noon + std::chrono::seconds(5);
  REQUIRE(queue.put_back(item));
  CHECK_FALSE(queue.take(noon));
  CHECK(queue.next_due() == noon + std::chrono::seconds(5));
  CHECK(queue.take(noon + std::chrono::seconds(5))->row.id == 1);
}

TEST_CASE("retry lets a waiting item go at once") {
  OutboxQueue queue;
  queue.add(publication(1, "silver/a", 1, 0));
  OutboxItem item = *queue.take(noon);
  item.row.next_try_at = noon + std::chrono::hours(1);
  queue.put_back(item);
  queue.retry_now(1);
  CHECK(queue.take(noon)->row.id == 1);
}

TEST_CASE("an item removed while it runs is not put back") {
  OutboxQueue queue;
  queue.add(publication(1, "silver/a", 1, 0));
  const OutboxItem item = *queue.take(noon);
  queue.remove(1);
  CHECK_FALSE(queue.put_back(item));
  CHECK(queue.size() == 0);
}
