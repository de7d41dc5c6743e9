// Clear, mark, cancel: what people do to tasks and runs.
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
  event.dag_id = world.ledger.runs.at(run).run.dag_id;
  event.dag_run_id = run_id(world, run);
  event.task_ids = std::move(ids);
  event.only_failed = false;
  event.dry_run = false;
  event.user = "ana";
  event.stored = world.ledger.runs.at(run);  // used only when the run has left memory
  return event;
}

RunStateRequested set_state(const World& world, RunSeq run, DagRunState state) {
  RunStateRequested event;
  event.dag_id = world.ledger.runs.at(run).run.dag_id;
  event.dag_run_id = run_id(world, run);
  event.state = state;
  event.user = "ana";
  return event;
}

MarkRequested mark_of(const World& world, RunSeq run, const std::string& task, TaskState state) {
  MarkRequested event;
  event.dag_id = world.ledger.runs.at(run).run.dag_id;
  event.dag_run_id = run_id(world, run);
  event.task_id = task;
  event.state = state;
  event.user = "ana";
  event.stored = world.ledger.runs.at(run);
  return event;
}

// A chain of three whose middle task failed.
struct Failed {
  World world;
  RunSeq run{};
  Failed() {
    world.add(DagMaker("dag")
                  .task("a")
                  .task("b", {"a"},
                        [](Task& t) {
                          t.retry = {1, 0s, 0, {}};
                        })
                  .task("c", {"b"})
                  .make());
    world.join("w", 4);
    run = world.trigger("dag");
    world.finish(world.attempt(run, "a"));
    for (int i = 0; i < 2; ++i) {
      world.start(world.attempt(run, "b"));
      world.finish(world.attempt(run, "b"), Outcome::failed);  // its delay is zero: again at once
    }
    REQUIRE(world.run_state(run) == DagRunState::failed);
    world.launched();
  }
  void forget() {  // out of memory, as after two more turns
    world.step();
    world.step();
    REQUIRE(world.state.run(run) == nullptr);
  }
};

TEST_CASE("a dry run of a clear shows what would be touched and changes nothing") {
  Failed failed;
  ClearRequested event = clear_of(failed.world, failed.run);
  event.dry_run = true;
  event.only_failed = true;
  const Reply reply = failed.world.ask(event);
  REQUIRE(reply.tasks.size() == 2);
  CHECK(reply.tasks[0].state == TaskState::failed);
  CHECK(reply.tasks[1].state == TaskState::upstream_failed);
  CHECK(failed.world.last.changes.empty());
}

TEST_CASE("a cleared run runs again from what failed, its history kept, its budgets new") {
  Failed failed;
  World& world = failed.world;
  ClearRequested event = clear_of(world, failed.run);
  event.only_failed = true;
  CHECK(world.ask(event).code == Errc::ok);
  CHECK(world.run_state(failed.run) == DagRunState::running);
  CHECK(world.ledger.runs.at(failed.run).run.clear_number == 1);
  CHECK(world.state_of(failed.run, "a") == TaskState::success);
  const TaskInstanceRow& row = world.row(failed.run, "b");
  CHECK(row.state == TaskState::queued);
  CHECK(row.try_number == 3);
  CHECK(row.max_tries == 3);  // two tries before, one retry again
  CHECK(row.failures == 0);
  CHECK(world.ledger.archived.size() == 2);
  CHECK(world.ledger.archived.back().row.state == TaskState::failed);
  world.run_all();
  CHECK(world.run_state(failed.run) == DagRunState::success);
}

TEST_CASE("a run that has left memory is cleared from what the store has") {
  Failed failed;
  failed.forget();
  ClearRequested event = clear_of(failed.world, failed.run, {"b"});
  event.stored.reset();
  CHECK(failed.world.ask(event).code == Errc::not_found);
  event.stored = failed.world.ledger.runs.at(failed.run);
  event.include_downstream = true;
  const Reply reply = failed.world.ask(event);
  CHECK(reply.code == Errc::ok);
  CHECK(reply.tasks.size() == 2);
  failed.world.run_all();
  CHECK(failed.world.run_state(failed.run) == DagRunState::success);
}

