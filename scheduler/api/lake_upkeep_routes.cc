// Tables looked after over HTTP, one at a time: small files held together, old ones deleted, an
// older version brought back, rows that a contract lets go. Ordered, looked at, stopped; each order
// is written down before anything happens and when it has ended. What the plugin commits stands
// whole, whatever becomes of the order: one that ended early is ordered again.
#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "common/safe_json.h"
#include "common/uuid.h"
#include "scheduler/api/auth.h"
#include "scheduler/api/bulk.h"
#include "scheduler/api/codecs.h"
#include "scheduler/api/handlers.h"
#include "scheduler/api/lake_masks.h"
#include "scheduler/api/lake_questions.h"
#include "scheduler/api/lake_retention.h"
#include "scheduler/api/lake_upkeep.h"
#include "scheduler/api/params.h"
#include "scheduler/api/routes.h"

namespace batuta::http {

using nlohmann::json;

namespace {

constexpr std::int64_t least_file = 1 << 20, most_file = std::int64_t{4} << 30;
constexpr std::size_t most_cluster_columns = 100;

struct AskedUpkeep {
  Upkeep order;
  json params;        // as the plugin takes them, but for what is not known yet
  RowQuestion again;  // restore: what it shall be
};

// Each field is of one action; null: of all.
constexpr std::pair<const char*, const char*> field_of_action[] = {
    {"target_bytes", "optimize"},    {"cluster_by", "optimize"}, {"retain", "vacuum"},
    {"log_retain", "vacuum"},        {"force", "vacuum"},        {"version", "restore"},
    {"expected_version", "restore"}, {"at", "restore"}};

void read_action(BodyReader& fields, AskedUpkeep& out) {
  std::string& action = out.order.action;
  action = fields.required_text("action", 16);
  if (fields.status() && action != "optimize" && action != "vacuum" && action != "restore" &&
      action != "expire")
    return fields.fail("action", "must be optimize, vacuum, restore or expire");
  for (const auto& [field, of] : field_of_action)
    if (fields.has(field) && action != of) fields.fail(field, "is of " + std::string(of));
}

void read_optimize(BodyReader& fields, json& params) {
  if (const auto size = fields.integer("target_bytes", least_file, most_file))
    params["target_bytes"] = *size;
  if (const auto columns = fields.texts("cluster_by", most_cluster_columns))
    params["cluster_by"] = *columns;
}

void read_vacuum(BodyReader& fields, json& params) {
  for (const char* name : {"retain", "log_retain"})
    if (const auto age = fields.text(name, 32)) {
      if (!parse_duration(*age)) fields.fail(name, "must be a duration, such as 7d or 12h");
      params[name] = *age;
    }
  params["force"] = fields.boolean("force").value_or(false);
}

void read_restore(BodyReader& fields, AskedUpkeep& out) {
  constexpr auto most = std::numeric_limits<std::int64_t>::max();
  out.again.version = fields.integer("version", 0, most).value_or(-1);
  out.again.at = fields.time("at");
  if (fields.status() && (out.again.version >= 0) == out.again.at.has_value())
    fields.fail("version", "or at must be given, one of them: what shall it be again?");
  if (const auto expected = fields.integer("expected_version", 0, most))
    out.params["expected_version"] = *expected;
}

Result<AskedUpkeep> asked_upkeep(Context& context, const Request& request) {
  const auto body = body_object(request);
  if (!body) return body.error();
  BodyReader fields(request, *body);
  fields.check(*request.route->body);
  AskedUpkeep out;
  out.params = json::object();
  read_action(fields, out);
  if (out.order.action == "optimize") read_optimize(fields, out.params);
  if (out.order.action == "vacuum") read_vacuum(fields, out.params);
  if (out.order.action == "restore") read_restore(fields, out);
  Upkeep& order = out.order;
  order.dry_run = fields.boolean("dry_run").value_or(false);
  order.operation = fields.text("operation", 64).value_or(to_string(make_uuid_v7(context.now())));
  if (fields.status() && !valid_order_id(order.operation)) fields.fail("operation", no_order_id);
  if (!fields.status()) return fields.status().error();
  auto name = lake_name(path_param(request, "layer") + "/" + path_param(request, "domain") + "/" +
                        path_param(request, "table"));
  if (!name) return name.error();
  order.name = *std::move(name);
  order.by = request.identity.user;
  order.asked_at = context.now();
  out.params.update({{"operation", order.action},
                     {"table", order.name.path()},
                     {"dry_run", order.dry_run},
                     {"by", order.by}});
  json asked = out.params;
  asked["version"] = out.again.version;
  asked["at"] = out.again.at ? json(to_iso(*out.again.at)) : json();
  order.asked_json = json_text(asked);
  return out;
}

// What may not come back wants more than the right to edit, which the route asks.
Status check_may_lose(const Request& request, const AskedUpkeep& asked) {
  const bool loses = asked.order.action == "expire" || asked.params.value("force", false);
  const std::string resource = asked.order.name.resource();
  if (!loses || asked.order.dry_run || may(request.identity, Action::remove, resource))
    return success();
  return needs_right(Action::remove, resource);
}

// Which rows go by their age, as the contracts of this server's DAGs say.
Status add_expiry(Context& context, const LakeName& name, json& params) {
  const Now now = context.services.clock();
  if (auto holds = check_clock(context.begun, now); !holds) return holds;
  const std::string told = retention_told(*context.services.backend.dags(), now.wall);
  for (const json& rule : told.empty() ? json::array() : stored_json(told)) {
    if (rule.value("table", "") != name.path()) continue;
    params["column"] = rule["column"];
    params["before"] = rule["before"];
    return success();
  }
  return {Errc::conflict, "no contract of a DAG of this server lets a row of " + name.path() +
                              " go by its age: batuta.retention names the layers of which rows go"};
}

Status add_version(Context& context, AskedUpkeep& asked) {
  auto version = pinned_version(context, asked.order.name, asked.again);
  if (!version && version.error().where == "query.at")
    return Error{version.error().code, version.error().message, "body.at"};
  if (!version) return version.error();
  asked.params["version"] = *version;
  return success();
}

Status complete_params(Context& context, AskedUpkeep& asked) {
  if (auto there = context.lake->check(asked.order.name); !there) return there;
  if (asked.order.action == "restore") return add_version(context, asked);
  if (asked.order.action == "expire") return add_expiry(context, asked.order.name, asked.params);
  return success();
}

// Names of files have the values of partitions in them.
bool hides_names(Context& context, const Request& request, const LakeName& name) {
  if (may_unmask(request, name)) return false;
  const json masks = masks_for(context, request);
  if (masks.is_null()) return false;
  const auto detail = context.lake->detail(name);
  if (!detail) return true;  // whether they have nobody can tell
  const auto& columns = (*detail)->partition_columns;
  return std::any_of(columns.begin(), columns.end(), [&](const std::string& column) {
    return !column_mask(masks, name, column).empty();
  });
}

// So do errors that name a file: what stands between the first "column=" and the file's own name.
std::string without_values(const std::string& error) {
  const auto from = error.find('='), to = error.rfind('/');
  if (from == error.npos || to == error.npos || to < from) return error;
  return error.substr(0, from + 1) + "***" + error.substr(to);
}

// Blocks on the store where the report, or the error, has names.
json upkeep_row(Context& context, const Request& request, const Upkeep& order, bool repeated) {
  json report = order.report_json.empty() ? json() : stored_json(order.report_json);
  if (!report.is_object()) report = nullptr;
  std::string error = without_values(order.error);
  const bool has_names =
      error != order.error ||
      (!report.is_null() && (report.contains("deleted") || report.contains("foreign")));
  const bool hides = has_names && hides_names(context, request, order.name);
  if (!hides) error = order.error;
  if (hides && !report.is_null()) {
    report["deleted"] = report["foreign"] = json::array();
    report["names_hidden"] = true;
  }
  return {{"operation", order.operation},
          {"state", order.state},
          {"action", order.action},
          {"layer", order.name.layer},
          {"domain", order.name.domain},
          {"table", order.name.table},
          {"dry_run", order.dry_run},
          {"by", text_or_null(order.by)},
          {"asked_at", to_iso(order.asked_at)},
          {"ended_at", order.ended_at ? json(to_iso(*order.ended_at)) : json()},
          {"error", text_or_null(error)},
          {"repeated", repeated},
          {"report", std::move(report)}};
}

json upkeep_named(const Upkeep& order) {
  return {{"operation", order.operation},
          {"action", order.action},
          {"table", order.name.path()},
          {"dry_run", order.dry_run}};
}

json upkeep_before(const AskedUpkeep& asked) {
  json out = upkeep_named(asked.order);
  for (const auto& [name, value] : asked.params.items())
    if (name != "operation" && name != "by") out[name] = value;
  return out;
}

json upkeep_after(const Upkeep& order) {
  json out = upkeep_named(order);
  out["state"] = order.state;
  if (!order.error.empty()) out["error"] = without_values(order.error);
  const json report = order.report_json.empty() ? json() : stored_json(order.report_json);
  if (!report.is_object()) return out;
  for (const auto& [name, value] : report.items())
    if (!value.is_structured()) out[name] = value;  // numbers; no names of files
  return out;
}

void start_upkeep(Context& context, const Call& call, const Upkeep& order,
                  const std::string& params) {
  context.upkeep->start(
      order.operation,
      [&context, params](const LakeUpkeep::Stop& stop) {
        return context.services.upkeep_query(params, stop);
      },
      [&context] { return context.stopping.load(); },
      [&context, call](const Upkeep& ended, std::function<void()> tell) {
        // Where it cannot be written down the store is away, and has said so; what was done is.
        context.change(
            call, "lake_maintenance_ended", upkeep_after(ended), [] { return success(); },
            [tell = std::move(tell)](const Status&) { tell(); });
      });
}

// Under one operation the same order is done once as long as the server lives; one that failed or
// was stopped is done again.
Result<bool> is_repeated(const AskedUpkeep& asked, const std::optional<Upkeep>& known) {
  if (!known) return false;
  if (known->asked_json != asked.order.asked_json || known->by != asked.order.by)
    return {Errc::conflict, "operation '" + asked.order.operation +
                                "' was another order: give this one an id of its own"};
  return known->under_way() || known->state == "ended";
}

Status order_upkeep(Context& context, const Call& call, AskedUpkeep asked) {
  const auto known = context.upkeep->find(asked.order.operation);
  const auto repeated = is_repeated(asked, known);
  if (!repeated) return repeated.error();
  if (*repeated) {
    call.respond(json_response(upkeep_row(context, *call.request, *known, true), 202));
    return success();
  }
  if (auto whole = complete_params(context, asked); !whole) return whole;
  if (auto begun = context.upkeep->begin(asked.order); !begun) return begun;
  const json before = upkeep_before(asked);
  context.change(
      call, "lake_maintenance_ordered", before, [] { return success(); },
      [&context, call, order = asked.order, params = json_text(asked.params)](const Status& kept) {
        if (!kept) {
          context.upkeep->forget(order.operation);
          return call.respond(error_response(kept.error()));
        }
        call.respond(json_response(upkeep_row(context, *call.request, order, false), 202));
        start_upkeep(context, call, order, params);
      });
  return success();
}

// Whoever may edit the table may see what is done to it.
Result<Upkeep> seen_upkeep(Context& context, const Request& request) {
  const std::string& operation = path_param(request, "operation");
  const auto found = context.upkeep->find(operation);
  if (!found)
    return {Errc::not_found,
            "there is no order " + operation +
                ": a server remembers its own, the newest 200; what was done is in the table's "
                "versions and in the event log"};
  const std::string resource = found->name.resource();
  if (!may(request.identity, Action::edit, resource)) return needs_right(Action::edit, resource);
  return *found;
}

}  // namespace

void order_lake_upkeep(Context& context, Call call) {
  auto asked = asked_upkeep(context, *call.request);
  if (!asked) return call.respond(error_response(asked.error()));
  if (auto allowed = check_may_lose(*call.request, *asked); !allowed)
    return call.respond(error_response(allowed.error()));
  call.request->body.clear();  // the call lives until the order has ended
  context.work(call, [&context, call, order = *std::move(asked)] {
    return order_upkeep(context, call, order);
  });
}

// Orders and looks ahead that this server remembers, the newest first, without their reports.
Result<Response> list_lake_upkeep(Context& context, const Request& request) {
  json rows = json::array();
  for (Upkeep& order : context.upkeep->all()) {
    if (!may(request.identity, Action::edit, order.name.resource())) continue;
    order.report_json.clear();
    rows.push_back(upkeep_row(context, request, order, false));
  }
  const auto total = static_cast<std::int64_t>(rows.size());
  return json_response(collection("orders", std::move(rows), total));
}

Result<Response> get_lake_upkeep(Context& context, const Request& request) {
  const auto found = seen_upkeep(context, request);
  if (!found) return found.error();
  return json_response(upkeep_row(context, request, *found, false));
}

void stop_lake_upkeep(Context& context, Call call) {
  context.work(call, [&context, call]() -> Status {
    const auto found = seen_upkeep(context, *call.request);
    if (!found) return found.error();
    context.change(
        call, "lake_maintenance_stopped", upkeep_named(*found), [] { return success(); },
        [&context, call, operation = found->operation](const Status& kept) {
          if (!kept) return call.respond(error_response(kept.error()));
          const Status stopped = context.upkeep->stop(operation);
          call.respond(stopped ? no_content() : error_response(stopped.error()));
        });
    return success();
  });
}

}  // namespace batuta::http
