// workers list, drain, resume.
#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <thread>

#include "common/safe_json.h"
#include "common/url.h"
#include "scheduler/cli/commands.h"
#include "scheduler/cli/follow.h"

namespace batuta::cli {
namespace {

using json = nlohmann::json;

constexpr Duration look_pace = std::chrono::milliseconds(500);
// A worker that has not answered by then is reported as it stands.
constexpr int answers_within = 20;  // looks

struct WorkerArguments {
  std::vector<std::string> names;
  bool all = false, no_wait = false;
};

json workers_now(const Client& client) {
  json rows = json::array();
  for (json& job : client.all("/api/v2/jobs?job_type=WorkerJob", "jobs")) {
    json row = std::move(job["batuta"]);
    for (const char* field : {"hostname", "start_date", "latest_heartbeat"})
      row[field] = job[field];
    rows.push_back(std::move(row));
  }
  return rows;
}

// Those that the names mean: an id, how it begins, or a host on which there is one.
std::vector<json> meant_by(const json& workers, const WorkerArguments& wanted) {
  std::vector<json> out;
  if (wanted.all) {
    for (const json& worker : workers) {
      if (worker.value("connected", false)) out.push_back(worker);
    }
    if (out.empty()) throw Failure("no worker is connected", 1);
    return out;
  }
  if (wanted.names.empty()) {
    throw Failure("which worker? Name one of `batuta workers list`, or say --all", 2);
  }
  for (const std::string& name : wanted.names) {
    std::vector<json> meant;
    for (const json& worker : workers) {
      const bool is_it =
          worker.value("agent_id", "").starts_with(name) || worker.value("hostname", "") == name;
      if (is_it && !name.empty()) meant.push_back(worker);
    }
    if (meant.empty()) {
      throw Failure("no worker '" + name + "'; `batuta workers list` names them", 1);
    }
    if (meant.size() > 1) {
      std::string ids;
      for (const json& worker : meant) ids += "\n  " + worker.value("agent_id", "");
      throw Failure("'" + name + "' may be any of these; give its id:" + ids, 2);
    }
    out.push_back(meant.front());
  }
  return out;
}

void ask(const Client& client, const std::string& id, const char* verb) {
  client.call("POST", "/api/batuta/workers/" + percent_encoded(id) + "/" + verb, nullptr);
}

// Until it runs nothing; what it runs meanwhile on a terminal.
void await_idle(const Client& client, const std::string& id) {
  ProgressLine progress;
  for (int looked = 0;; ++looked) {
    bool there = false;
    for (const json& worker : workers_now(client)) {
      if (worker.value("agent_id", "") != id) continue;
      there = true;
      const auto attempts = json_int(worker.value("attempts", json(0))).value_or(0);
      const bool drained = worker.value("drained", false);
      if (!drained && looked > answers_within) {
        progress.clear();
        throw Failure("worker " + id + " does not say that it is drained; is it resumed, or hung?",
                      1);
      }
      if (drained && attempts == 0) {
        progress.clear();
        std::printf("worker %s is drained: nothing runs on it, and it can be stopped\n",
                    id.c_str());
        return;
      }
      progress.show("worker " + id + ": " + std::to_string(attempts) + " attempts to go");
    }
    if (!there) {
      progress.clear();
      std::printf("worker %s has left\n", id.c_str());
      return;
    }
    std::this_thread::sleep_for(look_pace);
  }
}

}  // namespace

void add_worker_commands(CLI::App& app, Session& session) {
  CLI::App* workers = app.add_subcommand("workers", "Workers, connected or lately lost");
  workers->require_subcommand(1);
  add_verb(*workers, session, "list", "What they run", [&session] {
    print_rows(session.format(), workers_now(session.client()),
               {{"worker", "agent_id"},
                {"host", "hostname"},
                {"pid", "pid"},
                {"connected", "connected"},
                {"drained", "drained"},
                {"slots", "slots"},
                {"attempts", "attempts"},
                {"since", "start_date"},
                {"heartbeat", "latest_heartbeat"}});
  });

  const auto arguments = std::make_shared<WorkerArguments>();
  const auto take_names = [arguments](CLI::App* verb) {
    auto* names = verb->add_option("worker", arguments->names,
                                   "Its id, how that begins, or the host it is alone on");
    auto* all = verb->add_flag("--all", arguments->all, "All that are connected");
    names->excludes(all);
  };
  CLI::App* drain = add_verb(
      *workers, session, "drain", "Give a worker nothing new, and wait until nothing runs on it",
      [&session, arguments] {
        const Client client = session.client();
        const auto those = meant_by(workers_now(client), *arguments);
        for (const json& worker : those) ask(client, worker.value("agent_id", ""), "drain");
        for (const json& worker : those) {
          const std::string id = worker.value("agent_id", "");
          if (!arguments->no_wait) {
            await_idle(client, id);
          } else {
            std::printf("worker %s was asked to take nothing new\n", id.c_str());
          }
        }
      });
  take_names(drain);
  drain->add_flag("--no-wait", arguments->no_wait, "Do not wait for what runs on it");
  take_names(add_verb(*workers, session, "resume", "Let a drained worker take work again",
                      [&session, arguments] {
                        const Client client = session.client();
                        for (const json& worker : meant_by(workers_now(client), *arguments)) {
                          const std::string id = worker.value("agent_id", "");
                          ask(client, id, "resume");
                          std::printf("worker %s was asked to take work again\n", id.c_str());
                        }
                      }));
}

}  // namespace batuta::cli
