#include "scheduler/http/hub.h"

#include <doctest/doctest.h>

#include <boost/asio/io_context.hpp>
#include <string>
#include <utility>
#include <vector>

#include "scheduler/http/server.h"

namespace batuta::http {
namespace {

FeedEvent run_event(std::uint64_t sequence, const std::string& run, const std::string& state) {
  return {sequence, "run", "demo", run,
          R"({"dag_id":"demo","dag_run_id":")" + run + R"(","state":")" + state + "\"}"};
}

FeedEvent task_event(std::uint64_t sequence, const std::string& task, const std::string& state) {
  return {sequence, "task", "demo", "r",
          R"({"dag_id":"demo","dag_run_id":"r","task_id":")" + task +
              R"(","map_index":-1,"state":")" + state + R"(","try_number":1})"};
}

std::string gathered(const std::vector<std::pair<std::string, std::string>>& tasks) {
  std::string out;
  for (const auto& [task, state] : tasks)
    out += (out.empty() ? R"({"task_id":")" : R"(,{"task_id":")") + task +
           R"(","map_index":-1,"state":")" + state + R"(","try_number":1})";
  return R"({"dag_id":"demo","dag_run_id":"r","tasks":[)" + out + "]}";
}

const std::string ana = "user ana";

struct Fixture {
  explicit Fixture(HubLimits limits = {}) : hub(io, limits) {}
  void publish(std::vector<FeedEvent> events) {
    hub.publish(std::move(events));
    io.restart();
    io.poll();
  }
  boost::asio::io_context io;
  Hub hub;
};

std::string id_of(const std::string& text) {
  const auto at = text.rfind("id: ") + 4;
  return text.substr(at, text.find('\n', at) - at);
}

}  // namespace

TEST_CASE("every stream gets the events it asked for, with their ids") {
  Fixture f;
  const auto all = *f.hub.subscribe({}, nullptr, ana);
  const auto one = *f.hub.subscribe({"demo", "b"}, nullptr, ana);
  int woken = 0;
  all->on_ready = [&] { ++woken; };
  CHECK(all->next() == "retry: 1000\n\n");
  f.publish({run_event(1, "a", "running"), run_event(2, "b", "running")});
  const auto text = all->next();
  CHECK(woken == 1);
  CHECK(text.find("event: run\ndata: {\"dag_id\":\"demo\",\"dag_run_id\":\"a\"") !=
        std::string::npos);
  CHECK(text.find("\"b\"") != std::string::npos);
  CHECK(id_of(text).ends_with(".2"));
  CHECK(one->next().find("\"a\"") == std::string::npos);
  CHECK(all->next().empty());
}

TEST_CASE("a client that comes back gets what it missed, or is told to read anew") {
  HubLimits limits;
  limits.kept = 3;
  Fixture f(limits);
  auto stream = *f.hub.subscribe({}, nullptr, ana);
  f.publish({run_event(1, "a", "running")});
  const auto first = id_of(stream->next());
  f.publish({run_event(2, "b", "running")});
  const auto back = *f.hub.subscribe({}, &first, ana);
  const auto missed = back->next();
  CHECK(missed.find("\"b\"") != std::string::npos);
  CHECK(missed.find("\"a\"") == std::string::npos);
  CHECK(missed.find("resync") == std::string::npos);
  f.publish(
      {run_event(3, "c", "running"), run_event(4, "d", "running"), run_event(5, "e", "running")});
  CHECK((*f.hub.subscribe({}, &first, ana))->next().find("event: resync") != std::string::npos);
  for (const std::string bad : {"", "1", "1.1", "x.99999999999999999999999"}) {
    CHECK((*f.hub.subscribe({}, &bad, ana))->next().find("event: resync") != std::string::npos);
  }
}

