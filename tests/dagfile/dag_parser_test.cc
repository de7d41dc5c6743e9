#include "scheduler/dagfile/dag_parser.h"

#include <chrono>
#include <nlohmann/json.hpp>

#include "common/safe_json.h"
#include "scheduler/dagfile/repeat_fields.h"
#include "tests/dagfile/dagfile_fixture.h"

namespace batuta {
namespace {

DagFileResult parse(const std::string& text, const std::string& folder = "/nonexistent") {
  return parse_dag_file(text, "x.json", folder, test_catalogue());
}

std::string all_problems(const DagFileResult& result) {
  std::string out;
  for (const auto& problem : result.problems) out += problem.text() + "\n";
  return out;
}

}  // namespace

TEST_CASE("every good sample becomes a DAG") {
  for (const char* folder : {"tests/dagfile/good", "dags"}) {
    for (const auto& path : samples(folder)) {
      CAPTURE(path.string());
      const auto result = parse_dag_file(read_text(path), path.filename(), path.parent_path(), {});
      CHECK_MESSAGE(result.dag, all_problems(result));
      if (result.dag) CHECK(result.dag->source_text == read_text(path));
    }
  }
}

TEST_CASE("every bad sample is refused with the message beside it") {
  for (const char* folder : {"tests/dagfile/bad", "tests/dagfile/bad/schema"}) {
    for (const auto& path : samples(folder)) {
      CAPTURE(path.string());
      const auto result =
          parse_dag_file(read_text(path), path.filename(), path.parent_path(), test_catalogue());
      CHECK_FALSE(result.dag);
      const auto told = all_problems(result);
      auto beside = path;
      std::istringstream expected(read_text(beside.replace_extension(".txt")));
      for (std::string line; std::getline(expected, line);) {
        CHECK_MESSAGE(told.find(line) != std::string::npos,
                      "expected: " << line << "\ntold: " << told);
      }
    }
  }
}

TEST_CASE("the financial DAG is what P1 asks for") {
  const auto folder = source_folder() / "pipelines/financial/dags";
  const auto result =
      parse_dag_file(read_text(folder / "financial.json"), "financial.json", folder.string(), {});
  REQUIRE_MESSAGE(result.dag, all_problems(result));
  const Dag& dag = *result.dag;
  CHECK(dag.schedule_text == "@hourly");
  CHECK(dag.max_active_runs == 1);
  CHECK_FALSE(dag.catchup);
  CHECK_FALSE(dag.is_paused_upon_creation);
  REQUIRE(dag.tasks.size() == 3);
  for (const auto& task : dag.tasks) {
    CHECK(task.is_data);
    CHECK(task.retry.retries == 2);
    CHECK(task.retry.delay == std::chrono::minutes(2));
    CHECK(task.retry.multiplier == 0);
    REQUIRE(task.notifiers.size() == 1);
    CHECK(task.notifiers[0].json.find("SLACK_ETL_ALERT_CHANNEL") != std::string::npos);
    CHECK(task.notifiers[0].json.find("SLACK_ETL_ALERT_USERNAME") != std::string::npos);
  }
  CHECK(dag.tasks[0].plugin == "contract_bronze");
  CHECK(dag.tasks[1].plugin == "contract_silver");
  CHECK(dag.tasks[0].overlap == std::chrono::minutes(15));
  CHECK(dag.tasks[0].connections == std::vector<std::string>{"quotes_api"});
  CHECK(dag.tasks[1].upstream == std::vector<TaskIndex>{0});
  CHECK(dag.tasks[2].plugin == "sql_model");
  CHECK(result.unknown_plugins.size() == 3);
}

TEST_CASE("fields of a task win over default_args, which win over the built-in defaults") {
  const auto result = parse(read_text(source_folder() / "tests/dagfile/good/everything.json"));
  REQUIRE_MESSAGE(result.dag, all_problems(result));
  const Dag& dag = *result.dag;
  CHECK(dag.tasks[0].retry.retries == 2);
  CHECK(dag.tasks[2].retry.retries == 0);
  CHECK(dag.tasks[2].notifiers.empty());
  CHECK(dag.tasks[0].retry.multiplier == 1.5);
  CHECK(dag.tasks[0].trigger_rule == TriggerRule::all_done);
  CHECK(dag.tasks[7].trigger_rule == TriggerRule::none_failed_min_one_success);
  CHECK(dag.tasks[0].isolation == Isolation::process);
  CHECK(dag.tasks[4].connections == std::vector<std::string>{"hook"});
  CHECK(dag.tasks[5].is_branch);
  CHECK(dag.tasks[3].has_templates);
  CHECK_FALSE(dag.tasks[6].has_templates);
  const auto spec = *parse_untrusted(dag.tasks[6].spec_json);
  CHECK(spec["params"]["return"]["records"] == 1);
  CHECK(dag.owners == std::vector<std::string>{"data"});
}

TEST_CASE(
    "what a task may have is its own, its group's or that of default_args, and a container's") {
  const auto result = parse(R"({"dag_id":"x","default_args":{"memory":"1GiB","cpu":1.5},
    "task_groups":{"g":{"default_args":{"memory":"2GiB"}}},
    "tasks":[{"task_id":"own","type":"shell","command":"true","memory":268435456,"cpu":0.25},
             {"task_id":"shared","type":"shell","command":"true"},
             {"task_id":"grouped","type":"shell","command":"true","group":"g"},
             {"task_id":"box","type":"container","image":"alpine"},
             {"task_id":"small_box","type":"container","image":"alpine","memory":"6MiB","cpus":2},
             {"task_id":"nobody","type":"empty"}]})");
  REQUIRE_MESSAGE(result.dag, all_problems(result));
  const auto& tasks = result.dag->tasks;
  CHECK(tasks[0].memory == 256 << 20);
  CHECK(tasks[0].cpu_percent == 25);
  CHECK(tasks[1].memory == 1 << 30);
  CHECK(tasks[1].cpu_percent == 150);
  CHECK(tasks[2].memory == std::int64_t{2} << 30);
  CHECK(tasks[2].cpu_percent == 150);
  const auto box = *parse_untrusted(tasks[3].spec_json);
  CHECK(box["params"]["memory"] == 1 << 30);
  CHECK(box["params"]["cpus"] == 1.5);
  const auto small_box = *parse_untrusted(tasks[4].spec_json);
  CHECK(small_box["params"]["memory"] == "6MiB");
  CHECK(small_box["params"]["cpus"] == 2);
  for (const std::size_t unbounded : {3, 4, 5}) {  // the engine keeps the container's
    CHECK(tasks[unbounded].memory == 0);
    CHECK(tasks[unbounded].cpu_percent == 0);
  }
}

