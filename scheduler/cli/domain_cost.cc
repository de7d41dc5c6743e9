#include "scheduler/cli/domain_cost.h"

#include <CLI/CLI.hpp>
#include <cmath>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>

#include "common/time.h"
#include "common/url.h"
#include "scheduler/cli/commands.h"

namespace batuta::cli {
namespace {

using nlohmann::json;

constexpr std::size_t page_rows = 200;    // an instance brings its contract with it
constexpr int versions_looked_at = 1000;  // of a table, the newest: they name its tasks
constexpr const char* not_counted =
    "CPU seconds and bytes read are not measured; busy seconds are those in which a try held a "
    "slot, and bytes are those of the newest versions";

std::string member_text(const json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

double member_number(const json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_number() ? found->get<double>() : 0;
}

std::int64_t member_whole(const json& object, const char* name) {
  return static_cast<std::int64_t>(member_number(object, name));
}

double milliseconds_kept(double seconds) {
  return std::round(seconds * 1000) / 1000;
}

}  // namespace

void DomainCost::add_table(const json& table) {
  Stored& of = stored_[member_text(table, "layer")];
  ++of.tables;
  of.rows += member_whole(table, "rows");
  of.bytes += member_whole(table, "bytes");
  of.files += member_whole(table, "files");
  for (const char* what : {"rows", "bytes"})
    if (const auto found = table.find(what); found == table.end() || !found->is_number())
      unknown_.insert(member_text(table, "layer") + "/" + member_text(table, "domain") + "/" +
                      member_text(table, "table"));
}

void DomainCost::add_version(const json& version) {
  const std::string dag = member_text(version, "dag_id"), task = member_text(version, "task_id");
  if (!dag.empty() && !task.empty()) writers_.emplace(dag, task);
}

void DomainCost::add_try(const json& instance) {
  const std::string dag = member_text(instance, "dag_id");
  if (!writers_.contains({dag, member_text(instance, "task_id")})) return;
  if (member_text(instance, "start_date").empty()) return;
  Work& of = work_[dag];
  of.runs.insert(member_text(instance, "dag_run_id"));
  ++of.attempts;
  const std::string state = member_text(instance, "state");
  of.failed += state == "failed" || state == "up_for_retry";
  of.seconds += member_number(instance, "duration");
  if (const auto ours = instance.find("batuta"); ours != instance.end())
    of.peak_kib = std::max(of.peak_kib, member_whole(*ours, "peak_rss_kib"));
}

json DomainCost::report() const {
  Stored all;
  json stored = json::array(), work = json::array();
  for (const auto& [layer, of] : stored_) {
    stored.push_back({{"layer", layer},
                      {"tables", of.tables},
                      {"rows", of.rows},
                      {"files", of.files},
                      {"bytes", of.bytes}});
    all.tables += of.tables;
    all.rows += of.rows;
    all.bytes += of.bytes;
  }
  std::size_t runs = 0;
  std::int64_t attempts = 0, failed = 0;
  double seconds = 0;
  for (const auto& [dag, of] : work_) {
    work.push_back({{"dag_id", dag},
                    {"runs", of.runs.size()},
                    {"attempts", of.attempts},
                    {"failed", of.failed},
                    {"busy_seconds", milliseconds_kept(of.seconds)},
                    {"peak_rss_kib", of.peak_kib}});
    runs += of.runs.size();
    attempts += of.attempts;
    failed += of.failed;
    seconds += of.seconds;
  }
  return {{"tables", all.tables},
          {"rows", all.rows},
          {"bytes", all.bytes},
          {"runs", runs},
          {"attempts", attempts},
          {"failed", failed},
          {"busy_seconds", milliseconds_kept(seconds)},
          {"stored", std::move(stored)},
          {"work", std::move(work)},
          {"unknown", unknown_}};
}

namespace {

struct CostArguments {
  std::string name, last = "30d";
};

// Every try of the tasks that write, since then; page by page, as an instance list does not count
// further than it must.
void add_tries(const Client& client, const std::string& dag, const std::string& since,
               DomainCost& cost) {
  const std::string of_dag = "/api/v2/dags/" + percent_encoded(dag) + "/dagRuns/";
  for (std::size_t offset = 0;; offset += page_rows) {
    const json page =
        client.get(of_dag + "~/taskInstances?order_by=id&start_date_gte=" + percent_encoded(since) +
                   "&limit=" + std::to_string(page_rows) + "&offset=" + std::to_string(offset));
    for (const json& one : page["task_instances"]) {
      if (!cost.writers().contains({dag, member_text(one, "task_id")})) continue;
      if (member_whole(one, "try_number") <= 1) {
        cost.add_try(one);
        continue;
      }
      std::string path = of_dag + percent_encoded(member_text(one, "dag_run_id")) +
                         "/taskInstances/" + percent_encoded(member_text(one, "task_id"));
      if (const auto index = member_whole(one, "map_index"); index >= 0)
        path += "/" + std::to_string(index);
      const json tries = client.look_up(path + "/tries");
      if (tries.is_null()) continue;  // the run was deleted meanwhile
      for (const json& each : tries["task_instances"]) cost.add_try(each);
    }
    if (page["task_instances"].size() < page_rows) return;
  }
}

void cost_of_domain(Session& session, const CostArguments& a) {
  const auto last = parse_duration(a.last);
  if (!last || *last <= Duration::zero())
    throw Failure("--last must be a duration such as 12h or 30d, not \"" + a.last + "\"", 2);
  const std::string since = to_iso(read_clock().wall - *last);
  const Client client = session.client();
  DomainCost cost;
  const json tables = client.all("/api/lake/tables?domain=" + percent_encoded(a.name), "tables");
  if (tables.empty())
    throw Failure("the lake has no table of a domain " + a.name +
                      " that you may see: batuta lake tables lists <layer>/<domain>/<table>",
                  1);
  for (const json& table : tables) {
    cost.add_table(table);
    const json versions = client.look_up(
        "/api/lake/tables/" + percent_encoded(member_text(table, "layer")) + "/" +
        percent_encoded(a.name) + "/" + percent_encoded(member_text(table, "table")) +
        "/versions?limit=" + std::to_string(versions_looked_at));
    if (versions.is_null()) continue;  // dropped meanwhile
    for (const json& version : versions["versions"]) cost.add_version(version);
  }
  std::set<std::string> dags;
  for (const auto& [dag, task] : cost.writers()) dags.insert(dag);
  for (const std::string& dag : dags) add_tries(client, dag, since, cost);

  json report = cost.report();
  report["domain"] = a.name;
  report["since"] = since;
  report["not_counted"] = not_counted;
  if (session.format().data()) return print_object(session.format(), report);
  print_rows(session.format(), report["stored"],
             {{"layer", "layer"},
              {"tables", "tables"},
              {"rows", "rows"},
              {"files", "files"},
              {"bytes", "bytes"}});
  std::printf("\n");
  print_rows(session.format(), report["work"],
             {{"dag", "dag_id"},
              {"runs", "runs"},
              {"tries", "attempts"},
              {"failed", "failed"},
              {"busy seconds", "busy_seconds"},
              {"peak KiB", "peak_rss_kib"}});
  std::printf("\n%s: %lld bytes stored; since %s %lld tries of %lld runs, %.3f busy seconds\n%s\n",
              a.name.c_str(), static_cast<long long>(member_whole(report, "bytes")), since.c_str(),
              static_cast<long long>(member_whole(report, "attempts")),
              static_cast<long long>(member_whole(report, "runs")),
              member_number(report, "busy_seconds"), not_counted);
  for (const json& table : report["unknown"])
    std::fprintf(stderr, "batuta: rows or bytes of %s are not known and count as 0\n",
                 shown_text(table.get<std::string>()).c_str());
}

}  // namespace

void add_domain_cost(CLI::App& domain, Session& session) {
  auto a = std::make_shared<CostArguments>();
  CLI::App* verb = add_verb(domain, session, "cost",
                            "What its tables hold, and what the tasks that write them took",
                            [&session, a] { cost_of_domain(session, *a); });
  verb->add_option("name", a->name, "of the domain: tables are <layer>/<name>/<table>")->required();
  verb->add_option("--last", a->last, "tries that began within so long, such as 12h or 30d")
      ->capture_default_str();
}

}  // namespace batuta::cli
