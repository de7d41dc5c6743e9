// The fields of the task types that talk to others by a connection: mail, slack, sql.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "scheduler/core/dag.h"
#include "scheduler/dagfile/fields.h"

namespace batuta {

// One address, or a list of at most 50; a template becomes one when it is rendered.
bool names_receivers(const nlohmann::json* to);

void read_mail(FieldReader& fields, Task& task, nlohmann::json& params);
void read_slack(FieldReader& fields, Task& task, nlohmann::json& params);
void read_sql(FieldReader& fields, Task& task, nlohmann::json& params);

// What a sensor looks at in a database: one SELECT (`fields` of wait_for's "sql").
void read_sql_look(FieldReader& fields, Task& task, nlohmann::json& params);

}  // namespace batuta
