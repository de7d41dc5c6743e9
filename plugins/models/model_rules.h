// A model's quality rules as one scan over its result.
#pragma once

#include <string>
#include <vector>

#include "plugins/lake/quality.h"
#include "plugins/models/model_spec.h"
#include "plugins/models/result_shape.h"

namespace batuta::models {

// Judges the rows of the relation `fresh`, told to the host rule by rule; keys are unique and never
// NULL, whatever the rules say, and behind them come those of a contract. Rows that only delete
// (delete_when) are judged by their keys alone. Throws plugin::FinalError when a blocking rule is
// broken, or one is about a column that the result has not, or its SQL is no condition over the
// result.
//
// `whole`: where `fresh` is but a part of the table, a relation with all rows that it will hold, as
// ModelWrite::whole_after() gives it. Warnings, and how many rows there are, are then judged over
// that: a warning tells how the table is, and is not over while rows that nobody computed anew
// break it. Blocking rules judge what is new, for what is there has passed them.
void judge(plugin::Context& context, lake::Session& session, const ModelSpec& spec,
           const ModelShape& shape, const std::string& whole = {});

// What the conditions of delete_when and of the rules of kind sql name beside columns: they are
// looked at, not run. Throws plugin::FinalError for one that names tables, or functions that a
// model may not.
lake::OutsideSelect look_at_conditions(lake::Session& session, const ModelSpec& spec);

// What makes a statement with these conditions give something else each time: a function's name, "a
// sample"; empty: nothing does.
std::string changing_function(lake::Session& session, const lake::OutsideSelect& statement,
                              const lake::OutsideSelect& conditions);

// look_at_conditions() for one; `what` is what the error calls it.
lake::OutsideSelect look_at_condition(lake::Session& session, const std::string& what,
                                      const std::string& condition);

// Throws plugin::FinalError unless `condition` is one over the columns of the relation `fresh`.
void check_condition(lake::Session& session, const std::string& what, const std::string& condition);

}  // namespace batuta::models
