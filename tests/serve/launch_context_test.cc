// Launches as agents get them: parameters and templates are read once and belong to their run.
#include "scheduler/serve/launch_context.h"

#include <doctest/doctest.h>

#include <algorithm>

#include "scheduler/core/scheduler_state.h"
#include "scheduler/dagfile/run_conf.h"
#include "scheduler/outbox/alert.h"
#include "scheduler/store/backend.h"
#include "scheduler/store/sealed_conf.h"
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

TEST_CASE_FIXTURE(Fixture,
                  "an order for the quarantine is told to its task and makes no other table") {
  const std::string order = R"({"batuta:quarantine":{"verb":"discard","task_id":"silver"}})";
  CHECK(command(*dag, RunSeq{1}, order, "greet").find("echo") != std::string::npos);
  CHECK(launch.context_json.find("discard") == std::string::npos);
  Dag data = *dag;
  RunRow run;
  run.conf_json = order;
  TaskInstanceRow row;
  row.task = *find_task(data, "greet");
  data.tasks[row.task].is_data = true;
  const auto render = [&] {
    launch = {};
    return context.render_launch(
        {run, data, data.tasks[row.task], row, row,
         [](TaskIndex, std::string_view) { return std::optional<std::string>("x"); }},
        launch, rendered);
  };
  const Status refused = render();
  REQUIRE_FALSE(refused.ok());
  CHECK(refused.error().message.find("by its task 'silver' alone") != std::string::npos);
  run.seq = RunSeq{2};
  run.conf_json = R"({"batuta:quarantine":{"verb":"discard","task_id":"greet"}})";
  const Status told = render();
  REQUIRE_MESSAGE(told.ok(), (told ? "" : told.error().message));
  CHECK(launch.context_json.find("discard") != std::string::npos);
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
  SchedulerState state;
  Changes quiet;
  context.tell(state, quiet, {});
  CHECK(quiet.event_log.empty());
  const std::string broken = alert(R"({"text": "{{ params.nobody }}"})");
  for (const char* part : {"d.greet", "Run: one", "said &lt;!here&gt;", "cannot be rendered"}) {
    CHECK_MESSAGE(broken.find(part) != std::string::npos, broken);
  }
  // The event log says it once for a turn, and of the receiver's name as of the text.
  alert(R"({"text": "{{ params.nobody }}"})");
  const std::string no_channel = alert(R"({"text": "x", "channel": "#{{ params.nobody }}"})");
  CHECK(no_channel.find("is as it was written") != std::string::npos);
  Changes changes;
  context.tell(state, changes, {});
  REQUIRE(changes.event_log.size() == 2);
  for (const EventLogRow& event : changes.event_log) {
    CHECK(event.event == "alert_template_failed");
    CHECK(event.dag_id + "." + event.task_id + " " + event.dag_run_id == "d.greet one");
    CHECK(event.extra_json.find("cannot be rendered") != std::string::npos);
  }
  context.tell(state, changes, {});
  CHECK(changes.event_log.size() == 2);
}

namespace {

const char* const with_password = R"({"dag_id": "p", "params": {"day": "today",
  "t": {"type": "string", "format": "password"}},
  "concurrency": {"key": "{{ params.t }}", "limit": 1},
  "run_if": [{"value": "{{ params.t }}", "equals": "s3cret-value"}], "tasks": [
  {"task_id": "plain", "type": "shell", "command": "true"},
  {"task_id": "other", "type": "shell", "command": "echo {{ params.day }}"},
  {"task_id": "use", "type": "shell", "command": "echo {{ params.t }} {{ dag_run.conf.t }} {{ params.t | length }}"},
  {"task_id": "child", "type": "trigger_dag", "dag_id": "p", "conf": {"t": "{{ params.t }}"}},
  {"task_id": "leak", "type": "trigger_dag", "dag_id": "p", "note": "{{ params.t }}", "conf": {"t": "x"}},
  {"task_id": "circuit", "type": "short_circuit", "condition": "{{ params.t }}"},
  {"task_id": "mapped", "type": "shell", "command": "echo", "expand": {"env": "{{ params.t }}"}},
  {"task_id": "wait", "type": "sensor", "wait_for": {"delay": "1m"}, "timeout": "{{ params.day }}"}]})";

