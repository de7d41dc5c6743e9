// What the platform knows of attempts, for monitors: the plugin that judges them sees only the
// lake.
#pragma once

#include <set>
#include <string>

#include "scheduler/store/history.h"

namespace batuta::http {

// What monitors ask of it.
struct FactsAsked {
  std::set<std::string> tables;  // whose quality
  std::set<std::string> dags;    // whose data tasks
  bool none() const { return tables.empty() && dags.empty(); }
};
// Of the files of monitors, {domain: file}, or the definition of a task that has them as a
// parameter.
FactsAsked facts_asked(const std::string& monitors_json);

// {"quality": [{"table","at","results":[…as attempts told]}],
//  "tasks": [{"dag","task","failed","error"}]}: of each table what its newest attempt told, of each
// data task how many of its newest attempts failed in a row, at most 50. Blocks on the store.
std::string lake_facts(History& history, const FactsAsked& asked);

}  // namespace batuta::http
