// A SQL model as its task says it: the parameters of sql_model, read and typed. The DAG file's
// reader has told people what is wrong with them (scheduler/dagfile/model_fields.h); here a wrong
// one is refused in short.
#pragma once

#include <map>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "plugins/lake/outside_select.h"
#include "plugins/lake/session.h"
#include "plugins/sdk/plugin.h"

namespace batuta::from_contract {
struct Described;
}

namespace batuta::models {

enum class Mode { overwrite, append, merge, partitions };

// One rule over the rows that the SELECT gives.
struct RuleSpec {
  enum class Kind { not_null, unique, range, accepted_values, sql, rows };
  Kind kind = Kind::not_null;
  std::string name;
  bool blocking = true;
  std::vector<std::string> columns;
  std::string condition;         // sql: what holds for a good row
  std::string low, high;         // range, rows: JSON values; empty: none
  std::vector<std::string> set;  // accepted_values, as texts
};

// A template changed_partitions(…) of the statement.
struct ChangedCall {
  std::string parameter;      // the one that stands for it in the statement
  std::string table, column;  // no column: the only one that the table is partitioned by
};

struct ModelSpec {
  std::string table;  // "gold/brokerage/client_position"
  Mode mode = Mode::overwrite;
  std::vector<std::string> keys;
  std::vector<std::string> partition_by;
  std::vector<std::string> cluster_by;  // order of the rows in a file; empty: by keys
  bool incremental = true;              // only what changed is computed, where that is the same
  bool always = false;                  // computed also where nothing it is made of changed
  bool history = false;                 // every state of the rows is kept in <table>_hist
  std::string delete_when;              // merge: a condition over the result; its rows are deleted
  std::string description;
  std::string sql;                  // one statement; its parameters are $1, $2…
  std::vector<lake::Param> values;  // of those; an empty list for each of `changed`
  std::vector<ChangedCall> changed;
  std::vector<RuleSpec> rules;  // behind the model's own those of its contract (model_contract.h)
  std::shared_ptr<const from_contract::Described> contract;  // of the table; null: it has none
  std::string given_json;  // all of it as it was given: two that are equal are the same model
};

const char* to_string(Mode mode);
// Throws plugin::FinalError for another word; empty is overwrite.
Mode mode_of(const std::string& name);
// Of the parameter quality: a list of rules. Throws plugin::FinalError where one is none.
std::vector<RuleSpec> rules_of(const nlohmann::json& list);

// Throws plugin::FinalError naming the parameter.
ModelSpec model_spec(const plugin::Context& context);

// SQL over the result's columns: whether a row only says that its key goes.
std::string deleting(const ModelSpec& spec);

// The table of the lake that a model's name for it means: layer.domain.table or
// "layer/domain/table". Throws plugin::FinalError for another.
std::string table_of(const lake::NamedTable& named);

// Types of the engine that values are cast to, by parameter.
using ValueTypes = std::map<std::string, std::string>;

// `text` with each :name that `parameters` has as $1, $2… and its value in `values`. Throws
// plugin::FinalError unless it is one statement.
std::string with_values(const std::string& text, const nlohmann::json& parameters,
                        std::vector<lake::Param>& values, const ValueTypes& types = {});

// Of the parameter changed: {parameter: {"table", "column"}…}. Throws plugin::FinalError where it
// is none.
std::vector<ChangedCall> changed_calls(const nlohmann::json& given);

// The model with these lists for its calls, by their parameters, and each of its type. Throws
// plugin::FinalError unless the text is one statement.
void bind_changed(const plugin::Context& context, ModelSpec& spec,
                  const std::map<std::string, std::vector<std::string>>& lists,
                  const ValueTypes& types);

// What the model is but for the values of templates and what says nothing of rows (description,
// quality, history, incremental, cluster_by): an object. Two that are equal make the same rows of
// the same values.
std::string statement_json(const ModelSpec& spec);

// All that counts but for the values of templates, which are a run's: what statement_json() has,
// and description and quality.
std::string fields_json(const ModelSpec& spec);

// What makes two computations the same, beside the versions they read. `build`: of the code that
// computes. `execution` counts in the mode append only, which keeps the rows of each.
std::string signed_json(const ModelSpec& spec, const std::string& build,
                        const std::string& execution);

}  // namespace batuta::models