TEST_CASE("whom a task runs as is its own say, its group's, default_args' or the DAG's") {
  const auto whom = [](const std::string& dag) {
    const auto result = parse(R"({"dag_id":"x",)" + dag + R"(
      "task_groups":{"g":{"default_args":{"run_as":"night"}}},
      "tasks":[{"task_id":"own","type":"shell","command":"true","run_as":"reports"},
               {"task_id":"shared","type":"python","code":"pass"},
               {"task_id":"grouped","type":"shell","command":"true","group":"g"},
               {"task_id":"box","type":"container","image":"alpine"},
               {"task_id":"nobody","type":"empty"}]})");
    REQUIRE_MESSAGE(result.dag, all_problems(result));
    std::string users;
    for (const Task& task : result.dag->tasks) users += task.run_as + ",";
    return users;
  };
  CHECK(whom("") == "reports,,night,,,");
  CHECK(whom(R"("run_as":"etl",)") == "reports,etl,night,,,");
  CHECK(whom(R"("run_as":"etl","default_args":{"run_as":"more"},)") == "reports,more,night,,,");
}

TEST_CASE("the version follows the meaning, not the spelling") {
  const auto one = parse(R"({"dag_id":"x","tasks":[{"task_id":"a","type":"empty"}]})");
  const auto same = parse(
      "{ \"tasks\": [ {\"type\":\"empty\", \"task_id\":\"a\"} ],\n"
      "\"$schema\":\"./dag.schema.json\", \"dag_id\":\"x\"}");
  const auto other = parse(R"({"dag_id":"x","tasks":[{"task_id":"b","type":"empty"}]})");
  REQUIRE(one.dag);
  REQUIRE(same.dag);
  REQUIRE(other.dag);
  CHECK(one.dag->version == same.dag->version);
  CHECK(one.dag->version != other.dag->version);
  CHECK(one.dag->version.size() == 64);
}

