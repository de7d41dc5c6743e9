// Every noun of the command line registers its verbs here. Internal to this room.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "scheduler/cli/client.h"
#include "scheduler/cli/command_line.h"
#include "scheduler/cli/output.h"

namespace CLI {
class App;
}

namespace batuta::cli {

// Shared by all commands of one invocation.
struct Session {
  std::string home;  // --home, BATUTA_HOME, else ./.batuta
  std::string output = "table";
  std::vector<std::string> columns;  // --columns
  const Processes* processes = nullptr;
  int exit_code = 0;
  // What runs for as long as the process: after the command line has been read and forgotten, whose
  // description of every verb is half a megabyte.
  std::function<int()> serve;

  Client client() const { return Client::find(home); }
  Look format() const { return {format_named(output), columns}; }
};

void add_process_commands(CLI::App& app, Session& session);   // standalone scheduler worker demo
void add_dag_commands(CLI::App& app, Session& session);       // dags
void add_run_commands(CLI::App& app, Session& session);       // runs
void add_backfill_commands(CLI::App& app, Session& session);  // backfill
void add_asset_commands(CLI::App& app, Session& session);     // assets
void add_dag_explain(CLI::App& dags, Session& session);       // dags explain
void add_task_commands(CLI::App& app, Session& session);      // tasks, xcom
void add_hitl_commands(CLI::App& app, Session& session);      // hitl; tasks must be there
void add_hook_commands(CLI::App& app, Session& session);      // hooks
void add_admin_commands(CLI::App& app, Session& session);     // pools variables connections
void add_user_commands(CLI::App& app, Session& session);      // users tokens
void add_rights_commands(CLI::App& app, Session& session);    // roles groups auth
void add_bundle_commands(CLI::App& app, Session& session);    // bundles
void add_domain_commands(CLI::App& app, Session& session);    // domain
void add_system_commands(CLI::App& app,
                         Session& session);  // db outbox plugins jobs events health metrics …
void add_worker_commands(CLI::App& app, Session& session);    // workers
void add_lake_commands(CLI::App& app, Session& session);      // lake
void add_contract_commands(CLI::App& app, Session& session);  // contracts
void add_model_commands(CLI::App& app, Session& session);     // models
void add_stream_commands(CLI::App& app, Session& session);    // stream
void add_letter_commands(CLI::App& app, Session& session);    // dlq
// Airflow's verbs of dags and tasks, config, info, cheat-sheet, and what moves from one
// installation to another; the nouns must be there.
void add_airflow_commands(CLI::App& app, Session& session);
void add_move_commands(CLI::App& app, Session& session);
// plugins new, build
void add_plugin_commands(CLI::App& app, Session& session);
// dags import-crontab, import-dagu
void add_import_commands(CLI::App& app, Session& session);

// How verbs are used, at the end of their --help. Once all of them are there.
void add_examples(CLI::App& app);

// Adds --home and --output to a verb and runs `action` when it is chosen.
CLI::App* add_verb(CLI::App& noun, Session& session, const std::string& name,
                   const std::string& help, std::function<void()> action);

// `runs list`, which Airflow calls `dags list-runs`.
void add_run_list(CLI::App& noun, Session& session, const char* name);
// `dags test` or `tasks test`, below its noun.
void add_test(CLI::App& noun, Session& session, bool of_a_task);

// The newest rows of the event log; `filter` in the form "&dag_id=…".
void print_events(Session& session, const std::string& filter, int limit, int offset = 0);

bool at_terminal();  // standard input is one
// Asks on a terminal, unless `yes` says that it is meant. Throws Failure: with 1 for a no, with 2
// where nobody can be asked.
void confirm(const std::string& question, bool yes);
// A line of standard input, not echoed on a terminal (never from argv, where others see it).
std::string read_secret(const std::string& prompt);

}  // namespace batuta::cli
