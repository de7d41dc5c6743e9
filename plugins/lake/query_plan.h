// How the engine runs a statement: its plan, as an answer to whoever may ask the statement.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "plugins/lake/session.h"

namespace batuta::lake {

struct PlanQuestion {
  bool analyze = false;  // run it, and tell what each step took
  // A table is shown masked: steps are named, and nothing that the engine says of them is told. It
  // knows the values that the mask hides, and writes them into its plans: the least of a column
  // that it packs, a partition's that it took for a constant, how many rows it expects.
  bool hides = false;
  std::string lake;  // its folder, which is no part of the answer
};

// Of a statement that check_outside_select() has let in, in a session that is locked down:
// {"plan": [{"operator","details","estimated_rows","rows","seconds","children"}…], "text": the
// same as indented lines, "analyzed": whether it was measured, as what reads no table never is}.
// Throws SqlError as the statement would, and for a plan beyond 4 MiB.
nlohmann::json query_plan(Session& session, const std::string& sql, const PlanQuestion& question);

}  // namespace batuta::lake
