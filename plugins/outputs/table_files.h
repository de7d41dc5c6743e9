// Tables as files for a program that has no reader of the lake's own: parameter "reads".
#pragma once

#include <map>
#include <string>

#include "plugins/sdk/plugin.h"

namespace batuta::outputs {

// Writes each table of the parameter's list, as it is now and without the columns that tell how its
// rows came there, to <folder>/<table>.parquet ("silver/shop/orders.parquet"), and reports what was
// read as lineage of each table of the parameter "outputs". Nothing without the parameter. Call
// before the task's own work.
//
// Throws plugin::FinalError for a name that is no table and a table that is not there or cannot be
// read, plugin::RetryableError when disk or memory refuse.
void hand_out_tables(plugin::Context& context, const std::string& folder);

// The same for a command or script: below its scratch folder, in a folder that $BATUTA_TABLES of
// `environment` names. It is not set where the task reads no table.
void hand_out_tables(plugin::Context& context, std::map<std::string, std::string>& environment);

}  // namespace batuta::outputs
