// A DAG definition (JSON value, files inlined) -> Dag. Pure; shared by the parser, which reads
// files of people, and by the codec, which reads what the store kept.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>

#include "scheduler/core/dag.h"
#include "scheduler/dagfile/fields.h"

namespace batuta {

// Fills all of Dag but version, file, canonical_json, source_text and what finish_dag computes.
// nullopt when something is wrong; `problems` says what, with pointers into `definition`.
std::optional<Dag> build_dag(const nlohmann::json& definition, Problems& problems);

}  // namespace batuta
