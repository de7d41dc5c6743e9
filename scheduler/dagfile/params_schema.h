// A DAG's params: {"name": schema with "default"} or {"name": a bare default}, as in Airflow. The
// schema is a part of JSON Schema draft 7 without patterns and references, so that checking a value
// takes time linear in its size.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "scheduler/dagfile/fields.h"

namespace batuta {

// Every param as a schema, as JSON text. Problems (pointers below /params): an unknown or refused
// keyword, a default that its own schema refuses, and with `scheduled` a param without a default,
// which no scheduled run could start with.
std::string normalise_params(const nlohmann::json& params, bool scheduled, Problems& problems);

// {"type": "string", "format": "password"}: a secret, which is sealed and shown as stars.
bool is_password(const nlohmann::json& schema);

// `value` against one schema, problems under `pointer`.
void check_value(const nlohmann::json& schema, const nlohmann::json& value,
                 const std::string& pointer, Problems& problems);

}  // namespace batuta
