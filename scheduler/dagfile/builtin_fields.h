// The fields of the built-in task types that run something: commands, code, requests.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "scheduler/core/dag.h"
#include "scheduler/dagfile/fields.h"

namespace batuta {

inline constexpr std::size_t max_command_bytes = 128 << 10;

// Each puts what it has read into `params`, as the plugin wants it.
void read_shell(FieldReader& fields, Task& task, nlohmann::json& params);
void read_http(FieldReader& fields, Task& task, nlohmann::json& params);
// "multiple_outputs", and what "do_xcom_push" means to the plugin.
void read_outputs(FieldReader& fields, Task& task, nlohmann::json& params);
// "env", of a task or of a DAG. `contained`: of a container, which has a PATH of its own.
void read_env(FieldReader& fields, nlohmann::json& params, bool contained = false);
void read_working_dir(FieldReader& fields, nlohmann::json& params);

// Code is not text with holes: what it needs comes beside it. Its braces stand for themselves, as a
// template would have to write them.
std::string without_templates(const std::string& code);

}  // namespace batuta
