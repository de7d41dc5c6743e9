// models plan: what a change of model files touches, what runs would make anew, and what that
// costs. Each model is looked at over the lake as it is, by the plugin sql_model in a slot; what
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
  // Of templates, by what stands between the braces; params are their defaults where they have one.
  std::string values_json = "{}";
};

// {"plan", "models", "params"}.
// `plan`: an id; another one where anything differs that the plan comes of: text, fields and values
// of a model, or the version of a table that one reads or writes.
// `models`: an object for each, in the order in which they would run:
//   table, change     new, breaking, additive, rows, fields, unknown (maybe "problem") or none
//   computes, why     all, part, nothing, unknown, or what follows others: "follows"
//   rows, bytes, seconds    read, and how long by the newest version's time; null: not known
//   at_most           they are those of all rows
//   estimate, exceeds what the inputs are in memory, where that is known; why it is too much
//   engine            "spark", where it runs there
//   downstream        models that read it, and those that read them
// `params`: of each table's task, as its DAG has them.
// Blocking; ends the command (Failure) where a folder, statement or lake is not what it should be.
nlohmann::json plan_of_models(Session& session, const PlanRequest& request);

// The same with what each model was told, so without lake or slot. `told`: by sql_model, in the
// order in which they run.
nlohmann::json follow_plan(nlohmann::json told);

// 0: a run would change nothing; 2: it would, or would fail; 1: it cannot be told of one at least.
int exit_code_of_plan(const nlohmann::json& models);

// The task's parameters with values for their templates; those that are not known are NULL, and
// `unknown` has them as they are written. `conf_json`: what params are without a value.
nlohmann::json with_template_values(nlohmann::json params, const nlohmann::json& values,
                                    const std::string& conf_json,
                                    std::vector<std::string>& unknown);

// A sentence for each of a plan's models that would not fit into a slot.
std::vector<std::string> too_large_models(const nlohmann::json& models);

// Prints it and gives its exit code.
void plan_models(Session& session, const PlanRequest& request);
// As it is shown: a table, or all of it as data.
void print_plan(Session& session, const nlohmann::json& plan);

struct ApplyRequest {
  PlanRequest plan;
  std::string plan_id;  // that was shown; empty: whatever it is, which needs `yes`
  std::string dag_id;
  bool yes = false;
};

// Runs what the plan would make anew as one run of the DAG that the models make, of those tasks
// alone, and follows it. Exit code 0: done, or nothing to do; 1: the plan is another one than was
// shown, a model would fail, the scheduler has other files, or the run failed.
void apply_models(Session& session, const ApplyRequest& request);

}  // namespace batuta::cli