TEST_CASE("clearing without resetting the run leaves the run as it is") {
  Failed failed;
  ClearRequested event = clear_of(failed.world, failed.run, {"b"});
  event.reset_dag_runs = false;
  failed.world.ask(event);
  CHECK(failed.world.run_state(failed.run) == DagRunState::failed);
  CHECK(failed.world.state_of(failed.run, "b") == TaskState::none);
  failed.forget();
}

TEST_CASE("a running task that is cleared is ended first, then runs again") {
  World world;
  world.add(chain("dag", 2));
  world.join("w", 2);
  const RunSeq run = world.trigger("dag");
  const AttemptKey old = world.attempt(run, "t0");
  world.start(old);
  world.launched();
  world.ask(clear_of(world, run, {"t0"}));
  REQUIRE(world.last.cancels.size() == 1);
  CHECK(world.state_of(run, "t0") == TaskState::running);
  CHECK(world.launched().empty());
  world.finish(old, Outcome::cancelled);
  CHECK(world.state_of(run, "t0") == TaskState::queued);
  CHECK(world.row(run, "t0").try_number == 2);
  REQUIRE(world.ledger.archived.size() == 1);
  CHECK(world.alerts.empty());
}

TEST_CASE("a launched task that is cleared is recalled; told too late, it is cancelled") {
  World world;
  world.add(chain("dag", 1));
  world.join("w", 2);
  const RunSeq run = world.trigger("dag");
  const AttemptKey key = world.attempt(run, "t0");
  world.ask(clear_of(world, run, {"t0"}));
  CHECK(world.last.recalls.size() == 1);
  CHECK(world.last.cancels.empty());
  world.start(key);
  CHECK(world.last.cancels.size() == 1);
  world.finish(key);  // even a success is not what was asked for any more
  CHECK(world.attempt(run, "t0").fence == key.fence + 1);
}

TEST_CASE("clearing twice a task that never ran again archives its try once") {
  Failed failed;
  World& world = failed.world;
  world.ask(PauseRequested{0, "dag", true});
  world.ask(clear_of(world, failed.run, {"b"}));
  world.ask(clear_of(world, failed.run, {"b"}));  // the ledger refuses a double
  world.ask(mark_of(world, failed.run, "b", TaskState::success));
  world.ask(clear_of(world, failed.run, {"b"}));
  CHECK(world.ledger.archived.size() == 2);
}

TEST_CASE("the filters of a clear: only failed, only running, up and down") {
  Failed failed;
  World& world = failed.world;
  const auto touched = [&](ClearRequested event) {
    event.dry_run = true;
    std::string names;
    for (const auto& row : world.ask(event).tasks) names += "abc"[row.task];
    return names;
  };
  ClearRequested event = clear_of(world, failed.run, {"b"});
  CHECK(touched(event) == "b");
  event.include_downstream = true;
  CHECK(touched(event) == "bc");
  event.include_upstream = true;
  CHECK(touched(event) == "abc");
  event.only_failed = true;
  CHECK(touched(event) == "bc");
  event.only_failed = false;
  event.only_running = true;
  CHECK(touched(event) == "");
  event.task_ids = {"nobody"};
  CHECK(world.ask(event).code == Errc::not_found);
}

TEST_CASE("a cancelled run skips what waits, ends what runs, then fails") {
  World world;
  world.add(fan("dag", 4));
  world.join("w", 2);
  const RunSeq run = world.trigger("dag");
  const auto launched = world.launched();
  world.start(launched[0].key);
  const Reply reply = world.ask(set_state(world, run, DagRunState::failed));
  CHECK(reply.code == Errc::ok);
  CHECK(world.last.cancels.size() == 1);
  CHECK(world.last.recalls.size() == 1);
  CHECK(world.state_of(run, "t2") == TaskState::skipped);
  CHECK(world.run_state(run) == DagRunState::running);
  world.tell(AttemptRecalled{1, launched[1].key});
  CHECK(world.state_of(run, "t1") == TaskState::skipped);
  CHECK(world.run_state(run) == DagRunState::running);
  world.finish(launched[0].key, Outcome::cancelled);
  CHECK(world.state_of(run, "t0") == TaskState::failed);
  CHECK(world.run_state(run) == DagRunState::failed);
  CHECK(world.ledger.runs.at(run).run.reason == "cancelled by ana");
}

