// The turn without thread and clock: what each fate of a commit does, and what it costs the store.
#include "scheduler/engine/turn_loop.h"

#include <doctest/doctest.h>

#include <utility>

#include "tests/engine/turn_loop_world.h"
#include "tests/support/ask.h"

using namespace batuta;
using namespace std::chrono_literals;
using namespace batuta::turns;
using batuta::test::find_run;

TEST_CASE("nothing leaves before its commit, and a turn without changes needs none") {
  World world({task("first")});
  world.join();
  REQUIRE(world.loop->on_events({world.request("r1")}, world.now));
  CHECK(world.launches.empty());
  CHECK(world.replies.empty());
  world.loop->on_commit_result(world.loop->commit(), world.now);
  CHECK(world.launches.size() == 1);
  REQUIRE(world.replies.size() == 1);
  CHECK(world.replies[0].code == Errc::ok);
  CHECK_FALSE(world.loop->on_events({WorkerHeartbeat{agent_link}}, world.now));
}

TEST_CASE(
    "while the store takes no writes, memory shows what it has and nothing of the lost turn") {
  World world({task("first")});
  world.turn({world.request("kept")});
  world.fate = CommitFate::fails_unapplied;
  world.turn({world.request("lost")});
  CHECK_FALSE(world.loop->available());
  CHECK(world.loop->trouble() == "commit failed");
  CHECK(world.outages == 1);
  CHECK_FALSE(world.maybe_done);
  CHECK(world.dropped_all == 1);
  const SchedulerState& state = world.loop->state();
  CHECK(state.find_run("d", "kept") != nullptr);
  CHECK(state.find_run("d", "lost") == nullptr);
  CHECK(state.gauges().runs_running == 1);
}

namespace {
std::vector<Task> mapped_tasks() {
  std::vector<Task> tasks{task("list"), task("each", {0}), task("sum", {1})};
  tasks[1].expand_json = "{}";
  return tasks;
}
}  // namespace

TEST_CASE("a mapped task is expanded in the turn after the one that ended what it is mapped over") {
  World world(mapped_tasks());
  world.join();
  world.turn({world.request("r1")});
  world.turn({World::finished(world.launches.at(0).key, "3")});
  CHECK(world.launches.size() == 1);
  CHECK(world.loop->due(world.now));
  CHECK(world.loop->patience(world.now, 1h) == Duration{});
  world.settle();
  REQUIRE(world.launches.size() == 4);
  const AttemptKey last = world.launches[3].key;
  CHECK(last.map_index == MapIndex{2});
  CHECK(world.store.find_task(last.instance())->map_name == "item 2");
}

TEST_CASE("an answer that was lost with its turn, or with the process, is asked for again") {
  World world(mapped_tasks());
  world.join();
  world.turn({world.request("r1")});
  world.turn({World::finished(world.launches.at(0).key, "3")});
  world.fate = CommitFate::fails_unapplied;
  world.turn({});  // the expansion is lost
  CHECK_FALSE(world.loop->available());
  world.fate = CommitFate::ok;
  world.pass(1s);
  world.loop->on_probe(world.now);
  world.settle();
  const RunSeq run = world.launches[0].key.run;
  CHECK(world.store.find_task({run, 1, MapIndex{2}}));
  CHECK_FALSE(world.store.find_task({run, 1, MapIndex{3}}));

  World other(mapped_tasks());
  other.join();
  other.turn({other.request("r1")});
  other.turn({World::finished(other.launches.at(0).key, "2")});
  other.start();  // another process
  other.settle();
  CHECK(other.store.find_task({other.launches[0].key.run, 1, MapIndex{1}}));
}

TEST_CASE("what cannot be read fails the mapped task with the place and the reason") {
  World world(mapped_tasks());
  world.join();
  world.turn({world.request("r1")});
  world.turn({World::finished(world.launches.at(0).key, R"("x")")});
  world.settle();
  const auto row = world.store.find_task({world.launches[0].key.run, 1, unmapped});
  REQUIRE(row);
  CHECK(row->state == TaskState::failed);
  CHECK(row->reason == "/expand/y: no list");
}

