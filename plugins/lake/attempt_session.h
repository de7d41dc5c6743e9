// What every lake plugin does first: a DuckDB session for this attempt.
#pragma once

#include <string>

#include "plugins/lake/session.h"
#include "plugins/sdk/plugin.h"
#include "stores/lake.h"

namespace batuta::lake {

using stores::Lake;

// Options from the host: library, scratch folder, cancellation, and the worker's settings
// lake.memory and lake.threads. Throws plugin::FinalError when the host has no lake engine.
SessionOptions session_options(const plugin::Context& context);

// The branch of the lake that the attempt's run writes on, "<name>/<id>"; empty: none.
std::string branch_of(const plugin::Context& context);

// The lake of the attempt, as its run's branch sees it if it has one: a folder, or the store whose
// access is among its secrets, with the folder for its files. Each call opens it anew.
// plugin::FinalError when the host gave none.
Lake lake_folder(const plugin::Context& context);

}  // namespace batuta::lake
