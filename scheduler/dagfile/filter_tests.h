// Jinja's tests, as `| select('eq', 3)` and `| selectattr('x', 'defined')` name them.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <vector>

#include "common/result.h"
#include "scheduler/dagfile/template_filters.h"

namespace batuta::filters {

// `test`: its name and its arguments; none at all asks whether the value is true. A null value is
// undefined, which only 'defined' and 'undefined' can take. Errc::invalid when the test does not
// fit.
Result<bool> passes_test(const nlohmann::json* value, const std::vector<nlohmann::json>& test);

// Errc::invalid for an unknown test or a wrong number of arguments.
Status check_test(const std::string& name, std::size_t arguments);

}  // namespace batuta::filters
