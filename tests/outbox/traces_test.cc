// Which spans the turns of a scheduler tell, and how they hang together.
#include "scheduler/outbox/traces.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "common/safe_json.h"
#include "tests/engine/turn_loop_world.h"

using namespace batuta;
using namespace batuta::turns;
using nlohmann::json;

namespace {

struct Traced : World {
  explicit Traced(std::vector<Task> tasks, EventBacklog most = most_events)
      : World(std::move(tasks)),
        teller(
            {"here", "store-1", "https://batuta.example.org"}, [this] { return waiting; }, most) {
    context.teller = [this](SchedulerState& state, Changes& changes, const Now& at) {
      teller.tell(state, changes, at);
      for (const OutboxRow& row : changes.outbox) {
        if (row.kind == OutboxKind::trace) requests.push_back(*parse_untrusted(row.payload_json));
      }
      for (const EventLogRow& row : changes.event_log) log.push_back(row.event);
    };
  }

  std::vector<json> spans() const {
    std::vector<json> out;
    for (const json& request : requests) {
      for (const json& span : request["resourceSpans"][0]["scopeSpans"][0]["spans"]) {
        out.push_back(span);
      }
    }
    return out;
  }
  void begin() {
    join();
    turn({request("r1")});
    settle();
    REQUIRE(launches.size() == 1);
    pass(std::chrono::seconds(2));
    turn({AttemptStarted{agent_link, {launches[0].key, now.wall, "slot"}}});
  }
  void finish(Outcome outcome, const std::string& reason = {}) {
    Finished report;
    report.key = launches.back().key;
    report.outcome = outcome;
    report.reason = reason;
    pass(std::chrono::seconds(1));
    turn({AttemptFinished{agent_link, report}});
    settle();
  }

  TraceTeller teller;
  EventBacklog waiting;
  std::vector<json> requests;
  std::vector<std::string> log;
};

json value_of(const json& span, const std::string& key) {
  for (const json& each : span["attributes"]) {
    if (each["key"] == key) return each["value"].begin().value();
  }
  return nullptr;
}

std::int64_t nanoseconds(const json& span, const char* name) {
  return std::stoll(span[name].get<std::string>());
}

}  // namespace

TEST_CASE(
    "a run is a trace: its span holds those of its tries, each told once, when it has ended") {
  Traced world({task("load")});
  world.begin();
  CHECK(world.requests.empty());
  world.finish(Outcome::success);
  const auto spans = world.spans();
  REQUIRE(spans.size() == 2);
  const json &load = spans[0], &run = spans[1];
  CHECK(load["name"] == "d.load");
  CHECK(run["name"] == "d");
  CHECK(load["traceId"] == run["traceId"]);
  CHECK(load["traceId"].get<std::string>().size() == 32);
  CHECK(load["spanId"].get<std::string>().size() == 16);
  CHECK(load["parentSpanId"] == run["spanId"]);
  CHECK_FALSE(run.contains("parentSpanId"));
  CHECK(load["status"] == json{{"code", 1}});
  CHECK(nanoseconds(load, "endTimeUnixNano") - nanoseconds(load, "startTimeUnixNano") ==
        1'000'000'000);
  CHECK(nanoseconds(run, "startTimeUnixNano") <= nanoseconds(load, "startTimeUnixNano"));
  CHECK(nanoseconds(run, "endTimeUnixNano") >= nanoseconds(load, "endTimeUnixNano"));
  CHECK(value_of(load, "batuta.task_id") == "load");
  CHECK(value_of(load, "batuta.try_number") == "1");
  CHECK(value_of(load, "batuta.queued_ms") == "2000");
  CHECK(value_of(load, "url.full") == "https://batuta.example.org/#/dags/d/runs/r1");
  const json& resource = world.requests[0]["resourceSpans"][0]["resource"];
  CHECK(value_of(resource, "service.name") == "here");
  CHECK(value_of(resource, "service.instance.id") == "store-1");
}

TEST_CASE("every try has a span of its own, an error its reason") {
  Task load = task("load");
  load.retry.retries = 1;
  load.retry.delay = std::chrono::seconds(5);
  Traced world({load});
  world.begin();
  world.finish(Outcome::failed, "no disk");
  REQUIRE(world.spans().size() == 1);
  world.pass(std::chrono::seconds(6));
  world.settle();
  REQUIRE(world.launches.size() == 2);
  world.pass(std::chrono::seconds(1));
  world.turn({AttemptStarted{agent_link, {world.launches[1].key, world.now.wall, "slot"}}});
  world.finish(Outcome::success);
  const auto spans = world.spans();
  REQUIRE(spans.size() == 3);
  CHECK(spans[0]["status"] == json{{"code", 2}, {"message", "no disk"}});
  CHECK(spans[1]["status"] == json{{"code", 1}});
  CHECK(spans[0]["spanId"] != spans[1]["spanId"]);
  CHECK(spans[0]["parentSpanId"] == spans[1]["parentSpanId"]);
}

TEST_CASE("a try that its plugin defers is one span without an error, its wait within it") {
  Traced world({task("load")});
  world.begin();
  world.finish(Outcome::deferred);
  world.pass(std::chrono::seconds(5));
  world.turn({WaitChecked{world.launches[0].key, WaitChecked::Outcome::satisfied, {}}});
  world.settle();
  REQUIRE(world.launches.size() == 2);
  CHECK(world.spans().empty());
  world.pass(std::chrono::seconds(1));
  world.turn({AttemptStarted{agent_link, {world.launches[1].key, world.now.wall, "slot"}}});
  world.finish(Outcome::success);
  const auto spans = world.spans();
  REQUIRE(spans.size() == 2);
  CHECK(spans[0]["name"] == "d.load");
  CHECK(spans[0]["status"] == json{{"code", 1}});
  CHECK(nanoseconds(spans[0], "endTimeUnixNano") - nanoseconds(spans[0], "startTimeUnixNano") ==
        8'000'000'000);
}

TEST_CASE("a reason without end is cut at a character, and shows that it is cut") {
  Traced world({task("load")});
  world.begin();
  std::string reason(4095, 'x');
  for (int i = 0; i < 100; ++i) reason += "é";
  world.finish(Outcome::failed, reason);
  const std::string told = world.spans()[0]["status"]["message"].get<std::string>();
  CHECK(told == std::string(4095, 'x') + "…");
}

TEST_CASE("what a try starts is told the very span that the try becomes") {
  Traced world({task("load")});
  world.begin();
  world.finish(Outcome::success);
  const json load = world.spans()[0];
  const Uuid run = *parse_uuid(world.launches[0].run_uuid);
  CHECK(traceparent_of(run, "load", unmapped, 1) == "00-" + load["traceId"].get<std::string>() +
                                                        "-" + load["spanId"].get<std::string>() +
                                                        "-01");
  CHECK(traceparent_of(run, "load", unmapped, 2) != traceparent_of(run, "load", unmapped, 1));
}

TEST_CASE("when too much waits, spans are lost, counted and told in the event log") {
  Traced world({task("load")}, {10, 1 << 20});
  world.waiting = {10, 0};
  world.begin();
  world.finish(Outcome::success);
  CHECK(world.requests.empty());
  CHECK(world.teller.lost() >= 1);
  CHECK(std::count(world.log.begin(), world.log.end(), "traces_full") == 1);
}
