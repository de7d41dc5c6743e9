#include <doctest/doctest.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>

#include "common/safe_json.h"
#include "scheduler/cli/imported.h"

using namespace batuta::cli;

namespace {

bool noted(const Imported& imported, const std::string& words) {
  return std::any_of(imported.notes.begin(), imported.notes.end(),
                     [&](const std::string& note) { return note.find(words) != note.npos; });
}

Imported crontab(const std::string& text, CrontabOptions options = {}) {
  Imported imported = import_crontab(text, options);
  check_imported(imported);
  return imported;
}

nlohmann::json definition_of(const Imported& imported, std::size_t dag = 0) {
  const auto read = batuta::parse_untrusted(imported.dags.at(dag).text);
  REQUIRE(read);
  return *read;
}

std::string command_of(const Imported& imported, std::size_t dag, std::size_t task = 0) {
  return definition_of(imported, dag)["tasks"].at(task)["command"];
}

Imported dagu(const std::string& text) {
  auto imported = import_dagu(text, "file");
  REQUIRE_MESSAGE(imported, imported.error().message);
  check_imported(*imported);
  CHECK_MESSAGE(!noted(*imported, "not taken as it is"), imported->notes.back());
  return *imported;
}

}  // namespace

TEST_CASE(
    "crontab: a job becomes a DAG with its schedule, comment, environment and a name of its own") {
  const auto got = crontab(
      "# m h dom mon dow\n\nPATH=/usr/local/bin:/usr/bin\nLANG = C\nMAILTO = \"me@example.org\"\n"
      "# Nightly copy\n30 2 * * 1-5  cd /srv && nice -n 10 /opt/jobs/backup.sh --full\n"
      "@annually /opt/jobs/backup.sh\n",
      {"cron-", "Europe/Berlin", false});
  REQUIRE(got.dags.size() == 2);
  const auto dag = definition_of(got);
  CHECK(dag["dag_id"] == "cron-backup");
  CHECK(dag["description"] == "Nightly copy");
  CHECK(dag["schedule"] == "30 2 * * 1-5");
  CHECK(dag["timezone"] == "Europe/Berlin");
  CHECK(dag["tasks"][0]["env"].dump() == R"({"LANG":"C"})");
  CHECK(command_of(got, 0) ==
        "export PATH='/usr/local/bin:/usr/bin'\ncd /srv && nice -n 10 /opt/jobs/backup.sh --full");
  CHECK(got.dags[1].dag_id == "cron-backup_2");
  CHECK(definition_of(got, 1)["schedule"] == "@yearly");
  CHECK(noted(got, "line 5: MAILTO=me@example.org is not carried over"));
  CHECK(noted(got, "the DAGs are paused"));
  CHECK_FALSE(noted(got, "not taken as it is"));
}

TEST_CASE("crontab: % is a line break on standard input, \\% is a percent sign") {
  const auto got = crontab("0 0 * * * date +\\%F\n0 1 * * * mail -s hi me%Hello,%100\\%\n");
  CHECK(command_of(got, 0) == "date +%F");
  CHECK(command_of(got, 1) == "{ mail -s hi me\n} <<'END_OF_INPUT'\nHello,\n100%\nEND_OF_INPUT");
}

TEST_CASE("crontab: the sixth field of a system's is a user") {
  const auto got =
      crontab("17 * * * * root cd / && run-parts --report /etc/cron.hourly\n", {"", "", true});
  CHECK(command_of(got, 0) == "cd / && run-parts --report /etc/cron.hourly");
  CHECK(got.dags[0].dag_id == "run-parts");
  CHECK(noted(got, "ran as user root"));
}

TEST_CASE("crontab: shells, zones and braces are kept") {
  const auto got = crontab(
      "SHELL=/bin/bash\nCRON_TZ=America/Sao_Paulo\n0 9 * * mon docker ps --format '{{.ID}}' "
      ">/dev/null\n");
  CHECK(command_of(got, 0).starts_with("'/bin/bash' -c '"));
  CHECK(command_of(got, 0).find("{{ '{{' | raw }}.ID}}") != std::string::npos);
  CHECK(definition_of(got, 0)["timezone"] == "America/Sao_Paulo");
  CHECK(noted(got, "throws its output away"));
  CHECK_FALSE(noted(got, "not taken as it is"));
}

