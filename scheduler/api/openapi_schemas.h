// The objects of the answers, for the OpenAPI document: one line of fields each, so that a test can
// hold them against what the handlers answer.
#pragma once

#include <span>
#include <string_view>

namespace batuta::http {

// A field is `name`, `name:type` or `[name:type]`: a list of them. Types are string (unless given),
// int, number, bool, time, object, any, run_state, task_state, role, or the name of another schema;
// "?" behind it: may be null.
// "~" in front of the name: not in every answer. A line may begin with "=Other": all of its fields
// too.
struct ObjectSchema {
  std::string_view name;
  std::string_view fields;
};

std::span<const ObjectSchema> object_schemas();

}  // namespace batuta::http
