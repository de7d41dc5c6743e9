// The filters of {{ value | filter(…) }}.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "common/result.h"
#include "common/time.h"
#include "scheduler/dagfile/template_parse.h"

namespace batuta {

// Errc::invalid when the filter does not fit the value. `default` and `raw` are the caller's.
Result<nlohmann::json> apply_filter(const TemplateExpr::Filter& filter, nlohmann::json value);

// Errc::invalid for an unknown filter or a wrong number of arguments.
Status check_filter(const TemplateExpr::Filter& filter);

nlohmann::json literal_value(const TemplateLiteral& literal);

// How a value stands inside a longer string: a text as it is, anything else as JSON.
std::string value_text(const nlohmann::json& value);

// Airflow's forms: "2024-01-31", "20240131", "2024-01-31T05:00:00+00:00", "20240131T050000".
std::string format_ds(Time t);
std::string format_ds_nodash(Time t);
std::string format_ts(Time t);
std::string format_ts_nodash(Time t);

}  // namespace batuta
