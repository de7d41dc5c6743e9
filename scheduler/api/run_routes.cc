#include <algorithm>
#include <atomic>
#include <nlohmann/json.hpp>

#include "common/ids.h"
#include "common/safe_json.h"
#include "common/uuid.h"
#include "lakelog/branch.h"
#include "scheduler/api/asset_answers.h"
#include "scheduler/api/codecs.h"
#include "scheduler/api/handlers.h"
#include "scheduler/api/lake_branches.h"
#include "scheduler/api/params.h"
#include "scheduler/api/row_lists.h"
#include "scheduler/api/run_answers.h"
#include "scheduler/dagfile/run_branch.h"
#include "scheduler/dagfile/run_conf.h"
#include "scheduler/store/sealed_value.h"

namespace batuta::http {

using nlohmann::json;

namespace {

constexpr auto longest_wait = std::chrono::seconds(60);

Error no_such_run() {
  return {Errc::not_found, "no such run of this DAG", {}};
}

Result<RunRow> find_run(Context& context, const Request& request) {
  const std::string& dag_id = path_param(request, "dag_id");
  const std::string& run_id = path_param(request, "dag_run_id");
  auto run = context.services.history.run(dag_id, run_id);
  if (!run) return no_such_run();
  return std::move(*run);
}

// The run's answer: rendered at once when its version is known, else after a look-up.
void answer_run(Context& context, const Call& call, const RunRow& run) {
  if (const auto version = context.known_version(run.dag_version)) {
    return context.on_io([call, run, version] {
      call.respond(text_response(run_text(run, version.get(), is_old_client(*call.request))));
    });
  }
  context.finish(call, [&context, run, old = is_old_client(*call.request)]() -> Result<Response> {
    return text_response(run_text(run, context.find_version(run.dag_version).get(), old));
  });
}

}  // namespace

std::function<void(Reply)> answering_run(Context& context, const Call& call) {
  return [&context, call](const Reply& reply) {
    if (reply.code != Errc::ok) return call.respond(error_response(reply_error(reply)));
    if (reply.run) return answer_run(context, call, *reply.run);
    context.finish(call, [&context, call] { return get_run(context, *call.request); });
  };
}

namespace {

// Airflow keeps conf with a space after each colon and comma, we keep it without: what is written
// either way is found, also when it is a piece of an object only.
std::string conf_pattern(const std::string& written) {
  for (const std::string& text : {written, "{" + written + "}"}) {
    const auto value = parse_untrusted(text);
    if (!value || value->is_string()) continue;
    std::string compact = json_text(*value);
    return text == written ? compact : compact.substr(1, compact.size() - 2);
  }
  return written;
}

// `text` as a part of a value, whatever signs of LIKE's stand in it.
FilterValue containing(const std::string& text) {
  std::string pattern = "%";
  for (const char c : text) {
    if (c == '%' || c == '_' || c == '\\') pattern += '\\';
    pattern += c;
  }
  return pattern + "%";
}

void read_states(QueryReader& query, RunQuery& out) {
  const auto states = query.list("state");
  for (const auto& text : states) {
    const auto state = parse_run_state(text);
    if (state) out.states.push_back(*state);
    if (!state) query.fail("state", "must be queued, running, success or failed");
  }
  Filter types{"run_type", Filter::Op::any, {}};
  for (const auto& text : query.list("run_type")) {
    static constexpr RunType all[] = {RunType::manual, RunType::scheduled, RunType::backfill,
                                      RunType::asset_triggered, RunType::asset_materialization};
    const auto type = std::find_if(std::begin(all), std::end(all),
                                   [&](RunType one) { return text == to_string(one); });
    if (type == std::end(all)) {
      query.fail("run_type",
                 "must be manual, scheduled, backfill, asset_triggered or asset_materialization");
    } else {
      types.values.emplace_back(static_cast<std::int64_t>(*type));
    }
  }
  if (!types.values.empty()) out.filters.push_back(std::move(types));
}

Result<RunQuery> read_run_query(const Request& request) {
  QueryReader query(request);
  RunQuery out;
  const std::string& dag_id = path_param(request, "dag_id");
  if (dag_id != "~") out.dag_id = dag_id;
  out.sight = seen_dags(request);
  auto list = query.list_query();
  out.filters = std::move(list.filters);
  out.order_by = std::move(list.order_by);
  out.page = list.page;
  read_states(query, out);
  if (const auto part = query.text("conf_contains")) {
    out.filters.push_back(conf_filter(*part));
  }
  if (!query.status()) return query.status().error();
  return out;
}

}  // namespace

std::string client_name(const Request& request) {
  if (request.identity.by_cookie) return "ui";
  const std::string* agent = request.header("user-agent");
  return agent && agent->starts_with("batuta-cli") ? "cli" : "rest_api";
}

namespace {

Status read_conf(const Dag& dag, BodyReader& fields, RunRequested& event) {
  const json* conf = fields.value("conf");
  if (conf && !conf->is_object()) fields.fail("conf", "must be an object");
  if (!fields.status()) return fields.status();
  return set_conf(dag, conf ? json_text(*conf) : "{}", event);
}

// ["load", "report"]: these tasks alone.
void read_only(BodyReader& fields, RunRequested& event) {
  const json* only = fields.value("only");
  event.with_upstream = fields.boolean("only_with_upstream").value_or(false);
  if (only == nullptr) {
    if (event.with_upstream) fields.fail("only_with_upstream", "needs \"only\"");
    return;
  }
  const bool list =
      only->is_array() && !only->empty() && only->size() <= max_tasks_per_dag &&
      std::all_of(only->begin(), only->end(), [](const json& id) { return id.is_string(); });
  if (!list) return fields.fail("only", "must be a list of task ids, of at least one");
  for (const json& id : *only) event.only.push_back(id.get<std::string>());
}

// Its name; which branch of that name it is is looked up before the run is asked for.
Status read_branch(const Dag& dag, BodyReader& fields, RunRequested& event) {
  event.branch = fields.text("branch", 64).value_or("");
  if (!fields.has("branch") || !fields.status()) return fields.status();
  if (!lakelog::valid_branch_name(event.branch))
    return {Errc::invalid, lakelog::no_branch_name(event.branch), "/branch"};
  if (event.logical_date)
    return {Errc::invalid,
            "and branch exclude each other: a run on a branch takes no date of the schedule; "
            "data_interval_start and data_interval_end say which data it is about",
            "/logical_date"};
  return check_branch_tasks(dag, event.only);
}

Status read_trigger(const Request& request, const Dag& dag, const json& body, RunRequested& event) {
  BodyReader fields(request, body);
  event.dag_id = dag.id;
  event.dag_run_id = fields.text("dag_run_id", 250).value_or("");
  if (fields.status() && fields.has("dag_run_id") && !valid_run_id(event.dag_run_id)) {
    return {Errc::malformed,  // as in Airflow
            "dag_run_id must be 1 to 250 of A-Z a-z 0-9 _ . ~ : + - without '..'", "/dag_run_id"};
  }
  event.logical_date = fields.time("logical_date");
  event.data_interval_start = fields.time("data_interval_start");
  event.data_interval_end = fields.time("data_interval_end");
  if (event.data_interval_start.has_value() != event.data_interval_end.has_value()) {
    fields.fail("data_interval_start", "and data_interval_end must be given together");
  }
  event.run_after = fields.time("run_after");
  event.note = fields.text("note", max_run_note).value_or("");
  if (const std::string* key = request.header("idempotency-key")) {
    if (key->empty() || key->size() > 200) {
      return {Errc::invalid, "must be 1 to 200 bytes long", "header.Idempotency-Key"};
    }
    event.idempotency_key = *key;
  }
  event.partition_key = read_partition_key(fields);
  if (!fields.status()) return fields.status();
  read_only(fields, event);
  if (auto ready = read_branch(dag, fields, event); !ready) return ready;
  event.request_digest = stable_uuid("trigger:" + json_text(body));
  event.triggered_by = client_name(request);
  event.user = request.identity.user;
  return read_conf(dag, fields, event);
}

std::optional<RunStateRequested> state_change(const Request& request, BodyReader& fields) {
  const auto text = fields.text("state", 32);
  const auto paused = fields.boolean("is_paused");
  if (text && paused) fields.fail("is_paused", "and state exclude each other");
  if (paused) {
    RunStateRequested event;
    event.dag_id = path_param(request, "dag_id");
    event.dag_run_id = path_param(request, "dag_run_id");
    event.user = request.identity.user;
    event.paused = *paused;
    return event;
  }
  if (!text) return std::nullopt;
  const auto state = parse_run_state(*text);
  if (!state || *state == DagRunState::running) {
    fields.fail("state", "must be queued, success or failed");
    return std::nullopt;
  }
  RunStateRequested event;
  event.dag_id = path_param(request, "dag_id");
  event.dag_run_id = path_param(request, "dag_run_id");
  event.state = *state;
  event.user = request.identity.user;
  return event;
}

// {"state": …} on one line, as Airflow's endpoint ends: JSON, and a whole NDJSON stream too.
// Airflow's clients ask for either and understand the first type alone.
Response wait_line(const Request& request, const json& line) {
  Response response;
  const std::string* accept = request.header("accept");
  if (accept && accept->starts_with("application/x-ndjson")) {
    response.content_type = "application/x-ndjson";
  }
  response.body = json_text(line) + "\n";
  return response;
}

// With `results` when XComs were asked for.
Result<Response> wait_answer(Context& context, const Request& request, const std::string& state) {
  json line = {{"state", state}};
  const auto wanted = QueryReader(request).list("result");
  if (!wanted.empty()) {
    line["results"] = json::object();
    for (const auto& task_id : wanted) {
      const auto view = context.services.history.task_instance(
          {path_param(request, "dag_id"), path_param(request, "dag_run_id"), task_id, unmapped});
      if (!view) return {Errc::not_found, "no such task in this run"};
      const auto xcom = context.services.history.xcom(view->row.key(), "return_value");
      line["results"][task_id] = xcom ? stored_json(shown_value(xcom->value_json)) : json(nullptr);
    }
  }
  return wait_line(request, line);
}

// One waiting client: whoever learns the end first, feed or store, answers.
struct Wait {
  Call call;
  std::uint64_t ticket = 0;
  bool results = false;  // XComs were asked for
  std::atomic<bool> answered{false};
};

}  // namespace

Filter conf_filter(const std::string& part) {
  return {"conf", Filter::Op::like, {containing(conf_pattern(part))}};
}

Result<Response> list_runs(Context& context, const Request& request) {
  const auto query = read_run_query(request);
  if (!query) return query.error();
  return run_page(context, request, *query);
}

Result<Response> run_page(Context& context, const Request& request, const RunQuery& query) {
  const auto runs = context.services.history.runs(query);
  if (runs.total == 0 && query.dag_id &&
      context.services.history.dag_summaries({*query.dag_id}, 0).empty()) {
    return {Errc::not_found, "The Dag with ID: `" + *query.dag_id + "` was not found"};
  }
  json items = json::array();
  for (const auto& run : runs.rows) {
    items.push_back(
        run_json(run, context.find_version(run.dag_version).get(), is_old_client(request)));
  }
  json out = collection("dag_runs", std::move(items), runs.total);
  add_cursors(request, query.page, runs.total, out);
  return json_response(out);
}

Result<Response> get_run(Context& context, const Request& request) {
  const auto run = find_run(context, request);
  if (!run) return run.error();
  return text_response(
      run_text(*run, context.find_version(run->dag_version).get(), is_old_client(request)));
}

void trigger_run(Context& context, Call call) {
  const auto body = body_object(*call.request);
  if (!body) return call.respond(error_response(body.error()));
  const std::string& dag_id = path_param(*call.request, "dag_id");
  const auto bag = context.services.backend.dags();
  const auto it = bag->dags.find(dag_id);
  if (it == bag->dags.end()) {
    return call.respond(
        error_response({Errc::not_found, "The Dag with ID: `" + dag_id + "` was not found", {}}));
  }
  RunRequested event;
  if (const auto ok = read_trigger(*call.request, *it->second, *body, event); !ok) {
    return call.respond(error_response(ok.error()));
  }
  event.uuid = make_uuid_v7(context.now());
  if (event.branch.empty())
    return context.services.backend.request(std::move(event), answering_run(context, call));
  context.work(call, [&context, call, asked = std::move(event)]() -> Status {
    const auto branch = asked_branch(context, asked.branch);
    if (!branch) return branch.error();
    RunRequested ready = asked;
    ready.branch = *branch;
    context.services.backend.request(std::move(ready), answering_run(context, call));
    return success();
  });
}

void patch_run(Context& context, Call call) {
  const auto body = patch_body(*call.request);
  if (!body) return call.respond(error_response(body.error()));
  BodyReader fields(*call.request, *body);
  auto change = state_change(*call.request, fields);
  const bool noted = body->contains("note");
  const std::string note = fields.text("note", max_run_note).value_or("");
  if (fields.status() && !change && !noted) fields.fail("state", "is_paused or note must be given");
  if (!fields.status()) return call.respond(error_response(fields.status().error()));

  NoteSet set_note;
  set_note.dag_id = path_param(*call.request, "dag_id");
  set_note.dag_run_id = path_param(*call.request, "dag_run_id");
  set_note.note = note;
  set_note.user = call.request->identity.user;
  auto answer = answering_run(context, call);
  if (!change) return context.services.backend.request(set_note, answer);
  if (noted) change->note = note;
  context.services.backend.request(*change, answer);
}

void delete_run(Context& context, Call call) {
  RunDeleted event;
  event.dag_id = path_param(*call.request, "dag_id");
  event.dag_run_id = path_param(*call.request, "dag_run_id");
  event.user = call.request->identity.user;
  context.services.backend.request(event, [call](const Reply& reply) {
    call.respond(reply.code == Errc::ok ? no_content() : error_response(reply_error(reply)));
  });
}

void wait_for_run(Context& context, Call call) {
  QueryReader query(*call.request);
  auto wait = std::make_shared<Wait>();
  wait->call = call;
  wait->results = !query.list("result").empty();
  query.above_zero("interval");
  if (!query.status()) return call.respond(error_response(query.status().error()));
  const auto tell = [&context, wait](const std::string& state) {
    if (wait->answered.exchange(true)) return;
    if (!wait->results)
      return wait->call.respond(wait_line(*wait->call.request, {{"state", state}}));
    context.finish(wait->call, [&context, wait, state] {
      return wait_answer(context, *wait->call.request, state);
    });
  };
  // First listen, then look: a run that ends in between is seen by one of the two.
  const auto ticket = context.services.hub.wait_for_run(
      path_param(*call.request, "dag_id"), path_param(*call.request, "dag_run_id"),
      call.request->holder(), longest_wait,
      [&context, wait, tell](const std::optional<std::string>& state) {
        if (state) return tell(*state);
        if (wait->answered.exchange(true)) return;
        context.finish(wait->call, [&context, wait]() -> Result<Response> {
          const auto run = find_run(context, *wait->call.request);
          if (!run) return run.error();
          return wait_answer(context, *wait->call.request, std::string(to_string(run->state)));
        });
      });
  if (!ticket) return call.respond(error_response(ticket.error()));
  wait->ticket = *ticket;
  call.request->on_gone = [&context, gone = *ticket] { context.services.hub.stop_waiting(gone); };
  context.work(call, [&context, wait, tell]() -> Status {
    const auto run = find_run(context, *wait->call.request);
    if (run && !is_terminal(run->state)) return success();
    context.on_io([&context, wait] { context.services.hub.stop_waiting(wait->ticket); });
    if (run) {
      tell(std::string(to_string(run->state)));
      return success();
    }
    return wait->answered.exchange(true) ? success() : Status(run.error());
  });
}

}  // namespace batuta::http
