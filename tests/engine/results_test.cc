// What is kept of a return value.
#include "scheduler/engine/results.h"

#include <doctest/doctest.h>

#include "common/run_files.h"

using namespace batuta;

namespace {

Finished returned(const std::string& json) {
  Finished report;
  report.outcome = Outcome::success;
  report.result_json = json;
  return report;
}

using Parts = std::vector<std::pair<std::string, std::string>>;

}  // namespace

TEST_CASE(
    "with multiple_outputs the members of an object are results of their own, also of one in a "
    "text") {
  Task task;
  task.multiple_outputs = true;
  for (const char* json :
       {R"({"a":1,"b":{"c":[true]}})", R"("{\"a\": 1, \"b\": {\"c\": [true]}}")"}) {
    CAPTURE(json);
    Finished report = returned(json);
    shape_result(task, report);
    CHECK(report.outcome == Outcome::success);
    CHECK(report.result_json == json);
    CHECK(report.xcoms == Parts{{"a", "1"}, {"b", R"({"c":[true]})"}});
  }
}

TEST_CASE("what has no members, or one that cannot be a key, fails a task with multiple_outputs") {
  Task task;
  task.multiple_outputs = true;
  for (const char* json : {"7", "[1]", "\"text\"", "", R"({"":1})", R"({"return_value":1})"}) {
    CAPTURE(json);
    Finished report = returned(json);
    shape_result(task, report);
    CHECK(report.outcome == Outcome::failed_no_retry);
    CHECK(report.reason.starts_with("multiple_outputs: "));
    CHECK(report.result_json.empty());
    CHECK(report.xcoms.empty());
  }
  Finished failed = returned("");
  failed.outcome = Outcome::failed;
  shape_result(task, failed);
  CHECK(failed.outcome == Outcome::failed);
}

TEST_CASE("without do_xcom_push nothing is kept, and a sealed value stays whole") {
  Task task;
  task.do_xcom_push = false;
  Finished report = returned("7");
  shape_result(task, report);
  CHECK(report.outcome == Outcome::success);
  CHECK(report.result_json.empty());
  Task split;
  split.multiple_outputs = true;
  Finished sealed = returned(R"({"batuta:sealed":"x","shown":{"a":"***"}})");
  shape_result(split, sealed);
  CHECK(sealed.outcome == Outcome::success);
  CHECK(sealed.xcoms.empty());
}

TEST_CASE("a value that is a file keeps its name, and cannot be taken apart") {
  const std::string name = to_text(ResultFile{70'000, unmapped, 4});
  Finished whole = returned(name);
  shape_result(Task{}, whole);
  CHECK(whole.outcome == Outcome::success);
  CHECK(whole.result_json == name);
  Task split;
  split.multiple_outputs = true;
  Finished report = returned(name);
  shape_result(split, report);
  CHECK(report.outcome == Outcome::failed_no_retry);
  CHECK(report.reason.find("64 KiB (70000 bytes as JSON)") != std::string::npos);
  CHECK(report.result_json.empty());
  // Nor does a member pass for one.
  Finished posing = returned("{\"a\":" + name + "}");
  shape_result(split, posing);
  CHECK(posing.outcome == Outcome::failed_no_retry);
  CHECK(posing.xcoms.empty());
}
