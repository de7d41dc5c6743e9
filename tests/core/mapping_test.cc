// Mapped tasks: asked for when their rule lets them run, expanded once, and again after a clear.
#include "scheduler/core/explain.h"
#include "tests/core/support.h"

namespace batuta::testing {
namespace {

// a, then b mapped over what a returned, then c.
DagMaker a_map_c(const std::function<void(Task&)>& change = {}) {
  return DagMaker("dag")
      .task("a")
      .task("b", {"a"},
            [&](Task& task) {
              task.expand_json = "{}";
              if (change) change(task);
            })
      .task("c", {"b"});
}

struct Mapped {
  World world;
  RunSeq run{};
  explicit Mapped(const std::shared_ptr<const Dag>& dag, int slots = 8) {
    world.add(dag);
    world.join("agent", slots);
    run = world.trigger("dag");
  }
  // The answer to what the last step asked: it must have asked for b, once.
  Effects answer(std::int32_t count, std::string failure = {},
                 std::vector<std::string> names = {}) {
    REQUIRE(world.last.expansions.size() == 1);
    REQUIRE(world.last.expansions[0].task == 1);
    return world.tell(
        TaskExpanded{world.last.expansions[0].run, 1, count, std::move(names), std::move(failure)});
  }
  Mapped& after_a() {
    world.finish(world.attempt(run, "a"));
    return *this;
  }
  TaskState of(int number) const { return world.state_of(run, "b", MapIndex{number}); }
  Reply clear(std::vector<std::string> ids, std::vector<std::optional<MapIndex>> indexes = {},
              bool downstream = false) {
    ClearRequested event;
    event.dag_id = "dag";
    event.dag_run_id = "run-2";
    event.task_ids = std::move(ids);
    event.map_indexes = std::move(indexes);
    event.include_downstream = downstream;
    event.only_failed = false;
    event.dry_run = false;
    return world.ask(event);
  }
};

TEST_CASE(
    "a mapped task is asked for once, when its rule lets it run, and expanded by the answer") {
  Mapped mapped(a_map_c().make());
  CHECK(mapped.world.last.expansions.empty());
  mapped.after_a();
  REQUIRE(mapped.world.last.expansions.size() == 1);
  CHECK(mapped.world.state_of(mapped.run, "b") == TaskState::none);
  mapped.world.step();
  CHECK(mapped.world.last.expansions.empty());
  mapped.world.tell(TaskExpanded{mapped.run, 1, 3, {"x", "y", "z"}, {}});
  for (const int number : {0, 1, 2}) CHECK(mapped.of(number) == TaskState::queued);
  CHECK(mapped.world.row(mapped.run, "b", MapIndex{2}).map_name == "z");
  mapped.world.run_all();
  CHECK(mapped.world.run_state(mapped.run) == DagRunState::success);
}

TEST_CASE(
    "a restart between question and answer asks again, and an answer that nobody asked for changes "
    "nothing") {
  Mapped mapped(a_map_c().make());
  mapped.after_a();
  mapped.world.restart();
  REQUIRE(mapped.world.last.expansions.size() == 1);
  mapped.world.join("agent", 8);
  mapped.world.tell(TaskExpanded{mapped.run, 1, 2, {}, {}});
  CHECK(mapped.world.ledger.runs.at(mapped.run).hot.size() == 4);
  mapped.world.tell(TaskExpanded{mapped.run, 1, 5, {}, {}});
  CHECK(mapped.world.ledger.runs.at(mapped.run).hot.size() == 4);
  mapped.world.restart();
  CHECK(mapped.world.ledger.runs.at(mapped.run).hot.size() == 4);
}

TEST_CASE("what cannot be expanded fails with its reason, without retries, and is told once") {
  Mapped mapped(a_map_c([](Task& task) {
                  task.retry.retries = 3;
                  task.notifiers = {{AlertOn::failure, "{}"}};
                }).make());
  mapped.after_a().answer(0, "expand.x: 7 is neither a list nor an object");
  const TaskInstanceRow row = mapped.world.row(mapped.run, "b");
  CHECK(row.state == TaskState::failed);
  CHECK(row.reason == "expand.x: 7 is neither a list nor an object");
  CHECK(row.try_number == 0);
  CHECK(mapped.world.alerts.size() == 1);
  CHECK(mapped.world.state_of(mapped.run, "c") == TaskState::upstream_failed);
  CHECK(mapped.world.run_state(mapped.run) == DagRunState::failed);
}

TEST_CASE("an empty list skips the task, and what follows it") {
  Mapped mapped(a_map_c().make());
  mapped.after_a().answer(0);
  CHECK(mapped.world.state_of(mapped.run, "b") == TaskState::skipped);
  CHECK(mapped.world.state_of(mapped.run, "c") == TaskState::skipped);
  CHECK(mapped.world.run_state(mapped.run) == DagRunState::success);
}

TEST_CASE("one instance is cleared by its index, the others stay") {
  Mapped mapped(a_map_c().make());
  mapped.after_a().answer(3);
  mapped.world.run_all();
  CHECK(mapped.clear({"b"}, {MapIndex{1}}).tasks.size() == 1);
  CHECK(mapped.of(1) == TaskState::none);
  mapped.answer(3);
  CHECK(mapped.of(0) == TaskState::success);
  CHECK(mapped.of(1) == TaskState::queued);
  mapped.world.run_all();
  CHECK(mapped.world.run_state(mapped.run) == DagRunState::success);
  CHECK(mapped.world.row(mapped.run, "b", MapIndex{1}).try_number == 2);
  const Reply unknown = mapped.clear({"b"}, {MapIndex{3}});
  CHECK(unknown.code == Errc::not_found);
  CHECK(unknown.message == "no task 'b' with map index 3 in this run");
}

TEST_CASE("a clear expands anew: what the list has not any more is removed and holds nobody back") {
  Mapped mapped(a_map_c().make());
  mapped.after_a().answer(3);
  mapped.world.run_all();
  CHECK(mapped.clear({"a"}, {}, true).tasks.size() == 5);
  mapped.world.finish(mapped.world.attempt(mapped.run, "a"));
  mapped.answer(2);
  CHECK(mapped.of(0) == TaskState::queued);
  CHECK(mapped.of(2) == TaskState::removed);
  CHECK(mapped.world.row(mapped.run, "b", MapIndex{2}).reason == "mapped over 2 items");
  mapped.world.launched();
  mapped.world.finish(mapped.world.attempt(mapped.run, "b", MapIndex{0}));
  mapped.world.finish(mapped.world.attempt(mapped.run, "b", MapIndex{1}));
  mapped.world.run_all();
  CHECK(mapped.world.run_state(mapped.run) == DagRunState::success);
  CHECK(mapped.world.state_of(mapped.run, "c") == TaskState::success);
}

TEST_CASE("a list that grew adds instances, brings removed ones back, and one of no items skips") {
  Mapped mapped(a_map_c().make());
  mapped.after_a().answer(3);
  mapped.world.run_all();
  const auto again = [&](std::int32_t count) {
    mapped.clear({"a"}, {}, true);
    mapped.world.finish(mapped.world.attempt(mapped.run, "a"));
    mapped.answer(count);
  };
  again(0);
  CHECK(mapped.of(0) == TaskState::skipped);
  CHECK(mapped.of(1) == TaskState::removed);
  CHECK(mapped.world.state_of(mapped.run, "c") == TaskState::skipped);
  again(5);
  for (const int number : {0, 1, 2, 3, 4}) CHECK(mapped.of(number) == TaskState::queued);
  mapped.world.restart();
  CHECK(mapped.world.ledger.runs.at(mapped.run).hot.size() == 7);
}

TEST_CASE("a whole clear of a mapped task passes over what was removed, and asks anew") {
  Mapped mapped(a_map_c().make());
  mapped.after_a().answer(3);
  mapped.world.run_all();
  mapped.clear({"a"}, {}, true);
  mapped.world.finish(mapped.world.attempt(mapped.run, "a"));
  mapped.answer(1);
  mapped.world.finish(mapped.world.attempt(mapped.run, "b", MapIndex{0}));
  mapped.world.run_all();
  CHECK(mapped.clear({"b"}).tasks.size() == 1);
  CHECK(mapped.of(2) == TaskState::removed);
  REQUIRE(mapped.world.last.expansions.size() == 1);
}

TEST_CASE("an upstream cleared while the answer is under way makes the answer worthless") {
  Mapped mapped(a_map_c().make());
  mapped.after_a();
  mapped.clear({"a"});
  mapped.world.tell(TaskExpanded{mapped.run, 1, 4, {}, {}});
  CHECK(mapped.world.ledger.runs.at(mapped.run).hot.size() == 3);
  mapped.world.finish(mapped.world.attempt(mapped.run, "a"));
  mapped.answer(2);
  CHECK(mapped.of(1) == TaskState::queued);
}

TEST_CASE("max_active_tis_per_dagrun limits the instances of one run, not those of another") {
  Mapped mapped(a_map_c([](Task& task) { task.max_active_tis_per_dagrun = 2; }).make(), 16);
  mapped.after_a().answer(5);
  const auto active = [&](RunSeq run) {
    int count = 0;
    for (int i = 0; i < 5; ++i) {
      if (mapped.world.state_of(run, "b", MapIndex{i}) == TaskState::queued) ++count;
    }
    return count;
  };
  CHECK(active(mapped.run) == 2);
  CHECK(mapped.of(0) == TaskState::queued);
  const RunSeq other = mapped.world.trigger("dag");
  mapped.world.finish(mapped.world.attempt(other, "a"));
  mapped.answer(5);
  CHECK(active(other) == 2);
  mapped.world.finish(mapped.world.attempt(mapped.run, "b", MapIndex{1}));
  CHECK(mapped.of(2) == TaskState::queued);
  CHECK(mapped.of(3) == TaskState::scheduled);
  const auto why = explain(mapped.world.state, {mapped.run, 1, MapIndex{3}}, mapped.world.now);
  REQUIRE(!why.empty());
  CHECK(why[0].reason.find("max_active_tis_per_dagrun is 2") != std::string::npos);
  mapped.world.restart();
  CHECK(active(mapped.run) == 2);
}

TEST_CASE("two mapped tasks in a row of 5,000 end in steps that do not grow with the product") {
  World world;
  world.add(DagMaker("dag")
                .task("a", {}, [](Task& task) { task.expand_json = "{}"; })
                .task("b", {"a"}, [](Task& task) { task.expand_json = "{}"; })
                .task("c", {"b"})
                .with([](Dag& dag) { dag.max_active_tasks = 100'000; })
                .make());
  world.join("agent", 10'000);
  const RunSeq run = world.trigger("dag");
  for (const TaskIndex task : {0U, 1U}) {
    REQUIRE(world.last.expansions.size() == 1);
    world.tell(TaskExpanded{run, task, 5'000, {}, {}});
    const auto reads = world.state.counters.dispatch_reads;
    world.run_all();
    CHECK(world.state.counters.dispatch_reads - reads < 10'100);
  }
  CHECK(world.run_state(run) == DagRunState::success);
}

// a, then b and c in one mapped group, then d.
struct Grouped {
  World world;
  RunSeq run{};
  explicit Grouped(const std::function<void(Task&)>& change_c = {}) {
    const auto grouped = [](Task& task) {
      task.mapped_group = "group";
      task.expand_json = "{}";
    };
    world.add(DagMaker("dag")
                  .task("a")
                  .task("b", {"a"}, grouped)
                  .task("c", {"b"},
                        [&](Task& task) {
                          grouped(task);
                          if (change_c) change_c(task);
                        })
                  .task("d", {"c"})
                  .make());
    world.join("agent", 8);
    run = world.trigger("dag");
    world.finish(world.attempt(run, "a"));
  }
  TaskState of(const char* task, int number) const {
    return world.state_of(run, task, MapIndex{number});
  }
  void finish(const char* task, int number) {
    world.finish(world.attempt(run, task, MapIndex{number}));
  }
};

TEST_CASE("a mapped group is asked for once, and all of its tasks get the instances in one step") {
  Grouped grouped;
  REQUIRE(grouped.world.last.expansions.size() == 1);
  CHECK(grouped.world.last.expansions[0].task == 1);
  grouped.world.tell(TaskExpanded{grouped.run, 1, 3, {"x", "y", "z"}, {}});
  CHECK(grouped.world.ledger.runs.at(grouped.run).hot.size() == 8);
  CHECK(grouped.world.row(grouped.run, "c", MapIndex{2}).map_name == "z");
  for (const int number : {0, 1, 2}) {
    CHECK(grouped.of("b", number) == TaskState::queued);
    CHECK(grouped.of("c", number) == TaskState::none);
  }
  grouped.world.run_all();
  CHECK(grouped.world.run_state(grouped.run) == DagRunState::success);
}

TEST_CASE("an item of a mapped group goes on while another's first task still runs") {
  Grouped grouped;
  grouped.world.tell(TaskExpanded{grouped.run, 1, 3, {}, {}});
  grouped.finish("b", 2);
  CHECK(grouped.of("c", 2) == TaskState::queued);
  CHECK(grouped.of("c", 0) == TaskState::none);
  const auto why = explain(grouped.world.state, {grouped.run, 2, MapIndex{0}}, grouped.world.now);
  REQUIRE(!why.empty());
  CHECK(why[0].reason.find("0 of 1 upstream tasks are done") != std::string::npos);
  grouped.finish("c", 2);
  CHECK(grouped.world.state_of(grouped.run, "d") == TaskState::none);
  grouped.finish("b", 0);
  grouped.finish("b", 1);
  grouped.finish("c", 0);
  CHECK(grouped.world.state_of(grouped.run, "d") == TaskState::none);
  grouped.finish("c", 1);
  CHECK(grouped.world.state_of(grouped.run, "d") == TaskState::queued);
}

TEST_CASE("a mapped group goes on by index after a restart") {
  Grouped grouped;
  grouped.world.tell(TaskExpanded{grouped.run, 1, 2, {}, {}});
  grouped.finish("b", 1);
  grouped.finish("c", 1);
  grouped.world.start(grouped.world.attempt(grouped.run, "b", MapIndex{0}));
  grouped.world.restart();
  grouped.world.join(
      "agent", 8, {"mock"},
      {{grouped.world.attempt(grouped.run, "b", MapIndex{0}), grouped.world.now.wall, "slot-a"}});
  grouped.finish("b", 0);
  REQUIRE(grouped.world.last.expansions.size() == 1);  // memory does not know that it was expanded
  grouped.world.tell(TaskExpanded{grouped.run, grouped.world.last.expansions[0].task, 2, {}, {}});
  CHECK(grouped.of("c", 0) == TaskState::queued);
  CHECK(grouped.of("c", 1) == TaskState::success);
  grouped.world.run_all();
  CHECK(grouped.world.run_state(grouped.run) == DagRunState::success);
}

TEST_CASE(
    "a mapped group that cannot be expanded fails where it would run, also behind a failure") {
  Grouped grouped([](Task& task) { task.trigger_rule = TriggerRule::all_done; });
  grouped.world.tell(TaskExpanded{grouped.run, 1, 0, {}, "expand.n: 7 is no list"});
  CHECK(grouped.world.state_of(grouped.run, "b") == TaskState::failed);
  CHECK(grouped.world.state_of(grouped.run, "c") == TaskState::failed);
  CHECK(grouped.world.row(grouped.run, "c").reason == "expand.n: 7 is no list");
  CHECK(grouped.world.run_state(grouped.run) == DagRunState::failed);
}

TEST_CASE(
    "an answer that is passed over since a list is made anew is asked for again by the group") {
  const auto grouped = [](Task& task) {
    task.mapped_group = "group";
    task.expand_json = "{}";
  };
  World world;
  world.add(DagMaker("dag").task("a").task("b", {}, grouped).task("c", {"a", "b"}, grouped).make());
  world.join("agent", 8);
  const RunSeq run = world.trigger("dag");
  REQUIRE(world.last.expansions.size() == 1);
  world.finish(world.attempt(run, "a"));
  ClearRequested clear;
  clear.dag_id = "dag";
  clear.dag_run_id = "run-2";
  clear.task_ids = {"a"};
  clear.only_failed = clear.dry_run = false;
  CHECK(world.ask(clear).tasks.size() == 1);
  REQUIRE(world.last.expansions.size() == 1);
  world.tell(TaskExpanded{run, 1, 2, {}, {}});
  CHECK(world.state_of(run, "b", MapIndex{1}) == TaskState::queued);
}

TEST_CASE(
    "what follows a mapped group does not take an early failure inside for all of its items") {
  const auto grouped = [](Task& task) {
    task.mapped_group = "group";
    task.expand_json = "{}";
  };
  World world;
  world.add(DagMaker("dag")
                .task("a")
                .task("slow")
                .task("b", {"slow"}, grouped)
                .task("c", {"a", "b"}, grouped)
                .task("d", {"c"}, [](Task& task) { task.trigger_rule = TriggerRule::all_done; })
                .make());
  world.join("agent", 8);
  const RunSeq run = world.trigger("dag");
  world.finish(world.attempt(run, "a"), Outcome::failed_no_retry);
  CHECK(world.state_of(run, "c") == TaskState::none);
  CHECK(world.state_of(run, "d") == TaskState::none);
  const auto why = explain(world.state, {run, 3, unmapped}, world.now);
  REQUIRE(!why.empty());
  CHECK(why[0].reason == "its mapped group 'group' has not been expanded yet");
  world.finish(world.attempt(run, "slow"));
  world.tell(TaskExpanded{run, 2, 2, {}, {}});
  CHECK(world.state_of(run, "c", MapIndex{1}) == TaskState::upstream_failed);
  CHECK(world.state_of(run, "d") == TaskState::queued);
}

TEST_CASE("what a branch left out, or a hand decided, of a mapped group holds for all its items") {
  const auto grouped = [](Task& task) {
    task.mapped_group = "group";
    task.expand_json = "{}";
  };
  World world;
  world.add(DagMaker("dag")
                .task("choose", {}, [](Task& task) { task.is_branch = true; })
                .task("slow")
                .task("out", {"choose"}, grouped)
                .task("in", {"choose", "slow"}, grouped)
                .task("byhand", {"slow"}, grouped)
                .task("after", {"out"}, grouped)
                .make());
  world.join("agent", 8);
  const RunSeq run = world.trigger("dag");
  world.finish(world.attempt(run, "choose"), Outcome::success, 1, [](Finished& report) {
    report.has_branch = true;
    report.branch = {"in"};
  });
  CHECK(world.state_of(run, "out") == TaskState::skipped);
  MarkRequested mark;
  mark.dag_id = "dag";
  mark.dag_run_id = "run-2";
  mark.task_id = "byhand";
  CHECK(world.ask(mark).code == Errc::ok);
  world.finish(world.attempt(run, "slow"));
  REQUIRE(world.last.expansions.size() == 1);
  world.tell(TaskExpanded{run, world.last.expansions[0].task, 3, {}, {}});
  for (const int number : {0, 1, 2}) {
    CHECK(world.state_of(run, "out", MapIndex{number}) == TaskState::skipped);
    CHECK(world.state_of(run, "after", MapIndex{number}) == TaskState::skipped);
    CHECK(world.state_of(run, "byhand", MapIndex{number}) == TaskState::success);
    CHECK(world.state_of(run, "in", MapIndex{number}) == TaskState::queued);
  }
  world.run_all();
  CHECK(world.run_state(run) == DagRunState::success);
}

TEST_CASE("a mark of one index with what follows takes that index alone inside its group") {
  Grouped grouped;
  grouped.world.tell(TaskExpanded{grouped.run, 1, 3, {}, {}});
  grouped.world.run_all();
  MarkRequested mark;
  mark.dag_id = "dag";
  mark.dag_run_id = "run-2";
  mark.task_id = "b";
  mark.map_index = MapIndex{1};
  mark.state = TaskState::failed;
  mark.include_downstream = true;
  CHECK(grouped.world.ask(mark).tasks.size() == 3);
  CHECK(grouped.of("b", 1) == TaskState::failed);
  CHECK(grouped.of("c", 1) == TaskState::failed);
  CHECK(grouped.world.state_of(grouped.run, "d") == TaskState::failed);
  for (const int number : {0, 2}) {
    CHECK(grouped.of("b", number) == TaskState::success);
    CHECK(grouped.of("c", number) == TaskState::success);
  }
}

TEST_CASE(
    "a clear of one index takes all items of what follows a task outside of the mapped group") {
  const auto grouped = [](Task& task) {
    task.mapped_group = "group";
    task.expand_json = "{}";
  };
  World world;
  world.add(DagMaker("dag")
                .task("b", {}, grouped)
                .task("beside", {"b"}, grouped)
                .task("outside", {"b"})
                .task("c", {"outside"}, grouped)
                .make());
  world.join("agent", 8);
  const RunSeq run = world.trigger("dag");
  world.tell(TaskExpanded{run, 0, 3, {}, {}});
  world.run_all();
  ClearRequested clear;
  clear.dag_id = "dag";
  clear.dag_run_id = "run-2";
  clear.task_ids = {"b"};
  clear.map_indexes = {MapIndex{1}};
  clear.include_downstream = true;
  clear.only_failed = clear.dry_run = false;
  CHECK(world.ask(clear).tasks.size() == 6);  // b[1], beside[1], outside, and c of all three
  CHECK(world.state_of(run, "beside", MapIndex{2}) == TaskState::success);
  CHECK(world.state_of(run, "c", MapIndex{2}) == TaskState::none);
}

TEST_CASE("a mapped group has no more task instances than a mapped task may have") {
  Grouped grouped;
  grouped.world.tell(TaskExpanded{grouped.run, 1, max_map_length / 2 + 1, {}, {}});
  CHECK(grouped.world.state_of(grouped.run, "b") == TaskState::failed);
  CHECK(grouped.world.row(grouped.run, "b").reason ==
        "mapped over 50001 items with 2 tasks each: a mapped group has at most 100000 task "
        "instances");
  CHECK(grouped.world.run_state(grouped.run) == DagRunState::failed);
}

TEST_CASE("a shorter list takes the last index out of all tasks of a mapped group") {
  Grouped grouped;
  grouped.world.tell(TaskExpanded{grouped.run, 1, 3, {}, {}});
  grouped.world.run_all();
  ClearRequested clear;
  clear.dag_id = "dag";
  clear.dag_run_id = "run-2";
  clear.task_ids = {"b"};
  clear.include_downstream = true;
  clear.only_failed = clear.dry_run = false;
  CHECK(grouped.world.ask(clear).tasks.size() == 7);
  REQUIRE(grouped.world.last.expansions.size() == 1);
  grouped.world.tell(TaskExpanded{grouped.run, 1, 2, {}, {}});
  CHECK(grouped.of("b", 2) == TaskState::removed);
  CHECK(grouped.of("c", 2) == TaskState::removed);
  grouped.world.run_all();
  CHECK(grouped.world.run_state(grouped.run) == DagRunState::success);
}

}  // namespace
}  // namespace batuta::testing
