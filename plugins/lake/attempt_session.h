// What every lake plugin does first: a DuckDB session for this attempt.
#pragma once

#include "plugins/lake/session.h"
#include "plugins/sdk/plugin.h"

namespace batuta::lake {

// Options from the host: library, scratch folder, cancellation, and the worker's settings
// lake.memory and lake.threads. Throws plugin::FinalError when the host has no lake engine.
SessionOptions session_options(const plugin::Context& context);

// The lake folder; plugin::FinalError when the host gave none.
const std::string& lake_folder(const plugin::Context& context);

}  // namespace batuta::lake
