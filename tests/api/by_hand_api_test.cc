// DAGs, runs, task instances, XComs and pools by hand, one or many at a time.
#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "scheduler/api/codecs.h"
#include "tests/api/fake_services.h"

namespace batuta::http::by_hand_test {
namespace {

using nlohmann::json;

const std::string v2 = "/api/v2";
const std::string dag = v2 + "/dags/demo";
const std::string runs = dag + "/dagRuns";
const std::string done = runs + "/done";
const std::string first = done + "/taskInstances/first";

struct Api : TestApi {
  json patch(const std::string& path, const std::string& actions, int status = 200) {
    const auto answer = call(Method::patch, path, R"({"actions":[)" + actions + "]}");
    CAPTURE(answer.body);
    CHECK(answer.status == status);
    return body_of(answer);
  }
  void refuse(Errc code) {
    backend.answer = [code](const Event&) {
      Reply reply;
      reply.code = code;
      reply.message = "no";
      return reply;
    };
  }
  void add_clerk(std::string_view grants) {
    REQUIRE(registry.add_role({"clerk", "", *parse_grants(grants)}).ok());
    REQUIRE(registry.add_user("clerk", "clerk", "hash").ok());
    registry.token_rows["clerk-token"].user = "clerk";
  }
};

}  // namespace

// ---- DAGs

TEST_CASE(
    "a DAG is deleted by the engine, a long history before it in steps; then the folder is read") {
  Api api;
  CHECK(api.status(Method::del, dag) == 204);
  CHECK(api.last_event<DagDeleted>().some_runs == 0);
  CHECK(api.last_event<DagDeleted>().user == "admin");
  CHECK(api.folder_reads == std::vector{false});
  CHECK(api.status(Method::del, v2 + "/dags/none") == 404);
  for (int i = 0; i < 2100; ++i) api.history.run_rows.push_back(api.history.run_rows.back());
  api.backend.events.clear();
  CHECK(api.status(Method::del, dag) == 204);
  REQUIRE(api.backend.events.size() == 3);
  CHECK(std::get<DagDeleted>(api.backend.events[0]).some_runs == 1000);
  CHECK(std::get<DagDeleted>(api.backend.events[2]).some_runs == 0);
  api.refuse(Errc::conflict);
  CHECK(api.status(Method::del, dag) == 409);
  CHECK(api.folder_reads.size() == 2);
}

TEST_CASE("DAGs of a pattern are paused in one change, those that one may edit and no others") {
  Api api;
  api.history.dag_rows.push_back({"other", false, false, demo_dag()->version, std::nullopt, 0});
  api.history.dag_rows.push_back({"gone", false, true, demo_dag()->version, std::nullopt, 0});
  const std::string body = R"({"is_paused":true})";
  const auto all = body_of(api.call(Method::patch, v2 + "/dags?dag_id_pattern=~&limit=1", body));
  CHECK(all["total_entries"] == 2);
  CHECK(all["dags"].size() == 1);
  REQUIRE(api.backend.events.size() == 1);
  CHECK(api.last_event<PauseRequested>().dag_id == "demo");
  CHECK(api.last_event<PauseRequested>().more_dag_ids == std::vector<std::string>{"other"});
  // Without a pattern none is meant, as in Airflow.
  CHECK(body_of(api.call(Method::patch, v2 + "/dags?paused=false", body))["total_entries"] == 0);
  CHECK(api.backend.events.size() == 1);
  api.add_clerk("edit dag:oth*\nread dag:*");
  api.call(Method::patch, v2 + "/dags?dag_id_prefix_pattern=", body, "clerk");
  api.call(Method::patch, v2 + "/dags?dag_id_pattern=%25", body, "clerk");
  CHECK(api.last_event<PauseRequested>().dag_id == "other");
  CHECK(api.last_event<PauseRequested>().more_dag_ids.empty());
  CHECK(api.status(Method::patch, v2 + "/dags?update_mask=tags", body) == 400);
  CHECK(api.status(Method::patch, dag + "?update_mask=description", body) == 400);
  CHECK(api.status(Method::patch, v2 + "/dags?dag_id_pattern=~", "{}") == 422);
}

TEST_CASE("a favourite is one's own, made and given up once, and found in lists and details") {
  Api api;
  CHECK(api.get(dag + "/details")["is_favorite"] == false);
  CHECK(api.status(Method::post, dag + "/favorite", "", "viewer") == 204);
  CHECK(api.status(Method::post, dag + "/favorite", "", "viewer") == 409);
  const auto seen = [&](const std::string& role, const char* filter) {
    return body_of(
        api.call(Method::get, v2 + "/dags?is_favorite=" + filter, "", role))["total_entries"];
  };
  CHECK(seen("viewer", "true") == 1);
  CHECK(seen("viewer", "false") == 0);
  CHECK(seen("admin", "true") == 0);
  CHECK(body_of(api.call(Method::get, dag + "/details", "", "viewer"))["is_favorite"] == true);
  CHECK(api.registry.audit.back().event == "favorite_dag");
  CHECK(api.registry.audit.back().dag_id == "demo");
  CHECK(api.status(Method::post, dag + "/unfavorite", "", "viewer") == 204);
  CHECK(api.status(Method::post, dag + "/unfavorite", "", "viewer") == 409);
  CHECK(api.status(Method::post, v2 + "/dags/none/favorite") == 404);
}

TEST_CASE("a DAG's file is read again by its token, by who may edit all of its DAGs") {
  Api api;
  const std::string token = api.get(dag)["file_token"];
  const auto answer = api.call(Method::put, v2 + "/parseDagFile/" + token);
  CHECK(answer.status == 201);
  CHECK(answer.body == "null");
  CHECK(api.folder_reads == std::vector{true});
  CHECK(api.status(Method::put, v2 + "/parseDagFile/none") == 404);
  auto more = std::make_shared<Dag>(*demo_dag());
  more->id = "beside";
  api.backend.bag->dags["beside"] = more;
  api.add_clerk("edit dag:demo");
  CHECK(api.status(Method::put, v2 + "/parseDagFile/" + token, "", "clerk") == 403);
  CHECK(api.folder_reads.size() == 1);
}

// ---- runs

TEST_CASE(
    "runs are set, noted and deleted by one request, and the answer says what became of each") {
  Api api;
  const auto set = api.patch(runs, R"({"action":"update","entities":[
      {"dag_run_id":"done","state":"failed","note":"bad"},{"dag_run_id":"live","note":"look"}]})");
  CHECK(set["update"]["success"] == json{"demo.done", "demo.live"});
  const auto& change = std::get<RunStateRequested>(api.backend.events[0]);
  CHECK(change.state == DagRunState::failed);
  CHECK(change.note == "bad");
  CHECK(std::get<NoteSet>(api.backend.events[1]).note == "look");
  const auto gone =
      api.patch(runs, R"({"action":"delete","entities":["done",{"dag_run_id":"live"}]})");
  CHECK(gone["delete"]["success"].size() == 2);
  CHECK(api.last_event<RunDeleted>().dag_run_id == "live");
  const auto made = api.patch(runs, R"({"action":"create","entities":[{"dag_run_id":"x"}]})");
  CHECK(made["create"]["errors"][0]["status_code"] == 405);
  api.refuse(Errc::conflict);
  const auto refused = api.patch(runs, R"({"action":"delete","entities":["live"]})");
  CHECK(refused["delete"]["errors"][0]["status_code"] == 409);
  CHECK(refused["delete"]["success"].empty());
}

