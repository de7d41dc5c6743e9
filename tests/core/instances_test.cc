// Rows of a run: none before it starts, one for each task then, more when a task is expanded.
#include <malloc.h>

#include "scheduler/core/explain.h"
#include "scheduler/core/turn.h"
#include "tests/core/support.h"

namespace batuta::testing {
namespace {

std::shared_ptr<const Dag> a_then_b_then_c() {
  return DagMaker("dag").task("a").task("b", {"a"}).task("c", {"b"}).make();
}

// A run that waits, for its DAG is paused.
struct Waiting {
  World world;
  RunSeq run{};
  Waiting() {
    world.add(a_then_b_then_c(), true);
    world.join("agent", 2);
    run = world.trigger("dag");
  }
  Reply mark(const std::string& task, TaskState to) {
    return world.ask(MarkRequested{0, "dag", "run-2", task, unmapped, to, false, false, false,
                                   "ana", std::nullopt});
  }
  bool has_rows() const { return world.ledger.runs.at(run).has_rows(); }
  void go() {
    world.step({PauseRequested{0, "dag", false}});
    world.run_all();
  }
};

TEST_CASE("a run gets its rows when it starts, not when it is queued") {
  Waiting waiting;
  CHECK_FALSE(waiting.has_rows());
  CHECK(waiting.world.last.changes.runs_created.size() == 1);
  CHECK(waiting.world.last.changes.tasks_created.empty());
  waiting.world.step({PauseRequested{0, "dag", false}});
  const auto& created = waiting.world.last.changes.tasks_created;
  REQUIRE(created.size() == 3);
  CHECK(created[0].state == TaskState::queued);
  CHECK(created[2].state == TaskState::none);
  CHECK(created[0].id < created[1].id);
  CHECK(waiting.world.last.changes.tasks_updated.empty());
  waiting.world.run_all();
  CHECK(waiting.world.run_state(waiting.run) == DagRunState::success);
}

TEST_CASE("a waiting run without rows survives a restart and starts") {
  Waiting waiting;
  waiting.world.restart();
  CHECK_FALSE(waiting.has_rows());
  waiting.world.join("agent", 2);
  waiting.go();
  CHECK(waiting.world.run_state(waiting.run) == DagRunState::success);
}

TEST_CASE("10,000 waiting runs of a 2,000-task DAG cost less than 100 MiB and no row") {
  SchedulerOptions options;
  Now now;
  now.wall = at("2026-03-10T12:00:00Z");
  SchedulerState state = restore({}, options, now);
  const std::vector<Event> dag{DagsChanged{{fan("wide", 2'000)}, {}},
                               PauseRequested{0, "wide", true}};
  step(state, dag, now);
  std::vector<Event> triggers;
  for (int i = 0; i < 10'000; ++i) {
    RunRequested event;
    event.dag_id = "wide";
    event.uuid.bytes[14] = static_cast<std::uint8_t>(i >> 8);
    event.uuid.bytes[15] = static_cast<std::uint8_t>(i);
    event.dag_run_id = "run-" + std::to_string(i);
    event.idempotency_key = "key-" + std::to_string(i);
    triggers.push_back(std::move(event));
  }
  const auto before = ::mallinfo2().uordblks;
  {
    const Effects effects = step(state, triggers, now);
    CHECK(effects.changes.runs_created.size() == 10'000);
    CHECK(effects.changes.tasks_created.empty());
  }
  CHECK(::mallinfo2().uordblks - before < std::size_t{100} << 20);
  CHECK(state.live_runs("wide").size() == 10'000);
  for (const StoredRun* run : state.live_runs("wide")) REQUIRE(run->hot.capacity() == 0);
}

TEST_CASE("waiting runs of one older version share what is known of that version") {
  World world;
  world.add(a_then_b_then_c(), true);
  const RunSeq one = world.trigger("dag");
  const RunSeq two = world.trigger("dag");
  world.add(DagMaker("dag").task("z").with([](Dag& d) { d.version = "other"; }).make(), true);
  world.restart();
  const auto plan = world.state.runs.at(one)->plan;
  CHECK(plan == world.state.runs.at(two)->plan);
  CHECK(plan != world.state.dags.at("dag").plan);
}

TEST_CASE("a mark creates the rows of a run that has not started, and they stay") {
  Waiting waiting;
  const Reply reply = waiting.mark("b", TaskState::success);
  CHECK(reply.code == Errc::ok);
  REQUIRE(reply.tasks.size() == 1);
  CHECK(reply.tasks[0].state == TaskState::none);
  CHECK(reply.tasks[0].task == 1);
  CHECK(waiting.has_rows());
  CHECK(waiting.world.state_of(waiting.run, "b") == TaskState::success);
  CHECK(waiting.world.run_state(waiting.run) == DagRunState::queued);
  waiting.world.restart();
  waiting.world.join("agent", 2);
  waiting.go();
  CHECK(waiting.world.row(waiting.run, "b").try_number == 0);
  CHECK(waiting.world.row(waiting.run, "c").try_number == 1);
  CHECK(waiting.world.run_state(waiting.run) == DagRunState::success);
}

TEST_CASE("a dry mark, a clear and an unknown instance leave a waiting run without rows") {
  Waiting waiting;
  MarkRequested dry;
  dry.dag_id = "dag";
  dry.dag_run_id = "run-2";
  dry.task_id = "b";
  dry.include_downstream = true;
  dry.dry_run = true;
  CHECK(waiting.world.ask(dry).tasks.size() == 2);
  ClearRequested clear;
  clear.dag_id = "dag";
  clear.dag_run_id = "run-2";
  clear.only_failed = false;
  clear.dry_run = false;
  const Reply cleared = waiting.world.ask(clear);
  CHECK(cleared.code == Errc::ok);
  REQUIRE(cleared.tasks.size() == 3);
  CHECK(cleared.tasks[2].task == 2);
  CHECK(cleared.tasks[2].key() == InstanceKey{waiting.run, 2, unmapped});
  MarkRequested wrong = dry;
  wrong.dry_run = false;
  wrong.map_index = MapIndex{0};
  CHECK(waiting.world.ask(wrong).code == Errc::not_found);
  CHECK_FALSE(waiting.has_rows());
  waiting.go();
  CHECK(waiting.world.run_state(waiting.run) == DagRunState::success);
}

TEST_CASE("a note on a task of a waiting run is kept") {
  Waiting waiting;
  NoteSet note;
  note.dag_id = "dag";
  note.dag_run_id = "run-2";
  note.task_id = "c";
  note.note = "mind the gap";
  CHECK(waiting.world.ask(note).code == Errc::ok);
  waiting.go();
  CHECK(waiting.world.row(waiting.run, "c").note == "mind the gap");
}

TEST_CASE("a cancelled run that never started ends with its tasks skipped") {
  Waiting waiting;
  RunStateRequested cancel;
  cancel.dag_id = "dag";
  cancel.dag_run_id = "run-2";
  cancel.user = "ana";
  CHECK(waiting.world.ask(cancel).code == Errc::ok);
  CHECK(waiting.world.run_state(waiting.run) == DagRunState::failed);
  CHECK(waiting.world.state_of(waiting.run, "a") == TaskState::skipped);
  CHECK(waiting.world.state_of(waiting.run, "c") == TaskState::skipped);
}

TEST_CASE("why a task waits is told before its run has started") {
  Waiting waiting;
  const auto told = [&](TaskIndex task) {
    std::string text;
    for (const Reason& r :
         explain(waiting.world.state, {waiting.run, task, unmapped}, waiting.world.now)) {
      text += r.name + ": " + r.reason + "\n";
    }
    return text;
  };
  CHECK(told(0).find("DAG 'dag' is paused") != std::string::npos);
  CHECK(told(2).find("0 of 1 upstream tasks are done") != std::string::npos);
  CHECK(told(2).find("waiting for b") != std::string::npos);
  CHECK(told(7).find("no such task instance") != std::string::npos);
}

// ---- expanded tasks ---------------------------------------------------------------------------

// A running run whose `b` waits for `a`, and gets `count` instances meanwhile.
struct Expanded {
  World world;
  RunSeq run{};
  explicit Expanded(std::int32_t count, int slots = 4) {
    world.add(a_then_b_then_c());
    world.join("agent", slots);
    run = world.trigger("dag");
    expand(count);
  }
  void expand(std::int32_t count) {
    Turn turn{world.state, world.now, {}, {}, {}, {}, {}, false};
    expand_tasks(turn, *world.state.runs.at(run), 1, count);
    advance_runs(turn);
    dispatch(turn);
    finish_turn(turn);
    world.ledger.apply(turn.out.changes);
    sanity_check(world.state);
    last = std::move(turn.out);
  }
  TaskState of(std::int32_t number) const { return world.state_of(run, "b", MapIndex{number}); }
  Effects last;
};

TEST_CASE("a run gains instances in one turn: rows, cells and what downstream tasks wait for") {
  Expanded expanded(3);
  REQUIRE(expanded.last.changes.tasks_created.size() == 2);
  CHECK(expanded.last.changes.tasks_created[1].map_index == MapIndex{2});
  REQUIRE(expanded.last.changes.tasks_updated.size() == 1);
  CHECK(expanded.last.changes.tasks_updated[0].row.map_index == MapIndex{0});
  CHECK(expanded.world.state.runs.at(expanded.run)->upstreams[2].total == 3);
  expanded.world.run_all();
  for (const int number : {0, 1, 2}) CHECK(expanded.of(number) == TaskState::success);
  CHECK(expanded.world.run_state(expanded.run) == DagRunState::success);
}

TEST_CASE("every instance is launched, retried and reported under its own key") {
  Expanded expanded(3);
  World& world = expanded.world;
  world.finish(world.attempt(expanded.run, "a"));
  auto batch = world.launched();
  REQUIRE(batch.size() == 4);  // a, and then the three of b
  CHECK(batch[1].key == AttemptKey{expanded.run, 1, MapIndex{0}, 1});
  CHECK(batch[3].key == AttemptKey{expanded.run, 1, MapIndex{2}, 1});
  world.finish(batch[2].key, Outcome::failed_no_retry);
  CHECK(expanded.of(1) == TaskState::failed);
  CHECK(expanded.of(2) == TaskState::queued);
  CHECK(world.state_of(expanded.run, "c") == TaskState::upstream_failed);
  world.finish(batch[1].key, Outcome::success, 1,
               [](Finished& report) { report.result_json = "7"; });
  world.finish(batch[3].key);
  CHECK(world.ledger.xcoms.at({expanded.run, 1, MapIndex{0}}) == "7");
  CHECK(world.run_state(expanded.run) == DagRunState::failed);
}

TEST_CASE("instances wait for slots one by one and outlive a restart") {
  Expanded expanded(5, 1);
  World& world = expanded.world;
  world.finish(world.attempt(expanded.run, "a"));
  world.launched();
  CHECK(expanded.of(0) == TaskState::queued);
  CHECK(expanded.of(4) == TaskState::scheduled);
  world.restart();
  CHECK(world.ledger.runs.at(expanded.run).hot.size() == 7);
  world.join("agent", 2, {"mock"},
             {{world.attempt(expanded.run, "b", MapIndex{0}), world.now.wall, "s"}});
  world.finish(world.attempt(expanded.run, "b", MapIndex{0}), Outcome::success, 2);
  world.run_all();
  CHECK(expanded.of(4) == TaskState::success);
  CHECK(world.run_state(expanded.run) == DagRunState::success);
}

TEST_CASE("a task mapped over nothing is skipped, and what follows it too") {
  Expanded expanded(0);
  CHECK(expanded.world.state_of(expanded.run, "b") == TaskState::skipped);
  CHECK(expanded.world.row(expanded.run, "b").reason == "mapped over nothing");
  CHECK(expanded.world.state_of(expanded.run, "c") == TaskState::skipped);
  CHECK(expanded.last.changes.tasks_created.empty());
}

TEST_CASE("one instance of several is marked, noted and explained by its index") {
  Expanded expanded(2);
  World& world = expanded.world;
  MarkRequested mark;
  mark.dag_id = "dag";
  mark.dag_run_id = "run-2";
  mark.task_id = "b";
  mark.map_index = MapIndex{1};
  mark.state = TaskState::skipped;
  CHECK(world.ask(mark).tasks.size() == 1);
  CHECK(expanded.of(1) == TaskState::skipped);
  CHECK(expanded.of(0) == TaskState::none);
  mark.map_index = unmapped;
  CHECK(world.ask(mark).code == Errc::not_found);
  ClearRequested clear;
  clear.dag_id = "dag";
  clear.dag_run_id = "run-2";
  clear.task_ids = {"b"};
  clear.only_failed = false;
  clear.dry_run = false;
  CHECK(world.ask(clear).tasks.size() == 2);
  CHECK(expanded.of(1) == TaskState::none);
  CHECK_FALSE(explain(world.state, {expanded.run, 1, MapIndex{1}}, world.now).empty());
}

TEST_CASE("a task that is new in a mapped group ends item by item, as those before it did") {
  const auto grouped = [](Task& task) {
    task.mapped_group = "group";
    task.expand_json = "{}";
  };
  const auto dag = [&](const char* version, bool more) {
    DagMaker maker("dag");
    maker.task("b", {}, grouped).task("c", {"b"}, grouped);
    if (more) maker.task("e", {"b"}, grouped).task("f", {"e"}, grouped);
    return maker.with([&](Dag& d) { d.version = version; }).make();
  };
  World world;
  world.add(dag("old", false));
  world.join("agent", 8);
  const RunSeq run = world.trigger("dag");
  world.tell(TaskExpanded{run, 0, 3, {"x", "y", "z"}, {}});
  world.finish(world.attempt(run, "b", MapIndex{0}), Outcome::failed_no_retry);
  world.run_all();
  REQUIRE(world.run_state(run) == DagRunState::failed);
  world.add(dag("new", true));
  ClearRequested clear;
  clear.dag_id = "dag";
  clear.dag_run_id = "run-2";
  clear.only_new = true;
  clear.on_latest_version = true;
  clear.only_failed = clear.dry_run = false;
  clear.stored = world.ledger.runs.at(run);
  REQUIRE(world.ask(clear).code == Errc::ok);
  world.step();  // it starts when its results have moved
  REQUIRE(world.run_state(run) == DagRunState::running);
  for (const char* task : {"e", "f"}) {
    CHECK(world.state_of(run, task, MapIndex{0}) == TaskState::upstream_failed);
    CHECK(world.row(run, task, MapIndex{2}).map_name == "z");
  }
  REQUIRE(world.last.expansions.size() == 1);
  world.tell(TaskExpanded{run, world.last.expansions[0].task, 3, {"x", "y", "z"}, {}});
  CHECK(world.state_of(run, "e", MapIndex{1}) == TaskState::queued);
  world.run_all();
  CHECK(world.state_of(run, "f", MapIndex{2}) == TaskState::success);
  CHECK(world.state_of(run, "f", MapIndex{0}) == TaskState::upstream_failed);
  CHECK(world.run_state(run) == DagRunState::failed);
}

}  // namespace
}  // namespace batuta::testing