TEST_CASE("a named file is part of the version and of the parameters") {
  TempFolder folder;
  const std::string text = R"({"dag_id":"x","tasks":[{"task_id":"a","type":"aggregate",
    "source":"s","layer":"gold","params":{"sql":{"$file":"queries/rows.sql"}}}]})";
  folder.write("queries/rows.sql", "SELECT '{{ ds }}'");
  const auto one = parse(text, folder.path());
  REQUIRE_MESSAGE(one.dag, all_problems(one));
  CHECK(one.files == std::vector<std::string>{"queries/rows.sql"});
  CHECK((*parse_untrusted(one.dag->tasks[0].spec_json))["params"]["sql"] == "SELECT '{{ ds }}'");
  CHECK(one.dag->tasks[0].params_json == R"({"sql":"SELECT '{{ ds }}'"})");
  CHECK(one.dag->tasks[0].has_templates);
  folder.write("queries/rows.sql", "SELECT 2");
  CHECK(parse(text, folder.path()).dag->version != one.dag->version);
}

TEST_CASE("an unknown plugin is no problem but is told, with the near name") {
  const auto result = parse(R"({"dag_id":"x","tasks":[
    {"task_id":"a","type":"extract","source":"finacial","layer":"bronze"}]})");
  REQUIRE(result.dag);
  REQUIRE(result.unknown_plugins.size() == 1);
  CHECK(result.unknown_plugins[0] ==
        "no live worker offers the plugin \"finacial_bronze\"; did you mean \"financial_bronze\"?");
}

TEST_CASE("a problem names file, line, column and pointer") {
  const auto result = parse(
      "{\n  \"dag_id\": \"x\",\n  \"tasks\": [\n    {\"task_id\": \"a\",\n"
      "     \"type\": \"empty\", \"retries\": \"two\"}\n  ]\n}\n");
  REQUIRE(result.problems.size() == 1);
  CHECK(result.problems[0].text() ==
        "x.json:5:34 /tasks/0/retries: retries must be a whole number, not a text");
}

TEST_CASE("problems are told together, twenty at most") {
  std::string tasks;
  for (int i = 0; i < 50; ++i) tasks += std::string(i ? "," : "") + R"({"task_id":"!","type":"?"})";
  CHECK(parse(R"({"dag_id":"x","tasks":[)" + tasks + "]}").problems.size() == 20);
}

TEST_CASE("hostile ids are refused wherever an id stands") {
  for (const char* id : {"../x", "x/y", ".", "..", "x.", "a b", "x;y", "", "caf\xC3\xA9", "-x"}) {
    CAPTURE(std::string(id));
    const nlohmann::json task = {{"task_id", "a"}, {"type", "empty"}};
    CHECK_FALSE(parse(nlohmann::json{{"dag_id", id}, {"tasks", {task}}}.dump()).dag);
    for (const char* field : {"task_id", "pool", "source", "layer"}) {
      nlohmann::json bad = {{"task_id", "a"}, {"type", "extract"}, {"source", "s"}, {"layer", "l"}};
      bad[field] = id;
      CHECK_FALSE(parse(nlohmann::json{{"dag_id", "x"}, {"tasks", {bad}}}.dump()).dag);
    }
  }
  CHECK_FALSE(parse(nlohmann::json{{"dag_id", std::string(129, 'a')},
                                   {"tasks", {{{"task_id", "a"}, {"type", "empty"}}}}}
                        .dump())
                  .dag);
}

