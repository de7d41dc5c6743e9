// `fields` of lists: the caller names the fields that the rows shall have. Every GET whose answer
// is a collection in openapi_schemas.cc takes it, so that no handler reads it. Private to the room.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "common/result.h"
#include "scheduler/api/routes.h"
#include "scheduler/http/exchange.h"

namespace batuta::http {

inline constexpr std::string_view fields_param = "fields";

// The rows of a list, as the document names them.
struct RowSchema {
  std::string_view list;                // the answer's member that they stand in: "dag_runs"
  std::vector<std::string_view> known;  // fields that a row may have, in the document's order
};
// Empty `list`: the route is no list of objects whose fields are known, and takes no `fields`.
RowSchema row_schema(const Route& route);

// What the request names, "a,b" and repeated alike; nullopt where it names none, and rows are
// whole. Errc::malformed for a name that no row has, with the near one or all of them.
Result<std::optional<std::set<std::string, std::less<>>>> chosen_fields(const Request& request,
                                                                        const RowSchema& rows);

// `body`, a JSON object, with only the members in `chosen` of each object in its member `list`;
// everything else as it stands, byte for byte. nullopt when it is no such text. O(body), without a
// tree of it.
std::optional<std::string> with_fields(std::string_view body, std::string_view list,
                                       const std::set<std::string, std::less<>>& chosen);

// What a handler answers to `request` is sent through here: whole, or with the fields that it
// names. Any thread; reads over the whole answer there.
Result<Respond> choosing(const Request& request, const Route& route, Respond respond);

}  // namespace batuta::http