TEST_CASE("a run that is missing stops an action of many, unless it may be skipped") {
  Api api;
  const std::string both = R"("entities":["done","none"]})";
  const auto failed = api.patch(runs, R"({"action":"delete",)" + both);
  CHECK(failed["delete"]["errors"][0]["status_code"] == 404);
  CHECK(api.backend.events.empty());
  const auto skipped =
      api.patch(runs, R"({"action":"delete","action_on_non_existence":"skip",)" + both);
  CHECK(skipped["delete"]["success"] == json{"demo.done"});
  // With ~ each names its DAG.
  const std::string all = v2 + "/dags/~/dagRuns";
  const auto named = api.patch(all, R"({"action":"delete","entities":["done",
      {"dag_run_id":"done","dag_id":"demo"}]})");
  CHECK(named["delete"]["errors"][0]["status_code"] == 400);
  CHECK(named["delete"]["success"] == json{"demo.done"});
  api.patch(runs, R"({"action":"update","entities":[{"dag_run_id":"done","state":"running"}]})",
            422);
  api.patch(runs, R"({"action":"update","entities":["done"]})", 422);
}

TEST_CASE("each run of a request for many needs its right, or nothing is done") {
  Api api;
  api.add_clerk("edit dag:demo");
  const std::string body = R"({"actions":[{"action":"update","entities":[
      {"dag_run_id":"done","dag_id":"demo","note":"n"},{"dag_run_id":"r","dag_id":"other"}]}]})";
  CHECK(api.status(Method::patch, v2 + "/dags/~/dagRuns", body, "clerk") == 403);
  const std::string clear =
      R"({"dag_runs":[{"dag_run_id":"done","dag_id":"demo"},{"dag_run_id":"r","dag_id":"other"}]})";
  CHECK(api.status(Method::post, v2 + "/dags/~/clearDagRuns", clear, "clerk") == 403);
  CHECK(api.backend.events.empty());
}

