#include "tests/store/history_conformance.h"

#include "scheduler/store/sqlite_registry.h"
#include "tests/store/history_conformance_beside.h"
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
    add_what_stands_beside(c);
    commit(*fixture_.store, c);
    SqliteRegistry registry(fixture_.store->database(), fixture_.folder.file("secret.key"));
    REQUIRE(registry.set_user("ana", "admin", "hash").ok());
    REQUIRE(registry.set_favorite("ana", "etl", true).ok());
  }
  History& history() { return fixture_.history; }

 private:
  void add_what_stands_beside(Changes& c) {
    c.backfills = {make_full_backfill(1, "v1"), make_full_backfill(2, "v1")};
    c.backfills[1].phase = BackfillPhase::done;
    c.backfill_ticks = {{1, 1, at(2), TickOutcome::in_flight, RunSeq{1}},
                        {1, 2, at(3), TickOutcome::created, RunSeq{99}}};
    c.questions = {make_question(2), make_question(4)};
    for (QuestionRow& question : c.questions) question.map_index = unmapped;
    c.answers = {make_answer(c.questions[1])};
    for (const TaskInstanceView& view : fixture_.history.task_instances({}).rows) {
      const bool asks =
          view.row.key() == c.questions[0].key() || view.row.key() == c.questions[1].key();
      if (!asks) continue;
      c.tasks_updated.push_back({view.row.state, view.row.fence, view.row});
      c.tasks_updated.back().row.try_number = 1;
      c.tasks_updated.back().row.state = TaskState::deferred;
    }
    AssetRow asset;
    asset.id = 1;
    asset.uri = "s3://a";
    asset.name = "a";
    asset.group = "group";
    asset.extra_json = "{}";
    c.assets = {asset};
    c.asset_aliases = {{1, "daily", "raw"}};
    c.asset_alias_links = {{1, 1}};
    c.asset_refs = {
        {"etl", at(5), {{1, AssetRole::schedule, ""}}, {{1, AssetRole::outlet, "task_0"}}}};
    AssetEventRow event;
    event.id = 1;
    event.asset = 1;
    event.timestamp = at(7);
    event.extra_json = "{}";
    event.source_dag_id = "etl";
    event.source_run_id = "run_1";
    event.source_task_id = "task_0";
    c.asset_events = {event};
    c.asset_queued = {{"etl", 1, 1, at(7)}};
    c.attempt_reports = {{{RunSeq{1}, 0, unmapped, 1},
                          1,
                          R"({"quality":[{"table":"gold/t","rule":"r","passed":true}],)"
                          R"("lineage":[{"from":"silver/t","to":"gold/t"}]})"}};
    c.checkpoints = {{RunSeq{2}, 0, unmapped, 1, at(1), "{}"}};
  }

  HistoryFixture fixture_;
};

BATUTA_HISTORY_CONFORMANCE(SqliteHistoryHarness);
BATUTA_HISTORY_CONFORMANCE_BESIDE(SqliteHistoryHarness);

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
