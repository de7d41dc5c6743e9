// What tasks returned, and XComs by hand.
#include <limits>
#include <nlohmann/json.hpp>

#include "common/run_files.h"
#include "common/safe_json.h"
#include "scheduler/api/codecs.h"
#include "scheduler/api/handlers.h"
#include "scheduler/api/params.h"
#include "scheduler/api/xcom_file.h"
#include "scheduler/store/sealed_value.h"

namespace batuta::http {

using nlohmann::json;

namespace {

constexpr std::size_t max_xcom = 64 << 10;  // as of a task's own
constexpr std::size_t max_key = 250;

Error no_such_instance() {
  return {Errc::not_found, "no such task instance", {}};
}

TaskInstanceView instance_of(const XcomView& xcom) {
  TaskInstanceView view;
  view.dag_id = xcom.dag_id;
  view.dag_run_id = xcom.dag_run_id;
  view.task_id = xcom.task_id;
  view.logical_date = xcom.logical_date;
  view.run_after = xcom.run_after;
  return view;
}
}  // namespace

// "~" in the place of a DAG, run or task is any of them.
Result<Response> list_xcoms(Context& context, const Request& request) {
  QueryReader query(request);
  XcomQuery xcoms;
  xcoms.filters = query.filters();
  xcoms.order_by = query.order_by();
  xcoms.page = query.page();
  if (!query.status()) return query.status().error();
  const auto named = [](const std::string& id) {
    return id == "~" ? std::nullopt : std::optional(id);
  };
  xcoms.dag_id = named(path_param(request, "dag_id"));
  xcoms.dag_run_id = named(path_param(request, "dag_run_id"));
  xcoms.task_id = named(path_param(request, "task_id"));
  xcoms.sight = seen_dags(request);
  const auto found = context.services.history.xcoms(xcoms);
  if (found.total == 0 && xcoms.dag_id && xcoms.dag_run_id && xcoms.task_id) {
    TaskQuery any;
    any.dag_id = xcoms.dag_id;
    any.dag_run_id = xcoms.dag_run_id;
    any.filters.push_back({"task_id", Filter::Op::any, {*xcoms.task_id}});
    any.page.limit = 1;
    if (context.services.history.task_instances(any).total == 0) return no_such_instance();
  }
  json items = json::array();
  for (const auto& view : found.rows) items.push_back(xcom_json(view.row, instance_of(view)));
  return json_response(collection("xcom_entries", std::move(items), found.total));
}

Result<Response> get_xcom(Context& context, const Request& request) {
  QueryReader query(request);
  const bool as_text = query.boolean("stringify").value_or(false);
  if (query.boolean("deserialize").value_or(false)) {
    query.fail("deserialize", "is not supported: values are JSON");
  }
  if (!query.status()) return query.status().error();
  const auto name = instance_name(request);
  if (!name) return name.error();
  const auto view = context.services.history.task_instance(*name);
  if (!view) return no_such_instance();
  const auto row = context.services.history.xcom(view->row.key(), path_param(request, "xcom_key"));
  if (!row) return {Errc::not_found, "no such XCom entry"};
  json out = xcom_json(*row, *view);
  if (const auto file = result_file_of(row->value_json)) {
    return answer_of_file(json_text(out), as_text,
                          result_path(context.services.home, view->run_uuid, view->task_id, *file),
                          file->bytes);
  }
  const std::string text = shown_value(row->value_json);
  json value = stored_json(text);
  // As text a string is itself, and nothing is nothing.
  if (as_text && !value.is_string() && !value.is_null()) value = text;
  out["value"] = std::move(value);
  return json_response(out);
}

namespace {

void read_xcom_value(const json& body, BodyReader& fields, XcomEdited& event) {
  const auto value = body.find("value");
  if (value == body.end()) return fields.fail("value", "is required");
  // Nobody gives away what looks like a secret that the installation has sealed.
  if (value->is_object() && value->contains("batuta:sealed")) {
    fields.fail("value", "must not have a member batuta:sealed");
  }
  // Nor makes anybody believe that a value lies in a file.
  if (value->is_object() && value->contains("batuta:file")) {
    fields.fail("value", "must not have a member batuta:file");
  }
  event.value_json = json_text(*value);
  if (event.value_json.size() > max_xcom) fields.fail("value", "must be at most 64 KiB of JSON");
}

std::int32_t read_index(BodyReader& fields) {
  const auto index = fields.integer("map_index", -1, max_map_length);
  return static_cast<std::int32_t>(index.value_or(-1));
}

// Finds the instance, asks the engine, and answers with what is there then.
void edit_xcom(Context& context, const Call& call, const XcomEdited& asked, int status) {
  context.work(call, [&context, call, asked, status]() -> Status {
    XcomEdited event = asked;
    event.dag_id = path_param(*call.request, "dag_id");
    event.dag_run_id = path_param(*call.request, "dag_run_id");
    event.task_id = path_param(*call.request, "task_id");
    event.user = call.request->identity.user;
    const auto view = context.services.history.task_instance(
        {event.dag_id, event.dag_run_id, event.task_id, event.map_index});
    if (!view) return no_such_instance();
    event.instance = view->row.key();
    const auto answer = [&context, call, event, view = *view, status](const Reply& reply) {
      if (reply.code != Errc::ok) return call.respond(error_response(reply_error(reply)));
      if (event.kind == XcomEdited::Kind::remove) return call.respond(no_content());
      context.finish(call, [&context, event, view, status]() -> Result<Response> {
        const auto row = context.services.history.xcom(event.instance, event.key);
        if (!row) return {Errc::not_found, "the XCom entry was removed meanwhile"};
        json out = xcom_json(*row, view);
        out["value"] = stored_json(shown_value(row->value_json));
        return json_response(out, status);
      });
    };
    context.services.backend.request(event, answer);
    return success();
  });
}

}  // namespace

void create_xcom(Context& context, Call call) {
  const auto body = body_object(*call.request);
  if (!body) return call.respond(error_response(body.error()));
  BodyReader fields(*call.request, *body);
  XcomEdited event;
  event.kind = XcomEdited::Kind::create;
  event.key = fields.required_text("key", max_key);
  if (fields.status() && event.key.empty()) fields.fail("key", "is required");
  event.map_index = MapIndex{read_index(fields)};
  read_xcom_value(*body, fields, event);
  if (!fields.status()) return call.respond(error_response(fields.status().error()));
  edit_xcom(context, call, event, 201);
}

void patch_xcom(Context& context, Call call) {
  const auto body = body_object(*call.request);
  if (!body) return call.respond(error_response(body.error()));
  BodyReader fields(*call.request, *body);
  XcomEdited event;
  event.kind = XcomEdited::Kind::change;
  event.key = path_param(*call.request, "xcom_key");
  event.map_index = MapIndex{read_index(fields)};
  read_xcom_value(*body, fields, event);
  if (!fields.status()) return call.respond(error_response(fields.status().error()));
  edit_xcom(context, call, event, 200);
}

void delete_xcom(Context& context, Call call) {
  const auto name = instance_name(*call.request);
  if (!name) return call.respond(error_response(name.error()));
  XcomEdited event;
  event.kind = XcomEdited::Kind::remove;
  event.key = path_param(*call.request, "xcom_key");
  event.map_index = name->map_index;
  edit_xcom(context, call, event, 204);
}

}  // namespace batuta::http
