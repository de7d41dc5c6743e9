// Large and handed-over results on their way into the next launch.
#include "scheduler/serve/upstream_results.h"

#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "common/run_files.h"
#include "scheduler/serve/launch_context.h"
#include "scheduler/store/backend.h"
#include "scheduler/store/sealed_value.h"
#include "tests/serve/serve_fixture.h"

using namespace batuta;
using nlohmann::json;

namespace {

const char* const text = R"dag({"dag_id": "d", "tasks": [
  {"task_id": "big", "type": "shell", "command": "true"},
  {"task_id": "pull", "type": "shell", "depends_on": ["big"],
   "command": "echo {{ ti.xcom_pull('big')[1] }}"},
  {"task_id": "files", "type": "shell", "depends_on": ["big"], "command": "cat $(batuta-xcom big)"},
  {"task_id": "plain", "type": "shell", "depends_on": ["big"], "command": "true"},
  {"task_id": "code", "type": "python", "depends_on": ["big"], "code": "pass"}]})dag";

struct Fixture {
  Folder folder;
  std::unique_ptr<Backend> backend =
      open_backend("sqlite:" + folder.path("batuta.db"), {folder.path("secret.key"), {}, Time{}});
  SecretKey key = *SecretKey::read(folder.path("secret.key"));
  RegistryLaunchContext context{backend->registry(), folder.path("lake"),
                                *SecretKey::read(folder.path("secret.key")), folder.path("home")};
  std::shared_ptr<const Dag> dag = dag_from(text);
  std::string stored = "null";  // of `big`
  std::int32_t instances = 1;   // of `big`, each with that value
  Launch launch;

  // Puts what an attempt returned where the worker would; a value is the text of a file.
  std::string returned(const std::string& value, Fence fence = 3) {
    const ResultFile file{static_cast<std::int64_t>(value.size()), unmapped, fence};
    const std::string path = result_path(folder.path("home"), to_string(Uuid{}), "big", file);
    std::filesystem::create_directories(std::filesystem::path(path).parent_path());
    std::ofstream(path) << value;
    stored = to_text(file);
    return path;
  }

  Status render(const char* task_id) {
    RunRow run;
    run.seq = RunSeq{1};
    run.conf_json = "{}";
    TaskInstanceRow row;
    row.run = run.seq;
    row.task = *find_task(*dag, task_id);
    launch = {};
    std::string rendered;
    LaunchContext::Attempt attempt{
        run,
        *dag,
        dag->tasks[row.task],
        row,
        row,
        [&](TaskIndex, std::string_view) { return std::optional(stored); },
        [&](TaskIndex, std::string_view, const auto*) {
          return Result<std::vector<std::string>>(std::vector{stored});
        }};
    attempt.xcoms_by_index = [&](TaskIndex, std::string_view) {
      using Found = std::vector<std::pair<MapIndex, std::string>>;
      Found found{{unmapped, stored}};
      for (std::int32_t i = 1; i < instances; ++i) found.emplace_back(MapIndex{i}, stored);
      return Result<Found>(std::move(found));
    };
    return context.render_launch(attempt, launch, rendered);
  }
  json told() const { return json::parse(launch.context_json); }
};

}  // namespace

