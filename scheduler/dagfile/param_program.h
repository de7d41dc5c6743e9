// A param's default that is what a program prints when the run starts, as Dagu's params may have:
//   {"params": {"day": {"type": "string", "default": {"$command": ["/usr/bin/date", "+%F"]}}}}
// The program is started as it is named, without a shell, by the server, and only when the setting
// params.programs lists it: whoever may write DAG files may run commands on workers, not here.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/result.h"

namespace batuta {

// The member of a default that names a program and its arguments.
inline constexpr const char* program_member = "$command";

// Whether a default is meant as one, well-formed or not.
bool is_param_program(const nlohmann::json& fallback);
// Program and arguments; nullopt: it is none, or not as it must be.
std::optional<std::vector<std::string>> param_program(const nlohmann::json& fallback);
// What is wrong with one that is meant as one; empty: nothing.
std::string param_program_problem(const nlohmann::json& fallback);

// Whether some param of the DAG has such a default; `params_json` as normalise_params() made it.
bool asks_programs(std::string_view params_json);
// And this one has.
bool asks_program_for(std::string_view params_json, const std::string& name);

// The value that the param takes when the program has printed this: its first line, as a text where
// the schema allows one, else as JSON. Errc::invalid where the line is empty or the schema refuses
// it.
Result<nlohmann::json> printed_value(const nlohmann::json& schema, const std::string& printed);

}  // namespace batuta
