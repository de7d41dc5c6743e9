#include "tests/store/history_conformance.h"

#include "tests/store/history_fixture.h"

namespace batuta::test {
namespace {

// The fixture's runs, one with a row of each list.
class SqliteHistoryHarness {
 public:
  SqliteHistoryHarness() {
    Changes c;
    c.xcoms = {{RunSeq{2}, 0, unmapped, "a", "1", at(1)},
               {RunSeq{2}, 1, unmapped, "b", "2", at(1)}};
    OutboxRow alert;
    alert.id = 8;
    alert.kind = OutboxKind::alert;
    alert.key = "slack_alerts";
    alert.payload_json = "{}";
    alert.created_at = at(6);
    c.outbox = {alert};
    for (const char* event : {"one", "two"}) {
      EventLogRow row;
      row.when = at(5);
      row.event = event;
      row.extra_json = "{}";
      c.event_log.push_back(row);
      row.dag_id = row.event == "one" ? "etl" : "ml";
      c.event_log.push_back(row);
    }
    commit(*fixture_.store, c);
  }
  History& history() { return fixture_.history; }

 private:
  HistoryFixture fixture_;
};

BATUTA_HISTORY_CONFORMANCE(SqliteHistoryHarness);

TEST_CASE_FIXTURE(HistoryFixture,
                  "the outbox is counted by what waits and what was given up, lineage apart") {
  const auto add = [&](std::int64_t id, OutboxKind kind, bool dead) {
    OutboxRow row;
    row.id = id;
    row.kind = kind;
    row.key = "k";
    row.payload_json = "{}";
    row.created_at = at(6);
    row.dead = dead;
    Changes c;
    c.outbox = {row};
    commit(*store, c);
  };
  add(21, OutboxKind::alert, false);
  add(22, OutboxKind::alert, true);
  for (const std::int64_t id : {23, 24, 25}) add(id, OutboxKind::lineage, false);
  for (const std::int64_t id : {26, 27}) add(id, OutboxKind::lineage, true);
  add(28, OutboxKind::trace, false);
  add(29, OutboxKind::trace, true);
  const OutboxCounts counts = history.outbox_counts();
  CHECK(counts.pending == 1);
  CHECK(counts.dead == 1);
  CHECK(counts.lineage_pending == 3);
  CHECK(counts.lineage_dead == 2);
  CHECK(counts.trace_pending == 1);
  CHECK(counts.trace_dead == 1);
  CHECK(store->drop_outbox(26).ok());
  CHECK(history.outbox_counts().lineage_dead == 1);
}

}  // namespace
}  // namespace batuta::test
