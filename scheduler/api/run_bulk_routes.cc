// Many runs in one request: set, deleted, cleared.
#include <nlohmann/json.hpp>
#include <set>

#include "scheduler/api/asset_answers.h"
#include "scheduler/api/auth.h"
#include "scheduler/api/bulk.h"
#include "scheduler/api/codecs.h"
#include "scheduler/api/handlers.h"
#include "scheduler/api/params.h"
#include "scheduler/api/routes.h"
#include "scheduler/api/touched.h"

namespace batuta::http {

using nlohmann::json;

namespace {

constexpr std::size_t max_note = 1000;
constexpr std::size_t max_cleared_runs = max_page;

struct RunName {
  std::string dag_id;
  std::string dag_run_id;
  auto operator<=>(const RunName&) const = default;
};

// What an entity is about; "~" for the DAG when it does not say.
RunName run_name(const Request& request, const json& entity) {
  RunName name{path_param(request, "dag_id"), bulk_name("dag_run_id", entity)};
  if (!entity.is_object()) return name;
  const auto dag = entity.find("dag_id");
  if (dag != entity.end() && dag->is_string() && !dag->get_ref<const std::string&>().empty()) {
    name.dag_id = dag->get<std::string>();
  }
  return name;
}

Status may_do(const Request& request, const std::string& dag_id, Action does) {
  if (dag_id == "~" || may(request.identity, does, "dag:" + dag_id)) return success();
  return needs_right(does, "dag:" + dag_id);
}

Status check_run(const Request& request, const json& entity, Action does) {
  if (entity.is_object()) {
    BodyReader fields(entity, run_entity);
    fields.check(run_entity);
    fields.text("note", max_note);
    const auto state = fields.text("state", 32);
    if (state && *state != "queued" && *state != "success" && *state != "failed") {
      fields.fail("state", "must be queued, success or failed");
    }
    if (!fields.status()) return fields.status();
  }
  return may_do(request, run_name(request, entity).dag_id, does);
}

Error not_found(const std::vector<RunName>& missing) {
  std::string text = "The DagRuns with these identifiers:";
  for (std::size_t i = 0; i < missing.size() && i < 10; ++i) {
    text.append(" ").append(missing[i].dag_id).append(".").append(missing[i].dag_run_id);
  }
  if (missing.size() > 10) text += " and " + std::to_string(missing.size() - 10) + " more";
  return {Errc::not_found, text + " were not found", {}};
}

EngineWrite write_of(const RunName& name, const json& entity, bool deletes,
                     const std::string& user) {
  EngineWrite write{{name.dag_id + "." + name.dag_run_id}, std::nullopt};
  if (deletes) {
    write.event = RunDeleted{0, name.dag_id, name.dag_run_id, user, {}};
    return write;
  }
  BodyReader fields(entity, run_entity);
  const auto note = fields.text("note", max_note);
  if (const auto state = fields.text("state", 32)) {
    RunStateRequested event;
    event.dag_id = name.dag_id;
    event.dag_run_id = name.dag_run_id;
    event.state = *parse_run_state(*state);
    event.user = user;
    event.note = note;
    write.event = event;
  } else if (note) {
    NoteSet event;
    event.dag_id = name.dag_id;
    event.dag_run_id = name.dag_run_id;
    event.note = *note;
    event.user = user;
    write.event = event;
  }
  return write;
}

// Reader thread.
std::vector<EngineWrite> plan_runs(Context& context, const Request& request, const json& action,
                                   json& result) {
  const bool deletes = action["action"] == "delete";
  std::vector<std::pair<RunName, const json*>> named;
  for (const json& entity : action["entities"]) {
    RunName name = run_name(request, entity);
    if (name.dag_id != "~" && name.dag_run_id != "~") {
      // Of two that name one run the later counts.
      std::erase_if(named, [&](const auto& one) { return one.first == name; });
      named.emplace_back(std::move(name), &entity);
      continue;
    }
    bulk_error(result, {Errc::malformed,
                        "with ~ in the path, dag_id must be given in the body, for dag_run_id " +
                            name.dag_run_id,
                        {}});
  }
  std::vector<RunName> missing;
  for (const auto& [name, entity] : named) {
    if (!context.services.history.run(name.dag_id, name.dag_run_id)) missing.push_back(name);
  }
  if (!missing.empty() && action.value("action_on_non_existence", json("fail")) == "fail") {
    bulk_error(result, not_found(missing));
    return {};
  }
  std::vector<EngineWrite> writes;
  for (const auto& [name, entity] : named) {
    if (std::find(missing.begin(), missing.end(), name) != missing.end()) continue;
    const json masked = bulk_masked(action, *entity, {"dag_run_id", "dag_id"});
    writes.push_back(write_of(name, masked, deletes, request.identity.user));
  }
  return writes;
}

}  // namespace

void bulk_runs(Context& context, Call call) {
  EngineBulk kind;
  kind.key = "dag_run_id";
  kind.no_create =
      "Dag Runs bulk create is not supported. Use the trigger Dag Run endpoint instead.";
  kind.entity = [call](const json& entity, Action does) {
    return does == Action::create ? success() : check_run(*call.request, entity, does);
  };
  kind.plan = [&context, call](const json& action, json& result, const EngineBulk::Planned& then) {
    then(plan_runs(context, *call.request, action, result));
  };
  run_engine_bulk(context, call, std::move(kind));
}

namespace {

struct ClearMany {
  std::vector<RunName> runs;  // each once
  ClearRequested event;
};

Status read_selection(Context& context, const Request& request, BodyReader& fields,
                      std::vector<RunName>& runs) {
  const json* list = fields.value("dag_runs");
  const bool keyed = fields.has("partition_key");
  const bool dated = fields.has("partition_date_start") || fields.has("partition_date_end");
  const bool some = list && list->is_array() && !list->empty();
  if (list && !list->is_array()) fields.fail("dag_runs", "must be a list");
  if (fields.status() && int{some} + int{keyed} + int{dated} != 1) {
    fields.fail("dag_runs", "or partition_key or partition dates must be given, one of them alone");
  }
  if (!fields.status()) return fields.status();
  const std::string& of_path = path_param(request, "dag_id");
  if (!some) {
    if (of_path == "~") {
      return {Errc::malformed, "partitions are those of one DAG; ~ is not supported", {}};
    }
    if (const auto ok = may_do(request, of_path, Action::edit); !ok) return ok;
    const auto found = runs_of_partition(context, of_path, fields);
    if (!found) return found.error();
    for (const RunRow& run : *found) runs.push_back({run.dag_id, run.dag_run_id});
    return success();
  }
  if (list->size() > max_cleared_runs) fields.fail("dag_runs", "must be at most 1000");
  std::set<RunName> seen;
  for (const json& entity : *list) {
    if (!fields.status()) return fields.status();
    if (!entity.is_object() || bulk_name("dag_run_id", entity).empty()) {
      fields.fail("dag_runs", "must be objects, each with its dag_run_id");
      continue;
    }
    if (const auto ok = check_run(request, entity, Action::edit); !ok) {
      if (ok.error().code != Errc::invalid) return ok;
      fields.fail("dag_runs", ok.error().message);
      continue;
    }
    const RunName name = run_name(request, entity);
    if (name.dag_id == "~") {
      return {Errc::malformed,
              "with ~ in the path, every entry must have its dag_id: missing on dag_run_id '" +
                  name.dag_run_id + "'",
              {}};
    }
    if (of_path != "~" && name.dag_id != of_path) {
      return {Errc::malformed,
              "dag_id '" + name.dag_id + "' is not that of the path, '" + of_path + "'",
              {}};
    }
    if (seen.insert(name).second) runs.push_back(name);
  }
  return fields.status();
}

Result<ClearMany> read_clear_many(Context& context, const Request& request) {
  const auto body = body_object(request);
  if (!body) return body.error();
  BodyReader fields(request, *body);
  fields.check(*request.route->body);
  ClearMany many;
  ClearRequested& event = many.event;
  event.dry_run = fields.boolean("dry_run").value_or(true);
  event.only_failed = fields.boolean("only_failed").value_or(false);
  event.only_new = fields.boolean("only_new").value_or(false);
  event.run_note = fields.text("note", max_note);
  event.user = request.identity.user;
  if (event.only_new && event.only_failed) {
    fields.fail("only_new", "and only_failed exclude each other");
  }
  event.on_latest_version = fields.boolean("run_on_latest_version").value_or(false);
  if (!fields.status()) return fields.status().error();
  if (const auto ok = read_selection(context, request, fields, many.runs); !ok) return ok.error();
  for (const RunName& run : many.runs) {
    if (&run == &many.runs.front()) {
      event.dag_id = run.dag_id;
      event.dag_run_id = run.dag_run_id;
    } else {
      event.more_runs.push_back({run.dag_run_id, {}, run.dag_id});
    }
  }
  return many;
}

// Reader thread.
Result<Response> cleared_runs(Context& context, const std::vector<RunName>& names) {
  json items = json::array();
  for (const RunName& name : names) {
    const auto run = context.services.history.run(name.dag_id, name.dag_run_id);
    if (run) items.push_back(run_json(*run, context.find_version(run->dag_version).get()));
  }
  const auto total = static_cast<std::int64_t>(items.size());
  return json_response(collection("dag_runs", std::move(items), total));
}

Result<Response> would_clear(Context& context, const std::vector<RunName>& names,
                             const Reply& reply) {
  std::vector<RunRow> rows;
  for (const RunName& name : names) {
    auto run = context.services.history.run(name.dag_id, name.dag_run_id);
    if (run) rows.push_back(std::move(*run));
  }
  return touched_tasks(context, rows, reply, false);
}

}  // namespace

void clear_dag_runs(Context& context, Call call) {
  context.work(call, [&context, call]() -> Status {
    auto read = read_clear_many(context, *call.request);
    if (!read) return read.error();
    const bool dry = read->event.dry_run;
    if (read->runs.empty()) {
      const char* plural = dry ? "task_instances" : "dag_runs";
      call.respond(json_response(collection(plural, json::array(), 0)));
      return success();
    }
    context.services.backend.request(
        read->event, [&context, call, dry, names = read->runs](const Reply& reply) {
          if (reply.code != Errc::ok) return call.respond(error_response(reply_error(reply)));
          context.finish(call, [&context, dry, names, reply] {
            return dry ? would_clear(context, names, reply) : cleared_runs(context, names);
          });
        });
    return success();
  });
}

}  // namespace batuta::http
