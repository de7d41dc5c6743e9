// The data contract of a model's table: which columns of which types it has, by what rows are known
// and parted, and what is judged before anybody can read it.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "lakelog/action.h"
#include "plugins/lake/session.h"
#include "plugins/models/model_spec.h"
#include "plugins/sdk/plugin.h"

namespace batuta::models {

// Reads the parameter contract ({"name", "yaml"}) into the model: keys, partitions and description
// unless the model has its own, and the contract's rules of single rows behind the model's own.
// Nothing where there is none. Throws plugin::FinalError for a contract that is wrong, is not of
// the model's table, says another primary key or other partitions than the model, or promises what
// no model keeps (masks, deletes, a history that the model has not).
void take_contract(const plugin::Context& context, ModelSpec& spec);

// The columns that the contract promises, computed ones too, as the table is to have them. The
// model has a contract.
std::vector<lakelog::Column> promised_columns(const ModelSpec& spec);

// Judges `rows`, what may stand behind FROM, by the contract's rules over many rows and over other
// tables, and reports each. Nothing where the model has no contract. Throws plugin::FinalError
// where a blocking rule is broken, plugin::RetryableError where a table that it looks values up in
// is not there.
void judge_by_contract(plugin::Context& context, lake::Session& session, const ModelSpec& spec,
                       const std::string& rows);

}  // namespace batuta::models