struct PasswordFixture : Fixture {
  std::shared_ptr<const Dag> of = dag_from(with_password);
  std::string conf = sealed(key);

  std::string sealed(const SecretKey& with) const {
    std::string own = R"({"day":"1h","t":"s3cret-value"})";
    REQUIRE(seal_conf(with, "p", password_params(*of), own));
    return own;
  }
  std::size_t masked() const {
    std::size_t times = 0;
    for (const Secret& secret : launch.secrets) {
      for (const std::string& word : secret.mask) times += word == "s3cret-value" ? 1 : 0;
    }
    return times;
  }
  Result<Resolution> resolve(const char* task_id) {
    RunRow run;
    run.seq = RunSeq{1};
    run.conf_json = conf;
    TaskInstanceRow row;
    row.task = *find_task(*of, task_id);
    return context.resolve(
        {run, *of, of->tasks[row.task], row, row,
         [](TaskIndex, std::string_view) { return std::nullopt; }},
        [&](std::string_view) { return of; }, Time{});
  }
};

}  // namespace

TEST_CASE_FIXTURE(PasswordFixture,
                  "the values of an order for the quarantine reach its task, and no template") {
  Dag data = *of;
  RunRow run;
  run.seq = RunSeq{1};
  run.conf_json = R"({"t":"x","batuta:quarantine":{"verb":"repair","task_id":"use"},)"
                  R"("batuta:quarantine_values":"{\"set\":{\"cpf\":\"s3cret-row\"}}"})";
  REQUIRE(seal_conf(key, "p", {quarantine_values_member}, run.conf_json));
  REQUIRE(run.conf_json.find("s3cret") == std::string::npos);
  CHECK(shown_conf(run.conf_json).find("\"verb\":\"repair\"") != std::string::npos);
  TaskInstanceRow row;
  row.task = *find_task(data, "use");
  data.tasks[row.task].is_data = true;
  const Status told = context.render_launch(
      {run, data, data.tasks[row.task], row, row,
       [](TaskIndex, std::string_view) { return std::optional<std::string>("x"); }},
      launch, rendered);
  REQUIRE_MESSAGE(told.ok(), (told ? "" : told.error().message));
  CHECK(launch.context_json.find(R"("set":{"cpf":"s3cret-row"})") != std::string::npos);
  CHECK(launch.params_json.find("s3cret-row") == std::string::npos);
  CHECK(rendered.find("s3cret-row") == std::string::npos);
  for (const Secret& secret : launch.secrets)
    for (const std::string& word : secret.mask) CHECK(word.find("s3cret-row") == std::string::npos);
}

TEST_CASE_FIXTURE(PasswordFixture, "which branch is promoted is told to the task that does it") {
  Dag data = *of;
  RunRow run;
  run.seq = RunSeq{1};
  run.conf_json = R"({"t":"x","batuta:promotion":{"branch":"fix/1","tables":{}}})";
  TaskInstanceRow row;
  row.task = *find_task(data, "use");
  data.tasks[row.task].is_data = true;
  for (const bool promotes : {false, true}) {
    data.tasks[row.task].plugin = promotes ? "lake_promotion" : "shell";
    const Status told = context.render_launch(
        {run, data, data.tasks[row.task], row, row,
         [](TaskIndex, std::string_view) { return std::optional<std::string>("x"); }},
        launch, rendered);
    REQUIRE_MESSAGE(told.ok(), (told ? "" : told.error().message));
    CHECK((launch.context_json.find(R"("promotion":{"branch":"fix/1")") != std::string::npos) ==
          promotes);
  }
}