TEST_CASE("a cancelled run overrules a clear that was still waiting for its attempt") {
  World world;
  world.add(chain("dag", 2));
  world.join("w", 1);
  const RunSeq run = world.trigger("dag");
  const AttemptKey key = world.attempt(run, "t0");
  world.start(key);
  world.ask(clear_of(world, run, {"t0"}));
  world.ask(set_state(world, run, DagRunState::failed));
  world.finish(key, Outcome::cancelled);
  CHECK(world.state_of(run, "t0") == TaskState::failed);
  CHECK(world.run_state(run) == DagRunState::failed);
}

TEST_CASE("a cancel survives a restart and a worker that was away meanwhile") {
  World world;
  world.add(chain("dag", 2));
  const WorkerId worker = world.join("a", 1);
  const RunSeq run = world.trigger("dag");
  const AttemptKey key = world.attempt(run, "t0");
  world.start(key, worker);
  world.tell(WorkerLost{worker, false});
  world.ask(set_state(world, run, DagRunState::failed));
  CHECK(world.last.cancels.empty());
  world.restart();
  const WorkerId again = world.join("a", 1, {"mock"}, {{key, world.now.wall, "s"}});
  REQUIRE(world.last.cancels.size() == 1);
  CHECK(world.last.cancels[0].worker == again);
  world.finish(key, Outcome::cancelled, again);
  CHECK(world.run_state(run) == DagRunState::failed);
}

TEST_CASE("a run set to success ends its attempts and counts them as success") {
  World world;
  world.add(chain("dag", 3));
  world.join("w", 2);
  const RunSeq run = world.trigger("dag");
  const AttemptKey key = world.attempt(run, "t0");
  world.start(key);
  world.ask(set_state(world, run, DagRunState::success));
  CHECK(world.state_of(run, "t2") == TaskState::skipped);
  world.finish(key, Outcome::cancelled);
  CHECK(world.state_of(run, "t0") == TaskState::success);
  CHECK(world.run_state(run) == DagRunState::success);
  CHECK(world.alerts.empty());
}

TEST_CASE("a run set to queued is judged again, and nothing that has ended runs again") {
  Failed failed;
  const AttemptKey before = failed.world.attempt(failed.run, "b");
  CHECK(failed.world.ask(set_state(failed.world, failed.run, DagRunState::queued)).code ==
        Errc::ok);
  CHECK(failed.world.launched().empty());
  CHECK(failed.world.attempt(failed.run, "b") == before);
  CHECK(failed.world.state_of(failed.run, "a") == TaskState::success);
  CHECK(failed.world.state_of(failed.run, "c") == TaskState::upstream_failed);
  CHECK(failed.world.run_state(failed.run) == DagRunState::failed);
}

TEST_CASE("a running run set to queued goes on") {
  World world;
  world.add(chain("dag", 2));
  world.join("w", 1);
  const RunSeq run = world.trigger("dag");
  const AttemptKey key = world.attempt(run, "t0");
  world.start(key);
  CHECK(world.ask(set_state(world, run, DagRunState::queued)).code == Errc::ok);
  CHECK(world.last.cancels.empty());
  CHECK(world.state_of(run, "t0") == TaskState::running);
  world.finish(key);
  CHECK(world.state_of(run, "t1") == TaskState::queued);
}

TEST_CASE("a mark changes what it names, and the run is judged by its leaves again") {
  Failed failed;
  World& world = failed.world;
  failed.forget();
  world.pass(3h);
  MarkRequested event = mark_of(world, failed.run, "b", TaskState::success);
  event.stored = world.ledger.runs.at(failed.run);
  const Reply reply = world.ask(event);
  REQUIRE(reply.tasks.size() == 1);
  CHECK(reply.tasks[0].state == TaskState::failed);
  CHECK(world.state_of(failed.run, "b") == TaskState::success);
  CHECK(world.row(failed.run, "b").end_date == reply.tasks[0].end_date);  // it worked no longer
  CHECK(world.state_of(failed.run, "c") == TaskState::upstream_failed);
  CHECK(world.launched().empty());
  CHECK(world.run_state(failed.run) == DagRunState::failed);
}

