#include "scheduler/demo/simulation_config.h"

#include <doctest/doctest.h>

#include <chrono>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "common/safe_json.h"
#include "scheduler/demo/simulate.h"
#include "tests/demo/demo_fixture.h"

namespace batuta::demo {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

std::string refusal(const std::string& text) {
  const auto read = read_simulation_config(text);
  return read.ok() ? "taken" : read.error().message;
}

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("simulation settings: every member counts, and what is left out is as usual") {
  const auto whole = read_simulation_config(
      R"({"seed": 7, "size": 60, "days": 12, "first_day": "2026-04-06", "defects": 2.5,
          "speed": "x60", "interval": "15m", "rate": 0})");
  REQUIRE(whole.ok());
  CHECK(whole->options.seed == 7);
  CHECK(whole->options.size == 60);
  CHECK(whole->options.days == 12);
  CHECK(whole->options.first_day == std::chrono::sys_days(std::chrono::year(2026) / 4 / 6));
  CHECK(whole->options.defects == 2.5);
  CHECK(whole->pace.times == 60);
  CHECK(whole->pace.interval == minutes(15));
  const auto none = read_simulation_config("{}");
  REQUIRE(none.ok());
  CHECK(describe("users", none->options) == describe("users", {}));
  CHECK(none->options.days == SimulationOptions().days);
  CHECK(none->pace.at_once());
  CHECK(read_simulation_config(R"({"rate": 1000})")->per_second == 1000);
}

TEST_CASE("simulation settings: what is wrong is told by its name with what may stand there") {
  CHECK(has(refusal(R"({"sped": "x60"})"), "\"sped\" is none of seed, size, days, first_day"));
  CHECK(has(refusal(R"({"days": 0})"), "days must be a whole number from 1 to 260"));
  CHECK(has(refusal(R"({"size": 1.5})"), "size must be a whole number from 1 to 100000"));
  CHECK(has(refusal(R"({"defects": -1})"), "defects must be a number from 0 to 20"));
  CHECK(has(refusal(R"({"first_day": "2026-02-30"})"), "first_day must be a day"));
  CHECK(has(refusal(R"({"interval": "soon"})"), "interval must be a span of time"));
  CHECK(has(refusal(R"({"speed": "x60", "interval": "2d"})"), "interval must be 24h at most"));
  CHECK(has(refusal(R"({"interval": "15m"})"), "nothing waits then"));
  CHECK(has(refusal(R"({"speed": "x2", "rate": 10})"), "rate must be left out"));
  CHECK(has(refusal("[]"), "must be a JSON object"));
  CHECK(has(refusal("{"), "simulation: "));
}

TEST_CASE("simulation speed: at once, real time, and so many times faster") {
  CHECK(*parse_speed("at once") == 0);
  CHECK(*parse_speed("real time") == 1);
  CHECK(*parse_speed("x60") == 60);
  CHECK(*parse_speed("×0.5") == 0.5);
  for (const char* text : {"", "x", "60", "x-1", "x0", "x1e3", "x1.2.3", "x2000000", "fast"})
    CHECK_FALSE_MESSAGE(parse_speed(text).ok(), text);
}

TEST_CASE("simulation pace: what happens is there at its time, of an interval at its end") {
  SimulationPace pace;
  CHECK(pace.due(hours(100)) == Duration::zero());
  pace.times = 60;
  CHECK(pace.due(hours(1)) == minutes(1));
  CHECK(pace.due(-hours(1)) == Duration::zero());
  pace.interval = minutes(15);
  CHECK(pace.due(seconds(0)) == seconds(15));
  CHECK(pace.due(minutes(14)) == seconds(15));
  CHECK(pace.due(minutes(15)) == seconds(30));
  CHECK(pace.due(minutes(29)) == seconds(30));
}

TEST_CASE("simulation: a service has the records whose time has come, and no others") {
  SimulationOptions options;
  options.size = 5;
  options.days = 2;
  const auto simulation = make_simulation("brokerage", options);
  const auto served = [&](const http::Handler& handler) {
    http::Request request;
    request.path = "/v1/stockquotes";
    std::size_t rows = 0;
    for (std::string cursor = "0"; !cursor.empty();) {
      request.query = {{"cursor", cursor}};
      const auto answer = call(handler, request);
      REQUIRE(answer.status == 200);
      const auto page = *parse_untrusted(answer.body);
      rows += page["quotes"].size();
      cursor = page["next"].is_null() ? "" : page["next"].get<std::string>();
    }
    return rows;
  };
  const std::size_t all = served(simulation->handler());
  Time now = Time(options.first_day);
  const auto handler = simulation->handler_by([&](Time at) { return at <= now; });
  CHECK(served(handler) == 0);
  now += hours(24);
  const std::size_t of_a_day = served(handler);
  CHECK(of_a_day > 0);
  CHECK(of_a_day < all);
  now += hours(24);
  CHECK(served(handler) == all);
}

TEST_CASE("simulation: of the days those count that have ended") {
  SimulationOptions options;
  options.size = 5;
  options.days = 7;
  CHECK(days_until("users", options, at("2026-03-02T23:59:59Z")) == 0);
  CHECK(days_until("users", options, at("2026-03-03T00:00:00Z")) == 1);
  CHECK(days_until("users", options, at("2026-03-05T12:00:00Z")) == 3);
  CHECK(days_until("users", options, at("2030-01-01T00:00:00Z")) == 7);
}

TEST_CASE("simulation: of a real database tasks have a role of their own, which is no superuser") {
  int databases = 0;
  for (const std::string& pipeline : simulated_pipelines()) {
    const auto real = make_simulation(pipeline, {})->real_database();
    if (!real) continue;
    ++databases;
    INFO(pipeline);
    REQUIRE_FALSE(real->login.empty());
    const std::string script = script_with_role(*real, "s3cret");
    CHECK(has(script, "ALTER ROLE " + real->login +
                          " LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS "
                          "PASSWORD 's3cret';"));
    CHECK(has(script, "REVOKE ALL ON DATABASE " + real->database + " FROM PUBLIC;"));
    // The role is there before what the script makes, and what it may do is said behind it.
    CHECK(script.find("CREATE ROLE " + real->login) < script.find(real->script));
    CHECK(script.find(real->script) < script.find(real->grants));
    CHECK(has(real->grants, " TO " + real->login));
  }
  CHECK(databases == 2);
}

TEST_CASE("simulation: messages tell when they are sent, the late ones behind their time") {
  SimulationOptions options;
  options.size = 20;
  options.days = 3;
  for (const char* pipeline : {"brokerage", "ecommerce", "users"}) {
    const auto simulation = make_simulation(pipeline, options);
    std::size_t count = 0;
    simulation->messages([&](const SimulatedMessage& message) {
      ++count;
      CHECK(message.at >= Time(options.first_day));
      CHECK(message.at < simulation->ends() + hours(3));
      return true;
    });
    CHECK_MESSAGE(count > 0, pipeline);
  }
}

}  // namespace batuta::demo
