// What was written down: the event log, the control tables, the outbox; and the backup.

#include <filesystem>
#include <nlohmann/json.hpp>
#include <set>

#include "common/ids.h"
#include "common/safe_json.h"
#include "scheduler/api/auth.h"
#include "scheduler/api/codecs.h"
#include "scheduler/api/handlers.h"
#include "scheduler/api/params.h"

namespace batuta::http {

using nlohmann::json;

namespace {

// Events that are of no DAG tell of users, connections, pools.
bool sees_all_events(const Request& request) {
  return may(request.identity, Action::read, "admin:audit");
}

// What a change's event says of before and after is for who may read the thing itself.
EventLogView sifted(EventLogView view, const Identity& who) {
  constexpr std::pair<std::string_view, std::string_view> things[] = {
      {"_variable", "admin:variables"}, {"_connection", "admin:connections"},
      {"_pool", "admin:pools"},         {"_user", "admin:users"},
      {"_role", "admin:roles"},         {"_group", "admin:roles"}};
  for (const auto& [ending, resource] : things) {
    if (!view.row.event.ends_with(ending) || may(who, Action::read, resource)) continue;
    json extra = stored_json(view.row.extra_json);
    if (!extra.is_object()) continue;
    extra.erase("before");
    extra.erase("after");
    view.row.extra_json = json_text(extra);
  }
  return view;
}

// A job is named after its DAG and task, "a.b.c", where a dot may stand in either: whichever DAGs
// it may be of must be seen, and one of them be there.
bool sees_job(const Sight& sight, const std::set<std::string, std::less<>>& dags,
              const std::string& job) {
  if (sight.everything()) return true;
  bool any = false;
  for (auto dot = job.find('.'); dot != job.npos; dot = job.find('.', dot + 1)) {
    const auto dag = std::string_view(job).substr(0, dot);
    if (!dags.contains(dag)) continue;
    if (!sight.sees(dag)) return false;
    any = true;
  }
  return any;
}

}  // namespace

Result<Response> list_event_logs(Context& context, const Request& request) {
  QueryReader query(request);
  auto list = query.list_query();
  if (!query.status()) return query.status().error();
  const EventLogQuery events{std::move(list.filters), std::move(list.order_by), list.page,
                             seen_dags(request), sees_all_events(request)};
  const auto found = context.services.history.event_logs(events);
  json items = json::array();
  for (const auto& view : found.rows) {
    items.push_back(event_log_json(sifted(view, request.identity)));
  }
  return json_response(collection("event_logs", std::move(items), found.total));
}

Result<Response> get_event_log(Context& context, const Request& request) {
  const auto id = path_number(request, "event_log_id");
  if (!id) return id.error();
  const auto view = context.services.history.event_log(*id);
  const bool seen = view && (view->row.dag_id.empty() ? sees_all_events(request)
                                                      : seen_dags(request).sees(view->row.dag_id));
  if (!seen) return {Errc::not_found, "no such event"};
  return json_response(event_log_json(sifted(*view, request.identity)));
}

Result<Response> list_job_configs(Context& context, const Request& request) {
  const Sight sight = seen_dags(request);
  std::set<std::string, std::less<>> dags;
  if (!sight.everything()) {
    for (DagRow& row : context.services.history.dags()) dags.insert(std::move(row.dag_id));
  }
  json items = json::array();
  for (const auto& row : context.services.history.job_configs()) {
    if (sees_job(sight, dags, row.job_name)) items.push_back(job_config_json(row));
  }
  const auto total = static_cast<std::int64_t>(items.size());
  return json_response(collection("job_configs", std::move(items), total));
}

Result<Response> list_job_executions(Context& context, const Request& request) {
  QueryReader query(request);
  const Page page = query.page();
  const auto job = query.text("job_name");
  if (!query.status()) return query.status().error();
  const auto found = context.services.history.job_executions(job, page, seen_dags(request));
  json items = json::array();
  for (const auto& row : found.rows) items.push_back(job_execution_json(row));
  return json_response(collection("job_executions", std::move(items), found.total));
}

namespace {

json facts_json(const EventFacts& facts) {
  return {{"waiting", facts.waiting},
          {"sent", facts.sent},
          {"refused", facts.refused},
          {"lost", facts.lost},
          {"trouble", text_or_null(facts.trouble)},
          {"since", iso_or_null(facts.since)}};
}

}  // namespace

Result<Response> list_outbox(Context& context, const Request& request) {
  QueryReader query(request);
  const Page page = query.page();
  const bool dead = query.boolean("dead").value_or(false);
  if (!query.status()) return query.status().error();
  json items = json::array();
  const auto found = context.services.history.outbox(dead, page);
  for (const auto& row : found.rows) items.push_back(outbox_json(row));
  json answer = collection("outbox", std::move(items), found.total);
  const auto& services = context.services;
  if (const EventFacts facts = services.lineage(); facts.on) answer["lineage"] = facts_json(facts);
  if (const EventFacts facts = services.traces(); facts.on) answer["traces"] = facts_json(facts);
  return json_response(answer);
}

namespace {
using OutboxCall = std::function<void(std::int64_t, std::function<void(Status)>)>;

// In the event log before it is done: what is sent or forgotten without a row of its own would be
// seen by nobody.
void on_outbox_row(Context& context, const Call& call, const char* event,
                   const OutboxCall& action) {
  const auto id = path_number(*call.request, "outbox_id");
  if (!id) return call.respond(error_response(id.error()));
  if (!action) {
    return call.respond(error_response({Errc::unavailable, "the outbox is not running", {}}));
  }
  context.change(call, event, {{"outbox_id", *id}}, success, [call, action, id](const Status& log) {
    if (!log) return call.respond(error_response(log.error()));
    action(*id, [call](const Status& done) {
      call.respond(done ? no_content() : error_response(done.error()));
    });
  });
}

Result<std::string> backup_name(Context& context, const Request& request) {
  const auto body = body_object(request);
  if (!body) return body.error();
  BodyReader fields(request, *body);
  auto name = fields.text("name", 100);
  if (name && !valid_id(*name)) fields.fail("name", id_rule);
  if (!fields.status()) return fields.status().error();
  if (!name) {
    name = "batuta-" + to_iso(context.now());
    std::erase_if(*name, [](char c) { return c == ':'; });
  }
  if (!context.services.backup) return {Errc::unavailable, "backups are not set up"};
  return *name;
}

// Reader thread.
Result<Response> write_backup(Context& context, const std::string& name) {
  const std::string folder = context.services.home + "/backups";
  std::error_code failure;
  std::filesystem::create_directories(folder, failure);
  std::filesystem::permissions(folder, std::filesystem::perms::owner_all, failure);
  const std::string path = folder + "/" + name + ".db";
  if (std::filesystem::exists(path, failure)) {
    return {Errc::conflict, "a backup of that name exists"};
  }
  if (const auto done = context.services.backup(path); !done) return done.error();
  return json_response({{"path", path}}, 201);
}
}  // namespace

void retry_outbox(Context& context, Call call) {
  on_outbox_row(context, call, "retry_outbox", context.services.outbox_retry);
}

void drop_outbox(Context& context, Call call) {
  on_outbox_row(context, call, "drop_outbox", context.services.outbox_drop);
}

void backup_database(Context& context, Call call) {
  const auto name = backup_name(context, *call.request);
  if (!name) return call.respond(error_response(name.error()));
  context.change(call, "backup_database", {{"name", *name}}, success,
                 [&context, call, name](const Status& log) {
                   if (!log) return call.respond(error_response(log.error()));
                   context.finish(call, [&context, name] { return write_backup(context, *name); });
                 });
}

}  // namespace batuta::http