TEST_CASE("what a deferred attempt left is read before it goes into another launch") {
  World world({task("first")});
  world.join();
  world.turn({world.request("r1")});
  REQUIRE(world.launches.size() == 1);
  const AttemptKey key = world.launches[0].key;
  Finished report;
  report.key = key;
  report.outcome = Outcome::deferred;
  const auto why = [&] {
    world.turn({AttemptFinished{agent_link, report}});
    world.settle();
    return world.store.find_task(key.instance())->reason;
  };
  SUBCASE("a payload that is no value of its own") {
    report.payload_json = R"(null},"xcoms":[{"file":"/etc/x"}],"z":{"a":1)";
    CHECK(why().starts_with("defer: the payload is not JSON: "));
  }
  SUBCASE("one that is too large") {
    report.payload_json = '"' + std::string(max_deferral_bytes, 'x') + '"';
    CHECK(why() == "defer: the payload has 65538 bytes, and 65536 are the most");
  }
  SUBCASE("a wait that is too large") {
    report.wait_json = std::string(max_deferral_bytes + 1, ' ');
    CHECK(why() == "defer: the wait has 65537 bytes, and 65536 are the most");
  }
  SUBCASE("one that is right is launched with, as it was read") {
    report.payload_json = R"( {"job" : 7} )";
    CHECK(why() == "");
    world.turn({WaitChecked{key, WaitChecked::Outcome::satisfied, {}}});
    world.settle();
    REQUIRE(world.launches.size() == 2);
    CHECK(world.launches[1].context_json.find(R"("payload":{"job":7})") != std::string::npos);
  }
}

TEST_CASE("an outage costs one reading of the store, however long it is") {
  World world({task("first")});
  CHECK(world.store.loads == 1);
  world.fate = CommitFate::fails_unapplied;
  world.turn({world.request("lost")});
  for (int second = 0; second < 60; ++second) {
    world.pass(1s);
    world.loop->on_probe(world.now);
  }
  world.fate = CommitFate::ok;
  world.pass(1s);
  world.loop->on_probe(world.now);
  CHECK(world.loop->available());
  CHECK(world.recoveries == 1);
  CHECK(world.store.loads == 2);
  world.turn({world.request("after")});
  CHECK(find_run(world.store, "d", "after"));
  CHECK_FALSE(find_run(world.store, "d", "lost"));
}

TEST_CASE("probes wait a second, and the driver may sleep until then") {
  World world({task("first")});
  world.fate = CommitFate::fails_unapplied;
  world.turn({world.request("lost")});
  world.fate = CommitFate::ok;
  CHECK(world.loop->patience(world.now, 1h) == Duration(1s));
  world.pass(999ms);
  world.loop->on_probe(world.now);
  CHECK_FALSE(world.loop->available());
  world.pass(1ms);
  world.loop->on_probe(world.now);
  CHECK(world.loop->available());
}

TEST_CASE("a store that cannot be read either is read before anything is decided again") {
  World world({task("first")});
  world.turn({world.request("kept")});
  world.store.unreadable = true;
  world.fate = CommitFate::fails_unapplied;
  world.turn({world.request("lost")});
  CHECK(world.reloads == 0);
  world.fate = CommitFate::ok;
  world.pass(1s);
  world.loop->on_probe(world.now);
  CHECK_FALSE(world.loop->available());
  world.store.unreadable = false;
  world.pass(1s);
  world.loop->on_probe(world.now);
  CHECK(world.loop->available());
  CHECK(world.reloads == 1);
  CHECK(world.loop->state().find_run("d", "lost") == nullptr);
  CHECK(world.loop->state().find_run("d", "kept") != nullptr);
}

TEST_CASE("an agent that could not be heard in an outage has a whole lease after it") {
  World world({task("first")});
  world.join();
  world.turn({world.request("r1")});
  REQUIRE(world.launches.size() == 1);
  const AttemptKey key = world.launches[0].key;
  world.turn({AttemptStarted{agent_link, {key, world.now.wall, "slot"}}});
  world.fate = CommitFate::fails_unapplied;
  world.turn({world.request("lost")});
  world.pass(10min);
  world.fate = CommitFate::ok;
  world.loop->on_probe(world.now);
  REQUIRE(world.loop->available());
  world.pass(SchedulerOptions{}.lease - 1ms);
  world.turn({});
  CHECK(world.store.find_task(key.instance())->state == TaskState::running);
  world.pass(1ms);
  world.turn({});
  CHECK(world.store.find_task(key.instance())->state != TaskState::running);
}

TEST_CASE("an unknown commit is looked up: what was durable leaves as if nothing had been") {
  World world({task("first")});
  world.join();
  world.fate = CommitFate::fails_applied;
  world.turn({world.request("r1")});
  CHECK(world.loop->available());
  CHECK(world.outages == 0);
  CHECK(world.launches.size() == 1);
  REQUIRE(world.replies.size() == 1);
  CHECK(world.replies[0].code == Errc::ok);
  world.fate = CommitFate::ok;
  world.turn({world.request("r2")});  // and its number is the next one
  CHECK(world.replies.size() == 2);
}

TEST_CASE("an unknown commit that left nothing is a lost turn") {
  World world({task("first")});
  world.fate = CommitFate::lost;
  world.turn({world.request("r1")});
  CHECK(world.outages == 1);
  CHECK_FALSE(world.maybe_done);
  CHECK(world.loop->state().find_run("d", "r1") == nullptr);
}

