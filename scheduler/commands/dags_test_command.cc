#include "scheduler/commands/dags_test_command.h"

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <future>
#include <nlohmann/json.hpp>
#include <set>
#include <thread>

#include "common/log.h"
#include "common/safe_json.h"
#include "common/suggest.h"
#include "scheduler/cli/plugin_scan.h"
#include "scheduler/commands/process_parts.h"
#include "scheduler/commands/serving.h"
#include "scheduler/commands/watch_run.h"
#include "scheduler/core/timetable.h"
#include "scheduler/dagfile/dag_parser.h"
#include "scheduler/dagfile/folder.h"

namespace batuta {
namespace {

using json = nlohmann::json;

constexpr Duration test_patience = std::chrono::hours(24);
constexpr Duration alert_patience = std::chrono::seconds(5);

struct Found {
  std::shared_ptr<const Dag> dag;
  std::vector<std::string> unknown_plugins;
};

// What stands in the folder's files about `dag_id`, checked against the plugins there are.
Result<Found> find_dag(const std::string& folder, const std::string& dag_id,
                       const std::vector<PluginInfo>& plugins) {
  const Listing listing = list_dag_folder(folder);
  if (listing.missing) {
    return {Errc::not_found,
            "there is no DAG folder " + absolute_path(folder) + "; name it with --dags DIR"};
  }
  std::vector<std::string> ids;
  std::string faults;
  for (const FoundFile& file : listing.files) {
    const auto text = read_below(folder, file.path, max_dag_file_bytes);
    if (!text) continue;
    const auto result = parse_dag_file(*text, file.path, folder, plugins);
    if (result.dag && result.dag->id == dag_id) return Found{result.dag, result.unknown_plugins};
    if (result.dag) ids.push_back(result.dag->id);
    for (const DagFileProblem& problem : result.problems) faults += "\n  " + problem.text();
  }
  return {Errc::not_found, "no DAG \"" + dag_id + "\" in " + absolute_path(folder) +
                               did_you_mean(dag_id, ids) +
                               (faults.empty() ? "" : "\nfiles there that are no DAGs:" + faults)};
}

void add_upstreams(const Dag& dag, TaskIndex of, std::set<TaskIndex>& found) {
  for (const TaskIndex upstream : dag.tasks[of].upstream) {
    if (found.insert(upstream).second) add_upstreams(dag, upstream, found);
  }
}

// What means nothing to a task by itself.
constexpr const char* fields_of_a_run[] = {"trigger_rule", "depends_on_past", "wait_for_downstream",
                                           "on_success",   "on_failure",      "on_retry",
                                           "on_skipped",   "on_recovery",     "on_timeout"};

// The task itself, tried once, behind stand-ins for all that comes before it: they return what the
// test says, and nothing of them runs.
Status keep_one_task(json& definition, const Dag& dag, const cli::DagTest& test) {
  std::vector<std::string> ids;
  for (const Task& task : dag.tasks) ids.push_back(task.id);
  const auto at = std::find(ids.begin(), ids.end(), test.task_id);
  if (at == ids.end()) {
    return {Errc::not_found,
            "no task \"" + test.task_id + "\" in DAG " + dag.id + did_you_mean(test.task_id, ids)};
  }
  std::set<TaskIndex> before;
  add_upstreams(dag, static_cast<TaskIndex>(at - ids.begin()), before);
  const auto xcoms = parse_untrusted(test.xcoms_json);
  if (!xcoms || !xcoms->is_object()) return {Errc::invalid, "--xcom must be a JSON object"};
  for (const auto& [id, value] : xcoms->items()) {
    const auto known = std::find(ids.begin(), ids.end(), id);
    if (known == ids.end() || before.count(static_cast<TaskIndex>(known - ids.begin())) == 0) {
      return {Errc::invalid, "--xcom: \"" + id + "\" does not come before " + test.task_id +
                                 did_you_mean(id, ids)};
    }
  }
  json tasks = json::array();
  json depends = json::array();
  for (const TaskIndex index : before) {
    const std::string& id = ids[index];
    json stand_in{{"task_id", id}, {"type", "mock"}};
    if (xcoms->contains(id)) stand_in["return"] = (*xcoms)[id];
    tasks.push_back(std::move(stand_in));
    depends.push_back(id);
  }
  for (json& task : definition["tasks"]) {
    if (task["task_id"] != test.task_id) continue;
    for (const char* name : fields_of_a_run) task.erase(name);
    task["depends_on"] = depends;
    task["retries"] = 0;
    tasks.push_back(task);
  }
  if (definition.contains("default_args")) {
    for (const char* name : fields_of_a_run) definition["default_args"].erase(name);
  }
  definition["tasks"] = std::move(tasks);
  return success();
}

// The definition without what a temporary home cannot give (pools) and what would start other runs
// or none (schedule, pause switch).
Result<std::string> lone_definition(const Dag& dag, const cli::DagTest& test) {
  JsonLimits limits;
  limits.bytes = max_dag_file_bytes * 8;
  limits.string_bytes = limits.bytes;
  limits.tokens = 2'000'000;
  auto parsed = parse_untrusted(dag.canonical_json, limits);
  json definition = parsed ? std::move(*parsed) : json::object();
  for (const char* name : {"schedule", "catchup", "timetable", "overlap", "jitter", "exclude",
                           "roll", "deadline", "on_deadline"})
    definition.erase(name);
  definition["is_paused_upon_creation"] = false;
  const auto without_pool = [](json& fields) {
    for (const char* name : {"pool", "pool_slots", "queue"}) fields.erase(name);
  };
  if (definition.contains("default_args")) without_pool(definition["default_args"]);
  for (json& task : definition["tasks"]) without_pool(task);
  if (!test.task_id.empty()) {
    if (const auto status = keep_one_task(definition, dag, test); !status) return status.error();
  }
  return json_text(definition);
}

// The run as a trigger of the DAG with its schedule would have made it.
Result<RunRequested> request_of(const Dag& dag, const cli::DagTest& test) {
  const auto conf = validate_conf(dag, test.conf_json);
  if (!conf) {
    return {Errc::invalid, "--conf: " + conf.error().where +
                               (conf.error().where.empty() ? "" : ": ") + conf.error().message};
  }
  RunRequested request;
  request.dag_id = dag.id;
  request.conf_json = *conf;
  request.logical_date = test.logical_date;
  const DataInterval interval =
      interval_of_manual(dag.schedule, test.logical_date.value_or(read_clock().wall));
  request.data_interval_start = interval.start;
  request.data_interval_end = interval.end;
  const auto values = parse_untrusted(*conf);
  const auto time_of = [&](const char* name) -> OptTime {
    if (!values || !values->contains(name) || !(*values)[name].is_string()) return std::nullopt;
    return parse_iso((*values)[name].get<std::string>());
  };
  request.conf_start = time_of("start");
  request.conf_end = time_of("end");
  return request;
}

Status seed(Server& server, const cli::DagTest& test) {
  std::promise<Status> told;
  server.engine().write(
      [&]() -> Status {
        for (const Connection& connection : test.connections) {
          if (auto status = server.registry().set_connection(connection); !status) return status;
        }
        for (const Variable& variable : test.variables) {
          if (auto status = server.registry().set_variable(variable); !status) return status;
        }
        return success();
      },
      [&](const Status& status) { told.set_value(status); });
  return told.get_future().get();
}

// The log of every task that has one, for people: there is no server to ask afterwards.
void print_logs(const Home& home, Server& server, const std::string& dag_id) {
  TaskQuery query;
  query.dag_id = dag_id;
  query.page.limit = max_page;
  bool wants_registry = false;
  for (const TaskInstanceView& view : server.history().task_instances(query).rows) {
    wants_registry |= view.row.reason.find("batuta connections add") != std::string::npos ||
                      view.row.reason.find(": variable ") != std::string::npos;
    std::ifstream log(
        home.path("logs/" + view.run_uuid + "/" +
                  task_log_name(view.row.task, view.row.map_index, view.row.try_number)));
    if (!log) continue;
    std::printf("\n-- %s\n", view.task_id.c_str());
    for (std::string line; std::getline(log, line);) std::printf("%s\n", line.c_str());
  }
  if (wants_registry) {
    std::printf(
        "\nA test knows the connections and variables of --connections FILE.json and "
        "--variables FILE.json, and no others.\n");
  }
}

// The run has ended, its alerts may still be on their way to being printed.
void await_alerts(Server& server) {
  const Boot deadline = read_clock().boot + alert_patience;
  while (read_clock().boot < deadline && !server.stopping() &&
         server.history().outbox(false, {0, 0}).total != 0) {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
}

void print_alert(const std::string& connection, const std::string& body) {
  std::string shown = body;
  if (auto message = parse_untrusted(body); message && message->is_object()) {
    message->erase("blocks");  // say what the text says
    shown = json_text(*message);
  }
  std::printf("  alert, not sent (connection %s): %s\n", connection.c_str(), shown.c_str());
  std::fflush(stdout);
}

Status write_text(const std::string& file, const std::string& text) {
  std::ofstream out(file, std::ios::binary);
  if (out << text << std::flush) return success();
  return {Errc::unavailable, "cannot write " + file};
}

}  // namespace

int run_dags_test(const cli::ServeOptions& serve, const cli::DagTest& test) {
  const auto plugins = cli::scan_plugins(plugins_folder(serve));
  if (!plugins) return fail(plugins.error());
  const auto found = find_dag(serve.dags, test.dag_id, *plugins);
  if (!found) return fail(found.error());
  if (!found->unknown_plugins.empty()) {
    return fail({Errc::not_found,
                 cli::missing_in(plugins_folder(serve), found->unknown_plugins.front()),
                 {}});
  }
  auto request = request_of(*found->dag, test);
  if (!request) return fail(request.error());

  const TemporaryFolder temporary;
  const std::string dags = temporary.path() + "/dags";
  std::filesystem::create_directory(dags);
  const auto definition = lone_definition(*found->dag, test);
  if (!definition) return fail(definition.error());
  if (auto status = write_text(dags + "/test.json", *definition); !status) {
    return fail(status.error());
  }
  cli::ServeOptions options = serve;
  options.home = temporary.path() + "/home";
  options.dags = dags;
  options.port = 0;
  Serving::Options with;
  with.log_level = log::Level::warn;
  with.log_file = false;
  with.divert_alerts = print_alert;
  with.seed = [&test](Server& server) { return seed(server, test); };
  auto serving = Serving::start(options, std::move(with));
  if (!serving) return fail(serving.error());
  Server& server = (*serving)->server();
  const auto outcome = (*serving)->run([&] {
    auto state = watch_run(server, std::move(*request), test_patience);
    await_alerts(server);
    return state;
  });
  if (!outcome) return fail({Errc::unavailable, "stopped", {}});
  print_logs((*serving)->home(), server, test.dag_id);
  (*serving)->stop();
  if (!*outcome) return fail(outcome->error());
  return **outcome == "success" ? 0 : 1;
}

}  // namespace batuta
