#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>

#include "common/number_range.h"
#include "common/url.h"
#include "scheduler/cli/commands.h"
#include "scheduler/cli/follow.h"
#include "scheduler/cli/task_name.h"
#include "scheduler/store/history.h"

namespace batuta::cli {
namespace {

using json = nlohmann::json;

struct TaskArguments {
  std::string dag_id, run_id, task_id, state, key = "return_value", start, end;
  std::vector<std::string> task_ids;
  int try_number = 0, limit = 0, offset = 0, map_index = -1;
  bool follow = false, downstream = false, upstream = false, past = false, future = false;
  bool only_failed = false, only_running = false, keep_runs = false, dry_run = false;
  bool keep_checkpoints = false;
};

std::string run_path(const TaskArguments& a, const char* api = "/api/v2") {
  return api + ("/dags/" + percent_encoded(a.dag_id)) + "/dagRuns/" + percent_encoded(a.run_id);
}
std::string task_path(const TaskArguments& a, const char* api = "/api/v2") {
  return run_path(a, api) + "/taskInstances/" + percent_encoded(a.task_id);
}

// Which instance of a mapped task, behind a path that has no query yet.
std::string which(const TaskArguments& a) {
  return a.map_index < 0 ? "" : "?map_index=" + std::to_string(a.map_index);
}

std::string instance_path(const TaskArguments& a) {
  return task_path(a) + (a.map_index < 0 ? "" : "/" + std::to_string(a.map_index));
}

const std::vector<Column> instance_columns{
    {"task_id", "task_id"}, {"map", "map_index"},          {"name", "rendered_map_index"},
    {"state", "state"},     {"try", "try_number"},         {"start", "start_date"},
    {"end", "end_date"},    {"seconds", "duration", true}, {"worker", "hostname"}};

void print_report(Session& session, const TaskArguments& a) {
  std::string asked = which(a);
  if (a.try_number != 0) {
    asked += (asked.empty() ? "?try_number=" : "&try_number=") + std::to_string(a.try_number);
  }
  const json report = session.client().get(task_path(a, "/api/batuta") + "/report" + asked);
  if (session.format().data()) return print_object(session.format(), report);
  print_rows(session.format(), report["quality"],
             {{"rule", "rule"},
              {"table", "table"},
              {"severity", "severity"},
              {"checked", "checked"},
              {"failed", "failed"},
              {"passed", "passed"}});
  if (report["lineage"].empty()) return;
  std::printf("\n");
  print_rows(session.format().format, report["lineage"],
             {{"from", "from"}, {"version", "from_version"}, {"to", "to"}});
}

json named(const std::string& text) {
  const TaskName name = task_name(text);
  return name.map_index ? json::array({name.task_id, *name.map_index}) : json(name.task_id);
}

void clear(Session& session, const TaskArguments& a) {
  json body{{"keep_checkpoints", a.keep_checkpoints},
            {"dry_run", a.dry_run},
            {"only_failed", a.only_failed},
            {"only_running", a.only_running},
            {"include_downstream", a.downstream},
            {"include_upstream", a.upstream},
            {"include_past", a.past},
            {"include_future", a.future},
            {"reset_dag_runs", !a.keep_runs}};
  // "-" stands for no run of its own: the dates say which.
  if (a.run_id != "-") body["dag_run_id"] = a.run_id;
  if (!a.start.empty()) body["start_date"] = a.start;
  if (!a.end.empty()) body["end_date"] = a.end;
  for (const std::string& id : a.task_ids) body["task_ids"].push_back(named(id));
  const json answer = session.client().call(
      "POST", "/api/v2/dags/" + percent_encoded(a.dag_id) + "/clearTaskInstances", body);
  std::vector<Column> columns = instance_columns;
  columns.insert(columns.begin(), {"run_id", "dag_run_id"});
  print_rows(session.format(), answer["task_instances"], columns);
}

// Prints the one that was named, or all that are touched with it.
void mark_it(Session& session, const TaskArguments& a) {
  const json body{{"new_state", a.state},
                  {"include_upstream", a.upstream},
                  {"include_downstream", a.downstream},
                  {"include_past", a.past},
                  {"include_future", a.future}};
  const std::string path = instance_path(a) + (a.dry_run ? "/dry_run" : "");
  const json answer = session.client().call("PATCH", path, body);
  if (!answer.contains("task_instances")) return print_object(session.format(), answer);
  std::vector<Column> columns = instance_columns;
  if (a.past || a.future) columns.insert(columns.begin(), {"run_id", "dag_run_id"});
  print_rows(session.format(), answer["task_instances"], columns);
}

}  // namespace

void add_task_commands(CLI::App& app, Session& session) {
  CLI::App* tasks =
      app.add_subcommand("tasks", "Task instances: list, log, report, explain, clear, mark");
  tasks->require_subcommand(1);
  auto a = std::make_shared<TaskArguments>();
  const auto on_run = [&](const char* name, const char* help, std::function<void()> action) {
    CLI::App* verb = add_verb(*tasks, session, name, help, std::move(action));
    verb->add_option("dag_id", a->dag_id)->required();
    verb->add_option("run_id", a->run_id)->required();
    return verb;
  };
  const auto on_task = [&](const char* name, const char* help, std::function<void()> action) {
    CLI::App* verb = on_run(name, help, std::move(action));
    name_instance(*verb, a->task_id, a->map_index);
    return verb;
  };
  CLI::App* list = on_run("list", "Task instances of a run", [&session, a] {
    const std::string path = run_path(*a) + "/taskInstances";
    if (a->limit == 0 && a->offset == 0) {
      return print_rows(session.format(), session.client().all(path, "task_instances"),
                        instance_columns);
    }
    const std::string page = "?limit=" + std::to_string(a->limit > 0 ? a->limit : max_page) +
                             "&offset=" + std::to_string(a->offset);
    print_page(session.format(), session.client().get(path + page), "task_instances", a->offset,
               instance_columns);
  });
  list->add_option("--limit", a->limit, "default: all")->check(whole_number(1, 1000));
  list->add_option("--offset", a->offset, "how many to pass over")->check(whole_number(0));
  on_task("get", "One task instance", [&session, a] {
    print_object(session.format(), session.client().get(instance_path(*a)));
  });
  on_task("tries", "Its tries", [&session, a] {
    std::vector<Column> columns = instance_columns;
    columns.push_back({"asked KiB", "batuta.memory_asked_kib"});
    columns.push_back({"peak KiB", "batuta.peak_rss_kib"});
    columns.push_back({"asked cpu", "batuta.cpu_asked"});
    columns.push_back({"cpu seconds", "batuta.cpu_seconds", true});
    columns.push_back({"read bytes", "batuta.read_bytes"});
    columns.push_back({"reason", "batuta.reason"});
    print_rows(session.format(),
               session.client().get(instance_path(*a) + "/tries")["task_instances"], columns);
  });
  for (const char* name : {"explain", "dependencies"}) {
    on_task(name, "Why it is not running", [&session, a] {
      print_rows(session.format(),
                 session.client().get(instance_path(*a) + "/dependencies")["dependencies"],
                 {{"waits for", "name"}, {"because", "reason"}});
    });
  }
  CLI::App* log = on_task("log", "The log of a try", [&session, a] {
    const LogWanted wanted{a->dag_id,    a->run_id,     a->task_id,
                           a->map_index, a->try_number, a->follow};
    session.exit_code = print_log(session.client(), session.format(), wanted) ? 0 : 1;
  });
  log->add_option("--try", a->try_number, "default: the newest");
  log->add_flag("-f,--follow", a->follow,
                "go on until it has ended, through its retries; exit code 1 if it failed");
  CLI::App* xcom = on_task("xcom", "What it returned", [&session, a] {
    print_object(session.format(), session.client().get(task_path(*a) + "/xcomEntries/" +
                                                        percent_encoded(a->key) + which(*a)));
  });
  xcom->add_option("--key", a->key)->capture_default_str();
  CLI::App* report = on_task("report", "What a try told about quality and lineage",
                             [&session, a] { print_report(session, *a); });
  report->add_option("--try", a->try_number, "default: the newest that told anything");
  on_task("xcoms", "The keys of what it returned", [&session, a] {
    print_rows(session.format(),
               session.client().all(task_path(*a) + "/xcomEntries" + which(*a), "xcom_entries"),
               {{"key", "key"}, {"when", "timestamp"}});
  });
  CLI::App* mark =
      on_task("mark", "Set its state by hand", [&session, a] { mark_it(session, *a); });
  mark->add_flag("--downstream", a->downstream, "and everything after it");
  mark->add_flag("--upstream", a->upstream, "and everything before it");
  mark->add_flag("--past", a->past, "in the runs before this one too");
  mark->add_flag("--future", a->future, "in the runs after this one too");
  mark->add_flag("--dry-run", a->dry_run, "show what would be marked");
  mark->add_option("state", a->state)
      ->required()
      ->check(CLI::IsMember({"success", "failed", "skipped"}));
  CLI::App* clear_verb =
      on_run("clear", "Run task instances again", [&session, a] { clear(session, *a); });
  clear_verb->add_option("task_ids", a->task_ids,
                         "default: all; task[3]: one instance of a mapped task");
  clear_verb->add_flag("--downstream", a->downstream, "and everything after them");
  clear_verb->add_flag("--upstream", a->upstream, "and everything before them");
  clear_verb->add_flag("--past", a->past, "in the runs before this one too");
  clear_verb->add_flag("--future", a->future, "in the runs after this one too");
  clear_verb->add_option("--start-date", a->start, "with - as run_id: of runs from this date on");
  clear_verb->add_option("--end-date", a->end, "with - as run_id: of runs up to this date");
  clear_verb->add_flag("--only-failed", a->only_failed,
                       "those that failed, or could not run for that");
  clear_verb->add_flag("--only-running", a->only_running, "those that run: they begin again");
  clear_verb->add_flag("--keep-runs", a->keep_runs, "ended runs stay ended");
  clear_verb->add_flag("--keep-checkpoints", a->keep_checkpoints,
                       "the next tries go on from them; else from the start");
  clear_verb->add_flag("--dry-run", a->dry_run, "show what would be cleared");
}

}  // namespace batuta::cli
