// What a run of a model has to compute: nothing, what changed, or all of it. sql_model does what is
// decided here and the plan tells it, so that a plan is what a run does.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "plugins/models/model_inputs.h"
#include "plugins/models/model_spec.h"
#include "plugins/models/model_versions.h"
#include "plugins/models/partition_wise.h"

namespace batuta::models {

// A model in digests, as the versions of its table keep them.
struct Signature {
  std::string model;      // all that counts; empty: the values of templates are not known
  std::string fields;     // the same without the values of templates and without the build
  std::string statement;  // what decides which rows there are: neither rules nor description
  std::string build;      // of this code, and the engine's version
  bool by_run = false;    // each run's own: append keeps the rows of every run
};

// `values_known`: whether the values of templates are those of a run.
Signature signature_of(lake::Session& session, const ModelSpec& spec, const std::string& execution,
                       bool values_known = true);

// Whether a table holds what a model makes of its inputs as they are.
struct Made {
  enum class Is { yes, no, unknown };
  Is is = Is::no;
  std::string why;
};

// As the table's newest version tells it. Unknown only where the values of templates are, and
// nothing else is another.
Made made_by_model(const lake::DeltaTable& table, const Signature& signature, const Inputs& inputs);

// The same for a model: nothing is computed where both tables, and there is always one, are made.
// `history`: the target where none is kept. `clock`: what gives something else each time, as
// changing_function() tells it.
Made made_already(const ModelSpec& spec, const lake::DeltaTable& target,
                  const lake::DeltaTable& history, const Signature& signature, const Inputs& inputs,
                  const std::string& clock);

// Which partitions are computed of a model without changed_partitions(…) that is not made already;
// none where it takes a full pass, and `told` says why.
Increment choose_increment(lake::Session& session, const ModelSpec& spec,
                           const lake::DeltaTable& target, const Inputs& inputs,
                           const LastRead& last, const Signature& signature,
                           const std::string& clock);

// What a version tells of how it was made: an object for its operationMetrics.
nlohmann::json made_of(const Signature& signature, const Inputs& inputs);

}  // namespace batuta::models
