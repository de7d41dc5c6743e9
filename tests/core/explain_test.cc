#include "scheduler/core/explain.h"

#include "tests/core/support.h"

namespace batuta {
namespace {

using namespace testing;

// All reasons, a line each, for a reader of every DAG but `hidden`.
std::string why(const World& world, RunSeq run, const std::string& task,
                const std::string& hidden = "") {
  const auto may_read = [&](const std::string& dag_id) { return dag_id != hidden; };
  std::string text;
  for (const Reason& reason : explain(world.state, world.row(run, task).key(), world.now)) {
    text += reason.name + ": " + sentence_of(reason, may_read) + "\n";
  }
  return text;
}
bool has(const std::string& text, const char* part) {
  return text.find(part) != std::string::npos;
}

TEST_CASE("nobody offers the plugin: said, with the name it may have meant") {
  World world;
  world.add(DagMaker("dag").task("t", {}, [](Task& t) { t.plugin = "finacial_bronze"; }).make());
  const RunSeq run = world.trigger("dag");
  CHECK(has(why(world, run, "t"), "no worker is connected"));
  world.join("a", 1, {"financial_bronze", "shell"});
  CHECK(why(world, run, "t") ==
        "Worker: no live worker offers finacial_bronze; did you mean financial_bronze?\n");
  Hello drained;
  drained.agent_id = "b";
  drained.slots = 1;
  drained.drained = true;
  world.tell(WorkerJoined{77, drained});
  CHECK(has(why(world, run, "t"), "1 drained or leaving (batuta workers list)"));
  World far;
  far.add(DagMaker("dag").task("t", {}, [](Task& t) { t.plugin = "weather"; }).make());
  far.join("a", 1, {"financial_bronze"});
  CHECK(!has(why(far, far.trigger("dag"), "t"), "did you mean"));
}

TEST_CASE("what a rule waits for is named") {
  World world;
  world.add(chain("dag", 2));
  world.join("a", 1);
  const RunSeq run = world.trigger("dag");
  const std::string text = why(world, run, "t1");
  CHECK(has(text, "Trigger Rule"));
  CHECK(has(text, "waiting for t0"));
}

TEST_CASE("pauses, queues and dates are named") {
  World world;
  world.add(DagMaker("dag").task("t").with([](Dag& d) { d.max_active_runs = 1; }).make(), true);
  const RunSeq one = world.trigger("dag");
  CHECK(has(why(world, one, "t"), "is paused"));
  world.ask(PauseRequested{0, "dag", false});
  const RunSeq two = world.trigger("dag");
  CHECK(has(why(world, two, "t"), "1 of at most 1 runs"));
  World later;
  later.add(chain("dag", 1));
  const RunSeq run =
      later.trigger("dag", [&](RunRequested& r) { r.run_after = later.now.wall + 1h; });
  CHECK(has(why(later, run, "t0"), "2026-03-10T13:00:00Z"));
}

TEST_CASE("pools and limits are named") {
  World world;
  world.tell(PoolSet{0, {"p", 1, ""}, false});
  world.add(DagMaker("dag")
                .task("a", {}, [](Task& t) { t.pool = "p"; })
                .task("b", {}, [](Task& t) { t.pool = "p"; })
                .task("wide", {}, [](Task& t) { t.pool = "p", t.pool_slots = 2; })
                .task("lost", {}, [](Task& t) { t.pool = "nowhere"; })
                .make());
  world.join("w", 8);
  const RunSeq run = world.trigger("dag");
  CHECK(has(why(world, run, "b"), "1 of 1 are taken"));
  CHECK(has(why(world, run, "wide"), "has only 1"));
  CHECK(has(why(world, run, "lost"), "does not exist"));

  World limited;
  limited.add(DagMaker("dag")
                  .task("a", {}, [](Task& t) { t.max_active_tis_per_dag = 1; })
                  .with([](Dag& d) { d.max_active_tasks = 1; })
                  .task("z")
                  .make());
  limited.join("w", 8);
  const RunSeq first = limited.trigger("dag");
  CHECK(has(why(limited, first, "z"), "Max Active Tasks"));
  const RunSeq second = limited.trigger("dag");
  CHECK(has(why(limited, second, "a"), "Task Concurrency"));
}

TEST_CASE("busy workers and retry delays are named") {
  World world;
  world.add(DagMaker("dag")
                .task("a", {},
                      [](Task& t) {
                        t.retry = {1, 60s, 0, {}};
                      })
                .task("b")
                .make());
  world.join("w", 1);
  const RunSeq run = world.trigger("dag");
  CHECK(has(why(world, run, "a"), "launched on host-w"));
  CHECK(has(why(world, run, "b"), "all 1 slots"));
  world.finish(world.attempt(run, "a"), Outcome::failed);
  CHECK(has(why(world, run, "a"), "the next try is due at 2026-03-10T12:01:00Z"));
}

TEST_CASE("who holds the slots that are all taken is named, to those who may read their DAG") {
  World world;
  world.add(chain("caller", 1));
  world.add(chain("called", 1));
  world.join("w", 1);
  const RunSeq holder = world.trigger("caller");
  world.start(world.attempt(holder, "t0"));
  CHECK(why(world, holder, "t0").empty());
  const RunSeq waiting = world.trigger("called");
  const std::string run_of_holder = world.state.runs.at(holder)->row().dag_run_id;
  CHECK(has(why(world, waiting, "t0"),
            ("all 1 slots that can run mock are taken (1 attempts): 't0' of caller, run " +
             run_of_holder + "\n")
                .c_str()));
  const std::string hidden = why(world, waiting, "t0", "caller");
  CHECK(has(hidden, "are taken (1 attempts): 1 other\n"));
  CHECK(!has(hidden, "caller"));
  // What the holder's program does nobody knows: it may wait for just that run.
  CHECK(has(why(world, holder, "t0"), "should it wait for one of those runs, neither goes on"));
  CHECK(has(why(world, holder, "t0"), ": 't0' of called, run "));
  CHECK(!has(why(world, holder, "t0", "called"), "of called"));
  world.join("more", 1);
  CHECK(why(world, holder, "t0").empty());
}

TEST_CASE("of many holders five are named, and the others counted") {
  Reason reason{"Worker", "all are taken"};
  for (int i = 0; i < 7; ++i) reason.tasks.push_back({"d", std::to_string(i)});
  const auto all = [](const std::string&) { return true; };
  CHECK(sentence_of(reason, all) == "all are taken: 0; 1; 2; 3; 4; and 2 others");
  reason.more_tasks = true;
  CHECK(sentence_of(reason, all) == "all are taken: 0; 1; 2; 3; 4; and 2 others or more");
  reason.tasks.clear();
  CHECK(sentence_of(reason, all) == "all are taken");
}

TEST_CASE("what runs or has ended needs no explanation; strangers get one") {
  World world;
  world.add(chain("dag", 1));
  world.join("w", 1);
  const RunSeq run = world.trigger("dag");
  world.start(world.attempt(run, "t0"));
  CHECK(why(world, run, "t0").empty());
  CHECK(explain(world.state, {RunSeq{99}, 0, unmapped}, world.now).size() == 1);
  CHECK(explain(world.state, {run, 99, unmapped}, world.now).size() == 1);
}

}  // namespace
}  // namespace batuta
