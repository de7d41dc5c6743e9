// "retry_rules" and "infrastructure_retries": which failures of a task are worth another try.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "scheduler/core/dag.h"
#include "scheduler/dagfile/fields.h"

namespace batuta {

// A list of rules takes the place of one that stood there before (of default_args).
void read_retry_rules(FieldReader& fields, RetryPolicy& retry);

// One or a list of exit codes: a number from `least` to 255, or a range as text, "100-120". What is
// wrong is told at `name`; then the list is empty.
std::vector<CodeRange> read_exit_codes(FieldReader& fields, std::string_view name,
                                       std::int32_t least = 1);
// A text that is a regular expression.
std::optional<Pattern> read_pattern(FieldReader& fields, std::string_view name);

}  // namespace batuta