TEST_CASE("a client that reads too slowly is dropped and others are not") {
  HubLimits limits;
  limits.outbound_bytes = 1000;
  Fixture f(limits);
  const auto slow = *f.hub.subscribe({}, nullptr, ana);
  const auto fast = *f.hub.subscribe({}, nullptr, ana);
  for (std::uint64_t i = 1; i < 40; ++i) {
    f.publish({run_event(i, "a", "running")});
    CHECK_FALSE(fast->next().empty());
  }
  CHECK(slow->ended());
  CHECK(slow->next().empty());
  CHECK_FALSE(fast->ended());
}

TEST_CASE(
    "gathered tasks are told once each, together, with their run before what comes behind them") {
  Fixture f;
  FeedFilter filter;
  filter.gather = std::chrono::milliseconds(1);
  const auto page = *f.hub.subscribe(filter, nullptr, ana);
  const auto program = *f.hub.subscribe({}, nullptr, ana);
  page->next();
  f.publish({task_event(1, "a", "queued")});
  // Nothing was told for long: at once.
  const std::string first = page->next();
  CHECK(first.ends_with("event: tasks\ndata: " + gathered({{"a", "queued"}}) + "\n\n"));
  CHECK(id_of(first).ends_with(".1"));
  int woken = 0;
  page->on_ready = [&] { ++woken; };
  f.hub.publish({task_event(2, "a", "running"), task_event(3, "b", "running"),
                 task_event(4, "a", "success")});
  f.io.restart();
  while (woken == 0) f.io.run_one();
  const std::string second = page->next();
  CHECK(second.ends_with("data: " + gathered({{"a", "success"}, {"b", "running"}}) + "\n\n"));
  CHECK(id_of(second).ends_with(".4"));
  f.publish({task_event(5, "b", "success"), run_event(6, "r", "success")});
  const std::string third = page->next();
  CHECK(third.find(gathered({{"b", "success"}})) < third.find("event: run\n"));
  CHECK(id_of(third).ends_with(".6"));
  const std::string each = program->next();
  CHECK(each.find("event: tasks") == each.npos);
  CHECK(each.find("\"queued\"") != each.npos);
}

TEST_CASE("a page that comes back is told at once of the tasks it missed, each as it was last") {
  Fixture f;
  FeedFilter filter;
  filter.gather = std::chrono::milliseconds(1);
  const auto before = *f.hub.subscribe(filter, nullptr, ana);
  f.publish({run_event(1, "r", "running")});
  const std::string last = id_of(before->next());
  f.publish(
      {task_event(2, "a", "queued"), task_event(3, "b", "queued"), task_event(4, "a", "running")});
  const auto back = *f.hub.subscribe(filter, &last, ana);
  const std::string missed = back->next();
  CHECK(missed.ends_with("data: " + gathered({{"a", "running"}, {"b", "queued"}}) + "\n\n"));
  CHECK(id_of(missed).ends_with(".4"));
}

TEST_CASE("a page that reads too slowly is dropped, though its tasks are gathered") {
  HubLimits limits;
  limits.outbound_bytes = 1000;
  Fixture f(limits);
  FeedFilter filter;
  filter.gather = std::chrono::hours(1);
  const auto slow = *f.hub.subscribe(filter, nullptr, ana);
  for (std::uint64_t i = 1; i < 40; ++i) f.publish({task_event(i, "same", "running")});
  CHECK_FALSE(slow->ended());  // one task, however often it is told of
  for (std::uint64_t i = 40; i < 80; ++i)
    f.publish({task_event(i, "t" + std::to_string(i), "running")});
  CHECK(slow->ended());
  CHECK(slow->next().empty());
}

TEST_CASE("the number of streams is bounded, and ended ones free their place") {
  HubLimits limits;
  limits.streams = 2;
  Fixture f(limits);
  auto a = *f.hub.subscribe({}, nullptr, ana);
  auto b = *f.hub.subscribe({}, nullptr, ana);
  CHECK_FALSE(f.hub.subscribe({}, nullptr, ana));
  b.reset();
  CHECK(f.hub.subscribe({}, nullptr, ana));
}

