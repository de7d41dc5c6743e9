// Accept, publish, settle; windows, watermarks, control rows.
#include "tests/core/support.h"

namespace batuta {
namespace {

using namespace testing;

std::shared_ptr<const Dag> pipeline(const char* id = "dag") {
  return DagMaker(id)
      .task("load", {},
            [](Task& t) {
              t.is_data = true;
              t.overlap = 15min;
              t.retry = {2, 1s, 0, {}};
              t.params_json = R"({"tickers":["A"]})";
            })
      .task("next", {"load"})
      .make();
}

TableOutput output(const std::string& table, std::int64_t read_version, bool append = false) {
  return {table, append, read_version, "{}"};
}

Effects produce(World& world, RunSeq run, std::vector<TableOutput> outputs) {
  return world.finish(world.attempt(run, "load"), Outcome::success, 1, [&](Finished& report) {
    report.outputs = std::move(outputs);
    report.result_json = "{\"records\":2}";
    report.watermark_us = at("2026-03-10T11:30:00Z").time_since_epoch().count();
    report.records = 2;
    report.files_json = R"(["a.parquet","b.parquet"])";
    report.extra_json = R"({"quality":[{"rule":"r"}]})";
  });
}

struct Accepted {
  World world;
  RunSeq run{};
  AttemptKey key;
  Accepted() {
    world.add(pipeline());
    world.join("a", 2);
    run = world.trigger("dag");
    key = world.attempt(run, "load");
    world.start(key);
    produce(world, run, {output("quarantine/t", -1, true), output("silver/t", -1)});
    world.launched();
  }
};

TEST_CASE("accepted outputs free the slot, show nothing yet, and publish in listed order") {
  Accepted a;
  World& world = a.world;
  CHECK(world.state_of(a.run, "load") == TaskState::publishing);
  CHECK(world.state.worker_views().at(0).started == 0);
  CHECK(world.ledger.xcoms.empty());
  CHECK(world.ledger.watermarks.empty());
  CHECK(world.ledger.publications.size() == 2);
  CHECK(world.ledger.reports.at(a.key).report_json == R"({"quality":[{"rule":"r"}]})");
  CHECK(world.ledger.accepted.at(a.key).report.extra_json.empty());  // it is not written twice
  REQUIRE(world.ledger.outbox.size() == 1);
  CHECK(world.ledger.outbox.begin()->second.key == "quarantine/t");
  const std::int64_t first = world.ledger.outbox.begin()->second.publication;
  world.tell(PublicationSettled{first, 0});
  CHECK(world.state_of(a.run, "load") == TaskState::publishing);
  REQUIRE(world.ledger.outbox.size() == 1);
  CHECK(world.ledger.outbox.begin()->second.key == "silver/t");
  world.tell(PublicationSettled{world.ledger.outbox.begin()->first, 0});
  CHECK(world.state_of(a.run, "load") == TaskState::success);
  CHECK(world.state_of(a.run, "next") == TaskState::queued);
  CHECK(world.ledger.xcoms.size() == 1);
  CHECK(world.ledger.watermarks.size() == 1);
  CHECK(world.ledger.accepted.empty());
  CHECK(world.ledger.outbox.empty());
  CHECK(world.ledger.jobs.at(a.key).status == "success");
  CHECK(world.ledger.jobs.at(a.key).filename == R"(["a.parquet","b.parquet"])");
  CHECK(world.ledger.jobs.at(a.key).params_json == R"({"tickers":["A"]})");
}

TEST_CASE(
    "a run on a branch of the lake moves no watermark, makes no event and is no table's newest") {
  World world;
  world.add(pipeline());
  world.join("a", 2);
  const RunSeq run =
      world.trigger("dag", [](RunRequested& asked) { asked.branch = "fix/0123456789abcdef"; });
  CHECK(world.ledger.runs.at(run).run.branch == "fix/0123456789abcdef");
  world.start(world.attempt(run, "load"));
  produce(world, run, {output("silver/t", -1)});
  world.restart();
  world.tell(PublicationSettled{world.ledger.outbox.begin()->second.publication, 9});
  CHECK(world.state_of(run, "load") == TaskState::success);
  CHECK(world.last.changes.asset_events.empty());
  CHECK(world.last.changes.tables.empty());
  CHECK(world.ledger.watermarks.empty());
}

TEST_CASE(
    "on a branch of the lake neither the lake's versions nor its publications are a conflict") {
  World world;
  world.add(pipeline());
  world.join("a", 8);
  const auto on = [&](const char* branch) {
    return world.trigger("dag", [&](RunRequested& asked) { asked.branch = branch; });
  };
  const RunSeq lake = world.trigger("dag");
  produce(world, lake, {output("silver/t", -1)});
  world.tell(PublicationSettled{1, 7});  // the lake is two versions ahead of the branch's
  const RunSeq fix = on("fix/0123456789abcdef");
  produce(world, fix, {output("silver/t", 5)});
  CHECK(world.state_of(fix, "load") == TaskState::publishing);
  // Under way on one branch: refused there alone, and not again once it is settled.
  const RunSeq behind = on("fix/0123456789abcdef");
  produce(world, behind, {output("silver/t", 5)});
  CHECK(world.row(behind, "load").conflicts == 1);
  const RunSeq beside = on("other/0123456789abcdef");
  produce(world, beside, {output("silver/t", 5)});
  CHECK(world.state_of(beside, "load") == TaskState::publishing);
  const RunSeq next = world.trigger("dag");
  produce(world, next, {output("silver/t", 7)});
  CHECK(world.state_of(next, "load") == TaskState::publishing);
  // The lake's own are judged as ever.
  const RunSeq stale = world.trigger("dag");
  produce(world, stale, {output("silver/t", 7)});
  CHECK(world.row(stale, "load").conflicts == 1);
  for (int i = 0; i < 3; ++i) {
    REQUIRE(world.ledger.outbox.size() == 1);  // one after the other, by the table's numbers
    world.tell(PublicationSettled{world.ledger.outbox.begin()->second.publication, 6 + i});
  }
  for (const RunSeq run : {fix, beside, next})
    CHECK(world.state_of(run, "load") == TaskState::success);
  world.live(1s);  // the wait after its conflict
  produce(world, behind, {output("silver/t", 6)});
  CHECK(world.state_of(behind, "load") == TaskState::publishing);
}

TEST_CASE("publishing still holds its pool slot, and ends the lease's interest in it") {
  Accepted a;
  CHECK(a.world.state.pool_views().at(0).running_slots == 1);
  a.world.tell(WorkerLost{1, true});
  CHECK(a.world.state_of(a.run, "load") == TaskState::publishing);
}

TEST_CASE("a publication survives a restart and settles after it, once") {
  Accepted a;
  World& world = a.world;
  world.restart();
  const std::int64_t first = world.ledger.outbox.begin()->first;
  world.tell(PublicationSettled{first, 0});
  CHECK(world.tell(PublicationSettled{first, 0}).changes.empty());
  world.restart();
  world.tell(PublicationSettled{world.ledger.outbox.begin()->first, 0});
  CHECK(world.state_of(a.run, "load") == TaskState::success);
}

TEST_CASE("publication numbers grow per table and UUIDs are derived") {
  Accepted a;
  World other;
  other.add(pipeline());
  other.join("a", 2);
  const RunSeq run = other.trigger("dag");
  produce(other, run, {output("quarantine/t", -1, true), output("silver/t", -1)});
  for (const auto& [id, row] : a.world.ledger.publications) {
    CHECK(row.number == 1);
    CHECK(row.uuid == other.ledger.publications.at(id).uuid);
  }
  CHECK(a.world.ledger.publications.at(1).uuid != a.world.ledger.publications.at(2).uuid);
  CHECK(a.world.ledger.tables.at("silver/t").next_number == 2);
}

TEST_CASE("a stale read is refused and run again, on a budget of its own") {
  SchedulerOptions options;
  options.max_conflicts = 2;
  World world(options);
  world.add(pipeline());
  world.join("a", 1);
  const RunSeq first = world.trigger("dag");
  produce(world, first, {output("silver/t", -1)});
  world.tell(PublicationSettled{1, 5});
  world.finish(world.attempt(first, "next"));
  const RunSeq run = world.trigger("dag");
  for (int i = 1; i <= 3; ++i) {
    const Effects effects = produce(world, run, {output("silver/t", 4)});
    CHECK(effects.changes.accepted.empty());
    CHECK(effects.acks.size() == 1);
    CHECK(world.row(run, "load").conflicts == i);
    CHECK(world.row(run, "load").failures == 0);
    if (i == 3) break;
    CHECK(world.state_of(run, "load") == TaskState::up_for_retry);
    CHECK(world.row(run, "load").retry_at == world.now.wall + i * 1s);
    world.live(i * 1s);
  }
  CHECK(world.state_of(run, "load") == TaskState::failed);
  CHECK(world.row(run, "load").reason.starts_with("conflict"));
}

TEST_CASE("a current read and a blind append pass") {
  for (const TableOutput& good : {output("silver/t", 5), output("silver/t", 0, true)}) {
    World world;
    world.add(pipeline());
    world.join("a", 1);
    const RunSeq first = world.trigger("dag");
    produce(world, first, {output("silver/t", -1)});
    world.tell(PublicationSettled{1, 5});
    const RunSeq run = world.trigger("dag");
    world.finish(world.attempt(first, "next"));
    produce(world, run, {good});
    CHECK(world.state_of(run, "load") == TaskState::publishing);
  }
}

TEST_CASE("nothing but appends is accepted while a publication of the table is pending") {
  World world;
  world.add(pipeline("one"));
  world.add(pipeline("two"));
  world.join("a", 4);
  const RunSeq one = world.trigger("one");
  const RunSeq two = world.trigger("two");
  produce(world, one, {output("silver/t", -1)});
  produce(world, two, {output("silver/t", -1)});
  CHECK(world.state_of(two, "load") == TaskState::up_for_retry);
  world.live(1s);
  produce(world, two, {output("silver/t", -1, true)});
  CHECK(world.state_of(two, "load") == TaskState::publishing);
  CHECK(world.ledger.publications.rbegin()->second.number == 2);
}

TEST_CASE("a refused publication refuses the rest of its attempt, which waits and runs again") {
  Accepted a;
  World& world = a.world;
  world.tell(PublicationSettled{1, 0});
  world.tell(PublicationRefused{2, "concurrent delete"});
  CHECK(world.state_of(a.run, "load") == TaskState::up_for_retry);
  CHECK(world.row(a.run, "load").reason == "conflict: concurrent delete");
  CHECK(world.row(a.run, "load").conflicts == 1);
  CHECK(world.ledger.publications.at(1).state == PublicationState::settled);
  CHECK(world.ledger.publications.at(2).state == PublicationState::refused);
  CHECK(world.ledger.accepted.empty());
  CHECK(world.ledger.outbox.empty());
  CHECK(world.ledger.xcoms.empty());

  Accepted b;
  b.world.tell(PublicationRefused{1, "no"});
  CHECK(b.world.ledger.publications.at(2).state == PublicationState::refused);
  CHECK(b.world.tell(PublicationSettled{2, 0}).changes.empty());
}

TEST_CASE("a publication that no repeat could mend fails its task at once, with the reason") {
  Accepted a;
  World& world = a.world;
  world.tell(PublicationRefused{1, "quarantine/t has another schema", false});
  CHECK(world.state_of(a.run, "load") == TaskState::failed);
  CHECK(world.row(a.run, "load").reason == "publication refused: quarantine/t has another schema");
  CHECK(world.row(a.run, "load").try_number == 1);
  CHECK(world.row(a.run, "load").conflicts == 0);
  CHECK(world.ledger.publications.at(2).state == PublicationState::refused);
  CHECK(world.state_of(a.run, "next") == TaskState::upstream_failed);
}

TEST_CASE("the waits between conflicts double, and end at the longest") {
  SchedulerOptions options;
  options.max_conflicts = 4;
  options.longest_conflict_delay = 5s;
  World world(options);
  world.add(pipeline());
  world.join("a", 1);
  const RunSeq run = world.trigger("dag");
  for (const Duration wait : {Duration(1s), Duration(2s), Duration(4s), Duration(5s)}) {
    produce(world, run, {output("silver/t", -2)});
    CHECK(world.row(run, "load").retry_at == world.now.wall + wait);
    world.live(wait - 1ms);
    CHECK(world.state_of(run, "load") == TaskState::up_for_retry);
    world.pass(1ms);
    world.step();
    CHECK(world.state_of(run, "load") == TaskState::queued);
  }
}

TEST_CASE("publishing can be neither cancelled, cleared nor marked") {
  Accepted a;
  World& world = a.world;
  const std::string id = world.ledger.runs.at(a.run).run.dag_run_id;
  RunStateRequested cancel;
  cancel.dag_id = "dag";
  cancel.dag_run_id = id;
  CHECK(world.ask(cancel).code == Errc::conflict);
  ClearRequested clear;
  clear.dag_id = "dag";
  clear.dag_run_id = id;
  clear.only_failed = false;
  clear.dry_run = false;
  CHECK(world.ask(clear).code == Errc::conflict);
  MarkRequested mark;
  mark.dag_id = "dag";
  mark.dag_run_id = id;
  mark.task_id = "load";
  CHECK(world.ask(mark).code == Errc::conflict);
  CHECK(world.state_of(a.run, "load") == TaskState::publishing);
}

TEST_CASE("a late success with outputs of an old fence accepts nothing") {
  World world;
  world.add(pipeline());
  world.join("a", 1);
  const RunSeq run = world.trigger("dag");
  const AttemptKey old = world.attempt(run, "load");
  world.tell(WorkerLost{1, true});
  world.join("b", 1);
  const Effects late = world.finish(old, Outcome::success, 1,
                                    [](Finished& r) { r.outputs = {output("silver/t", -1)}; });
  CHECK(late.changes.empty());
  CHECK(late.acks.size() == 1);
}

TEST_CASE("the window reaches back to the watermark and the overlap, and a retry keeps it") {
  World world;
  world.add(pipeline());
  world.join("a", 1);
  const auto trigger = [&] {
    return world.trigger("dag", [](RunRequested& r) {
      r.data_interval_start = at("2026-03-10T11:00:00Z");
      r.data_interval_end = at("2026-03-10T12:00:00Z");
    });
  };
  const RunSeq run = trigger();
  CHECK(world.row(run, "load").window_start == at("2026-03-10T10:45:00Z"));
  CHECK(world.row(run, "load").window_end == at("2026-03-10T12:00:00Z"));
  world.finish(world.attempt(run, "load"), Outcome::success, 1, [](Finished& r) {
    r.watermark_us = at("2026-03-10T09:00:00Z").time_since_epoch().count();
  });
  const RunSeq second = trigger();
  world.finish(world.attempt(run, "next"));
  CHECK(world.row(second, "load").window_start == at("2026-03-10T08:45:00Z"));
  world.finish(world.attempt(second, "load"), Outcome::failed);
  world.live(2s);
  CHECK(world.row(second, "load").try_number == 2);
  CHECK(world.row(second, "load").window_start == at("2026-03-10T08:45:00Z"));
  world.finish(world.attempt(second, "load"), Outcome::success, 1, [](Finished& r) {
    r.watermark_us = at("2026-03-10T08:00:00Z").time_since_epoch().count();
  });
  CHECK(world.state.watermark("dag", "load") == at("2026-03-10T09:00:00Z"));
}

TEST_CASE("conf.start and conf.end are the window as they are, also one of them alone") {
  World world;
  world.add(pipeline());
  world.join("a", 4);
  const RunSeq both = world.trigger("dag", [](RunRequested& r) {
    r.conf_start = at("2020-01-01T00:00:00Z");
    r.conf_end = at("2020-02-01T00:00:00Z");
  });
  CHECK(world.row(both, "load").window_start == at("2020-01-01T00:00:00Z"));
  CHECK(world.row(both, "load").window_end == at("2020-02-01T00:00:00Z"));
  const RunSeq start =
      world.trigger("dag", [](RunRequested& r) { r.conf_start = at("2020-01-01T00:00:00Z"); });
  CHECK(world.row(start, "load").window_end == world.now.wall);
  const RunSeq late =
      world.trigger("dag", [](RunRequested& r) { r.conf_start = at("2030-01-01T00:00:00Z"); });
  CHECK(world.row(late, "load").window_end == at("2030-01-01T00:00:00Z"));
}

TEST_CASE("control rows tell how each attempt of a data task ended") {
  for (const auto& [outcome, status] :
       {std::pair{Outcome::failed, "failed"}, std::pair{Outcome::lost, "zombie"},
        std::pair{Outcome::cancelled, "cancelled"}, std::pair{Outcome::skipped, "skipped"},
        std::pair{Outcome::timeout, "failed"}}) {
    World world;
    world.add(pipeline());
    world.join("a", 1);
    const RunSeq run = world.trigger("dag");
    const AttemptKey key = world.attempt(run, "load");
    world.start(key);
    CHECK(world.ledger.jobs.at(key).status == "running");
    CHECK(world.ledger.jobs.at(key).job_name == "dag.load");
    world.finish(key, outcome);
    CHECK(world.ledger.jobs.at(key).status == status);
    CHECK(world.ledger.jobs.at(key).end_time.has_value());
  }
}

TEST_CASE("what an attempt told of its data is kept in the turn that ends it, however it ends") {
  const auto telling = [](Finished& report) { report.extra_json = R"({"quality":[]})"; };
  for (const Outcome outcome :
       {Outcome::success, Outcome::failed, Outcome::failed_no_retry, Outcome::skipped,
        Outcome::timeout, Outcome::cancelled, Outcome::crashed, Outcome::lost}) {
    World world;
    world.add(pipeline());
    world.join("a", 1);
    const RunSeq run = world.trigger("dag");
    const AttemptKey key = world.attempt(run, "load");
    const Effects effects = world.finish(key, outcome, 1, telling);
    CAPTURE(to_string(outcome));
    REQUIRE(effects.changes.attempt_reports.size() == 1);
    CHECK(effects.changes.attempt_reports[0].key == key);
    CHECK(effects.changes.attempt_reports[0].try_number == 1);
    CHECK(effects.changes.attempt_reports[0].report_json == R"({"quality":[]})");
  }

  // Asked to end, and refused because its table moved.
  World world;
  world.add(pipeline());
  world.join("a", 1);
  const RunSeq run = world.trigger("dag");
  const AttemptKey first = world.attempt(run, "load");
  world.start(first);
  ClearRequested clear;
  clear.dag_id = "dag";
  clear.dag_run_id = world.ledger.runs.at(run).run.dag_run_id;
  clear.only_failed = false;
  clear.dry_run = false;
  CHECK(world.ask(clear).code == Errc::ok);
  world.finish(first, Outcome::cancelled, 1, telling);
  const AttemptKey second = world.attempt(run, "load");
  CHECK(second != first);
  world.finish(second, Outcome::success, 1, [&](Finished& report) {
    telling(report);
    report.outputs = {output("silver/t", -2)};
  });
  CHECK(world.row(run, "load").conflicts == 1);
  REQUIRE(world.ledger.reports.size() == 2);
  CHECK(world.ledger.reports.at(second).try_number == 2);
}

TEST_CASE("of an attempt that told nothing, or too late, no report is kept") {
  World world;
  world.add(pipeline());
  world.join("a", 1);
  const RunSeq run = world.trigger("dag");
  const AttemptKey old = world.attempt(run, "load");
  world.tell(WorkerLost{1, true});
  const WorkerId worker = world.join("b", 1);
  world.finish(old, Outcome::failed, worker,
               [](Finished& report) { report.extra_json = R"({"quality":[]})"; });
  world.finish(world.attempt(run, "load"), Outcome::success, worker);
  CHECK(world.state_of(run, "load") == TaskState::success);
  CHECK(world.ledger.reports.empty());
}

TEST_CASE("heartbeats of control rows ride on other commits, at most every 30 s") {
  World world;
  world.add(pipeline());
  world.add(chain("other", 1));
  world.join("a", 4);
  const RunSeq run = world.trigger("dag");
  const AttemptKey key = world.attempt(run, "load");
  world.start(key);
  const OptTime first = world.ledger.jobs.at(key).heartbeat_at;
  world.live(2min);
  CHECK(world.ledger.jobs.at(key).heartbeat_at == first);  // nothing was committed
  world.trigger("other");
  const OptTime second = world.ledger.jobs.at(key).heartbeat_at;
  CHECK(second > first);
  world.live(10s);
  world.trigger("other");
  CHECK(world.ledger.jobs.at(key).heartbeat_at == second);
}

}  // namespace
}  // namespace batuta
