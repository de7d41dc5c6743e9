// The filters of {{ value | filter(…) }}: Jinja's by name and meaning where Jinja has them.
#pragma once

#include <cstddef>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "common/result.h"
#include "scheduler/dagfile/template_parse.h"

namespace batuta {

// What filters need to know beside their value, and may use up, in one rendering.
struct FilterScope {
  const std::string& timezone;                 // the DAG's
  std::size_t budget = std::size_t{64} << 20;  // bytes that they may still make
};

struct FilterArguments {
  std::vector<std::string> names;  // empty: by position
  std::vector<nlohmann::json> values;
};

// Errc::not_found where there is nothing (the first of an empty list), Errc::invalid when the
// filter does not fit the value or its arguments. `default` and `raw` are the caller's.
Result<nlohmann::json> apply_filter(const std::string& name, nlohmann::json value,
                                    FilterArguments arguments, FilterScope& scope);

// Errc::invalid for an unknown filter, an unknown, missing or superfluous argument, and for one
// that is written out and cannot be.
Status check_filter(const TemplateExpr::Filter& filter);

nlohmann::json literal_value(const TemplateLiteral& literal);

// How a value stands inside a longer string: a text as it is, anything else as JSON.
std::string value_text(const nlohmann::json& value);

}  // namespace batuta