TEST_CASE("crontab: what has no counterpart is told by its line") {
  const auto got = crontab("@reboot /opt/start\nthis is no job\n0 0 */2 * mon x\n*/90 * * * * y\n");
  REQUIRE(got.dags.size() == 3);
  CHECK(definition_of(got, 0)["schedule"].is_null());
  CHECK(noted(got, "line 1: @reboot has no counterpart"));
  CHECK(noted(got, "line 2: not understood"));
  CHECK(noted(got, "line 3: cron runs this only when both day fields fit"));
  CHECK(noted(got, "y.json: not taken as it is: /schedule"));
}

TEST_CASE("dagu: steps become tasks with their order, retries, limits and parameters") {
  const auto got = dagu(R"(
name: daily-report
schedule: "CRON_TZ=Asia/Tokyo 5 4 * * *"
tags: finance, daily
maxActiveRuns: 2
params: "DAY=today NAME='a b'"
env:
  - REGION: eu
  - LOG: ${HOME}/log
steps:
  - name: fetch data
    command: ./fetch.sh
    dir: /srv/jobs
    output: ROWS
    retryPolicy: {limit: 3, intervalSec: 10, exitCode: [1, 75]}
  - name: report
    script: |
      echo "$ROWS rows of $DAY"
    depends: [fetch data]
    timeoutSec: 60
)");
  const auto dag = definition_of(got);
  CHECK(dag["dag_id"] == "daily-report");
  CHECK(dag["schedule"] == "5 4 * * *");
  CHECK(dag["timezone"] == "Asia/Tokyo");
  CHECK(dag["tags"].dump() == R"(["finance","daily"])");
  CHECK(dag["max_active_runs"] == 2);
  CHECK(dag["params"]["NAME"]["default"] == "a b");
  const auto& fetch = dag["tasks"][0];
  CHECK(fetch["task_id"] == "fetch_data");
  CHECK(fetch["retries"] == 3);
  CHECK(fetch["retry_delay"] == 10);
  CHECK(fetch["retry_rules"].dump() ==
        R"([{"action":"retry","exit_codes":[1,75]},{"action":"fail"}])");
  CHECK(fetch["command"] == "cd \"/srv/jobs\" || exit 1\nexport LOG=\"${HOME}/log\"\n./fetch.sh");
  CHECK(fetch["env"]["REGION"] == "eu");
  CHECK(fetch["env"]["DAY"] == "{{ params.DAY }}");
  const auto& report = dag["tasks"][1];
  CHECK(report["depends_on"].dump() == R"(["fetch_data"])");
  CHECK(report["execution_timeout"] == 60);
  CHECK(report["env"]["ROWS"] == "{{ ti.xcom_pull('fetch_data') }}");
  CHECK(noted(got, "fetch_data: the last line that it prints is $ROWS"));
}

TEST_CASE("dagu: its newer words, chains, and steps that are texts") {
  const auto got = dagu(R"(
type: chain
steps:
  - echo one
  - id: two
    run: python
    script: print(2)
    continue_on: failed
  - id: three
    run: [echo a, echo b]
)");
  const auto tasks = definition_of(got)["tasks"];
  CHECK(got.dags[0].dag_id == "file");
  CHECK(tasks[0]["command"] == "echo one");
  CHECK(tasks[1]["depends_on"].dump() == R"(["step_1"])");
  CHECK(tasks[1]["command"] ==
        "cat >script <<'END_OF_SCRIPT'\nprint(2)\nEND_OF_SCRIPT\npython script");
  CHECK(tasks[2]["command"] == "set -e\necho a\necho b");
  CHECK(tasks[1]["continue_on"].dump() == R"({"failure":true})");
  CHECK(noted(got, "two: continueOn: the run goes on and is failed in the end"));
}

