// Pages of runs and of task instances, however they were asked for: by a URL's parameters or by a
// body. Private to the room.
#pragma once

#include <string>
#include <string_view>

#include "scheduler/api/context.h"

namespace batuta::http {

// Runs whose conf has `part` in it, as Airflow writes it or as we do.
Filter conf_filter(const std::string& part);
// Errc::not_found for a DAG that there is not. Reader thread.
Result<Response> run_page(Context& context, const Request& request, const RunQuery& query);

// Adds a state by the name that Airflow's clients use. False: there is no such state. One that no
// task of ours is ever in adds nothing.
bool add_task_state(std::string_view text, TaskQuery& query);
// When every state of a request added nothing: the list has no rows.
void match_no_state(TaskQuery& query);
Result<Response> task_page(Context& context, const Request& request, const TaskQuery& query);

}  // namespace batuta::http
