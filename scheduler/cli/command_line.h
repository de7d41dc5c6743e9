// The whole command line: `batuta <noun> <verb>` in Airflow's words, and the processes.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "common/message.h"
#include "common/result.h"
#include "common/time.h"
#include "scheduler/store/registry.h"
#include "stores/lake.h"

namespace batuta::cli {

// What the long-running commands take. Paths may be relative to the current folder.
struct ServeOptions {
  std::string home = "./.batuta";
  std::string host = "127.0.0.1";
  int port = 8080;  // 0: a free one, printed
  std::string dags = "./dags";
  bool dags_named = false;          // the default folder may be missing, a named one may not
  std::string plugins;              // empty: `plugins` beside the executable
  int slots = 0;                    // 0: one per core
  std::vector<std::string> queues;  // whose tasks its worker takes; none: of "default"
  bool new_store = false;           // of a home that was in use and has lost its store
  bool demo = false;                // standalone: quote service, alert receiver, seeds, a first run
  bool once = false;                // demo: temporary home, ends after that run
  std::vector<std::string> pipelines;  // `demo run`: which ones
  bool clean = false;                  // `demo run`: removes what it made of the home, runs nothing
  bool real = false;                   // `demo run`: real systems where their stand-ins would be
  std::string kafka;                   // `demo run`: brokers that have the topics; empty: our log
};

// What `dags test` and `tasks test` take beside the folders and slots of ServeOptions.
struct DagTest {
  std::string dag_id;
  std::string task_id;            // this task alone; its upstreams only return what `xcoms` says
  std::string xcoms_json = "{}";  // task id -> what it returned; an object
  std::string conf_json = "{}";
  std::optional<Time> logical_date;  // none: null, as a trigger without one
  std::vector<Connection> connections;
  std::vector<Variable> variables;
};

// What `clone` copies.
struct CloneOptions {
  std::string home;
  std::string to;
  std::string dags = "./dags";
  bool dags_named = false;
  std::vector<std::string> tables;  // "layer/domain/table"
};

// What the settings of a home say about the lake and its SQL engine.
struct LakeSettings {
  std::int64_t memory_bytes = 0;
  int threads = 1;
  Duration sql_timeout = std::chrono::seconds(30);
  std::optional<stores::Lake> store{};  // nullopt: the lake is the folder of the home
  std::vector<Secret> secrets{};        // what a slot gets to open it
};

// The processes, given by main so that this room needs nothing above http.
struct Processes {
  std::function<int(const ServeOptions&)> standalone;
  std::function<int(const ServeOptions&)> scheduler;
  std::function<int(const ServeOptions&)> worker;
  // `demo run`: bundles of the installation, with what stands in for their sources.
  std::function<int(const ServeOptions&)> demo_run;
  // `dags test`: one run in a temporary home without a lasting server; its state decides the code.
  std::function<int(const ServeOptions&, const DagTest&)> dags_test;
  // `db backup|check|restore` and `secrets rotate-key` on a home whose scheduler is not running;
  // `verb` is the verb's name.
  std::function<int(const std::string& home, const std::string& verb, const std::string& argument)>
      offline_db;
  std::function<int(const CloneOptions&)> clone;
  // Of the home in the folder, which needs no server; errors for settings that do not fit.
  std::function<Result<LakeSettings>(const std::string& home)> lake_settings;
  // JSON Schema of batuta.json.
  std::function<std::string()> settings_schema;
  // What is wrong with a batuta.json, whose text this is; empty: nothing. `settings`: how many it
  // sets.
  std::function<std::vector<std::string>(const std::string& text, const std::string& file,
                                         int& settings)>
      check_settings;
};

// Parses and runs; returns the exit code: 0 done, 1 the server said no or a run failed, 2 the
// command line is wrong.
int run_command_line(int argc, char** argv, const Processes& processes);

}  // namespace batuta::cli
