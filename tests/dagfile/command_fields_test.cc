// What DAG files say of commands: scripts, surroundings that a DAG's tasks share, and warnings.
#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "common/safe_json.h"
#include "scheduler/dagfile/dag_codec.h"
#include "scheduler/dagfile/mapping.h"
#include "scheduler/dagfile/nested_shell.h"
#include "scheduler/dagfile/template.h"
#include "tests/dagfile/dagfile_fixture.h"

namespace batuta {
namespace {

using nlohmann::json;

json params_of(const Dag& dag, std::string_view task) {
  return (*parse_untrusted(dag.tasks[*find_task(dag, task)].spec_json))["params"];
}

std::string warned(const std::string& command, const json& fields = json::object()) {
  json task{{"task_id", "a"}, {"type", "shell"}, {"command", command}};
  task.update(fields);
  const json dag{
      {"dag_id", "x"}, {"params", {{"p", "v"}}}, {"tasks", json::array({std::move(task)})}};
  const auto result = parse_dag_file(json_text(dag), "x.json", "/nonexistent", {});
  REQUIRE(result.dag);
  return result.warnings.empty() ? "" : result.warnings.front().text();
}

}  // namespace

TEST_CASE("a DAG's env and working_dir are those of its commands and code, a task's own win") {
  const auto folder = source_folder() / "tests/dagfile/good";
  const auto result =
      parse_dag_file(read_text(folder / "commands.json"), "commands.json", folder, {});
  REQUIRE(result.dag);
  const Dag& dag = *result.dag;
  const json shared = {{"TZ", "America/Sao_Paulo"}, {"STAGE", "test"}, {"DAY", "{{ params.day }}"}};
  CHECK(params_of(dag, "script")["env"] == shared);
  CHECK(params_of(dag, "script")["working_dir"] == "/srv/work");
  CHECK(params_of(dag, "bash")["env"]["STAGE"] == "own");
  CHECK(params_of(dag, "bash")["env"]["TZ"] == "America/Sao_Paulo");
  CHECK(params_of(dag, "bash")["working_dir"] == "{{ params.day }}");
  CHECK(params_of(dag, "code")["env"] == shared);
  CHECK(params_of(dag, "none") == json::object());
  json params = params_of(dag, "each");
  CHECK(
      fill_arguments(dag.tasks[*find_task(dag, "each")], {{"env", {{"STAGE", "mapped"}}}}, params));
  CHECK(params["env"]["STAGE"] == "mapped");
  CHECK(params["env"]["TZ"] == "America/Sao_Paulo");
}

TEST_CASE("a script is a file's text without templates, kept with the DAG's version") {
  const auto folder = source_folder() / "tests/dagfile/good";
  const auto result =
      parse_dag_file(read_text(folder / "commands.json"), "commands.json", folder, {});
  REQUIRE(result.dag);
  CHECK(result.files == std::vector<std::string>{"scripts/load.sh"});
  const auto again = dag_from_canonical("v", result.dag->canonical_json, "commands.json", "");
  REQUIRE(again);
  for (const Dag* dag : {result.dag.get(), again.get()}) {
    TemplateScope scope;
    scope.params_json = R"({"day":"2024-01-31"})";
    const auto rendered =
        render_spec(dag->tasks[*find_task(*dag, "script")].spec_json, scope, true);
    REQUIRE_MESSAGE(rendered.ok(), rendered.error().message);
    const json params = (*parse_untrusted(*rendered))["params"];
    CHECK(params["script"] == read_text(folder / "scripts/load.sh"));
    CHECK(params["args"] == json({"2024-01-31", 7, true}));
    CHECK(params["env"]["DAY"] == "2024-01-31");
  }
}

TEST_CASE("a table that a task reads is named by its path, and what can be no table is told so") {
  const auto told = [](const char* fields) {
    const auto result = parse_dag_file(
        R"({"dag_id": "x", "tasks": [{"task_id": "a", )" + std::string(fields) + "}]}", "x.json",
        "/nonexistent", {});
    return result.problems.empty() ? "" : result.problems.front().text();
  };
  CHECK(told(R"("type": "shell", "command": "true",
                "reads": ["mngt/ingestion_job_config", "silver/shop/orders", "{{ ds }}"])")
            .empty());
  CHECK(told(R"("type": "shell", "command": "true", "reads": ["a/b/c", "silver.shop.orders"])")
            .find("/tasks/0/reads/1: \"silver.shop.orders\" is no table: write "
                  "\"silver/shop/orders\"") != std::string::npos);
  CHECK(told(R"("type": "spark", "code": "1", "reads": ["orders"])")
            .find("/tasks/0/reads/0: \"orders\" is no table: one is <layer>/<domain>/<table>") !=
        std::string::npos);
}

TEST_CASE("a value that another shell reads as code is warned of, with its place") {
  for (const char* command :
       {"sh -c \"echo {{ params.p }}\"", "sudo bash -lc 'echo {{ params.p }}'",
        "docker exec web /bin/sh -c \"echo {{ params.p }}\"", "eval \"x={{ params.p }}\"",
        "ssh -p 22 host ls {{ params.p }}", "true; ssh host \"ls {{ params.p }}\"",
        "find . | xargs sh -c 'echo {{ params.p }}'", "su -c {{ params.p }}"}) {
    CAPTURE(command);
    const std::string told = warned(command);
    CHECK(told.starts_with("x.json:1:"));
    CHECK(told.find("/tasks/0/command: a value in what") != std::string::npos);
  }
  for (const char* command :
       {"echo {{ params.p }}", "sh -c 'echo \"$1\"' sh {{ params.p }}", "ssh {{ params.p }} ls",
        "ssh host true; echo {{ params.p }}", "sh script.sh {{ params.p }}",
        "sh -c \"echo {{ params.p | raw }}\"", "echo 'sh -c' {{ params.p }}",
        "grep -c sh {{ params.p }}", "echo eval; echo {{ params.p }}"}) {
    CAPTURE(command);
    CHECK(warned(command).empty());
  }
}

TEST_CASE("ssh has no argument that is safe: its warning says standard input") {
  CHECK(warned("ssh host rm {{ params.p }}").find("| ssh host 'v=$(cat)") != std::string::npos);
  CHECK(warned("sh -c 'rm {{ params.p }}'").find("standard input") == std::string::npos);
  CHECK(warned("printf %s {{ params.p }} | ssh host 'v=$(cat); rm -- \"$v\"'").empty());
}

TEST_CASE("a value of args or env that the first shell puts into another's code is warned of") {
  json args = json::object();
  args["args"] = {"plain", "{{ params.p }}", "{{ params.p | raw }}"};
  args["env"] = {{"FILE", "{{ params.p }}"}, {"MODE", "fast"}};
  for (const char* command :
       {"ssh host \"rm $2\"", "ssh host rm \"$2\"", "ssh -p 22 host ls \"$@\"", "eval \"ls $2\"",
        "sh -c \"rm ${2}\"", "# don't\nbash -lc \"rm ${2:-x}\"", "ssh host \"rm $*\""}) {
    CAPTURE(command);
    const std::string told = warned(command, args);
    CHECK(told.find("/tasks/0/args/1: the command puts this value") != std::string::npos);
  }
  CHECK(warned("ssh host \"rm $FILE\"", args).find("/tasks/0/env/FILE: ") != std::string::npos);
  CHECK(warned("ssh host rm $2", args).find("printf %s \"$2\" | ssh host") != std::string::npos);
  for (const char* command :
       {"ssh host \"rm $1\"", "ssh host 'rm $2'", "ssh host \"rm \\$2\"", "ssh \"$2\" ls",
        "sh -c 'rm -- \"$1\"' sh \"$2\"", "printf %s \"$2\" | ssh host 'cat >f'", "rm -- \"$2\"",
        "ssh host \"ls $3\"", "ssh host $MODE", "# ssh host $2\nls", "ssh host \"$(date)\""}) {
    CAPTURE(command);
    CHECK(warned(command, args).empty());
  }
  args["args"] = "{{ params.p }}";
  CHECK(warned("ssh host \"rm $1\"", args).find("/tasks/0/args: ") != std::string::npos);
}

TEST_CASE("a password in the arguments of a program is warned of") {
  const auto told = [](const std::string& command) {
    const json dag{{"dag_id", "x"},
                   {"params", {{"t", {{"type", "string"}, {"format", "password"}}}, {"p", "v"}}},
                   {"tasks", {{{"task_id", "a"}, {"type", "shell"}, {"command", command}}}}};
    const auto result = parse_dag_file(json_text(dag), "x.json", "/nonexistent", {});
    REQUIRE(result.dag);
    return result.warnings.empty() ? "" : result.warnings.front().text();
  };
  for (const char* shown :
       {"curl -u me:{{ params.t }} https://x", "A=1 /usr/bin/curl -H \"X: {{ params.t | upper }}\"",
        "if curl {{ params.get('t') }}; then :; fi", "true | curl {{ dag_run.conf.t }}",
        "curl {{ 'a' | replace('a', params.t) }}", "exec curl '{{ params }}'"}) {
    const std::string warning = told(shown);
    CHECK_MESSAGE(warning.find("/tasks/0/command: the password \"t\" is an argument of \"curl\"") !=
                      std::string::npos,
                  shown << ": " << warning);
  }
  for (const char* hidden :
       {"printf %s {{ params.t }} | curl -K -", "T={{ params.t }} curl https://x",
        "export T={{ params.t }}; curl https://x", "curl {{ params.p }}",
        "[ -n {{ params.t }} ] && curl https://x"}) {
    CHECK_MESSAGE(told(hidden).empty(), hidden << ": " << told(hidden));
  }
}

TEST_CASE("a password in a container's words is warned of, in its environment it is not") {
  const auto told = [](const char* field, const json& value) {
    json task{{"task_id", "a"}, {"type", "container"}, {"image", "x"}};
    task[field] = value;
    const json dag{{"dag_id", "x"},
                   {"params", {{"t", {{"type", "string"}, {"format", "password"}}}, {"p", "v"}}},
                   {"tasks", json::array({task})}};
    const auto result = parse_dag_file(json_text(dag), "x.json", "/nonexistent", {});
    REQUIRE(result.dag);
    return result.warnings.empty() ? "" : result.warnings.front().text();
  };
  for (const char* field : {"command", "entrypoint"}) {
    const std::string warning = told(field, json::array({"load", "--token", "a{{ params.t }}"}));
    CHECK_MESSAGE(warning.find(std::string("/tasks/0/") + field + ": the password \"t\" is an") !=
                      std::string::npos,
                  warning);
  }
  CHECK(told("command", "{{ params.get('t') }}").find("the password") != std::string::npos);
  CHECK(told("command", json::array({"load", "{{ params.p }}"})).empty());
  CHECK(told("env", json::object({{"TOKEN", "{{ params.t }}"}})).empty());
}

}  // namespace batuta