TEST_CASE("cron strings made to hang or overflow are refused at once") {
  std::string list = "0";
  for (int i = 0; i < 10'000; ++i) list += ",0";
  for (const auto& text :
       {std::string("0 0 30 2 *"), std::string("0 0 31 4,6 *"), std::string("* * * * * * *"),
        std::string("@every 1ns"), std::string("0 0 31 2 *"), std::string("*/0 * * * *"),
        std::string("60 * * * *"), list + " * * * *", std::string(1 << 20, '*')}) {
    const auto begin = std::chrono::steady_clock::now();
    const nlohmann::json dag = {
        {"dag_id", "x"}, {"schedule", text}, {"tasks", {{{"task_id", "a"}, {"type", "empty"}}}}};
    CHECK_FALSE(parse(dag.dump()).dag);
    CHECK(std::chrono::steady_clock::now() - begin < std::chrono::seconds(30));
  }
}

TEST_CASE("more than 20,000 tasks, 4 MiB or 64 levels are an error, not a strain") {
  std::string tasks;
  for (int i = 0; i < 100'000; ++i) {
    tasks +=
        std::string(i ? "," : "") + R"({"task_id":"t)" + std::to_string(i) + R"(","type":"empty"})";
  }
  const auto begin = std::chrono::steady_clock::now();
  const auto many = parse(R"({"dag_id":"x","tasks":[)" + tasks + "]}");
  REQUIRE(many.problems.size() == 1);
  CHECK(many.problems[0].message.find("at most 20000 tasks; this one has 100000") !=
        std::string::npos);
  const auto took = std::chrono::steady_clock::now() - begin;
  CHECK(took < std::chrono::seconds(30));
  const auto large = parse(R"({"dag_id":"x","description":")" + std::string(5 << 20, 'x') + "\"}");
  REQUIRE(large.problems.size() == 1);
  CHECK(large.problems[0].message.find("over the limit") != std::string::npos);
  CHECK_FALSE(parse(std::string(1'000'000, '[')).dag);
}

TEST_CASE("a chain of 20,000 tasks is read") {
  std::string tasks;
  for (int i = 0; i < 20'000; ++i) {
    tasks += std::string(i ? "," : "") + R"({"task_id":"t)" + std::to_string(i) +
             R"(","type":"mock")" +
             (i ? R"(,"depends_on":["t)" + std::to_string(i - 1) + R"("]})" : "}");
  }
  const auto result = parse(R"({"dag_id":"x","tasks":[)" + tasks + "]}");
  REQUIRE_MESSAGE(result.dag, all_problems(result));
  CHECK(result.dag->tasks.size() == 20'000);
  CHECK(result.dag->tasks[19'999].upstream == std::vector<TaskIndex>{19'998});
}

TEST_CASE("a loop may hand in tables where no success loses them") {
  const auto fits = [](const std::string& repeat) {
    const auto result =
        parse(R"({"dag_id":"x","tasks":[{"task_id":"a","type":"shell","command":"ls","outputs":[{)"
              R"("table":"silver/a/b","file":"b.csv"}],"repeat":)" +
              repeat + "}]}");
    return result.dag != nullptr;
  };
  CHECK(fits(R"({"until":{"exit_codes":0},"max":3})"));
  CHECK(fits(R"({"while":{"exit_codes":75},"max":3})"));
  CHECK(fits(R"({"while":{"exit_codes":0},"max":3,"on_max":"success"})"));
  CHECK(fits(R"({"until":{"output":"ready"},"max":3,"on_max":"success"})"));
  CHECK_FALSE(fits(R"({"while":{"exit_codes":75},"max":3,"on_max":"success"})"));
  CHECK_FALSE(fits(R"({"until":{"output":"ready"},"max":3,"on_max":"skip"})"));
}

TEST_CASE("what the condition of a loop points to is null where nothing is, whatever the pointer") {
  const nlohmann::json returned =
      nlohmann::json::parse(R"({"rows":[1,2],"99999999999999999999999":3})");
  const auto fits = [&](const std::string& pointer, const std::string& value) {
    return result_is_as_wanted(R"([{"pointer":")" + pointer + R"(","equals":)" + value + "}]",
                               returned);
  };
  CHECK(fits("/rows/1", "2"));
  CHECK(fits("/rows/2", "null"));
  CHECK(fits("/rows/-", "null"));
  CHECK(fits("/rows/99999999999999999999999", "null"));
  CHECK_FALSE(fits("/rows/99999999999999999999999", "1"));
  CHECK(fits("/99999999999999999999999", "3"));
  CHECK(fits("rows", "null"));
}

}  // namespace batuta
