// Task instances by hand: marked, noted, taken out of their run; one by its path, or many by a
// body.
#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>
#include <tuple>

#include "scheduler/api/auth.h"
#include "scheduler/api/bulk.h"
#include "scheduler/api/codecs.h"
#include "scheduler/api/handlers.h"
#include "scheduler/api/params.h"
#include "scheduler/api/task_patch.h"
#include "scheduler/api/touched.h"

namespace batuta::http {

using nlohmann::json;

namespace {

constexpr std::size_t max_instance_note = 1000;

// Without an index a path means all instances of its task, as in Airflow.
bool means_all(const Request& request) {
  return !request.path_params.contains("map_index") && !request.query_value("map_index");
}

std::vector<FilterValue> one_of(const std::string& text) {
  return {FilterValue(text)};
}

// Instances of one task of a run, a page of them.
PageOf<TaskInstanceView> instances_of(Context& context, const InstanceName& name, bool all,
                                      const Page& page) {
  if (!all) {
    PageOf<TaskInstanceView> one;
    auto view = context.services.history.task_instance(name);
    one.total = view ? 1 : 0;
    if (view) one.rows.push_back(std::move(*view));
    return one;
  }
  TaskQuery query;
  query.dag_id = name.dag_id;
  query.dag_run_id = name.dag_run_id;
  query.filters.push_back({"task_id", Filter::Op::any, one_of(name.task_id)});
  query.order_by = {"map_index"};
  query.page = page;
  return context.services.history.task_instances(query);
}

// As they are now: the first thousand of them, and how many there are.
Result<Response> instances_answer(Context& context, const Request& request,
                                  const InstanceName& name) {
  const auto found = instances_of(context, name, means_all(request), {max_page, 0});
  if (found.rows.empty()) return {Errc::not_found, "no such task instance"};
  json items = json::array();
  for (const auto& view : found.rows) {
    items.push_back(task_instance_json(view, context.find_version(view.dag_version).get()));
  }
  return json_response(collection("task_instances", std::move(items), found.total));
}

// The rows of a dry run that would be another than they are.
Reply only_changing(Reply reply, TaskState to) {
  std::erase_if(reply.tasks, [&](const TaskInstanceRow& row) { return row.state == to; });
  return reply;
}

// `runs`: all that a mark is about, when they are more than the one of the path.
void send_patch(Context& context, const Call& call, const InstanceName& name,
                const TaskPatch& patch, const std::vector<RunRow>& runs) {
  const auto answer = [&context, call, name, patch, runs](const Reply& reply) {
    if (reply.code != Errc::ok) return call.respond(error_response(reply_error(reply)));
    context.finish(call, [&context, call, name, patch, runs, reply]() -> Result<Response> {
      if (!patch.mark || (reply.tasks.empty() && !patch.mark->dry_run))
        return instances_answer(context, *call.request, name);
      const auto all = runs.empty() ? std::vector{reply.run.value_or(RunRow{})} : runs;
      if (!patch.mark->dry_run) return touched_tasks(context, all, reply, true);
      return touched_tasks(context, all, only_changing(reply, patch.mark->state), false);
    });
  };
  auto& backend = context.services.backend;
  if (patch.mark) return backend.request(*patch.mark, answer);
  backend.request(*patch.note, answer);
}

// Fills in the runs of a mark that is meant for more than one. Reader thread.
Result<std::vector<RunRow>> spread(Context& context, TaskPatch& patch) {
  if (!patch.mark || (!patch.past && !patch.future)) return std::vector<RunRow>{};
  MarkRequested& mark = *patch.mark;
  auto runs = runs_of(context, {mark.dag_id, mark.dag_run_id, patch.past, patch.future, {}, {}});
  if (!runs) return runs;
  for (const RunRow& run : *runs) {
    if (run.dag_run_id != mark.dag_run_id) mark.more_runs.push_back({run.dag_run_id, {}});
  }
  return runs;
}

// Airflow's body of a task instance, of all instances of a group. `name.task_id` is empty.
void patch_group(Context& context, const Call& call, bool dry) {
  const Request& request = *call.request;
  const InstanceName name{
      path_param(request, "dag_id"), path_param(request, "dag_run_id"), {}, unmapped};
  const auto body = patch_body(
      request, {"include_upstream", "include_downstream", "include_past", "include_future"});
  if (!body) return call.respond(error_response(body.error()));
  BodyReader fields(request, *body);
  auto patch = read_task_patch(name, true, request.identity.user, *body, fields);
  if (fields.status() && !patch.mark) fields.fail("new_state", "must be given");
  if (!fields.status()) return call.respond(error_response(fields.status().error()));
  patch.mark->group_id = path_param(request, "group_id");
  patch.mark->dry_run = dry;
  context.work(call, [&context, call, name, patch]() mutable -> Status {
    const auto runs = spread(context, patch);
    if (!runs) return runs.error();
    send_patch(context, call, name, patch, *runs);
    return success();
  });
}

void patch_instances(Context& context, const Call& call, bool dry) {
  const auto name = instance_name(*call.request);
  if (!name) return call.respond(error_response(name.error()));
  // As in Airflow a mask does not take away how new_state is meant.
  const auto body = patch_body(
      *call.request, {"include_upstream", "include_downstream", "include_past", "include_future"});
  if (!body) return call.respond(error_response(body.error()));
  BodyReader fields(*call.request, *body);
  auto patch =
      read_task_patch(*name, means_all(*call.request), call.request->identity.user, *body, fields);
  if (fields.status() && !patch.mark && !patch.note && !dry) {
    fields.fail("new_state", "or note must be given");
  }
  if (!fields.status()) return call.respond(error_response(fields.status().error()));
  if (dry && !patch.mark) {
    return context.read(
        call, [&context, call, name] { return instances_answer(context, *call.request, *name); });
  }
  if (patch.mark) patch.mark->dry_run = dry;
  if (!patch.mark || (!patch.past && !patch.future)) {
    return send_patch(context, call, *name, patch, {});
  }
  context.work(call, [&context, call, name = *name, patch]() mutable -> Status {
    const auto runs = spread(context, patch);
    if (!runs) return runs.error();
    send_patch(context, call, name, patch, *runs);
    return success();
  });
}

}  // namespace

TaskPatch read_task_patch(const InstanceName& name, bool all, const std::string& user,
                          const json& body, BodyReader& fields) {
  TaskPatch patch;
  patch.past = fields.boolean("include_past").value_or(false);
  patch.future = fields.boolean("include_future").value_or(false);
  const bool upstream = fields.boolean("include_upstream").value_or(false);
  const bool downstream = fields.boolean("include_downstream").value_or(false);
  const auto note = fields.text("note", max_instance_note);
  if (const auto text = fields.text("new_state", 32)) {
    const auto state = parse_task_state(*text);
    const bool allowed = state && (*state == TaskState::success || *state == TaskState::failed ||
                                   *state == TaskState::skipped);
    if (!allowed) fields.fail("new_state", "must be success, failed or skipped");
    MarkRequested mark;
    mark.dag_id = name.dag_id;
    mark.dag_run_id = name.dag_run_id;
    mark.task_id = name.task_id;
    mark.map_index = name.map_index;
    mark.all_instances = all;
    mark.state = state.value_or(TaskState::success);
    mark.include_upstream = upstream;
    mark.include_downstream = downstream;
    mark.user = user;
    if (body.contains("note")) mark.note = note.value_or("");
    patch.mark = mark;
  } else if (body.contains("note")) {
    NoteSet set;
    set.dag_id = name.dag_id;
    set.dag_run_id = name.dag_run_id;
    set.task_id = name.task_id;
    set.map_index = name.map_index;
    set.all_instances = all;
    set.note = note.value_or("");
    set.user = user;
    patch.note = set;
  }
  return patch;
}

void patch_task_instance(Context& context, Call call) {
  patch_instances(context, call, false);
}
void try_patch_task_instance(Context& context, Call call) {
  patch_instances(context, call, true);
}

void patch_task_group(Context& context, Call call) {
  patch_group(context, call, false);
}
void try_patch_task_group(Context& context, Call call) {
  patch_group(context, call, true);
}

void delete_task_instance(Context& context, Call call) {
  const auto name = instance_name(*call.request);
  if (!name) return call.respond(error_response(name.error()));
  const InstanceDeleted event{0,
                              name->dag_id,
                              name->dag_run_id,
                              name->task_id,
                              name->map_index,
                              call.request->identity.user,
                              {}};
  context.services.backend.request(event, [call](const Reply& reply) {
    if (reply.code != Errc::ok) return call.respond(error_response(reply_error(reply)));
    call.respond(text_response("null"));
  });
}

// ---- many of them

namespace {

struct Named {
  InstanceName name;
  bool all = false;
};

Named named_by(const Request& request, const json& entity) {
  Named named{{path_param(request, "dag_id"), path_param(request, "dag_run_id"),
               bulk_name("task_id", entity), unmapped},
              true};
  if (!entity.is_object()) return named;
  const auto text = [&](const char* name, std::string& field) {
    const auto at = entity.find(name);
    const bool given = at != entity.end() && at->is_string();
    if (given && !at->get_ref<const std::string&>().empty()) field = at->get<std::string>();
  };
  text("dag_id", named.name.dag_id);
  text("dag_run_id", named.name.dag_run_id);
  BodyReader fields(entity, task_entity);
  if (const auto index = fields.integer("map_index", -1, max_map_length)) {
    named.name.map_index = MapIndex{static_cast<std::int32_t>(*index)};
    named.all = false;
  }
  return named;
}

std::string label(const InstanceName& name, MapIndex index) {
  return name.dag_id + "." + name.dag_run_id + "." + name.task_id + "[" +
         std::to_string(number_of(index)) + "]";
}

// Every instance that is meant, page by page; more than one action may touch are enough to tell.
std::vector<MapIndex> indexes_of(Context& context, const Named& named) {
  std::vector<MapIndex> found;
  for (Page page{max_page, 0};; page.offset += page.limit) {
    const auto part = instances_of(context, named.name, named.all, page);
    for (const auto& view : part.rows) {
      if (view.row.state != TaskState::removed) found.push_back(view.row.map_index);
    }
    const bool last = !named.all || page.offset + page.limit >= part.total;
    if (last || found.size() > max_cleared_tasks) return found;
  }
}

Status check_task(const Request& request, const json& entity) {
  if (!entity.is_object()) return success();
  BodyReader fields(entity, task_entity);
  fields.check(task_entity);
  fields.integer("map_index", -1, max_map_length);
  read_task_patch(named_by(request, entity).name, false, {}, entity, fields);
  return fields.status();
}

// What one entity asks; false: nothing of the action is done.
bool plan_entity(Context& context, const Request& request, const json& action, const json& entity,
                 json& result, std::vector<EngineWrite>& writes) {
  const bool deletes = action["action"] == "delete";
  const Named named = named_by(request, entity);
  const InstanceName& name = named.name;
  if (name.dag_id == "~" || name.dag_run_id == "~") {
    bulk_error(result, {Errc::malformed,
                        "with ~ in the path, dag_id and dag_run_id must be given in the body, for "
                        "task_id " +
                            name.task_id,
                        {}});
    return true;
  }
  const Action does = deletes ? Action::remove : Action::edit;
  if (!may(request.identity, does, "dag:" + name.dag_id)) {
    bulk_error(result, needs_right(does, "dag:" + name.dag_id));
    return true;
  }
  const auto indexes = indexes_of(context, named);
  if (indexes.empty()) {
    if (action.value("action_on_non_existence", json("fail")) == "skip") return true;
    bulk_error(result, {Errc::not_found,
                        "The task instances with these identifiers: " +
                            label(name, name.map_index) + " were not found",
                        {}});
    return false;
  }
  if (deletes) {
    for (const MapIndex index : indexes) {
      writes.push_back(
          {{label(name, index)},
           InstanceDeleted{
               0, name.dag_id, name.dag_run_id, name.task_id, index, request.identity.user, {}}});
    }
    return true;
  }
  const json masked =
      bulk_masked(action, entity,
                  {"task_id", "map_index", "dag_id", "dag_run_id", "include_upstream",
                   "include_downstream", "include_past", "include_future"});
  BodyReader fields(masked, task_entity);
  TaskPatch patch = read_task_patch(name, named.all, request.identity.user, masked, fields);
  EngineWrite write;
  for (const MapIndex index : indexes) write.names.push_back(label(name, index));
  if (const auto runs = spread(context, patch); !runs) {
    bulk_error(result, runs.error());
    return true;
  }
  if (patch.mark) write.event = *patch.mark;
  if (patch.note) write.event = *patch.note;
  writes.push_back(std::move(write));
  return true;
}

}  // namespace

void bulk_task_instances(Context& context, Call call) {
  EngineBulk kind;
  kind.key = "task_id";
  kind.no_create = "Task instances bulk create is not supported";
  kind.entity = [call](const json& entity, Action does) {
    return does == Action::create ? success() : check_task(*call.request, entity);
  };
  kind.plan = [&context, call](const json& action, json& result, const EngineBulk::Planned& then) {
    std::vector<EngineWrite> writes;
    for (const json& entity : action["entities"]) {
      if (plan_entity(context, *call.request, action, entity, result, writes)) continue;
      writes.clear();
      break;
    }
    then(std::move(writes));
  };
  run_engine_bulk(context, call, std::move(kind));
}

}  // namespace batuta::http
