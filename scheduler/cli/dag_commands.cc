#include <CLI/CLI.hpp>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>

#include "common/safe_json.h"
#include "common/url.h"
#include "scheduler/cli/commands.h"
#include "scheduler/cli/follow.h"
#include "scheduler/cli/import_file.h"
#include "scheduler/cli/validate.h"

namespace batuta::cli {
namespace {

using json = nlohmann::json;

const std::vector<Column> dag_columns{{"dag_id", "dag_id"},
                                      {"paused", "is_paused"},
                                      {"schedule", "timetable_summary"},
                                      {"next run", "next_dagrun_run_after"},
                                      {"owners", "owners"},
                                      {"file", "relative_fileloc"}};

std::string dag_path(const std::string& dag_id) {
  return "/api/v2/dags/" + percent_encoded(dag_id);
}

void set_paused(Session& session, const std::string& dag_id, bool paused) {
  session.client().call("PATCH", dag_path(dag_id) + "?update_mask=is_paused",
                        {{"is_paused", paused}});
  std::printf("%s is %s\n", dag_id.c_str(), paused ? "paused" : "not paused");
}

struct Trigger {
  std::string dag_id, run_id, conf = "{}", logical_date, note, key, branch, partition;
  std::vector<std::string> only;
  bool with_upstream = false;
  bool wait = false;
};

// "-": what stands on standard input, where no other user of the machine sees it.
std::string given_conf(const std::string& text) {
  if (text != "-") return text;
  constexpr std::size_t most = std::size_t{1} << 20;  // as the server takes
  std::string read;
  for (char c = 0; read.size() <= most && std::cin.get(c);) read += c;
  if (read.size() > most) throw Failure("--conf: more than 1 MiB on standard input", 2);
  return read;
}

json trigger_body(const Trigger& trigger) {
  const auto conf = parse_untrusted(given_conf(trigger.conf));
  if (!conf) throw Failure("--conf: " + conf.error().message, 2);
  json body{{"conf", *conf}};
  // With a key of its own a repeated request must be the same one, which "now" would not be.
  const bool now = trigger.logical_date.empty() && trigger.key.empty() && trigger.branch.empty();
  const bool none = trigger.logical_date.empty() || trigger.logical_date == "none";
  body["logical_date"] = now    ? json(to_iso(read_clock().wall))
                         : none ? json(nullptr)
                                : json(trigger.logical_date);
  if (!trigger.run_id.empty()) body["dag_run_id"] = trigger.run_id;
  if (!trigger.note.empty()) body["note"] = trigger.note;
  if (!trigger.only.empty()) body["only"] = trigger.only;
  if (trigger.with_upstream) body["only_with_upstream"] = true;
  if (!trigger.branch.empty()) body["branch"] = trigger.branch;
  if (!trigger.partition.empty()) body["partition_key"] = trigger.partition;
  return body;
}

// In a task's command: nobody but that command knows whose run it waits for, and in the last slot
// it would wait for ever.
void tell_waiting_task() {
  const char* const task = std::getenv("BATUTA_TASK_ID");
  if (task == nullptr || *task == '\0') return;
  std::fprintf(stderr,
               "batuta: the task %s waits for this run in a slot, which the run may need: a "
               "trigger_dag task with wait_for_completion waits without one\n",
               shown_text(task).c_str());
}

void trigger_run(Session& session, const Trigger& trigger) {
  const Client client = session.client();
  Client::Headers headers;
  if (!trigger.key.empty()) headers.emplace_back("Idempotency-Key", trigger.key);
  json run =
      client.call("POST", dag_path(trigger.dag_id) + "/dagRuns", trigger_body(trigger), headers);
  if (trigger.wait) {
    tell_waiting_task();
    const std::string path = dag_path(trigger.dag_id) + "/dagRuns/" +
                             percent_encoded(run["dag_run_id"].get<std::string>());
    const std::string state =
        follow_run(client, trigger.dag_id, run["dag_run_id"].get<std::string>(), false);
    run = client.get(path);
    session.exit_code = state == "success" ? 0 : 1;
  }
  print_object(session.format(), run);
}

const std::vector<Column> warning_columns{
    {"dag_id", "dag_id"}, {"kind", "batuta.kind"}, {"message", "message"}};

// Whole, as `dags validate` prints them: the end of such a line is how to mend it.
void print_import_errors(Session& session, const json& errors) {
  if (session.output != "table") {
    return print_rows(session.format(), errors, {{"file", "filename"}, {"problem", "stack_trace"}});
  }
  for (const json& error : errors) {
    const std::string file = error.value("filename", "");
    const std::string problem = error.value("stack_trace", "");
    const bool named = problem.starts_with(file);
    std::printf("%s\n", shown_text(named ? problem : file + ": " + problem).c_str());
  }
  if (errors.empty()) std::printf("(none)\n");
}

void print_source(Session& session, const Trigger& which) {
  const json source = session.client().get("/api/v2/dagSources/" + percent_encoded(which.dag_id));
  std::printf("%s\n", source.value("content", "").c_str());
}

Time logical_date_of(const std::string& text) {
  const auto time = parse_iso(text);
  if (!time) {
    throw Failure(
        "--logical-date must be a time with its zone, such as 2024-01-01T00:00:00Z, or none", 2);
  }
  return *time;
}

}  // namespace

void add_test(CLI::App& noun, Session& session, bool of_a_task) {
  struct Arguments {
    ServeOptions serve;
    DagTest test;
    std::string logical_date, connections, variables;
  };
  auto a = std::make_shared<Arguments>();
  CLI::App* test = noun.add_subcommand(
      "test",
      of_a_task
          ? "Run one task once in a temporary home, without what comes before it; needs no server"
          : "Run a DAG once in a temporary home; needs no server. Alerts are printed, not sent");
  test->add_option("dag_id", a->test.dag_id)->required();
  if (of_a_task) {
    test->add_option("task_id", a->test.task_id)->required();
    test->add_option("--xcom", a->test.xcoms_json,
                     "what the tasks before it returned: {\"task_id\": value}")
        ->capture_default_str();
  }
  test->add_option("--conf", a->test.conf_json, "JSON object of parameters")->capture_default_str();
  test->add_option("--logical-date", a->logical_date, "ISO 8601, or none for null; default: now");
  test->add_option("--connections", a->connections,
                   "JSON file: {\"id\": {\"conn_type\", \"host\", \"password\", …}}");
  test->add_option("--variables", a->variables, "JSON file: {\"key\": value}");
  test->add_option("--dags", a->serve.dags, "folder of DAG files")->capture_default_str();
  test->add_option("--plugins", a->serve.plugins, "folder of plugins");
  test->add_option("--slots", a->serve.slots, "attempts at once");
  test->callback([&session, a] {
    const auto conf = parse_untrusted(a->test.conf_json);
    if (!conf || !conf->is_object()) throw Failure("--conf must be a JSON object", 2);
    if (a->logical_date.empty()) {
      a->test.logical_date = read_clock().wall;
    } else if (a->logical_date != "none") {
      a->test.logical_date = logical_date_of(a->logical_date);
    }
    if (!a->connections.empty()) a->test.connections = read_connections(a->connections);
    if (!a->variables.empty()) a->test.variables = read_variables(a->variables);
    session.exit_code = session.processes->dags_test(a->serve, a->test);
  });
}

void add_dag_commands(CLI::App& app, Session& session) {
  CLI::App* dags =
      app.add_subcommand("dags", "DAGs: list, validate, test, trigger, pause, source, events");
  dags->require_subcommand(1);
  auto trigger = std::make_shared<Trigger>();

  add_verb(*dags, session, "list", "DAGs known to the scheduler", [&session] {
    print_rows(session.format(), session.client().all("/api/v2/dags", "dags"), dag_columns);
  });
  const auto one = [&](const char* name, const char* help, std::function<void()> action) {
    CLI::App* verb = add_verb(*dags, session, name, help, std::move(action));
    verb->add_option("dag_id", trigger->dag_id)->required();
    return verb;
  };
  one("details", "One DAG with its definition", [&session, trigger] {
    print_object(session.format(), session.client().get(dag_path(trigger->dag_id) + "/details"));
  });
  one("show", "The file of a DAG, as it was read",
      [&session, trigger] { print_source(session, *trigger); });
  one("source", "The same as show", [&session, trigger] { print_source(session, *trigger); });
  one("tasks", "The tasks of a DAG", [&session, trigger] {
    print_rows(session.format(),
               session.client().get(dag_path(trigger->dag_id) + "/tasks")["tasks"],
               {{"task_id", "task_id"},
                {"plugin", "operator_name"},
                {"rule", "trigger_rule"},
                {"retries", "retries"},
                {"pool", "pool"},
                {"downstream", "downstream_task_ids"}});
  });
  one("versions", "The versions of a DAG, as runs kept them", [&session, trigger] {
    print_rows(
        session.format(),
        session.client().all(dag_path(trigger->dag_id) + "/dagVersions", "dag_versions"),
        {{"number", "version_number"}, {"version", "bundle_version"}, {"since", "created_at"}});
  });
  one("warnings", "Warnings about a DAG", [&session, trigger] {
    print_rows(
        session.format(),
        session.client().all("/api/v2/dagWarnings?dag_id=" + percent_encoded(trigger->dag_id),
                             "dag_warnings"),
        warning_columns);
  });
  one("events", "The event log of a DAG, newest first", [&session, trigger] {
    print_events(session, "&dag_id=" + percent_encoded(trigger->dag_id), 100);
  });
  one("pause", "Create no more runs",
      [&session, trigger] { set_paused(session, trigger->dag_id, true); });
  one("unpause", "Create runs again",
      [&session, trigger] { set_paused(session, trigger->dag_id, false); });

  add_dag_explain(*dags, session);

  CLI::App* run =
      one("trigger", "Start a run", [&session, trigger] { trigger_run(session, *trigger); });
  run->add_option("--conf", trigger->conf, "JSON object of parameters; `-`: from standard input")
      ->capture_default_str();
  run->add_option("--run-id", trigger->run_id, "an id of your own");
  run->add_option("--logical-date,--exec-date", trigger->logical_date,
                  "ISO 8601, or none for null; default: now, or none with --idempotency-key");
  run->add_option("--note", trigger->note, "why, for whoever looks at the run");
  run->add_option("--only", trigger->only, "a task; given several times: these tasks alone");
  run->add_option("--partition-key", trigger->partition,
                  "which part of its assets the run is about, such as 2026-03-10");
  run->add_option("--branch", trigger->branch,
                  "of the lake: read there, and written beside the lake's tables");
  run->add_flag("--with-upstream", trigger->with_upstream, "of --only: and all that comes before");
  run->add_option("--idempotency-key", trigger->key,
                  "sent twice with the same key, it is still one run");
  run->add_flag("--wait", trigger->wait, "until it has ended; exit code 1 if it failed");

  auto checked = std::make_shared<Validation>();
  CLI::App* check = dags->add_subcommand("validate", "Check DAG files; needs no server");
  check->add_option("paths", checked->paths, "DAG files, or folders of them")->required();
  check->add_option("--plugins", checked->plugins,
                    "folder of plugins (default: beside the executable)");
  check->callback([&session, checked] {
    checked->home = session.home;
    session.exit_code = validate(*checked);
  });

  add_test(*dags, session, false);

  add_verb(*dags, session, "list-import-errors", "Files that are not DAGs, and why", [&session] {
    const json errors = session.client().all("/api/v2/importErrors", "import_errors");
    print_import_errors(session, errors);
    session.exit_code = errors.empty() ? 0 : 1;
  });
  add_verb(*dags, session, "list-warnings", "Warnings about DAGs", [&session] {
    print_rows(session.format(), session.client().all("/api/v2/dagWarnings", "dag_warnings"),
               warning_columns);
  });
}

}  // namespace batuta::cli
