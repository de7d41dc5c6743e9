// Tasks that no worker runs: what the engine says becomes of them, and what they wait for.
#include "scheduler/core/explain.h"
#include "tests/core/support.h"

namespace batuta::testing {
namespace {

Task resolved_task(Task task) {
  task.is_resolved = true;
  task.plugin = "sensor";
  return task;
}

// t waits, after follows.
struct Waiting {
  explicit Waiting(const std::function<void(Task&)>& change = {}) {
    world.add(DagMaker("dag")
                  .task("t", {},
                        [&](Task& t) {
                          t = resolved_task(std::move(t));
                          if (change) change(t);
                        })
                  .task("after", {"t"}, [](Task& t) { t.plugin = "empty"; })
                  .make());
    run = world.trigger("dag");
  }
  // Answers what is asked about t.
  Effects answer(Resolution what) {
    REQUIRE(world.last.resolutions.size() == 1);
    return world.tell(TaskResolved{run, world.last.resolutions[0].instance, std::move(what)});
  }
  Effects wait(WaitRow row) {
    Resolution what;
    what.kind = Resolution::Kind::wait;
    what.wait = std::move(row);
    return answer(std::move(what));
  }
  WaitRow check(Duration timeout = {}) const {
    WaitRow row;
    row.kind = WaitKind::check;
    row.about = "a file";
    row.argument_json = R"({"file":"/x"})";
    row.interval = 30s;
    if (timeout > Duration{}) row.deadline = world.now.wall + timeout;
    return row;
  }
  Effects checked(WaitChecked::Outcome outcome, const std::string& message = {}) {
    return world.tell(WaitChecked{world.attempt(run, "t"), outcome, message});
  }
  TaskState state(const char* task = "t") const { return world.state_of(run, task); }

