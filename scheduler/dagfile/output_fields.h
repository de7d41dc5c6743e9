// "outputs" of shell, python, container and spark tasks: tables that files of theirs become.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "scheduler/dagfile/fields.h"

namespace batuta {

inline constexpr std::size_t max_table_outputs = 100;
inline constexpr std::size_t max_table_reads = 200;

// Puts the list into `params` as plugins/outputs wants it; every problem at the pointer of its
// entry. Contracts are read already (put_in_contracts).
void read_table_outputs(FieldReader& fields, nlohmann::json& params);

// "reads", tables that it finds as files; what can be the name of none is a problem at its place.
void read_table_inputs(FieldReader& fields, nlohmann::json& params);

// Both.
void read_tables(FieldReader& fields, nlohmann::json& params);

}  // namespace batuta
