// Edges that random histories reach seldom: each of these has let a wrong core pass the simulator.
#include "tests/core/support.h"

namespace batuta {
namespace {

using namespace testing;

std::string run_id(const World& world, RunSeq run) {
  return world.ledger.runs.at(run).run.dag_run_id;
}

TEST_CASE("an interval may be a single moment") {
  World world;
  world.add(chain("dag", 1));
  RunRequested event;
  event.request = 7;
  event.dag_id = "dag";
  event.dag_run_id = "moment";
  event.data_interval_start = event.data_interval_end = at("2026-01-02T00:00:00Z");
  const Reply reply = world.ask(event);
  REQUIRE(reply.code == Errc::ok);
  CHECK(reply.run->data_interval_start == reply.run->data_interval_end);
  event.dag_run_id = "conf";
  event.data_interval_start = event.data_interval_end = {};
  event.conf_start = event.conf_end = at("2026-01-02T00:00:00Z");
  event.uuid.bytes[0] = 9;
  CHECK(world.ask(event).code == Errc::ok);
  event.dag_run_id = "backwards";
  event.conf_end = at("2026-01-01T23:59:59Z");
  CHECK(world.ask(event).code == Errc::invalid);
}

TEST_CASE("the result of a success that its own turn takes back is not stored") {
  World world;
  world.add(chain("dag", 2));
  world.join("a", 1);
  const RunSeq run = world.trigger("dag");
  const AttemptKey key = world.attempt(run, "t0");
  world.start(key);
  Finished report = finished(key, Outcome::success, world.now.wall, world.now.wall);
  report.result_json = "1";
  ClearRequested clear;
  clear.request = 7;
  clear.dag_id = "dag";
  clear.dag_run_id = run_id(world, run);
  clear.task_ids = {"t0"};
  clear.only_failed = false;
  clear.dry_run = false;
  const Effects effects = world.step({AttemptFinished{1, report}, clear});
  REQUIRE(effects.replies.size() == 1);
  CHECK(effects.replies[0].code == Errc::ok);
  CHECK(effects.changes.xcoms.empty());
  CHECK(world.ledger.xcoms.empty());
  CHECK(world.state_of(run, "t0") == TaskState::queued);
}

TEST_CASE("the scheduler's own stall gives a cancelled attempt as much longer") {
  World world;
  world.add(chain("dag", 1));
  const WorkerId worker = world.join("a", 1);
  const RunSeq run = world.trigger("dag");
  world.start(world.attempt(run, "t0"), worker);
  RunStateRequested cancel;
  cancel.request = 7;
  cancel.dag_id = "dag";
  cancel.dag_run_id = run_id(world, run);
  REQUIRE(world.ask(cancel).code == Errc::ok);
  REQUIRE(world.last.cancels.size() == 1);
  world.pass(25s);
  world.step({Stalled{25s}, WorkerHeartbeat{worker}});
  CHECK(world.state_of(run, "t0") == TaskState::running);
  world.live(18s);
  CHECK(world.state_of(run, "t0") == TaskState::running);
  world.live(2s);
  CHECK(world.state_of(run, "t0") == TaskState::failed);
}

TEST_CASE("an end that is reported before its start is the start") {
  World world;
  world.add(chain("dag", 1));
  world.join("a", 1);
  const RunSeq run = world.trigger("dag");
  const AttemptKey key = world.attempt(run, "t0");
  world.start(key);
  world.finish(key, Outcome::success, 1,
               [&](Finished& report) { report.ended = *world.row(run, "t0").start_date - 5s; });
  CHECK(world.row(run, "t0").end_date == world.row(run, "t0").start_date);
}

TEST_CASE("what a run that is deleted in the same turn would have told is not told") {
  World world;
  world.add(DagMaker("dag")
                .task("t", {},
                      [](Task& t) {
                        t.notifiers = {{AlertOn::failure, "slack"}};
                      })
                .make());
  world.join("a", 1);
  const auto mark_ended_run = [&](bool delete_it) {
    const RunSeq run = world.trigger("dag");
    world.finish(world.attempt(run, "t"));
    MarkRequested mark;
    mark.request = 7;
    mark.dag_id = "dag";
    mark.dag_run_id = run_id(world, run);
    mark.task_id = "t";
    mark.state = TaskState::failed;
    RunDeleted gone;
    gone.request = 8;
    gone.dag_id = mark.dag_id;
    gone.dag_run_id = mark.dag_run_id;
    std::vector<Event> events{mark};
    if (delete_it) events.emplace_back(gone);
    return world.step(std::move(events));
  };
  CHECK(mark_ended_run(false).alerts.size() == 1);
  const Effects deleted = mark_ended_run(true);
  REQUIRE(deleted.replies.size() == 2);
  CHECK(deleted.replies[0].code == Errc::ok);
  CHECK(deleted.replies[1].code == Errc::ok);
  CHECK(deleted.alerts.empty());
  CHECK(deleted.changes.runs_deleted.size() == 1);
}

TEST_CASE("outbox rows and publications draw from one sequence, also after a restart") {
  const auto next_after = [](std::int64_t outbox, std::int64_t publication) {
    StoredState stored;
    stored.last_outbox = outbox;
    stored.last_publication = publication;
    return restore(std::move(stored), {}, {}).take_outbox_id();
  };
  CHECK(next_after(3, 10) == 11);
  CHECK(next_after(10, 3) == 11);
}

TEST_CASE("a start date beyond the cursor holds the schedule, one before it repeats nothing") {
  const auto hourly = [](const char* version, const char* start) {
    return DagMaker("dag")
        .task("t", {}, [](Task& t) { t.plugin = "empty"; })
        .with([&](Dag& d) {
          d.version = version;
          d.schedule.kind = Timetable::Kind::cron;
          d.schedule.cron = *parse_cron("@hourly");
          d.catchup = true;
          d.start_date = at(start);
        })
        .make();
  };
  World world;
  world.now.wall = at("2026-03-10T12:30:00Z");
  world.add(hourly("v1", "2026-03-10T12:00:00Z"));
  REQUIRE(world.ledger.runs.size() == 1);
  world.tell(DagsChanged{{hourly("v2", "2026-03-10T10:00:00Z")}, {}});
  CHECK(world.ledger.runs.size() == 1);
  CHECK(world.last.wake_at == at("2026-03-10T13:00:00Z"));
  world.tell(DagsChanged{{hourly("v3", "2026-03-10T15:30:00Z")}, {}});
  CHECK(world.last.wake_at == at("2026-03-10T16:00:00Z"));
}

}  // namespace
}  // namespace batuta
