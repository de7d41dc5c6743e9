// What the page alone asks for: the grid and the home.
#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "scheduler/dagfile/dag_parser.h"
#include "tests/api/fake_services.h"

namespace batuta::http {
namespace {

using nlohmann::json;

const std::string grid = "/api/batuta/dags/demo/grid";

json run_of(const json& body, const std::string& id) {
  for (const json& run : body["runs"]) {
    if (run["dag_run_id"] == id) return run;
  }
  return nullptr;
}

}  // namespace

TEST_CASE("the grid has a byte for each task and run") {
  TestApi api;
  const json body = api.get(grid);
  CHECK(body["tasks"][0]["task_id"] == "first");
  CHECK(body["tasks"][1]["is_mapped"] == true);
  CHECK(body["tasks"][1]["is_gone"] == false);
  CHECK(body["total_runs"] == 2);
  const json live = run_of(body, "live");
  CHECK(live["cells"] == "r-");  // what is being published looks like running
  CHECK(live["state"] == "running");
  CHECK(live["run_type"] == "manual");
  CHECK(live["version_number"] == 1);
  CHECK(run_of(body, "done")["cells"].get<std::string>()[0] == 's');
  CHECK(api.history.last_run_query.order_by == std::vector<std::string>{"-run_after"});
  CHECK(api.history.last_run_query.page.limit == 50);
}

TEST_CASE("a mapped task's cell is its worst instance, and all of them are counted") {
  TestApi api;
  TaskInstanceView some;
  for (const TaskInstanceView& view : api.history.views) {
    if (view.dag_run_id == "done" && view.task_id == "second") some = view;
  }
  std::erase_if(api.history.views, [&](const TaskInstanceView& view) {
    return view.row.run == some.row.run && view.row.task == 1;
  });
  const TaskState states[] = {TaskState::success, TaskState::failed, TaskState::success};
  for (std::int32_t i = 0; i < 3; ++i) {
    some.row.map_index = MapIndex{i};
    some.row.state = states[i];
    api.history.views.push_back(some);
  }
  const json done = run_of(api.get(grid), "done");
  CHECK(done["cells"] == "sf");
  CHECK(done["mapped"]["1"] == json{{"success", 2}, {"failed", 1}});
}

// The run "done" was of this version of the DAG, its seventh.
void run_of_older_version(TestApi& api, const char* text) {
  auto parsed = parse_dag_file(text, "demo.json", ".", {});
  REQUIRE(parsed.dag);
  DagVersionView older;
  older.version = parsed.dag->version;
  older.number = 7;
  older.dag_id = "demo";
  older.canonical_json = parsed.dag->canonical_json;
  api.history.older_versions.push_back(older);
  for (RunRow& run : api.history.run_rows) {
    if (run.dag_run_id == "done") run.dag_version = older.version;
  }
}

TEST_CASE(
    "the grid keeps rows of tasks that only older versions have, and blanks what a run had not") {
  TestApi api;
  run_of_older_version(api, R"({"dag_id": "demo", "tasks": [
      {"task_id": "gone", "type": "shell", "command": "true"},
      {"task_id": "second", "type": "mock", "depends_on": ["gone"]}]})");
  const json body = api.get(grid);
  REQUIRE(body["tasks"].size() == 3);
  CHECK(body["tasks"][2]["task_id"] == "gone");
  CHECK(body["tasks"][2]["is_gone"] == true);
  const std::string cells = run_of(body, "done")["cells"];
  CHECK(cells[0] == ' ');
  CHECK(cells[2] == 's');  // the first task of that version
  CHECK(run_of(body, "done")["version_number"] == 7);
  CHECK(run_of(body, "live")["cells"] == "r- ");
}

TEST_CASE("the grid tells in which groups its tasks stand, by the newest version that has them") {
  TestApi api;
  run_of_older_version(api, R"({"dag_id": "demo",
      "task_groups": {"load": {"display_name": "Load"}, "inner": {"parent": "load"}, "empty": {}},
      "tasks": [
      {"task_id": "gone", "type": "shell", "command": "true", "group": "inner"},
      {"task_id": "second", "type": "mock", "display_name": "The second", "group": "empty"}]})");
  const json body = api.get(grid);
  CHECK(body["tasks"][1]["task_id"] == "second");
  CHECK(body["tasks"][1]["group"].is_null());  // the newest version has it outside
  CHECK(body["tasks"][2]["group"] == "inner");
  CHECK(body["groups"] ==
        json{{{"group_id", "inner"}, {"parent", "load"}},
             {{"group_id", "load"}, {"parent", nullptr}, {"display_name", "Load"}}});
  const json tasks = api.get("/api/v2/dags/demo/tasks?version_number=7");
  CHECK(tasks["batuta"]["groups"].size() == 3);
  CHECK(tasks["batuta"]["groups"][1]["parent"] == "load");
  CHECK(tasks["batuta"]["groups"][2]["display_name"] == "Load");
}

