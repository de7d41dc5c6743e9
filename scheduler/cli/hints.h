// For those who come from Airflow, Dagu and cron, and for slips of the hand.
#pragma once

#include <string>
#include <vector>

#include "scheduler/cli/client.h"

namespace batuta::cli {

// What does here what the command of another orchestrator does ("dags backfill", "start", "crontab
// -e"); empty when it is not known. Pure.
std::string hint_for(const std::string& command);

// What of "/api/v2/dags/{dag}/dagRuns/{run}/taskInstances/{task}…" there is not, with the nearest
// that there is: "there is no DAG \"x\"; did you mean \"y\"?"; likewise of pools, variables,
// connections. Asks the server with little patience; empty when the path names none of these, all
// of it is there, or the server does not say.
std::string near_id(const Client& client, const std::string& path);

}  // namespace batuta::cli