TEST_CASE("runs are cleared together, and a dry run shows what would be") {
  Api api;
  api.backend.answer = [&](const Event&) {
    Reply reply;
    reply.tasks = {api.history.views[0].row};
    return reply;
  };
  const std::string path = dag + "/clearDagRuns";
  const std::string two = R"("dag_runs":[{"dag_run_id":"done"},{"dag_run_id":"live"},
      {"dag_run_id":"done"}])";
  const auto shown = body_of(api.call(Method::post, path, "{" + two + "}"));
  CHECK(shown["task_instances"].size() == 1);
  CHECK(api.last_event<ClearRequested>().dry_run);
  const auto real = body_of(api.call(
      Method::post, path, R"({"dry_run":false,"only_failed":true,"note":"n",)" + two + "}"));
  CHECK(real["dag_runs"].size() == 2);
  const auto& event = api.last_event<ClearRequested>();
  CHECK(event.dag_run_id == "done");
  REQUIRE(event.more_runs.size() == 1);
  CHECK(event.more_runs[0].dag_run_id == "live");
  CHECK(event.more_runs[0].dag_id == "demo");
  CHECK(event.run_note == "n");
  CHECK(event.only_failed);
  CHECK(body_of(api.call(Method::post, path, R"({"partition_key":"k"})"))["total_entries"] == 0);
  for (const auto& [body, status] : std::initializer_list<std::pair<std::string, int>>{
           {"{}", 422},
           {R"({"partition_key":"k",)" + two + "}", 422},
           {R"({"only_new":true,"only_failed":true,)" + two + "}", 422},
           {R"({"dag_runs":[{"dag_run_id":"done","dag_id":"other"}]})", 400},
           {R"({"dag_runs":["done"]})", 422}}) {
    const auto& of = body;  // Clang 14 keeps no structured binding
    CAPTURE(of);
    CHECK(api.status(Method::post, path, body) == status);
  }
  CHECK(api.status(Method::post, v2 + "/dags/~/clearDagRuns", "{" + two + "}") == 400);
  CHECK(api.status(Method::post, v2 + "/dags/~/clearDagRuns", R"({"partition_key":"k"})") == 400);
}

// ---- task instances

TEST_CASE("a path without an index means all instances of its task, one with an index that one") {
  Api api;
  const std::string body = R"({"new_state":"failed","note":"n"})";
  api.call(Method::patch, first, body);
  REQUIRE(api.backend.events.size() == 1);
  CHECK(api.last_event<MarkRequested>().all_instances);
  CHECK(api.last_event<MarkRequested>().note == "n");
  api.call(Method::patch, first + "/-1", body);
  CHECK_FALSE(api.last_event<MarkRequested>().all_instances);
  api.call(Method::patch, first + "?map_index=2", body);
  CHECK_FALSE(api.last_event<MarkRequested>().all_instances);
  CHECK(api.last_event<MarkRequested>().map_index == MapIndex{2});
  api.call(Method::patch, first, R"({"note":"n"})");
  CHECK(api.last_event<NoteSet>().all_instances);
}

