// Mapped tasks at launch: over what they are mapped, what each instance gets, lists of results.
#include <doctest/doctest.h>

#include <algorithm>
#include <map>

#include "common/safe_json.h"
#include "scheduler/serve/launch_context.h"
#include "scheduler/store/backend.h"
#include "scheduler/store/sealed_value.h"
#include "tests/serve/serve_fixture.h"

using namespace batuta;

namespace {

const char* const text = R"({"dag_id": "d", "params": {"cities": ["Natal", "Rio"]}, "tasks": [
  {"task_id": "list", "type": "mock"},
  {"task_id": "each", "type": "shell", "command": "echo {{ item.city }} {{ map_index }}",
   "expand": {"city": "{{ params.cities }}", "env": "{{ ti.xcom_pull('list') }}"},
   "map_index_template": "{{ item.city }}/{{ map_index }}", "max_map_length": 5},
  {"task_id": "sum", "type": "mock", "depends_on": ["each"],
   "return": "{{ ti.xcom_pull('each') }}",
   "print": "{{ ti.xcom_pull('each', map_indexes=2) }}"},
  {"task_id": "var", "type": "mock", "expand": {"print": "{{ var.json.names }}"}}]})";

struct Fixture {
  Folder folder;
  std::unique_ptr<Backend> backend =
      open_backend("sqlite:" + folder.path("batuta.db"), {folder.path("secret.key"), {}, Time{}});
  SecretKey key = *SecretKey::read(folder.path("secret.key"));
  RegistryLaunchContext context{backend->registry(), folder.path("lake"),
                                *SecretKey::read(folder.path("secret.key"))};
  std::shared_ptr<const Dag> dag = dag_from(text);
  RunRow run;
  TaskInstanceRow row;
  std::string result = R"([{"A":"1"},{"A":"2"}])";  // of list
  std::map<int, std::string> results;               // of each
  std::uint64_t stamp = 1;
  int reads = 0;
  Launch launch;
  std::string rendered;

  Fixture() { run.seq = RunSeq{5}; }
  LaunchContext::Attempt attempt(const char* task, int index = -1) {
    row.task = *find_task(*dag, task);
    row.map_index = MapIndex{index};
    return {run,
            *dag,
            dag->tasks[row.task],
            row,
            row,
            [this](TaskIndex, std::string_view) {
              ++reads;
              return std::optional(result);
            },
            [this](TaskIndex, std::string_view,
                   const std::vector<std::int64_t>* only) -> Result<std::vector<std::string>> {
              std::vector<std::string> out;
              for (const auto& [number, value] : results) {
                if (!only || std::find(only->begin(), only->end(), number) != only->end()) {
                  out.push_back(value);
                }
              }
              return out;
            },
            [this](TaskIndex) { return stamp; }};
  }
  std::string params(const char* task, int index = -1) {
    launch = {};
    rendered.clear();
    const auto status = context.render_launch(attempt(task, index), launch, rendered);
    return status ? launch.params_json : "failed: " + status.error().message;
  }
};

}  // namespace

TEST_CASE_FIXTURE(Fixture, "a mapped task has as many instances as its lists say, with names") {
  const auto made = context.expand(attempt("each"));
  REQUIRE(made.ok());
  CHECK(made->count == 4);
  CHECK(made->names == std::vector<std::string>{"Natal/0", "Natal/1", "Rio/2", "Rio/3"});
}

TEST_CASE_FIXTURE(Fixture, "each instance is rendered with its own item, and no other's") {
  CHECK(params("each", 1) == R"({"command":"echo 'Natal' '1'","env":{"A":"2"}})");
  CHECK(params("each", 2) == R"({"command":"echo 'Rio' '2'","env":{"A":"1"}})");
  CHECK(rendered == launch.params_json);
  CHECK(params("each", 4).find("failed: its task is mapped over 4 items now") == 0);
}

TEST_CASE_FIXTURE(Fixture, "what it is mapped over is read once, and again when it was made anew") {
  params("each", 0);
  const int first = reads;
  for (int i = 0; i < 4; ++i) params("each", i);
  CHECK(reads == first);
  result = R"([{"A":"7"}])";
  stamp = 2;
  CHECK(context.expand(attempt("each"))->count == 2);
  CHECK(params("each", 1) == R"({"command":"echo 'Rio' '1'","env":{"A":"7"}})");
}

TEST_CASE_FIXTURE(Fixture, "what is no list, or longer than the task allows, says so") {
  result = "7";
  CHECK(context.expand(attempt("each")).error().message ==
        "expand.env is a number: a task is mapped over a list or an object");
  stamp = 2;
  result = "[{},{},{}]";
  CHECK(context.expand(attempt("each"))
            .error()
            .message.find("6 instances, more than its max_map_length of 5") != std::string::npos);
}

TEST_CASE_FIXTURE(Fixture,
                  "results of a mapped task are a list in map order, one is pulled by index") {
  results = {{0, "1"}, {2, "{\"x\":3}"}, {10, "null"}};
  CHECK(params("sum") == R"({"print":{"x":3},"return":[1,{"x":3},null]})");
  results.erase(2);
  CHECK(params("sum") == "failed: the result of task each[2] is undefined");
}

TEST_CASE_FIXTURE(Fixture,
                  "secrets in an item reach its plugin, and are neither shown nor a name") {
  Finished report;
  report.key.run = run.seq;
  report.result_json = R"([{"A":"s3cret-value"}])";
  report.shown_json = R"([{"A":"***"}])";
  report.hidden = {"s3cret-value"};
  seal_result(key, report);
  result = report.result_json;
  CHECK(params("each", 0).find("s3cret-value") != std::string::npos);
  CHECK(rendered == R"({"command":"echo 'Natal' '0'","env":{"A":"***"}})");
  bool masked = false;
  for (const Secret& secret : launch.secrets) {
    for (const auto& value : secret.mask) masked = masked || value == "s3cret-value";
  }
  CHECK(masked);
}

TEST_CASE_FIXTURE(Fixture, "a variable that changes is seen by what is mapped over it") {
  CHECK_FALSE(context.expand(attempt("var")).ok());
  REQUIRE(backend->registry().set_variable({"names", R"(["a","b"])", ""}).ok());
  CHECK(context.expand(attempt("var"))->count == 2);
  CHECK(params("var", 1) == R"({"print":"b"})");
}
