// The names that stand first in an expression: ds, params, ti, dag_run, …
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>

#include "common/result.h"
#include "scheduler/dagfile/template.h"

namespace batuta {

// Its value in this attempt; nullopt where that has none, and for those that the evaluator walks
// itself (params, var, item).
std::optional<nlohmann::json> root_value(const std::string& name, const TemplateScope& scope);

// Errc::invalid, with a suggestion, for a name there is not.
Status check_root(const std::string& name);

// A name of the templates' that has no value in this run: what is missing, and how to mend it.
// Errc::not_found.
Error without_value(const std::string& name, const TemplateScope& scope);

}  // namespace batuta