TEST_CASE("a dry run of a mark shows what would become another, and changes nothing") {
  Api api;
  api.backend.answer = [&](const Event&) {
    Reply reply;
    reply.run = api.history.run_rows[1];
    reply.tasks = {api.history.views[2].row, api.history.views[3].row};
    reply.tasks[1].state = TaskState::failed;
    return reply;
  };
  const auto shown =
      body_of(api.call(Method::patch, first + "/dry_run", R"({"new_state":"failed"})"));
  CHECK(api.last_event<MarkRequested>().dry_run);
  CHECK(shown["total_entries"] == 1);
  CHECK(shown["task_instances"][0]["task_id"] == "first");
  const auto noted = body_of(api.call(Method::patch, first + "/-1/dry_run", R"({"note":"n"})"));
  CHECK(noted["task_instances"].size() == 1);
  CHECK(body_of(api.call(Method::patch, first + "/dry_run", "{}"))["total_entries"] == 1);
  CHECK(api.backend.events.size() == 1);
  CHECK(api.status(Method::patch, done + "/taskInstances/none/dry_run", "{}") == 404);
}

TEST_CASE("a task group is marked by its id, all of its instances at once") {
  Api api;
  const std::string group = done + "/taskGroupInstances/load";
  api.backend.answer = [&](const Event&) {
    Reply reply;
    reply.run = api.history.run_rows[1];
    reply.tasks = {api.history.views[2].row};
    return reply;
  };
  CHECK(body_of(api.call(Method::patch, group, R"({"new_state":"failed"})"))["total_entries"] == 1);
  const auto& mark = api.last_event<MarkRequested>();
  CHECK(mark.group_id == "load");
  CHECK(mark.task_id.empty());
  CHECK_FALSE(mark.dry_run);
  CHECK(api.status(Method::patch, group + "/dry_run", R"({"new_state":"success"})") == 200);
  CHECK(api.last_event<MarkRequested>().dry_run);
  CHECK(api.status(Method::patch, group, R"({"note":"n"})") == 422);
  api.refuse(Errc::not_found);
  CHECK(api.status(Method::patch, group, R"({"new_state":"failed"})") == 404);
}

TEST_CASE("a task instance is taken out of its run by the engine") {
  Api api;
  const auto answer = api.call(Method::del, first + "?map_index=3");
  CHECK(answer.status == 200);
  CHECK(answer.body == "null");
  CHECK(api.last_event<InstanceDeleted>().map_index == MapIndex{3});
  api.refuse(Errc::conflict);
  CHECK(api.status(Method::del, first) == 409);
}

TEST_CASE("task instances are marked, noted and deleted by one request") {
  Api api;
  const std::string path = done + "/taskInstances";
  const auto set = api.patch(path, R"({"action":"update","update_mask":["new_state"],"entities":[
      {"task_id":"first","new_state":"failed","note":"left out","include_downstream":true},
      {"task_id":"second","map_index":-1}]})");
  CHECK(set["update"]["success"] == json{"demo.done.first[-1]", "demo.done.second[-1]"});
  REQUIRE(api.backend.events.size() == 1);
  const auto& mark = api.last_event<MarkRequested>();
  CHECK(mark.all_instances);
  CHECK(mark.include_downstream);
  CHECK_FALSE(mark.note);
  const auto gone = api.patch(path, R"({"action":"delete","entities":["first"]})");
  CHECK(gone["delete"]["success"] == json{"demo.done.first[-1]"});
  CHECK(api.last_event<InstanceDeleted>().task_id == "first");
  const auto none = api.patch(path, R"({"action":"delete","entities":["first","nothing"]})");
  CHECK(none["delete"]["errors"][0]["status_code"] == 404);
  CHECK(api.backend.events.size() == 2);
  CHECK(api.patch(path, R"({"action":"create","entities":[{"task_id":"x"}]})")["create"]["errors"]
                                                                              [0]["status_code"] ==
        405);
  api.patch(path, R"({"action":"update","entities":[{"task_id":"first","new_state":"running"}]})",
            422);
  const auto wild =
      api.patch(v2 + "/dags/~/dagRuns/~/taskInstances", R"({"action":"update","entities":[
      {"task_id":"first"},{"task_id":"first","dag_id":"demo","dag_run_id":"live","note":"n"}]})");
  CHECK(wild["update"]["errors"][0]["status_code"] == 400);
  CHECK(wild["update"]["success"] == json{"demo.live.first[-1]"});
}

