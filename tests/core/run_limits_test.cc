// Limits over runs of one key: concurrency and rate.
#include <doctest/doctest.h>

#include <algorithm>
#include <set>

#include "scheduler/core/explain.h"
#include "tests/core/support.h"

namespace batuta {
namespace {

using namespace testing;

struct Keyed {
  World world;
  explicit Keyed(const RunLimit& concurrency, const RunLimit& rate = {},
                 const SchedulerOptions& options = {})
      : world(options) {
    world.add(DagMaker("dag")
                  .task("a")
                  .with([&](Dag& d) {
                    d.concurrency = concurrency;
                    d.rate = rate;
                    d.max_active_runs = 0;
                  })
                  .make());
    world.join("w", 8);
  }
  // Triggers a run; what is asked of it is answered by `key`.
  RunSeq trigger(const std::string& id, const std::optional<std::string>& key) {
    const RunSeq run = world.trigger("dag", [&](RunRequested& e) { e.dag_run_id = id; });
    REQUIRE(world.last.keys.size() == 1);
    CHECK(world.last.keys[0].run == run);
    world.tell(RunKeysRead{run, key, key, {}});
    return run;
  }
  void end(RunSeq run) {
    world.start(world.attempt(run, "a"));
    world.finish(world.attempt(run, "a"));
  }
  DagRunState state(RunSeq run) const { return world.run_state(run); }
  const RunRow& row(RunSeq run) const { return world.ledger.runs.at(run).run; }
  std::string why(RunSeq run) const {
    std::string text;
    for (const Reason& one : explain(world.state, {run, 0, unmapped}, world.now)) {
      text += one.name + ": " + one.reason + "\n";
    }
    return text;
  }
};

RunLimit at_once(std::int32_t limit, WhenFull when_full = WhenFull::queue) {
  return {"{\"key\":\"k\"}", limit, {}, when_full};
}

TEST_CASE("no more runs of a key go on than may; those of other keys, and of none, pass them by") {
  Keyed dag(at_once(1));
  const RunSeq first = dag.trigger("r1", "acme");
  const RunSeq second = dag.trigger("r2", "acme");
  const RunSeq other = dag.trigger("r3", "zeta");
  const RunSeq free = dag.trigger("r4", std::nullopt);
  CHECK(dag.state(first) == DagRunState::running);
  CHECK(dag.state(second) == DagRunState::queued);
  CHECK(dag.state(other) == DagRunState::running);
  CHECK(dag.state(free) == DagRunState::running);
  CHECK(dag.why(second).find("Concurrency: 1 of at most 1 runs of the key 'acme' go on (r1)") !=
        std::string::npos);
  dag.end(first);
  CHECK(dag.state(second) == DagRunState::running);
  CHECK(*dag.row(second).concurrency_key == "acme");
}

TEST_CASE("keys and who holds them outlive a restart; a key that is not known is asked for again") {
  Keyed dag(at_once(1));
  const RunSeq first = dag.trigger("r1", "acme");
  const RunSeq second = dag.trigger("r2", "acme");
  const RunSeq third = dag.world.trigger("dag");
  REQUIRE(dag.world.last.keys.size() == 1);
  dag.world.restart();
  REQUIRE(dag.world.last.keys.size() == 1);
  CHECK(dag.world.last.keys[0].run == third);
  CHECK(dag.state(second) == DagRunState::queued);
  CHECK(dag.why(third).find("are being read") != std::string::npos);
  dag.world.tell(RunKeysRead{third, "zeta", {}, {}});
  CHECK(dag.state(third) == DagRunState::running);
  CHECK(dag.state(first) == DagRunState::running);
}

TEST_CASE("a run without room is skipped, with a trace, when its DAG says so") {
  Keyed dag(at_once(1, WhenFull::skip));
  dag.trigger("r1", "acme");
  const RunSeq second = dag.trigger("r2", "acme");
  CHECK(dag.state(second) == DagRunState::success);
  CHECK(dag.world.state_of(second, "a") == TaskState::skipped);
  CHECK(dag.row(second).reason == "skipped: 1 of at most 1 runs of the key 'acme' go on (r1)");
  REQUIRE(!dag.world.ledger.events.empty());
  CHECK(dag.world.ledger.events.back().event == "run_skipped");
}

TEST_CASE("a newer run of the key ends the oldest, and begins when that is over") {
  Keyed dag(at_once(1, WhenFull::cancel_other));
  const RunSeq first = dag.trigger("r1", "acme");
  dag.world.start(dag.world.attempt(first, "a"));
  const RunSeq second = dag.trigger("r2", "acme");
  CHECK(dag.state(first) == DagRunState::running);  // its attempt is asked to end
  CHECK(dag.state(second) == DagRunState::queued);
  dag.world.finish(dag.world.attempt(first, "a"), Outcome::cancelled);
  CHECK(dag.state(first) == DagRunState::failed);
  CHECK(dag.row(first).reason.find("run r2 of the key 'acme' came") != std::string::npos);
  CHECK(dag.state(second) == DagRunState::running);
}

TEST_CASE("nothing is ended for a run that its rate does not let begin") {
  const auto twice = [](Keyed& dag) {
    const RunSeq first = dag.trigger("r1", "acme");
    dag.world.start(dag.world.attempt(first, "a"));
    return std::pair{first, dag.trigger("r2", "acme")};
  };
  SUBCASE("it is skipped") {
    Keyed dag(at_once(1, WhenFull::cancel_other), {"{\"key\":\"k\"}", 1, 60s, WhenFull::skip});
    const auto [first, second] = twice(dag);
    CHECK(dag.row(second).reason == "skipped: 1 runs of the key 'acme' began within 1m");
    dag.world.finish(dag.world.attempt(first, "a"));
    CHECK(dag.state(first) == DagRunState::success);
  }
  SUBCASE("it waits, and ends the other once it may begin") {
    Keyed dag(at_once(1, WhenFull::cancel_other), {"{\"key\":\"k\"}", 1, 60s, WhenFull::queue});
    const auto [first, second] = twice(dag);
    dag.world.live(59s);
    CHECK(!dag.row(first).ending);
    dag.world.live(1s);
    CHECK(dag.row(first).ending);
    CHECK(dag.state(second) == DagRunState::queued);
    dag.world.finish(dag.world.attempt(first, "a"), Outcome::cancelled);
    CHECK(dag.state(second) == DagRunState::running);
  }
}

TEST_CASE("a run that waits for its rate is not skipped when another takes the key in that turn") {
  Keyed dag(at_once(1, WhenFull::skip), {"{\"key\":\"k\"}", 1, 60s, WhenFull::queue});
  std::vector<RunSeq> runs;
  for (const char* id : {"r1", "r2", "r3"})
    runs.push_back(dag.world.trigger("dag", [&](RunRequested& e) { e.dag_run_id = id; }));
  const std::optional<std::string> fast("fast"), acme("acme"), other("other");
  dag.world.step({RunKeysRead{runs[0], other, fast, {}}, RunKeysRead{runs[1], acme, fast, {}},
                  RunKeysRead{runs[2], acme, other, {}}});
  CHECK(dag.state(runs[0]) == DagRunState::running);
  CHECK(dag.state(runs[2]) == DagRunState::running);
  CHECK(dag.state(runs[1]) == DagRunState::queued);  // by its rate, whoever holds its key
  dag.world.live(61s);
  CHECK(dag.row(runs[1]).reason.starts_with("skipped: 1 of at most 1 runs of the key 'acme'"));
}

TEST_CASE("a key that cannot be read fails its run, and says why") {
  Keyed dag(at_once(1));
  const RunSeq run = dag.world.trigger("dag");
  dag.world.tell(RunKeysRead{run, {}, {}, "the key of its concurrency cannot be read: no"});
  CHECK(dag.state(run) == DagRunState::failed);
  CHECK(dag.row(run).reason == "the key of its concurrency cannot be read: no");
}

TEST_CASE("no more runs of a key begin in a time than may, over a restart too") {
  Keyed dag({}, {"{\"key\":\"k\"}", 2, 60s, WhenFull::queue});
  const RunSeq first = dag.trigger("r1", "acme");
  dag.end(first);
  dag.world.live(30s);
  dag.end(dag.trigger("r2", "acme"));
  const RunSeq third = dag.trigger("r3", "acme");
  CHECK(dag.state(third) == DagRunState::queued);
  CHECK(dag.why(third).find("Rate: at most 2 runs of the key 'acme' begin within 1m") !=
        std::string::npos);
  CHECK(dag.state(dag.trigger("r4", "zeta")) == DagRunState::running);
  dag.world.restart();
  dag.world.join("w", 8);
  dag.world.live(29s);
  CHECK(dag.state(third) == DagRunState::queued);
  dag.world.live(1s);
  CHECK(dag.state(third) == DagRunState::running);
  const RunSeq fifth = dag.trigger("r5", "acme");  // r2 and r3 began within the minute
  CHECK(dag.state(fifth) == DagRunState::queued);
  dag.world.live(30s);
  CHECK(dag.state(fifth) == DagRunState::running);
  CHECK(dag.world.ledger.rate_starts.size() == 4);  // the first does not count any more
}

TEST_CASE("a rate may skip, too; a cleared run keeps its key and counts again") {
  Keyed dag(at_once(1), {"{\"key\":\"k\"}", 1, 60s, WhenFull::skip});
  const RunSeq first = dag.trigger("r1", "acme");
  dag.end(first);
  const RunSeq second = dag.trigger("r2", "acme");
  CHECK(dag.state(second) == DagRunState::success);
  CHECK(dag.row(second).reason == "skipped: 1 runs of the key 'acme' began within 1m");
  dag.world.live(61s);
  ClearRequested clear;
  clear.request = 7;
  clear.dag_id = "dag";
  clear.dag_run_id = "r1";
  clear.stored = dag.world.ledger.runs.at(first);
  clear.dry_run = false;
  clear.only_failed = false;
  dag.world.ask(clear);
  CHECK(dag.state(first) == DagRunState::running);
  CHECK(dag.world.last.keys.empty());
  CHECK(dag.state(dag.trigger("r3", "acme")) == DagRunState::queued);
}

TEST_CASE("a DAG that is edited to have a limit asks for the keys of runs that have not begun") {
  World world;
  world.add(DagMaker("dag").task("a").with([](Dag& d) { d.max_active_runs = 1; }).make());
  world.join("w", 2);
  const RunSeq first = world.trigger("dag");
  const RunSeq second = world.trigger("dag");
  CHECK(world.run_state(second) == DagRunState::queued);
  const auto limited = DagMaker("dag")
                           .task("a")
                           .with([](Dag& d) {
                             d.version = "2";
                             d.concurrency = at_once(1);
                           })
                           .make();
  world.tell(DagsChanged{{limited}, {}});
  REQUIRE(world.last.keys.size() == 1);
  CHECK(world.last.keys[0].run == second);
  world.tell(RunKeysRead{second, "acme", {}, {}});
  CHECK(world.run_state(second) == DagRunState::running);  // the first has no key, and holds none
  CHECK(world.run_state(first) == DagRunState::running);
}

SchedulerOptions one_key_at_a_time() {
  SchedulerOptions options;
  options.max_keys_asked = 1;
  return options;
}

std::size_t rate_timers(const World& world) {
  return static_cast<std::size_t>(
      std::count_if(world.state.timers.begin(), world.state.timers.end(),
                    [](const Timer& timer) { return timer.kind == Timer::Kind::run_after; }));
}

TEST_CASE("the keys of a long queue are read some at a time, each once") {
  World world;
  const auto version = [](const char* name, const RunLimit& limit) {
    return DagMaker("dag")
        .task("a")
        .with([&](Dag& d) {
          d.version = name;
          d.concurrency = limit;
          d.max_active_runs = limit.is_set() ? 0 : 1;
        })
        .make();
  };
  world.add(version("1", {}));
  const RunSeq first = world.trigger("dag");
  std::set<RunSeq> queued;
  for (int i = 0; i < 250; ++i) queued.insert(world.trigger("dag"));
  world.tell(DagsChanged{{version("2", at_once(1))}, {}});
  CHECK(explain(world.state, {*queued.rbegin(), 0, unmapped}, world.now).front().reason ==
        "the keys that its DAG's limits count it under are read when those of 100 runs before it "
        "are");
  std::vector<std::size_t> asked;
  std::set<RunSeq> read;
  while (!world.last.keys.empty()) {
    asked.push_back(world.last.keys.size());
    std::vector<Event> answers;
    for (const KeysEffect& one : world.last.keys) {
      CHECK(read.insert(one.run).second);
      answers.emplace_back(RunKeysRead{one.run, "acme", {}, {}});
    }
    world.step(std::move(answers));
  }
  CHECK(asked == std::vector<std::size_t>{100, 100, 50});
  CHECK(read == queued);
  CHECK(world.run_state(first) == DagRunState::running);
  CHECK(world.run_state(*queued.begin()) == DagRunState::running);
  CHECK(world.run_state(*queued.rbegin()) == DagRunState::queued);
}

TEST_CASE("a run that is deleted, or ends, while its keys are read holds up no other") {
  Keyed dag(at_once(1), {}, one_key_at_a_time());
  World& world = dag.world;
  const RunSeq first = world.trigger("dag", [](RunRequested& e) { e.dag_run_id = "r1"; });
  REQUIRE(world.last.keys.size() == 1);
  const RunSeq second = world.trigger("dag", [](RunRequested& e) { e.dag_run_id = "r2"; });
  const RunSeq third = world.trigger("dag", [](RunRequested& e) { e.dag_run_id = "r3"; });
  CHECK(world.last.keys.empty());
  RunDeleted gone;
  gone.request = 7;
  gone.dag_id = "dag";
  gone.dag_run_id = "r1";
  // The answer comes in the same turn, too late.
  world.step({gone, RunKeysRead{first, "acme", {}, {}}});
  CHECK(world.state.run(first) == nullptr);
  REQUIRE(world.last.wake_at);
  CHECK(*world.last.wake_at == world.now.wall);
  world.step();
  REQUIRE(world.last.keys.size() == 1);
  CHECK(world.last.keys[0].run == second);
  world.tell(RunKeysRead{second, {}, {}, "the key of its concurrency cannot be read: no"});
  CHECK(world.run_state(second) == DagRunState::failed);
  REQUIRE(world.last.keys.size() == 1);
  CHECK(world.last.keys[0].run == third);
  world.tell(RunKeysRead{third, "acme", {}, {}});
  CHECK(world.run_state(third) == DagRunState::running);
}

TEST_CASE("runs that wait for one rate have one timer") {
  Keyed dag({}, {"{\"key\":\"k\"}", 2, 60s, WhenFull::queue});
  for (int i = 0; i < 20; ++i) dag.trigger("r" + std::to_string(i), "acme");
  CHECK(rate_timers(dag.world) == 1);
  for (int i = 0; i < 20; ++i) dag.trigger("z" + std::to_string(i), "zeta");
  CHECK(rate_timers(dag.world) == 2);
  CHECK(dag.world.state.gauges().runs_running == 4);
  dag.world.live(60s);
  CHECK(dag.world.state.gauges().runs_running == 8);
  CHECK(rate_timers(dag.world) == 2);
  dag.world.live(120s);
  CHECK(dag.world.state.gauges().runs_running == 16);
}

TEST_CASE("a rate counts runs that began before the clock went back") {
  Keyed dag({}, {"{\"key\":\"k\"}", 2, 60s, WhenFull::queue});
  dag.world.live(40s);
  dag.end(dag.trigger("r1", "acme"));
  dag.world.now.wall -= 30s;
  dag.end(dag.trigger("r2", "acme"));
  const RunSeq third = dag.trigger("r3", "acme");
  dag.world.live(59s);
  CHECK(dag.state(third) == DagRunState::queued);
  dag.world.live(1s);
  CHECK(dag.state(third) == DagRunState::running);
  dag.world.restart();
  const RunSeq fourth = dag.trigger("r4", "acme");  // r1 and r3 began within the minute
  CHECK(dag.state(fourth) == DagRunState::queued);
}

TEST_CASE("runs that end others for their key end one for each that comes") {
  Keyed dag(at_once(2, WhenFull::cancel_other));
  const RunSeq first = dag.trigger("r1", "acme");
  dag.world.start(dag.world.attempt(first, "a"));
  const RunSeq second = dag.trigger("r2", "acme");
  dag.world.start(dag.world.attempt(second, "a"));
  const RunSeq third = dag.trigger("r3", "acme");
  const RunSeq fourth = dag.trigger("r4", "acme");
  CHECK(dag.row(first).ending);
  CHECK(!dag.row(second).ending);
  dag.world.finish(dag.world.attempt(first, "a"), Outcome::cancelled);
  CHECK(dag.state(third) == DagRunState::running);
  CHECK(dag.row(second).ending);
  CHECK(dag.state(fourth) == DagRunState::queued);
}

}  // namespace
}  // namespace batuta