TEST_CASE("a running task marked failed is ended first; what follows then judges it") {
  World world;
  world.add(chain("dag", 2));
  world.join("w", 1);
  const RunSeq run = world.trigger("dag");
  const AttemptKey key = world.attempt(run, "t0");
  world.start(key);
  world.ask(mark_of(world, run, "t0", TaskState::failed));
  CHECK(world.state_of(run, "t0") == TaskState::running);
  world.finish(key, Outcome::cancelled);
  CHECK(world.state_of(run, "t0") == TaskState::failed);
  CHECK(world.state_of(run, "t1") == TaskState::upstream_failed);
}

TEST_CASE("a refusal of a field names it, and no other refusal names one") {
  World world;
  world.add(chain("dag", 1));
  const auto where = [&](Event event) {
    const Reply reply = world.ask(std::move(event));
    CHECK((reply.code == Errc::invalid) == !reply.where.empty());
    return reply.where;
  };
  RunRequested event;
  event.dag_id = "dag";
  event.dag_run_id = "a b";
  CHECK(where(event) == "/dag_run_id");
  event.dag_run_id = "x";
  event.data_interval_start = at("2026-01-02T00:00:00Z");
  CHECK(where(event) == "/data_interval_start");
  event.data_interval_end = at("2026-01-01T00:00:00Z");
  CHECK(where(event) == "/data_interval_end");
  event.data_interval_end = event.data_interval_start = std::nullopt;
  event.idempotency_key = "k";
  CHECK(where(event).empty());
  event.request_digest = "other";
  CHECK(where(event) == "header.Idempotency-Key");
  const RunSeq run = world.trigger("dag");
  CHECK(where(set_state(world, run, DagRunState::running)) == "/state");
  CHECK(where(mark_of(world, run, "t0", TaskState::queued)) == "/new_state");
  CHECK(where(PoolSet{0, {"p", -2, ""}, false}) == "/slots");
  CHECK(where(PoolSet{0, {"../p", 1, ""}, false}) == "/name");
  event.idempotency_key.clear();
  CHECK(where(event).empty());  // the id is taken: a conflict
  event.dag_id = "nobody";
  CHECK(where(event).empty());
}

TEST_CASE(
    "a task id that there is not is answered with the near one, wherever a request names it") {
  World world;
  world.add(chain("dag", 1));
  world.join("w", 1);
  const std::string near = "; did you mean \"t0\"?";
  const auto message = [&](Event event) { return world.ask(std::move(event)).message; };
  RunRequested only;
  only.dag_id = "dag";
  only.dag_run_id = "x";
  only.only = {"to"};
  CHECK(message(only) == "the DAG has no task 'to'" + near);
  const RunSeq run = world.trigger("dag");
  world.run_all();
  ClearRequested clear = clear_of(world, run, {"T0"});
  CHECK(message(clear) == "no task 'T0' in this run" + near);
  clear.on_latest_version = true;
  CHECK(message(clear) == "no task 'T0' in the newest version of the DAG" + near);
  CHECK(message(mark_of(world, run, "t00", TaskState::failed)) == "no task instance 't00'" + near);
  // None is near, or it is the instance that there is not.
  CHECK(message(clear_of(world, run, {"nobody"})) == "no task 'nobody' in this run");
  MarkRequested seventh = mark_of(world, run, "t0", TaskState::failed);
  seventh.map_index = MapIndex{7};
  CHECK(message(seventh) == "no task instance 't0'");
}

TEST_CASE("only success, failed and skipped can be marked, and nothing of a run being ended") {
  World world;
  world.add(chain("dag", 2));
  world.join("w", 1);
  const RunSeq run = world.trigger("dag");
  world.start(world.attempt(run, "t0"));
  CHECK(world.ask(mark_of(world, run, "t0", TaskState::queued)).code == Errc::invalid);
  CHECK(world.ask(mark_of(world, run, "t9", TaskState::failed)).code == Errc::not_found);
  world.ask(set_state(world, run, DagRunState::failed));
  CHECK(world.ask(mark_of(world, run, "t0", TaskState::success)).code == Errc::conflict);
  CHECK(world.ask(clear_of(world, run, {"t0"})).code == Errc::conflict);
  CHECK(world.ask(set_state(world, run, DagRunState::queued)).code == Errc::conflict);
}

