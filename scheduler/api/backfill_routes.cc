// Backfills: Airflow's operations, and ours for what came of them.
#include <nlohmann/json.hpp>

#include "common/safe_json.h"
#include "common/suggest.h"
#include "lakelog/branch.h"
#include "scheduler/api/auth.h"
#include "scheduler/api/bulk.h"
#include "scheduler/api/codecs.h"
#include "scheduler/api/handlers.h"
#include "scheduler/api/lake_branches.h"
#include "scheduler/api/params.h"
#include "scheduler/api/routes.h"
#include "scheduler/core/backfill.h"
#include "scheduler/dagfile/run_branch.h"
#include "scheduler/dagfile/run_conf.h"
#include "scheduler/store/sealed_conf.h"

namespace batuta::http {

using nlohmann::json;

namespace {

std::string resource_of(const std::string& dag_id) {
  return "dag:" + dag_id;
}

json backfill_json(const BackfillRow& row) {
  return {{"id", row.id},
          {"dag_id", row.dag_id},
          {"dag_display_name", row.dag_id},
          {"from_date", to_iso(row.from_date)},
          {"to_date", to_iso(row.to_date)},
          {"dag_run_conf", row.conf_json ? stored_json(shown_conf(*row.conf_json)) : json(nullptr)},
          {"is_paused", row.is_paused},
          {"reprocess_behavior", to_string(row.reprocess)},
          {"max_active_runs", row.max_active_runs},
          {"created_at", to_iso(row.created_at)},
          {"completed_at", iso_or_null(row.completed_at)},
          {"updated_at", to_iso(row.updated_at)},
          {"batuta",
           {{"run_backwards", row.run_backwards},
            {"run_on_latest_version", row.latest_version},
            {"branch", text_or_null(lakelog::branch_name_of(row.branch))},
            {"ticks", row.ticks},
            {"done", row.done},
            {"cancelled", row.completed_at.has_value() && row.done < row.ticks},
            {"ended", row.phase == BackfillPhase::done},
            {"triggering_user_name", text_or_null(row.user)}}}};
}

// The conf as it was given, checked with the DAG's params.
Status read_conf(const Dag& dag, BodyReader& fields, BackfillRow& row) {
  const json* conf = fields.value("dag_run_conf");
  if (!conf) return success();
  if (!conf->is_object()) fields.fail("dag_run_conf", "must be an object");
  if (!fields.status()) return fields.status();
  RunRequested checked;
  if (const auto ok = set_conf(dag, json_text(*conf), checked); !ok) {
    Error error = ok.error();
    error.where = "/dag_run_conf" + error.where.substr(std::string("/conf").size());
    return error;
  }
  row.conf_json = checked.conf_json;
  row.conf_start = checked.conf_start;
  row.conf_end = checked.conf_end;
  return success();
}

// Its name; which branch of that name it is is looked up before the backfill is asked for.
Status read_backfill_branch(const Dag& dag, BodyReader& fields, BackfillRow& row) {
  row.branch = fields.text("branch", 64).value_or("");
  if (!fields.has("branch") || !fields.status()) return fields.status();
  if (!lakelog::valid_branch_name(row.branch))
    return {Errc::invalid, lakelog::no_branch_name(row.branch), "/branch"};
  return check_branch_tasks(dag, {});
}

// The near one of those that the caller may see: others are not told of.
Error no_dag_to_fill(const Request& request, const DagBagSnapshot& bag, const std::string& dag_id) {
  std::vector<std::string> known;
  for (const auto& [id, dag] : bag.dags) {
    if (may(request.identity, Action::read, resource_of(id))) known.push_back(id);
  }
  return {Errc::not_found, "Could not find dag " + dag_id + did_you_mean(dag_id, known), {}};
}

struct Asked {
  BackfillRow row;
  std::shared_ptr<const Dag> dag;
};

Result<Asked> read_backfill(Context& context, const Request& request) {
  const auto body = body_object(request);
  if (!body) return body.error();
  BodyReader fields(request, *body);
  Asked asked;
  BackfillRow& row = asked.row;
  row.dag_id = fields.required_text("dag_id", 250);
  fields.check(*request.route->body);
  row.from_date = fields.time("from_date").value_or(Time{});
  row.to_date = fields.time("to_date").value_or(Time{});
  row.run_backwards = fields.boolean("run_backwards").value_or(false);
  row.latest_version = fields.boolean("run_on_latest_version").value_or(true);
  row.max_active_runs = static_cast<std::int32_t>(
      fields.integer("max_active_runs", 1, max_backfill_active_runs).value_or(10));
  const auto reprocess = parse_reprocess(fields.text("reprocess_behavior").value_or("none"));
  if (!reprocess) fields.fail("reprocess_behavior", "must be none, failed or completed");
  row.reprocess = reprocess.value_or(Reprocess::none);
  row.user = request.identity.user;
  if (!fields.status()) return fields.status().error();
  if (!may(request.identity, Action::trigger, resource_of(row.dag_id))) {
    return needs_right(Action::trigger, resource_of(row.dag_id));
  }
  const auto bag = context.services.backend.dags();
  const auto it = bag->dags.find(row.dag_id);
  if (it == bag->dags.end()) return no_dag_to_fill(request, *bag, row.dag_id);
  asked.dag = it->second;
  if (const auto ok = read_conf(*asked.dag, fields, row); !ok) return ok.error();
  if (const auto ok = read_backfill_branch(*asked.dag, fields, row); !ok) return ok.error();
  return asked;
}

Result<BackfillRow> find_backfill(Context& context, const Request& request, Action action) {
  const auto id = path_number(request, "backfill_id");
  if (!id) return id.error();
  const auto row = context.services.history.backfill(*id);
  if (!row || !may(request.identity, Action::read, resource_of(row->dag_id))) {
    return {Errc::not_found, "Could not find backfill with id " + std::to_string(*id)};
  }
  if (!may(request.identity, action, resource_of(row->dag_id))) {
    return needs_right(action, resource_of(row->dag_id));
  }
  return *row;
}

std::function<void(Reply)> answering(const Call& call) {
  return [call](const Reply& reply) {
    if (reply.code != Errc::ok || !reply.backfill) {
      return call.respond(error_response(reply_error(reply)));
    }
    call.respond(json_response(backfill_json(*reply.backfill)));
  };
}

void change_backfill(Context& context, const Call& call, BackfillChanged::Kind kind) {
  context.work(call, [&context, call, kind]() -> Status {
    const auto row = find_backfill(context, *call.request, Action::edit);
    if (!row) return row.error();
    BackfillChanged event{0, row->id, kind, call.request->identity.user};
    context.services.backend.request(std::move(event), answering(call));
    return success();
  });
}

std::vector<Time> dates_of(const Dag& dag, const BackfillRow& row) {
  std::vector<Time> dates;
  for (auto tick = next_backfill_tick(dag, row); tick;
       tick = backfill_tick_after(dag, row, tick->logical_date)) {
    dates.push_back(tick->logical_date);
  }
  return dates;
}

template <class Counts>
json counted(const Counts& counts) {
  json out = json::object();
  for (const auto& [of, count] : counts) out[std::string(to_string(of))] = count;
  return out;
}

}  // namespace

Result<Response> list_backfills(Context& context, const Request& request) {
  QueryReader query(request);
  BackfillQuery list;
  list.dag_id = query.text("dag_id");
  list.unfinished = query.boolean("unfinished").value_or(false);
  list.filters = query.filters();
  list.order_by = query.order_by();
  list.page = query.page();
  list.sight = seen_dags(request);
  if (!query.status()) return query.status().error();
  const auto found = context.services.history.backfills(list);
  json items = json::array();
  for (const BackfillRow& row : found.rows) items.push_back(backfill_json(row));
  return json_response(collection("backfills", std::move(items), found.total));
}

Result<Response> get_backfill(Context& context, const Request& request) {
  const auto row = find_backfill(context, request, Action::read);
  if (!row) return row.error();
  return json_response(backfill_json(*row));
}

Result<Response> get_backfill_progress(Context& context, const Request& request) {
  const auto row = find_backfill(context, request, Action::read);
  if (!row) return row.error();
  const auto counts = context.services.history.backfill_counts(row->id);
  json out = backfill_json(*row);
  out["batuta"]["outcomes"] = counted(counts.outcomes);
  out["batuta"]["runs"] = counted(counts.runs);
  return json_response(out);
}

Result<Response> list_backfill_ticks(Context& context, const Request& request) {
  const auto row = find_backfill(context, request, Action::read);
  if (!row) return row.error();
  QueryReader query(request);
  const Page page = query.page();
  if (!query.status()) return query.status().error();
  const auto found = context.services.history.backfill_ticks(row->id, page);
  json items = json::array();
  for (const BackfillTickView& tick : found.rows) {
    items.push_back({{"ordinal", tick.row.ordinal},
                     {"logical_date", to_iso(tick.row.logical_date)},
                     {"outcome", to_string(tick.row.outcome)},
                     {"dag_run_id", text_or_null(tick.dag_run_id)},
                     {"state", tick.state ? json(to_string(*tick.state)) : json(nullptr)}});
  }
  return json_response(collection("ticks", std::move(items), found.total));
}

// Airflow's list has what would run; what would be left alone, and why, is our part.
Result<Response> try_backfill(Context& context, const Request& request) {
  auto asked = read_backfill(context, request);
  if (!asked) return asked.error();
  BackfillRow& row = asked->row;
  if (const auto ok = check_backfill(*asked->dag, row, context.now()); !ok) return ok.error();
  const bool on_branch = !row.branch.empty();
  if (on_branch)
    if (const auto branch = asked_branch(context, row.branch); !branch) return branch.error();
  const std::vector<Time> dates = dates_of(*asked->dag, row);
  const auto runs = context.services.history.runs_of_dates(row.dag_id, dates);
  json items = json::array();
  json left = json::array();
  for (std::size_t i = 0; i < dates.size(); ++i) {
    // A date has a run of its own on a branch, whose name has more behind it.
    const RunRow* run = !on_branch && runs.at(i) ? &*runs[i] : nullptr;
    const TickOutcome outcome = judge_tick(run, row.reprocess);
    const json id = run != nullptr ? run->dag_run_id : backfill_run_id(dates[i]);
    if (outcome == TickOutcome::exists || outcome == TickOutcome::in_flight) {
      left.push_back(
          {{"logical_date", to_iso(dates[i])}, {"dag_run_id", id}, {"reason", to_string(outcome)}});
      continue;
    }
    const char* action = outcome == TickOutcome::created ? "create" : "clear";
    items.push_back({{"logical_date", to_iso(dates[i])},
                     {"partition_key", nullptr},
                     {"partition_date", nullptr},
                     {"batuta", {{"action", action}, {"dag_run_id", id}}}});
  }
  const auto total = std::ssize(items);
  json out = collection("backfills", std::move(items), total);
  out["batuta"] = {{"ticks", row.ticks}, {"left_alone", std::move(left)}};
  return json_response(out);
}

void create_backfill(Context& context, Call call) {
  auto asked = read_backfill(context, *call.request);
  if (!asked) return call.respond(error_response(asked.error()));
  if (asked->row.branch.empty())
    return context.services.backend.request(BackfillRequested{0, std::move(asked->row)},
                                            answering(call));
  context.work(call, [&context, call, asked_row = std::move(asked->row)]() -> Status {
    const auto branch = asked_branch(context, asked_row.branch);
    if (!branch) return branch.error();
    BackfillRow row = asked_row;
    row.branch = *branch;
    context.services.backend.request(BackfillRequested{0, std::move(row)}, answering(call));
    return success();
  });
}
void pause_backfill(Context& context, Call call) {
  change_backfill(context, call, BackfillChanged::Kind::pause);
}
void unpause_backfill(Context& context, Call call) {
  change_backfill(context, call, BackfillChanged::Kind::unpause);
}
void cancel_backfill(Context& context, Call call) {
  change_backfill(context, call, BackfillChanged::Kind::cancel);
}

}  // namespace batuta::http
