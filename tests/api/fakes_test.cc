// What the API's tests are told by their fakes is what a real history and registry would tell.
#include "tests/api/fake_services.h"
#include "tests/store/history_conformance.h"
#include "tests/store/history_conformance_beside.h"
#include "tests/store/registry_conformance.h"
#include "tests/store/store_fixture.h"

namespace batuta::test::fakes_test {
namespace {

class FakeHistoryHarness {
 public:
  FakeHistoryHarness() {
    http::FakeHistory& history = api_.history;
    BackfillRow other = history.backfill_rows.at(0);
    other.id = 2;
    other.phase = BackfillPhase::done;
    history.backfill_rows.push_back(other);
    history.tick_rows = {{{1, 1, at(0), TickOutcome::exists, RunSeq{1}}, "done", {}},
                         {{1, 2, at(60), TickOutcome::created, RunSeq{9}}, "", {}}};
    for (const std::size_t at_view : {0, 1}) {
      const TaskInstanceView& view = history.views.at(at_view);
      for (const std::int32_t before : {1, 0}) {
        QuestionView& question = history.question_rows.emplace_back();
        question.task = view;
        question.row.run = view.row.run;
        question.row.task = view.row.task;
        question.row.try_number = view.row.try_number - before;
        question.row.subject = "Deploy?";
      }
    }
    api_.add_waited_asset();
    AssetEventView& event = history.asset_event_rows.emplace_back();
    event.row.id = 3;
    event.row.asset = 1;
    event.row.source_dag_id = "demo";
    const AttemptKey told = history.views.at(2).row.attempt();
    history.report_rows = {{told, history.views.at(2).row.try_number,
                            R"({"quality":[{"table":"gold/t","rule":"r","passed":true}],)"
                            R"("lineage":[{"from":"silver/t","to":"gold/t"}]})"}};
    history.checkpoint_row = CheckpointRow{RunSeq{2}, 0, unmapped, 1, at(1), "{}"};
    api_.registry.favorite_rows = {{"ana", "demo"}};
  }
  History& history() { return api_.history; }

 private:
  http::TestApi api_;
};

class FakeRegistryHarness {
 public:
  FakeRegistryHarness() {
    registry_.user_rows.clear();
    registry_.hashes.clear();
    registry_.token_rows.clear();
  }
  Registry& registry() { return registry_; }
  void reopen() {}
  std::string hash(std::string_view password) { return http::FakeRegistry::hash(password); }
  std::vector<std::string> logged() {
    std::vector<std::string> events;
    for (const EventLogRow& row : registry_.audit) events.push_back(row.event + " " + row.owner);
    return events;
  }

 private:
  http::FakeRegistry registry_;
};

BATUTA_HISTORY_CONFORMANCE(FakeHistoryHarness);
BATUTA_HISTORY_CONFORMANCE_BESIDE(FakeHistoryHarness);
BATUTA_REGISTRY_CONFORMANCE(FakeRegistryHarness);

}  // namespace
}  // namespace batuta::test::fakes_test
