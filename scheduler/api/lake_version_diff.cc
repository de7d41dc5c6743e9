// What one version of a table has otherwise than another: read by lake_sql in a process of its own,
// from the files alone that differ, with the masks of whoever asks.
#include <atomic>
#include <limits>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "scheduler/api/handlers.h"
#include "scheduler/api/lake_contracts.h"
#include "scheduler/api/lake_masks.h"
#include "scheduler/api/lake_questions.h"
#include "scheduler/api/params.h"

namespace batuta::http {

using nlohmann::json;

namespace {

// Of files: what a query of the usual length can read, whatever else the machine does.
constexpr std::int64_t most_compared_bytes = std::int64_t{1} << 30;

struct AskedVersions {
  std::int64_t from = -1, to = -1;  // -1: not named
  std::vector<std::string> key;
  std::int64_t limit = 20;
};

std::vector<std::string> key_of_contract(Context& context, const LakeName& name) {
  std::map<int, std::string> ordered;
  if (const auto found =
          context.contracts->find(context.services.backend.dags(), name.domain, name.table))
    for (const auto& column : found->table.columns)
      if (column.key_position > 0) ordered.emplace(column.key_position, column.name);
  std::vector<std::string> key;
  for (const auto& [position, column] : ordered) key.push_back(column);
  return key;
}

// `bare`: the columns that were shown by the right to see what is masked.
Result<Response> compared_versions(Context& context, const Request& request,
                                   const AskedVersions& asked, const std::function<bool()>& stop,
                                   json& bare) {
  const auto name = asked_table(context, request);
  if (!name) return name.error();
  const bool by_person = !asked.key.empty();
  json question{{"operation", "diff"},
                {"table", name->path()},
                {"key", by_person ? asked.key : key_of_contract(context, *name)},
                {"key_is_asked", by_person},
                {"limit", asked.limit},
                {"most_bytes", most_compared_bytes},
                {"bytes", context.services.sql.bytes},
                {"return_errors", true}};
  if (asked.from >= 0) question["from_version"] = asked.from;
  if (asked.to >= 0) question["version"] = asked.to;
  auto answer = lake_answer_of(ask_lake(context, request, std::move(question), stop));
  if (!answer) return answer.error();
  const auto diff = answer->find("diff");
  if (diff == answer->end() || !diff->is_object())
    return {Errc::internal, "the query gave no comparison"};
  bare = told_of_table(*answer, "unmasked");
  json out = std::move(*diff);
  out["table"] = name->path();
  out["masked"] = told_of_table(*answer, "masked");
  return json_response(out);
}

}  // namespace

void diff_lake_versions(Context& context, Call call) {
  QueryReader query(*call.request);
  AskedVersions asked;
  constexpr auto most = std::numeric_limits<std::int64_t>::max();
  asked.from = query.integer("from", -1, 0, most);
  asked.to = query.integer("to", -1, 0, most);
  asked.key = query.list("key");
  asked.limit = query.integer("limit", 20, 0, 200);
  if (!query.status()) return call.respond(error_response(query.status().error()));
  const auto gone = std::make_shared<std::atomic<bool>>(false);
  call.request->on_gone = [gone] { *gone = true; };
  const auto bare = std::make_shared<json>(json::array());
  const auto read = [&context, call, asked, gone, bare]() -> Result<Response> {
    const auto stop = [&context, gone] { return *gone || context.stopping; };
    if (stop()) return {Errc::unavailable, "nobody waits for the answer"};
    return compared_versions(context, *call.request, asked, stop, *bare);
  };
  // Who was shown what is masked for others is written down before the rows go out.
  context.query_lake(call, read, [&context, call, bare](Response response) {
    if (bare->empty()) return call.respond(std::move(response));
    const json written{
        {"table", path_param(*call.request, "layer") + "/" + path_param(*call.request, "domain") +
                      "/" + path_param(*call.request, "table")},
        {"unmasked", *bare}};
    context.respond_recorded(call, "lake_rows_unmasked", written, std::move(response));
  });
}

}  // namespace batuta::http
