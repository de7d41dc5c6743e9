// What rows of the route table are written with. Private to the room, for routes*.cc.
#pragma once

#include <span>
#include <string_view>
#include <utility>

#include "scheduler/api/context.h"
#include "scheduler/api/routes.h"

namespace batuta::http {

// The rows of the lake (routes_lake.cc); live as long as the program.
std::span<const Route> lake_route_rows();

namespace route_rows {

using ReadingHandler = Result<Response> (*)(Context&, const Request&);

// Runs the handler on a reader thread.
void read_by(ReadingHandler handler, Context& context, Call call);

// The same as a row's handler. It only hands on: there are a hundred of these.
template <ReadingHandler handler>
void reading(Context& context, Call call) {
  read_by(handler, context, std::move(call));
}

inline constexpr auto get = Method::get;
inline constexpr auto post = Method::post;
inline constexpr auto put = Method::put;
inline constexpr auto patch = Method::patch;
inline constexpr auto del = Method::del;

// What each route asks. `some_dag`: its list shows what of all DAGs one may see.
inline constexpr Right everyone{Action::read, for_everyone};
inline constexpr Right oneself{Action::read, for_oneself};
inline constexpr Right some_dag{Action::read, any_dag};
inline constexpr Right trigger_some{Action::trigger, any_dag};
inline constexpr Right edit_some{Action::edit, any_dag};
inline constexpr Right delete_some{Action::remove, any_dag};
inline constexpr Right read_dag{Action::read, "dag:{dag_id}"};
inline constexpr Right read_dags{Action::read, "dag:{dag_id|~}"};
inline constexpr Right trigger_dag{Action::trigger, "dag:{dag_id}"};
inline constexpr Right edit_dag{Action::edit, "dag:{dag_id}"};
inline constexpr Right edit_dags{Action::edit, "dag:{dag_id|~}"};
inline constexpr Right delete_dag_right{Action::remove, "dag:{dag_id}"};
inline constexpr Right some_lake{Action::read, any_lake};
inline constexpr Right read_lake{Action::read, one_lake};
inline constexpr Right erase_some_lake{Action::erase, any_lake};
inline constexpr Right edit_lake{Action::edit, one_lake};
inline constexpr Right edit_some_lake{Action::edit, any_lake};
constexpr Right reading_of(std::string_view thing) {
  return {Action::read, thing};
}
constexpr Right creating(std::string_view thing) {
  return {Action::create, thing};
}
constexpr Right editing(std::string_view thing) {
  return {Action::edit, thing};
}
constexpr Right deleting(std::string_view thing) {
  return {Action::remove, thing};
}

}  // namespace route_rows
}  // namespace batuta::http
