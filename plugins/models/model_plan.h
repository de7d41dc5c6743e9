// What a run of a model would do now, over the lake as it is, told instead of done. Nothing is
// written.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "plugins/sdk/plugin.h"

namespace batuta::models {

// Whether the task's parameters ask for it: "plan": {"unknown": ["{{ ds }}"…]}, the templates whose
// values are not known, for which its parameters have NULL. Of a model that runs on Spark:
// {"engine": "spark", "reads": ["silver/shop/orders"…]}, and of its parameters only "table" counts.
bool asks_for_plan(const plugin::Context& context);

// {"table", "change", "computes", "why", "rows", "bytes", "seconds", "at_most", "whole", "reads",
//  "versions"} and "problem" or "missing", where there is one; docs/models.md says what they are.
// "estimate": bytes of the inputs in memory (Reading::held), and "exceeds", where these are more
// than the slot has. "engine": "spark", where it runs there.
// `reads`: the tables that the statement names. `versions`: of those, of the table and of its
// history, as they are. `whole`: what a pass over all of the inputs would read.
//
// It says that nothing is computed only where a run that starts now computes nothing: it decides by
// the functions of model_pass.h, as the run does. Throws plugin::FinalError and lake::SqlError as a
// run does.
nlohmann::json plan_of_model(plugin::Context& context);

}  // namespace batuta::models
