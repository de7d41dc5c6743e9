// What routes that make or change a run share. Private to the room.
#pragma once

#include <functional>
#include <string>

#include "scheduler/api/context.h"

namespace batuta::http {

inline constexpr std::size_t max_run_note = 1000;

// Answers the call with the run of the reply, or why there is none.
std::function<void(Reply)> answering_run(Context& context, const Call& call);
// Airflow's triggered_by: "ui", "cli" or "rest_api".
std::string client_name(const Request& request);

}  // namespace batuta::http
