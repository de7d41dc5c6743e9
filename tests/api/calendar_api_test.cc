// A DAG by time: what ran, what is planned, which ticks had no run.
#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "scheduler/core/closed_days.h"
#include "tests/api/fake_services.h"

namespace batuta::http {
namespace {

using nlohmann::json;

const std::string calendar = "/api/batuta/dags/demo/calendar?at=";

void add_skip(TestApi& api, const std::string& dag_id, const std::string& extra) {
  EventLogView view;
  view.id = static_cast<std::int64_t>(api.history.event_rows.size()) + 100;
  view.row.event = "ticks_skipped";
  view.row.dag_id = dag_id;
  view.row.extra_json = extra;
  api.history.event_rows.push_back(view);
}

}  // namespace

TEST_CASE("a calendar counts runs by state and those that are planned, part by part") {
  TestApi api;
  const json body =
      api.get(calendar + "2026-11-20T00:00:00Z&at=2026-11-21T00:00:00Z&at=2026-11-22T00:00:00Z");
  REQUIRE(body["parts"].size() == 2);
  CHECK(body["dag_id"] == "demo");
  CHECK(body["parts"][0]["from"] == "2026-11-20T00:00:00Z");
  CHECK(body["parts"][0]["running"] == 1);  // the fake filters by state alone
  CHECK(body["parts"][0]["success"] == 1);
  CHECK(body["parts"][0]["failed"] == 0);
  CHECK(body["parts"][0]["planned"] == 11);  // 13:00 to 23:00
  CHECK(body["parts"][1]["planned"] == 24);
  CHECK(body["planned_more"] == false);
  CHECK(body["is_paused"] == false);
  const auto& filters = api.history.last_run_query.filters;
  REQUIRE(filters.size() == 2);
  CHECK(filters[0].field == "run_after");
  CHECK(filters[1].op == Filter::Op::lt);
  CHECK(api.history.last_run_query.page.limit == 0);
}

TEST_CASE("a calendar plans nothing of a DAG that is paused, nor behind its end") {
  TestApi api;
  const std::string day = calendar + "2026-11-21T00:00:00Z&at=2026-11-22T00:00:00Z";
  auto dag = std::make_shared<Dag>(*api.backend.bag->dags.at("demo"));
  dag->end_date = *parse_iso("2026-11-21T02:00:00Z");
  api.backend.bag->dags["demo"] = dag;
  CHECK(api.get(day)["parts"][0]["planned"] == 3);
  for (DagRow& row : api.history.dag_rows) row.is_paused = true;
  CHECK(api.get(day)["parts"][0]["planned"] == 0);
  CHECK(api.get(day)["is_paused"] == true);
}

TEST_CASE("a calendar plans nothing on a day that the schedule excludes") {
  TestApi api;
  auto dag = std::make_shared<Dag>(*api.backend.bag->dags.at("demo"));
  ClosedDays closed;
  const ZoneDay day = std::chrono::local_days(std::chrono::year(2026) / 11 / 21);
  closed.ranges = {{day, day}};
  dag->schedule.closed = std::make_shared<ClosedDays>(closed);
  api.backend.bag->dags["demo"] = dag;
  const json body =
      api.get(calendar + "2026-11-20T00:00:00Z&at=2026-11-21T00:00:00Z&at=2026-11-22T00:00:00Z" +
              "&at=2026-11-23T00:00:00Z");
  CHECK(body["parts"][0]["planned"] == 11);
  CHECK(body["parts"][1]["planned"] == 0);
  CHECK(body["parts"][2]["planned"] == 24);
}

TEST_CASE("a calendar of a far future says that it tells not all") {
  TestApi api;
  const json body = api.get(calendar + "2026-11-20T00:00:00Z&at=2036-11-20T00:00:00Z");
  CHECK(body["planned_more"] == true);
  CHECK(body["parts"][0]["planned"] == 5000);
}

TEST_CASE("a calendar of a far day alone counts that day, however much is planned before it") {
  TestApi api;
  const json body = api.get(calendar + "2030-11-20T00:00:00Z&at=2030-11-21T00:00:00Z");
  CHECK(body["planned_more"] == false);
  CHECK(body["parts"][0]["planned"] == 24);
}

TEST_CASE("a calendar tells which ticks had no run, and why, where they are in its time") {
  TestApi api;
  add_skip(
      api, "demo",
      R"({"count":3,"from":"2026-11-19T08:00:00Z","to":"2026-11-19T10:00:00Z","why":"paused"})");
  add_skip(api, "demo",
           R"({"count":9,"more":true,"from":"2026-10-01T08:00:00Z","to":"2026-10-02T10:00:00Z"})");
  add_skip(api, "demo", "not what such an event says");
  const json body = api.get(calendar + "2026-11-19T00:00:00Z&at=2026-11-20T00:00:00Z");
  REQUIRE(body["skipped"].size() == 1);
  CHECK(body["skipped"][0] == json{{"from", "2026-11-19T08:00:00Z"},
                                   {"to", "2026-11-19T10:00:00Z"},
                                   {"count", 3},
                                   {"more", false},
                                   {"why", "paused"}});
  CHECK(body["skipped_more"] == false);
}

TEST_CASE("a calendar is asked for between instants in their order, and not too many") {
  TestApi api;
  const std::string one = "2026-11-20T00:00:00Z";
  CHECK(api.status(Method::get, calendar + one) == 422);
  CHECK(api.status(Method::get, calendar + one + "&at=" + one) == 422);
  CHECK(api.status(Method::get, calendar + one + "&at=tomorrow") == 422);
  std::string many = one;
  for (int i = 1; i <= 61; ++i) {
    many += "&at=" + to_iso(*parse_iso(one) + std::chrono::hours(i));
  }
  CHECK(api.status(Method::get, calendar + many) == 422);
  CHECK(api.status(Method::get, "/api/batuta/dags/nothing/calendar?at=" + one) == 404);
}

}  // namespace batuta::http
