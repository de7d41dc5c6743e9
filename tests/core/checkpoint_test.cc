// Checkpoints: from where the next try of a task goes on.
#include <doctest/doctest.h>

#include "tests/core/support.h"

namespace batuta {
namespace {

using namespace testing;

// a, which may fail, then b.
struct Saving {
  World world;
  RunSeq run{};
  explicit Saving(const std::function<void(Task&)>& change = {}) {
    world.add(DagMaker("dag")
                  .task("a", {},
                        [&](Task& t) {
                          t.retry = {3, 1s, 0, {}};
                          if (change) change(t);
                        })
                  .task("b", {"a"})
                  .make());
    world.join("w", 2);
    run = world.trigger("dag");
    world.start(key());
  }
  AttemptKey key() const { return world.attempt(run, "a"); }
  Effects save(const AttemptKey& by, std::uint64_t number, const std::string& text) {
    return world.tell(AttemptCheckpointed{1, {by, number, text}});
  }
  // The row that the store has, as it is read for a launch.
  std::optional<std::string> kept() const {
    const auto at = world.ledger.checkpoints.find(key().instance());
    return at == world.ledger.checkpoints.end() ? std::nullopt
                                                : std::optional(at->second.checkpoint_json);
  }
  void fail() {
    world.finish(key(), Outcome::failed);
    world.launched();
    world.live(2s);
  }
  // Whether it was launched just now with what the store has.
  bool goes_on() {
    for (const LaunchEffect& launch : world.launched()) {
      if (launch.key.task == 0) return launch.checkpoint;
    }
    FAIL("it was not launched");
    return false;
  }
  void clear(bool keep) {
    ClearRequested event;
    event.dag_id = "dag";
    event.dag_run_id = "run-2";
    event.task_ids = {"a"};
    event.only_failed = false;
    event.dry_run = false;
    event.keep_checkpoints = keep;
    CHECK(world.ask(event).code == Errc::ok);
  }
};

TEST_CASE("a checkpoint is acknowledged with the commit that keeps it, and the next try has it") {
  Saving saving;
  const Effects effects = saving.save(saving.key(), 1, "[1]");
  REQUIRE(effects.changes.checkpoints.size() == 1);
  CHECK(effects.changes.checkpoints[0].try_number == 1);
  REQUIRE(effects.acks.size() == 1);
  CHECK(effects.acks[0].checkpoint == 1);
  saving.save(saving.key(), 2, "[2]");
  saving.fail();
  CHECK(saving.goes_on());
  CHECK(saving.kept() == "[2]");
}

TEST_CASE("it outlives the worker, and the scheduler") {
  Saving saving;
  saving.save(saving.key(), 1, "[1]");
  SUBCASE("the scheduler is killed while the task runs, and its worker never comes back") {
    saving.world.restart();
    saving.world.launched();
    saving.world.pass(60s);
    saving.world.step();
    saving.world.join("other", 2);
  }
  SUBCASE("the scheduler is killed while the task waits for its retry") {
    saving.world.finish(saving.key(), Outcome::failed);
    saving.world.restart();
    saving.world.launched();
    saving.world.join("w", 2);
    saving.world.live(2s);
  }
  SUBCASE("its worker dies") {
    saving.world.launched();
    saving.world.tell(WorkerLost{1, true});
    saving.world.join("other", 2);
  }
  CHECK(saving.goes_on());
  CHECK(saving.kept() == "[1]");
}

TEST_CASE("a success drops it, and so does what is no try of the same work") {
  SUBCASE("a success, in the same turn too") {
    Saving saving;
    saving.save(saving.key(), 1, "[1]");
    const Effects both = saving.world.step(
        {AttemptCheckpointed{1, {saving.key(), 2, "[2]"}},
         AttemptFinished{1, finished(saving.key(), Outcome::success, saving.world.now.wall,
                                     saving.world.now.wall)}});
    CHECK(both.changes.checkpoints.empty());
    CHECK(saving.world.state_of(saving.run, "a") == TaskState::success);
    CHECK_FALSE(saving.kept());
  }
  SUBCASE("the next turn of a loop") {
    Saving saving([](Task& t) {
      t.repeat.max = 5;
      t.repeat.result_json = "true";
    });
    saving.save(saving.key(), 1, "[1]");
    saving.world.finish(saving.key());
    CHECK_FALSE(saving.kept());
  }
  SUBCASE("tables that are being published: refused, they are read anew") {
    Saving saving;
    saving.save(saving.key(), 1, "[1]");
    saving.world.finish(saving.key(), Outcome::success, 1, [](Finished& report) {
      report.outputs = {{"silver/x", false, -1, "{}"}};
    });
    CHECK_FALSE(saving.kept());
  }
}

TEST_CASE("a clear begins without it, unless it is asked to keep it") {
  Saving saving;
  saving.save(saving.key(), 1, "[1]");
  SUBCASE("of a task that failed") {
    saving.world.finish(saving.key(), Outcome::failed_no_retry);
    REQUIRE(saving.world.state_of(saving.run, "a") == TaskState::failed);
    CHECK(saving.kept() == "[1]");
    saving.world.launched();
    SUBCASE("without") {
      saving.clear(false);
      CHECK_FALSE(saving.kept());
      CHECK_FALSE(saving.goes_on());
    }
    SUBCASE("with") {
      saving.clear(true);
      CHECK(saving.goes_on());
      CHECK(saving.kept() == "[1]");
      saving.world.start(saving.key());
      saving.world.finish(saving.key());
      CHECK_FALSE(saving.kept());
    }
  }
  SUBCASE("of a task that runs, which may say no more from then on") {
    saving.clear(false);
    CHECK_FALSE(saving.kept());
    saving.save(saving.key(), 2, "[2]");
    CHECK_FALSE(saving.kept());
    saving.world.launched();
    saving.world.finish(saving.key(), Outcome::cancelled);
    CHECK_FALSE(saving.goes_on());
  }
}

TEST_CASE("who says a checkpoint is alive: its lease counts from then") {
  Saving saving;
  const Duration lease = saving.world.options.lease;
  saving.world.pass(lease - 1s);
  saving.save(saving.key(), 1, "[1]");
  saving.world.pass(2s);
  saving.world.step();
  CHECK(saving.world.state_of(saving.run, "a") == TaskState::running);
}

TEST_CASE("only the attempt that runs has a say; an old one is acknowledged all the same") {
  Saving saving;
  const AttemptKey old = saving.key();
  saving.save(old, 1, "[1]");
  saving.fail();
  REQUIRE(saving.key().fence > old.fence);
  const Effects late = saving.save(old, 2, "[2]");
  REQUIRE(late.acks.size() == 1);
  CHECK(late.changes.checkpoints.empty());
  CHECK(saving.kept() == "[1]");
  CHECK(saving.save(saving.key(), 3, "").acks.size() == 1);  // unfit
  CHECK(saving.kept() == "[1]");
}

}  // namespace
}  // namespace batuta