TEST_CASE("a stream ends soon after its reader may no longer read") {
  HubLimits limits;
  limits.ping = std::chrono::milliseconds(1);
  Fixture f(limits);
  bool allowed = true;
  const auto stream = *f.hub.subscribe({}, nullptr, ana, [&allowed] { return allowed; });
  stream->next();
  f.io.run_one();
  CHECK(stream->next() == ": ping\n\n");
  CHECK_FALSE(stream->ended());
  allowed = false;
  stream->next();
  f.io.run_one();
  CHECK(stream->ended());
  CHECK(stream->next().empty());
}

TEST_CASE("streams get a ping when nothing happens") {
  HubLimits limits;
  limits.ping = std::chrono::milliseconds(1);
  Fixture f(limits);
  const auto stream = *f.hub.subscribe({}, nullptr, ana);
  stream->next();
  f.io.run_one();
  CHECK(stream->next() == ": ping\n\n");
}

TEST_CASE("a waiter is told the end of its run and nothing else") {
  Fixture f;
  CHECK(f.hub.demand() == FeedDemand::nothing);
  std::vector<std::string> told;
  CHECK(f.hub.wait_for_run("demo", "a", ana, std::chrono::seconds(60),
                           [&](const auto& state) { told.push_back(state.value_or("gave up")); }));
  CHECK(f.hub.demand() == FeedDemand::runs);
  f.publish({run_event(1, "a", "running"), run_event(2, "b", "success")});
  CHECK(told.empty());
  f.publish({run_event(3, "a", "failed"), run_event(4, "a", "success")});
  CHECK(told == std::vector<std::string>{"failed"});
  CHECK(f.hub.demand() == FeedDemand::nothing);
}

TEST_CASE("a waiter whose patience is over is told so, and a stopped one nothing") {
  Fixture f;
  std::vector<std::string> told;
  const auto note = [&](const auto& state) { told.push_back(state.value_or("gave up")); };
  CHECK(f.hub.wait_for_run("demo", "a", ana, std::chrono::milliseconds(1), note));
  const auto ticket = f.hub.wait_for_run("demo", "b", ana, std::chrono::milliseconds(1), note);
  f.hub.stop_waiting(*ticket);
  f.io.run();
  CHECK(told == std::vector<std::string>{"gave up"});
  f.hub.stop_waiting(*ticket);
}

TEST_CASE("streams and waits of one user are bounded together, and others do not notice") {
  HubLimits limits;
  limits.per_holder = 2;
  Fixture f(limits);
  auto stream = *f.hub.subscribe({}, nullptr, ana);
  const auto wait = f.hub.wait_for_run("demo", "a", ana, std::chrono::seconds(60), [](auto) {});
  const auto third = f.hub.subscribe({}, nullptr, ana);
  REQUIRE_FALSE(third);
  CHECK(third.error().code == Errc::unavailable);
  CHECK(third.error().message.starts_with("user ana has 2 streams and waits open"));
  CHECK_FALSE(f.hub.wait_for_run("demo", "a", ana, std::chrono::seconds(60), [](auto) {}));
  CHECK(f.hub.subscribe({}, nullptr, "user bob"));
  f.hub.stop_waiting(*wait);
  const auto again = f.hub.subscribe({}, nullptr, ana);
  CHECK(again);
  stream.reset();
  CHECK(f.hub.wait_for_run("demo", "a", ana, std::chrono::seconds(60), [](auto) {}));
}

TEST_CASE("streams and waits leave a quarter of all connections to short requests") {
  CHECK(HubLimits{}.streams + HubLimits{}.waiters <= Limits{}.connections * 3 / 4);
}

TEST_CASE("waiting clients are bounded") {
  HubLimits limits;
  limits.waiters = 1;
  Fixture f(limits);
  CHECK(f.hub.wait_for_run("demo", "a", ana, std::chrono::seconds(60), [](const auto&) {}));
  CHECK_FALSE(f.hub.wait_for_run("demo", "a", ana, std::chrono::seconds(60), [](const auto&) {}));
}

}  // namespace batuta::http
