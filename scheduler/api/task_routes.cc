#include <algorithm>
#include <nlohmann/json.hpp>

#include "common/safe_json.h"
#include "scheduler/api/auth.h"
#include "scheduler/api/codecs.h"
#include "scheduler/api/handlers.h"
#include "scheduler/api/params.h"
#include "scheduler/api/row_lists.h"

namespace batuta::http {

using nlohmann::json;

namespace {

Error no_such_task() {
  return {Errc::not_found, "no such task instance", {}};
}

struct TaskPath {
  const std::string& dag_id;
  const std::string& dag_run_id;
  const std::string& task_id;
};
TaskPath task_path(const Request& request) {
  return {path_param(request, "dag_id"), path_param(request, "dag_run_id"),
          path_param(request, "task_id")};
}

Result<TaskInstanceView> find_instance(Context& context, const Request& request) {
  const auto name = instance_name(request);
  if (!name) return name.error();
  auto view = context.services.history.task_instance(*name);
  if (!view) return no_such_task();
  return std::move(*view);
}

json instance_json(Context& context, const TaskInstanceView& view) {
  return task_instance_json(view, context.find_version(view.dag_version).get());
}

void read_states(QueryReader& query, TaskQuery& out) {
  const auto states = query.list("state");
  for (const auto& text : states) {
    if (!add_task_state(text, out)) query.fail("state", "is not a task state");
  }
  if (!states.empty()) match_no_state(out);
}

Result<TaskQuery> read_task_query(const Request& request) {
  QueryReader query(request);
  TaskQuery out;
  const std::string& dag_id = path_param(request, "dag_id");
  const std::string& run_id = path_param(request, "dag_run_id");
  if (dag_id != "~") out.dag_id = dag_id;
  if (run_id != "~") out.dag_run_id = run_id;
  out.sight = seen_dags(request);
  auto list = query.list_query();
  out.filters = std::move(list.filters);
  out.order_by = std::move(list.order_by);
  out.page = list.page;
  read_states(query, out);
  if (!query.status()) return query.status().error();
  return out;
}

}  // namespace

bool add_task_state(std::string_view text, TaskQuery& query) {
  if (text == "restarting" || text == "awaiting_input") {
    return true;  // Airflow's
  }
  const bool none = text == "no_status" || text == "null" || text == "None";
  const auto state = parse_task_state(none ? "none" : text);
  if (!state) return false;
  query.states.push_back(*state);
  // What is being published looks like running from outside.
  if (*state == TaskState::running) query.states.push_back(TaskState::publishing);
  return true;
}

void match_no_state(TaskQuery& query) {
  if (query.states.empty()) query.filters.push_back({"state", Filter::Op::any, {std::int64_t{-1}}});
}

Result<Response> list_task_instances(Context& context, const Request& request) {
  const auto query = read_task_query(request);
  if (!query) return query.error();
  return task_page(context, request, *query);
}

Result<Response> task_page(Context& context, const Request& request, const TaskQuery& query) {
  auto& history = context.services.history;
  const auto found = history.task_instances(query);
  if (found.total == 0 && query.dag_id && query.dag_run_id &&
      !history.run(*query.dag_id, *query.dag_run_id)) {
    return {Errc::not_found, "no such run of this DAG"};
  }
  json items = json::array();
  for (const auto& view : found.rows) items.push_back(instance_json(context, view));
  json out = collection("task_instances", std::move(items), found.total);
  add_cursors(request, query.page, found.total, out, found.total_is_least);
  return json_response(out);
}

Result<Response> list_mapped(Context& context, const Request& request) {
  auto query = read_task_query(request);
  if (!query) return query.error();
  const TaskPath path = task_path(request);
  query->filters.push_back({"task_id", Filter::Op::any, {path.task_id}});
  query->filters.push_back({"map_index", Filter::Op::gte, {std::int64_t{0}}});
  if (query->order_by.empty()) query->order_by = {"map_index"};
  auto& history = context.services.history;
  const auto found = history.task_instances(*query);
  // Mapped over nothing, or not yet: an empty list. Of no such task, or one that is not mapped:
  // none.
  if (found.total == 0) {
    const auto run = history.run(path.dag_id, path.dag_run_id);
    if (!run) return {Errc::not_found, "no such run of this DAG"};
    const auto version = context.find_version(run->dag_version);
    const auto task = version && version->dag ? find_task(*version->dag, path.task_id)
                                              : std::optional<TaskIndex>();
    if (!task) return no_such_task();
    if (!version->dag->tasks[*task].is_mapped()) {
      return {Errc::not_found, "task '" + path.task_id + "' is not mapped"};
    }
  }
  json items = json::array();
  for (const auto& view : found.rows) items.push_back(instance_json(context, view));
  json out = collection("task_instances", std::move(items), found.total);
  add_cursors(request, query->page, found.total, out, found.total_is_least);
  return json_response(out);
}

Result<Response> get_task_instance(Context& context, const Request& request) {
  const auto view = find_instance(context, request);
  if (!view) return view.error();
  json out = instance_json(context, *view);
  if (const auto row = context.services.history.checkpoint(view->row.key())) {
    out["batuta"]["checkpoint"] = {{"try_number", row->try_number},
                                   {"saved_at", to_iso(row->saved_at)},
                                   {"value", stored_json(row->checkpoint_json)}};
  }
  return json_response(out);
}

Result<Response> list_tries(Context& context, const Request& request) {
  const auto name = instance_name(request);
  if (!name) return name.error();
  const auto tries = context.services.history.tries(*name);
  if (tries.empty()) return no_such_task();
  json items = json::array();
  for (const auto& view : tries) items.push_back(instance_json(context, view));
  const auto total = static_cast<std::int64_t>(tries.size());
  return json_response(collection("task_instances", std::move(items), total));
}

Result<Response> get_try(Context& context, const Request& request) {
  const auto number = path_number(request, "task_try_number");
  if (!number) return number.error();
  const auto name = instance_name(request);
  if (!name) return name.error();
  for (const auto& view : context.services.history.tries(*name)) {
    if (view.row.try_number == *number) return json_response(instance_json(context, view));
  }
  return {Errc::not_found, "no such try of this task instance"};
}

void get_dependencies(Context& context, Call call) {
  context.work(call, [&context, call]() -> Status {
    const auto view = find_instance(context, *call.request);
    if (!view) return view.error();
    const auto answer = [call](const Result<std::vector<Reason>>& reasons) {
      if (!reasons) return call.respond(error_response(reasons.error()));
      json items = json::array();
      const auto may_read = [&](const std::string& dag_id) {
        return may(call.request->identity, Action::read, "dag:" + dag_id);
      };
      for (const auto& r : *reasons)
        items.push_back({{"name", r.name}, {"reason", sentence_of(r, may_read)}});
      call.respond(json_response({{"dependencies", items}}));
    };
    // Its run may have left memory.
    const auto version = context.find_version(view->dag_version);
    if (view->row.state == TaskState::failed && version && version->dag) {
      const RetryPolicy& policy = version->dag->tasks.at(view->row.task).retry;
      answer(std::vector{why_no_other_try(view->row, view->row.reason, policy, {})});
      return success();
    }
    if (view->row.state == TaskState::success && !view->row.reason.empty()) {
      answer(std::vector{Reason{"Success", view->row.reason}});
      return success();
    }
    context.services.backend.explain(view->row.key(), answer);
    return success();
  });
}

Result<Response> get_attempt_report(Context& context, const Request& request) {
  QueryReader query(request);
  const auto number = query.integer("try_number", 0, 1, std::numeric_limits<std::int32_t>::max());
  const bool allow_none = query.boolean("allow_none").value_or(false);
  if (!query.status()) return query.status().error();
  const auto view = find_instance(context, request);
  if (!view) return view.error();
  std::optional<std::int32_t> asked;
  if (number > 0) asked = static_cast<std::int32_t>(number);
  const auto row = context.services.history.attempt_report(view->row.key(), asked);
  if (row) return json_response(attempt_report_json(*row));
  // Most tries tell nothing: whoever asks for each, as the page does, is not refused for that.
  if (allow_none) {
    return json_response(
        {{"try_number", nullptr}, {"quality", json::array()}, {"lineage", json::array()}});
  }
  const std::string who = asked ? "try " + std::to_string(*asked) : std::string("no try");
  const std::string what = asked ? " reported nothing" : " reported anything";
  return {Errc::not_found, who + " of this task instance" + what + " about quality or lineage"};
}

}  // namespace batuta::http
