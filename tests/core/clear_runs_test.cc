// One clear over several runs: all of them or none.
#include <algorithm>

#include "tests/core/support.h"

namespace batuta {
namespace {

using namespace testing;

std::string run_id(const World& world, RunSeq run) {
  return world.ledger.runs.at(run).run.dag_run_id;
}

ClearRequested clear_of(const World& world, RunSeq run, std::vector<std::string> ids = {}) {
  ClearRequested event;
  event.dag_id = "dag";
  event.dag_run_id = run_id(world, run);
  event.task_ids = std::move(ids);
  event.only_failed = false;
  event.dry_run = false;
  event.stored = world.ledger.runs.at(run);  // used only when the run has left memory
  return event;
}

// Two runs of a DAG, both failed at "b" and out of memory.
struct FailedTwice {
  World world;
  RunSeq run{}, second{};
  FailedTwice() {
    world.add(DagMaker("dag").task("a").task("b", {"a"}).task("c", {"b"}).make());
    world.join("w", 4);
    for (RunSeq* each : {&run, &second}) {
      *each = world.trigger("dag");
      world.finish(world.attempt(*each, "a"));
      world.finish(world.attempt(*each, "b"), Outcome::failed);
      REQUIRE(world.run_state(*each) == DagRunState::failed);
    }
    world.launched();
    for (int i = 0; i < 2; ++i) world.step();
    REQUIRE(world.state.run(second) == nullptr);
  }
  ClearRequested clear_both(std::vector<std::string> ids) {
    ClearRequested event = clear_of(world, run, std::move(ids));
    event.more_runs.push_back({run_id(world, second), world.ledger.runs.at(second)});
    return event;
  }
};

TEST_CASE("several runs are cleared by one request") {
  FailedTwice failed;
  World& world = failed.world;
  ClearRequested event = failed.clear_both({"b"});
  event.include_downstream = true;
  event.dry_run = true;
  CHECK(world.ask(event).tasks.size() == 4);
  event.dry_run = false;
  const Reply reply = world.ask(event);
  REQUIRE(reply.tasks.size() == 4);
  CHECK(reply.tasks.front().run == failed.run);
  CHECK(reply.tasks.back().run == failed.second);
  const auto logged = std::count_if(world.ledger.events.begin(), world.ledger.events.end(),
                                    [](const EventLogRow& row) { return row.event == "clear"; });
  CHECK(logged == 2);
  world.run_all();
  CHECK(world.run_state(failed.run) == DagRunState::success);
  CHECK(world.run_state(failed.second) == DagRunState::success);
}

TEST_CASE("when one of several runs cannot be cleared, none is") {
  FailedTwice failed;
  World& world = failed.world;
  const auto untouched = [&] {
    return world.row(failed.run, "b").state == TaskState::failed && world.last.changes.empty();
  };
  ClearRequested event = failed.clear_both({"b"});
  event.more_runs.push_back({"nobody", std::nullopt});
  CHECK(world.ask(event).code == Errc::not_found);
  CHECK(untouched());
  event = failed.clear_both({"b", "nobody"});
  CHECK(world.ask(event).code == Errc::not_found);
  CHECK(untouched());
  const RunSeq third = world.trigger("dag");
  world.start(world.attempt(third, "a"));
  event = failed.clear_both({"a", "b"});
  event.more_runs.push_back({run_id(world, third), std::nullopt});
  event.prevent_running = true;
  const Reply refused = world.ask(event);
  CHECK(refused.code == Errc::conflict);
  CHECK(refused.message.find(run_id(world, third)) != std::string::npos);
  CHECK(untouched());
  event.prevent_running = false;
  CHECK(world.ask(event).code == Errc::ok);
}

TEST_CASE("a clear over too many task instances is refused, and says how to narrow it") {
  World world;
  world.add(fan("dag", 10'001));
  std::vector<RunSeq> runs{world.trigger("dag"), world.trigger("dag")};
  ClearRequested event = clear_of(world, runs[0]);
  event.more_runs.push_back({run_id(world, runs[1]), std::nullopt});
  const Reply refused = world.ask(event);
  CHECK(refused.code == Errc::invalid);
  CHECK(refused.where == "/task_ids");
  CHECK(refused.message.find("20002") != std::string::npos);
  CHECK(refused.message.find("task_ids, start_date and end_date") != std::string::npos);
  event.task_ids = {"t0"};
  CHECK(world.ask(event).tasks.size() == 2);
}

}  // namespace
}  // namespace batuta
