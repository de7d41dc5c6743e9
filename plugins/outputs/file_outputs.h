// Files that a command or script wrote become versions of tables: parameter "outputs" of shell,
// python and container tasks.
#pragma once

#include <string>

#include "plugins/sdk/plugin.h"

namespace batuta::outputs {

// For each of the parameter's list, in order: reads the file (Parquet, CSV, JSON lines, in
// `folder`, which no link leads out of), holds it against its contract where it has one, judges it
// and gives the table's next version to the host, which publishes when the attempt succeeds.
// Nothing without the parameter. Call after the task's own success.
//
// Throws plugin::FinalError for a file that is missing, unreadable or does not fit, for a broken
// blocking rule and a parameter that is wrong; plugin::RetryableError when disk or memory refuse.
void hand_in_files(plugin::Context& context, const std::string& folder);

}  // namespace batuta::outputs
