// The route table's shape and what is derived from it: matching, 404, 405, OPTIONS, the OpenAPI
// document (openapi.cc). The table itself is routes.cc; docs/adding-a-route.md says how to add a
// row.
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "scheduler/api/auth.h"
#include "scheduler/api/body_fields.h"
#include "scheduler/api/query_params.h"
#include "scheduler/http/exchange.h"

namespace batuta::http {

class Context;
struct Call;

using RouteFn = void (*)(Context&, Call);

// What a request may carry and what comes back, for the handlers' readers and the document.
struct Shape {
  const QueryTable* query = &no_params;
  const BodyTable* body = &no_body;
  std::string_view answer{};  // a schema of openapi_schemas.cc, "A|B" for either; empty: no JSON
  int status = 200;           // of success
  std::string_view remedy{};  // what to ask for instead when reading it all takes too long
};

// What a route asks of who calls it: an action on a resource (rights.h), where {dag_id} stands for
// the path's; or one of these instead of a resource.
inline constexpr std::string_view for_everyone = "everyone";  // nobody needs to be known
inline constexpr std::string_view for_oneself = "own";        // whoever is known, about themselves
// Some DAG, it does not matter which: the answer shows of each what may be seen.
inline constexpr std::string_view any_dag = "dag:";
inline constexpr std::string_view hook_path = "/hooks/{dag_id}";
// The same of tables; "lake:{domain}/{layer}" is the right for what stands below one.
inline constexpr std::string_view any_lake = "lake:";
inline constexpr std::string_view one_lake = "lake:{domain}/{layer}";
struct Right {
  Action action = Action::read;
  std::string_view resource;
};
// "dag:{dag_id}" is the right for what stands below one DAG, and "dag:{dag_id|~}" where ~ is any of
// them; nothing else is the right for a path with {dag_id} in it, nor another than one_lake for one
// with {layer}.
consteval bool fits(std::string_view path, const Right& right) {
  const bool one = path.find("{dag_id}") != path.npos;
  if (path == hook_path) return right.resource == for_everyone;  // who can sign may call it
  if (one) return right.resource == "dag:{dag_id}" || right.resource == "dag:{dag_id|~}";
  if (path.find("{layer}") != path.npos) return right.resource == one_lake;
  return right.resource == for_everyone || right.resource == for_oneself ||
         right.resource == any_dag || right.resource == any_lake ||
         (right.resource.starts_with("admin:") && right.resource.size() > 6);
}

struct Route {
  // All five or it does not compile: a route without a right cannot exist.
  consteval Route(Method m, std::string_view path_pattern, RouteFn fn, Right asks,
                  std::string_view what, Shape shape = {})
      : method(m),
        pattern(path_pattern),
        handler(fn),
        right(asks),
        summary(what),
        query(shape.query),
        body(shape.body),
        answer(shape.answer),
        status(shape.status),
        remedy(shape.remedy) {
    if (path_pattern.empty() || path_pattern.front() != '/' || what.empty())
      throw "malformed route";
    if (!fits(path_pattern, asks)) throw "a right that is not this path's";
  }
  Method method;
  std::string_view pattern;  // "/api/v2/dags/{dag_id}"
  RouteFn handler;
  Right right;
  std::string_view summary;
  const QueryTable* query;
  const BodyTable* body;
  std::string_view answer;
  int status;
  std::string_view remedy;
};

std::span<const Route> route_table();

struct Match {
  const Route* route = nullptr;  // null: no such path, or not with this method
  std::vector<Method> allowed;   // what the path knows; empty: no such path
  std::map<std::string, std::string, std::less<>> params;
};

// Whether the route is for everyone, known or not.
inline bool is_open(const Route& route) {
  return route.right.resource == for_everyone;
}
// The one place where a route's right is asked for: Errc::forbidden, with the right that is missing
// and not a word of whether there is such a resource.
Status may_call(const Identity& who, const Match& match);
// The least built-in role that may call it: "everyone", "viewer", "operator" or "admin".
std::string_view least_role(const Route& route);
// "trigger dag:{dag_id}", as the document says it; "" where nothing is asked.
std::string right_text(const Route& route);

// HEAD is answered by GET. Of the patterns that have the method, a literal segment wins over a
// parameter. O(routes).
Match match_route(Method method, std::string_view path);

// "GET, HEAD, OPTIONS"
std::string allow_header(const std::vector<Method>& allowed);

// Our OpenAPI 3.1 document, made from the table; JSON text.
std::string openapi_document(std::string_view product_version);

}  // namespace batuta::http
