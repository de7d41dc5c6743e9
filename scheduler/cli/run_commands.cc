#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>

#include "common/number_range.h"
#include "common/url.h"
#include "scheduler/cli/commands.h"
#include "scheduler/cli/follow.h"

namespace batuta::cli {
namespace {

using json = nlohmann::json;

struct RunArguments {
  std::string dag_id, run_id, state, note, start, end;
  int limit = 25, offset = 0;
  bool only_failed = false;
  bool keep_checkpoints = false;
  bool dry_run = false;
  bool newest = false;
};

std::string run_path(const RunArguments& a) {
  return "/api/v2/dags/" + percent_encoded(a.dag_id) + "/dagRuns/" + percent_encoded(a.run_id);
}

void list_runs(Session& session, const RunArguments& a) {
  std::string path = "/api/v2/dags/" + (a.dag_id.empty() ? "~" : percent_encoded(a.dag_id)) +
                     "/dagRuns?order_by=-id&limit=" + std::to_string(a.limit) +
                     "&offset=" + std::to_string(a.offset);
  if (!a.state.empty()) path += "&state=" + percent_encoded(a.state);
  if (!a.start.empty()) path += "&logical_date_gte=" + percent_encoded(a.start);
  if (!a.end.empty()) path += "&logical_date_lte=" + percent_encoded(a.end);
  print_page(session.format(), session.client().get(path), "dag_runs", a.offset,
             {{"dag_id", "dag_id"},
              {"run_id", "dag_run_id"},
              {"state", "state"},
              {"type", "run_type"},
              {"logical date", "logical_date"},
              {"start", "start_date"},
              {"end", "end_date"},
              {"seconds", "duration", true}});
}

void clear_run(Session& session, const RunArguments& a) {
  const json body{{"dry_run", a.dry_run},
                  {"only_failed", a.only_failed},
                  {"run_on_latest_version", a.newest},
                  {"keep_checkpoints", a.keep_checkpoints}};
  const json answer = session.client().call("POST", run_path(a) + "/clear", body);
  if (a.dry_run) {
    print_rows(session.format(), answer.value("task_instances", json::array()),
               {{"task_id", "task_id"}, {"state", "state"}, {"try", "try_number"}});
  } else {
    print_object(session.format(), answer);
  }
}

}  // namespace

void add_run_list(CLI::App& noun, Session& session, const char* name) {
  auto a = std::make_shared<RunArguments>();
  CLI::App* list = add_verb(noun, session, name, "Runs, newest first",
                            [&session, a] { list_runs(session, *a); });
  list->add_option("dag_id,-d,--dag-id", a->dag_id, "default: every DAG");
  list->add_option("--state", a->state)
      ->check(CLI::IsMember({"queued", "running", "success", "failed"}));
  list->add_option("-s,--start-date", a->start, "of logical dates from here on, ISO 8601");
  list->add_option("-e,--end-date", a->end, "of logical dates up to here, ISO 8601");
  list->add_option("--limit", a->limit)->check(whole_number(1, 1000))->capture_default_str();
  list->add_option("--offset", a->offset, "how many to pass over")->check(whole_number(0));
}

void add_run_commands(CLI::App& app, Session& session) {
  CLI::App* runs = app.add_subcommand(
      "runs", "Runs: list, get, wait, follow, pause, cancel, clear, set-state, delete");
  runs->require_subcommand(1);
  auto a = std::make_shared<RunArguments>();
  const auto verb = [&](const char* name, const char* help, std::function<void()> action) {
    CLI::App* added = add_verb(*runs, session, name, help, std::move(action));
    added->add_option("dag_id", a->dag_id)->required();
    added->add_option("run_id", a->run_id)->required();
    return added;
  };
  add_run_list(*runs, session, "list");
  verb("get", "One run",
       [&session, a] { print_object(session.format(), session.client().get(run_path(*a))); });
  verb("wait", "Until it has ended; exit code 1 if it failed", [&session, a] {
    const std::string state = follow_run(session.client(), a->dag_id, a->run_id, false);
    std::printf("%s\n", state.c_str());
    session.exit_code = state == "success" ? 0 : 1;
  });
  verb("follow", "A line for every change until it has ended; exit code 1 if it failed",
       [&session, a] {
         const std::string state = follow_run(session.client(), a->dag_id, a->run_id, true);
         session.exit_code = state == "success" ? 0 : 1;
       });
  verb("cancel", "Stop what runs, skip what has not started, fail the run", [&session, a] {
    print_object(session.format(),
                 session.client().call("PATCH", run_path(*a), {{"state", "failed"}}));
  });
  for (const bool paused : {true, false}) {
    verb(paused ? "pause" : "resume",
         paused ? "Launch nothing more of it; what runs goes on" : "Let a paused run go on",
         [&session, a, paused] {
           print_object(session.format(),
                        session.client().call("PATCH", run_path(*a), {{"is_paused", paused}}));
         });
  }
  CLI::App* clear = verb("clear", "Run its tasks again", [&session, a] { clear_run(session, *a); });
  clear->add_flag("--only-failed", a->only_failed, "those that failed, or could not run for that");
  clear->add_flag("--dry-run", a->dry_run, "show what would be cleared");
  clear->add_flag("--keep-checkpoints", a->keep_checkpoints,
                  "the next tries go on from them; else from the start");
  clear->add_flag("--newest", a->newest, "an ended run goes on with the DAG's newest version");
  CLI::App* set =
      verb("set-state",
           "queued: judge it again (runs clear runs tasks again); success or failed: end it so",
           [&session, a] {
             print_object(session.format(),
                          session.client().call("PATCH", run_path(*a), {{"state", a->state}}));
           });
  set->add_option("state", a->state)
      ->required()
      ->check(CLI::IsMember({"queued", "success", "failed"}));
  CLI::App* note = verb("note", "Write a note", [&session, a] {
    session.client().call("PATCH", run_path(*a), {{"note", a->note}});
  });
  note->add_option("text", a->note)->required();
  verb("delete", "Delete a run and all below it",
       [&session, a] { session.client().call("DELETE", run_path(*a), nullptr); });
}

}  // namespace batuta::cli
