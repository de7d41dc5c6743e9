// An expression as text that reads as the same expression.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "scheduler/dagfile/template_parse.h"

namespace batuta {

std::string print_expression(const TemplateExpr& expr);

// The expression that stands for a value: a literal, a list or an object.
TemplateExpr expression_of(const nlohmann::json& value);

}  // namespace batuta
