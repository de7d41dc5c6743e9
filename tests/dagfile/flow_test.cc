// Groups, setups and teardowns, and what runs at the end, as the file says them.
#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "common/safe_json.h"
#include "scheduler/dagfile/dag_codec.h"
#include "scheduler/dagfile/task_groups.h"
#include "scheduler/dagfile/wait_types.h"
#include "tests/dagfile/dagfile_fixture.h"

namespace batuta {
namespace {

DagFileResult parse_flow(const std::string& text) {
  return parse_dag_file(text, "x.json", "/nonexistent", test_catalogue());
}

std::string upstream_of(const Dag& dag, std::string_view id) {
  std::string out;
  for (const TaskIndex i : dag.tasks[*find_task(dag, id)].upstream) {
    out += (out.empty() ? "" : " ") + dag.tasks[i].id;
  }
  return out;
}

std::shared_ptr<const Dag> flow() {
  const auto folder = source_folder() / "tests/dagfile/good";
  const auto result = parse_dag_file(read_text(folder / "flow.json"), "flow.json", folder, {});
  REQUIRE(result.dag);
  return result.dag;
}

}  // namespace

TEST_CASE("a group stands for its first tasks below something, and for its last ones above it") {
  const auto read = flow();
  const auto again = dag_from_canonical("v", read->canonical_json, "flow.json", "");
  REQUIRE(again);
  for (const Dag* dag : {read.get(), again.get()}) {
    CHECK(upstream_of(*dag, "create") == "start");
    CHECK(upstream_of(*dag, "a") == "create");
    CHECK(upstream_of(*dag, "b") == "a");
    CHECK(upstream_of(*dag, "c") == "create");
    CHECK(upstream_of(*dag, "drop") == "create b c");
    CHECK(upstream_of(*dag, "sum") == "b c");  // a teardown is not waited for behind its group
    CHECK(upstream_of(*dag, "end") == "sum");
    CHECK(dag->tasks[*find_task(*dag, "end")].labels == std::vector<std::string>{"told"});
    REQUIRE(dag->groups.size() == 3);
    CHECK(dag->groups[2].id == "tables");
    CHECK(dag->groups[2].parent == "load");
    CHECK(dag->groups[0].display_name == "Load");
  }
}

TEST_CASE("a group's default_args hold for its tasks, inner ones before outer ones") {
  const auto dag = flow();
  CHECK(dag->tasks[0].retry.retries == 1);
  CHECK(dag->tasks[1].retry.retries == 4);
  CHECK(dag->tasks[2].retry.retries == 4);
  CHECK(dag->tasks[2].pool == "tables");
  CHECK(dag->tasks[3].retry.retries == 0);
}

TEST_CASE("what stands in on_exit follows all that nothing else follows") {
  const auto dag = flow();
  CHECK(upstream_of(*dag, "clean_up") == "drop end");
  CHECK(upstream_of(*dag, "complain") == "drop end clean_up");
  const Task& complain = dag->tasks[*find_task(*dag, "complain")];
  CHECK(complain.is_on_exit);
  CHECK(complain.on_exit_of == RunEnd::failed);
  CHECK(dag->tasks[*find_task(*dag, "end")].decides);
  CHECK_FALSE(complain.decides);
}

TEST_CASE("a task of on_exit that names what it follows leaves the others theirs") {
  const auto result = parse_flow(
      R"({"dag_id":"x","tasks":[{"task_id":"load","type":"empty"}],"on_exit":[)"
      R"({"task_id":"report","type":"empty","depends_on":["load"]},{"task_id":"bye","type":"empty"}]})");
  REQUIRE(result.dag);
  CHECK(upstream_of(*result.dag, "report") == "load");
  CHECK(upstream_of(*result.dag, "bye") == "load");
}

TEST_CASE("groups that would make more edges than a DAG may have are refused") {
  std::string tasks;
  for (const std::string group : {"a", "b"}) {
    for (int i = 0; i < 1001; ++i) {
      tasks += std::string(tasks.empty() ? "" : ",") + R"({"task_id":")" + group +
               std::to_string(i) + R"(","type":"empty","group":")" + group + "\"}";
    }
  }
  const auto result = parse_flow(R"({"dag_id":"x","task_groups":{"a":{},"b":{"depends_on":["a"]}},)"
                                 R"("tasks":[)" +
                                 tasks + "]}");
  CHECK_FALSE(result.dag);
  REQUIRE(result.problems.size() == 1);
  CHECK(result.problems[0].message.find("put an empty task between") != std::string::npos);
  CHECK(result.problems[0].pointer == "/task_groups/b/depends_on/0");
}

