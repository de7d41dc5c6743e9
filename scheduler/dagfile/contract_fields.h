// {"contract": "brokerage/clients"} of extract and transform tasks: the file of that name in the
// folder of contracts, taken into the DAG.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "scheduler/core/dag.h"
#include "scheduler/dagfile/fields.h"

namespace batuta {

// "contracts" beside the DAG folder: for those who name no other.
std::string contracts_beside(const std::string& dag_folder);

// Puts in the place of each task's contract what the file says: {"name", "yaml", "version",
// "connection", "mask_connection", "overlap"}, so that the DAG's version holds its bytes. A
// contract that is wrong is a problem of the task, with file, line and pointer of the contract.
// `files`: what was looked for, relative to `folder`, whether or not it was there.
void put_in_contracts(nlohmann::json& definition, const std::string& folder, Problems& problems,
                      std::vector<std::string>& files);

// The fields of a task with a contract, as put_in_contracts() leaves it: its plugin, what the
// plugin gets, how far its window reaches back.
void read_contract_task(FieldReader& fields, Task& task, nlohmann::json& params);

// What the plugin of such a task gets beside what is written.
void add_contract_params(const nlohmann::json& task, nlohmann::json& params);

}  // namespace batuta
