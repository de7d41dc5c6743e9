// Watchers of assets: looks, and events when another thing is found.
#include "tests/core/support.h"

namespace batuta::testing {
namespace {

using enum WaitChecked::Outcome;

std::shared_ptr<const Dag> watching(const std::string& id, const std::string& argument = "{}",
                                    bool watches = true) {
  return DagMaker(id)
      .task("use", {}, [](Task& t) { t.plugin = "empty"; })
      .with([&](Dag& dag) {
        AssetSpec spec;
        spec.uri = "file:///in";
        if (watches) spec.watchers = {{"landing", argument, 30s}};
        dag.assets = {spec};
        dag.waits_for.emplace();
        dag.version = id + argument + (watches ? "" : "blind");
      })
      .make();
}

struct Looking : World {
  Looking() { add(watching("use")); }
  // Looks that were asked since the last call.
  std::size_t looks() {
    std::size_t count = 0;
    for (const CheckEffect& check : last.checks) count += check.watcher != 0 ? 1 : 0;
    return count;
  }
  void saw(WaitChecked::Outcome outcome, const std::string& seen, const std::string& why = {}) {
    WaitChecked event;
    event.watcher = watcher;
    event.outcome = outcome;
    event.seen = seen;
    event.message = why;
    tell(event);
    pass(30s);
    step();
    CHECK(looks() == 1);
  }
  std::int64_t watcher = 1;  // whose looks are answered
  std::size_t events() { return ledger.asset_events.size(); }
};

}  // namespace

TEST_CASE_FIXTURE(Looking,
                  "watchers: looked at at once and then by the interval, one look at a time") {
  CHECK(looks() == 1);
  CHECK(last.checks.at(0).argument_json == "{}");
  pass(60s);
  step();
  CHECK(looks() == 0);  // nobody has answered yet
  saw(satisfied, "1");
  restart();
  const std::size_t asked = looks();
  step();
  CHECK(asked + looks() == 1);
}

TEST_CASE_FIXTURE(Looking, "watchers: the first look learns, another thing is an event and a run") {
  saw(satisfied, "1");
  CHECK(events() == 0);
  saw(satisfied, "1");
  CHECK(events() == 0);
  saw(satisfied, "2");
  REQUIRE(events() == 1);
  CHECK(ledger.asset_events.at(1).extra_json ==
        R"({"from_trigger":true,"watcher":"landing","seen":"2"})");
  CHECK(ledger.asset_events.at(1).source_dag_id.empty());
  CHECK(ledger.runs.size() == 1);
  restart();
  step();
  saw(satisfied, "2");
  CHECK(events() == 1);  // it is remembered
}

TEST_CASE_FIXTURE(Looking,
                  "watchers: what comes where nothing was is an event, what is away is none") {
  saw(not_yet, "nothing", "nothing there");
  CHECK(ledger.watchers.at(1).message == "nothing there");
  saw(satisfied, "1");
  CHECK(events() == 1);
  CHECK(ledger.watchers.at(1).message.empty());
  saw(not_yet, "", "no answer");
  saw(satisfied, "1");
  CHECK(events() == 1);  // it was there all the time, as far as anybody knows
  saw(not_yet, "gone", "nothing there");
  saw(satisfied, "1");
  CHECK(events() == 2);
}

TEST_CASE_FIXTURE(Looking, "watchers: a first look that nobody answered has not found nothing") {
  saw(not_yet, "", "no answer");
  CHECK_FALSE(ledger.watchers.at(1).seen);
  CHECK(ledger.watchers.at(1).message == "no answer");
  saw(satisfied, "1");
  CHECK(events() == 0);  // it may have been there all the time
  saw(satisfied, "2");
  CHECK(events() == 1);
}

TEST_CASE_FIXTURE(Looking, "watchers: a failure is told once, and looked beyond") {
  saw(failed, "", "connection \"x\" does not exist");
  saw(failed, "", "connection \"x\" does not exist");
  const auto told =
      std::count_if(ledger.events.begin(), ledger.events.end(),
                    [](const EventLogRow& row) { return row.event == "asset_watcher_failed"; });
  CHECK(told == 1);
  saw(satisfied, "1");
  CHECK(events() == 0);
}

TEST_CASE_FIXTURE(Looking,
                  "watchers: two DAGs have one in common, and it goes with the last of them") {
  add(watching("more"));
  CHECK(ledger.watchers.size() == 1);
  add(watching("use", "{}", false));
  CHECK(ledger.watchers.size() == 1);
  DagsChanged gone;
  gone.gone = {"more"};
  tell(gone);
  CHECK(ledger.watchers.empty());
  WaitChecked late;
  late.watcher = 1;
  late.outcome = satisfied;
  tell(late);
  CHECK(ledger.watchers.empty());
  add(watching("more"));
  CHECK(ledger.watchers.size() == 1);
  CHECK(looks() == 1);
}

TEST_CASE_FIXTURE(Looking, "watchers: one that looks elsewhere learns anew") {
  saw(satisfied, "1");
  add(watching("more"));
  CHECK(looks() == 0);  // that look of 30 s later is under way
  add(watching("use", R"({"file":"/other"})"));
  CHECK(looks() == 1);
  REQUIRE(ledger.watchers.size() == 1);
  CHECK_FALSE(ledger.watchers.at(2).seen);
  WaitChecked late;  // of the other place
  late.watcher = 1;
  late.outcome = satisfied;
  late.seen = "1";
  tell(late);
  watcher = 2;
  saw(satisfied, "2");
  CHECK(events() == 0);
  restart();
  step();
  saw(satisfied, "3");
  CHECK(events() == 1);
}

TEST_CASE_FIXTURE(Looking,
                  "watchers: one DAG gives its watcher up in the turn in which another has it") {
  add(watching("other", "{}", false));
  DagsChanged moved;
  moved.current = {watching("use", "{}", false), watching("other")};
  tell(moved);
  REQUIRE(ledger.watchers.size() == 1);
  CHECK(ledger.watchers.contains(2));
  CHECK(looks() == 1);
}

}  // namespace batuta::testing
