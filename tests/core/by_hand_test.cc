// What people take away, set and name as a whole: DAGs, task instances, XComs, marks of all
// instances; and what the event log keeps of before and after.
#include "tests/core/support.h"

namespace batuta::testing {
namespace {

std::shared_ptr<const Dag> two() {
  return DagMaker("dag")
      .task("a")
      .task("b", {"a"})
      .with([](Dag& dag) { dag.max_active_runs = 1; })
      .make();
}

std::string id_of(const World& world, RunSeq run) {
  return world.ledger.runs.at(run).run.dag_run_id;
}

// Its first run has ended.
struct Ended {
  World world;
  RunSeq run{};
  Ended() {
    world.add(two());
    world.join("agent", 4);
    run = world.trigger("dag");
    world.run_all();
    REQUIRE(world.run_state(run) == DagRunState::success);
  }
  void forget() {
    world.step();
    world.step();
    REQUIRE(world.state.run(run) == nullptr);
  }
  DagDeleted deletion(std::int64_t some = 0) { return {7, "dag", "ana", some}; }
  template <class E>
  E of_task(const std::string& task) {
    E event;
    event.request = 7;
    event.dag_id = "dag";
    event.dag_run_id = id_of(world, run);
    event.task_id = task;
    event.user = "ana";
    return event;
  }
  XcomEdited xcom(XcomEdited::Kind kind, const std::string& key = "k") {
    auto event = of_task<XcomEdited>("a");
    event.instance = {run, 0, unmapped};
    event.key = key;
    event.kind = kind;
    event.value_json = "1";
    event.stored = world.ledger.runs.at(run);
    return event;
  }
};

}  // namespace

TEST_CASE("a deleted DAG takes its runs along, and comes back when its file is read again") {
  Ended ended;
  World& world = ended.world;
  ended.forget();
  const RunSeq waiting =
      world.trigger("dag", [](RunRequested& r) { r.run_after = at("2030-01-01T00:00:00Z"); });
  REQUIRE(world.run_state(waiting) == DagRunState::queued);
  CHECK(world.ask(ended.deletion()).code == Errc::ok);
  CHECK(world.ledger.dags.empty());
  CHECK(world.ledger.runs.empty());
  CHECK(world.state.dag_row("dag") == nullptr);
  CHECK(world.ledger.events.back().event == "delete_dag");
  CHECK(world.ask(ended.deletion()).code == Errc::not_found);
  CHECK(world.ask(PauseRequested{0, "dag", true, "ana"}).code == Errc::not_found);
  world.step();
  world.restart();
  CHECK(world.state.dag_rows().empty());
  world.add(two());
  world.join("agent", 4);
  CHECK(world.run_state(world.trigger("dag")) == DagRunState::running);
}

TEST_CASE("a DAG is not deleted while a run of it is running") {
  Ended ended;
  World& world = ended.world;
  const RunSeq running = world.trigger("dag");
  const Reply reply = world.ask(ended.deletion());
  CHECK(reply.code == Errc::conflict);
  CHECK(reply.message.find(id_of(world, running)) != std::string::npos);
  CHECK(world.last.changes.empty());
  CHECK(world.ask(ended.deletion(5)).code == Errc::conflict);
  CHECK(world.ledger.runs.size() == 2);
  world.run_all();
  CHECK(world.ask(ended.deletion()).code == Errc::ok);
}

TEST_CASE("a long history goes in several turns, the DAG with the last of them") {
  Ended ended;
  World& world = ended.world;
  ended.forget();
  for (int i = 0; i < 4; ++i) {
    world.trigger("dag");
    world.run_all();
  }
  world.step();
  world.step();
  REQUIRE(world.ledger.runs.size() == 5);
  CHECK(world.ask(ended.deletion(2)).code == Errc::ok);
  CHECK(world.ledger.runs.size() == 3);
  CHECK(world.state.dag_row("dag") != nullptr);
  CHECK(world.ask(ended.deletion()).code == Errc::ok);
  CHECK(world.ledger.runs.empty());
}

TEST_CASE("what was read before a deletion in the same turn is not gone on with") {
  for (const std::int64_t some : {0, 1}) {
    Ended ended;
    World& world = ended.world;
    const StoredRun stored = world.ledger.runs.at(ended.run);
    ended.forget();
    auto note = ended.of_task<NoteSet>("a");
    note.request = 8;
    note.stored = stored;
    RunRequested more;
    more.request = 9;
    more.dag_id = "dag";
    more.uuid.bytes[0] = 9;
    const Effects effects =
        world.step({ended.deletion(some), note, more, PauseRequested{10, "dag", true, "ana"},
                    DagsChanged{{two()}, {}}});
    CHECK(effects.replies.at(0).code == Errc::ok);
    CHECK(effects.replies.at(1).code == Errc::not_found);
    CHECK(effects.replies.at(2).code == (some > 0 ? Errc::ok : Errc::not_found));
    CHECK(world.ledger.dags.size() == (some > 0 ? 1 : 0));
    world.step();
  }
}

TEST_CASE("a task instance that is taken out of its run is removed, and a clear brings it back") {
  Ended ended;
  World& world = ended.world;
  world.ledger.xcoms[{ended.run, 1, unmapped}] = "1";
  ended.forget();
  auto event = ended.of_task<InstanceDeleted>("b");
  event.stored = world.ledger.runs.at(ended.run);
  CHECK(world.ask(event).code == Errc::ok);
  CHECK(world.state_of(ended.run, "b") == TaskState::removed);
  CHECK(world.ledger.xcoms.empty());
  CHECK(world.ledger.events.back().extra_json == R"({"before":{"b":"success"},"after":"removed"})");
  CHECK(world.ask(event).code == Errc::not_found);
  ClearRequested clear;
  clear.dag_id = "dag";
  clear.dag_run_id = event.dag_run_id;
  clear.only_failed = false;
  clear.dry_run = false;
  clear.stored = world.ledger.runs.at(ended.run);
  CHECK(world.ask(clear).tasks.size() == 2);
  world.run_all();
  CHECK(world.state_of(ended.run, "b") == TaskState::success);
}

TEST_CASE("what runs is not taken out of its run; what waits is, and its run goes on without it") {
  World world;
  world.add(two());
  world.join("agent", 4);
  const RunSeq run = world.trigger("dag");
  InstanceDeleted event;
  event.dag_id = "dag";
  event.dag_run_id = id_of(world, run);
  event.task_id = "a";
  CHECK(world.ask(event).code == Errc::conflict);
  event.task_id = "b";
  CHECK(world.ask(event).code == Errc::ok);
  world.run_all();
  CHECK(world.run_state(run) == DagRunState::success);
  CHECK(world.state_of(run, "b") == TaskState::removed);
}

TEST_CASE(
    "an XCom by hand is made once, changed and removed when it is there, and told to nobody else") {
  Ended ended;
  World& world = ended.world;
  using Kind = XcomEdited::Kind;
  CHECK(world.ask(ended.xcom(Kind::create)).code == Errc::ok);
  REQUIRE(world.last.changes.xcoms.size() == 1);
  CHECK(world.last.results_edited == std::vector{ended.run});
  CHECK(world.ledger.events.back().event == "post_xcom");
  CHECK(world.ledger.events.back().extra_json == R"({"key":"k"})");
  auto again = ended.xcom(Kind::create);
  again.exists = true;  // as the store says
  CHECK(world.ask(again).code == Errc::conflict);
  CHECK(world.ask(ended.xcom(Kind::change)).code == Errc::not_found);
  CHECK(world.ask(ended.xcom(Kind::remove)).code == Errc::not_found);
  auto gone = ended.xcom(Kind::remove);
  gone.exists = true;
  CHECK(world.ask(gone).code == Errc::ok);
  CHECK(world.last.changes.xcoms_deleted.size() == 1);
  auto other = ended.xcom(Kind::create);
  other.instance.task = 1;  // the door saw another
  CHECK(world.ask(other).code == Errc::not_found);
}

TEST_CASE("XComs by hand in one turn see each other") {
  Ended ended;
  using Kind = XcomEdited::Kind;
  auto removed = ended.xcom(Kind::remove);
  removed.exists = true;
  const Effects effects = ended.world.step({ended.xcom(Kind::create), ended.xcom(Kind::create),
                                            ended.xcom(Kind::change), ended.xcom(Kind::remove),
                                            removed, ended.xcom(Kind::create, "other")});
  const std::vector<Errc> codes{Errc::ok, Errc::conflict,  Errc::ok,
                                Errc::ok, Errc::not_found, Errc::ok};
  for (std::size_t i = 0; i < codes.size(); ++i) CHECK(effects.replies.at(i).code == codes[i]);
  REQUIRE(effects.changes.xcoms.size() == 1);
  CHECK(effects.changes.xcoms[0].key == "other");
}

TEST_CASE("a mark and a note of a mapped task without an index are those of all its instances") {
  World world;
  world.add(DagMaker("dag")
                .task("a")
                .task("b", {"a"}, [](Task& task) { task.expand_json = "{}"; })
                .make());
  world.join("agent", 8);
  const RunSeq run = world.trigger("dag");
  world.finish(world.attempt(run, "a"));
  world.tell(TaskExpanded{run, 1, 3, {}, {}});
  world.run_all();
  MarkRequested event;
  event.dag_id = "dag";
  event.dag_run_id = id_of(world, run);
  event.task_id = "b";
  event.state = TaskState::failed;
  event.all_instances = true;
  event.note = "why";
  CHECK(world.ask(event).tasks.size() == 3);
  for (const int n : {0, 1, 2}) {
    CHECK(world.state_of(run, "b", MapIndex{n}) == TaskState::failed);
    CHECK(world.row(run, "b", MapIndex{n}).note == "why");
  }
  CHECK(world.ledger.events.back().extra_json ==
        R"({"before":{"b[0]":"success","b[1]":"success","b[2]":"success"},"after":"failed"})");
  event.note = "never";
  event.stored = world.ledger.runs.at(run);
  const Reply again = world.ask(event);
  CHECK(again.code == Errc::conflict);
  CHECK(again.message == "Task id b is already in failed state");
  CHECK(world.last.changes.empty());
  event.dry_run = true;
  event.stored = world.ledger.runs.at(run);
  CHECK(world.ask(event).tasks.size() == 3);
  event.dry_run = false;
  NoteSet note;
  note.dag_id = "dag";
  note.dag_run_id = event.dag_run_id;
  note.task_id = "b";
  note.note = "all";
  note.stored = world.ledger.runs.at(run);
  note.all_instances = true;
  world.ask(note);
  CHECK(world.row(run, "b", MapIndex{2}).note == "all");
  event.all_instances = false;
  CHECK(world.ask(event).code == Errc::not_found);
}

TEST_CASE("the event log names fifty changed instances, and counts the others by their state") {
  World world;
  world.add(fan("dag", 60));
  world.join("agent", 60);
  const RunSeq run = world.trigger("dag");
  world.run_all();
  ClearRequested clear;
  clear.dag_id = "dag";
  clear.dag_run_id = id_of(world, run);
  clear.only_failed = false;
  clear.dry_run = false;
  clear.run_note = "again \"now\"\n";
  CHECK(world.ask(clear).code == Errc::ok);
  CHECK(world.ledger.runs.at(run).run.note == "again \"now\"\n");
  const std::string extra = world.ledger.events.back().extra_json;
  CHECK(extra.starts_with(R"({"before":{"t0":"success",)"));
  CHECK(extra.ends_with(R"(},"more":{"success":10},"after":"none"})"));
}

TEST_CASE("a clear of what only the newest version has finds nothing, and may leave a note") {
  Ended ended;
  ClearRequested clear;
  clear.dag_id = "dag";
  clear.dag_run_id = id_of(ended.world, ended.run);
  clear.only_failed = false;
  clear.dry_run = false;
  clear.only_new = true;
  clear.run_note = "looked";
  CHECK(ended.world.ask(clear).tasks.empty());
  CHECK(ended.world.run_state(ended.run) == DagRunState::success);
  CHECK(ended.world.ledger.runs.at(ended.run).run.note == "looked");
}

TEST_CASE("runs of several DAGs are cleared by one request, or none of them is") {
  World world;
  world.join("agent", 4);
  std::vector<RunSeq> runs;
  for (const std::string id : {"one", "two"}) {
    world.add(chain(id, 1));
    runs.push_back(world.trigger(id));
  }
  world.run_all();
  ClearRequested clear;
  clear.dag_id = "one";
  clear.dag_run_id = id_of(world, runs[0]);
  clear.only_failed = false;
  clear.dry_run = false;
  clear.more_runs.push_back({id_of(world, runs[1]), {}, "two"});
  clear.more_runs.push_back({"none", {}, "two"});
  CHECK(world.ask(clear).code == Errc::not_found);
  CHECK(world.run_state(runs[0]) == DagRunState::success);
  clear.more_runs.pop_back();
  clear.stored = world.ledger.runs.at(runs[0]);
  clear.more_runs[0].stored = world.ledger.runs.at(runs[1]);
  CHECK(world.ask(clear).tasks.size() == 2);
  for (const RunSeq run : runs) CHECK(world.run_state(run) == DagRunState::running);
}

TEST_CASE("a pause of several DAGs is one change, and the event log says what it was before") {
  World world;
  for (const std::string id : {"one", "two", "three"}) world.add(chain(id, 1), id == "two");
  const auto before = world.ledger.events.size();
  world.tell(PauseRequested{0, "one", true, "ana", {"two", "gone", "three"}});
  CHECK(world.last.changes.dags.size() == 2);
  for (const auto& [id, row] : world.ledger.dags) CHECK(row.is_paused);
  const auto& events = world.ledger.events;
  CHECK(events.size() == before + 2);
  CHECK(events.back().extra_json == R"({"before":{"is_paused":false},"after":{"is_paused":true}})");
}

TEST_CASE("the state and the note of a run are set in one turn, and a refusal sets neither") {
  Ended ended;
  RunStateRequested event;
  event.dag_id = "dag";
  event.dag_run_id = id_of(ended.world, ended.run);
  event.state = DagRunState::failed;
  event.note = "bad data";
  CHECK(ended.world.ask(event).run->note == "bad data");
  CHECK(ended.world.ledger.events.back().extra_json == R"({"before":"success","after":"failed"})");
  event.state = DagRunState::running;
  event.note = "never";
  CHECK(ended.world.ask(event).code == Errc::invalid);
  CHECK(ended.world.ledger.runs.at(ended.run).run.note == "bad data");
}

}  // namespace batuta::testing
