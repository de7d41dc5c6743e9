// The result of a model's SELECT beside the table it goes into: types, new columns, and what does
// not fit.
#pragma once

#include <string>
#include <vector>

#include "lakelog/action.h"
#include "plugins/lake/delta_table.h"
#include "plugins/models/model_spec.h"

namespace batuta::models {

// What every model's table has beside the columns of its SELECT.
inline constexpr const char* versions_column = "_silver_versions";  // JSON: the versions read
inline constexpr const char* computed_column = "_computed_at";
inline constexpr const char* execution_column = "execution_id";

struct ModelShape {
  std::vector<lakelog::Column> columns;  // of the next version, the three above among them
  std::vector<std::string> values;       // the SELECT's, spelt as the table spells them
  std::string select;                    // `values` out of the relation, each of its column's type
  bool evolves = false;                  // columns are added to the table
};

// `relation`: a table of the session with the result. Throws plugin::FinalError that lists all that
// does not fit: types that Delta lacks, columns without a name, a type that the table's column
// cannot hold, a column that the result no longer has, another partitioning.
ModelShape shape_of_result(lake::Session& session, const std::string& relation,
                           const lake::DeltaTable& target, const ModelSpec& spec);

// The Delta type that holds every value of the engine's; empty where there is none.
std::string delta_type(const std::string& engine_type);

// Whether each value of `narrow` is one of `wide`; both are Delta types.
bool fits_into(const std::string& narrow, const std::string& wide);

}  // namespace batuta::models
