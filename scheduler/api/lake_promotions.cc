// What a branch of the lake has made becomes the lake's. The order is a run of lake_promotion,
// whose one attempt hands in all of its tables: so that they are accepted in one commit, published
// whatever dies, and told to assets and lineage as those of any run. A look ahead reads logs alone.
#include <nlohmann/json.hpp>

#include "common/safe_json.h"
#include "common/uuid.h"
#include "lakelog/promotion.h"
#include "scheduler/api/auth.h"
#include "scheduler/api/bulk.h"
#include "scheduler/api/codecs.h"
#include "scheduler/api/handlers.h"
#include "scheduler/api/lake_branches.h"
#include "scheduler/api/lake_catalogue.h"
#include "scheduler/api/params.h"
#include "scheduler/api/routes.h"
#include "scheduler/api/run_answers.h"
#include "scheduler/dagfile/run_conf.h"

namespace batuta::http {

using nlohmann::json;

namespace {

struct AskedPromotion {
  std::string branch, note;
  bool dry_run = false;
};

std::string resource_of_table(const std::string& table) {
  const auto name = lake_name(table);
  return name ? name->resource() : "lake:*";
}

json version_or_null(std::int64_t version) {
  return version < 0 ? json() : json(version);
}

json moved_row(const lakelog::LakeMoved& moved) {
  return {{"version", version_or_null(moved.version)},
          {"at", moved.timestamp_ms > 0
                     ? json(to_iso(Time(std::chrono::milliseconds(moved.timestamp_ms))))
                     : json()},
          {"operation", text_or_null(moved.operation)},
          {"dag_id", text_or_null(moved.dag_id)},
          {"dag_run_id", text_or_null(moved.run_id)},
          {"reason", moved.reason}};
}

json promoted_row(const lakelog::PromotedTable& table) {
  return {{"table", table.table},
          {"base_version", version_or_null(table.base)},
          {"branch_version", table.version},
          {"lake_version", version_or_null(table.lake_version)},
          {"expected_version", version_or_null(table.moved ? -1 : table.expected())},
          {"is_done", table.is_done()},
          {"appends", table.appends},
          {"added_files", table.added_files},
          {"removed_files", table.removed_files},
          {"changes_schema", table.changes_schema},
          {"moved", table.moved ? moved_row(*table.moved) : json()}};
}

struct LookedPromotion {
  lakelog::Branch branch;
  std::vector<lakelog::PromotedTable> tables;