TEST_CASE("a commit of which nothing can be learnt is told as such, and memory follows the store") {
  World world({task("first")});
  world.fate = CommitFate::lost_in_silence;
  world.turn({world.request("r1")});
  CHECK(world.outages == 1);
  CHECK(world.maybe_done);
  CHECK(world.replies.empty());
  world.fate = CommitFate::ok;
  world.pass(1s);
  world.loop->on_probe(world.now);
  CHECK(world.loop->available());
  CHECK(world.loop->state().find_run("d", "r1") != nullptr);
  world.turn({world.request("r2")});
  CHECK(world.replies.size() == 1);
}

TEST_CASE("whoever was taken for dead changes nothing and has to end") {
  World world({task("first")});
  const Lead other = world.store.lead();
  CHECK(world.store.commit({}, {}, {other.epoch, other.last_turn + 1}).kind ==
        CommitResult::Kind::committed);
  world.turn({world.request("r1")});
  CHECK_FALSE(world.lost.empty());
  CHECK_FALSE(find_run(world.store, "d", "r1"));
  CHECK(world.launches.empty());
}

TEST_CASE("what a turn's requests ask is read in one go") {
  World world({task("first")});
  world.store.reads = 0;
  std::vector<Event> events;
  for (int i = 0; i < 20; ++i) {
    RunRequested trigger = world.request("run" + std::to_string(i));
    trigger.idempotency_key = "key" + std::to_string(i);
    trigger.logical_date = world.now.wall - std::chrono::hours(i + 1);
    events.emplace_back(trigger);
    ClearRequested clear;
    clear.request = ++world.requests;
    clear.dag_id = "d";
    clear.dag_run_id = "gone" + std::to_string(i);
    clear.more_runs = {{"gone too", {}}};
    events.emplace_back(clear);
  }
  world.turn(std::move(events));
  CHECK(world.store.reads == 1);
  CHECK(world.replies.size() == 40);
}

TEST_CASE("a run that has left memory is found by key, then run id, then logical date") {
  World world({task("first")});
  const auto ended_run = [&](const std::string& id, const std::string& key, Time date) {
    RunRequested trigger = world.request(id);
    trigger.idempotency_key = key;
    trigger.logical_date = date;
    world.turn({trigger});
    RunStateRequested fail;
    fail.dag_id = "d";
    fail.dag_run_id = id;
    world.turn({fail});
  };
  const Time day = world.now.wall - 24h;
  ended_run("by_key", "k", day);
  ended_run("by_id", "", day - 24h);
  ended_run("by_date", "", day - 48h);
  for (int i = 0; i < 3; ++i) world.turn({NoteSet{0, "d", "none", "", unmapped, "", {}}});
  REQUIRE(world.loop->state().find_run("d", "by_key") == nullptr);
  const auto existing = [&](const std::string& id, const std::string& key, Time date) {
    RunRequested trigger = world.request(id);
    trigger.idempotency_key = key;
    trigger.logical_date = date;
    std::vector<Event> events{trigger};
    prepare_events(world.loop->state(), world.store, world.context, events, {});
    const auto& found = std::get<RunRequested>(events[0]).existing;
    return found ? found->dag_run_id : "none";
  };
  CHECK(existing("by_id", "k", day - 48h) == "by_key");
  CHECK(existing("by_id", "other", day - 48h) == "by_id");
  CHECK(existing("other", "other", day - 48h) == "by_date");
  CHECK(existing("other", "other", day - 72h) == "none");
}

TEST_CASE("the XComs that a turn's launches need are read in one go, its own ones not at all") {
  World world({task("a"), task("b"), task("c", {0, 1}), task("d", {0, 1}), task("e", {0, 1})});
  world.join();
  world.turn({world.request("r1")});
  REQUIRE(world.launches.size() == 2);
  world.turn({World::finished(world.launches[0].key, "1")});
  world.store.reads = 0;
  world.turn({World::finished(world.launches[1].key, "2")});
  REQUIRE(world.launches.size() == 5);
  CHECK(world.store.reads == 1);
  for (std::size_t i = 2; i < 5; ++i) CHECK(world.launches[i].params_json == "12");
}

TEST_CASE("the XComs that a turn's alerts need are read with those of its launches") {
  Task fails = task("fails", {0});
  fails.notifiers = {{AlertOn::failure, "slack"}, {AlertOn::failure, "mail"}};
  Task after = task("after", {1});
  after.trigger_rule = TriggerRule::all_done;
  World world({task("first"), fails, after});
  world.join();
  world.turn({world.request("r1")});
  world.turn({World::finished(world.launches.at(0).key, "1")});
  world.store.reads = 0;
  Event failed = World::finished(world.launches.at(1).key, "");
  std::get<AttemptFinished>(failed).report.outcome = Outcome::failed_no_retry;
  world.turn({failed});
  CHECK(world.launches.size() == 3);
  CHECK(world.store.reads == 1);
  const auto& outbox = world.store.data().outbox;
  REQUIRE(outbox.size() == 2);
  for (const auto& [id, row] : outbox) CHECK(row.payload_json == "fails1");
}

