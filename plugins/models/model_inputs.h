// Which version of each table a run's task reads: fixed at its first attempt, so that its retries,
// and its clears, compute from the same rows.
//
// What was fixed is an object in the target's folder, put if absent, of which readers of Delta
// tables see nothing: gold/mart/t/_inputs/<execution id>.<task id>.json. The newest thousand stay.
// Beside the version stands the table's id: one that was removed and made anew counts from 0 again.
// And `since`: the version of it that the newest version of the model's table had read by then.
//
// A table that this run itself has written since is read as the run left it: a clear of a task and
// of those behind it hands the new rows on. The model's own table is not: what this run put there
// is what it is about to put again.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "plugins/lake/delta_table.h"
#include "plugins/models/model_versions.h"
#include "plugins/sdk/plugin.h"

namespace batuta::models {

struct Inputs {
  std::map<std::string, lake::DeltaTable> tables;  // by name, at the version to read
  std::map<std::string, std::int64_t> since;       // where it is known, as it was fixed
  bool fixed_before = false;                       // by an earlier attempt
};

// Throws plugin::FinalError for a table that is not there, or not at its version any more, or is
// another one by now. `last`: what the newest version of `target` read.
Inputs open_inputs(plugin::Context& context, lake::Session& session, const std::string& target,
                   const std::vector<std::string>& names, const LastRead& last);

// What a first attempt would read now; nothing is fixed, and a table that is not there is left out.
Inputs newest_inputs(lake::Session& session, const lake::Lake& lake,
                     const std::vector<std::string>& names, const LastRead& last);

// {"silver/brokerage/orders":12,…}
std::string versions_json(const Inputs& inputs);

// {"silver/brokerage/orders":"<id of the table>",…}
std::string table_ids_json(const Inputs& inputs);

// Takes away what was fixed for all but the newest runs, and this one. What fails is only logged.
void prune_inputs(plugin::Context& context, const lake::DeltaTable& target);

}  // namespace batuta::models
