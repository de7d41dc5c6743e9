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

}  // namespace
}  // namespace batuta::test
