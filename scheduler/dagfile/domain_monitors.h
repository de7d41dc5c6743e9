// What watches a domain: monitors from its contract's service levels. Pure.
#pragma once

#include <string>
#include <vector>

#include "contract/contract.h"

namespace batuta::domains {

struct DomainMonitors {
  std::string text;                          // monitors/<domain>.json
  std::vector<std::string> not_carried_out;  // service levels that no monitor holds
};

// For each table: one for its ingestion that fails and one for its processing, beyond what the
// service levels ingestionFailures and processingFailures let pass in a row (0), one for rules that
// are broken, and one for its age where there is a level latency or freshness. For the domain one
// of what it may cost in 30 days, where there are levels budgetRuns, budgetCpuSeconds,
// budgetBytesStored or budgetBytesScanned. `ingestion_dag` has the tasks <table>_bronze and
// <table>_silver.
DomainMonitors monitors_of(const std::string& domain, const std::string& ingestion_dag,
                           const std::vector<const contract::Table*>& tables,
                           const contract::Contract& contract);

}  // namespace batuta::domains
