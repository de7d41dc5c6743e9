// Statements beside each other, each in the order of its own rows.
#pragma once

#include <functional>
#include <vector>

#include "plugins/lake/session.h"

namespace batuta::lake {

// Carries all of them out, as many at a time as the engine of `session` has threads: each on a
// thread of its own, with a session over that engine (Session::beside) whose statements run on one
// thread of it. One alone has `session` itself. Returns when all have ended. The first that throws
// interrupts the others, none is begun any more, and its exception is thrown.
void run_beside(Session& session, const std::vector<std::function<void(Session&)>>& works);

}  // namespace batuta::lake