TEST_CASE_FIXTURE(PasswordFixture,
                  "a password of the conf reaches the task; rendered fields and log have stars") {
  REQUIRE(conf.find("s3cret") == std::string::npos);
  const std::string told = command(*of, RunSeq{1}, conf, "use");
  CHECK(told.find("echo 's3cret-value' 's3cret-value' '12'") != std::string::npos);
  CHECK(masked() > 0);
  CHECK(rendered.find("'***' '***' '3'") != std::string::npos);
  CHECK(rendered.find("s3cret") == std::string::npos);
  // A task that names none sees its own parameters, and its log hides the password all the same.
  for (const char* task_id : {"plain", "other"}) {
    CHECK(command(*of, RunSeq{1}, conf, task_id).find("s3cret") == std::string::npos);
    CHECK(rendered.find("***") == std::string::npos);
    CHECK(masked() > 0);
  }
}

TEST_CASE_FIXTURE(PasswordFixture, "an alert shows stars where a password of the conf would be") {
  RunRow run;
  run.conf_json = conf;
  TaskInstanceRow row;
  AlertEffect effect;
  effect.notifier_json =
      R"({"text": "day {{ params.day }} {{ params.t }} {{ dag_run.conf.t }}", "channel": "#{{ params.t }}"})";
  const OutboxRow told = context.render_alert(
      {run, *of, of->tasks[0], row, row, [](TaskIndex, std::string_view) { return std::nullopt; }},
      effect, Time{});
  CHECK(told.payload_json.find("day 1h *** ***") != std::string::npos);
  CHECK(told.payload_json.find("#***") != std::string::npos);
  CHECK(told.payload_json.find("s3cret") == std::string::npos);
}

TEST_CASE_FIXTURE(PasswordFixture,
                  "a password is handed to another DAG's password, sealed, and to nothing else") {
  const auto child = resolve("child");
  REQUIRE_MESSAGE(child.ok(), (child ? "" : child.error().message));
  CHECK(child->trigger->conf_json.find("s3cret") == std::string::npos);
  CHECK(open_conf(key, "p", child->trigger->conf_json)->json == R"({"t":"s3cret-value"})");
  const auto leak = resolve("leak");
  REQUIRE_FALSE(leak.ok());
  CHECK(leak.error().message.find("kept in the clear") != std::string::npos);
  CHECK(leak.error().message.find("s3cret") == std::string::npos);
  // A run with passwords can wait for what has nothing to do with them.
  CHECK(resolve("wait").ok());
}

TEST_CASE_FIXTURE(PasswordFixture, "a password that the key does not open fails the try by name") {
  conf = sealed(*SecretKey::create(folder.path("other.key")));
  RunRow run;
  run.seq = RunSeq{1};
  run.conf_json = conf;
  TaskInstanceRow row;
  const auto attempt = [&](const char* task_id) -> LaunchContext::Attempt {
    row.task = *find_task(*of, task_id);
    return {run, *of, of->tasks[row.task],
            row, row, [](TaskIndex, std::string_view) { return std::nullopt; }};
  };
  const auto expect_told = [](const auto& answer, const char* what) {
    CAPTURE(what);
    REQUIRE_FALSE(answer.ok());
    CHECK(answer.error().message.find(
              "the password \"t\" of the run's conf was sealed with another") != std::string::npos);
  };
  expect_told(context.render_launch(attempt("use"), launch, rendered), "a launch");
  // Whoever decides by it does not take the box for the value.
  expect_told(resolve("child"), "another run");
  expect_told(resolve("circuit"), "a short circuit");
  expect_told(context.gate(attempt("plain")), "a condition");
  expect_told(context.expand(attempt("mapped")), "a mapping");
  expect_told(context.run_keys(attempt("plain"), *of), "a limit's key");
}

