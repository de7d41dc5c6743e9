// Runs of chosen tasks, held runs, clears onto the newest version: what the API makes of a request.
#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "tests/api/fake_services.h"

namespace batuta::http::chosen_test {
namespace {

using nlohmann::json;

const std::string runs = "/api/v2/dags/demo/dagRuns";

struct Watched : TestApi {
  std::vector<Event> asked;
  Watched() {
    backend.answer = [this](const Event& event) {
      asked.push_back(event);
      Reply reply;
      reply.run = history.run_rows.front();
      return reply;
    };
  }
};

TEST_CASE("a trigger names the tasks that its run has alone") {
  Watched api;
  CHECK(api.status(Method::post, runs,
                   R"({"logical_date": null, "only": ["a", "b"], "only_with_upstream": true})",
                   "operator") == 200);
  REQUIRE(api.asked.size() == 1);
  const auto& event = std::get<RunRequested>(api.asked[0]);
  CHECK(event.only == std::vector<std::string>{"a", "b"});
  CHECK(event.with_upstream);
  for (const char* wrong : {R"({"only": []})", R"({"only": "a"})", R"({"only": [1]})",
                            R"({"only_with_upstream": true})"}) {
    CAPTURE(wrong);
    CHECK(api.status(Method::post, runs, wrong, "operator") >= 400);
  }
  CHECK(api.asked.size() == 1);
}

TEST_CASE("a run is held and let go by a PATCH, not together with a state") {
  Watched api;
  CHECK(api.status(Method::patch, runs + "/live", R"({"is_paused": true})", "operator") == 200);
  REQUIRE(api.asked.size() == 1);
  CHECK(std::get<RunStateRequested>(api.asked[0]).paused == true);
  CHECK(api.status(Method::patch, runs + "/live", R"({"is_paused": true, "state": "failed"})",
                   "operator") == 422);
  CHECK(api.status(Method::patch, runs + "/live", R"({"is_paused": true})", "viewer") == 403);
  CHECK(api.asked.size() == 1);
}

TEST_CASE("a clear takes one run to the newest version, never several at once") {
  Watched api;
  CHECK(api.status(Method::post, runs + "/live/clear",
                   R"({"dry_run": false, "run_on_latest_version": true})", "operator") == 200);
  REQUIRE(api.asked.size() == 1);
  CHECK(std::get<ClearRequested>(api.asked[0]).on_latest_version);
  CHECK_FALSE(std::get<ClearRequested>(api.asked[0]).keep_checkpoints);
  CHECK(api.status(Method::post, "/api/v2/dags/demo/clearTaskInstances",
                   R"({"start_date": "2020-01-01T00:00:00Z", "run_on_latest_version": true})",
                   "operator") == 422);
  CHECK(api.asked.size() == 1);
}

TEST_CASE("a clear keeps checkpoints where it is asked to") {
  Watched api;
  const std::string body = R"({"dry_run": false, "keep_checkpoints": true, "dag_run_id": "live"})";
  CHECK(api.status(Method::post, "/api/v2/dags/demo/clearTaskInstances", body, "operator") == 200);
  CHECK(api.status(Method::post, runs + "/live/clear",
                   R"({"dry_run": false, "keep_checkpoints": true})", "operator") == 200);
  REQUIRE(api.asked.size() == 2);
  for (const auto& asked : api.asked) CHECK(std::get<ClearRequested>(asked).keep_checkpoints);
}

}  // namespace
}  // namespace batuta::http::chosen_test
