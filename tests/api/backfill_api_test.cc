// Airflow's operations of backfills, and ours: what is asked of the engine, what is answered.
#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "tests/api/fake_services.h"

namespace batuta::http::backfill_test {
namespace {

using nlohmann::json;

const std::string all = "/api/v2/backfills";
const std::string ours = "/api/batuta/backfills";

// It is noon of 2026-11-20.
json body(const json& more = json::object()) {
  json asked{{"dag_id", "demo"},
             {"from_date", "2026-11-20T00:00:00Z"},
             {"to_date", "2026-11-20T03:00:00Z"}};
  asked.update(more);
  return asked;
}

BackfillRow stored(std::int64_t id, const std::string& dag_id) {
  BackfillRow row;
  row.id = id;
  row.dag_id = dag_id;
  row.from_date = *parse_iso("2026-11-20T00:00:00Z");
  row.to_date = *parse_iso("2026-11-20T03:00:00Z");
  row.conf_json = R"({"x":1})";
  row.ticks = 4;
  row.done = 2;
  row.created_at = row.updated_at = *parse_iso("2026-11-20T11:00:00Z");
  row.user = "ana";
  return row;
}

// The engine says that it is done, with the backfill as it was asked for.
void accept_all(TestApi& api) {
  api.backend.answer = [](const Event& event) {
    Reply reply;
    if (const auto* asked = std::get_if<BackfillRequested>(&event))
      reply.backfill = asked->backfill;
    if (const auto* changed = std::get_if<BackfillChanged>(&event)) {
      reply.backfill = stored(changed->backfill, "demo");
      reply.backfill->is_paused = changed->kind == BackfillChanged::Kind::pause;
    }
    return reply;
  };
}

}  // namespace

TEST_CASE("a backfill is asked for with all that Airflow's body says, and its defaults") {
  TestApi api;
  accept_all(api);
  json answer = json::parse(api.call(Method::post, all, body().dump()).body);
  CHECK(answer["dag_id"] == "demo");
  CHECK(answer["max_active_runs"] == 10);
  CHECK(answer["reprocess_behavior"] == "none");
  CHECK(answer["dag_run_conf"].is_null());
  CHECK(answer["is_paused"] == false);
  CHECK(answer["completed_at"].is_null());
  const BackfillRow& plain = api.last_event<BackfillRequested>().backfill;
  CHECK(plain.latest_version);
  CHECK(!plain.run_backwards);
  CHECK(plain.user == "admin");
  const auto response = api.call(Method::post, all,
                                 body({{"max_active_runs", 3},
                                       {"reprocess_behavior", "failed"},
                                       {"run_backwards", true},
                                       {"run_on_latest_version", false},
                                       {"dag_run_conf", {{"start", "2026-11-19T00:00:00Z"}}}})
                                     .dump());
  REQUIRE_MESSAGE(response.status == 200, response.body);
  const BackfillRow& full = api.last_event<BackfillRequested>().backfill;
  CHECK(full.max_active_runs == 3);
  CHECK(full.reprocess == Reprocess::failed);
  CHECK(full.run_backwards);
  CHECK(!full.latest_version);
  CHECK(full.conf_json == R"({"start":"2026-11-19T00:00:00Z"})");
  CHECK(full.conf_start == parse_iso("2026-11-19T00:00:00Z"));
}

TEST_CASE("a body that cannot mean a backfill is refused, and the field is named") {
  TestApi api;
  const std::pair<json, const char*> wrong[] = {
      {{{"from_date", nullptr}}, "from_date"},
      {{{"to_date", "yesterday"}}, "to_date"},
      {{{"max_active_runs", 0}}, "max_active_runs"},
      {{{"max_active_runs", 1001}}, "max_active_runs"},
      {{{"reprocess_behavior", "all"}}, "reprocess_behavior"},
      {{{"dag_run_conf", "x"}}, "dag_run_conf"},
      {{{"run_backwards", "no"}}, "run_backwards"},
      {{{"unheard", 1}}, "unheard"},
  };
  for (const auto& [part, field] : wrong) {
    for (const std::string& path : {all, all + "/dry_run"}) {
      const auto answer = api.call(Method::post, path, body(part).dump());
      CHECK(answer.status == 422);
      CHECK_MESSAGE(answer.body.find(field) != std::string::npos, answer.body);
    }
  }
  for (const std::string& path : {all, all + "/dry_run"}) {
    CHECK(api.status(Method::post, path, body({{"dag_id", "nobody"}}).dump()) == 404);
    const auto near = api.call(Method::post, path, body({{"dag_id", "demmo"}}).dump());
    CHECK(near.status == 404);
    CHECK_MESSAGE(near.body.find("did you mean \\\"demo\\\"?") != std::string::npos, near.body);
    CHECK(api.status(Method::post, path, body().dump(), "viewer") == 403);
  }
  CHECK(api.backend.events.empty());
}

TEST_CASE("a dry run lists what would run, and what would be left alone, and why") {
  TestApi api;
  RunRow run = api.history.run_rows.front();
  const auto of = [&](const char* hour, const char* id, DagRunState state) {
    run.logical_date = parse_iso(std::string("2026-11-20T") + hour + ":00:00Z");
    run.dag_run_id = id;
    run.state = state;
    api.history.run_rows.push_back(run);
  };
  of("00", "good", DagRunState::success);
  of("01", "bad", DagRunState::failed);
  of("02", "busy", DagRunState::running);
  const json plan = json::parse(
      api.call(Method::post, all + "/dry_run", body({{"reprocess_behavior", "failed"}}).dump())
          .body);
  CHECK(plan["total_entries"] == 2);
  CHECK(plan["backfills"][0]["logical_date"] == "2026-11-20T01:00:00Z");
  CHECK(plan["backfills"][0]["partition_key"].is_null());
  CHECK(plan["backfills"][0]["batuta"] == json{{"action", "clear"}, {"dag_run_id", "bad"}});
  CHECK(plan["backfills"][1]["batuta"] ==
        json{{"action", "create"}, {"dag_run_id", "backfill__2026-11-20T03:00:00Z"}});
  CHECK(plan["batuta"]["ticks"] == 4);
  const json& left = plan["batuta"]["left_alone"];
  REQUIRE(left.size() == 2);
  CHECK(left[0]["reason"] == "already exists");
  CHECK(left[1]["reason"] == "in flight");
  CHECK(api.backend.events.empty());
  const auto large = api.call(Method::post, all + "/dry_run",
                              body({{"from_date", "2020-01-01T00:00:00Z"}}).dump());
  CHECK(large.status == 422);
  CHECK(large.body.find("more than 10000 runs") != std::string::npos);
}

TEST_CASE("backfills are listed, looked at and changed by those who may see and edit their DAG") {
  TestApi api;
  accept_all(api);
  api.history.backfill_rows = {stored(1, "demo"), stored(2, "other")};
  api.history.backfill_rows[1].phase = BackfillPhase::done;
  api.history.backfill_rows[1].completed_at = *parse_iso("2026-11-20T11:30:00Z");
  CHECK(api.get(all)["total_entries"] == 2);
  CHECK(api.get(all + "?unfinished=true")["backfills"][0]["id"] == 1);
  const json other = api.get(all + "?dag_id=other")["backfills"][0];
  CHECK(other["completed_at"] == "2026-11-20T11:30:00Z");
  CHECK(other["batuta"]["cancelled"] == true);
  CHECK(other["batuta"]["ended"] == true);
  const json one = api.get(all + "/1");
  CHECK(one["dag_run_conf"] == json{{"x", 1}});
  CHECK(one["batuta"]["done"] == 2);
  CHECK(one["batuta"]["triggering_user_name"] == "ana");
  CHECK(api.status(Method::get, all + "/9") == 404);
  CHECK(api.status(Method::get, all + "/x") == 422);
  for (const auto& [action, kind] : {std::pair{"/pause", BackfillChanged::Kind::pause},
                                     {"/unpause", BackfillChanged::Kind::unpause},
                                     {"/cancel", BackfillChanged::Kind::cancel}}) {
    CHECK(api.status(Method::put, all + "/1" + action) == 200);
    const auto& event = api.last_event<BackfillChanged>();
    CHECK(event.backfill == 1);
    CHECK(event.kind == kind);
    CHECK(event.user == "admin");
    CHECK(api.status(Method::put, all + "/1" + action, "", "viewer") == 403);
    CHECK(api.status(Method::put, all + "/9" + action) == 404);
  }
  api.backend.answer = [](const Event&) {
    Reply reply;
    reply.code = Errc::conflict;
    reply.message = "Backfill is already completed.";
    return reply;
  };
  CHECK(api.status(Method::put, all + "/2/cancel") == 409);
}

TEST_CASE("how far a backfill is, and what became of each tick") {
  TestApi api;
  api.history.backfill_rows = {stored(1, "demo")};
  api.history.tick_counts.outcomes = {{TickOutcome::created, 1}, {TickOutcome::exists, 1}};
  api.history.tick_counts.runs = {{DagRunState::running, 1}};
  api.history.tick_rows = {
      {{1, 1, *parse_iso("2026-11-20T00:00:00Z"), TickOutcome::exists, RunSeq{1}},
       "done",
       DagRunState::success},
      {{1, 2, *parse_iso("2026-11-20T01:00:00Z"), TickOutcome::created, RunSeq{9}}, "", {}}};
  const json progress = api.get(ours + "/1");
  CHECK(progress["batuta"]["outcomes"] == json{{"created", 1}, {"already exists", 1}});
  CHECK(progress["batuta"]["runs"] == json{{"running", 1}});
  const json ticks = api.get(ours + "/1/ticks?limit=10");
  CHECK(ticks["total_entries"] == 2);
  CHECK(ticks["ticks"][0]["outcome"] == "already exists");
  CHECK(ticks["ticks"][0]["dag_run_id"] == "done");
  CHECK(ticks["ticks"][1]["dag_run_id"].is_null());  // its run is gone
  CHECK(ticks["ticks"][1]["state"].is_null());
  CHECK(api.status(Method::get, ours + "/2/ticks") == 404);
}

}  // namespace batuta::http::backfill_test
