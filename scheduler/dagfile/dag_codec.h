// A DAG version to and from the text that the store keeps.
#pragma once

#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "scheduler/core/dag.h"

namespace batuta {

// Sorted keys, no white space, without "$schema"; files named by the DAG are inlined, so this text
// alone is the whole version.
std::string canonical_text(const nlohmann::json& definition);

// SHA-256, hex.
std::string version_of(std::string_view canonical_json);

// The Dag as it was when `canonical_json` was stored; `file` and `source_text` are kept beside the
// version and are taken over as they are. Null when the text cannot be read as a DAG, which a
// database that only this program writes does not hold.
std::shared_ptr<const Dag> dag_from_canonical(const std::string& version,
                                              std::string_view canonical_json,
                                              std::string file = {}, std::string source_text = {});

}  // namespace batuta
