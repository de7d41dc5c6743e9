// Whether a model comes out the same partition by partition of one of its inputs: then only those
// that changed are computed.
//
// Proven from the parsed statement, or it is not done: the table's partition columns are columns of
// the input, unchanged, by which the input is partitioned, too; each row of the result comes of
// rows of one partition (they are among what is grouped by and what windows are partitioned by),
// and the input stands where a join keeps or drops each of its rows by itself.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "plugins/models/model_inputs.h"
#include "plugins/models/model_spec.h"
#include "plugins/models/model_versions.h"

namespace batuta::models {

struct PartitionWise {
  std::string input;  // empty: it is not
  // Beside each other: the table's partition columns, and those of the input.
  std::vector<std::string> columns, input_columns;
  std::string why_not;
};

// `target` must exist. Runs nothing of the statement, which check_model_select() has looked at.
PartitionWise partition_wise(lake::Session& session, const ModelSpec& spec,
                             const lake::DeltaTable& target,
                             const std::map<std::string, lake::DeltaTable>& inputs);

// What of the input is computed, and so what of the table is replaced.
struct Increment {
  PartitionWise by;  // input empty: a full pass
  std::set<std::vector<std::optional<std::string>>> values;
  std::string told;  // which, or why a full pass, as the log of the attempt says it
};

// `last`: what the newest version of `target` read, where this model made it with these values.
Increment find_increment(const PartitionWise& by, const Inputs& inputs, const LastRead& last);

// The values of those columns in every row of the file.
std::vector<std::optional<std::string>> values_in(const lake::DeltaTable& table,
                                                  const lakelog::AddFile& file,
                                                  const std::vector<std::string>& columns);

}  // namespace batuta::models
