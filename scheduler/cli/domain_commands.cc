// domain plan, apply, destroy: a data domain, whole, from one contract. The server does it
// (scheduler/api/domain_routes.cc); here the contract is read, the plan shown, and the DAGs waited
// for.
#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <thread>

#include "common/safe_json.h"
#include "common/url.h"
#include "contract/contract.h"
#include "scheduler/cli/commands.h"
#include "scheduler/cli/domain_cost.h"
#include "scheduler/dagfile/bundle.h"
#include "scheduler/dagfile/folder.h"

namespace batuta::cli {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr std::chrono::seconds until_live{15};
constexpr std::size_t max_sent_contract = JsonLimits{}.string_bytes;

struct DomainArguments {
  std::string name, contract, schedule = "@daily";
  bool force = false, yes = false;
};

[[noreturn]] void fail(const std::string& why) {
  throw Failure(shown_text(why), 1);
}

std::string route_of(const DomainArguments& a) {
  return "/api/batuta/domains/" + percent_encoded(a.name);
}

json contract_body(const DomainArguments& a) {
  const fs::path path(a.contract);
  const auto text = read_below(path.has_parent_path() ? path.parent_path().string() : ".",
                               path.filename().string(), max_sent_contract);
  if (!text) fail(a.contract + ": " + text.error().message);
  return {{"contract", *text}, {"schedule", a.schedule}};
}

// What is wrong with the contract, where it stands in the file.
void refuse_errors(const DomainArguments& a, const json& plan) {
  std::string text;
  for (const json& error : plan["errors"]) {
    contract::ContractProblem problem;
    problem.file = a.contract;
    problem.line = error.value("line", 0);
    problem.column = error.value("column", 0);
    problem.pointer = error.value("pointer", "");
    problem.message = error.value("message", "");
    text += (text.empty() ? "" : "\n") + problem.text();
  }
  if (!text.empty()) fail(text);
}

void print_domain_plan(Session& session, const json& plan) {
  if (session.format().data()) return print_object(session.format(), plan);
  print_rows(session.format(), plan["steps"],
             {{"action", "action"}, {"kind", "kind"}, {"name", "name"}, {"conflict", "conflict"}});
  std::printf("\n");
  for (const json& note : plan["not_carried_out"])
    std::printf("not carried out: %s\n", shown_text(note.get<std::string>()).c_str());
}

// Of a plan, or of what was done: never the one for the other.
void print_count(Session& session, const json& plan, const char* said) {
  if (!session.format().data())
    std::printf("%lld of %zu %s\n", static_cast<long long>(plan.value("changes", 0)),
                plan["steps"].size(), said);
}

void refuse_conflicts(const json& plan, bool force) {
  if (plan["conflicts"].empty() || force) return;
  std::string text =
      "nothing was done, because of what others made or changed (--force does it all the same):";
  for (const json& conflict : plan["conflicts"]) text += "\n  " + conflict.get<std::string>();
  fail(text);
}

// Waits until the server has the DAGs, or (`there` false) has them no more.
void wait_for_dags(const Client& client, const json& dag_ids, bool there) {
  const auto end = std::chrono::steady_clock::now() + until_live;
  for (const json& one : dag_ids) {
    const auto id = one.get<std::string>();
    for (;;) {
      const json dag = client.look_up("/api/v2/dags/" + percent_encoded(id));
      const bool live = !dag.is_null() && !dag.value("is_stale", false);
      if (live == there) break;
      if (std::chrono::steady_clock::now() > end) {
        fail("the server " + std::string(there ? "does not show" : "still shows") + " the DAG " +
             id + " after 15 s: batuta dags list-import-errors says what it reads");
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
    }
  }
}

void plan_domain(Session& session, const DomainArguments& a) {
  const json plan = session.client().call("POST", route_of(a) + "/plan", contract_body(a));
  refuse_errors(a, plan);
  print_domain_plan(session, plan);
  print_count(session, plan, "would change");
  refuse_conflicts(plan, a.force);
  if (plan.value("changes", 0) > 0) session.exit_code = 2;
}

void apply_domain(Session& session, const DomainArguments& a) {
  const Client client = session.client();
  json body = contract_body(a);
  json plan = client.call("POST", route_of(a) + "/plan", body);
  refuse_errors(a, plan);
  if (!plan["conflicts"].empty() && !a.force) {
    print_domain_plan(session, plan);
    refuse_conflicts(plan, a.force);
  }
  body["digest"] = plan["digest"];
  body["force"] = a.force;
  plan = client.call("PUT", route_of(a), body);
  print_domain_plan(session, plan);
  wait_for_dags(client, client.get(route_of(a))["dag_ids"], true);
  print_count(session, plan, "changed");
  if (!session.format().data()) std::printf("the domain %s is there\n", a.name.c_str());
}

void destroy_domain(Session& session, const DomainArguments& a) {
  const Client client = session.client();
  const json there = client.get(route_of(a));
  const json& plan = there["removal"];
  print_domain_plan(session, plan);
  refuse_conflicts(plan, a.force);
  confirm("Remove the DAGs, roles and groups of the domain " + a.name + "?", a.yes);
  client.call("DELETE",
              route_of(a) + "?digest=" + percent_encoded(plan.value("digest", "")) +
                  "&force=" + (a.force ? "true" : "false"),
              nullptr);
  wait_for_dags(client, there["dag_ids"], false);
  print_count(session, plan, "taken away");
  if (!session.format().data()) std::printf("the domain %s is gone\n", a.name.c_str());
}

void list_domains(Session& session) {
  const json list = session.client().all("/api/batuta/domains", "domains");
  if (session.format().data()) return print_object(session.format(), {{"domains", list}});
  print_rows(session.format(), list,
             {{"domain", "domain"},
              {"tables", "tables"},
              {"DAGs", "dag_ids"},
              {"schedule", "schedule"},
              {"unfinished", "unfinished"},
              {"problem", "problem"}});
}

}  // namespace

void add_domain_commands(CLI::App& app, Session& session) {
  CLI::App* noun = app.add_subcommand("domain", "A data domain, whole, from one data contract");
  noun->require_subcommand(1);
  auto a = std::make_shared<DomainArguments>();
  const auto verb = [&](const char* name, const char* help,
                        void (*act)(Session&, const DomainArguments&)) {
    CLI::App* made = add_verb(*noun, session, name, help, [&session, a, act] {
      if (auto fits = check_bundle_name(a->name); !fits) fail(fits.error().message);
      act(session, *a);
    });
    made->add_option("name", a->name, "a-z, 0-9, _ and -; tables are <layer>/<name>/<table>")
        ->required();
    made->add_flag("--force", a->force, "also what others made or changed");
    return made;
  };
  add_verb(*noun, session, "list", "Those that were made", [&session] { list_domains(session); });
  CLI::App* plan =
      verb("plan", "What apply would do; exit code 2: something, 1: it would refuse", plan_domain);
  CLI::App* apply =
      verb("apply", "Make the domain as its contract says; again changes nothing", apply_domain);
  for (CLI::App* one : {plan, apply}) {
    one->add_option("--contract", a->contract,
                    "of the Open Data Contract Standard, or of the Data Contract Specification")
        ->required();
    one->add_option("--schedule", a->schedule, "of the ingestion; empty: when it is triggered")
        ->capture_default_str();
  }
  verb("destroy", "Take away what apply made, and nothing else", destroy_domain)
      ->add_flag("--yes,-y", a->yes, "do not ask");
  add_domain_cost(*noun, session);
}

}  // namespace batuta::cli
