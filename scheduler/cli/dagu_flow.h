// What decides in a Dagu file whether a step, or the file, runs, and whether what follows goes on.
#pragma once

#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

namespace batuta::cli {

// "continueOn" as "continue_on"; null when it names nothing. What is not carried over goes to
// `notes`.
nlohmann::ordered_json dagu_continue_on(const nlohmann::ordered_json& given,
                                        std::vector<std::string>& notes);

// "repeatPolicy" as "repeat"; null when it says that nothing is repeated. `output`: the variable
// that the step's own result is, if it has one.
nlohmann::ordered_json dagu_repeat(const nlohmann::ordered_json& given, const std::string& output,
                                   std::vector<std::string>& notes);

// "preconditions" as "run_if"; null when there is none. `value_of`: what a variable is here, as a
// template; empty when nobody knows it.
using DaguVariable = std::function<std::string(const std::string& name)>;
nlohmann::ordered_json dagu_run_if(const nlohmann::ordered_json& given,
                                   const DaguVariable& value_of, std::vector<std::string>& notes);

}  // namespace batuta::cli
