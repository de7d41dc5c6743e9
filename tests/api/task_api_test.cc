#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "common/run_files.h"
#include "tests/api/fake_services.h"

namespace batuta::http {
namespace {

using nlohmann::json;

const std::string dag = "/api/v2/dags/demo";
const std::string live = dag + "/dagRuns/live/taskInstances";
const std::string done = dag + "/dagRuns/done/taskInstances";

void write_log(const TestApi& api, const std::string& run_uuid, const std::string& name,
               const std::string& text) {
  const std::string folder = api.home + "/logs/" + run_uuid;
  std::filesystem::create_directories(folder);
  std::ofstream(folder + "/" + name) << text;
}

}  // namespace

TEST_CASE("a log that lies on its worker's disk is fetched from there, window by window") {
  TestApi api;
  for (TaskInstanceView& view : api.history.views) view.row.worker = "far-away";
  for (int i = 0; i < 60'000; ++i) api.remote_log += "2026-11-20T12:00:00Z INFO far away\n";
  const std::string path = done + "/first/logs/2";
  TestApi::Extra plain;
  plain.headers = {{"accept", "text/plain"}};
  std::string whole, token;
  int windows = 0;
  do {
    const std::string query = token.empty() ? "" : "?token=" + token;
    const Response part = api.call(Method::get, path + query, "", "viewer", plain);
    whole += part.body;
    token.clear();
    for (const auto& [name, value] : part.headers) {
      if (name == "X-Continuation-Token") token = value;
    }
  } while (!token.empty() && ++windows < 10);
  CHECK(windows > 1);
  CHECK(whole == api.remote_log);
  api.remote_log.clear();
  const json none = api.get(path);
  REQUIRE(none["content"].size() == 1);
  CHECK(none["content"][0]["event"].get<std::string>().find("No log is kept") == 0);
}

TEST_CASE("task instances are listed with what their task says, publishing shown as running") {
  TestApi api;
  const auto body = api.get(live);
  CHECK(body["total_entries"] == 2);
  const auto& first = body["task_instances"][0];
  CHECK(first["state"] == "running");
  CHECK(first["batuta"]["state"] == "publishing");
  CHECK(first["operator"] == "shell");
  CHECK(first["pool"] == "default_pool");
  CHECK(body["task_instances"][1]["state"].is_null());
  CHECK(api.get(dag + "/dagRuns/~/taskInstances")["total_entries"] == 4);
  CHECK(api.status(Method::get, dag + "/dagRuns/nothing/taskInstances") == 404);
  CHECK(api.status(Method::get, live + "?state=asleep") == 422);
  CHECK(api.get(live + "/first")["id"] == first["id"]);
  CHECK(api.status(Method::get, live + "/third") == 404);
}

TEST_CASE("every try of a task instance can be read") {
  TestApi api;
  const auto tries = api.get(done + "/first/tries");
  CHECK(tries["total_entries"] == 2);
  CHECK(tries["task_instances"][0]["try_number"] == 1);
  CHECK(api.get(done + "/first/tries/2")["state"] == "success");
  CHECK(api.status(Method::get, done + "/first/tries/3") == 404);
  CHECK(api.status(Method::get, done + "/first/tries/9223372036854775808") == 422);
}

TEST_CASE("of one task instance its checkpoint is told, as it was left") {
  TestApi api;
  CHECK_FALSE(api.get(done + "/first")["batuta"].contains("checkpoint"));
  const TaskInstanceRow& row = api.history.views.at(0).row;
  api.history.checkpoint_row = CheckpointRow{
      row.run, row.task, row.map_index, 2, *parse_iso("2026-05-01T12:00:00Z"), R"({"page":7})"};
  const json told = api.get("/api/v2/dags/" + api.history.views[0].dag_id + "/dagRuns/" +
                            api.history.views[0].dag_run_id + "/taskInstances/" +
                            api.history.views[0].task_id)["batuta"]["checkpoint"];
  CHECK(told ==
        json{{"try_number", 2}, {"saved_at", "2026-05-01T12:00:00Z"}, {"value", {{"page", 7}}}});
}

TEST_CASE("what blocks a task is told") {
  TestApi api;
  const auto body = api.get(live + "/second/dependencies");
  CHECK(body["dependencies"][0]["name"] == "Worker");
  CHECK(api.status(Method::get, live + "/third/dependencies") == 404);
}

TEST_CASE("marking asks the scheduler; only ends can be marked") {
  TestApi api;
  const auto response = api.call(Method::patch, live + "/first",
                                 R"({"new_state":"success","include_downstream":true})");
  CHECK(response.status == 200);
  CHECK(body_of(response)["task_instances"][0]["task_id"] == "first");
  CHECK(api.last_event<MarkRequested>().include_downstream);
  CHECK(api.status(Method::patch, live + "/first", R"({"new_state":"failed","note":"n"})") == 200);
  CHECK(api.last_event<MarkRequested>().note == "n");
  CHECK(api.status(Method::patch, live + "/first", R"({"new_state":"running"})") == 422);
  CHECK(api.status(Method::patch, live + "/first", R"({"new_state":"failed","fence":1})") == 422);
  CHECK(api.status(Method::patch, live + "/first", "{}") == 422);
}

TEST_CASE("a mark reaches the runs before and after in one request") {
  TestApi api;
  api.backend.answer = [&api](const Event&) {
    Reply reply;
    reply.run = api.history.run_rows[1];
    reply.tasks = {api.history.views[2].row, api.history.views[0].row};
    return reply;
  };
  const auto response =
      api.call(Method::patch, done + "/first", R"({"new_state":"success","include_future":true})");
  REQUIRE(response.status == 200);
  CHECK(body_of(response)["total_entries"] == 2);
  CHECK(body_of(response)["task_instances"][1]["dag_run_id"] == "live");
  const auto date = api.history.run_rows[1].run_after;
  CHECK(api.history.last_run_query.date.gte == date);
  CHECK_FALSE(api.history.last_run_query.date.lte);
  const auto& event = api.last_event<MarkRequested>();
  CHECK(event.dag_run_id == "done");
  REQUIRE(event.more_runs.size() == 1);
  CHECK(event.more_runs[0].dag_run_id == "live");
  CHECK(api.status(Method::patch, dag + "/dagRuns/none/taskInstances/first",
                   R"({"new_state":"success","include_past":true})") == 404);
}

TEST_CASE("instances of a mapped task are listed, and each is found under its index") {
  TestApi api;
  CHECK(api.status(Method::get, done + "/first/listMapped") == 404);  // it is not mapped
  CHECK(api.status(Method::get, done + "/nobody/listMapped") == 404);
  CHECK(api.status(Method::get, dag + "/dagRuns/none/taskInstances/first/listMapped") == 404);
  auto& views = api.history.views;
  views[2].row.map_index = MapIndex{0};
  views[2].row.map_name = "Natal";
  auto second = views[2];
  second.row.map_index = MapIndex{1};
  views.push_back(second);
  const auto listed = api.get(done + "/first/listMapped");
  REQUIRE(listed["total_entries"] == 2);
  CHECK(listed["task_instances"][0]["rendered_map_index"] == "Natal");
  CHECK(listed["task_instances"][1]["map_index"] == 1);
  CHECK(api.get(done + "/first/1")["map_index"] == 1);
  CHECK(api.get(done + "/first/1/tries")["task_instances"].back()["map_index"] == 1);
  CHECK(api.status(Method::get, done + "/first/2") == 404);
  CHECK(api.status(Method::get, done + "/first/x") == 422);
  CHECK(api.status(Method::get, done + "/first") == 404);  // -1: there is none any more
  api.backend.answer = [](const Event&) { return Reply{}; };
  api.call(Method::patch, done + "/first/1", R"({"new_state":"success"})");
  CHECK(api.last_event<MarkRequested>().map_index == MapIndex{1});
}

TEST_CASE("a clear is dry unless said otherwise, and returns what it touches") {
  TestApi api;
  api.backend.answer = [&api](const Event&) {
    Reply reply;
    reply.run = api.history.run_rows[1];
    reply.tasks = {api.history.views[3].row};
    return reply;
  };
  const auto response = api.call(Method::post, dag + "/clearTaskInstances",
                                 R"({"dag_run_id":"done","task_ids":["second",["first",-1]]})");
  CHECK(response.status == 200);
  CHECK(body_of(response)["task_instances"][0]["task_id"] == "second");
  const auto& event = api.last_event<ClearRequested>();
  CHECK(event.dry_run);
  CHECK(event.only_failed);
  CHECK(event.task_ids == std::vector<std::string>{"second", "first"});
  CHECK(event.map_indexes == std::vector<std::optional<MapIndex>>{std::nullopt, unmapped});
  for (const char* bad :
       {"{}", R"({"dag_run_id":"done","task_ids":"first"})",
        R"({"dag_run_id":"done","start_date":"2026-11-20T00:00:00Z"})",
        R"({"dag_run_id":"done","task_ids":[]})",
        R"({"dag_run_id":"done","task_ids":[["first",-2]]})",
        R"({"dag_run_id":"done","task_ids":[["first",100001]]})",
        R"({"dag_run_id":"done","task_ids":[["first","x"]]})",
        R"({"dag_run_id":"done","only_failed":true,"only_running":true})",
        R"({"end_date":"2026-11-20T00:00:00Z","start_date":"2026-11-21T00:00:00Z"})",
        R"({"dag_run_id":"done","dry_run":"no"})"}) {
    CAPTURE(bad);
    CHECK(api.status(Method::post, dag + "/clearTaskInstances", bad) == 422);
  }
}

TEST_CASE("a clear of the runs before and after a run, or between two dates, is one request") {
  TestApi api;
  api.backend.answer = [&api](const Event&) {
    Reply reply;
    reply.run = api.history.run_rows[0];
    reply.tasks = {api.history.views[0].row, api.history.views[3].row};
    return reply;
  };
  const auto clear = [&](const std::string& body) {
    return api.call(Method::post, dag + "/clearTaskInstances", body);
  };
  const auto response = clear(R"({"dag_run_id":"done","include_past":true,"only_running":true,
                                  "prevent_running_task":true,"reset_dag_runs":false})");
  REQUIRE(response.status == 200);
  CHECK(body_of(response)["task_instances"][0]["dag_run_id"] == "live");
  CHECK(body_of(response)["task_instances"][1]["dag_run_id"] == "done");
  const auto date = api.history.run_rows[1].run_after;
  CHECK_FALSE(api.history.last_run_query.date.gte);
  CHECK(api.history.last_run_query.date.lte == date);
  const auto& event = api.last_event<ClearRequested>();
  CHECK(event.dag_run_id == "live");
  REQUIRE(event.more_runs.size() == 1);
  CHECK(event.more_runs[0].dag_run_id == "done");
  CHECK_FALSE(event.only_failed);
  CHECK(event.prevent_running);
  CHECK_FALSE(event.reset_dag_runs);
  CHECK(clear(R"({"dag_run_id":"done","include_future":true})").status == 200);
  CHECK(api.history.last_run_query.date.gte == date);
  CHECK_FALSE(api.history.last_run_query.date.lte);
  CHECK(
      clear(R"({"start_date":"2026-11-19T00:00:00Z","end_date":"2026-11-21T00:00:00Z"})").status ==
      200);
  CHECK(api.history.last_run_query.date.gte == parse_iso("2026-11-19T00:00:00Z"));
  CHECK(api.history.last_run_query.date.lte == parse_iso("2026-11-21T00:00:00Z"));
  CHECK(clear(R"({"dag_run_id":"nothing","include_past":true})").status == 404);
}

TEST_CASE("a clear over too many runs says how to narrow it") {
  TestApi api;
  for (int n = 0; n < 1000; ++n) api.history.run_rows.push_back(api.history.run_rows[0]);
  const auto response = api.call(Method::post, dag + "/clearTaskInstances",
                                 R"({"start_date":"2026-11-19T00:00:00Z"})");
  CHECK(response.status == 422);
  CHECK(response.body.find("narrow start_date and end_date") != std::string::npos);
  CHECK(api.backend.events.empty());
}

TEST_CASE("returned values are read as JSON or as text") {
  TestApi api;
  CHECK(api.get(done + "/first/xcomEntries")["xcom_entries"][0]["key"] == "return_value");
  CHECK(api.get(done + "/first/xcomEntries/return_value")["value"]["records"] == 42);
  CHECK(api.get(done + "/first/xcomEntries/return_value?stringify=true")["value"] ==
        R"({"records":42})");
  CHECK(api.status(Method::get, done + "/first/xcomEntries/other") == 404);
  CHECK(api.status(Method::get, done + "/second/xcomEntries/return_value") == 404);
}

TEST_CASE("a returned value that is a file is read whole, a large one as a stream") {
  TestApi api;
  const std::string uuid = api.history.views.back().run_uuid;
  const auto returned = [&](std::int64_t fence, const std::string& value) {
    const ResultFile file{static_cast<std::int64_t>(value.size()), unmapped, fence};
    const std::string path = result_path(api.home, uuid, "first", file);
    std::filesystem::create_directories(std::filesystem::path(path).parent_path());
    std::ofstream(path) << value;
    api.history.xcom_rows.front().value_json = to_text(file);
    return path;
  };
  const std::string entry = done + "/first/xcomEntries/return_value";
  const auto whole = [&](const std::string& target) {
    Response answer = api.call(Method::get, target);
    REQUIRE(answer.status == 200);
    std::string body = answer.body;
    while (answer.stream && !answer.stream->ended()) body += answer.stream->next();
    return json::parse(body);
  };
  returned(1, "[1, \"\\n\"]");
  CHECK(whole(entry)["value"] == json{1, "\n"});
  CHECK(whole(entry)["key"] == "return_value");
  CHECK(whole(entry + "?stringify=true")["value"] == "[1, \"\\n\"]");
  const std::string large = "[\n\"" + std::string(2'000'000, 'x') + "\"]";
  const std::string path = returned(2, large);
  CHECK(api.call(Method::get, entry).stream != nullptr);
  CHECK(whole(entry)["value"] == json::parse(large));
  CHECK(whole(entry + "?stringify=true")["value"] == large);
  returned(3, "\"" + std::string(2'000'000, 'x') + "\"");
  CHECK(whole(entry + "?stringify=true")["value"] == std::string(2'000'000, 'x'));
  // Removed while it is read: what was sent is no JSON, so that nobody takes it for the whole.
  Response broken = api.call(Method::get, entry);
  std::string body = broken.stream->next() + broken.stream->next();
  std::filesystem::remove_all(api.home + "/results");
  while (!broken.stream->ended()) body += broken.stream->next();
  CHECK_FALSE(json::accept(body));
  CHECK(api.status(Method::get, entry) == 404);
}

TEST_CASE(
    "what a try told of its data is read by its number, or of the newest that told anything") {
  TestApi api;
  const std::string of = "/api/batuta/dags/demo/dagRuns/done/taskInstances";
  api.history.report_rows = {{{RunSeq{1}, 0, unmapped, 3},
                              1,
                              R"({"quality":[{"rule":"r","failed":2}],"lineage":[{"to":"t"}]})"},
                             {{RunSeq{1}, 0, unmapped, 4}, 2, R"({"lineage":"not a list"})"}};
  const auto first = api.get(of + "/first/report?try_number=1");
  CHECK(first["try_number"] == 1);
  CHECK(first["quality"][0]["failed"] == 2);
  CHECK(first["lineage"][0]["to"] == "t");
  CHECK(api.get(of + "/first/report") ==
        json{{"try_number", 2}, {"quality", json::array()}, {"lineage", json::array()}});
  const auto detail = [&](const std::string& path) {
    const Response answer = api.call(Method::get, of + path);
    CHECK(answer.status == 404);
    return json::parse(answer.body)["detail"].get<std::string>();
  };
  CHECK(detail("/first/report?try_number=3") ==
        "try 3 of this task instance reported nothing about quality or lineage");
  CHECK(detail("/second/report") ==
        "no try of this task instance reported anything about quality or lineage");
  CHECK(detail("/nobody/report") == "no such task instance");
  for (const char* wrong : {"0", "-1", "one", "99999999999"})
    CHECK(api.status(Method::get, of + "/first/report?try_number=" + wrong) == 422);
  // Who says so is not refused for a try that told nothing; a task that is not there stays unknown.
  const json none{{"try_number", nullptr}, {"quality", json::array()}, {"lineage", json::array()}};
  CHECK(api.get(of + "/first/report?try_number=3&allow_none=true") == none);
  CHECK(api.get(of + "/second/report?allow_none=true") == none);
  CHECK(api.get(of + "/first/report?try_number=1&allow_none=true") == first);
  CHECK(detail("/second/report?allow_none=false") ==
        "no try of this task instance reported anything about quality or lineage");
  CHECK(detail("/nobody/report?allow_none=true") == "no such task instance");
  CHECK(api.status(Method::get, of + "/first/report?allow_none=perhaps") == 422);
}

TEST_CASE("a log is read as structured lines, as text, and followed by its token") {
  TestApi api;
  const auto uuid = api.history.views[2].run_uuid;
  write_log(api, uuid, "0-2.log", "2026-11-20T10:00:00Z INFO hello\nplain\n");
  const auto body = api.get(done + "/first/logs/2");
  CHECK(body["content"].size() == 2);
  CHECK(body["content"][0]["event"] == "hello");
  CHECK(body["content"][0]["level"] == "info");
  CHECK(body["content"][1]["timestamp"].is_null());
  CHECK(body["continuation_token"].is_null());
  TestApi::Extra plain;
  plain.headers = {{"accept", "text/plain"}};
  CHECK(api.call(Method::get, done + "/first/logs/2", "", "viewer", plain).body ==
        "2026-11-20T10:00:00Z INFO hello\nplain\n");
  const auto running = api.history.views[0].run_uuid;
  write_log(api, running, "0-1.log", "one\n");
  const auto first = api.get(live + "/first/logs/1");
  CHECK(first["continuation_token"] == "4");
  write_log(api, running, "0-1.log", "one\ntwo\n");
  CHECK(api.get(live + "/first/logs/1?token=4")["content"][0]["event"] == "two");
}

TEST_CASE("the log of a try that was refused or came too late does not end as a success") {
  TestApi api;
  const auto uuid = api.history.views[2].run_uuid;
  auto& row = api.history.older_tries[0].row;
  row.state = TaskState::up_for_retry;
  row.reason = "conflict: silver/t was read at version 4 and is at 5";
  TestApi::Extra plain;
  plain.headers = {{"accept", "text/plain"}};
  const auto told = [&](const std::string& path) {
    return api.call(Method::get, done + path, "", "viewer", plain).body;
  };
  for (const std::string how : {"success", "tables handed in"}) {
    const std::string text =
        "2026-11-20T10:00:00Z INFO Attempt ended: " + how + ", exit code 0, peak memory 1.0 MiB\n";
    write_log(api, uuid, "0-1.log", text);
    const std::string whole = told("/first/logs/1");
    CHECK(whole.starts_with(text));
    CHECK(whole.ends_with(
        " ERROR Try ended up_for_retry: conflict: silver/t was read at version 4 and is at 5\n"));
    // Whoever has followed the log so far gets the line too, once.
    const std::string rest = told("/first/logs/1?token=" + std::to_string(text.size()));
    CHECK(whole == text + rest);
  }
  const std::string failed =
      "2026-11-20T10:00:00Z ERROR Attempt ended: failed (no), exit code 1, peak memory 1.0 MiB\n";
  write_log(api, uuid, "0-1.log", failed);
  CHECK(told("/first/logs/1") == failed);
  write_log(api, uuid, "0-2.log",
            "2026-11-20T10:00:00Z INFO Attempt ended: tables handed in, exit code 0\n");
  CHECK(told("/first/logs/2").ends_with(" INFO Tables published\n"));
}

TEST_CASE("a total that was not counted to its end says so, and pages go on while they are full") {
  TestApi api;
  const std::string all = "/api/v2/dags/~/dagRuns/~/taskInstances";
  const std::int64_t total = api.get(all)["total_entries"];
  CHECK(api.get(all)["total_entries_limit"].is_null());
  const std::string page = all + "?cursor=&limit=" + std::to_string(total);
  CHECK(api.get(page)["next_cursor"].is_null());
  api.history.total_is_least = true;
  const auto least = api.get(page);
  CHECK(least["total_entries"] == total);
  CHECK(least["total_entries_limit"] == total);
  CHECK_FALSE(least["next_cursor"].is_null());
}

TEST_CASE("a try that left no log tells how it ended") {
  TestApi api;
  api.history.older_tries[0].row.signal = 9;
  api.history.older_tries[0].row.reason = "killed by signal 9";
  const auto body = api.get(done + "/first/logs/1");
  const std::string line = body["content"][0]["event"];
  CHECK(line.find("signal 9") != std::string::npos);
  CHECK(line.find("exit code") == std::string::npos);
  CHECK(api.get(done + "/first/tries/1")["batuta"]["exit_code"].is_null());
  CHECK(body["content"][0]["level"] == "error");
  CHECK(body["continuation_token"].is_null());
}

TEST_CASE("wrong tokens and tries of a log are refused") {
  TestApi api;
  for (const char* token : {"-1", "9223372036854775808", "abc", "1x"}) {
    CAPTURE(token);
    CHECK(api.status(Method::get, done + "/first/logs/2?token=" + std::string(token)) == 422);
  }
  CHECK(api.status(Method::get, done + "/first/logs/7") == 404);
  CHECK(api.status(Method::get, done + "/first/logs/-1") == 422);
}

}  // namespace batuta::http
