// models plan: what a change of model files touches, what runs would make anew, and what that
// costs. Each model is looked at over the lake as it is, by the plugin model_plan in a slot; what
// follows from one to the next is worked out here.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "scheduler/cli/commands.h"
#include "scheduler/cli/model_files.h"

namespace batuta::cli {

struct PlanRequest {
  std::string folder, dags, plugins;  // as given; the last two may be empty
  std::string model;                  // empty: all
};

// An object for each, in the order in which they would run:
//   table, change     new, breaking, additive, rows, unknown (with "problem") or none
//   computes, why     all, part, nothing, or what follows: "follows"
//   rows, bytes, seconds    read, and how long by the newest version's time; null: not known
//   at_most           of what follows others: they are those of all rows
//   downstream        models that read it, and those that read them
// Blocking; ends the command (Failure) where a folder, statement or lake is not what it should be.
nlohmann::json plan_of_models(Session& session, const PlanRequest& request);

// The same with what each model was told, so without lake or slot. `told`: by model_plan, beside
// `models`, in the order in which they run.
nlohmann::json follow_plan(const std::vector<ModelFile>& models, nlohmann::json told);

// Prints it; exit code 2 when anything would be made anew.
void plan_models(Session& session, const PlanRequest& request);

}  // namespace batuta::cli
