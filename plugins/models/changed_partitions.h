// {{ changed_partitions('silver/brokerage/orders') }} in a model: the partitions of an input that
// have changed since the version that the newest version of the model's table read.
//
// From which version it counts is fixed at the run's first attempt, as the versions of the inputs
// are, so that a retry and a clear get the same list. A table that was put back to less meanwhile
// (by the clear of an older run) is counted from that: more partitions are right, too, fewer are
// not. Whatever makes the count unknowable gives all partitions, and says why; of one input, and so
// of every other that the statement asks for: the table is then made anew, and what no list names
// would go from it.
#pragma once

#include <string>
#include <vector>

#include "plugins/models/model_inputs.h"
#include "plugins/models/model_spec.h"
#include "plugins/models/model_versions.h"

namespace batuta::models {

struct ChangedPartitions {
  std::string parameter;  // that is the list
  std::string table, column;
  std::string delta_type;           // of the column
  std::vector<std::string> values;  // as the log writes them, ascending, each once; never NULL
  bool all = false;                 // every partition, and any that the input has no more
  bool also_null = false;           // the partition NULL is among them, which no list can name
  std::string told;                 // which, and why, as the log of the attempt says it
};

// Of each call, in their order. Throws plugin::FinalError for a table that is no input, has no
// partitions, or not that column; and where it has several and none is named.
std::vector<ChangedPartitions> changed_lists(const std::vector<ChangedCall>& calls,
                                             const Inputs& inputs, const LastRead& last);

// The same with all partitions, of a table as it is.
ChangedPartitions all_partitions(const ChangedCall& call, const lake::DeltaTable& table);

// The engine's type of a list of such values.
std::string list_type(const ChangedPartitions& changed);

}  // namespace batuta::models
