#include "scheduler/api/cost_facts.h"

#include <nlohmann/json.hpp>
#include <optional>

#include "common/safe_json.h"
#include "scheduler/api/lake_cost_reads.h"
#include "scheduler/store/store.h"

namespace batuta::http {
namespace {

constexpr std::int64_t instances_a_reading = 20'000;  // of all that is asked together

// The tables of a target. Errc::not_found: there are none.
Result<std::vector<LakeName>> tables_of_target(LakeCatalogue& lake, const std::string& target) {
  if (target.find('/') != target.npos) {
    const auto name = lake_name(target);
    if (!name) return name.error();
    if (const auto there = lake.check(*name); !there) {
      if (there.error().code != Errc::not_found) return there.error();
      return {Errc::not_found, "there is no table " + target};
    }
    return std::vector<LakeName>{*name};
  }
  const auto names = lake.names();
  if (!names) return names.error();
  std::vector<LakeName> out;
  for (const LakeName& name : (*names)->tables)
    if (name.domain == target) out.push_back(name);
  if (out.empty()) return {Errc::not_found, "the lake has no table of a domain " + target};
  return out;
}

}  // namespace

struct CostFacts::Catalogue {
  explicit Catalogue(const stores::Lake& lake) : tables(lake) {}

  CostTold told(History& history, const CostAsked& asked, Time now, std::int64_t& left,
                const std::atomic<bool>& stopping) {
    CostTold out;
    out.of = asked;
    const auto names = tables_of_target(tables, asked.target);
    if (!names) {
      out.trouble = names.error().message;
      return out;
    }
    const Time since = now - asked.window;
    DomainCost cost(since, now);
    for (const LakeName& name : *names) {
      if (stopping) break;
      add_table_cost(tables, name, cost);
    }
    out.more = cost.has_untold_writers();
    for (const auto& [dag, task] : cost.writers()) {
      if (stopping) break;
      if (!add_tries_of(history, dag, task, since, left, cost)) {
        out.more = true;
        break;
      }
    }
    if (stopping) {
      out.trouble = "the server is stopping";
      return out;
    }
    const nlohmann::json report = cost.report();
    out.runs = json_int(report["runs"]).value_or(0);
    out.cpu_seconds = report["cpu_seconds"].get<double>();
    out.scanned_bytes = json_int(report["read_bytes"]).value_or(0);
    out.stored_bytes = json_int(report["bytes"]).value_or(0);
    out.unmeasured = json_int(report["unmeasured"]).value_or(0);
    for (const LakeName& name : *names)
      if (!tables.summary(name).problem.empty()) out.size_unknown = true;
    return out;
  }

  LakeCatalogue tables;
};

CostFacts::CostFacts(const stores::Lake& lake) : lake_(std::make_unique<Catalogue>(lake)) {}
CostFacts::~CostFacts() = default;

std::vector<CostTold> CostFacts::read(History& history, const std::set<CostAsked>& asked, Time now,
                                      const std::atomic<bool>& stopping) {
  std::vector<CostTold> out;
  std::int64_t left = instances_a_reading;
  for (const CostAsked& one : asked) {
    try {
      out.push_back(lake_->told(history, one, now, left, stopping));
    } catch (const StoreError& error) {
      CostTold failed;
      failed.of = one;
      failed.trouble = error.what();
      out.push_back(std::move(failed));
    }
  }
  return out;
}

}  // namespace batuta::http