TEST_CASE("the grid reads the runs that it is asked for") {
  TestApi api;
  api.get(grid + "?runs=7&offset=3&dag_run_id=done");
  const RunQuery& asked = api.history.last_run_query;
  CHECK(asked.page.limit == 7);
  CHECK(asked.page.offset == 3);
  REQUIRE(asked.filters.size() == 1);
  CHECK(asked.filters[0].field == "dag_run_id");
  CHECK(api.status(Method::get, grid + "?runs=201") == 422);
  CHECK(api.status(Method::get, grid + "?runs=0") == 422);
  CHECK(api.status(Method::get, "/api/batuta/dags/nothing/grid") == 404);
}

TEST_CASE("home tells what failed, runs, waits and comes, in one answer") {
  TestApi api;
  const json home = api.get("/api/batuta/home");
  CHECK(home["running"]["total"] == 1);
  CHECK(home["running"]["runs"][0]["dag_run_id"] == "live");
  CHECK(home["failed"]["total"] == 0);
  CHECK(home["queued"]["runs"].empty());
  CHECK(home["history"].size() == 24);
  CHECK(home["history"][23]["from"] == "2026-11-20T11:00:00Z");
  CHECK(home["tasks"]["running"] == 1);
  CHECK(home["dags"] == json{{"active", 1}, {"paused", 0}});
  CHECK(home["upcoming"]["dags"][0] ==
        json{{"dag_id", "demo"}, {"run_after", "2026-11-20T13:00:00Z"}});
  CHECK(home["late"]["total"] == 0);
  CHECK(home["import_errors"] == 1);
  CHECK(home["pools"].is_array());
  CHECK(home["workers"].is_array());
  CHECK(api.status(Method::get, "/api/batuta/home?hours=0") == 422);
  CHECK(api.status(Method::get, "/api/batuta/home?hours=337") == 422);
}

TEST_CASE("a tick that should have been a run by now makes its DAG late") {
  TestApi api;
  // The cursor stands two hours back.
  for (DagRow& row : api.history.dag_rows) {
    if (row.dag_id == "demo") row.cursor = *parse_iso("2026-11-20T09:00:00Z");
  }
  auto dag = std::make_shared<Dag>(*demo_dag());
  dag->catchup = true;
  api.backend.bag->dags["demo"] = dag;
  const json home = api.get("/api/batuta/home");
  CHECK(home["late"]["total"] == 1);
  CHECK(home["late"]["dags"][0]["dag_id"] == "demo");
  CHECK(home["upcoming"]["total"] == 0);
}

TEST_CASE("a part of a name finds DAGs, tasks and runs") {
  TestApi api;
  const json found = api.get("/api/batuta/search?q=EM");
  REQUIRE(found["dags"].size() == 1);
  CHECK(found["dags"][0]["dag_id"] == "demo");
  CHECK(found["tasks"].empty());
  CHECK(api.get("/api/batuta/search?q=sec")["tasks"][0] ==
        json{{"dag_id", "demo"}, {"task_id", "second"}});
  CHECK(found["more"] == false);
  CHECK(api.get("/api/batuta/search?q=s&limit=1")["more"] == true);
  CHECK(api.get("/api/batuta/search?q=x")["runs"].size() == 2);  // the fake filters nothing
  CHECK(api.history.last_run_query.filters[0].op == Filter::Op::like);
  CHECK(api.get("/api/batuta/search")["dags"].empty());
  CHECK(api.status(Method::get, "/api/batuta/search?q=a&limit=51") == 422);
}

namespace {
const std::string log_of_first = "/api/batuta/dags/demo/dagRuns/done/taskInstances/first/log";

void write_lines(const TestApi& api, int lines, std::string_view text = "line ") {
  for (const TaskInstanceView& view : api.history.views) {
    if (view.dag_run_id != "done" || view.task_id != "first") continue;
    const std::string folder = api.home + "/logs/" + view.run_uuid;
    std::filesystem::create_directories(folder);
    std::ofstream log(folder + "/" + task_log_name(0, unmapped, view.row.try_number));
    for (int i = 0; i < lines; ++i) {
      log << "2026-11-20T12:00:00Z " << (i % 100 == 7 ? "ERROR" : "INFO") << " " << text << i
          << "\n";
    }
  }
}

std::vector<std::string> events_of(const json& window) {
  std::vector<std::string> out;
  for (const json& line : window["content"]) out.push_back(line["event"]);
  return out;
}
}  // namespace