TEST_CASE("dagu: whatever is not carried over is told") {
  const auto got = dagu(R"(
handlerOn: {failure: {command: mail}}
mailOn: {failure: true}
logDir: /tmp
schedule: {start: "0 1 * * *", stop: "0 2 * * *"}
steps:
  - name: a
    executor: {type: http}
    command: GET https://example.org
  - name: b
    command: run
    preconditions: [{condition: "`date +%u`", expected: "1"}]
    repeatPolicy: {repeat: true, intervalSec: 60}
    continueOn: {never: true}
  - name: c
    command: run
    precondition: test -f x
)");
  for (const char* words :
       {"handlerOn.failure", "mailOn: is not", "logDir: is not", "schedule.stop",
        "a: is a step of kind http", "b: preconditions: \"`date +%u`\" is computed by Dagu",
        "c: preconditions: \"test -f x\" is a command", "b: repeatPolicy", "b: continueOn.never",
        "taken as a chain", "set \"timezone\""}) {
    CHECK_MESSAGE(noted(got, words), words);
  }
  CHECK(command_of(got, 0).find("exit 1") != std::string::npos);
}

TEST_CASE("dagu: what decides whether a step runs, and whether what follows goes on") {
  const auto got = dagu(R"(
params: "MODE=full"
histRetentionDays: 30
env: [REGION: eu]
preconditions: [{condition: "${MODE}", expected: full}]
steps:
  - name: count
    command: ./count
    output: ROWS
    continueOn: {exitCode: [3, 4], output: ["no rows?", "re:^none$"], markSuccess: true}
  - name: load
    command: ./load
    depends: count
    preconditions:
      - {condition: $ROWS, expected: "re:[1-9]"}
      - {condition: $REGION, expected: us, negate: true}
    continue_on: {skipped: true, failure: false}
)");
  const auto dag = definition_of(got);
  CHECK(dag["run_if"].dump() == R"([{"equals":"full","value":"{{ params.MODE }}"}])");
  CHECK(dag["retention"] == "30d");
  CHECK(dag["tasks"][0]["continue_on"].dump() ==
        R"({"exit_codes":[3,4],"mark_success":true,"output":["no rows\\?","^none$"]})");
  CHECK(
      dag["tasks"][1]["run_if"].dump() ==
      R"([{"matches":"[1-9]","value":"{{ ti.xcom_pull('count') }}"},{"not_equals":"us","value":"eu"}])");
  CHECK(dag["tasks"][1]["continue_on"].dump() == R"({"skipped":true})");
}

TEST_CASE("dagu: a repeatPolicy becomes a loop, by exit code or by what the step prints") {
  const auto got = dagu(R"(
steps:
  - name: poll
    command: ./poll
    repeatPolicy: {repeat: until, exitCode: [0, 3], intervalSec: 30, limit: 20, backoff: 2, maxIntervalSec: 300}
  - name: pages
    command: ./page
    output: STATE
    depends: poll
    repeat_policy: {repeat: while, condition: "${STATE}", expected: "re:^more", limit: 5}
  - name: ever
    command: ./tick
    depends: pages
    repeatPolicy: {repeat: true, intervalSec: 60}
  - name: asks
    command: ./ask
    depends: ever
    repeatPolicy: {repeat: until, condition: "test -f x", limit: 3}
)");
  const auto tasks = definition_of(got)["tasks"];
  CHECK(tasks[0]["repeat"].dump() ==
        R"({"backoff":2,"delay":30,"max":20,"max_delay":300,"until":{"exit_codes":[0,3]}})");
  CHECK(tasks[1]["repeat"].dump() ==
        R"({"max":5,"on_max":"success","while":{"result":{"matches":"^more"}}})");
  CHECK(tasks[2]["repeat"].dump() ==
        R"({"delay":60,"max":1000,"on_max":"success","while":{"exit_codes":[0]}})");
  CHECK_FALSE(tasks[3].contains("repeat"));
  CHECK(noted(got, "asks: repeatPolicy: \"test -f x\" is computed by Dagu"));
  CHECK(noted(got, "ever: repeatPolicy: without a limit"));
}

TEST_CASE("dagu: what is no Dagu file is refused with its line") {
  CHECK(import_dagu("a: [1", "x").error().message.find("line") != std::string::npos);
  CHECK(import_dagu("a: 1", "x").error().message.find("no steps") != std::string::npos);
  CHECK(import_dagu("", "x").error().message.find("nothing") != std::string::npos);
}
