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

struct Route {
  // All five or it does not compile: a route without a permission cannot exist.
  consteval Route(Method m, std::string_view path_pattern, RouteFn fn, Access who,
                  std::string_view what, Shape shape = {})
      : method(m),
        pattern(path_pattern),
        handler(fn),
        access(who),
        summary(what),
        query(shape.query),
        body(shape.body),
        answer(shape.answer),
        status(shape.status),
        remedy(shape.remedy) {
    if (path_pattern.empty() || path_pattern.front() != '/' || what.empty())
      throw "malformed route";
  }
  Method method;
  std::string_view pattern;  // "/api/v2/dags/{dag_id}"
  RouteFn handler;
  Access access;
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

// HEAD is answered by GET. A literal segment wins over a parameter. O(routes).
Match match_route(Method method, std::string_view path);

// "GET, HEAD, OPTIONS"
std::string allow_header(const std::vector<Method>& allowed);

// Our OpenAPI 3.1 document, made from the table; JSON text.
std::string openapi_document(std::string_view product_version);

}  // namespace batuta::http