TEST_CASE("a log is read from its end, and upward without a gap or a line twice") {
  TestApi api;
  write_lines(api, 3000);
  json window = api.get(log_of_first + "?bytes=4000");
  CHECK(window["end"] == window["size"]);
  CHECK(window["is_ended"] == true);
  CHECK(events_of(window).back() == "line 2999");
  std::vector<std::string> whole = events_of(window);
  int windows = 1;
  while (window["start"] > 0 && ++windows < 100) {
    window = api.get(log_of_first + "?bytes=4000&before=" + window["start"].dump());
    const auto before = events_of(window);
    whole.insert(whole.begin(), before.begin(), before.end());
  }
  REQUIRE(whole.size() == 3000);
  for (int i = 0; i < 3000; ++i)
    REQUIRE(whole[static_cast<std::size_t>(i)] == "line " + std::to_string(i));
  CHECK(windows > 20);
}

TEST_CASE("a line is found again by its byte") {
  TestApi api;
  write_lines(api, 500);
  const json last = api.get(log_of_first + "?bytes=200")["content"].back();
  const json again = api.get(log_of_first + "?bytes=200&from=" + last["offset"].dump());
  CHECK(again["content"][0] == last);
  CHECK(again["content"].size() == 1);
  CHECK(api.get(log_of_first + "?from=99999999")["content"].empty());
}

TEST_CASE("whoever asks for a log ahead of knowing is not refused where there is none") {
  TestApi api;
  write_lines(api, 3);
  const std::string nobody = "/api/batuta/dags/demo/dagRuns/done/taskInstances/nobody/log";
  CHECK(api.status(Method::get, nobody) == 404);
  const json none{{"content", json::array()}, {"start", 0},       {"end", 0}, {"size", 0},
                  {"try_number", 0},          {"is_ended", false}};
  CHECK(api.get(nobody + "?allow_none=true") == none);
  CHECK(api.get(log_of_first + "?map_index=3&allow_none=true") == none);
  CHECK(api.get(log_of_first + "?allow_none=true")["content"].size() == 3);
  CHECK(api.status(Method::get, nobody + "?allow_none=maybe") == 422);
}

TEST_CASE("a log is searched by text whatever its case, and by level") {
  TestApi api;
  write_lines(api, 3000);
  const json lines = api.get(log_of_first + "?q=LINE%20299");
  CHECK(events_of(lines) == std::vector<std::string>{"line 299", "line 2990", "line 2991",
                                                     "line 2992", "line 2993", "line 2994",
                                                     "line 2995", "line 2996", "line 2997",
                                                     "line 2998", "line 2999"});
  CHECK(lines["end"] == lines["size"]);
  CHECK(api.get(log_of_first + "?level=error")["content"].size() == 30);
  const json rest =
      api.get(log_of_first + "?q=line&level=error&from=" + lines["content"][0]["offset"].dump());
  CHECK(events_of(rest).front() == "line 307");
}

TEST_CASE("a log is searched by accented letters whatever their case") {
  TestApi api;
  write_lines(api, 3, "EXECU\xc3\x87\xc3\x83O \xe2\x83\x87 ");
  CHECK(api.get(log_of_first + "?q=execu%C3%A7%C3%A3o")["content"].size() == 3);
  CHECK(api.get(log_of_first + "?q=Execu%C3%A7%C3%83o")["content"].size() == 3);
  CHECK(api.get(log_of_first + "?q=%E2%83%87")["content"].size() == 3);
  CHECK(api.get(log_of_first + "?q=execucao")["content"].empty());
}

TEST_CASE("a log window before a byte in the middle of a line is no smaller, and ends at a line") {
  TestApi api;
  write_lines(api, 3000);
  const json whole = api.get(log_of_first + "?bytes=4096");
  const json& line = whole["content"][whole["content"].size() / 2];
  const auto middle = line["offset"].get<std::int64_t>() + 3;
  const json part = api.get(log_of_first + "?bytes=4096&before=" + std::to_string(middle));
  CHECK(part["content"].size() > 50);
  CHECK(part["end"] == line["offset"]);
}

TEST_CASE("a log window says what is wrong with a question, and that there is no log") {
  TestApi api;
  CHECK(api.status(Method::get, log_of_first + "?bytes=0") == 422);
  CHECK(api.status(Method::get, log_of_first + "?before=-1") == 422);
  CHECK(api.status(Method::get, log_of_first + "?try_number=99") == 404);
  const json none = api.get(log_of_first);
  REQUIRE(none["content"].size() == 1);
  CHECK(events_of(none)[0].find("No log is kept") == 0);
  CHECK(none["size"] == 0);
}

}  // namespace batuta::http
