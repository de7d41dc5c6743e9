// Airflow's verbs beside our own: dags state, next-execution, list-runs; tasks render, state,
// states-for-dag-run, test; config; info; cheat-sheet.
#include <sys/utsname.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <sstream>

#include "common/number_range.h"
#include "common/safe_json.h"
#include "common/url.h"
#include "common/version.h"
#include "scheduler/cli/commands.h"
#include "scheduler/cli/task_name.h"
#include "scheduler/dagfile/dag_parser.h"

namespace batuta::cli {
namespace {

using json = nlohmann::json;

struct AirflowArguments {
  std::string dag_id, run, task_id, section, option;
  int count = 1, map_index = -1;
};

std::string path_of_dag(const std::string& dag_id) {
  return "/api/v2/dags/" + percent_encoded(dag_id);
}

// The run of that id, or of that logical date; null when there is none.
json find_run(const Client& client, const std::string& dag_id, const std::string& named) {
  json run = client.look_up(path_of_dag(dag_id) + "/dagRuns/" + percent_encoded(named));
  if (!run.is_null()) return run;
  const auto date = parse_iso(named);
  if (!date) return nullptr;
  const std::string at = percent_encoded(to_iso(*date));
  json page = client.look_up(path_of_dag(dag_id) + "/dagRuns?limit=1&logical_date_gte=" + at +
                             "&logical_date_lte=" + at);
  if (page.is_null() || page["dag_runs"].empty()) return nullptr;
  return page["dag_runs"][0];
}

// Airflow names the task before the run: whichever of the two words is a run is taken for it.
std::string run_and_task(const Client& client, AirflowArguments& a) {
  json run = find_run(client, a.dag_id, a.run);
  if (run.is_null() && !a.task_id.empty()) {
    run = find_run(client, a.dag_id, a.task_id);
    if (!run.is_null()) a.task_id = a.run;
  }
  // Asked for as it was named, for the server's words about what is not there.
  if (run.is_null()) run = client.get(path_of_dag(a.dag_id) + "/dagRuns/" + percent_encoded(a.run));
  return path_of_dag(a.dag_id) + "/dagRuns/" +
         percent_encoded(run["dag_run_id"].get<std::string>());
}

json instance_of(const Client& client, AirflowArguments& a) {
  const std::string run = run_and_task(client, a);  // which may swap the two words
  return client.get(run + "/taskInstances/" + percent_encoded(a.task_id) +
                    (a.map_index < 0 ? "" : "/" + std::to_string(a.map_index)));
}

void print_state(Session& session, const json& object) {
  if (session.output != "table" || !session.columns.empty()) {
    return print_object(session.format(), object);
  }
  std::printf("%s\n", cell_text(object.value("state", json(nullptr))).c_str());
}

// ---- the runs to come ---------------------------------------------------------------------------

json tick_row(const ScheduledTick& tick, Time starts) {
  return {{"logical_date", to_iso(tick.logical_date)},
          {"run_after", to_iso(starts)},
          {"data_interval_start", to_iso(tick.interval.start)},
          {"data_interval_end", to_iso(tick.interval.end)}};
}

// The file's calendars lie on the server, which tells their days.
std::string with_calendars(const std::string& content, const json& details) {
  if (!details.contains("exclude")) return content;
  JsonLimits limits;
  limits.bytes = limits.string_bytes = max_dag_file_bytes;
  limits.tokens = 2'000'000;
  auto definition = parse_untrusted(content, limits);
  if (!definition || !definition->is_object()) return content;
  (*definition)["exclude"] = details["exclude"];
  return json_text(*definition);
}

// The first as the server has it, for it knows what ran; those behind it from the DAG's file.
json next_runs(const Client& client, const std::string& dag_id, const json& details, int count) {
  json rows = json::array();
  if (details.value("next_dagrun_logical_date", json(nullptr)).is_null()) return rows;
  rows.push_back({{"logical_date", details["next_dagrun_logical_date"]},
                  {"run_after", details["next_dagrun_run_after"]},
                  {"data_interval_start", details["next_dagrun_data_interval_start"]},
                  {"data_interval_end", details["next_dagrun_data_interval_end"]}});
  if (count == 1) return rows;
  const json source = client.get("/api/v2/dagSources/" + percent_encoded(dag_id));
  const auto read =
      parse_dag_file(with_calendars(source.value("content", ""), details), dag_id, ".", {});
  auto at = parse_iso(rows[0].value("logical_date", ""));
  if (!read.dag || !at) {
    std::fprintf(stderr, "batuta: only the first: the DAG's file cannot be read here%s\n",
                 read.problems.empty() ? "" : (": " + read.problems[0].text()).c_str());
    return rows;
  }
  while (static_cast<int>(rows.size()) < count) {
    const auto tick = next_scheduled(read.dag->schedule, *at);
    if (!tick || (read.dag->end_date && tick->logical_date > *read.dag->end_date)) break;
    rows.push_back(tick_row(*tick, start_of_tick(*read.dag, tick->at)));
    at = tick->logical_date;
  }
  return rows;
}

void next_execution(Session& session, const AirflowArguments& a) {
  const Client client = session.client();
  const json details = client.get(path_of_dag(a.dag_id) + "/details");
  const json rows = next_runs(client, a.dag_id, details, a.count);
  print_rows(session.format(), rows,
             {{"logical date", "logical_date"},
              {"runs after", "run_after"},
              {"from", "data_interval_start"},
              {"to", "data_interval_end"}});
  if (details.value("is_paused", false)) {
    std::fflush(stdout);
    std::fprintf(stderr, "batuta: %s is paused: it runs only after `batuta dags unpause %s`\n",
                 a.dag_id.c_str(), a.dag_id.c_str());
  }
}

void add_dag_verbs(CLI::App& dags, Session& session) {
  auto a = std::make_shared<AirflowArguments>();
  add_run_list(dags, session, "list-runs");
  CLI::App* state = add_verb(dags, session, "state",
                             "The state of one run, by its id or logical date", [&session, a] {
                               const Client client = session.client();
                               print_state(session, client.get(run_and_task(client, *a)));
                             });
  state->add_option("dag_id", a->dag_id)->required();
  state->add_option("run_id", a->run, "or the logical date, ISO 8601")->required();
  auto yes = std::make_shared<bool>(false);
  CLI::App* gone = add_verb(
      dags, session, "delete", "Delete a DAG with its runs, logs and results; its file stays",
      [&session, a, yes] {
        const Client client = session.client();
        const json dag = client.get(path_of_dag(a->dag_id));
        confirm("Delete DAG " + a->dag_id + " with all its runs, logs and results?", *yes);
        client.call("DELETE", path_of_dag(a->dag_id), nullptr);
        std::printf(
            "%s deleted; remove its file %s too, or the next change to it brings the DAG back\n",
            a->dag_id.c_str(), cell_text(dag.value("relative_fileloc", json(""))).c_str());
      });
  gone->add_option("dag_id", a->dag_id)->required();
  gone->add_flag("-y,--yes", *yes, "do not ask");
  CLI::App* next = add_verb(dags, session, "next-execution", "The next scheduled runs",
                            [&session, a] { next_execution(session, *a); });
  next->add_option("dag_id", a->dag_id)->required();
  next->add_option("-n,--num-executions", a->count)
      ->check(whole_number(1, 1000))
      ->capture_default_str();
}

// ---- tasks --------------------------------------------------------------------------------------

void render(Session& session, AirflowArguments& a) {
  const json instance = instance_of(session.client(), a);
  const json fields = instance.value("rendered_fields", json::object());
  if (fields.empty()) {
    throw Failure(a.task_id + " is " + cell_text(instance.value("state", json("not started"))) +
                      ": fields are rendered when a try starts\n  without a run: batuta tasks "
                      "test " +
                      a.dag_id + " " + a.task_id,
                  1);
  }
  print_object(session.format(), fields);
}

void states_for_run(Session& session, AirflowArguments& a) {
  const Client client = session.client();
  print_rows(session.format(),
             client.all(run_and_task(client, a) + "/taskInstances", "task_instances"),
             {{"dag_id", "dag_id"},
              {"logical date", "logical_date"},
              {"task_id", "task_id"},
              {"map", "map_index"},
              {"state", "state"},
              {"start", "start_date"},
              {"end", "end_date"}});
}

void add_task_verbs(CLI::App& tasks, Session& session) {
  auto a = std::make_shared<AirflowArguments>();
  const auto on_task = [&](const char* name, const char* help, std::function<void()> action) {
    CLI::App* verb = add_verb(tasks, session, name, help, std::move(action));
    verb->add_option("dag_id", a->dag_id)->required();
    verb->add_option("run_id", a->run, "or its logical date; Airflow's order, task first, does too")
        ->required();
    name_instance(*verb, a->task_id, a->map_index);
  };
  on_task("state", "The state of one task instance",
          [&session, a] { print_state(session, instance_of(session.client(), *a)); });
  on_task("render", "Its fields with all templates filled in",
          [&session, a] { render(session, *a); });
  CLI::App* states =
      add_verb(tasks, session, "states-for-dag-run", "The state of every task instance of a run",
               [&session, a] { states_for_run(session, *a); });
  states->add_option("dag_id", a->dag_id)->required();
  states->add_option("run_id", a->run, "or its logical date")->required();
  add_test(tasks, session, true);
}

// ---- the installation ---------------------------------------------------------------------------

void check_config(Session& session, const std::string& named) {
  const std::string file = named.empty() ? session.home + "/batuta.json" : named;
  std::stringstream text;
  if (file == "-") {
    text << std::cin.rdbuf();
  } else {
    std::ifstream in(file);
    if (!in) throw Failure("cannot read " + file, 1);
    text << in.rdbuf();
  }
  int settings = 0;
  const auto problems = session.processes->check_settings(text.str(), file, settings);
  for (const std::string& problem : problems) std::fprintf(stderr, "%s\n", problem.c_str());
  if (!problems.empty()) throw Failure("the settings do not fit", 1);
  std::printf("%s: %d %s, all well\n", file.c_str(), settings,
              settings == 1 ? "setting" : "settings");
}

void reload_config(Session& session) {
  const json told = session.client().call("POST", "/api/batuta/config/reload", json::object());
  if (session.format().data()) return print_object(session.format(), told);
  const auto print = [](const json& list, const char* what) {
    for (const json& one : list) {
      std::printf("%s: %s %s, was %s\n", one.value("name", "").c_str(), what,
                  shown_text(one.value("after", "")).c_str(),
                  shown_text(one.value("before", "")).c_str());
    }
  };
  print(told["changed"], "is now");
  print(told["needs_restart"], "needs a restart to become");
  if (told["changed"].empty() && told["needs_restart"].empty())
    std::printf("no setting has changed\n");
}

void add_config(CLI::App& app, Session& session) {
  auto a = std::make_shared<AirflowArguments>();
  CLI::App* config = app.add_subcommand("config", "The settings in effect");
  config->require_subcommand(1);
  CLI::App* list = add_verb(*config, session, "list", "All of them, or one section", [&session, a] {
    const std::string query = a->section.empty() ? "" : "?section=" + percent_encoded(a->section);
    json rows = json::array();
    const json answer = session.client().get("/api/v2/config" + query);
    for (const json& section : answer.value("sections", json::array())) {
      for (const json& option : section["options"]) {
        rows.push_back(
            {{"section", section["name"]}, {"option", option["key"]}, {"value", option["value"]}});
      }
    }
    print_rows(session.format(), rows,
               {{"section", "section"}, {"option", "option"}, {"value", "value"}});
  });
  list->add_option("--section", a->section);
  CLI::App* get = add_verb(*config, session, "get-value", "One setting", [&session, a] {
    const json answer =
        session.client().get("/api/v2/config/section/" + percent_encoded(a->section) + "/option/" +
                             percent_encoded(a->option));
    const json option = answer["sections"][0]["options"][0];
    if (session.format().data()) return print_object(session.format(), option);
    std::printf("%s\n", shown_text(option.value("value", "")).c_str());
  });
  get->add_option("section", a->section, "core, lake, worker")->required();
  get->add_option("option", a->option)->required();
  add_verb(*config, session, "schema", "JSON Schema of batuta.json, for editors",
           [&session] { std::fputs(session.processes->settings_schema().c_str(), stdout); });
  auto file = std::make_shared<std::string>();
  CLI::App* check =
      add_verb(*config, session, "check", "Whether a batuta.json is right; needs no server",
               [&session, file] { check_config(session, *file); });
  check->add_option("file", *file, "that of the home, if none is named; - is standard input");
  add_verb(*config, session, "reload", "Read the settings again; take over what may change",
           [&session] { reload_config(session); });
}

std::string machine() {
  utsname name{};
  return uname(&name) == 0 ? std::string(name.sysname) + " " + name.release + " " + name.machine
                           : "unknown";
}

void info(Session& session) {
  json out{{"version", version},
           {"executable", std::filesystem::read_symlink("/proc/self/exe").string()},
           {"machine", machine()},
           {"home", std::filesystem::absolute(session.home).lexically_normal().string()},
           {"server", "not running"}};
  if (Client::server_is_running(session.home)) {
    const Client client = session.client();
    out["server"] = client.url();
    out["server version"] = client.get("/api/v2/version").value("version", "");
    out["user"] = client.get("/api/batuta/session").value("username", "");
    out["dags"] = client.get("/api/v2/dags?limit=0").value("total_entries", json(0));
    out["files with errors"] =
        client.get("/api/v2/importErrors?limit=0").value("total_entries", json(0));
    int workers = 0, slots = 0;
    for (const json& job : client.all("/api/v2/jobs", "jobs")) {
      if (!job.contains("batuta")) continue;
      ++workers;
      slots += job["batuta"].value("slots", 0);
    }
    out["workers"] = workers;
    out["slots"] = slots;
  }
  print_object(session.format(), out);
}

void add_to_sheet(json& rows, const CLI::App& app, const std::string& path) {
  for (const CLI::App* command : app.get_subcommands([](const CLI::App*) { return true; })) {
    if (command->get_name().starts_with("_")) continue;
    const std::string name = path + " " + command->get_name();
    std::string words;
    for (const CLI::Option* option : command->get_options()) {
      if (!option->get_positional()) continue;
      const std::string word = option->get_name(true);
      words += option->get_required() ? " " + word : " [" + word + "]";
    }
    if (command->get_subcommands([](const CLI::App*) { return true; }).empty()) {
      rows.push_back({{"command", name + words}, {"what", command->get_description()}});
    }
    add_to_sheet(rows, *command, name);
  }
}

}  // namespace

void add_airflow_commands(CLI::App& app, Session& session) {
  add_dag_verbs(*app.get_subcommand("dags"), session);
  add_task_verbs(*app.get_subcommand("tasks"), session);
  add_config(app, session);
  add_verb(app, session, "info", "What is installed here, and what runs",
           [&session] { info(session); });
  add_verb(app, session, "cheat-sheet", "Every command on one page", [&session, &app] {
    json rows = json::array();
    add_to_sheet(rows, app, "batuta");
    print_rows(session.format(), rows, {{"command", "command"}, {"what", "what"}});
  });
}

}  // namespace batuta::cli
