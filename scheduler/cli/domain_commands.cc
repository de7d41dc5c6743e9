// domain plan, apply, destroy: a data domain, whole, from one contract. What it is made of is
// decided in domain_plan; here it is looked up, made and taken away.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>
#include <system_error>
#include <thread>

#include "common/safe_json.h"
#include "common/url.h"
#include "contract/draft.h"
#include "scheduler/cli/commands.h"
#include "scheduler/cli/domain_cost.h"
#include "scheduler/cli/domain_plan.h"
#include "scheduler/dagfile/bundle.h"
#include "scheduler/dagfile/dag_codec.h"
#include "scheduler/dagfile/dag_parser.h"
#include "scheduler/dagfile/folder.h"

namespace batuta::cli {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr std::chrono::seconds until_live{15};

struct DomainArguments {
  std::string name, contract, schedule = "@daily";
  bool force = false, yes = false;
};

[[noreturn]] void fail(const std::string& why) {
  throw Failure(shown_text(why), 1);
}

std::string sorted_text(json list) {
  std::sort(list.begin(), list.end());
  return json_text(list);
}

// Where a domain's files lie, and the record of what was made of it.
struct Places {
  fs::path bundle, record;
};

// The folder that the server reads bundles from.
Places places_of(const Session& session, const std::string& name) {
  const fs::path home = fs::absolute(session.home);
  if (!fs::is_directory(home / "bundles")) {
    fail("there is no " + (home / "bundles").string() +
         ": a domain's files go into the home of the server, on its machine; name it with --home");
  }
  return {home / "bundles" / name, home / "domains" / (name + ".json")};
}

std::string text_of_file(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  if (!in) fail(file.string() + " cannot be read");
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

// Whole or not at all.
void write_file(const fs::path& file, const std::string& text) {
  std::error_code failed;
  fs::create_directories(file.parent_path(), failed);
  const fs::path staged = file.parent_path() / ("." + file.filename().string() + ".new");
  {
    std::ofstream out(staged, std::ios::binary | std::ios::trunc);
    out << text;
    out.flush();
    if (!out) fail("cannot write " + staged.string());
  }
  fs::rename(staged, file, failed);
  if (failed) fail("cannot write " + file.string() + ": " + failed.message());
}

// {kind: {name: state}} of what apply made, and the same in "before" of what an apply that has not
// ended was about to replace or remove; empty when there is none.
json read_record(const Places& places) {
  if (!fs::exists(places.record)) return json::object();
  auto record = parse_untrusted(text_of_file(places.record));
  if (!record || !record->is_object())
    fail(places.record.string() + " is damaged: what was made of the domain is not known");
  return *std::move(record);
}

std::string made_of(const json& record, const DomainPart& part) {
  const auto kind = record.find(part.kind);
  if (kind == record.end() || !kind->contains(part.name)) return {};
  return json_text((*kind)[part.name]);
}

std::string before_of(const json& record, const DomainPart& part) {
  const auto before = record.find("before");
  return before == record.end() ? std::string() : made_of(*before, part);
}

json parsed_state(const std::string& text) {
  auto state = parse_untrusted(text);
  return state ? *std::move(state) : json::object();
}

json state_of(const DomainPart& part) {
  return parsed_state(part.state);
}

// What the server and the disk have of a part. `members`: users of a group count, too.
std::string found_of(const Client& client, const Places& places, const DomainPart& part,
                     bool members) {
  if (part.kind == "file") {
    const fs::path file = places.bundle / part.name;
    if (!fs::exists(file)) return {};
    return json_text({{"sha256", version_of(text_of_file(file))}});
  }
  const bool role = part.kind == "role";
  const char* list = role ? "grants" : "roles";
  const json wanted = state_of(part);
  for (const json& one :
       client.all(role ? "/api/batuta/roles" : "/api/batuta/groups", role ? "roles" : "groups")) {
    if (one.value("name", "") != part.name) continue;
    json state{{"description", one.value("description", "")}};
    state[list] = one.value(list, json::array());
    // In whatever order they come.
    if (wanted.contains(list) && sorted_text(state[list]) == sorted_text(wanted[list]))
      state[list] = wanted[list];
    if (members && !one.value("users", json::array()).empty()) state["users"] = one["users"];
    return json_text(state);
  }
  return {};
}

// ---- plan -----------------------------------------------------------------------------------

struct DomainPlan {
  std::vector<DomainStep> steps;
  std::vector<std::string> conflicts, notes;
};

void add_step(DomainPlan& plan, DomainStep step) {
  if (!step.conflict.empty()) plan.conflicts.push_back(step.conflict);
  plan.steps.push_back(std::move(step));
}

// In the order in which they are taken away: first those made last.
std::vector<DomainPart> parts_of_record(const json& record) {
  std::vector<DomainPart> parts;
  for (const char* kind : {"group", "role", "file"}) {
    const auto found = record.find(kind);
    if (found == record.end()) continue;
    for (const auto& [name, state] : found->items())
      parts.push_back({kind, name, json_text(state), {}});
  }
  return parts;
}

void check_owners(const Client& client, const Domain& domain, DomainPlan& plan) {
  for (const std::string& id : domain.dag_ids) {
    const json dag = client.look_up("/api/v2/dags/" + percent_encoded(id));
    if (dag.is_null() || dag.value("is_stale", false)) continue;
    const std::string bundle = dag.value("bundle_name", "");
    if (bundle != domain.name)
      plan.conflicts.push_back("the DAG " + id + " is of the bundle " + bundle + " already");
  }
}

DomainPlan plan_to_have(const Client& client, const Places& places, const Domain& domain,
                        const json& record) {
  DomainPlan plan;
  std::set<std::pair<std::string, std::string>> wanted;
  for (const DomainPart& part : domain.parts) {
    wanted.emplace(part.kind, part.name);
    add_step(plan, step_to_have(part, {found_of(client, places, part, false), made_of(record, part),
                                       before_of(record, part)}));
  }
  for (const DomainPart& part : parts_of_record(record)) {
    if (wanted.contains({part.kind, part.name})) continue;
    add_step(plan, step_to_remove(part, {found_of(client, places, part, true), part.state,
                                         before_of(record, part)}));
  }
  check_owners(client, domain, plan);
  plan.notes = domain.not_carried_out;
  return plan;
}

DomainPlan plan_to_remove(const Client& client, const Places& places, const json& record) {
  DomainPlan plan;
  std::set<std::string> known;
  for (const DomainPart& part : parts_of_record(record)) {
    if (part.kind == "file") known.insert(part.name);
    add_step(plan, step_to_remove(part, {found_of(client, places, part, true), part.state,
                                         before_of(record, part)}));
  }
  std::error_code failed;
  for (fs::recursive_directory_iterator at(places.bundle, failed), end; !failed && at != end;
       at.increment(failed)) {
    const std::string name = at->path().lexically_relative(places.bundle).string();
    if (!at->is_directory() && !known.contains(name))
      plan.conflicts.push_back("the file " + name + " was not made by this domain");
  }
  plan.notes.push_back(
      "the rows that its tables hold in the lake, and the history of its runs, stay");
  return plan;
}

std::size_t changes_in(const DomainPlan& plan) {
  return static_cast<std::size_t>(
      std::count_if(plan.steps.begin(), plan.steps.end(),
                    [](const DomainStep& step) { return step.action != DomainAction::none; }));
}

void print_plan(Session& session, const std::string& name, const DomainPlan& plan) {
  json rows = json::array();
  for (const DomainStep& step : plan.steps) {
    rows.push_back({{"action", to_string(step.action)},
                    {"kind", step.part.kind},
                    {"name", step.part.name},
                    {"conflict", step.conflict}});
  }
  if (session.format().data()) {
    print_object(session.format(), {{"domain", name},
                                    {"steps", rows},
                                    {"changes", changes_in(plan)},
                                    {"conflicts", plan.conflicts},
                                    {"not_carried_out", plan.notes}});
    return;
  }
  print_rows(session.format(), rows,
             {{"action", "action"}, {"kind", "kind"}, {"name", "name"}, {"conflict", "conflict"}});
  std::printf("\n");
  for (const auto& note : plan.notes)
    std::printf("not carried out: %s\n", shown_text(note).c_str());
}

// Of a plan, or of what was done: never the one for the other.
void print_count(Session& session, const DomainPlan& plan, const char* said) {
  if (!session.format().data())
    std::printf("%zu of %zu %s\n", changes_in(plan), plan.steps.size(), said);
}

void refuse_conflicts(const DomainPlan& plan, bool force) {
  if (plan.conflicts.empty() || force) return;
  std::string text =
      "nothing was done, because of what others made or changed (--force does it all the same):";
  for (const auto& conflict : plan.conflicts) text += "\n  " + conflict;
  fail(text);
}

// ---- contract -------------------------------------------------------------------------------

// Of the Open Data Contract Standard, or of the older specification, converted.
std::string contract_text(const std::string& file) {
  const fs::path path(file);
  const auto text = read_below(path.has_parent_path() ? path.parent_path().string() : ".",
                               path.filename().string(), contract::max_contract_bytes);
  if (!text) fail(file + ": " + text.error().message);
  const bool older = text->find("dataContractSpecification:") != std::string::npos;
  if (!older) return *text;
  const auto converted = contract::convert_contract(*text);
  if (!converted) fail(file + ": " + converted.error().message);
  for (const auto& note : converted->notes)
    std::fprintf(stderr, "%s: not carried over: %s\n", shown_text(file).c_str(),
                 shown_text(note).c_str());
  return converted->yaml;
}

// As the server will read them, before anything is written where it looks.
void check_files(const Domain& domain) {
  std::string pattern = (fs::temp_directory_path() / "batuta-domain-XXXXXX").string();
  if (::mkdtemp(pattern.data()) == nullptr) fail("cannot make a folder in the temporary folder");
  const fs::path folder(pattern);
  std::string problems;
  for (const DomainPart& part : domain.parts) {
    if (part.kind == "file") write_file(folder / part.name, part.text);
  }
  for (const DomainPart& part : domain.parts) {
    if (part.kind != "file" || !part.name.starts_with("dags/")) continue;
    const auto read = parse_dag_file(part.text, part.name, (folder / "dags").string(), {});
    for (const auto& problem : read.problems) problems += "\n  " + problem.text();
  }
  std::error_code ignored;
  fs::remove_all(folder, ignored);
  if (!problems.empty()) fail("the contract makes no DAGs that can be read:" + problems);
}

Domain domain_from(const DomainArguments& a) {
  const std::string yaml = contract_text(a.contract);
  const auto read = contract::read_contract(yaml, a.contract);
  std::string problems;
  for (const auto& problem : read.problems)
    problems += (problems.empty() ? "" : "\n") + problem.text();
  if (!read.contract) fail(problems);
  auto domain = domain_of(a.name, *read.contract, yaml, a.schedule);
  if (!domain) fail(domain.error().message);
  for (const auto& warning : read.warnings) domain->not_carried_out.push_back(warning.text());
  check_files(*domain);
  return *std::move(domain);
}

// ---- apply, destroy -------------------------------------------------------------------------

void make_over_api(const Client& client, const DomainStep& step) {
  const bool role = step.part.kind == "role";
  const std::string path = role ? "/api/batuta/roles" : "/api/batuta/groups";
  const std::string one = path + "/" + percent_encoded(step.part.name);
  json body = state_of(step.part);
  switch (step.action) {
    case DomainAction::create:
      body["name"] = step.part.name;
      client.call("POST", path, body);
      break;
    case DomainAction::update:
      client.call("PATCH", one, body);
      break;
    case DomainAction::remove:
      client.call("DELETE", one, nullptr);
      break;
    case DomainAction::none:
      break;
  }
}

void carry_out(const Client& client, const Places& places, const DomainStep& step) {
  if (step.action == DomainAction::none) return;
  if (step.part.kind != "file") return make_over_api(client, step);
  if (step.action != DomainAction::remove)
    return write_file(places.bundle / step.part.name, step.part.text);
  std::error_code failed;
  fs::remove(places.bundle / step.part.name, failed);
  if (failed) fail("cannot remove " + step.part.name + ": " + failed.message());
}

// Waits until the server has the DAGs, or (`there` false) has them no more.
void wait_for_dags(const Client& client, const std::vector<std::string>& dag_ids, bool there) {
  const auto end = std::chrono::steady_clock::now() + until_live;
  for (const std::string& id : dag_ids) {
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

// First the record, so that what a killed apply has made is known to be made, and what it has not
// come to yet is known to be as it left it.
void apply_plan(const Client& client, const Places& places, const Domain& domain,
                const DomainPlan& plan, json record) {
  record.erase("before");
  for (const DomainStep& step : plan.steps) {
    if (!step.before.empty())
      record["before"][step.part.kind][step.part.name] = parsed_state(step.before);
    const bool ours = step.action == DomainAction::create || step.action == DomainAction::update;
    if (ours) record[step.part.kind][step.part.name] = state_of(step.part);
  }
  record["domain"] = domain.name;
  record["dag_ids"] = domain.dag_ids;
  write_file(places.record, record.dump(2) + "\n");
  for (const DomainStep& step : plan.steps) carry_out(client, places, step);
  for (const DomainStep& step : plan.steps) {
    if (step.action == DomainAction::remove) record[step.part.kind].erase(step.part.name);
  }
  record.erase("before");
  write_file(places.record, record.dump(2) + "\n");
  wait_for_dags(client, domain.dag_ids, true);
}

void plan_domain(Session& session, const DomainArguments& a) {
  const Domain domain = domain_from(a);
  const Places places = places_of(session, a.name);
  const Client client = session.client();
  const DomainPlan plan = plan_to_have(client, places, domain, read_record(places));
  print_plan(session, a.name, plan);
  print_count(session, plan, "would change");
  refuse_conflicts(plan, a.force);
  if (changes_in(plan) > 0) session.exit_code = 2;
}

void apply_domain(Session& session, const DomainArguments& a) {
  const Domain domain = domain_from(a);
  const Places places = places_of(session, a.name);
  const Client client = session.client();
  const json record = read_record(places);
  const DomainPlan plan = plan_to_have(client, places, domain, record);
  print_plan(session, a.name, plan);
  refuse_conflicts(plan, a.force);
  if (changes_in(plan) > 0) apply_plan(client, places, domain, plan, record);
  print_count(session, plan, "changed");
  if (!session.format().data()) std::printf("the domain %s is there\n", a.name.c_str());
}

void destroy_domain(Session& session, const DomainArguments& a) {
  const Places places = places_of(session, a.name);
  const json record = read_record(places);
  if (record.empty()) fail("no domain " + a.name + " was made here (batuta domain apply)");
  const Client client = session.client();
  const DomainPlan plan = plan_to_remove(client, places, record);
  print_plan(session, a.name, plan);
  refuse_conflicts(plan, a.force);
  confirm("Remove the DAGs, roles and groups of the domain " + a.name + "?", a.yes);
  for (const DomainStep& step : plan.steps) carry_out(client, places, step);
  std::error_code failed;
  fs::remove_all(places.bundle, failed);  // empty folders; with --force what others put there
  if (!failed) fs::remove(places.record, failed);
  if (failed) fail("cannot remove " + places.bundle.string() + ": " + failed.message());
  wait_for_dags(client, record.value("dag_ids", std::vector<std::string>{}), false);
  print_count(session, plan, "taken away");
  if (!session.format().data()) std::printf("the domain %s is gone\n", a.name.c_str());
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
