// What changes task instances: the runs it is about, and its answer. Private to the room.
#pragma once

#include <vector>

#include "scheduler/api/context.h"

namespace batuta::http {

// Runs of a DAG by their dates: those between `start` and `end`, or the named one with all before
// it
// (`past`) or after it (`future`).
struct RunSpan {
  std::string dag_id;
  std::string dag_run_id{};
  bool past = false;
  bool future = false;
  OptTime start{}, end{};
};
// Oldest first. Errc::not_found, or invalid when they are too many for one request. Reader thread.
Result<std::vector<RunRow>> runs_of(Context& context, const RunSpan& span);

// The rows of a reply, all of them of `runs`, as Airflow's collection. `fresh`: as they are now,
// not as the reply has them. Reader thread.
Result<Response> touched_tasks(Context& context, const std::vector<RunRow>& runs,
                               const Reply& reply, bool fresh);

}  // namespace batuta::http
