// What approval and input tasks ask: their fields, rendered, as a question and a wait for its
// answer. dagfile/question_fields.cc says which fields there are.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "common/result.h"
#include "common/time.h"
#include "scheduler/core/event.h"

namespace batuta {

// `params`: as people may see them. An error names its field.
Result<Resolution> resolve_question(const nlohmann::json& params, Time now);

}  // namespace batuta
