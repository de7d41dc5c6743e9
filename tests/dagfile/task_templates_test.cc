// Tasks that are made of a template are what they would be if written out.
#include "scheduler/dagfile/task_templates.h"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "common/safe_json.h"
#include "scheduler/dagfile/dag_codec.h"
#include "scheduler/dagfile/template.h"
#include "scheduler/dagfile/template_parse.h"
#include "scheduler/dagfile/template_print.h"
#include "tests/dagfile/dagfile_fixture.h"

namespace batuta {
namespace {

using nlohmann::json;

json whole_task(json body, json task) {
  json dag{{"task_templates", {{"t", std::move(body)}}}, {"tasks", {std::move(task)}}};
  Problems problems;
  put_in_task_templates(dag, problems);
  REQUIRE_MESSAGE(problems.none(), problems.list().front().message);
  CHECK_FALSE(dag.contains("task_templates"));
  return dag["tasks"][0];
}

json rendered(const Dag& dag, std::string_view task) {
  RunRow run;
  run.logical_date = parse_iso("2024-02-29T00:00:00Z");
  TemplateScope scope;
  scope.run = &run;
  scope.params_json = R"({"day":"day 1"})";
  const auto out = render_spec(dag.tasks[*find_task(dag, task)].spec_json, scope, true);
  REQUIRE_MESSAGE(out.ok(), out.error().message);
  return (*parse_untrusted(*out))["params"];
}

}  // namespace

TEST_CASE("a template's tasks differ by their arguments, which are values and never code") {
  const auto folder = source_folder() / "tests/dagfile/good";
  const auto result = parse_dag_file(read_text(folder / "templated.json"), "t.json", folder, {});
  REQUIRE(result.dag);
  const auto again = dag_from_canonical("v", result.dag->canonical_json, "t.json", "");
  REQUIRE(again);
  for (const Dag* dag : {result.dag.get(), again.get()}) {
    const Task& users = dag->tasks[0];
    CHECK(users.retry.retries == 3);
    CHECK(users.pool == "pool_public");
    json params = rendered(*dag, "users");
    CHECK(params["command"] == "load 'users' 'PUBLIC' '2024-02-29' ''");
    CHECK(params["args"] == json({"day 1.csv", "users/2024-02-29"}));
    CHECK(params["env"] == json{{"TABLE", "users"}, {"KIND", "load"}});
    const Task& orders = dag->tasks[1];
    CHECK(orders.retry.retries == 0);
    CHECK(orders.pool == "own");
    CHECK(orders.display_name == "Orders");
    CHECK(orders.doc_md == "All *orders*");
    CHECK(orders.labels == std::vector<std::string>{"then"});
    params = rendered(*dag, "orders");
    CHECK(params["command"] == "load 'day 1' 'IT'\\''S' '2024-02-29' 'a,1'");
    CHECK(params["args"][1] == "day 1/2024-02-29");
    CHECK(params["env"] == json{{"TABLE", "day 1"}, {"KIND", "own"}});
  }
}

TEST_CASE(
    "an argument keeps its type where it is the whole of a string, and its braces elsewhere") {
  const json body{
      {"arguments", {{"n", 1}, {"list", {1, 2}}, {"o", {{"k", {"v", "{{ ds }}"}}}}, {"s", "x"}}},
      {"type", "mock"},
      {"return", {{"n", "{{ arguments.n }}"}, {"l", "{{arguments.list}}"}}},
      {"print", "{{ arguments.o.k[1] }} {{ arguments.o.k[0] }} {{ arguments['n'] }}"},
      {"fail_times", "{{ arguments.list | sum }}"},
      {"display_name", "{% raw %}{{ b }}{% endraw %} {{ arguments.s }}"}};
  const json task = whole_task(body, {{"task_id", "a"}, {"template", "t"}});
  CHECK(task["return"] == json{{"n", 1}, {"l", {1, 2}}});
  CHECK(task["print"] == "{{ (ds) }} {{ 'v' }} {{ 1 }}");
  CHECK(task["fail_times"] == 3);
  CHECK(task["display_name"] == "{{ '{{' }} b }} x");
  const json given =
      whole_task(body, {{"task_id", "a"},
                        {"template", "t"},
                        {"arguments", {{"s", "{% raw %}{{{% endraw %}"}, {"n", "{{ ds }}"}}}});
  CHECK(given["return"]["n"] == "{{ ds }}");
  CHECK(given["display_name"] == "{{ '{{' }} b }} {{ '{{' }}");
}

TEST_CASE("an expression that is printed reads as the same expression") {
  for (const char* text :
       {"params.x", "params['a b'][0].c", "ti.xcom_pull('t', key='k').f[0]",
        "('a' | upper).b | raw", "[1, -2.5, true, none, 'it\\'s \\\\ \\n']",
        "{'a': {'b': [1]}, 'c d': ds}",
        "params.l | map(attribute='x.y', default=0) | selectattr('a', 'in', [1, 2]) | join(', ')",
        "macros.ds_add(ds, params.n | int)"}) {
    CAPTURE(text);
    const auto first = parse_template("{{ " + std::string(text) + " }}");
    REQUIRE(first.ok());
    const std::string once = print_expression(std::get<TemplateExpr>(first->front()));
    const auto second = parse_template("{{ " + once + " }}");
    REQUIRE_MESSAGE(second.ok(), once);
    CHECK(print_expression(std::get<TemplateExpr>(second->front())) == once);
  }
}

}  // namespace batuta