TEST_CASE("a mark over several runs marks all of them or none") {
  World world;
  world.add(chain("dag", 2));
  world.join("w", 2);
  const RunSeq first = world.trigger("dag");
  const RunSeq second = world.trigger("dag");
  MarkRequested event = mark_of(world, first, "t1", TaskState::skipped);
  event.more_runs = {{run_id(world, second), {}}, {"nobody", {}}};
  CHECK(world.ask(event).code == Errc::not_found);
  CHECK(world.state_of(first, "t1") == TaskState::none);
  event.more_runs.pop_back();
  const Reply reply = world.ask(event);
  REQUIRE(reply.tasks.size() == 2);
  CHECK(reply.tasks[1].run == second);
  CHECK(world.state_of(first, "t1") == TaskState::skipped);
  CHECK(world.state_of(second, "t1") == TaskState::skipped);
  CHECK(world.ledger.events.back().event == "mark");
  CHECK(world.ledger.events.back().dag_run_id == run_id(world, second));

  world.start(world.attempt(second, "t0"));
  world.ask(set_state(world, second, DagRunState::failed));
  event.state = TaskState::success;
  CHECK(world.ask(event).code == Errc::conflict);
  CHECK(world.state_of(first, "t1") == TaskState::skipped);
}

TEST_CASE("an ended run can be deleted, a running one cannot") {
  Failed failed;
  World& world = failed.world;
  RunDeleted event;
  event.dag_id = "dag";
  event.dag_run_id = run_id(world, failed.run);
  CHECK(world.ask(event).code == Errc::ok);
  CHECK(world.last.changes.runs_deleted.size() == 1);
  CHECK(world.last.changes.runs_updated.empty());
  // Nothing can be told of a run that is gone; who shows its DAG reads it again.
  REQUIRE(world.last.feed.size() == 1);
  CHECK(world.last.feed[0].kind == FeedItem::Kind::dag);
  CHECK(world.last.feed[0].dag_id == "dag");
  const RunSeq running = world.trigger("dag");
  event.dag_run_id = run_id(world, running);
  CHECK(world.ask(event).code == Errc::conflict);
}

TEST_CASE("a run deleted and cleared in one batch stays deleted") {
  Failed failed;
  World& world = failed.world;
  failed.forget();
  RunDeleted gone;
  gone.dag_id = "dag";
  gone.dag_run_id = run_id(world, failed.run);
  gone.stored = world.ledger.runs.at(failed.run);
  ClearRequested clear = clear_of(world, failed.run);
  clear.request = 9;
  const Effects effects = world.step({gone, clear});
  CHECK(effects.replies.at(0).code == Errc::not_found);
  CHECK(effects.changes.runs_deleted.size() == 1);
}

TEST_CASE("notes are kept on runs and tasks, and who wrote them is in the event log") {
  Failed failed;
  NoteSet note;
  note.user = "ana";
  note.dag_id = "dag";
  note.dag_run_id = run_id(failed.world, failed.run);
  note.note = "look at this";
  CHECK(failed.world.ask(note).run->note == "look at this");
  note.task_id = "b";
  failed.world.ask(note);
  CHECK(failed.world.row(failed.run, "b").note == "look at this");
  const EventLogRow row = failed.world.ledger.events.back();
  CHECK(row.event == "set_note");
  CHECK(row.owner == "ana");
  CHECK(row.task_id == "b");
  CHECK(row.extra_json == R"({"before":"","after":"look at this"})");
  note.note = "mended";
  failed.world.ask(note);
  CHECK(failed.world.ledger.events.back().extra_json ==
        R"({"before":"look at this","after":"mended"})");
  const auto before = failed.world.ledger.events.size();
  note.task_id = "nobody";
  CHECK(failed.world.ask(note).code == Errc::not_found);
  CHECK(failed.world.ledger.events.size() == before);
}

}  // namespace
}  // namespace batuta
