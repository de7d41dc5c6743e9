// What the platform knows of attempts, for monitors: the plugin that judges them sees only the
// lake.
#pragma once

#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "scheduler/api/cost_facts.h"
#include "scheduler/api/stream_lags.h"
#include "scheduler/core/dag.h"
#include "scheduler/store/history.h"

namespace batuta::http {

// What monitors ask of it.
struct FactsAsked {
  std::set<std::string> tables;  // whose quality
  std::set<std::string> dags;    // whose data tasks
  std::set<LagAsked> lags;       // how far who is behind
  std::set<CostAsked> costs;     // what tables and domains took
  bool none() const { return tables.empty() && dags.empty() && lags.empty() && costs.empty(); }
};
// Of the files of monitors, {domain: file}, or the definition of a task that has them as a
// parameter.
FactsAsked facts_asked(const std::string& monitors_json);

// The newest version of a DAG; null: there is none (any more).
using DagOf = std::function<std::shared_ptr<const Dag>(const std::string& dag_id)>;
// As the store has it, for whoever has no DAG bag. Blocks on the store.
std::shared_ptr<const Dag> stored_dag(History& history, const std::string& dag_id);

// {"quality": [{"table","at","results":[…as attempts told]}],
//  "tasks": [{"dag","task","failed","error"}],
//  "lags": [{"connection","topic","group","records","lost","trouble"}],
//  "costs": [{"target","window_seconds","runs","cpu_seconds","scanned_bytes","stored_bytes",
//             "unmeasured","more","size_unknown","trouble"}]}: of each table what its
//  newest attempt told, of each
// data task that the DAG has now how many of its newest attempts failed in a row, at most 50. One
// that was renamed or taken out fails no more. `lags`, `costs`: those of `asked` are told on.
// Blocks on the store.
std::string lake_facts(History& history, const FactsAsked& asked, const DagOf& dag_of,
                       const StreamLags& lags = {}, const std::vector<CostTold>& costs = {});

}  // namespace batuta::http
