#include <limits>
#include <nlohmann/json.hpp>

#include "common/ids.h"
#include "scheduler/api/auth.h"
#include "scheduler/api/bulk.h"
#include "scheduler/api/codecs.h"
#include "scheduler/api/handlers.h"
#include "scheduler/api/listing.h"
#include "scheduler/api/params.h"

namespace batuta::http {

using nlohmann::json;

namespace {

constexpr std::int64_t max_slots = std::numeric_limits<std::int32_t>::max();

Error no_such_pool(const std::string& name) {
  return {Errc::not_found, "The Pool with name: `" + name + "` was not found", {}};
}

const PoolView* find_pool(const LiveView& live, const std::string& name) {
  for (const auto& pool : live.pools) {
    if (pool.row.name == name) return &pool;
  }
  return nullptr;
}

// Pools live in the scheduler's memory: asks it, then answers on the io thread.
void with_live(Context& context, const Call& call,
               std::function<Result<Response>(const LiveView&)> answer) {
  context.services.backend.live([&context, call, answer](const Result<LiveView>& live) {
    context.on_io([call, answer, live] {
      call.respond(live ? to_response(answer(*live)) : error_response(live.error()));
    });
  });
}

void answer_pool(Context& context, const Call& call, const std::string& name, int status) {
  with_live(context, call, [name, status](const LiveView& live) -> Result<Response> {
    const auto* pool = find_pool(live, name);
    if (!pool) return no_such_pool(name);
    return json_response(pool_json(*pool), status);
  });
}

void save_pool(Context& context, const Call& call, const PoolSet& event, int status) {
  context.services.backend.request(event, [&context, call, event, status](const Reply& reply) {
    if (reply.code != Errc::ok) return call.respond(error_response(reply_error(reply)));
    answer_pool(context, call, event.pool.name, status);
  });
}

constexpr Column<PoolView> pool_columns[] = {
    {"id", [](const PoolView& pool) { return cell(pool.row.name); }},
    {"pool", [](const PoolView& pool) { return cell(pool.row.name); }},
    {"name", [](const PoolView& pool) { return cell(pool.row.name); }},
};

// What is deferred has never been in a pool: no worker runs it.
void check_deferred(BodyReader& fields) {
  if (fields.boolean("include_deferred").value_or(false)) {
    fields.fail("include_deferred", "is not supported: a deferred task takes no slot of a pool");
  }
}

void check_slots(BodyReader& fields, std::int64_t slots) {
  if (slots < -1 || slots == 0) fields.fail("slots", "must be positive, or -1 for no limit");
}

}  // namespace

void list_pools(Context& context, Call call) {
  QueryReader query(*call.request);
  const auto list = query.list_query();
  if (!query.status()) return call.respond(error_response(query.status().error()));
  with_live(context, call, [list](const LiveView& live) -> Result<Response> {
    return page_response("pools", pick<PoolView>(live.pools, pool_columns, list), pool_json);
  });
}

void get_pool(Context& context, Call call) {
  answer_pool(context, call, path_param(*call.request, "pool_name"), 200);
}

void create_pool(Context& context, Call call) {
  const auto body = body_object(*call.request);
  if (!body) return call.respond(error_response(body.error()));
  BodyReader fields(*call.request, *body);
  PoolSet event;
  event.create_only = true;
  event.user = call.request->identity.user;
  event.pool.name = fields.required_text("name", 128);
  if (fields.status() && !valid_id(event.pool.name)) fields.fail("name", id_rule);
  const auto slots = fields.integer("slots", -1, max_slots);
  if (!slots) fields.fail("slots", "is required");
  check_slots(fields, slots.value_or(1));
  check_deferred(fields);
  event.pool.slots = static_cast<std::int32_t>(slots.value_or(1));
  event.pool.description = fields.text("description").value_or("");
  if (!fields.status()) return call.respond(error_response(fields.status().error()));
  save_pool(context, call, event, 201);
}

void patch_pool(Context& context, Call call) {
  const auto body = patch_body(*call.request);
  if (!body) return call.respond(error_response(body.error()));
  BodyReader fields(*call.request, *body);
  const std::string name = path_param(*call.request, "pool_name");
  if (fields.text("pool", 128).value_or(name) != name) fields.fail("pool", "cannot be renamed");
  const auto slots = fields.integer("slots", -1, max_slots);
  check_slots(fields, slots.value_or(1));
  check_deferred(fields);
  const auto description = fields.text("description");
  if (!fields.status()) return call.respond(error_response(fields.status().error()));
  const auto change = [&context, call, name, slots, description](const Result<LiveView>& live) {
    if (!live) return call.respond(error_response(live.error()));
    const auto* pool = find_pool(*live, name);
    if (!pool) return call.respond(error_response(no_such_pool(name)));
    PoolSet event;
    event.pool = pool->row;
    event.user = call.request->identity.user;
    if (slots) event.pool.slots = static_cast<std::int32_t>(*slots);
    if (description) event.pool.description = *description;
    save_pool(context, call, event, 200);
  };
  context.services.backend.live(change);
}

namespace {

Status check_pool_entity(const json& entity) {
  BodyReader fields(entity, pool_body);
  fields.check(pool_body);
  const std::string name = fields.required_text("name", 128);
  if (fields.status() && !valid_id(name)) fields.fail("name", id_rule);
  check_slots(fields, fields.integer("slots", -1, max_slots).value_or(1));
  check_deferred(fields);
  return fields.status();
}

// What the entity, which was checked, does not say stays.
void set_pool(const json& entity, PoolRow& pool) {
  BodyReader fields(entity, pool_body);
  pool.name = fields.text("name").value_or(pool.name);
  const auto slots = fields.integer("slots", -1, max_slots);
  if (slots) pool.slots = static_cast<std::int32_t>(*slots);
  if (entity.contains("description")) pool.description = fields.text("description").value_or("");
}

std::vector<EngineWrite> plan_pools(const json& action, json& result, const LiveView& live,
                                    const std::string& user) {
  const bool creates = action["action"] == "create", deletes = action["action"] == "delete";
  const char* policy = creates ? "action_on_existence" : "action_on_non_existence";
  const json on = action.value(policy, json("fail"));
  std::vector<EngineWrite> writes;
  for (const json& entity : action["entities"]) {
    const std::string name = bulk_name("name", entity);
    const PoolView* known = find_pool(live, name);
    const bool fits = (known != nullptr) != creates;
    if (!fits && on == "skip") continue;
    if (!fits && on == "fail") {  // as in Airflow nothing of the action is done then
      bulk_error(
          result,
          known == nullptr
              ? no_such_pool(name)
              : Error{Errc::conflict, "The Pool with name: `" + name + "` exists already", {}});
      return {};
    }
    if (deletes) {
      writes.push_back({{name}, PoolDeleted{0, name, user}});
      continue;
    }
    PoolSet event;
    if (known) event.pool = known->row;
    event.create_only = known == nullptr;
    event.user = user;
    set_pool(creates ? entity : bulk_masked(action, entity, {"name"}), event.pool);
    writes.push_back({{name}, event});
  }
  return writes;
}

}  // namespace

void bulk_pools(Context& context, Call call) {
  EngineBulk kind;
  kind.key = "name";
  kind.entity = [call](const json& entity, Action does) -> Status {
    if (!may(call.request->identity, does, "admin:pools")) return needs_right(does, "admin:pools");
    return does == Action::remove ? success() : check_pool_entity(entity);
  };
  kind.plan = [&context, call](const json& action, json& result, EngineBulk::Planned then) {
    context.services.backend.live(
        [call, &action, &result, then = std::move(then)](const Result<LiveView>& live) {
          if (live) return then(plan_pools(action, result, *live, call.request->identity.user));
          bulk_error(result, live.error());
          then({});
        });
  };
  run_engine_bulk(context, call, std::move(kind));
}

void delete_pool(Context& context, Call call) {
  const PoolDeleted event{0, path_param(*call.request, "pool_name"), call.request->identity.user};
  context.services.backend.request(event, [call](const Reply& reply) {
    call.respond(reply.code == Errc::ok ? no_content() : error_response(reply_error(reply)));
  });
}

}  // namespace batuta::http
