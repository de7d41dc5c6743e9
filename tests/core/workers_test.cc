// Leases, loss, adoption, stalls.
#include <algorithm>

#include "tests/core/support.h"

namespace batuta {
namespace {

using namespace testing;

struct OneRunning {
  World world;
  RunSeq run{};
  AttemptKey key;
  WorkerId worker = 0;
  explicit OneRunning(SchedulerOptions options = {}) : world(options) {
    world.add(chain("dag", 2));
    worker = world.join("a", 1);
    run = world.trigger("dag");
    key = world.attempt(run, "t0");
    world.start(key, worker, "slot-1");
    world.launched();
  }
};

TEST_CASE("a silent worker is dropped when its lease is over, not before") {
  OneRunning one;
  one.world.pass(9999ms);
  CHECK(one.world.step().drops.empty());
  CHECK(one.world.last.wake_at_boot == one.world.now.boot + 1ms);
  one.world.pass(1ms);
  const Effects effects = one.world.step();
  REQUIRE(effects.drops.size() == 1);
  CHECK(effects.drops[0].worker == one.worker);
  CHECK(one.world.state_of(one.run, "t0") == TaskState::scheduled);
  const TaskInstanceRow& row = one.world.row(one.run, "t0");
  CHECK(row.losses == 1);
  CHECK(row.failures == 0);
  CHECK(one.world.state.worker_views().empty());
}

TEST_CASE("heartbeats and reports renew the lease, and are folded before it is judged") {
  OneRunning one;
  one.world.pass(9s);
  one.world.tell(WorkerHeartbeat{one.worker});
  one.world.pass(9s);
  one.world.start(one.key);
  one.world.pass(11s);  // over, but its heartbeat is in the same batch
  CHECK(one.world.tell(WorkerHeartbeat{one.worker}).drops.empty());
  CHECK(one.world.state_of(one.run, "t0") == TaskState::running);
}

TEST_CASE("the scheduler's own stall is not held against workers") {
  OneRunning one;
  one.world.pass(30s);
  CHECK(one.world.tell(Stalled{25s}).drops.empty());
  one.world.pass(5s);
  CHECK(one.world.step().drops.size() == 1);
}

TEST_CASE("a wall clock that jumps does not end a lease") {
  OneRunning one;
  one.world.now.wall += std::chrono::hours(48);
  CHECK(one.world.step().drops.empty());
  one.world.now.wall -= std::chrono::hours(96);
  CHECK(one.world.step().drops.empty());
}

TEST_CASE("a lost attempt runs again elsewhere, behind its predecessor's slot") {
  OneRunning one;
  one.world.join("b", 1);
  one.world.tell(WorkerLost{one.worker, true});
  const auto launched = one.world.launched();
  REQUIRE(launched.size() == 1);
  CHECK(launched[0].predecessor_slot == "slot-1");
  CHECK(launched[0].key.fence == one.key.fence + 1);
  CHECK(launched[0].try_number == 2);
  REQUIRE(one.world.ledger.archived.size() == 1);
  CHECK(one.world.ledger.archived[0].row.try_number == 1);
  CHECK(one.world.ledger.archived[0].row.reason == "its worker died");
}

TEST_CASE("a successor of a reported attempt waits for no slot") {
  World world;
  world.add(DagMaker("dag").task("t", {}, [](Task& t) { t.retry = {1, 1s, 0, {}}; }).make());
  world.join("a", 1);
  const RunSeq run = world.trigger("dag");
  world.start(world.attempt(run, "t"), 1, "slot-1");
  world.finish(world.attempt(run, "t"), Outcome::failed);
  world.launched();
  world.live(1s);
  CHECK(world.launched().at(0).predecessor_slot.empty());
}

TEST_CASE("the predecessor's slot is kept over a launch that never started") {
  OneRunning one;
  const WorkerId b = one.world.join("b", 1);
  one.world.tell(WorkerLost{one.worker, true});
  one.world.launched();
  one.world.tell(AttemptRecalled{b, one.world.attempt(one.run, "t0")});
  CHECK(one.world.launched().at(0).predecessor_slot == "slot-1");
}

TEST_CASE("who may have started unseen is waited for beside whom it waited for") {
  OneRunning one;
  const WorkerId b = one.world.join("b", 1);
  one.world.tell(WorkerLost{one.worker, true});
  one.world.launched();
  const WorkerId c = one.world.join("c", 1);
  one.world.tell(WorkerLost{b, true});
  CHECK(one.world.launched().at(0).predecessor_slot == "slot-1 b");
  const WorkerId again = one.world.join("b", 1);
  one.world.tell(WorkerLost{c, true});
  CHECK(one.world.launched().at(0).predecessor_slot == "slot-1 b c");
  one.world.join("d", 1);
  one.world.tell(WorkerLost{again, true});
  CHECK(one.world.launched().at(0).predecessor_slot == "slot-1 b c");
}

TEST_CASE("nor does an attempt that ended before it started release that slot") {
  OneRunning one;
  const WorkerId b = one.world.join("b", 1);
  one.world.join("c", 1, {"other"});
  one.world.tell(WorkerLost{one.worker, true});
  one.world.launched();
  ClearRequested clear;
  clear.dag_id = "dag";
  clear.dag_run_id = one.world.ledger.runs.at(one.run).run.dag_run_id;
  clear.only_failed = false;
  clear.dry_run = false;
  one.world.ask(clear);
  one.world.finish(one.world.attempt(one.run, "t0"), Outcome::cancelled, b);
  CHECK(one.world.launched().at(0).predecessor_slot == "slot-1");
}

TEST_CASE("losses have a limit of their own") {
  SchedulerOptions options;
  options.max_losses = 2;
  OneRunning one(options);
  WorkerId worker = one.worker;
  for (int loss = 1; loss <= 3; ++loss) {
    one.world.tell(WorkerLost{worker, true});
    if (loss == 3) break;
    worker = one.world.join("w" + std::to_string(loss), 1);
    one.world.start(one.world.attempt(one.run, "t0"), worker);
  }
  CHECK(one.world.state_of(one.run, "t0") == TaskState::failed);
  CHECK(one.world.row(one.run, "t0").losses == 3);
  CHECK(one.world.row(one.run, "t0").failures == 0);
  CHECK(one.world.run_state(one.run) == DagRunState::failed);
}

TEST_CASE("a worker whose connection ended gets no launch but keeps its attempts for its lease") {
  OneRunning one;
  one.world.tell(WorkerLost{one.worker, false});
  one.world.trigger("dag");
  CHECK(one.world.launched().empty());
  CHECK(one.world.state_of(one.run, "t0") == TaskState::running);
  CHECK(one.world.state.absent_agents() == std::vector<std::string>{"a"});
  one.world.pass(10s);
  CHECK(one.world.step().drops.empty());
  CHECK(one.world.state_of(one.run, "t0") == TaskState::scheduled);
}

TEST_CASE("a returning agent's attempts are adopted under its new connection") {
  OneRunning one;
  one.world.tell(WorkerLost{one.worker, false});
  one.world.pass(5s);
  const WorkerId again =
      one.world.join("a", 1, {"mock"}, {{one.key, one.world.now.wall, "slot-1"}});
  CHECK(one.world.last.cancels.empty());
  one.world.pass(9s);
  CHECK(one.world.tell(WorkerHeartbeat{again}).drops.empty());
  one.world.finish(one.key, Outcome::success, again);
  CHECK(one.world.state_of(one.run, "t0") == TaskState::success);
  CHECK(one.world.state.counters.losses == 0);
}

TEST_CASE("what a returning agent runs of an older fence is cancelled") {
  OneRunning one;
  one.world.join("b", 1);
  one.world.tell(WorkerLost{one.worker, false});
  one.world.live(10s);
  REQUIRE(one.world.attempt(one.run, "t0").fence == one.key.fence + 1);
  const WorkerId again =
      one.world.join("a", 1, {"mock"}, {{one.key, one.world.now.wall, "slot-1"}});
  REQUIRE(one.world.last.cancels.size() == 1);
  CHECK(one.world.last.cancels[0].key == one.key);
  CHECK(one.world.last.cancels[0].worker == again);
}

TEST_CASE("an agent that comes back on a second connection replaces the first") {
  OneRunning one;
  const WorkerId again =
      one.world.join("a", 1, {"mock"}, {{one.key, one.world.now.wall, "slot-1"}});
  REQUIRE(one.world.last.drops.size() == 1);
  CHECK(one.world.last.drops[0].worker == one.worker);
  one.world.tell(WorkerLost{one.worker, true});  // the old connection's end says nothing new
  CHECK(one.world.state_of(one.run, "t0") == TaskState::running);
  CHECK(one.world.state.worker_views().at(0).connection == again);
}

TEST_CASE("a launch that a returning agent does not name is free at its next heartbeat") {
  World world;
  world.add(chain("dag", 1));
  const WorkerId worker = world.join("a", 1);
  const RunSeq run = world.trigger("dag");
  const AttemptKey key = world.attempt(run, "t0");
  world.tell(WorkerLost{worker, false});
  const WorkerId again = world.join("a", 1);
  CHECK(world.attempt(run, "t0") == key);  // its end may be on the way
  world.tell(WorkerHeartbeat{again});
  CHECK(world.attempt(run, "t0").fence == key.fence + 1);
  CHECK(world.row(run, "t0").try_number == 1);
  CHECK(world.row(run, "t0").losses == 0);
}

TEST_CASE("a result that was not acknowledged before the connection ended is not run again") {
  World world;
  world.add(chain("dag", 1));
  const WorkerId worker = world.join("a", 1);
  const RunSeq run = world.trigger("dag");
  const AttemptKey key = world.attempt(run, "t0");
  world.tell(WorkerLost{worker, false});
  const WorkerId again = world.join("a", 1);
  world.finish(key, Outcome::success, again);
  world.tell(WorkerHeartbeat{again});
  CHECK(world.state_of(run, "t0") == TaskState::success);
  CHECK(world.launched().size() == 1);
}

TEST_CASE("a running attempt that a returning agent forgot is lost after one lease") {
  OneRunning one;
  one.world.tell(WorkerLost{one.worker, false});
  one.world.join("a", 1);
  one.world.live(8s);
  CHECK(one.world.state_of(one.run, "t0") == TaskState::running);
  one.world.live(2s);
  CHECK(one.world.row(one.run, "t0").losses == 1);
  CHECK(one.world.state_of(one.run, "t0") == TaskState::queued);
}

TEST_CASE("of a dead worker's queue only what had a slot is charged, all get a new try number") {
  World world;
  world.add(fan("dag", 20));
  const WorkerId worker = world.join("a", 1);
  const RunSeq run = world.trigger("dag");
  world.finish(world.launched().at(0).key, Outcome::success, worker,
               [](Finished& r) { r.started = r.ended - 1ms; });
  const auto held = world.launched();
  REQUIRE(held.size() == 19);
  world.start(held[0].key);
  world.tell(WorkerLost{worker, true});
  world.join("b", 19);
  int charged = 0;
  for (const auto& launch : held) {
    const TaskInstanceRow& row = world.ledger.runs.at(run).row(launch.instance);
    charged += row.losses;
    CHECK(row.try_number == 2);
    CHECK(row.fence == 2);
  }
  CHECK(charged == 1);
}

TEST_CASE("an agent found dead by its lock is over at once, connected or not") {
  OneRunning one;
  one.world.tell(WorkerLost{one.worker, false});
  one.world.tell(AgentDead{"a"});
  CHECK(one.world.row(one.run, "t0").losses == 1);
  one.world.tell(AgentDead{"a"});
  CHECK(one.world.row(one.run, "t0").losses == 1);
}

TEST_CASE("an attempt that is not ended in its time after a cancel is lost, its worker is not") {
  OneRunning one;
  RunStateRequested cancel;
  cancel.dag_id = "dag";
  cancel.dag_run_id = one.world.ledger.runs.at(one.run).run.dag_run_id;
  cancel.user = "ana";
  one.world.ask(cancel);
  REQUIRE(one.world.last.cancels.size() == 1);
  one.world.live(18s);
  CHECK(one.world.state_of(one.run, "t0") == TaskState::running);
  one.world.live(2s);
  CHECK(one.world.state_of(one.run, "t0") == TaskState::failed);
  CHECK(one.world.last.drops.empty());
  CHECK(one.world.state.worker_views().size() == 1);
  CHECK(one.world.run_state(one.run) == DagRunState::failed);
}

TEST_CASE("a catalogue that changes moves offers; the last known is kept") {
  World world;
  world.add(chain("dag", 1));
  const WorkerId worker = world.join("a", 1, {"shell"});
  world.trigger("dag");
  CHECK(world.launched().empty());
  PluginInfo mock;
  mock.name = "mock";
  world.tell(WorkerCatalogue{worker, {mock}});
  CHECK(world.launched().size() == 1);
  CHECK(!world.state.plugin_is_live("shell"));
  CHECK(world.state.plugin_is_live("mock"));
  CHECK(world.state.known_plugins().size() == 2);
}

TEST_CASE("a drained worker gets nothing until it is resumed") {
  World world;
  world.add(chain("dag", 1));
  const WorkerId worker = world.join("a", 1, {"mock"});
  world.tell(WorkerCatalogue{worker, {}, true});
  CHECK(world.state.worker_views().at(0).drained);
  CHECK(world.state.gauges().slots == 0);
  world.trigger("dag");
  CHECK(world.launched().empty());
  PluginInfo mock;
  mock.name = "mock";
  world.tell(WorkerCatalogue{worker, {mock}});
  CHECK_FALSE(world.state.worker_views().at(0).drained);
  CHECK(world.launched().size() == 1);
}

}  // namespace
}  // namespace batuta
