// What tasks ask people: Airflow's operations, who may answer, and with what.
#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "tests/api/fake_services.h"

namespace batuta::http::question_test {
namespace {

using nlohmann::json;

const std::string run = "/api/v2/dags/demo/dagRuns/live";
const std::string asked = run + "/taskInstances/first/-1/hitlDetails";
const std::string approve = R"({"chosen_options": ["Approve"], "params_input": {"n": 2}})";

// Its task `first` of the run `live` waits for an answer, as its second try; the first had one.
struct Asking : TestApi {
  Asking() {
    for (TaskInstanceView& view : history.views) {
      if (view.dag_run_id != "live" || view.task_id != "first") continue;
      view.row.state = TaskState::deferred;
      view.row.try_number = 2;
      TaskInstanceView older = view;
      older.row.try_number = 1;
      older.row.state = TaskState::success;
      history.older_tries.push_back(older);
      for (const std::int32_t number : {1, 2}) {
        QuestionView& question = history.question_rows.emplace_back();
        QuestionRow& row = question.row;
        row.run = view.row.run;
        row.try_number = number;
        row.subject = "Deploy?";
        row.body = "to *production*";
        row.options = {"Approve", "Reject"};
        row.defaults = {"Reject"};
        row.params_json =
            R"({"n":{"type":"integer","description":"how many"},"why":{"default":"because"}})";
        row.on_reject = OnReject::skip_next;
        row.created_at = now;
        row.deadline = now + std::chrono::hours(1);
        question.task = number == 1 ? older : view;
      }
      history.question_rows[0].answer =
          AnswerRow{view.row.run, 0, unmapped, 1, now, "ana", {"Reject"}, R"({"n":1})"};
    }
    backend.answer = [this](const Event& event) {
      const auto& given = std::get<QuestionAnswered>(event);
      Reply reply;
      AnswerRow& row = reply.answer.emplace();
      row.responded_at = now;
      row.responded_by = given.user;
      row.chosen_options = given.chosen_options;
      row.params_input_json = given.params_input_json;
      return reply;
    };
  }
  QuestionView& newest() { return history.question_rows[1]; }
  json answer(const std::string& body, int status, const std::string& role = "operator") {
    const Response response = call(Method::patch, asked, body, role);
    CHECK(response.status == status);
    return json::parse(response.body);
  }
  std::string refusal(const std::string& body, int status) {
    const std::size_t before = backend.events.size();
    const json told = answer(body, status);
    CHECK(backend.events.size() == before);
    return told["detail"].is_string() ? told["detail"].get<std::string>() : told["detail"].dump();
  }
};

}  // namespace

TEST_CASE("a question is shown as Airflow's, with its form, its task and its deadline") {
  Asking api;
  const json told = api.get(asked);
  CHECK(told["subject"] == "Deploy?");
  CHECK(told["body"] == "to *production*");
  CHECK(told["options"] == json{"Approve", "Reject"});
  CHECK(told["defaults"] == json{"Reject"});
  CHECK(told["multiple"] == false);
  CHECK(told["params"]["n"] ==
        json{{"value", nullptr}, {"description", "how many"}, {"schema", {{"type", "integer"}}}});
  CHECK(told["params"]["why"]["value"] == "because");
  CHECK(told["assigned_users"] == json::array());
  CHECK(told["response_received"] == false);
  CHECK(told["responded_by_user"] == nullptr);
  CHECK(told["task_instance"]["task_id"] == "first");
  CHECK(told["task_instance"]["state"] == "deferred");
  CHECK(told["batuta"]["deadline"] == "2026-11-20T13:00:00Z");
  CHECK(told["batuta"]["on_reject"] == "skip_next");
  CHECK(told["batuta"]["may_answer"] == true);
  const auto viewer = json::parse(api.call(Method::get, asked, "", "viewer").body);
  CHECK(viewer["batuta"]["may_answer"] == false);
}

TEST_CASE("a past try's question is there with its answer; what asked nothing is not found") {
  Asking api;
  const json told = api.get(asked + "/tries/1");
  CHECK(told["response_received"] == true);
  CHECK(told["responded_by_user"] == json{{"id", "ana"}, {"name", "ana"}});
  CHECK(told["chosen_options"] == json{"Reject"});
  CHECK(told["params_input"] == json{{"n", 1}});
  CHECK(told["task_instance"]["try_number"] == 1);
  CHECK(told["batuta"]["may_answer"] == false);
  CHECK(api.get(asked + "/tries/2")["response_received"] == false);
  CHECK(api.get(asked + "/tries/-1")["response_received"] == false);
  CHECK(api.status(Method::get, asked + "/tries/3") == 404);
  CHECK(api.status(Method::get, asked + "/tries/x") == 422);
  const std::string other = run + "/taskInstances/second/-1/hitlDetails";
  const Response nothing = api.call(Method::get, other);
  CHECK(nothing.status == 404);
  CHECK(nothing.body.find("does not exist") != std::string::npos);
  CHECK(api.status(Method::patch, other, approve) == 404);
  CHECK(api.status(Method::get, run + "/taskInstances/first/7/hitlDetails") == 404);
  CHECK(api.status(Method::get, run + "/taskInstances/first/x/hitlDetails") == 422);
  for (TaskInstanceView& view : api.history.views) view.row.state = TaskState::none;  // cleared
  CHECK(api.status(Method::get, asked) == 404);
}

TEST_CASE("an answer goes to the engine with the form filled, and comes back with who and when") {
  Asking api;
  const json told = api.answer(approve, 200);
  CHECK(told["responded_by"] == json{{"id", "operator"}, {"name", "operator"}});
  CHECK(told["responded_at"] == "2026-11-20T12:00:00Z");
  CHECK(told["chosen_options"] == json{"Approve"});
  CHECK(told["params_input"] == json{{"n", 2}, {"why", "because"}});
  const auto& event = api.last_event<QuestionAnswered>();
  CHECK(event.try_number == 2);
  CHECK(event.user == "operator");
  CHECK(event.key == api.newest().row.key());
}

TEST_CASE("a wrong answer is refused with what is wrong, and the question stays") {
  Asking api;
  CHECK(api.refusal(R"({"chosen_options": []})", 422).find("at least one") != std::string::npos);
  CHECK(api.refusal("{}", 422).find("chosen_options") != std::string::npos);
  CHECK(api.refusal(R"({"chosen_options": ["Approve"], "params_input": 1})", 422)
            .find("params_input") != std::string::npos);
  CHECK(api.refusal(R"({"chosen_options": ["Maybe"]})", 400) ==
        "Invalid options: \"Maybe\" is none of \"Approve\", \"Reject\"");
  CHECK(api.refusal(R"({"chosen_options": ["Approve", "Reject"]})", 400)
            .starts_with("Invalid options"));
  CHECK(api.refusal(R"({"chosen_options": ["Approve"], "params_input": {"n": "x"}})", 400) ==
        "/params_input/n: must be integer, not a text");
  CHECK(api.refusal(R"({"chosen_options": ["Approve"]})", 400).starts_with("/params_input/n: is "));
}

TEST_CASE("one answers who may edit the DAG and, where some are named, is one of them") {
  Asking api;
  CHECK(api.answer(approve, 403, "viewer")["detail"].is_string());
  api.newest().row.assigned_users = {"ana", "admin"};
  CHECK(api.refusal(approve, 403) ==
        "User=operator (id=operator) is not a respondent for the task.");
  CHECK(api.get(asked)["assigned_users"][0] == json{{"id", "ana"}, {"name", "ana"}});
  CHECK(json::parse(api.call(Method::get, asked, "", "operator").body)["batuta"]["may_answer"] ==
        false);
  api.answer(approve, 200, "admin");
}

TEST_CASE("a second answer is a conflict, at the door and when another was faster") {
  Asking api;
  SUBCASE("at the door: before who may, and before what is wrong with it") {
    api.newest().answer = api.history.question_rows[0].answer;
    CHECK(api.refusal(R"({"chosen_options": ["Maybe"]})", 409).find("ana answered") !=
          std::string::npos);
    api.newest().answer->responded_by.clear();
    CHECK(api.refusal(approve, 409).find("default was taken") != std::string::npos);
  }
  SUBCASE("to the question of an earlier try") {
    CHECK(api.refusal(R"({"chosen_options": ["Approve"], "try_number": 1})", 409)
              .find("try 2 of first has asked anew") != std::string::npos);
    api.answer(R"({"chosen_options": ["Approve"], "params_input": {"n": 2}, "try_number": 2})",
               200);
  }
  SUBCASE("in the engine") {
    api.backend.answer = [](const Event&) {
      Reply reply;
      reply.code = Errc::conflict;
      reply.message = "the task does not wait for this answer any more";
      return reply;
    };
    CHECK(api.answer(approve, 409)["detail"] == "the task does not wait for this answer any more");
  }
}

TEST_CASE("the list of questions passes on each of Airflow's filters") {
  Asking api;
  const json told = api.get(run + "/hitlDetails?response_received=false&state=awaiting_input");
  CHECK(told["total_entries"] == 1);  // that of the newest try
  CHECK(told["hitl_details"][0]["subject"] == "Deploy?");
  const QuestionQuery& query = api.history.last_question_query;
  CHECK(query.dag_id == "demo");
  CHECK(query.dag_run_id == "live");
  CHECK(query.response_received == false);
  CHECK(query.states == std::vector{TaskState::deferred});
  api.get(
      "/api/v2/dags/~/dagRuns/~/hitlDetails?subject_search=deploy&body_search=x&task_id=first"
      "&task_id_pattern=f&dag_id_pattern=d&dag_id_prefix_pattern=d&task_id_prefix_pattern=f"
      "&map_index=-1&responded_by_user_id=ana&responded_by_user_name=ana"
      "&created_at_gte=2026-01-01T00:00:00Z&order_by=-created_at&limit=1&offset=1");
  CHECK_FALSE(query.dag_id);
  CHECK_FALSE(query.response_received);
  CHECK(query.filters.size() == 11);
  CHECK(query.order_by == std::vector<std::string>{"-created_at"});
  CHECK(query.page.limit == 1);
  CHECK(api.get(run + "/hitlDetails?state=restarting")["hitl_details"].is_array());
  CHECK(query.states.empty());
  CHECK(query.filters.size() == 1);  // which nothing passes
  CHECK(api.status(Method::get, run + "/hitlDetails?state=nonsense") == 422);
  CHECK(api.status(Method::get, run + "/hitlDetails?order_by=nonsense") == 400);
  CHECK(api.status(Method::get, "/api/v2/dags/demo/dagRuns/none/hitlDetails") == 404);
}

}  // namespace batuta::http::question_test
