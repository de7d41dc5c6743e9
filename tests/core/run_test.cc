// Triggers, idempotency, run limits, run ends.
#include <algorithm>

#include "tests/core/support.h"

namespace batuta {
namespace {

using namespace testing;

RunRequested request(const std::string& dag, const std::string& id = "") {
  RunRequested event;
  event.dag_id = dag;
  event.dag_run_id = id;
  event.uuid = parse_uuid("01920000-0000-7000-8000-0000deadbeef").value();
  event.request_digest = "digest";
  return event;
}

TEST_CASE("unknown and vanished DAGs are refused") {
  World world;
  world.add(chain("dag", 1));
  CHECK(world.ask(request("nobody")).code == Errc::not_found);
  world.tell(DagsChanged{{}, {"dag"}});
  CHECK(world.ask(request("dag")).code == Errc::conflict);
  CHECK(world.ledger.dags.at("dag").is_stale);
  world.tell(DagsChanged{{chain("dag", 1)}, {}});
  CHECK(world.ask(request("dag")).code == Errc::ok);
}

TEST_CASE("run ids are made when absent, checked when given") {
  World world;
  world.add(chain("dag", 1));
  CHECK(world.ask(request("dag")).run->dag_run_id == "manual__2026-03-10T12:00:00Z__deadbeef");
  CHECK(world.ask(request("dag", "mine")).run->dag_run_id == "mine");
  CHECK(world.ask(request("dag", "mine")).code == Errc::conflict);
  for (const char* bad : {"a/b", "../x", "a b", "scheduled__2026-03-10T00:00:00Z"}) {
    CHECK(world.ask(request("dag", bad)).code == Errc::invalid);
  }
}

TEST_CASE("two runs cannot share a logical date, nor take one from the store's runs") {
  World world;
  world.add(chain("dag", 1));
  RunRequested event = request("dag", "one");
  event.logical_date = at("2026-01-01T00:00:00Z");
  CHECK(world.ask(event).code == Errc::ok);
  event.dag_run_id = "two";
  CHECK(world.ask(event).code == Errc::conflict);
  event.logical_date = at("2026-01-02T00:00:00Z");
  event.existing = RunRow{};
  event.existing->dag_run_id = "old";
  event.existing->logical_date = event.logical_date;
  CHECK(world.ask(event).code == Errc::conflict);
  event.existing->logical_date.reset();
  event.existing->dag_run_id = "two";
  CHECK(world.ask(event).code == Errc::conflict);
}

TEST_CASE("the date of a run that was deleted is free again") {
  World world;
  world.add(chain("dag", 1));
  RunRequested event = request("dag", "one");
  event.logical_date = at("2027-01-01T00:00:00Z");  // which it waits for
  REQUIRE(world.ask(event).code == Errc::ok);
  RunDeleted gone;
  gone.dag_id = "dag";
  gone.request = 7;
  gone.dag_run_id = "one";
  REQUIRE(world.ask(gone).code == Errc::ok);
  event.dag_run_id = "two";
  CHECK(world.ask(event).code == Errc::ok);
}

TEST_CASE("the same key and body give the same run; another body is refused") {
  World world;
  world.add(chain("dag", 1));
  RunRequested event = request("dag", "one");
  event.idempotency_key = "k";
  const Reply first = world.ask(event);
  CHECK(!first.repeated);
  event.dag_run_id = "";  // as a client that lets us choose would repeat it
  const Reply again = world.ask(event);
  CHECK(again.code == Errc::ok);
  CHECK(again.repeated);
  CHECK(again.run->seq == first.run->seq);
  CHECK(world.last.changes.empty());
  event.request_digest = "other";
  CHECK(world.ask(event).code == Errc::invalid);
  CHECK(world.ledger.runs.size() == 1);
}

TEST_CASE("a key of a finished run is known from the store") {
  World world;
  world.add(chain("dag", 1));
  RunRequested event = request("dag");
  event.idempotency_key = "k";
  event.existing = RunRow{};
  event.existing->seq = RunSeq{42};
  event.existing->idempotency_key = "k";
  event.existing->request_digest = "digest";
  const Reply reply = world.ask(event);
  CHECK(reply.repeated);
  CHECK(reply.run->seq == RunSeq{42});
  CHECK(world.ledger.runs.empty());
}

TEST_CASE("intervals must be whole and forward") {
  World world;
  world.add(chain("dag", 1));
  RunRequested event = request("dag", "x");
  event.data_interval_start = at("2026-01-02T00:00:00Z");
  CHECK(world.ask(event).code == Errc::invalid);
  event.data_interval_end = at("2026-01-01T00:00:00Z");
  CHECK(world.ask(event).code == Errc::invalid);
  event.data_interval_end = at("2026-01-03T00:00:00Z");
  CHECK(world.ask(event).code == Errc::ok);
}

TEST_CASE("runs wait their turn behind max_active_runs, oldest first") {
  World world;
  world.add(DagMaker("dag").task("t").with([](Dag& d) { d.max_active_runs = 1; }).make());
  world.join("a", 8);
  const RunSeq one = world.trigger("dag");
  const RunSeq two = world.trigger("dag");
  const RunSeq three = world.trigger("dag");
  CHECK(world.run_state(two) == DagRunState::queued);
  world.finish(world.attempt(one, "t"));
  CHECK(world.run_state(two) == DagRunState::running);
  CHECK(world.run_state(three) == DagRunState::queued);
  world.launched();
  world.finish(world.attempt(two, "t"));
  CHECK(world.launched().size() == 1);
}

TEST_CASE("the newest version's limits hold for running runs, its tasks do not") {
  World world;
  world.add(DagMaker("dag").task("t").with([](Dag& d) { d.max_active_runs = 1; }).make());
  world.join("a", 8);
  const RunSeq one = world.trigger("dag");
  const RunSeq two = world.trigger("dag");
  world.tell(DagsChanged{{DagMaker("dag")
                              .task("t")
                              .task("u")
                              .with([](Dag& d) {
                                d.version = "v2";
                                d.max_active_runs = 2;
                              })
                              .make()},
                         {}});
  CHECK(world.run_state(two) == DagRunState::running);
  CHECK(world.ledger.runs.at(one).hot.size() == 1);
  CHECK(world.ledger.versions.contains("v2"));
  world.run_all();
  world.finish(world.attempt(one, "t"));
  const RunSeq three = world.trigger("dag");
  CHECK(world.ledger.runs.at(three).hot.size() == 2);
}

TEST_CASE("the queue of runs has a limit") {
  SchedulerOptions options;
  options.max_queued_runs_per_dag = 3;
  World world(options);
  world.add(chain("dag", 1), true);
  for (int i = 0; i < 3; ++i) world.trigger("dag");
  CHECK(world.ask(request("dag", "fourth")).code == Errc::rate_limited);
}

TEST_CASE("runs of a paused DAG stay queued until it is unpaused") {
  World world;
  world.add(chain("dag", 2), true);
  world.join("a", 1);
  const RunSeq run = world.trigger("dag");
  CHECK(world.run_state(run) == DagRunState::queued);
  world.ask(PauseRequested{0, "dag", false});
  CHECK(world.run_state(run) == DagRunState::running);
  const AttemptKey key = world.attempt(run, "t0");
  world.ask(PauseRequested{0, "dag", true});
  world.launched();
  world.finish(key);  // what runs may finish, but nothing follows
  CHECK(world.state_of(run, "t1") == TaskState::scheduled);
  CHECK(world.launched().empty());
  world.ask(PauseRequested{0, "dag", false});
  CHECK(world.launched().size() == 1);
  CHECK(world.ask(PauseRequested{0, "nobody", true}).code == Errc::not_found);
}

TEST_CASE("a new DAG is paused as its file says, and is not touched when read again") {
  World world;
  const auto dag =
      DagMaker("dag").task("t").with([](Dag& d) { d.is_paused_upon_creation = true; }).make();
  world.tell(DagsChanged{{dag}, {}});
  CHECK(world.state.dag_row("dag")->is_paused);
  CHECK(world.tell(DagsChanged{{dag}, {}}).changes.empty());
}

TEST_CASE("a run not due yet waits for its time") {
  World world;
  world.add(chain("dag", 1));
  world.join("a", 1);
  const RunSeq run =
      world.trigger("dag", [&](RunRequested& r) { r.run_after = world.now.wall + 10s; });
  CHECK(world.run_state(run) == DagRunState::queued);
  CHECK(world.last.wake_at == world.now.wall + 10s);
  world.live(10s);
  CHECK(world.run_state(run) == DagRunState::running);
}

TEST_CASE("leaves decide how a run ends") {
  World world;
  world.add(DagMaker("dag")
                .task("a")
                .task("b", {"a"}, [](Task& t) { t.trigger_rule = TriggerRule::all_done; })
                .task("c")
                .make());
  world.join("w", 8);
  RunSeq run = world.trigger("dag");
  world.finish(world.attempt(run, "a"), Outcome::failed);
  world.finish(world.attempt(run, "b"));
  CHECK(world.run_state(run) == DagRunState::running);
  world.finish(world.attempt(run, "c"), Outcome::skipped);
  CHECK(world.run_state(run) == DagRunState::success);
  run = world.trigger("dag");
  world.finish(world.attempt(run, "a"));
  world.finish(world.attempt(run, "b"), Outcome::failed);
  world.finish(world.attempt(run, "c"));
  CHECK(world.run_state(run) == DagRunState::failed);
}

TEST_CASE("a run without tasks succeeds at once") {
  World world;
  world.add(DagMaker("dag").make());
  CHECK(world.run_state(world.trigger("dag")) == DagRunState::success);
}

TEST_CASE("a run that takes too long is ended as failed, its attempts first") {
  World world;
  world.add(DagMaker("dag")
                .task("a")
                .task("b", {"a"})
                .with([](Dag& d) { d.dagrun_timeout = 30s; })
                .make());
  world.join("w", 1);
  const RunSeq run = world.trigger("dag");
  world.start(world.attempt(run, "a"));
  world.live(28s);
  CHECK(world.state_of(run, "b") == TaskState::none);
  world.live(2s);
  CHECK(world.last.cancels.size() == 1);
  CHECK(world.state_of(run, "b") == TaskState::skipped);
  world.finish(world.attempt(run, "a"), Outcome::cancelled);
  CHECK(world.run_state(run) == DagRunState::failed);
  CHECK(world.ledger.runs.at(run).run.reason == "timed out");
}

TEST_CASE("a DAG is paused after so many failed runs in a row; a success starts the count anew") {
  World world;
  world.add(
      DagMaker("dag").task("t").with([](Dag& d) { d.max_consecutive_failed_dag_runs = 2; }).make());
  world.join("w", 1);
  const auto run_once = [&](Outcome outcome) {
    const RunSeq run = world.trigger("dag");
    world.finish(world.attempt(run, "t"), outcome);
  };
  run_once(Outcome::failed);
  run_once(Outcome::success);
  run_once(Outcome::failed);
  CHECK(!world.state.dag_row("dag")->is_paused);
  run_once(Outcome::failed);
  CHECK(world.state.dag_row("dag")->is_paused);
  CHECK(world.ledger.events.back().event == "paused_after_failures");
}

TEST_CASE("that the DAG folder was read is told to the feed, also when no DAG is another") {
  World world;
  const auto told = [](const Effects& effects) {
    return std::count_if(effects.feed.begin(), effects.feed.end(),
                         [](const FeedItem& item) { return item.kind == FeedItem::Kind::dags; });
  };
  const Effects effects = world.tell(DagsChanged{});
  CHECK(told(effects) == 1);
  CHECK(effects.changes.empty());
  CHECK(told(world.tell(DagsChanged{{chain("dag", 1)}, {}})) == 1);
  CHECK(told(world.step()) == 0);
}

TEST_CASE("an ended run leaves memory, but not before the next step has been folded") {
  World world;
  world.add(chain("dag", 1));
  world.join("w", 1);
  const RunSeq run = world.trigger("dag");
  const std::string id = world.ledger.runs.at(run).run.dag_run_id;
  world.finish(world.attempt(run, "t0"));
  CHECK(world.state.find_run("dag", id) != nullptr);
  CHECK(world.state.live_runs().empty());
  CHECK(world.ask(request("dag", id)).code == Errc::conflict);
  world.step();
  CHECK(world.state.find_run("dag", id) == nullptr);
  CHECK(world.state.runs.empty());
}

}  // namespace
}  // namespace batuta