TEST_CASE("the run before is read with the rest, as this very turn leaves it") {
  World world({task("a")});
  world.context.previous = true;
  Hello hello;
  hello.agent_id = "agent";
  hello.slots = 1;
  hello.catalogue.emplace_back().name = "mock";
  world.turn({WorkerJoined{agent_link, hello}});
  const auto dated = [&](const std::string& run_id, std::chrono::seconds date) {
    RunRequested request = world.request(run_id);
    request.logical_date = Time(date);
    return request;
  };
  world.turn({dated("first", 10s)});
  world.settle();
  world.turn({dated("second", 20s), dated("earlier", 5s)});
  world.settle();
  REQUIRE(world.launches.size() == 1);
  CHECK(world.launches[0].params_json == "none");
  const int before = world.store.reads;
  world.turn({World::finished(world.launches[0].key, "")});  // which frees the slot for the others
  REQUIRE(world.launches.size() == 3);
  CHECK(world.launches[1].dag_run_id == "earlier");
  CHECK(world.launches[1].params_json == "none");
  CHECK(world.launches[2].dag_run_id == "second");
  CHECK(world.launches[2].params_json == "first");
  CHECK(world.store.reads == before + 1);
  world.turn({World::finished(world.launches[1].key, "")});
  world.turn({World::finished(world.launches[2].key, ""), dated("third", 30s)});
  world.settle();
  REQUIRE(world.launches.size() == 4);
  CHECK(world.launches[3].params_json == "second");
}

TEST_CASE("an XCom whose name is computed while rendering is read then") {
  Task last = task("last", {0});
  last.spec_json = "first";
  World world({task("first"), last});
  world.join();
  world.turn({world.request("r1")});
  REQUIRE(world.launches.size() == 1);
  Changes put;
  put.xcoms.push_back(
      {world.launches[0].key.run, 0, unmapped, "computed", "\"found\"", world.now.wall});
  REQUIRE(world.store.commit(put, {}, world.loop->pending().id).kind ==
          CommitResult::Kind::committed);
  world.turn({World::finished(world.launches[0].key, "1")});
  REQUIRE(world.launches.size() == 2);
  CHECK(world.launches[1].params_json == "1\"found\"");
}

TEST_CASE("a task of a mapped group is handed its own item's results alone, one behind it all") {
  std::vector<Task> tasks{task("list"), task("each", {0}), task("load", {1}), task("sum", {2})};
  for (const TaskIndex in_group : {1U, 2U}) {
    tasks[in_group].mapped_group = "group";
    tasks[in_group].expand_json = "{}";
  }
  World world(std::move(tasks));
  world.context.by_index = true;
  world.join();
  world.turn({world.request("r1")});
  world.turn({World::finished(world.launches.at(0).key, "2")});
  world.settle();
  REQUIRE(world.launches.size() == 3);
  world.turn(
      {World::finished(world.launches[1].key, "10"), World::finished(world.launches[2].key, "11")});
  REQUIRE(world.launches.size() == 5);
  for (const std::size_t n : {3U, 4U}) {
    const std::string item = std::to_string(number_of(world.launches[n].key.map_index));
    CHECK(world.launches[n].params_json == item + ":1" + item + " ");
  }
  world.turn(
      {World::finished(world.launches[3].key, "20"), World::finished(world.launches[4].key, "21")});
  REQUIRE(world.launches.size() == 6);
  CHECK(world.launches[5].params_json == "0:20 1:21 ");
}

TEST_CASE(
    "the members of a result outlive a restart between a table's acceptance and its settling") {
  std::vector<Task> tasks{task("first")};
  tasks[0].multiple_outputs = true;
  World world(std::move(tasks));
  world.join();
  world.turn({world.request("r1")});
  const AttemptKey key = world.launches.at(0).key;
  Finished report;
  report.key = key;
  report.outcome = Outcome::success;
  report.result_json = R"({"a":1})";
  TableOutput output;
  output.table = "silver/shop/orders";
  output.payload_json = "{}";
  report.outputs = {output};
  world.turn({AttemptFinished{agent_link, report}});
  const auto publications = world.store.load().publications;
  REQUIRE(publications.size() == 1);
  world.start();
  PublicationSettled settled;
  settled.publication = publications[0].id;
  settled.version = 0;
  world.turn({settled});
  CHECK(world.store.find_task(key.instance())->state == TaskState::success);
  Questions asked;
  asked.xcoms.push_back({key.instance(), "a"});
  CHECK(world.store.read(asked).xcoms.at(0) == "1");
}
