#include <CLI/CLI.hpp>
#include <cstdio>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <sstream>

#include "common/safe_json.h"
#include "scheduler/cli/commands.h"
#include "scheduler/dagfile/dag_parser.h"

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
  return "/api/v2/dags/" + encode(dag_id);
}

void set_paused(Session& session, const std::string& dag_id, bool paused) {
  session.client().call("PATCH", dag_path(dag_id) + "?update_mask=is_paused",
                        {{"is_paused", paused}});
  std::printf("%s is %s\n", dag_id.c_str(), paused ? "paused" : "not paused");
}

// Exit code 1 when any file has a problem: made for pre-commit hooks and CI.
int validate(const std::vector<std::string>& files) {
  int bad = 0;
  for (const std::string& name : files) {
    std::ifstream in(name, std::ios::binary);
    if (!in) {
      std::fprintf(stderr, "%s: cannot be read\n", name.c_str());
      ++bad;
      continue;
    }
    std::stringstream text;
    text << in.rdbuf();
    const auto slash = name.rfind('/');
    const std::string folder = slash == std::string::npos ? "." : name.substr(0, slash);
    const auto result = parse_dag_file(text.str(), name, folder, {});
    for (const DagFileProblem& problem : result.problems) {
      std::fprintf(stderr, "%s\n", problem.text().c_str());
    }
    bad += result.dag == nullptr;
    if (result.dag) {
      std::printf("%s: ok, DAG %s with %zu tasks\n", name.c_str(), result.dag->id.c_str(),
                  result.dag->tasks.size());
    }
  }
  return bad == 0 ? 0 : 1;
}

struct Trigger {
  std::string dag_id, run_id, conf = "{}", logical_date, note, key;
  bool wait = false;
};

json trigger_body(const Trigger& trigger) {
  const auto conf = parse_untrusted(trigger.conf);
  if (!conf) throw Failure("--conf: " + conf.error().message, 2);
  json body{{"conf", *conf}};
  body["logical_date"] = trigger.logical_date.empty() ? json(nullptr) : json(trigger.logical_date);
  if (!trigger.run_id.empty()) body["dag_run_id"] = trigger.run_id;
  if (!trigger.note.empty()) body["note"] = trigger.note;
  return body;
}

void trigger_run(Session& session, const Trigger& trigger) {
  const Client client = session.client();
  Client::Headers headers;
  if (!trigger.key.empty()) headers.emplace_back("Idempotency-Key", trigger.key);
  json run =
      client.call("POST", dag_path(trigger.dag_id) + "/dagRuns", trigger_body(trigger), headers);
  if (trigger.wait) {
    const std::string path =
        dag_path(trigger.dag_id) + "/dagRuns/" + encode(run["dag_run_id"].get<std::string>());
    std::string state;
    while (state != "success" && state != "failed") {
      state = client.get(path + "/wait?interval=1").value("state", "");
    }
    run = client.get(path);
    session.exit_code = state == "success" ? 0 : 1;
  }
  print_object(session.format(), run);
}

const std::vector<Column> warning_columns{
    {"dag_id", "dag_id"}, {"kind", "batuta.kind"}, {"message", "message"}};

// Whole, as `dags validate` prints them: the end of such a line is how to mend it.
void print_import_errors(Session& session, const json& errors) {
  if (session.format() == Format::json) return print_rows(Format::json, errors, {});
  for (const json& error : errors) {
    const std::string file = error.value("filename", "");
    const std::string problem = error.value("stack_trace", "");
    const bool named = problem.starts_with(file);
    std::printf("%s\n", shown_text(named ? problem : file + ": " + problem).c_str());
  }
  if (errors.empty()) std::printf("(none)\n");
}

void print_source(Session& session, const Trigger& which) {
  const json source = session.client().get("/api/v2/dagSources/" + encode(which.dag_id));
  std::printf("%s\n", source.value("content", "").c_str());
}

}  // namespace

void add_dag_commands(CLI::App& app, Session& session) {
  CLI::App* dags =
      app.add_subcommand("dags", "DAGs: list, validate, test, trigger, pause, source, events");
  dags->require_subcommand(1);
  auto trigger = std::make_shared<Trigger>();
  auto files = std::make_shared<std::vector<std::string>>();
  auto serve = std::make_shared<ServeOptions>();

  add_verb(*dags, session, "list", "DAGs known to the scheduler", [&session] {
    print_rows(session.format(), session.client().get("/api/v2/dags?limit=1000")["dags"],
               dag_columns);
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
        session.client().get(dag_path(trigger->dag_id) + "/dagVersions")["dag_versions"],
        {{"number", "version_number"}, {"version", "bundle_version"}, {"since", "created_at"}});
  });
  one("warnings", "Warnings about a DAG", [&session, trigger] {
    print_rows(session.format(),
               session.client().get("/api/v2/dagWarnings?limit=1000&dag_id=" +
                                    encode(trigger->dag_id))["dag_warnings"],
               warning_columns);
  });
  one("events", "The event log of a DAG, newest first",
      [&session, trigger] { print_events(session, "&dag_id=" + encode(trigger->dag_id), 100); });
  one("pause", "Create no more runs",
      [&session, trigger] { set_paused(session, trigger->dag_id, true); });
  one("unpause", "Create runs again",
      [&session, trigger] { set_paused(session, trigger->dag_id, false); });

  CLI::App* run =
      one("trigger", "Start a run", [&session, trigger] { trigger_run(session, *trigger); });
  run->add_option("--conf", trigger->conf, "JSON object of parameters")->capture_default_str();
  run->add_option("--run-id", trigger->run_id, "an id of your own");
  run->add_option("--logical-date,--exec-date", trigger->logical_date, "ISO 8601; default: none");
  run->add_option("--note", trigger->note);
  run->add_option("--idempotency-key", trigger->key,
                  "sent twice with the same key, it is still one run");
  run->add_flag("--wait", trigger->wait, "until it has ended; exit code 1 if it failed");

  CLI::App* check = dags->add_subcommand("validate", "Check DAG files; needs no server");
  check->add_option("files", *files, "DAG files")->required();
  check->callback([&session, files] { session.exit_code = validate(*files); });

  CLI::App* test =
      dags->add_subcommand("test", "Run a DAG once in a temporary home; needs no server");
  test->add_option("dag_id", trigger->dag_id)->required();
  test->add_option("--conf", trigger->conf, "JSON object of parameters")->capture_default_str();
  test->add_option("--dags", serve->dags, "folder of DAG files")->capture_default_str();
  test->add_option("--plugins", serve->plugins, "folder of plugins");
  test->add_option("--slots", serve->slots, "attempts at once");
  test->callback([&session, trigger, serve] {
    const auto conf = parse_untrusted(trigger->conf);
    if (!conf || !conf->is_object()) throw Failure("--conf must be a JSON object", 2);
    session.exit_code = session.processes->dags_test(*serve, trigger->dag_id, trigger->conf);
  });

  add_verb(*dags, session, "list-import-errors", "Files that are not DAGs, and why", [&session] {
    const json errors = session.client().get("/api/v2/importErrors?limit=1000")["import_errors"];
    print_import_errors(session, errors);
    session.exit_code = errors.empty() ? 0 : 1;
  });
  add_verb(*dags, session, "list-warnings", "Warnings about DAGs", [&session] {
    print_rows(session.format(),
               session.client().get("/api/v2/dagWarnings?limit=1000")["dag_warnings"],
               warning_columns);
  });
}

}  // namespace batuta::cli