// ---- XComs

TEST_CASE(
    "an XCom is made, changed and deleted by the engine, which is told which instance it is of") {
  Api api;
  const std::string path = first + "/xcomEntries";
  const auto made = api.call(Method::post, path, R"({"key":"return_value","value":{"n":1}})");
  CHECK(made.status == 201);
  CHECK(body_of(made)["value"] == json{{"records", 42}});  // as the store has it
  const auto& event = api.last_event<XcomEdited>();
  CHECK(event.kind == XcomEdited::Kind::create);
  CHECK(event.value_json == R"({"n":1})");
  CHECK(event.instance == InstanceKey{RunSeq{1}, 0, unmapped});
  CHECK(api.status(Method::patch, path + "/return_value", R"({"value":null})") == 200);
  CHECK(api.last_event<XcomEdited>().value_json == "null");
  CHECK(api.status(Method::del, path + "/return_value") == 204);
  CHECK(api.last_event<XcomEdited>().kind == XcomEdited::Kind::remove);
  CHECK(api.status(Method::post, done + "/taskInstances/none/xcomEntries",
                   R"({"key":"k","value":1})") == 404);
  for (const std::string bad :
       {R"({"key":"k"})", R"({"value":1})", R"({"key":"","value":1})",
        R"({"key":"k","value":1,"map_index":-2})", R"({"key":"k","value":{"batuta:sealed":"x"}})",
        R"({"key":"k","value":{"batuta:file":{"bytes":1}}})"}) {
    CAPTURE(bad);
    CHECK(api.status(Method::post, path, bad) == 422);
  }
  const std::string large = R"({"key":"k","value":")" + std::string(65536, 'x') + "\"}";
  CHECK(api.status(Method::post, path, large) == 422);
  api.refuse(Errc::conflict);
  CHECK(api.status(Method::post, path, R"({"key":"k","value":1})") == 409);
}

// ---- pools

TEST_CASE("pools are made, changed and deleted by one request") {
  Api api;
  api.backend.view.pools.push_back({{"old", 3, "kept"}, 0, 0, 0, 0, 3});
  const auto all =
      api.patch(v2 + "/pools", R"({"action":"create","entities":[{"name":"new","slots":2}]},
      {"action":"update","update_mask":["slots"],
       "entities":[{"name":"old","slots":5,"description":"left out"}]},
      {"action":"delete","entities":["old"]})");
  CHECK(all["create"]["success"] == json{"new"});
  CHECK(all["update"]["success"] == json{"old"});
  CHECK(all["delete"]["success"] == json{"old"});
  REQUIRE(api.backend.events.size() == 3);
  CHECK(std::get<PoolSet>(api.backend.events[0]).create_only);
  const auto& changed = std::get<PoolSet>(api.backend.events[1]).pool;
  CHECK(changed.slots == 5);
  CHECK(changed.description == "kept");
  const std::string both = R"("entities":[{"name":"old","slots":1},{"name":"x","slots":1}]})";
  CHECK(api.patch(v2 + "/pools",
                  R"({"action":"create",)" + both)["create"]["errors"][0]["status_code"] == 409);
  CHECK(api.patch(v2 + "/pools",
                  R"({"action":"update",)" + both)["update"]["errors"][0]["status_code"] == 404);
  CHECK(api.backend.events.size() == 3);
  const auto over =
      api.patch(v2 + "/pools", R"({"action":"create","action_on_existence":"overwrite",)" + both);
  CHECK(over["create"]["success"] == json{"old", "x"});
  CHECK(std::get<PoolSet>(api.backend.events[3]).pool.description == "kept");
  api.patch(v2 + "/pools", R"({"action":"create","entities":[{"name":"a","slots":0}]})", 422);
  CHECK(api.status(Method::patch, v2 + "/pools", R"({"actions":[]})", "operator") == 403);
}

}  // namespace batuta::http::by_hand_test
