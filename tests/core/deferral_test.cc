// Tasks that their plugins defer: between two parts of one try they hold no slot.
#include <doctest/doctest.h>

#include <cstdint>
#include <limits>

#include "scheduler/core/explain.h"
#include "tests/core/support.h"

namespace batuta {
namespace {

using namespace testing;

WaitRow for_a_file(const World& world, Duration timeout = 10min) {
  WaitRow wait;
  wait.kind = WaitKind::check;
  wait.about = "file /in/x";
  wait.argument_json = R"({"file":"/in/x"})";
  wait.interval = 30s;
  wait.deadline = world.now.wall + timeout;
  return wait;
}

// a, which its plugin defers, then b; one slot in all.
struct Deferring {
  World world;
  RunSeq run{};
  explicit Deferring(const std::function<void(Task&)>& change = {}) {
    world.add(DagMaker("dag")
                  .task("a", {},
                        [&](Task& t) {
                          if (change) change(t);
                        })
                  .task("b", {"a"})
                  .make());
    world.join("w", 1);
    run = world.trigger("dag");
  }
  AttemptKey key() const { return world.attempt(run, "a"); }
  Effects defer(WaitRow wait, const std::string& payload = R"({"job":7})") {
    world.start(key());
    Finished report = finished(key(), Outcome::deferred, world.now.wall, world.now.wall);
    report.wait_json = "{}";
    report.cpu_us = 250;
    report.payload_json = payload;
    AttemptFinished event{1, std::move(report)};
    event.wait = std::move(wait);
    world.launched();
    return world.tell(std::move(event));
  }
  Effects defer() { return defer(for_a_file(world)); }
  Effects checked(WaitChecked::Outcome outcome, const std::string& why = {}) {
    return world.tell(WaitChecked{key(), outcome, why});
  }
  // What it was launched with just now.
  LaunchEffect relaunch() {
    const auto launches = world.launched();
    REQUIRE(launches.size() == 1);
    return launches[0];
  }
  TaskState a() const { return world.state_of(run, "a"); }
  TaskInstanceRow row() const { return world.row(run, "a"); }
  bool keeps_wait() const { return world.ledger.waits.contains(row().key()); }
};

using enum WaitChecked::Outcome;

TEST_CASE("a deferred task gives its slot back and goes on in the same try, with its payload") {
  Deferring d;
  const RunSeq other = d.world.trigger("dag");
  CHECK(d.world.state_of(other, "a") == TaskState::scheduled);
  d.defer();
  CHECK(d.a() == TaskState::deferred);
  CHECK(d.world.state_of(other, "a") == TaskState::queued);  // in the slot that it gave back
  CHECK(d.world.state.gauges().tasks_running == 0);
  const WaitRow kept = d.world.ledger.waits.at(d.row().key());
  CHECK(kept.payload_json == R"({"job":7})");
  CHECK(kept.resume == Resume::open);
  const OptTime begun = d.row().start_date;
  CHECK_FALSE(d.row().end_date);
  d.world.live(20s);
  d.world.run_all();
  const AttemptKey first = d.key();
  d.checked(satisfied);
  const LaunchEffect next = d.relaunch();
  CHECK(next.resume == Resume::satisfied);
  CHECK(next.payload_json == R"({"job":7})");
  CHECK(next.try_number == 1);
  CHECK(next.key.fence > first.fence);
  d.world.start(next.key);
  CHECK(d.row().start_date == begun);
  d.world.finish(next.key, Outcome::success, 1, [](Finished& r) { r.cpu_us = 500; });
  CHECK(d.a() == TaskState::success);
  CHECK(d.row().try_number == 1);
  CHECK(d.row().cpu_us == 750);  // of the whole try
  CHECK_FALSE(d.keeps_wait());
  CHECK(d.world.ledger.archived.empty());
}

TEST_CASE("a part of a data task that ends with a wait is no success on record") {
  Deferring d([](Task& t) { t.is_data = true; });
  const AttemptKey first = d.key();
  d.defer();
  CHECK(d.world.ledger.jobs.at(first).status == "deferred");
  CHECK(d.world.ledger.jobs.at(first).error.empty());
  d.checked(satisfied);  // until the next part begins nobody may take the first for an end
  CHECK(d.world.ledger.jobs.at(first).status == "deferred");
  const LaunchEffect next = d.relaunch();
  d.world.start(next.key);
  d.world.finish(next.key, Outcome::success, 1);
  CHECK(d.world.ledger.jobs.at(first).status == "deferred");
  CHECK(d.world.ledger.jobs.at(next.key).status == "success");
}

TEST_CASE("a deferred task may wait again, with another payload") {
  Deferring d;
  d.defer();
  d.checked(satisfied);
  d.defer(for_a_file(d.world), "2");
  d.checked(satisfied);
  CHECK(d.relaunch().payload_json == "2");
  CHECK(d.row().try_number == 1);
}

TEST_CASE("a wait that is in vain resumes the task, or ends it as its plugin asked") {
  Deferring d([](Task& t) { t.retry.retries = 1; });
  WaitRow wait = for_a_file(d.world, 1min);
  SUBCASE("what it waits for will never come: it is told why") {
    d.defer(wait);
    d.checked(failed, "HTTP 401");
    const LaunchEffect next = d.relaunch();
    CHECK(next.resume == Resume::failed);
    CHECK(next.told == "HTTP 401");
  }
  SUBCASE("it is told that it waited too long") {
    d.defer(wait);
    d.checked(not_yet);
    d.world.live(61s);
    const LaunchEffect next = d.relaunch();
    CHECK(next.resume == Resume::timed_out);
    CHECK(next.told == "timed out waiting for file /in/x");
    CHECK(d.row().failures == 0);
  }
  SUBCASE("or fails, and is tried again from its beginning") {
    wait.on_timeout = OnTimeout::fail;
    d.defer(wait);
    d.world.live(61s);
    CHECK(d.row().failures == 1);
    CHECK_FALSE(d.keeps_wait());
    d.world.live(10min);
    const LaunchEffect next = d.relaunch();
    CHECK(next.resume == Resume::no);
    CHECK(next.try_number == 2);
    REQUIRE(d.world.ledger.archived.size() == 1);
    CHECK(d.world.ledger.archived[0].row.reason == "timed out waiting for file /in/x");
  }
  SUBCASE("or is skipped") {
    wait.on_timeout = OnTimeout::skip;
    d.defer(wait);
    d.world.live(61s);
    CHECK(d.a() == TaskState::skipped);
  }
}

TEST_CASE("execution_timeout goes on while the task is deferred, and ends the try") {
  Deferring d([](Task& t) { t.execution_timeout = 5min; });
  d.world.live(1min);
  d.defer(for_a_file(d.world, 1h));
  CHECK(d.world.ledger.waits.at(d.row().key()).deadline == *d.row().start_date + 5min);
  d.world.live(5min + 1s);
  CHECK(d.a() == TaskState::failed);
  CHECK(d.row().reason == "its execution_timeout of 5m was over while it waited for file /in/x");
}

TEST_CASE("a failure after the wait begins the next try anew") {
  Deferring d([](Task& t) { t.retry.retries = 1; });
  d.defer();
  d.checked(satisfied);
  const LaunchEffect second = d.relaunch();
  d.world.start(second.key);
  d.world.finish(second.key, Outcome::failed);
  CHECK_FALSE(d.keeps_wait());
  d.world.live(10min);
  const LaunchEffect third = d.relaunch();
  CHECK(third.resume == Resume::no);
  CHECK(third.payload_json.empty());
  CHECK(third.try_number == 2);
}

TEST_CASE("a worker lost after the wait: another try goes on from the same payload") {
  Deferring d;
  d.defer();
  d.checked(satisfied);
  const LaunchEffect second = d.relaunch();
  d.world.start(second.key);
  d.world.finish(second.key, Outcome::lost);
  const LaunchEffect third = d.relaunch();
  CHECK(third.resume == Resume::satisfied);
  CHECK(third.payload_json == R"({"job":7})");
  CHECK(third.try_number == 2);
  d.world.tell(AttemptRecalled{1, third.key});
  const LaunchEffect fourth = d.relaunch();
  CHECK(fourth.try_number == 2);  // the one that never started was not charged
}

TEST_CASE("a launch after the wait that is given back costs no try and keeps its start") {
  Deferring d;
  d.defer();
  const OptTime begun = d.row().start_date;
  d.checked(satisfied);
  const LaunchEffect second = d.relaunch();
  SUBCASE("by its worker") {
    d.world.tell(AttemptRecalled{1, second.key});
  }
  SUBCASE("and the scheduler restarts before it is launched again") {
    d.world.tell(AttemptRecalled{1, second.key});
    d.world.launched();
    d.world.restart();
    d.world.join("w2", 1);
    d.world.live(1min);
    CHECK(d.relaunch().payload_json == R"({"job":7})");
    return;
  }
  const LaunchEffect third = d.relaunch();
  CHECK(third.resume == Resume::satisfied);
  CHECK(third.try_number == 1);
  CHECK(d.row().start_date == begun);
}

TEST_CASE("a restart while the task is deferred looks again, and goes on from the payload") {
  Deferring d;
  d.defer();
  d.world.restart();
  CHECK(d.a() == TaskState::deferred);
  d.world.join("w", 1);
  d.world.live(1s);
  d.checked(satisfied);
  CHECK(d.relaunch().payload_json == R"({"job":7})");
}

TEST_CASE("what a user does to a deferred task ends its wait, and tells the plugin nothing") {
  Deferring d;
  d.defer();
  SUBCASE("marked") {
    MarkRequested mark;
    mark.dag_id = "dag";
    mark.dag_run_id = d.world.state.run(d.run)->run.dag_run_id;
    mark.task_id = "a";
    mark.state = TaskState::success;
    d.world.tell(mark);
    CHECK(d.a() == TaskState::success);
  }
  SUBCASE("cleared: the next try begins anew") {
    ClearRequested clear;
    clear.dag_id = "dag";
    clear.dag_run_id = d.world.state.run(d.run)->run.dag_run_id;
    clear.task_ids = {"a"};
    clear.only_failed = false;
    clear.dry_run = false;
    d.world.tell(clear);
    CHECK(d.relaunch().resume == Resume::no);
  }
  SUBCASE("its run is ended") {
    RunStateRequested end;
    end.dag_id = "dag";
    end.dag_run_id = d.world.state.run(d.run)->run.dag_run_id;
    end.state = DagRunState::failed;
    d.world.tell(end);
    CHECK(d.a() == TaskState::failed);
    CHECK(d.world.launched().empty());
  }
  CHECK_FALSE(d.keeps_wait());
}

TEST_CASE("who ends a wait owes the request that its plugin left for that, once and durably") {
  Deferring d;
  const auto owed = [&] { return d.world.ledger.outbox.size(); };
  WaitRow wait = for_a_file(d.world, 1min);
  wait.cancel_key = "dbx";
  wait.cancel_json = R"({"run":7})";
  const auto end_run = [&] {
    RunStateRequested end;
    end.dag_id = "dag";
    end.dag_run_id = d.world.state.run(d.run)->run.dag_run_id;
    end.state = DagRunState::failed;
    d.world.tell(end);
  };
  SUBCASE("while it waits") {
    d.defer(wait);
    CHECK(owed() == 0);
    end_run();
    REQUIRE(owed() == 1);
    const OutboxRow& row = d.world.ledger.outbox.begin()->second;
    CHECK(row.kind == OutboxKind::alert);
    CHECK(row.key == "dbx");
    CHECK(row.payload_json == R"({"run":7})");
  }
  SUBCASE("and when the cancel meets its attempt as that is deferred") {
    d.world.start(d.key());
    end_run();
    Finished report = finished(d.key(), Outcome::deferred, d.world.now.wall, d.world.now.wall);
    AttemptFinished event{1, std::move(report)};
    event.wait = wait;
    d.world.tell(std::move(event));
    CHECK(d.a() == TaskState::failed);
    CHECK(owed() == 1);
  }
  SUBCASE("not when what it waits for is there") {
    d.defer(wait);
    d.checked(satisfied);
    end_run();
    CHECK(owed() == 0);
  }
  SUBCASE("nor when the plugin is told that it waited too long: it can do that itself") {
    d.defer(wait);
    d.world.live(61s);
    CHECK(d.relaunch().resume == Resume::timed_out);
    CHECK(owed() == 0);
    d.world.start(d.key());
    d.world.finish(d.key());
    CHECK(owed() == 0);
  }
}

TEST_CASE("what the parts of a deferred try took is bounded as one") {
  Deferring d;
  d.defer();
  REQUIRE(d.row().cpu_us == 250);
  d.checked(satisfied);
  d.relaunch();
  d.world.start(d.key());
  d.world.finish(d.key(), Outcome::success, 1,
                 [](Finished& r) { r.cpu_us = std::numeric_limits<std::int64_t>::max(); });
  CHECK(d.row().cpu_us == std::int64_t{1} << 50);
}

TEST_CASE("what a part that was to cancel its job cannot do any more is owed too") {
  Deferring d([](Task& t) { t.retry.retries = 1; });
  const auto owed = [&] { return d.world.ledger.outbox.size(); };
  WaitRow wait = for_a_file(d.world, 1min);
  wait.cancel_key = "dbx";
  wait.cancel_json = R"({"run":7})";
  d.defer(wait);
  SUBCASE("it waits at a worker as its run is ended, and is given back") {
    d.checked(failed, "HTTP 401");
    const LaunchEffect next = d.relaunch();
    RunStateRequested end;
    end.dag_id = "dag";
    end.dag_run_id = d.world.state.run(d.run)->run.dag_run_id;
    end.state = DagRunState::failed;
    d.world.tell(end);
    d.world.tell(AttemptRecalled{1, next.key});
    CHECK(d.a() == TaskState::failed);
    CHECK(owed() == 1);
  }
  SUBCASE("or is marked as a success there") {
    d.world.live(61s);
    const LaunchEffect next = d.relaunch();
    MarkRequested mark;
    mark.dag_id = "dag";
    mark.dag_run_id = d.world.state.run(d.run)->run.dag_run_id;
    mark.task_id = "a";
    mark.state = TaskState::success;
    d.world.tell(mark);
    d.world.tell(AttemptRecalled{1, next.key});
    CHECK(d.a() == TaskState::success);
    CHECK(owed() == 1);
  }
  SUBCASE("it was killed: the next try starts a job of its own") {
    d.world.live(61s);
    const LaunchEffect next = d.relaunch();
    CHECK(next.resume == Resume::timed_out);
    d.world.start(next.key);
    d.world.finish(next.key, Outcome::crashed);
    CHECK(d.a() == TaskState::up_for_retry);
    CHECK(owed() == 1);
    d.world.live(10min);
    d.world.start(d.relaunch().key);
    d.world.finish(d.key(), Outcome::crashed);
    CHECK(d.a() == TaskState::failed);
    CHECK(owed() == 1);  // that try left no request
  }
  SUBCASE("not where it was lost: another try goes on from the same payload") {
    d.world.live(61s);
    const LaunchEffect next = d.relaunch();
    d.world.start(next.key);
    d.world.finish(next.key, Outcome::lost);
    CHECK(d.relaunch().resume == Resume::timed_out);
    CHECK(owed() == 0);
  }
  SUBCASE("nor where it was killed with nothing left to cancel") {
    d.checked(satisfied);
    const LaunchEffect next = d.relaunch();
    d.world.start(next.key);
    d.world.finish(next.key, Outcome::crashed);
    CHECK(owed() == 0);
  }
}

TEST_CASE("explain says what a deferred task waits for") {
  Deferring d;
  d.defer();
  const auto reasons = explain(d.world.state, d.row().key(), d.world.now);
  REQUIRE(reasons.size() == 1);
  CHECK(reasons[0].reason.find("waits for file /in/x, and holds no slot") != std::string::npos);
}

}  // namespace
}  // namespace batuta
