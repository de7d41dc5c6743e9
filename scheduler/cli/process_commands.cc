#include <CLI/CLI.hpp>
#include <cstdlib>
#include <memory>

#include "common/ids.h"
#include "common/number_range.h"
#include "scheduler/cli/commands.h"
#include "scheduler/demo/demo_cli.h"
#include "scheduler/demo/simulation.h"

namespace batuta::cli {
namespace {

void add_server_options(CLI::App& command, ServeOptions& options) {
  command.add_option("--host", options.host, "address to listen on")->capture_default_str();
  command
      .add_option("--port", options.port, "port of page and API; 0 takes a free one and prints it")
      ->check(whole_number(0, 65535))
      ->capture_default_str();
  command
      .add_option_function<std::string>(
          "--dags",
          [&options](const std::string& folder) {
            options.dags = folder;
            options.dags_named = true;
          },
          "folder of DAG files (default: ./dags)")
      ->take_last();
  command.add_flag("--new-store", options.new_store,
                   "begin anew in a home whose store is gone: no runs, users or connections");
}

void add_worker_options(CLI::App& command, ServeOptions& options) {
  command.add_option("--plugins", options.plugins,
                     "folder of plugins (default: beside the executable)");
  command.add_option("--slots", options.slots, "attempts at once (default: one per core)")
      ->check(whole_number(0, 1024));
  command
      .add_option("--queues,-q", options.queues,
                  "queues whose tasks it takes, with commas between (default: default)")
      ->envname("BATUTA_QUEUES")
      ->delimiter(',')
      ->check(CLI::Validator(
          [](const std::string& queue) {
            return valid_id(queue) ? std::string()
                                   : "\"" + queue +
                                         "\" is no name of a queue: letters, digits, "
                                         "'_', '-' and '.', beginning with a letter or digit";
          },
          "QUEUE"));
}

// As an environment variable, so that the worker that the server starts does alike.
void add_log_format(CLI::App& command) {
  command
      .add_option_function<std::string>(
          "--log-format",
          [](const std::string& format) { ::setenv("BATUTA_LOG_FORMAT", format.c_str(), 1); },
          "text, or json: an object a line")
      ->envname("BATUTA_LOG_FORMAT")
      ->check(CLI::IsMember({"text", "json"}));
}

}  // namespace

void add_process_commands(CLI::App& app, Session& session) {
  auto options = std::make_shared<ServeOptions>();
  options->home = session.home;
  const auto home_option = [options](CLI::App& command) {
    command.add_option("--home", options->home, "everything is kept here")->capture_default_str();
  };

  CLI::App* standalone =
      app.add_subcommand("standalone", "Scheduler, page and one worker: all in one");
  home_option(*standalone);
  add_server_options(*standalone, *options);
  add_worker_options(*standalone, *options);
  add_log_format(*standalone);
  CLI::Option* demo = standalone->add_flag(
      "--demo", options->demo,
      "with a quote service and an alert receiver; runs the DAG financial at once");
  standalone
      ->add_flag("--once", options->once, "with --demo: in a temporary home, ends after that run")
      ->needs(demo);
  standalone->callback([options, &session] {
    session.serve = [options, p = session.processes] { return p->standalone(*options); };
  });

  CLI::App* scheduler = app.add_subcommand(
      "scheduler",
      "Scheduler and page; workers are started apart. --plugins and --slots are the workers' "
      "business: they are taken here so that one set of options fits all three");
  home_option(*scheduler);
  add_server_options(*scheduler, *options);
  add_worker_options(*scheduler, *options);
  add_log_format(*scheduler);
  scheduler->callback([options, &session] {
    session.serve = [options, p = session.processes] { return p->scheduler(*options); };
  });

  CLI::App* worker =
      app.add_subcommand("worker", "A worker on the same home: runs attempts in slots");
  home_option(*worker);
  add_worker_options(*worker, *options);
  add_log_format(*worker);
  worker->callback([options, &session] {
    session.serve = [options, p = session.processes] { return p->worker(*options); };
  });

  CLI::App* clone = app.add_subcommand(
      "clone",
      "A copy of an installation for another machine: store, DAG files and chosen tables, "
      "without secrets, users and what is still running");
  auto copy = std::make_shared<CloneOptions>();
  copy->home = session.home;
  clone->add_option("--home", copy->home, "what is copied; its server may be running")
      ->capture_default_str();
  clone->add_option("--to", copy->to, "a new folder")->required();
  clone
      ->add_option_function<std::string>(
          "--dags",
          [copy](const std::string& folder) {
            copy->dags = folder;
            copy->dags_named = true;
          },
          "folder of DAG files (default: ./dags)")
      ->take_last();
  clone->add_option("--table", copy->tables,
                    "a table of the lake, such as gold/financial/quotes; more of them follow");
  clone->callback([copy, &session] {
    session.serve = [copy, p = session.processes] { return p->clone(*copy); };
  });

  demo::add_demo_commands(app, session.home, session.exit_code);
  CLI::App* demo_run = app.get_subcommand("demo")->add_subcommand(
      "run",
      "Pipelines of the installation with what stands in for their sources: one run of each, its "
      "tables, and whether they are what the made-up records must give");
  home_option(*demo_run);
  demo_run->add_option("--port", options->port, "port of page and API; 0 takes a free one")
      ->check(whole_number(0, 65535))
      ->capture_default_str();
  add_worker_options(*demo_run, *options);
  add_log_format(*demo_run);
  CLI::Option* once = demo_run->add_flag(
      "--once", options->once,
      "in a temporary home; ends after those runs, with exit code 0 when all is as "
      "it must be");
  std::string names;
  for (const std::string& name : demo::runnable_pipelines()) names += name + ", ";
  CLI::Option* which =
      demo_run->add_option("PIPELINE", options->pipelines, names + "or all (default: financial)");
  CLI::Option* real = demo_run->add_flag(
      "--real", options->real,
      "with servers of its own in --home, as far as they are installed: PostgreSQL has the clients "
      "of brokerage and gets the gold tables of ecommerce, Azurite (Azure Blob Storage) has the "
      "lake");
  CLI::Option* kafka = demo_run->add_option(
      "--kafka", options->kafka,
      "brokers that have the topics of brokerage, ecommerce and users, HOST:PORT,…; or @FILE with "
      "host, login, password and extra as JSON");
  demo_run
      ->add_flag(
          "--clean", options->clean,
          "run nothing: remove the installation that a demo made in --home, and say what went; "
          "backups, files of your own and files that you changed stay")
      ->excludes(once)
      ->excludes(which)
      ->excludes(real)
      ->excludes(kafka);
  demo_run->callback([options, &session] {
    session.serve = [options, p = session.processes] { return p->demo_run(*options); };
  });
}

}  // namespace batuta::cli
