// What a person gives, held against what was asked.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/result.h"
#include "scheduler/core/question.h"

namespace batuta {

// The form's values as they are kept: those that are given, and defaults for the others.
// Errc::invalid, with a pointer in `where`: an option that there is not, several where one is
// chosen, a field that there is not, one that its schema refuses, or too much of it.
Result<std::string> check_answer(const QuestionRow& question,
                                 const std::vector<std::string>& chosen_options,
                                 std::string_view params_input_json);

// The defaults of a form that has one for each of its fields; "{}" otherwise.
std::string default_input(const std::string& params_json);

}  // namespace batuta
