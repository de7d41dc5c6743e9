// What routes share that know of branches of the lake. Private to the room.
#pragma once

#include <memory>
#include <string>

#include "common/result.h"
#include "lakelog/storage.h"
#include "scheduler/api/context.h"

namespace batuta::http {

// The lake, where it can have branches. Errc::conflict where it cannot, Errc::not_found where there
// is none.
Result<std::shared_ptr<lakelog::Storage>> branching_lake(Context& context);

// The ref of the branch that a request's field "branch" names. Errors as branching_lake(), and
// Errc::invalid with the field where there is none of that name. May touch the disk.
Result<std::string> asked_branch(Context& context, const std::string& name);

// A run or backfill on the branch of that name that has not ended, for people; empty: there is
// none.
std::string going_on_branch(Context& context, const std::string& branch);

}  // namespace batuta::http