TEST_CASE_FIXTURE(Fixture, "a run's missing params are asked of programs, for this run alone") {
  const auto of = dag_from(R"({"dag_id": "d", "params": {"other": 1,
    "day": {"type": "string", "default": {"$command": ["/usr/bin/date", "+%F"]}},
    "n": {"type": "integer", "default": {"$command": ["/opt/next", "it's one word"]}}},
    "run_if": [{"value": "{{ params.n }}", "equals": 7}],
    "tasks": [{"task_id": "a", "type": "shell", "command": "echo {{ params.day }}"}]})");
  std::vector<SecretReference> asked, taken;
  bool known = false;
  std::string printed = "7";
  context.set_param_programs(
      [&](const SecretReference& one) -> std::optional<Result<std::string>> {
        asked.push_back(one);
        if (!known) return std::nullopt;
        if (printed.empty()) return Result<std::string>(Errc::forbidden, "it may not be run");
        return Result<std::string>(one.words[0] == "/opt/next" ? printed : "2024-05-01\nmore");
      },
      [&](const SecretReference& one) { taken.push_back(one); });
  RunRow run;
  run.seq = RunSeq{1};
  run.uuid = make_uuid_v7(Time{});
  const auto gate = [&](const std::string& conf) {
    run.conf_json = conf;
    static const Task none;
    static const TaskInstanceRow row;
    return context.gate(
        {run, *of, none, row, row, [](TaskIndex, std::string_view) { return std::nullopt; }});
  };
  CHECK(gate("{}").ok());
  CHECK(context.looking_up());
  REQUIRE(asked.size() == 2);  // both at once
  CHECK(asked[1].words == std::vector<std::string>{"/opt/next", "it's one word"});
  CHECK(asked[0].asked_for == to_string(run.uuid));
  CHECK(taken.empty());
  const auto asked_first = asked;
  known = true;
  const auto filled = gate(R"({"own":true})");
  REQUIRE(filled.ok());
  CHECK(filled->conf_json == R"({"day":"2024-05-01","n":7,"own":true})");
  CHECK(taken == asked_first);  // they make room for other runs
  asked.clear();
  const auto judged = gate(filled->conf_json);  // its run_if sees them, and nothing is asked again
  REQUIRE(judged.ok());
  CHECK((judged->holds && judged->conf_json.empty() && asked.empty()));
  CHECK(gate(R"({"day":"x","n":8})")->why.find("run_if of the DAG") == 0);
  CHECK(command(*of, RunSeq{1}, filled->conf_json, "a").find("'2024-05-01'") != std::string::npos);
  printed = "many";
  CHECK(gate("{}").error().message ==
        "param \"n\": it prints \"many\", and the value must be integer, not a text");
  printed = "";
  CHECK(gate(R"({"day":"x"})").error().message == "param \"n\": it may not be run");
  CHECK(gate(R"({"day":"x"})").error().where == LaunchContext::gate_of_params);
}

TEST_CASE_FIXTURE(Fixture, "a deferred task waits by its own connections alone, whatever is told") {
  Dag of = *dag_from(R"({"dag_id": "d", "tasks": [
    {"task_id": "own", "type": "shell", "command": "true", "connections": ["jobs"]}]})");
  of.tasks[0].plugin = "outer";
  of.tasks[0].spec_json = R"({"params":{"by":"other"}})";
  const auto told = [&](const char* wait) -> std::string {
    RunRow run;
    TaskInstanceRow row;
    const auto found = context.deferral({run, of, of.tasks[0], row, row, {}}, wait, Time{});
    return found ? found->cancel_key : found.error().message;
  };
  const auto foreign = [](const std::string& why) {
    return why.find("is none of its task's: add it to the task's \"connections\"") !=
           std::string::npos;
  };
  CHECK(told(R"({"wait_for":{"http":{"connection":"jobs","url":"/7"}}})") == "");
  CHECK(foreign(told(R"({"wait_for":{"http":{"connection":"bank","url":"/7"}}})")));
  CHECK(foreign(told(R"({"wait_for":{"sql":{"connection":"bank","sql":"SELECT 1"}}})")));
  const char* const cancel =
      R"({"wait_for":{"delay":"1m"},"on_cancel":{"connection":"other","url":"/7"}})";
  CHECK(foreign(told(cancel)));
  // One that a parameter of the plugin names is the task's as well.
  PluginInfo plugin;
  plugin.name = "outer";
  ParamInfo by;
  by.name = "by";
  by.type = ParamType::connection;
  plugin.params = {by};
  context.set_catalogue({plugin});
  CHECK(told(cancel) == "other");
  // What the scheduler's network reaches is not for a worker to look at.
  CHECK(told(R"({"wait_for":{"http":{"url":"http://169.254.169.254/x"}}})")
            .find("waits for an answer of one of its task's connections") != std::string::npos);
}