  bool has_any() const {
    return std::any_of(tables.begin(), tables.end(),
                       [](const auto& table) { return !table.is_done(); });
  }
};

// The newest run that makes this branch the lake's, for whoever may look at the branch and not at
// runs of the server's own DAG; null: there is none. Why it failed names tables: whoever ordered it
// is told.
json last_promotion(Context& context, const Request& request, const lakelog::Branch& branch) {
  RunQuery query;
  query.dag_id = promotion_dag_id;
  query.filters.push_back({"run_id", Filter::Op::prefix, {"promote__" + branch.name + "__"}});
  query.order_by = {"-id"};
  query.page.limit = 20;  // names of branches may begin with this one's
  for (const RunRow& run : context.services.history.runs(query).rows) {
    const auto order = parse_untrusted(promotion_order_of(run.conf_json));
    if (!order || !order->is_object() || order->value("branch", "") != branch.ref()) continue;
    const bool may_read = may(request.identity, Action::read, "dag:" + run.dag_id);
    std::string reason;
    if (may_read || run.triggering_user == request.identity.user) {
      reason = run.reason;
      const auto task = context.services.history.task_instance(
          {run.dag_id, run.dag_run_id, promotion_task_id, unmapped});
      if (task && !task->row.reason.empty()) reason = task->row.reason;
    }
    return {{"dag_run_id", run.dag_run_id},
            {"state", to_string(run.state)},
            {"reason", text_or_null(reason)}};
  }
  return nullptr;
}

// As far as whoever asks may read it.
json promotion_json(const Request& request, const LookedPromotion& looked, bool dry_run) {
  json rows = json::array();
  std::int64_t hidden = 0;
  for (const lakelog::PromotedTable& table : looked.tables) {
    if (may(request.identity, Action::read, resource_of_table(table.table))) {
      rows.push_back(promoted_row(table));
    } else {
      ++hidden;
    }
  }
  return {{"branch", looked.branch.name},
          {"dry_run", dry_run},
          {"may_promote",
           looked.has_any() && lakelog::check_promotion(looked.branch, looked.tables).ok()},
          {"tables", std::move(rows)},
          {"hidden", hidden},
          {"dag_id", nullptr},
          {"dag_run_id", nullptr},
          {"last_run", nullptr}};
}

Result<LookedPromotion> look_ahead(Context& context, const std::string& name) {
  const auto lake = branching_lake(context);
  if (!lake) return lake.error();
  const auto branch = lakelog::find_branch(**lake, name);
  if (!branch) return Error{Errc::not_found, branch.error().message, {}};
  auto tables = lakelog::look_at_promotion(*lake, *branch);
  if (!tables) return Error{Errc::conflict, tables.error().message, {}};
  return LookedPromotion{*branch, *std::move(tables)};
}

// Each table that goes changes a domain of the lake.
Status check_may_promote(const Request& request, const LookedPromotion& looked) {
  for (const lakelog::PromotedTable& table : looked.tables) {
    const std::string resource = resource_of_table(table.table);
    if (!table.is_done() && !may(request.identity, Action::edit, resource))
      return needs_right(Action::edit, resource);
  }
  return success();
}

Result<RunRequested> promotion_run(Context& context, const Request& request,
                                   const LookedPromotion& looked, const std::string& note) {
  const auto bag = context.services.backend.dags();
  const auto dag = bag->dags.find(promotion_dag_id);
  if (dag == bag->dags.end())
    return {Errc::unavailable,
            std::string("the DAG ") + promotion_dag_id +
                " is not there yet: the server is reading it; try again in a moment"};
  RunRequested event;
  event.dag_id = promotion_dag_id;
  event.dag_run_id =
      "promote__" + looked.branch.name + "__" + to_string(make_uuid_v7(context.now()));
  event.triggered_by = client_name(request);
  event.user = request.identity.user;
  event.uuid = make_uuid_v7(context.now());
  event.note = note;
  if (auto set = set_conf(*dag->second, "{}", event); !set) return set.error();
  json tables = json::object();
  // Those that go, and were allowed; the attempt takes no other.
  for (const lakelog::PromotedTable& table : looked.tables)
    if (!table.is_done()) tables[table.table] = table.version;
  const json order = {{"branch", looked.branch.ref()}, {"tables", std::move(tables)}};
  if (auto added = add_promotion_order(event, json_text(order)); !added) return added.error();
  return event;
}

struct OrderedPromotion {
  RunRequested event;
  json answer, audited;
};

Result<OrderedPromotion> ordered_promotion(Context& context, const Request& request,
                                           const LookedPromotion& looked, const std::string& note) {
  const std::string& name = looked.branch.name;
  if (auto allowed = check_may_promote(request, looked); !allowed) return allowed.error();
  if (const std::string going = going_on_branch(context, name); !going.empty())
    return {Errc::conflict,
            "the " + going + " goes on on the branch " + name + ": cancel it, or wait for its end"};
  if (auto free = lakelog::check_promotion(looked.branch, looked.tables); !free)
    return free.error();
  if (!looked.has_any())
    return {Errc::conflict, "the branch " + name + " has nothing that the lake has not"};
  auto event = promotion_run(context, request, looked, note);
  if (!event) return event.error();
  OrderedPromotion out;
  out.event = *std::move(event);
  out.answer = promotion_json(request, looked, false);
  out.answer["dag_id"] = out.event.dag_id;
  out.answer["dag_run_id"] = out.event.dag_run_id;
  out.audited = {{"branch", name}, {"note", note}, {"tables", json::object()}};
  for (const lakelog::PromotedTable& table : looked.tables)
    if (!table.is_done()) out.audited["tables"][table.table] = table.version;
  return out;
}

}  // namespace

void promote_lake_branch(Context& context, Call call) {
  const auto body = body_object(*call.request);
  if (!body) return call.respond(error_response(body.error()));
  BodyReader fields(*call.request, *body);
  fields.check(*call.request->route->body);
  AskedPromotion asked;
  asked.branch = path_param(*call.request, "branch");
  asked.dry_run = fields.boolean("dry_run").value_or(false);
  asked.note = fields.text("note", max_run_note).value_or("");
  if (!fields.status()) return call.respond(error_response(fields.status().error()));
  context.work(call, [&context, call, asked]() -> Status {
    const auto looked = look_ahead(context, asked.branch);
    if (!looked) return looked.error();
    if (asked.dry_run) {
      json told = promotion_json(*call.request, *looked, true);
      told["last_run"] = last_promotion(context, *call.request, looked->branch);
      call.respond(json_response(told));
      return success();
    }
    auto ready = ordered_promotion(context, *call.request, *looked, asked.note);
    if (!ready) return ready.error();
    const auto ordered = std::make_shared<OrderedPromotion>(*std::move(ready));
    // Who orders what is written down before anything is done.
    context.change(
        call, "lake_branch_promoted", ordered->audited, [] { return success(); },
        [&context, call, ordered](const Status& kept) {
          if (!kept) return call.respond(error_response(kept.error()));
          context.services.backend.request(ordered->event, [call, ordered](const Reply& reply) {
            if (reply.code != Errc::ok) return call.respond(error_response(reply_error(reply)));
            call.respond(json_response(ordered->answer));
          });
        },
        ordered->event.dag_id);
    return success();
  });
}

}  // namespace batuta::http