  World world;
  RunSeq run{};
};

WaitRow until(Time time) {
  WaitRow row;
  row.kind = WaitKind::time;
  row.due = time;
  row.about = "a time";
  return row;
}

using enum WaitChecked::Outcome;

}  // namespace

TEST_CASE("a task that no worker runs is asked about, and what is said becomes of it") {
  Waiting w;
  CHECK(w.state() == TaskState::scheduled);
  CHECK(w.world.launched().empty());
  SUBCASE("success, with a result") {
    Resolution done;
    done.result_json = "5";
    w.answer(done);
    CHECK(w.state() == TaskState::success);
    CHECK(w.state("after") == TaskState::success);
    CHECK(w.world.row(w.run, "t").try_number == 1);
    CHECK(w.world.ledger.xcoms.at(w.world.row(w.run, "t").key()) == "5");
  }
  SUBCASE("failed") {
    Resolution failed;
    failed.kind = Resolution::Kind::failed;
    failed.reason = "/until: undefined name";
    w.answer(failed);
    CHECK(w.state() == TaskState::failed);
    CHECK(w.world.run_state(w.run) == DagRunState::failed);
  }
  SUBCASE("it was cleared meanwhile: the answer is not for it any more") {
    const InstanceIndex asked = w.world.last.resolutions.at(0).instance;
    MarkRequested mark;
    mark.dag_id = "dag";
    mark.dag_run_id = w.world.state.run(w.run)->run.dag_run_id;
    mark.task_id = "t";
    mark.state = TaskState::skipped;
    w.world.tell(mark);
    w.world.tell(TaskResolved{w.run, asked, {}});
    CHECK(w.state() == TaskState::skipped);
  }
  SUBCASE("the answer was forgotten in a crash: it is asked again") {
    w.world.restart();
    w.answer({});
    CHECK(w.state() == TaskState::success);
  }
}

TEST_CASE("a result that is not to be kept is not") {
  Waiting w([](Task& t) { t.do_xcom_push = false; });
  Resolution done;
  done.result_json = "5";
  w.answer(done);
  CHECK(w.state() == TaskState::success);
  CHECK(w.world.ledger.xcoms.empty());
}

TEST_CASE("a paused DAG asks nothing until it goes on") {
  World world;
  world.add(DagMaker("dag")
                .task("first")
                .task("t", {"first"}, [](Task& t) { t = resolved_task(std::move(t)); })
                .make());
  world.join("agent", 1);
  const RunSeq run = world.trigger("dag");
  world.tell(PauseRequested{0, "dag", true});
  world.finish(world.attempt(run, "first"));
  CHECK(world.last.resolutions.empty());
  world.tell(PauseRequested{0, "dag", false});
  CHECK(world.last.resolutions.size() == 1);
}

TEST_CASE("a wait for a time holds no slot and ends at that time, also after a restart") {
  Waiting w;
  const Time due = w.world.now.wall + 10min;
  SUBCASE("no restart") {
    w.wait(until(due));
  }
  SUBCASE("a restart") {
    w.wait(until(due));
    w.world.restart();
  }
  CHECK(w.state() == TaskState::deferred);
  CHECK(w.world.last.wake_at == due);
  CHECK(explain(w.world.state, {w.run, 0, unmapped}, w.world.now).at(0).reason.find("a time") !=
        std::string::npos);
  w.world.pass(9min);
  w.world.step();
  CHECK(w.state() == TaskState::deferred);
  w.world.pass(1min);
  w.world.step();
  CHECK(w.state() == TaskState::success);
  CHECK(w.world.ledger.waits.empty());
  CHECK(w.world.run_state(w.run) == DagRunState::success);
}

TEST_CASE("a time that has passed is waited for no longer than a turn") {
  Waiting w;
  w.wait(until(w.world.now.wall - 1s));
  CHECK(w.state() == TaskState::success);
}

TEST_CASE("what is outside is looked at at once and then after each interval, without a commit") {
  Waiting w;
  w.wait(w.check());
  REQUIRE(w.world.last.checks.size() == 1);
  CHECK(w.world.last.checks[0].key == w.world.attempt(w.run, "t"));
  const Effects not_yet_there = w.checked(not_yet, "no such file");
  CHECK(not_yet_there.changes.empty());
  CHECK(not_yet_there.wake_at == w.world.now.wall + 30s);
  w.world.pass(30s);
  REQUIRE(w.world.step().checks.size() == 1);
  CHECK(w.world.step().checks.empty());  // one at a time
  w.checked(satisfied);
  CHECK(w.state() == TaskState::success);
}

TEST_CASE("looks grow rarer by the double, up to the longest interval") {
  Waiting w;
  WaitRow row = w.check();
  row.doubling = true;
  row.longest_interval = 100s;
  w.wait(row);
  for (const Duration gap : {Duration(30s), Duration(60s), Duration(100s), Duration(100s)}) {
    CHECK(w.checked(not_yet).wake_at == w.world.now.wall + gap);
    w.world.pass(gap);
    REQUIRE(w.world.step().checks.size() == 1);
  }
}

TEST_CASE("a wait that times out fails without a retry, or is skipped if it is soft") {
  for (const bool soft : {false, true}) {
    Waiting w([](Task& t) { t.retry.retries = 3; });
    WaitRow row = w.check(1min);
    row.soft_fail = soft;
    w.wait(row);
    w.checked(not_yet);
    w.world.pass(30s);
    w.world.step();
    w.checked(not_yet);
    w.world.pass(30s);
    w.world.step();
    CHECK(w.state() == (soft ? TaskState::skipped : TaskState::failed));
    CHECK(w.world.row(w.run, "t").reason == "timed out waiting for a file");
    CHECK(w.world.ledger.waits.empty());
  }
}

TEST_CASE("a look that fails is a failure of the try, and the time-out counts over all tries") {
  Waiting w([](Task& t) {
    t.retry.retries = 3;
    t.retry.delay = 20s;
  });
  const Time began = w.world.now.wall;
  w.wait(w.check(1min));
  w.checked(failed, "the server answered 500");
  CHECK(w.state() == TaskState::up_for_retry);
  CHECK(w.world.row(w.run, "t").failures == 1);
  REQUIRE(w.world.ledger.waits.size() == 1);
  w.world.restart();
  w.world.pass(25s);
  w.world.step();
  w.wait(w.check(1min));
  CHECK(w.world.row(w.run, "t").try_number == 2);
  CHECK(w.world.ledger.waits.begin()->second.since == began);
  CHECK(w.world.ledger.archived.size() == 1);
  w.checked(not_yet);
  w.world.pass(40s);
  w.world.step();
  CHECK(w.state() == TaskState::failed);
}

TEST_CASE("an answer about an earlier try, or one that nobody waits for, changes nothing") {
  Waiting w([](Task& t) {
    t.retry.retries = 3;
    t.retry.delay = 1s;
  });
  w.wait(w.check());
  const AttemptKey old = w.world.attempt(w.run, "t");
  w.checked(failed);
  w.world.tell(WaitChecked{old, satisfied, {}});
  CHECK(w.state() == TaskState::up_for_retry);
  w.world.pass(10s);
  w.world.step();
  w.wait(w.check());
  w.world.tell(WaitChecked{old, satisfied, {}});
  CHECK(w.state() == TaskState::deferred);
  w.checked(not_yet);
  w.checked(satisfied);  // nobody was asked
  CHECK(w.state() == TaskState::deferred);
}

TEST_CASE("a deferred task can be marked and cleared, and ends with its run as one that ran") {
  Waiting w;
  w.wait(w.check(1h));
  const std::string id = w.world.state.run(w.run)->run.dag_run_id;
  SUBCASE("marked") {
    MarkRequested mark;
    mark.dag_id = "dag";
    mark.dag_run_id = id;
    mark.task_id = "t";
    w.world.tell(mark);
    CHECK(w.state() == TaskState::success);
  }
  SUBCASE("cleared: it waits anew") {
    ClearRequested clear;
    clear.dag_id = "dag";
    clear.dag_run_id = id;
    clear.only_failed = false;
    clear.dry_run = false;
    w.world.tell(clear);
    CHECK(w.state() == TaskState::scheduled);
    CHECK(w.world.ledger.waits.empty());
    w.world.pass(30min);
    w.wait(w.check(1h));
    CHECK(w.world.ledger.waits.begin()->second.since == w.world.now.wall);
    return;
  }
  SUBCASE("its run is cancelled") {
    w.world.tell(RunStateRequested{0, "dag", id, DagRunState::failed, "ann", {}});
    CHECK(w.state() == TaskState::failed);
    CHECK(w.state("after") == TaskState::skipped);
  }
  CHECK(w.world.ledger.waits.empty());
  CHECK(is_terminal(w.world.run_state(w.run)));
}

namespace {

// A second DAG that the first one may wait for.
struct Watching : Waiting {
  explicit Watching(const std::function<void(Task&)>& change = {}) : Waiting(change) {
    const Effects asked = world.last;
    world.add(DagMaker("other").task("load").task("rest", {"load"}).make());
    world.join("agent", 4);
    world.last = asked;
  }
  RunSeq trigger_other() {
    const Effects asked = world.last;
    const RunSeq other = world.trigger("other", [&](RunRequested& r) { r.logical_date = date; });
    world.last = asked;
    return other;
  }
  WaitRow on_date(const std::string& task_id = {}) const {
    WaitRow row;
    row.kind = WaitKind::run;
    row.about = "the run";
    row.dag_id = "other";
    row.logical_date = date;
    row.task_id = task_id;
    row.allowed =
        task_id.empty() ? states_with(DagRunState::success) : states_with(TaskState::success);
    row.refused =
        task_id.empty() ? states_with(DagRunState::failed) : states_with(TaskState::failed);
    return row;
  }
  Time date = at("2020-01-01T00:00:00Z");
};

}  // namespace

TEST_CASE("a run of another DAG is waited for by its date, whether it is there already or comes") {
  for (const std::string order : {"it comes later", "it is there", "a restart between"}) {
    for (const Outcome outcome : {Outcome::success, Outcome::failed_no_retry}) {
      CAPTURE(order);
      Watching w;
      RunSeq other{};
      if (order == "it is there") other = w.trigger_other();
      w.wait(w.on_date());
      if (order == "a restart between") {
        w.world.restart();
        w.world.join("back", 4);
      }
      if (order != "it is there") other = w.trigger_other();
      w.world.finish(w.world.attempt(other, "load"));
      CHECK(w.state() == TaskState::deferred);
      w.world.finish(w.world.attempt(other, "rest"), outcome);
      CHECK(w.state() == (outcome == Outcome::success ? TaskState::success : TaskState::failed));
    }
  }
}

TEST_CASE("a run that ended before and is not in memory is found in the store") {
  Watching w;
  const RunSeq other = w.trigger_other();
  w.world.finish(w.world.attempt(other, "load"));
  w.world.finish(w.world.attempt(other, "rest"));
  Resolution what;
  what.kind = Resolution::Kind::wait;
  what.wait = w.on_date();
  // As the engine reads it between the turns.
  w.world.tell(TaskResolved{w.run, first_instance(0), what, w.world.ledger.runs.at(other)});
  CHECK(w.state() == TaskState::success);
}

TEST_CASE("a task of another DAG's run is waited for, and its run may go on") {
  Watching w;
  w.wait(w.on_date("load"));
  const RunSeq other = w.trigger_other();
  w.world.finish(w.world.attempt(other, "load"));
  CHECK(w.state() == TaskState::success);
  CHECK(w.world.run_state(other) == DagRunState::running);
}

TEST_CASE("a task that the other DAG does not have fails the wait and is named") {
  Watching w;
  w.trigger_other();
  w.wait(w.on_date("lode"));
  CHECK(w.state() == TaskState::failed);
  CHECK(w.world.row(w.run, "t").reason == "the run has no task 'lode'");
}

namespace {

Resolution trigger_other(bool waits) {
  Resolution what;
  what.kind = Resolution::Kind::trigger;
  what.trigger.emplace();
  what.trigger->uuid = *parse_uuid("019a0000-0000-7000-8000-000000000042");
  what.trigger->dag_id = "other";
  what.trigger->dag_run_id = "made";
  what.trigger->triggered_by = "operator";
  what.waits = waits;
  what.wait.allowed = states_with(DagRunState::success);
  what.wait.refused = states_with(DagRunState::failed);
  return what;
}

}  // namespace

TEST_CASE("a task makes a run of another DAG, and its id is the task's result") {
  Watching w;
  w.answer(trigger_other(false));
  CHECK(w.state() == TaskState::success);
  const StoredRun* made = w.world.state.find_run("other", "made");
  REQUIRE(made != nullptr);
  CHECK(made->run.triggered_by == "operator");
  REQUIRE(w.world.last.changes.xcoms.size() == 1);
  CHECK(w.world.last.changes.xcoms[0].key == "trigger_run_id");
  CHECK(w.world.last.changes.xcoms[0].value_json == "\"made\"");
}

TEST_CASE("a task waits for the run that it made, without a slot") {
  Watching w([](Task& t) { t.retry.retries = 1; });
  w.answer(trigger_other(true));
  CHECK(w.state() == TaskState::deferred);
  const RunSeq made = w.world.state.find_run("other", "made")->run.seq;
  w.world.finish(w.world.attempt(made, "load"));
  SUBCASE("it succeeds") {
    w.world.finish(w.world.attempt(made, "rest"));
    CHECK(w.state() == TaskState::success);
  }
  SUBCASE("it fails: so does the try") {
    w.world.finish(w.world.attempt(made, "rest"), Outcome::failed_no_retry);
    CHECK(w.state() == TaskState::up_for_retry);
  }
  SUBCASE("it succeeds after a restart") {
    w.world.restart();
    w.world.pass(10min);
    w.world.step();
    w.world.join("back", 4);
    w.world.finish(w.world.attempt(made, "rest"));
    CHECK(w.state() == TaskState::success);
  }
}

TEST_CASE("a run that exists already is not made again") {
  for (const bool skip : {false, true}) {
    Watching w;
    const Effects asked = w.world.last;
    w.world.trigger("other", [](RunRequested& r) { r.dag_run_id = "made"; });
    w.world.last = asked;
    Resolution what = trigger_other(true);
    what.skip_when_exists = skip;
    w.answer(what);
    CHECK(w.state() == (skip ? TaskState::skipped : TaskState::failed));
    CHECK(w.world.row(w.run, "t").reason.find("a run 'made' exists") != std::string::npos);
  }
}

TEST_CASE("a DAG that is not there fails the task that would run it") {
  Waiting w;
  w.answer(trigger_other(true));
  CHECK(w.state() == TaskState::failed);
  CHECK(w.world.row(w.run, "t").reason == "no run was made: no DAG 'other'");
}

TEST_CASE("a short circuit skips what follows, whatever its trigger rules, or only the first") {
  for (const bool whole : {true, false}) {
    World world;
    world.add(DagMaker("dag")
                  .task("t", {}, [](Task& t) { t = resolved_task(std::move(t)); })
                  .task("next", {"t"})
                  .task("last", {"next"}, [](Task& t) { t.trigger_rule = TriggerRule::all_done; })
                  .make());
    world.join("agent", 1);
    const RunSeq run = world.trigger("dag");
    Resolution stop;
    stop.goes_on = false;
    stop.whole = whole;
    world.tell(TaskResolved{run, first_instance(0), stop});
    CHECK(world.state_of(run, "t") == TaskState::success);
    CHECK(world.state_of(run, "next") == TaskState::skipped);
    CHECK(world.state_of(run, "last") == (whole ? TaskState::skipped : TaskState::queued));
  }
}

TEST_CASE("what a short circuit left out stays skipped when it alone is cleared") {
  World world;
  world.add(DagMaker("dag")
                .task("t", {}, [](Task& t) { t = resolved_task(std::move(t)); })
                .task("next", {"t"})
                .make());
  const RunSeq run = world.trigger("dag");
  Resolution stop;
  stop.goes_on = false;
  world.tell(TaskResolved{run, first_instance(0), stop});
  ClearRequested clear;
  clear.dag_id = "dag";
  clear.dag_run_id = world.ledger.runs.at(run).run.dag_run_id;
  clear.task_ids = {"next"};
  clear.only_failed = false;
  clear.dry_run = false;
  clear.stored = world.ledger.runs.at(run);
  world.tell(clear);
  CHECK(world.state_of(run, "next") == TaskState::skipped);
}

}  // namespace batuta::testing
