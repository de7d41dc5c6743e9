// Mapped tasks in DAG files: what is taken, what is refused, and what their instances get.
#include "scheduler/dagfile/mapping.h"

#include <nlohmann/json.hpp>

#include "common/safe_json.h"
#include "scheduler/dagfile/dag_codec.h"
#include "scheduler/dagfile/mapped_items.h"
#include "tests/dagfile/dagfile_fixture.h"

namespace batuta {
namespace {

using nlohmann::json;

// A DAG of "list", a mock, and "each", whose fields are given.
DagFileResult read_dag_text(const std::string& fields) {
  return parse_dag_file(
      R"({"dag_id":"m","params":{"n":[1,2]},"tasks":[{"task_id":"list","type":"mock"},)"
      R"({"task_id":"each",)" +
          fields + "}]}",
      "m.json", "", {});
}
std::string told(const std::string& fields) {
  std::string out;
  for (const auto& problem : read_dag_text(fields).problems) {
    out += problem.pointer + ": " + problem.message + "\n";
  }
  return out;
}
const Task& each(const DagFileResult& result) {
  REQUIRE(result.dag);
  return result.dag->tasks[1];
}
json items(const std::string& rendered, std::int32_t most = 100) {
  const auto made = MappedItems::of(*parse_untrusted(rendered), most);
  REQUIRE_MESSAGE(made.ok(), made.error().message);
  json out = json::array();
  for (std::int32_t i = 0; i < made->count(); ++i) out.push_back(made->item(i));
  return out;
}
std::string fault(const std::string& rendered, std::int32_t most = 100) {
  const auto made = MappedItems::of(*parse_untrusted(rendered), most);
  return made ? "" : made.error().message;
}

}  // namespace

TEST_CASE("every combination is made, the last name varying fastest, in the order of the file") {
  CHECK(items(R"({"expand":[{"y":[1,2]},{"x":["a","b"]}]})") ==
        json::parse(R"([{"x":"a","y":1},{"x":"b","y":1},{"x":"a","y":2},{"x":"b","y":2}])"));
  CHECK(items(R"({"expand":{"x":[]}})").empty());
  CHECK(items(R"({"expand":{"x":[1,2],"y":[]}})").empty());
  CHECK(items(R"({"expand":{"x":{"a":1,"b":2}}})") ==
        json::parse(R"([{"x":["a",1]},{"x":["b",2]}])"));
  const auto written = read_dag_text(R"("type":"shell","command":"echo {{ item.z }} {{ item.a }}",
      "expand":{"z":[1,2],"a":[3,4]})");
  CHECK(each(written).expand_json == R"({"expand":[{"z":[1,2]},{"a":[3,4]}]})");
  // What the store keeps of it says the same.
  const auto again = dag_from_canonical(written.dag->version, written.dag->canonical_json, "", "");
  REQUIRE(again);
  CHECK(again->tasks[1].expand_json == each(written).expand_json);
}

TEST_CASE("lists are zipped as far as the shortest goes, or filled up to the longest") {
  CHECK(items(R"({"expand_zip":{"x":[1,2,3],"y":["a"]}})") == json::parse(R"([{"x":1,"y":"a"}])"));
  CHECK(items(R"({"expand_zip":{"x":[1,2],"y":["a"]},"expand_fill":0})") ==
        json::parse(R"([{"x":1,"y":"a"},{"x":2,"y":0}])"));
  CHECK(items(R"({"expand_kwargs":[{"x":1},{"y":2}]})") == json::parse(R"([{"x":1},{"y":2}])"));
}

TEST_CASE("what is no list, or too long, is told with its name and its limit") {
  CHECK(fault(R"({"expand":{"x":7}})") ==
        "expand.x is a number: a task is mapped over a list or an object");
  CHECK(fault(R"({"expand":{"x":null}})").find("expand.x is null") == 0);
  CHECK(fault(R"({"expand_kwargs":{"x":1}})").find("expand_kwargs is an object") == 0);
  CHECK(fault(R"({"expand_kwargs":[{"x":1},2]})").find("expand_kwargs[1] is a number") == 0);
  CHECK(fault(R"({"expand":{"x":[1,2,3],"y":[1,2]}})", 5) ==
        "it would have 6 instances, more than its max_map_length of 5: map over fewer items, or "
        "raise max_map_length (100000 at most)");
  CHECK(fault(R"({"expand":{"x":[1,2,3],"y":[1,2]}})", 6).empty());
}

TEST_CASE("a mapped task keeps apart what its instances share and what each is given") {
  const auto parsed = read_dag_text(R"("type":"shell","command":"echo {{ item.city }}","retries":2,
      "expand":{"city":"{{ ti.xcom_pull('list') }}","env":[{"A":"1"}]},
      "map_index_template":"{{ item.city }}","max_map_length":100000,"max_active_tis_per_dagrun":3)");
  const Task& task = each(parsed);
  CHECK(task.is_mapped());
  CHECK(task.has_templates);
  CHECK(task.max_map_length == 100'000);
  CHECK(task.max_active_tis_per_dagrun == 3);
  CHECK(task.spec_json == R"({"params":{"command":"echo {{ item.city }}"}})");
  CHECK(task.map_index_template == R"({"map_index_template":"{{ item.city }}"})");
  // Who makes the list comes before it, named in depends_on or not.
  CHECK(task.upstream == std::vector<TaskIndex>{0});
  CHECK(parsed.dag->tasks[0].max_map_length == 1024);
}

TEST_CASE("arguments fill the fields that bear their names, and nothing else") {
  const Task task =
      each(read_dag_text(R"("type":"shell","command":"true","expand":{"env":[{"A":"1"}]})"));
  json params = json::parse(R"({"command":"true"})");
  CHECK(fill_arguments(task, json::parse(R"({"env":{"A":"1"},"other":5})"), params));
  CHECK(params == json::parse(R"({"command":"true","env":{"A":"1"}})"));
  const Task listed = each(
      read_dag_text(R"("type":"shell","command":"echo $1","expand":{"args":[["a b"],["c",1]]})"));
  CHECK(fill_arguments(listed, json::parse(R"({"args":["c",1]})"), params));
  CHECK(params["args"] == json::parse(R"(["c",1])"));
}

TEST_CASE("neither a command nor a connection comes from data") {
  const Task shell = each(read_dag_text(
      R"("type":"shell","command":"true","expand_kwargs":"{{ ti.xcom_pull('list') }}")"));
  json params = json::object();
  CHECK_FALSE(fill_arguments(shell, {{"command", "rm -rf /"}}, params));
  const Task http =
      each(read_dag_text(R"("type":"http","expand_kwargs":"{{ ti.xcom_pull('list') }}")"));
  CHECK_FALSE(fill_arguments(http, {{"connection", "bank"}}, params));
  CHECK(params.empty());
  CHECK(http.spec_json == R"({"params":{}})");
  CHECK(told(R"("type":"shell","expand":{"command":"{{ ti.xcom_pull('list') }}"})")
            .find("/tasks/1/expand/command: a mapped command must be written out") == 0);
  CHECK(told(R"("type":"shell","expand":{"command":["echo {{ ds }}"]})").find("written out") !=
        std::string::npos);
  CHECK(told(R"("type":"shell","expand":{"command":["echo 1","echo 2"]})").empty());
  CHECK(told(R"("type":"http","url":"http://a","expand":{"connection":["a","b"]})")
            .find("a connection cannot be mapped") != std::string::npos);
}

TEST_CASE("a mapping of the wrong shape is refused, with the field and what to write") {
  const auto refused = [](const std::string& fields, const std::string& wanted) {
    const std::string text = told(fields);
    CHECK_MESSAGE(text.find(wanted) != std::string::npos,
                  "wanted: " << wanted << "\ntold: " << text);
  };
  const std::string shell = R"("type":"shell","command":"echo {{ item.x }}",)";
  refused(shell + R"("expand":[1])",
          "/tasks/1/expand: an entry of a list in expand must be an object");
  refused(shell + R"("expand":"x")",
          "/tasks/1/expand: expand must be an object of names and lists, not a text");
  refused(shell + R"("expand":{})", "/tasks/1/expand: expand names nothing to map over");
  refused(shell + R"("expand":{"x":3})",
          "/tasks/1/expand/x: a task is mapped over a list, an object, or a template");
  refused(shell + R"("expand":{"x":[1]},"expand_zip":{"x":[1]})",
          "/tasks/1/expand_zip: a task is mapped by one of");
  refused(shell + R"("expand":{"x":[1]},"expand_fill":0)",
          "/tasks/1/expand_fill: expand_fill belongs to expand_zip");
  refused(shell + R"("expand":{"x":[1],"citty":[1]})",
          R"(/tasks/1/expand/citty: "citty" is no field of a shell task)");
  refused(shell + R"("expand":{"y":[1]})", "item.x is not mapped; did you mean \"y\"?");
  refused(shell + R"("expand_kwargs":[{"x":1},2])", "/tasks/1/expand_kwargs/1: must be an object");
  refused(shell + R"("expand":{"x":[1],"command":["true"]})",
          R"(/tasks/1/command: "command" is given twice)");
  refused(R"("type":"shell","command":"true","expand":{"env":[{"A":"1"},{"LD_PRELOAD":"x"}]})",
          R"(/tasks/1/expand/env/1: "LD_PRELOAD" may not be set)");
  refused(R"("type":"mock","expand":{"run_for":["1s","soon"]})", "/tasks/1/expand/run_for/1: ");
  refused(R"("type":"mock","expand":{"print":[1]},"max_map_length":100001)",
          "/tasks/1/max_map_length: ");
  refused(R"("type":"mock","expand":{"print":["a","b","c"]},"max_map_length":2)",
          "/tasks/1/expand: it would have 3 instances");
  refused(R"("type":"mock","max_map_length":2)", "max_map_length belongs to a mapped task");
  refused(R"("type":"empty","expand":{"x":[1]})",
          "an empty task does nothing that could be mapped");
  refused(R"("type":"branch","choose":"x","expand":{"choose":["a"]})",
          "a branch decides once in a run");
  refused(R"("type":"extract","source":"a","layer":"b","expand":{"x":[1]})",
          "one watermark for all");
  refused(shell + R"("expand":{"x":"{{ ti.xcom_pull('lost') }}"})",
          R"(xcom_pull names the unknown task "lost")");
  refused(shell + R"("expand":{"x":"{{ params.m }}"})",
          R"(/tasks/1/expand/x: the DAG declares no param "m")");
  refused(R"("type":"mock","print":"{{ item.x }}")", "only a mapped task has an item");
  refused(shell + R"("expnad":{"x":[1]})",
          R"(unknown field "expnad" in this shell task; did you mean "expand"?)");
  refused(shell + R"("expand":{"x":"{{ ti.xcom_pull('each') }}"})", "itself");
}

}  // namespace batuta
