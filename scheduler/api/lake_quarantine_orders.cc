// What becomes of rows in quarantine. An order is a run of the DAG that makes the table, of its
// transform alone: so that it has the contract, the connections and the one commit that every run
// of it has, waits its turn among them, and is done once, whatever dies.
#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "common/safe_json.h"
#include "common/uuid.h"
#include "contract/judged_again.h"
#include "scheduler/api/auth.h"
#include "scheduler/api/bulk.h"
#include "scheduler/api/codecs.h"
#include "scheduler/api/handlers.h"
#include "scheduler/api/lake_catalogue.h"
#include "scheduler/api/lake_contracts.h"
#include "scheduler/api/lake_orders.h"
#include "scheduler/api/params.h"
#include "scheduler/api/routes.h"
#include "scheduler/api/run_answers.h"
#include "scheduler/dagfile/run_conf.h"

namespace batuta::http {

using nlohmann::json;

namespace {

constexpr std::int64_t most_ordered_rows = 10'000;
constexpr std::size_t most_named_rows = 1000;
constexpr std::size_t max_order_note = 1000;

struct MakingTask {
  std::string dag_id, task_id;
};

struct AskedOrder {
  std::string action, operation, dag_id;  // `dag_id`: where several make the table
  json order;                             // as the plugin takes it
  std::vector<std::string> columns;       // that it gives values to
};

// Texts, as a source would send them: {"column": "text"}.
bool take_values(const json& given, json& out, std::set<std::string>& columns) {
  if (!given.is_object() || given.empty()) return false;
  out = json::object();
  for (const auto& [column, value] : given.items()) {
    if (value.is_structured()) return false;
    out[column] = value.is_null() || value.is_string() ? value : json(json_text(value));
    columns.insert(column);
  }
  return true;
}

void read_repair(BodyReader& fields, AskedOrder& out) {
  std::set<std::string> columns;
  const json *set = fields.value("set"), *corrections = fields.value("corrections");
  if (out.action != "repair") {
    if (set) fields.fail("set", "is of repair");
    if (corrections) fields.fail("corrections", "is of repair");
    return;
  }
  if ((set == nullptr) == (corrections == nullptr))
    return fields.fail("set", "or corrections must be given: which columns have which values");
  if (set && !take_values(*set, out.order["set"], columns))
    return fields.fail("set", R"(must be an object of columns and texts: {"country": "BR"})");
  if (corrections) {
    bool good = corrections->is_object() && !corrections->empty();
    if (good && corrections->size() > most_named_rows)
      return fields.fail("corrections", "must be of 1000 rows at most");
    out.order["corrections"] = json::object();
    for (auto row = corrections->begin(); good && row != corrections->end(); ++row)
      good = take_values(*row, out.order["corrections"][row.key()], columns);
    if (!good)
      return fields.fail("corrections",
                         R"(must be an object of rows: {"<_row_id>": {"country": "BR"}})");
    if (fields.has("rows")) fields.fail("rows", "and corrections exclude each other");
  }
  out.columns.assign(columns.begin(), columns.end());
}

void read_choice(BodyReader& fields, AskedOrder& out) {
  bool chosen = out.order.contains("corrections");
  const auto add = [&](const char* name, auto value) {
    if (!value) return;
    chosen = true;
    out.order[name] = *value;
  };
  add("rows", fields.texts("rows", most_named_rows));
  add("reason", fields.text("reason", 512));
  add("run_id", fields.text("run_id", 512));
  for (const char* name : {"since", "until"})
    if (const OptTime at = fields.time(name)) add(name, std::optional(to_iso(*at)));
  if (fields.boolean("all").value_or(false)) chosen = true;
  if (!chosen)
    fields.fail("rows", "reason, run_id, since, until or all must be given: which rows?");
  if (const auto limit = fields.integer("limit", 1, most_ordered_rows)) out.order["limit"] = *limit;
}

Result<AskedOrder> asked_order(Context& context, const Request& request) {
  const auto body = body_object(request);
  if (!body) return body.error();
  BodyReader fields(request, *body);
  fields.check(*request.route->body);
  AskedOrder out;
  out.action = fields.required_text("action", 16);
  if (fields.status() && out.action != "repair" && out.action != "replay" &&
      out.action != "discard")
    fields.fail("action", "must be repair, replay or discard");
  out.dag_id = fields.text("dag_id", 250).value_or("");
  out.operation = fields.text("operation", 64).value_or(to_string(make_uuid_v7(context.now())));
  if (fields.status() && !valid_order_id(out.operation)) fields.fail("operation", no_order_id);
  const auto note = fields.text("note", max_order_note);
  if (out.action == "discard" && (!note || note->empty()))
    fields.fail("note", "must say why the rows are given up");
  out.order = {{"verb", out.action},
               {"operation", out.operation},
               {"by", request.identity.user},
               {"note", note.value_or("")},
               {"dry_run", fields.boolean("dry_run").value_or(false)}};
  read_repair(fields, out);
  read_choice(fields, out);
  if (const auto most = fields.integer("max_attempts", 1, 1'000'000)) {
    if (out.action != "replay") fields.fail("max_attempts", "is of replay");
    out.order["max_attempts"] = *most;
  }
  if (!fields.status()) return fields.status().error();
  return out;
}

// The tasks that make silver of this contract.
std::vector<MakingTask> making_tasks(const DagBagSnapshot& bag, const std::string& contract) {
  std::vector<MakingTask> out;
  for (const auto& [id, dag] : bag.dags) {
    for (const Task& task : dag->tasks) {
      if (task.plugin != "contract_silver") continue;
      const auto definition = stored_json(dag->canonical_json);
      if (!definition.is_object() || !definition.contains("tasks")) break;
      for (const auto& one : definition["tasks"]) {
        const auto named = one.find("contract");
        if (one.value("task_id", "") == task.id && named != one.end() && named->is_object() &&
            named->value("name", "") == contract)
          out.push_back({id, task.id});
      }
    }
  }
  return out;
}

Result<MakingTask> making_task(const DagBagSnapshot& bag, const std::string& contract,
                               const std::string& dag_id) {
  auto tasks = making_tasks(bag, contract);
  if (!dag_id.empty()) std::erase_if(tasks, [&](const auto& one) { return one.dag_id != dag_id; });
  if (tasks.empty())
    return {Errc::conflict, "no DAG" + (dag_id.empty() ? "" : " '" + dag_id + "'") +
                                " has a transform of the contract " + contract +
                                ", which would judge the rows"};
  if (tasks.size() == 1) return tasks.front();
  std::string names;
  for (const MakingTask& one : tasks) names += (names.empty() ? "" : ", ") + one.dag_id;
  return {Errc::conflict, "several tasks make silver of the contract " + contract + " (" + names +
                              "): name the DAG in dag_id"};
}

Status check_order_rights(const Request& request, const LakeName& name, const std::string& action) {
  LakeName target = name;
  target.layer = "silver";
  if (!may(request.identity, Action::edit, name.resource()))
    return needs_right(Action::edit, name.resource());
  if (action != "discard" && !may(request.identity, Action::edit, target.resource()))
    return needs_right(Action::edit, target.resource());
  return success();
}

struct PreparedOrder {
  RunRequested event;
  MakingTask task;
  json audited;
};

Result<PreparedOrder> prepared_order(Context& context, const Request& request, AskedOrder asked) {
  const std::string &domain = path_param(request, "domain"), &table = path_param(request, "table");
  const auto name = lake_name("quarantine/" + domain + "/" + table);
  if (!name) return name.error();
  if (auto allowed = check_order_rights(request, *name, asked.action); !allowed)
    return allowed.error();
  if (auto there = context.lake->check(*name); !there)
    return Error{Errc::not_found, "nothing of " + domain + "/" + table + " is in quarantine", {}};
  const auto bag = context.services.backend.dags();
  auto task = making_task(*bag, domain + "/" + table, asked.dag_id);
  if (!task) return task.error();
  if (asked.action != "discard") {
    const auto described = context.contracts->find(bag, domain, table);
    const std::string why =
        described ? contract::why_not_judged_again(described->table, asked.columns) : "";
    if (!why.empty()) return Error{Errc::conflict, why, {}};
  }
  PreparedOrder out;
  out.task = *task;
  out.event.dag_id = task->dag_id;
  // A look ahead is a new one each time, and leaves its id to what is done after it.
  const bool dry_run = asked.order.value("dry_run", false);
  const std::string key = dry_run ? to_string(make_uuid_v7(context.now())) : asked.operation;
  out.event.dag_run_id = "quarantine__" + key;
  out.event.only = {task->task_id};
  out.event.triggered_by = client_name(request);
  out.event.user = request.identity.user;
  out.event.uuid = make_uuid_v7(context.now());
  out.event.note = asked.order.value("note", "");
  // Under one id the same order is one run, and another order, or one of another table, is refused.
  out.event.idempotency_key = "quarantine:" + key;
  out.event.request_digest =
      stable_uuid("quarantine:" + domain + "/" + table + ":" + json_text(asked.order));
  if (auto set = set_conf(*bag->dags.at(task->dag_id), "{}", out.event); !set) return set.error();
  json order = asked.order;
  order["task_id"] = task->task_id;
  // What comes later was not meant, whenever the run is done or done again.
  if (!order.contains("rows") && !order.contains("corrections") && !order.contains("until"))
    order["until"] = to_iso(context.now());
  if (auto added = add_quarantine_order(out.event, json_text(order)); !added) return added.error();
  out.audited = {{"table", name->path()}, {"columns", asked.columns}};
  for (const char* field : {"operation", "note", "dry_run", "reason", "run_id", "since", "until"})
    if (asked.order.contains(field)) out.audited[field] = asked.order[field];
  for (const char* field : {"rows", "corrections"})
    if (asked.order.contains(field)) out.audited["named_rows"] = asked.order[field].size();
  return out;
}

}  // namespace

void order_quarantine(Context& context, Call call) {
  const auto asked = asked_order(context, *call.request);
  if (!asked) return call.respond(error_response(asked.error()));
  context.work(call, [&context, call, order = *asked]() -> Status {
    auto ready = prepared_order(context, *call.request, order);
    if (!ready) return ready.error();
    const auto prepared = std::make_shared<PreparedOrder>(*std::move(ready));
    const auto answer = [call, prepared, operation = order.operation](const Reply& reply) {
      if (reply.where == "header.Idempotency-Key")
        return call.respond(error_response(
            {Errc::conflict,
             "operation '" + operation + "' was another order: give this one an id of its own",
             {}}));
      if (reply.code != Errc::ok) return call.respond(error_response(reply_error(reply)));
      call.respond(json_response({{"operation", operation},
                                  {"dag_id", prepared->task.dag_id},
                                  {"dag_run_id", prepared->event.dag_run_id},
                                  {"task_id", prepared->task.task_id},
                                  {"repeated", reply.repeated}}));
    };
    // Who orders what is written down before anything is done.
    context.change(
        call, "lake_quarantine_" + order.action, prepared->audited, [] { return success(); },
        [&context, call, prepared, answer](const Status& kept) {
          if (!kept) return call.respond(error_response(kept.error()));
          context.services.backend.request(prepared->event, answer);
        },
        prepared->task.dag_id);
    return success();
  });
}

}  // namespace batuta::http