TEST_CASE_FIXTURE(Fixture, "a template reads a value that is a file, up to 1 MiB") {
  returned("[1,\"" + std::string(300'000, 'x') + "\"]");
  REQUIRE(render("pull").ok());
  CHECK(launch.params_json.find(std::string(300'000, 'x')) != std::string::npos);
  returned("[1,\"" + std::string(1 << 20, 'x') + "\"]", 4);
  const Status large = render("pull");
  REQUIRE_FALSE(large.ok());
  CHECK(large.error().message.find("the result of task big has 1048582 bytes") !=
        std::string::npos);
  CHECK(large.error().message.find("$(batuta-xcom big)") != std::string::npos);
}

TEST_CASE_FIXTURE(Fixture,
                  "a file is read once for the templates that name it, while there is room") {
  const std::string padding = "[\"" + std::string(1'000'000, 'x') + "\",";
  const std::string first = returned(padding + "41]");
  const std::string stored_first = stored;
  REQUIRE(render("pull").ok());
  std::filesystem::remove(first);
  REQUIRE(render("pull").ok());
  CHECK(launch.params_json.find("41") != std::string::npos);
  for (Fence fence = 4; fence < 8; ++fence) {  // each is what that attempt returned
    returned(padding + std::to_string(40 + fence) + "]", fence);
    REQUIRE(render("pull").ok());
    CHECK(launch.params_json.find(std::to_string(40 + fence)) != std::string::npos);
  }
  stored = stored_first;
  const Status gone = render("pull");
  REQUIRE_FALSE(gone.ok());
  CHECK(gone.error().message.find("the file of the value is gone") != std::string::npos);
}

TEST_CASE_FIXTURE(Fixture, "a value whose file is gone or cut fails the launch that needs it") {
  returned("[1,2]");
  std::filesystem::remove_all(folder.path("home"));
  const Status gone = render("pull");
  REQUIRE_FALSE(gone.ok());
  CHECK(gone.error().message.find("the result of task big: the file of the value is gone") !=
        std::string::npos);
  CHECK(render("plain").ok());
}

TEST_CASE_FIXTURE(Fixture, "a command that names batuta-xcom gets what its upstreams returned") {
  returned("[1,2]");
  REQUIRE(render("files").ok());
  const json file = told()["xcoms"].at(0);
  CHECK(file["task"] == "big");
  CHECK(file["map_index"] == -1);
  CHECK(file["bytes"] == 5);
  CHECK(file["file"].get<std::string>().starts_with(folder.path("home") + "/results/"));
  stored = R"({"a":[1.10]})";
  REQUIRE(render("files").ok());
  CHECK(told()["xcoms"] ==
        json{{{"task", "big"}, {"map_index", -1}, {"key", "return_value"}, {"json", stored}}});
  REQUIRE(render("plain").ok());
  CHECK_FALSE(told().contains("xcoms"));
  CHECK(context.xcoms_of(*dag, *find_task(*dag, "plain")).empty());
  CHECK(context.xcoms_of(*dag, *find_task(*dag, "files")).size() == 1);
  stored = "\"" + std::string(max_handed_over, 'x') + "\"";
  CHECK(render("files").error().message.find("larger than 4 MiB together") != std::string::npos);
}

TEST_CASE_FIXTURE(Fixture, "the paths of values that are files count for what is handed over") {
  returned("[1,2]");
  instances = 10'000;
  CHECK(render("files").ok());
  instances = 60'000;
  const Status many = render("files");
  REQUIRE_FALSE(many.ok());
  CHECK(many.error().message.find("larger than 4 MiB together") != std::string::npos);
}

TEST_CASE_FIXTURE(Fixture, "a launch that no frame holds fails, and is not sent") {
  stored = "\"" + std::string(14 << 20, 'x') + "\"";
  CHECK(render("code").ok());
  stored = "\"" + std::string(15 << 20, 'x') + "\"";
  const Status large = render("code");
  REQUIRE_FALSE(large.ok());
  CHECK(large.error().code == Errc::too_large);
  CHECK(large.error().message.find("15 MiB are the most") != std::string::npos);
}

TEST_CASE_FIXTURE(Fixture, "a secret in a result that is handed over is hidden in the log") {
  Finished report;
  report.key.run = RunSeq{1};
  report.result_json = R"("s3cret-value")";
  report.shown_json = R"("***")";
  report.hidden = {"s3cret-value"};
  seal_result(key, report);
  stored = report.result_json;
  REQUIRE(render("files").ok());
  CHECK(told()["xcoms"].at(0)["json"] == R"("s3cret-value")");
  REQUIRE_FALSE(launch.secrets.empty());
  CHECK(launch.secrets.front().mask.front() == "s3cret-value");
}

TEST_CASE_FIXTURE(Fixture, "a result that the key does not open is no value for the next task") {
  Finished report;
  report.key.run = RunSeq{1};
  report.result_json = R"(["s3cret", "value"])";
  report.shown_json = R"("***")";
  report.hidden = {"s3cret"};
  seal_result(*SecretKey::create(folder.path("other.key")), report);
  stored = report.result_json;
  for (const char* task_id : {"pull", "files", "code"}) {
    CAPTURE(task_id);
    const Status status = render(task_id);
    REQUIRE_FALSE(status.ok());
    CHECK(status.error().message.find(
              "the result of task big holds secrets and was sealed with another secret.key") !=
          std::string::npos);
  }
  CHECK(render("plain").ok());
}

TEST_CASE_FIXTURE(Fixture, "python code gets a small result as it is and the path of a large one") {
  stored = "[7]";
  REQUIRE(render("code").ok());
  CHECK(told()["upstream"]["big"] == json{7});
  returned("[1,2]");
  REQUIRE(render("code").ok());
  CHECK_FALSE(told()["upstream"].contains("big"));
  CHECK(told()["upstream_files"]["big"].get<std::string>().ends_with("/big.-1/3.json"));
}
