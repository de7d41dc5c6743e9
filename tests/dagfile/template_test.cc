#include "scheduler/dagfile/template.h"

#include <doctest/doctest.h>

#include <chrono>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>

#include "common/safe_json.h"
#include "scheduler/dagfile/template_parse.h"

namespace batuta {
namespace {

using nlohmann::json;

struct Scene {
  RunRow run;
  TaskInstanceRow row;
  TemplateScope scope;
  std::map<std::string, std::string, std::less<>> xcoms, variables;

  Scene() {
    run.dag_id = "financial";
    run.dag_run_id = "manual__1";
    run.uuid = *parse_uuid("0192f0c1-0000-7000-8000-000000000001");
    run.logical_date = parse_iso("2024-01-31T05:00:00Z");
    run.data_interval_start = parse_iso("2024-01-31T04:00:00Z");
    run.data_interval_end = parse_iso("2024-01-31T05:00:00Z");
    run.conf_json = R"({"who":"ann"})";
    row.try_number = 2;
    row.reason = "exit code 1";
    scope.run = &run;
    scope.hot = &row;
    scope.cold = &row;
    scope.dag_id = "financial";
    scope.task_id = "extract";
    scope.params_json = R"({"tickers":["A","B"],"n":5,"deep":{"x-y":[1,2]},"none":null})";
    scope.xcom = [this](std::string_view task, std::string_view key) {
      const auto it = xcoms.find(std::string(task) + "/" + std::string(key));
      return it == xcoms.end() ? std::nullopt : std::optional(it->second);
    };
    scope.variable = [this](std::string_view key) {
      const auto it = variables.find(key);
      return it == variables.end() ? std::nullopt : std::optional(it->second);
    };
    xcoms["load/return_value"] = R"({"records":7,"files":["a.parquet"]})";
    xcoms["load/extra"] = R"("e")";
    variables["CHANNEL"] = "#etl";
    variables["CONFIG"] = R"({"a":{"b":[10,20]}})";
  }
  Scene(const Scene&) = delete;

