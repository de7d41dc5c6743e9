// "run_if" of a DAG or a task: conditions on values, which must all hold for it to run.
#pragma once

#include <cstddef>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "common/result.h"
#include "scheduler/dagfile/fields.h"

namespace batuta {

inline constexpr std::size_t max_conditions = 32;

// As it is kept: {"run_if": [{"value": …, "equals": …}, …]}; empty when there is none, or it is
// wrong.
std::string read_run_if(FieldReader& fields);

// What a condition compares its value with: one of "equals", "not_equals", "matches" and "in".
// `field`: where to say that there is none, or more than one.
void check_comparison(FieldReader& fields, std::string_view field);
// Whether it holds for this value, both compared as texts. An error: a pattern that is none.
Result<bool> comparison_holds(const nlohmann::json& value, const nlohmann::json& condition);

struct RunIfVerdict {
  bool holds = true;
  std::size_t condition = 0;  // the first that does not hold
  std::string why{};          // "\"dev\" is not \"prod\""
};
// Of a rendered one. Values are compared as texts: 3 is "3", true is "true", null is "". An error:
// a pattern that is none.
Result<RunIfVerdict> judge_run_if(const nlohmann::json& rendered);
// Why a condition does not hold, for people; of what is no rendered run_if that it does not.
std::string describe_condition(const nlohmann::json& rendered, std::size_t condition);

}  // namespace batuta