TEST_CASE("a single task of on_exit need not be a list") {
  const auto result = parse_flow(R"({"dag_id":"x","tasks":[{"task_id":"a","type":"empty"}],)"
                                 R"("on_exit":{"task_id":"b","type":"empty"}})");
  REQUIRE(result.dag);
  CHECK(upstream_of(*result.dag, "b") == "a");
}

TEST_CASE("what a plugin waits for is read as a sensor's fields are, and a wrong one is named") {
  const auto wrong = [](const char* text) {
    const auto read = read_deferral(*parse_untrusted(text));
    REQUIRE(!read.ok());
    return read.error().where + ": " + read.error().message;
  };
  CHECK(wrong(R"({})").starts_with("/wait_for: a sensor needs \"wait_for\""));
  CHECK(wrong(R"({"wait_for":{"until":"soon"}})").starts_with("/wait_for/until: "));
  CHECK(wrong(R"({"wait_for":{"delay":"1m"},"timeout":"long"})").starts_with("/timeout: "));
  CHECK(wrong(R"({"wait_for":{"delay":"1m"},"soft_fail":true})").find("soft_fail") !=
        std::string::npos);
  CHECK(wrong(R"({"wait_for":{"delay":"1m"},"on_timeout":"stop"})") ==
        R"(/on_timeout: must be "resume", "fail" or "skip")");
  CHECK(wrong(R"({"wait_for":{"file":"/in/{{ ds }}"}})").find("is a template, and none is") !=
        std::string::npos);
  CHECK(wrong(R"({"wait_for":{"delay":"1m"},"on_cancel":{"url":"/x","method":"GET"}})")
            .starts_with("/on_cancel/connection: "));
  const auto read = read_deferral(*parse_untrusted(
      R"({"wait_for":{"delay":"1m"},"timeout":"1h","poke_interval":"5s","on_timeout":"fail"})"));
  REQUIRE(read.ok());
  CHECK((*read)["wait_for"]["delay"] == "1m");
  CHECK((*read)["on_timeout"] == "fail");
}

TEST_CASE("a result taken from a task that is not upstream is warned of, with its place") {
  const auto warned = [](const std::string& last) {
    const auto result = parse_flow(R"({"dag_id": "x", "tasks": [
      {"task_id": "a", "type": "shell", "command": "echo 1"},
      {"task_id": "b", "type": "shell", "command": "echo 2", "depends_on": ["a"]},
      {"task_id": "c", "type": "shell", "depends_on": ["b"], )" +
                                   last + "}]}");
    REQUIRE(result.dag);
    return result.warnings.empty() ? "" : result.warnings.front().text();
  };
  CHECK(warned(R"("command": "echo {{ ti.xcom_pull('b') }} {{ ti.xcom_pull('a') }}")").empty());
  CHECK(warned(R"("command": "echo", "expand": {"env": "{{ ti.xcom_pull('a') }}"})").empty());
  const char* const beside = R"({"dag_id": "x", "tasks": [
      {"task_id": "a", "type": "shell", "command": "echo 1"},
      {"task_id": "b", "type": "shell", "command": "echo {{ ti.xcom_pull('a') | default(0) }}"},
      {"task_id": "c", "type": "shell", "command": "echo", "depends_on": ["b"],
       "run_if": [{"value": "{{ ti.xcom_pull('a') }}", "equals": 1}]}]})";
  const auto result = parse_flow(beside);
  REQUIRE(result.dag);
  REQUIRE(result.warnings.size() == 2);
  CHECK(result.warnings[0].text().find(
            "/tasks/1: xcom_pull names \"a\", which is not upstream of \"b\"") !=
        std::string::npos);
  CHECK(result.warnings[1].text().find("not upstream of \"c\"") != std::string::npos);
}

}  // namespace batuta