  json render(const std::string& text) const {
    const auto out = render_spec(json_text({{"v", text}}), scope, false);
    if (!out) return "error: " + out.error().message;
    return (*parse_untrusted(*out))["v"];
  }
};

}  // namespace

TEST_CASE("a string that is one expression keeps its type") {
  const Scene s;
  CHECK(s.render("{{ params.tickers }}") == json({"A", "B"}));
  CHECK(s.render("{{ params.n }}") == 5);
  CHECK(s.render("{{params.none}}") == nullptr);
  CHECK(s.render("{{ ti.xcom_pull('load') }}") == json{{"records", 7}, {"files", {"a.parquet"}}});
  CHECK(s.render(" {{ params.n }}") == " 5");
  CHECK(s.render("{{ params.tickers }}!") == R"(["A","B"]!)");
}

TEST_CASE("Airflow's names mean what they mean there") {
  const Scene s;
  CHECK(s.render("{{ ds }} {{ ds_nodash }}") == "2024-01-31 20240131");
  CHECK(s.render("{{ ts }}") == "2024-01-31T05:00:00+00:00");
  CHECK(s.render("{{ ts_nodash }} {{ ts_nodash_with_tz }}") ==
        "20240131T050000 20240131T050000+0000");
  CHECK(s.render("{{ data_interval_start | ds }}") == "2024-01-31");
  CHECK(s.render("{{ run_id }}/{{ dag.dag_id }}/{{ task.task_id }}") ==
        "manual__1/financial/extract");
  CHECK(s.render("{{ execution_id }}") == "0192f0c1-0000-7000-8000-000000000001");
  CHECK(s.render("{{ ti.try_number }}") == 2);
  CHECK(s.render("{{ task_instance.reason }}") == "exit code 1");
  CHECK(s.render("{{ dag_run.conf.who }}") == "ann");
  CHECK(s.render("{{ var.value.CHANNEL }}") == "#etl");
  CHECK(s.render("{{ var.json.CONFIG.a.b[-1] }}") == 20);
  CHECK(s.render("{{ var.value.get('NONE', 'x') }}") == "x");
  CHECK(s.render("{{ params['deep']['x-y'][0] }}") == 1);
  CHECK(s.render("{{ params.get('none2', 3) }}") == 3);
  CHECK(s.render("{{ macros.ds_add(ds, -31) }}") == "2023-12-31");
  CHECK(s.render("{{ ti.xcom_pull('load').records }}") == 7);
  CHECK(s.render("{{ ti.xcom_pull(task_ids='load', key='extra') }}") == "e");
  CHECK(s.render("{{ ti.xcom_pull('load')['files'][0] }}") == "a.parquet");
}

TEST_CASE("filters change values, in order") {
  const Scene s;
  CHECK(s.render("{{ params.tickers | join(',') | lower }}") == "a,b");
  CHECK(s.render("{{ params.tickers | tojson | upper }}") == R"(["A","B"])");
  CHECK(s.render("{{ params.tickers | length }}") == 2);
  CHECK(s.render("{{ '  x ' | trim }}") == "x");
  CHECK(s.render("{{ logical_date | strftime('%d.%m.%Y %H:%M') }}") == "31.01.2024 05:00");
  CHECK(s.render("{{ params.missing | default('d') | upper }}") == "D");
  CHECK(s.render("{{ ti.xcom_pull('nobody') | default(0) }}") == 0);
  CHECK(s.render("{{ '{{' }}") == "{{");
}

TEST_CASE("what is undefined is an error with its pointer") {
  Scene s;
  for (const char* text : {"{{ params.missing }}", "{{ params.n.x }}", "{{ params.tickers[9] }}",
                           "{{ ti.xcom_pull('nobody') }}", "{{ var.value.NONE }}",
                           "x {{ window_start }}", "{{ nobody }}"}) {
    CAPTURE(std::string(text));
    CHECK(s.render(text).get<std::string>().find("is undefined") != std::string::npos);
  }
  s.run.logical_date.reset();
  const std::string undated = s.render("{{ ds }}");
  CHECK(
      undated.starts_with("error: ds is undefined: the run was triggered without a logical date"));
  CHECK(undated.find("dag_run.run_after") != std::string::npos);
  CHECK(s.render("{{ dag_run.run_after }}") == to_iso(s.run.run_after));
  const auto out = render_spec(R"({"params":{"a":["ok","{{ params.gone }}"]}})", s.scope, false);
  REQUIRE_FALSE(out.ok());
  CHECK(out.error().where == "/params/a/1");
}

TEST_CASE("a value is never read as a template again") {
  Scene s;
  s.scope.params_json = R"({"a":"{{ params.b }}","b":"secret","self":"{{ params.self }}"})";
  CHECK(s.render("{{ params.a }}") == "{{ params.b }}");
  CHECK(s.render("<{{ params.self }}>") == "<{{ params.self }}>");
}

TEST_CASE("look-alikes stay as they are") {
  const Scene s;
  for (const char* text :
       {"${params.n}", "%n%s%d", "$(id)", "{ { ds } }", "}}", "{#n#}", "${#a[@]}", "`id`", "{{'"}) {
    CAPTURE(std::string(text));
    const auto out = s.render(text);
    CHECK((out == text || out.get<std::string>().starts_with("error: ")));
  }
  CHECK(s.render("$(id) {{ ds }}") == "$(id) 2024-01-31");
}

TEST_CASE("between raw and endraw braces stand for themselves") {
  const Scene s;
  CHECK(s.render("{% raw %}{{ .Names }} {% if x %}{% endraw %}") == "{{ .Names }} {% if x %}");
  CHECK(s.render("{{ ds }} {%raw%}{{ ds }}{%endraw%} {{ ds }}") ==
        "2024-01-31 {{ ds }} 2024-01-31");
  CHECK(s.render("a  {%- raw -%}  {{  {%- endraw -%}  b") == "a{{b");
  CHECK(s.render("{{ '{%' }} 100%}") == "{% 100%}");
  CHECK(s.render("{% nothing closes") == "{% nothing closes");
  CHECK(s.render("{% raw %}{{ x }}").get<std::string>().find("without {% endraw %}") !=
        std::string::npos);
  for (const char* foreign : {"{{.Names}}", "{{ $x }}", "{{ Names }}", "{% if x %}{% endif %}"}) {
    CAPTURE(std::string(foreign));
    const auto status = check_templates(json_text({{"v", foreign}}), false);
    REQUIRE_FALSE(status.ok());
    CHECK(status.error().message.find("{% endraw %}") != std::string::npos);
  }
  const auto begin = std::chrono::steady_clock::now();
  std::string many = "{% raw %}";
  for (int i = 0; i < 300'000; ++i) many += "{%";
  CHECK(parse_template(many + " %}{% endraw %}").ok());
  CHECK(parse_template(many.substr(9)).ok());
  CHECK(std::chrono::steady_clock::now() - begin < std::chrono::seconds(20));
}

TEST_CASE("a result that is JSON in a text has fields, whoever made it") {
  Scene s;
  s.xcoms["shell/return_value"] = json_text(R"({"rows":[{"n":1},{"n":"2"}]})");
  s.xcoms["plain/return_value"] = json_text("done");
  CHECK(s.render("{{ ti.xcom_pull('shell').rows[1].n }}") == "2");
  CHECK(s.render("{{ ti.xcom_pull('shell') }}") == R"({"rows":[{"n":1},{"n":"2"}]})");
  CHECK(s.render("{{ ti.xcom_pull('shell').gone | default('d') }}") == "d");
  CHECK(s.render("{{ ti.xcom_pull('plain').rows }}")
            .get<std::string>()
            .find("is undefined: the result is a text that is no JSON") != std::string::npos);
}

TEST_CASE("a result that is kept read is taken as it is, and why it cannot be read is told") {
  Scene s;
  using Kept = std::shared_ptr<const json>;
  const Kept kept = std::make_shared<const json>(json{{"rows", {1, 2}}});
  s.scope.kept_xcom = [&](std::string_view task, std::string_view) -> Result<Kept> {
    if (task == "huge") return {Errc::too_large, "it is too large"};
    return task == "file" ? kept : Kept();
  };
  CHECK(s.render("{{ ti.xcom_pull('file').rows[1] }}") == 2);
  CHECK(s.render("{{ ti.xcom_pull('file') }}") == *kept);
  CHECK(s.render("{{ ti.xcom_pull('load').records }}") == 7);
  CHECK(s.render("{{ ti.xcom_pull('huge').rows | default(0) }}")
            .get<std::string>()
            .find("it is too large") != std::string::npos);
}

TEST_CASE("the run's neighbours are the ticks beside it; a manual run is its own") {
  Scene s;
  Timetable daily;
  daily.kind = Timetable::Kind::cron;
  daily.cron = *parse_cron("0 5 * * *");
  s.scope.schedule = &daily;
  s.run.type = RunType::scheduled;
  CHECK(s.render("{{ prev_ds }} {{ next_ds }}") == "2024-01-30 2024-02-01");
  CHECK(s.render("{{ prev_ds_nodash }} {{ next_ds_nodash }}") == "20240130 20240201");
  CHECK(s.render("{{ next_logical_date }}") == "2024-02-01T05:00:00Z");
  CHECK(s.render("{{ yesterday_ds }} {{ tomorrow_ds_nodash }}") == "2024-01-30 20240201");
  s.run.type = RunType::manual;
  CHECK(s.render("{{ prev_ds }} {{ next_ds }}") == "2024-01-31 2024-01-31");
  s.run.type = RunType::scheduled;
  daily = {};
  daily.kind = Timetable::Kind::dates;
  daily.dates = {*s.run.logical_date};
  CHECK(s.render("{{ next_ds }}") == "error: next_ds is undefined: the schedule has no tick there");
}

TEST_CASE("the run before that succeeded has dates, and is asked for only where it is named") {
  Scene s;
  CHECK(s.render("{{ prev_data_interval_end_success }}")
            .get<std::string>()
            .find("no run dated before this one has succeeded") != std::string::npos);
  CHECK(s.render("{{ prev_start_date_success | default('first') }}") == "first");
  s.scope.previous_success = [] {
    RunRow before;
    before.data_interval_start = parse_iso("2024-01-30T04:00:00Z");
    before.data_interval_end = parse_iso("2024-01-30T05:00:00Z");
    before.start_date = parse_iso("2024-01-30T05:00:01Z");
    before.end_date = parse_iso("2024-01-30T05:10:00Z");
    return std::optional(before);
  };
  CHECK(s.render("{{ prev_data_interval_start_success }}") == "2024-01-30T04:00:00Z");
  CHECK(s.render("{{ prev_data_interval_end_success | ds }}") == "2024-01-30");
  CHECK(s.render("{{ prev_start_date_success }} {{ prev_end_date_success }}") ==
        "2024-01-30T05:00:01Z 2024-01-30T05:10:00Z");
  const auto names = [](const char* text) {
    return ParsedSpec::parse(json_text({{"v", text}}), false)->names_previous_success();
  };
  CHECK(names("{{ ds | default(prev_end_date_success) }}"));
  CHECK_FALSE(names("{{ prev_ds }} {{ params.x }}"));
}

TEST_CASE("template bombs end early, in bounded memory and time") {
  Scene s;
  const auto begin = std::chrono::steady_clock::now();
  std::string many;
  for (int i = 0; i < 1'000'000; ++i) many += "{{ds}}";
  CHECK(s.render(many).get<std::string>().find("more than 10,000") != std::string::npos);
  s.scope.params_json = json_text({{"x", std::string(200'000, 'x')}});
  CHECK(s.render(
             "{{ params.x }}{{ params.x }}{{ params.x }}{{ params.x }}{{ params.x }}{{ params.x }}")
            .get<std::string>()
            .find("larger than 1 MiB") != std::string::npos);
  std::string nested = "{{ ";
  for (int i = 0; i < 10'000; ++i) nested += "macros.ds_add(";
  CHECK(s.render(nested).get<std::string>().starts_with("error: "));
  CHECK(s.render("{{ " + std::string(1 << 20, ' ') + "ds }}")
            .get<std::string>()
            .starts_with("error: "));
  std::string steps = "{{ params";
  for (int i = 0; i < 1'000; ++i) steps += ".a";
  CHECK(s.render(steps + " }}").get<std::string>().starts_with("error: "));
  CHECK(std::chrono::steady_clock::now() - begin < std::chrono::seconds(60));
}

TEST_CASE("the check finds at parse time what can be known then") {
  const auto told = [](const char* text) {
    const auto status = check_templates(json_text({{"params", {{"command", text}}}}), true);
    return status ? std::string() : status.error().where + " " + status.error().message;
  };
  CHECK(told("echo {{ ds }} {{ params.anything | default(1) }}").empty());
  for (const char* bad :
       {"{{ ds", "{{ }}", "{{ dss }}", "{{ ds | nope }}", "{{ ds | default }}", "{{ var.CHANNEL }}",
        "{{ macros.ds_add(ds) }}", "{{ os.system('id') }}", "{{ ti.__class__() }}", "{{ 1 + 1 }}",
        "{{ ds | raw | upper }}", "{{ ti.xcom_pull() }}", "{{ params['x }}",
        "{% for x in y %}{% endfor %}"}) {
    CAPTURE(std::string(bad));
    CHECK(told(bad).starts_with("/params/command "));
  }
}

TEST_CASE("a method of Airflow's that is not offered names what to write instead") {
  const auto told = [](const std::string& call) {
    const auto status = check_templates(json_text({{"text", "{{ " + call + " }}"}}), false);
    return status ? std::string() : status.error().message;
  };
  CHECK(told("macros.ds_format(ds, '%Y', '%d')").find("ds | strftime(") != std::string::npos);
  CHECK(told("logical_date.strftime('%Y')").find("logical_date | strftime(") != std::string::npos);
  CHECK(told("dag_run.conf.get('k', 'd')").find("dag_run.conf.name | default(") !=
        std::string::npos);
  CHECK(told("run_id.upper()").find("run_id | upper") != std::string::npos);
  CHECK(told("macros.ds_ad(ds, 1)").find("did you mean \"macros.ds_add\"") != std::string::npos);
}

TEST_CASE("the tasks whose results a spec pulls are found") {
  CHECK(xcom_sources(R"({"a":"{{ ti.xcom_pull('x') }} {{ ti.xcom_pull(task_ids='y').z }}",
                        "b":["{{ macros.ds_add(ti.xcom_pull('w'), 1) }}","{{ ds }}","{{ bad"]})") ==
        std::vector<std::string>{"w", "x", "y"});
  CHECK(xcom_sources("{").empty());
}

}  // namespace batuta
