// Launches as agents get them: parameters and templates are read once and belong to their run.
#include "scheduler/serve/launch_context.h"

#include <doctest/doctest.h>

#include <algorithm>

#include "scheduler/outbox/alert.h"
#include "scheduler/store/backend.h"
#include "scheduler/store/sealed_value.h"
#include "tests/serve/serve_fixture.h"

using namespace batuta;

namespace {

const char* const text = R"({"dag_id": "d", "params": {"who": "world"}, "tasks": [
  {"task_id": "first", "type": "shell", "command": "true"},
  {"task_id": "greet", "type": "shell", "command": "echo {{ params.who }}", "depends_on": ["first"]},
  {"task_id": "pull", "type": "shell", "depends_on": ["greet"],
   "command": "echo {{ ti.xcom_pull('first', key='other') }} {{ ti.xcom_pull('greet') }}"}]})";

struct Fixture {
  Folder folder;
  std::unique_ptr<Backend> backend =
      open_backend("sqlite:" + folder.path("batuta.db"), {folder.path("secret.key"), {}, Time{}});
  SecretKey key = *SecretKey::read(folder.path("secret.key"));
  RegistryLaunchContext context{backend->registry(), folder.path("lake"),
                                *SecretKey::read(folder.path("secret.key"))};
  std::shared_ptr<const Dag> dag = dag_from(text);
  Launch launch;         // the last
  std::string rendered;  // of it

  std::string command(const Dag& of, RunSeq seq, const std::string& conf, const char* task_id,
                      const std::string& xcom = "null") {
    RunRow run;
    run.seq = seq;
    run.conf_json = conf;
    TaskInstanceRow row;
    row.run = seq;
    row.task = *find_task(of, task_id);
    launch = {};
    rendered.clear();
    const auto status =
        context.render_launch({run, of, of.tasks[row.task], row, row,
                               [&](TaskIndex, std::string_view) { return std::optional(xcom); }},
                              launch, rendered);
    REQUIRE_MESSAGE(status.ok(), (status ? "" : status.error().message));
    return launch.params_json;
  }
};

}  // namespace

TEST_CASE_FIXTURE(Fixture, "each run's launches see its own parameters, in whatever order") {
  const std::string defaults = command(*dag, RunSeq{1}, "{}", "greet");
  CHECK(defaults.find("echo 'world'") != std::string::npos);
  const std::string own = command(*dag, RunSeq{2}, R"({"who":"you"})", "greet");
  CHECK(own.find("echo 'you'") != std::string::npos);
  CHECK(command(*dag, RunSeq{1}, "{}", "greet") == defaults);
  CHECK(command(*dag, RunSeq{2}, R"({"who":"you"})", "greet") == own);
}

TEST_CASE_FIXTURE(Fixture, "a run that went over to another version is rendered by that version") {
  CHECK(command(*dag, RunSeq{1}, "{}", "greet").find("echo 'world'") != std::string::npos);
  std::string other = text;
  other.replace(other.find("\"world\""), 7, "\"moon\"");
  other.replace(other.find("echo {{ params"), 4, "hail");
  const auto newer = dag_from(other);
  REQUIRE(newer->version != dag->version);
  CHECK(command(*newer, RunSeq{1}, "{}", "greet").find("hail 'moon'") != std::string::npos);
}

TEST_CASE_FIXTURE(Fixture, "the XComs that a task will ask for are named before it is rendered") {
  using Names = std::vector<LaunchContext::XcomName>;
  CHECK(context.xcoms_of(*dag, *find_task(*dag, "first")).empty());
  CHECK(context.xcoms_of(*dag, *find_task(*dag, "pull")) ==
        Names{{0, "other"}, {1, "return_value"}});
  CHECK(context.xcoms_of_alert(*dag, R"({"text": "{{ ti.xcom_pull('greet') }}", "channel":
        "{{ ti.xcom_pull('first', key='k') }} {{ ti.xcom_pull('nobody') }}"})") ==
        Names{{0, "k"}, {1, "return_value"}});
  CHECK(context.xcoms_of_alert(*dag, R"({"connection": "slack"})").empty());
  CHECK(command(*dag, RunSeq{1}, "{}", "pull", "7").find("echo '7' '7'") != std::string::npos);
}

TEST_CASE("a sealed result reaches the next task, whose log and rendered fields hide it") {
  Fixture f;
  Finished report;
  report.key.run = RunSeq{5};
  report.result_json = R"("s3cret-value")";
  report.shown_json = R"("***")";
  report.hidden = {"s3cret-value"};
  seal_result(f.key, report);
  const std::string params = f.command(*f.dag, RunSeq{5}, "{}", "pull", report.result_json);
  CHECK(params.find("s3cret-value") != std::string::npos);
  CHECK(f.rendered.find("s3cret") == std::string::npos);
  CHECK(f.rendered.find("***") != std::string::npos);
  std::vector<std::string> masked;
  for (const Secret& secret : f.launch.secrets) {
    masked.insert(masked.end(), secret.mask.begin(), secret.mask.end());
  }
  CHECK(std::find(masked.begin(), masked.end(), "s3cret-value") != masked.end());
  // In another run it is what it is, a text that opens nowhere.
  CHECK(f.command(*f.dag, RunSeq{6}, "{}", "pull", report.result_json).find("s3cret") ==
        std::string::npos);
}

TEST_CASE_FIXTURE(Fixture,
                  "what others wrote is no mention in an alert, what its author wrote may be") {
  RunRow run;
  run.dag_run_id = "one";
  run.conf_json = R"({"who":"<!channel> & co"})";
  TaskInstanceRow row;
  row.task = *find_task(*dag, "greet");
  row.reason = "said <!here>";
  const auto alert = [&](const std::string& notifier) {
    AlertEffect effect;
    effect.notifier_json = notifier;
    const OutboxRow told = context.render_alert(
        {run, *dag, dag->tasks[row.task], row, row,
         [](TaskIndex, std::string_view) { return std::optional<std::string>(R"("<@U1>")"); }},
        effect, Time{});
    return slack_body({{1, *read_alert(told.payload_json)}}, {"store", "", Time{}, {}});
  };
  const std::string own = alert(
      R"({"text": "<!subteam^S1> {{ params.who }} {{ ti.xcom_pull('first') }} {{ ti.reason }}"})");
  CHECK(own.find("<!subteam^S1> &lt;!channel&gt; &amp; co &lt;@U1&gt; said &lt;!here&gt;") !=
        std::string::npos);
  const std::string broken = alert(R"({"text": "{{ params.nobody }}"})");
  for (const char* part : {"d.greet", "Run: one", "said &lt;!here&gt;", "cannot be rendered"}) {
    CHECK_MESSAGE(broken.find(part) != std::string::npos, broken);
  }
}
