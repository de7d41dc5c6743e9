// DAGs by hand: paused, deleted, marked as favourites, read anew.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "scheduler/api/auth.h"
#include "scheduler/api/bulk.h"
#include "scheduler/api/codecs.h"
#include "scheduler/api/dag_filter.h"
#include "scheduler/api/handlers.h"
#include "scheduler/api/params.h"

namespace batuta::http {

using nlohmann::json;

namespace {

// Ended runs that one turn takes away: some tens of milliseconds.
constexpr std::int64_t runs_at_once = 1000;

// The body of a pause. Errc::malformed for a mask of anything else, as in Airflow.
Result<bool> read_pause(const Request& request) {
  QueryReader query(request);
  const auto mask = query.list("update_mask");
  if (!query.status()) return query.status().error();
  for (const auto& name : mask) {
    if (name != "is_paused") {
      return {Errc::malformed, "Only `is_paused` field can be updated through the REST API"};
    }
  }
  const auto body = body_object(request);
  if (!body) return body.error();
  BodyReader fields(request, *body);
  const auto paused = fields.boolean("is_paused");
  if (!paused && fields.status()) fields.fail("is_paused", "is required");
  if (!fields.status()) return fields.status().error();
  return *paused;
}

Error no_dag(const std::string& dag_id) {
  return {Errc::not_found, "The Dag with ID: `" + dag_id + "` was not found", {}};
}

}  // namespace

void patch_dag(Context& context, Call call) {
  const auto paused = read_pause(*call.request);
  if (!paused) return call.respond(error_response(paused.error()));
  const PauseRequested event{
      0, path_param(*call.request, "dag_id"), *paused, call.request->identity.user, {}};
  context.services.backend.request(event, [&context, call](const Reply& reply) {
    if (reply.code != Errc::ok) return call.respond(error_response(reply_error(reply)));
    context.finish(call, [&context, call] { return get_dag(context, *call.request); });
  });
}

namespace {

// Which DAGs a change of many is about; none without a pattern, as in Airflow. Reader thread.
std::vector<std::string> chosen_dags(Context& context, const Request& request,
                                     const DagFilter& filter) {
  std::vector<std::string> ids;
  if (filter.names.empty()) return ids;
  const auto bag = context.services.backend.dags();
  for (const auto& row : context.services.history.dags()) {
    const bool mine = may(request.identity, Action::edit, "dag:" + row.dag_id);
    if (mine && belongs(filter, facts_of(*bag, row, context.now()))) ids.push_back(row.dag_id);
  }
  std::sort(ids.begin(), ids.end());
  return ids;
}

Result<Response> dag_page(Context& context, const std::vector<std::string>& ids, const Page& page) {
  const auto bag = context.services.backend.dags();
  const auto total = static_cast<std::int64_t>(ids.size());
  const auto from = ids.begin() + std::min(total, page.offset);
  const auto to = ids.begin() + std::min(total, page.offset + page.limit);
  json items = json::array();
  for (const auto& summary : context.services.history.dag_summaries({from, to}, 0)) {
    items.push_back(dag_json(facts_of(*bag, summary.row, context.now())));
  }
  return json_response(collection("dags", std::move(items), total));
}

}  // namespace

void patch_dags(Context& context, Call call) {
  QueryReader query(*call.request);
  DagFilter filter;
  read_dag_filter(*call.request, query, filter);
  const Page page = query.page();
  if (!query.status()) return call.respond(error_response(query.status().error()));
  const auto paused = read_pause(*call.request);
  if (!paused) return call.respond(error_response(paused.error()));
  context.work(call, [&context, call, filter, page, paused = *paused]() -> Status {
    const auto ids = chosen_dags(context, *call.request, filter);
    if (ids.empty()) {
      call.respond(json_response(collection("dags", json::array(), 0)));
      return success();
    }
    const PauseRequested event{
        0, ids.front(), paused, call.request->identity.user, {ids.begin() + 1, ids.end()}};
    context.services.backend.request(event, [&context, call, ids, page](const Reply& reply) {
      if (reply.code != Errc::ok) return call.respond(error_response(reply_error(reply)));
      context.finish(call, [&context, ids, page] { return dag_page(context, ids, page); });
    });
    return success();
  });
}

namespace {

// The oldest runs first, some a turn, until one turn may take the rest.
void delete_runs_of(Context& context, const Call& call, std::int64_t ended) {
  DagDeleted event;
  event.dag_id = path_param(*call.request, "dag_id");
  event.user = call.request->identity.user;
  const bool last = ended <= runs_at_once;
  if (!last) event.some_runs = runs_at_once;
  context.services.backend.request(event, [&context, call, ended, last](const Reply& reply) {
    if (reply.code != Errc::ok) return call.respond(error_response(reply_error(reply)));
    if (!last) return delete_runs_of(context, call, ended - runs_at_once);
    context.services.read_dags(false);
    call.respond(no_content());
  });
}

}  // namespace

void delete_dag(Context& context, Call call) {
  context.work(call, [&context, call]() -> Status {
    const std::string& dag_id = path_param(*call.request, "dag_id");
    if (context.services.history.dag_summaries({dag_id}, 0).empty()) return no_dag(dag_id);
    RunQuery ended;
    ended.dag_id = dag_id;
    ended.states = {DagRunState::success, DagRunState::failed};
    ended.page.limit = 0;
    delete_runs_of(context, call, context.services.history.runs(ended).total);
    return success();
  });
}

namespace {

void set_favorite(Context& context, const Call& call, bool is_one) {
  const std::string dag_id = path_param(*call.request, "dag_id");
  const std::string user = call.request->identity.user;
  context.change(
      call, is_one ? "favorite_dag" : "unfavorite_dag", json::object(),
      [&context, user, dag_id, is_one] {
        return context.services.registry.set_favorite(user, dag_id, is_one);
      },
      [call](const Status& done) {
        call.respond(done ? no_content() : error_response(done.error()));
      },
      dag_id);
}

}  // namespace

void favorite_dag(Context& context, Call call) {
  set_favorite(context, call, true);
}
void unfavorite_dag(Context& context, Call call) {
  set_favorite(context, call, false);
}

// The folder is looked at as a whole; what is new in it is told as ever, and what was deleted by
// hand while its file stayed comes back.
void reparse_dag_file(Context& context, Call call) {
  context.read(call, [&context, call]() -> Result<Response> {
    const std::string& token = path_param(*call.request, "file_token");
    bool found = false;
    const auto bag = context.services.backend.dags();
    for (const auto& [id, dag] : bag->dags) {
      if (stable_uuid("file:" + dag->file) != token) continue;
      found = true;
      if (!may(call.request->identity, Action::edit, "dag:" + id)) {
        return needs_right(Action::edit, "dag:" + id);
      }
    }
    if (!found) return {Errc::not_found, "File not found"};
    context.services.read_dags(true);
    Response response = text_response("null");
    response.status = 201;
    return response;
  });
}

}  // namespace batuta::http
