// How long a question waits, and how long it may be itself.
#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "common/safe_json.h"
#include "scheduler/core/question.h"
#include "tests/dagfile/dagfile_fixture.h"

namespace batuta {
namespace {

using nlohmann::json;

DagFileResult parsed(const json& task, const json& defaults) {
  const json dag{{"dag_id", "d"}, {"default_args", defaults}, {"tasks", {task}}};
  return parse_dag_file(json_text(dag), "d.json", ".", {});
}

json question(const json& task, const json& defaults = json::object()) {
  const DagFileResult dag = parsed(task, defaults);
  REQUIRE(dag.dag);
  return (*parse_untrusted(dag.dag->tasks[0].spec_json))["params"];
}

}  // namespace

TEST_CASE("a question waits as long as it says, else as its default_args say") {
  json task{{"task_id", "a"}, {"type", "approval"}, {"subject", "Go?"}};
  CHECK_FALSE(question(task).contains("response_timeout"));
  const json defaults{{"execution_timeout", "10m"}};
  CHECK(question(task, defaults)["response_timeout"] == "600000ms");
  task["response_timeout"] = "4h";
  CHECK(question(task, defaults)["response_timeout"] == "4h");
  task.erase("response_timeout");
  task["execution_timeout"] = "1h";
  CHECK(question(task, defaults)["response_timeout"] == "1h");
}

TEST_CASE("a subject that will be too long in every run is refused in the file") {
  json task{{"task_id", "a"}, {"type", "approval"}};
  task["subject"] = std::string(max_subject_bytes, 'x');
  CHECK(question(task)["subject"] == task["subject"]);
  task["subject"] = std::string(max_subject_bytes + 1, 'x');
  const DagFileResult dag = parsed(task, json::object());
  CHECK_FALSE(dag.dag);
}

}  // namespace batuta
