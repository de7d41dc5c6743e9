// Clear: of one run by its id, or of every run between two dates.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "common/safe_json.h"
#include "scheduler/api/codecs.h"
#include "scheduler/api/handlers.h"
#include "scheduler/api/params.h"
#include "scheduler/api/touched.h"

namespace batuta::http {

using nlohmann::json;

namespace {

// Runs one request may look at; their tasks are bounded by max_cleared_tasks.
constexpr std::int64_t max_runs = max_page;
constexpr std::size_t max_note = 1000;

// One entry of task_ids: an id, or [id, map index], which means that instance alone; -1 is that of
// a task that is not mapped, or not expanded yet.
struct NamedTask {
  std::string id;
  std::optional<MapIndex> map_index;
};
std::optional<NamedTask> read_task(const json& item) {
  if (item.is_string()) return NamedTask{item.get<std::string>(), std::nullopt};
  if (!item.is_array() || item.size() != 2 || !item[0].is_string()) return std::nullopt;
  const auto index = json_int(item[1]);
  if (!index || *index < -1 || *index > max_map_length) return std::nullopt;
  return NamedTask{item[0].get<std::string>(), MapIndex{static_cast<std::int32_t>(*index)}};
}

// ["a", ["b", 3]]
void read_task_ids(BodyReader& fields, ClearRequested& event) {
  const json* list = fields.value("task_ids");
  if (!list) return;
  if (!list->is_array() || list->size() > max_cleared_tasks) {
    return fields.fail(
        "task_ids", "must be a list of at most " + std::to_string(max_cleared_tasks) + " task ids");
  }
  if (list->empty()) fields.fail("task_ids", "must name a task; leave it out for all tasks");
  for (const auto& item : *list) {
    const auto task = read_task(item);
    if (!task) {
      fields.fail("task_ids", "must be a list of task ids, or of [task id, map index]");
      break;
    }
    event.task_ids.push_back(task->id);
    event.map_indexes.push_back(task->map_index);
  }
}

struct Clear {
  ClearRequested event;
  std::optional<std::string> note{};
  // Runs by date, when the request is not about the one that event.dag_run_id names.
  bool past = false;
  bool future = false;
  OptTime start, end;

  bool of_one_run() const { return !event.dag_run_id.empty() && !past && !future; }
};

void read_runs(BodyReader& fields, Clear& clear) {
  clear.event.dag_run_id = fields.text("dag_run_id", 250).value_or("");
  clear.past = fields.boolean("include_past").value_or(false);
  clear.future = fields.boolean("include_future").value_or(false);
  clear.start = fields.time("start_date");
  clear.end = fields.time("end_date");
  const bool dated = clear.start || clear.end;
  if (clear.event.dag_run_id.empty() == !dated) {
    fields.fail("dag_run_id",
                "or else start_date and end_date must say which runs are meant; not both");
  }
  if (clear.start && clear.end && *clear.end < *clear.start) {
    fields.fail("end_date", "lies before start_date");
  }
  // As in Airflow: these open the range on their side.
  if (clear.past) clear.start.reset();
  if (clear.future) clear.end.reset();
}

Result<Clear> read_clear(const Request& request, const json& body) {
  BodyReader fields(request, body);
  Clear clear;
  ClearRequested& event = clear.event;
  event.dag_id = path_param(request, "dag_id");
  read_runs(fields, clear);
  read_task_ids(fields, event);
  event.only_running = fields.boolean("only_running").value_or(false);
  const auto only_failed = fields.boolean("only_failed");
  if (event.only_running && only_failed.value_or(false)) {
    fields.fail("only_failed", "and only_running exclude each other");
  }
  // It is on by default, and must then not contradict what was asked for.
  event.only_failed = only_failed.value_or(!event.only_running);
  event.include_upstream = fields.boolean("include_upstream").value_or(false);
  event.include_downstream = fields.boolean("include_downstream").value_or(false);
  event.reset_dag_runs = fields.boolean("reset_dag_runs").value_or(true);
  event.prevent_running = fields.boolean("prevent_running_task").value_or(false);
  event.dry_run = fields.boolean("dry_run").value_or(true);
  event.user = request.identity.user;
  clear.note = fields.text("note", max_note);
  event.on_latest_version = fields.boolean("run_on_latest_version").value_or(false);
  event.keep_checkpoints = fields.boolean("keep_checkpoints").value_or(false);
  if (event.on_latest_version && !clear.of_one_run()) {
    fields.fail("run_on_latest_version", "is for one run at a time: name it by dag_run_id");
  }
  if (!fields.status()) return fields.status().error();
  return clear;
}

Time date_of(const RunRow& run) {
  return run.logical_date.value_or(run.run_after);
}

// The notes that a clear leaves on its task instances, one commit after the other.
struct Notes {
  std::vector<NoteSet> left;  // the next one last
  std::function<void(const Reply&)> done;
};
void set_notes(Context& context, const std::shared_ptr<Notes>& notes, const Reply& last) {
  if (last.code != Errc::ok || notes->left.empty()) return notes->done(last);
  const NoteSet next = std::move(notes->left.back());
  notes->left.pop_back();
  context.services.backend.request(
      next, [&context, notes](const Reply& reply) { set_notes(context, notes, reply); });
}

// Reader thread: versions may have to be looked up.
std::vector<NoteSet> notes_of(Context& context, const std::vector<RunRow>& runs, const Reply& reply,
                              const NoteSet& like) {
  std::vector<NoteSet> notes;
  for (const auto& row : reply.tasks) {
    const auto run = std::find_if(runs.begin(), runs.end(),
                                  [&](const RunRow& one) { return one.seq == row.run; });
    const auto version = run == runs.end() ? nullptr : context.find_version(run->dag_version);
    if (!version || !version->dag || row.task >= version->dag->tasks.size()) continue;
    notes.push_back(like);
    notes.back().dag_run_id = run->dag_run_id;
    notes.back().task_id = version->dag->tasks[row.task].id;
    notes.back().map_index = row.map_index;
  }
  return notes;
}

void clear_runs(Context& context, const Call& call, const ClearRequested& event,
                const std::vector<RunRow>& runs, const std::optional<std::string>& note) {
  const auto cleared = [&context, call, runs, event, note](const Reply& reply) {
    if (reply.code != Errc::ok) return call.respond(error_response(reply_error(reply)));
    const auto all = runs.empty() && reply.run ? std::vector{*reply.run} : runs;
    const bool noted = note && !event.dry_run && !reply.tasks.empty();
    if (!noted) {
      return context.finish(
          call, [&context, all, reply] { return touched_tasks(context, all, reply, false); });
    }
    context.work(
        call,
        [&context, call, all, event, note, reply]() -> Status {
          NoteSet like;
          like.dag_id = event.dag_id;
          like.note = *note;
          like.user = event.user;
          auto notes = std::make_shared<Notes>();
          notes->left = notes_of(context, all, reply, like);
          notes->done = [&context, call, all, reply](const Reply& last) {
            if (last.code != Errc::ok) return call.respond(error_response(reply_error(last)));
            context.finish(
                call, [&context, all, reply] { return touched_tasks(context, all, reply, true); });
          };
          set_notes(context, notes, Reply{});
          return success();
        },
        true);
  };
  context.services.backend.request(event, cleared);
}

}  // namespace

Result<std::vector<RunRow>> runs_of(Context& context, const RunSpan& span) {
  auto& history = context.services.history;
  RunQuery query;
  query.dag_id = span.dag_id;
  query.date.gte = span.start;
  query.date.lte = span.end;
  if (!span.dag_run_id.empty()) {
    const auto named = history.run(span.dag_id, span.dag_run_id);
    if (!named) return {Errc::not_found, "no such run of this DAG"};
    if (!span.past) query.date.gte = date_of(*named);
    if (!span.future) query.date.lte = date_of(*named);
  }
  query.order_by = {"id"};
  query.page.limit = max_runs;
  auto runs = history.runs(query);
  if (runs.total == 0 && history.dag_summaries({span.dag_id}, 0).empty()) {
    return {Errc::not_found, "no such DAG"};
  }
  std::size_t tasks = 0;
  for (const auto& run : runs.rows) {
    const auto version = context.find_version(run.dag_version);
    if (version && version->dag) tasks += version->dag->tasks.size();
  }
  if (runs.total > max_runs || tasks > max_cleared_tasks) {
    const bool dated = span.dag_run_id.empty();
    return {Errc::invalid,
            std::to_string(runs.total) + " runs are meant; at most " + std::to_string(max_runs) +
                ", with " + std::to_string(max_cleared_tasks) +
                " task instances in all, can be changed at once: narrow start_date and end_date",
            dated       ? "/start_date"
            : span.past ? "/include_past"
                        : "/include_future"};
  }
  return std::move(runs.rows);
}

Result<Response> touched_tasks(Context& context, const std::vector<RunRow>& runs,
                               const Reply& reply, bool fresh) {
  json items = json::array();
  for (const auto& row : reply.tasks) {
    const auto run = std::find_if(runs.begin(), runs.end(),
                                  [&](const RunRow& one) { return one.seq == row.run; });
    if (run == runs.end()) continue;
    const auto version = context.find_version(run->dag_version);
    auto view = view_of(*run, row, version ? version->dag.get() : nullptr);
    if (fresh) {
      auto now = context.services.history.task_instance(
          {run->dag_id, run->dag_run_id, view.task_id, row.map_index});
      if (now) view = std::move(*now);
    }
    items.push_back(task_instance_json(view, version.get()));
  }
  const auto total = static_cast<std::int64_t>(items.size());
  return json_response(collection("task_instances", std::move(items), total));
}

void clear_task_instances(Context& context, Call call) {
  const auto body = body_object(*call.request);
  if (!body) return call.respond(error_response(body.error()));
  const auto read = read_clear(*call.request, *body);
  if (!read) return call.respond(error_response(read.error()));
  if (read->of_one_run()) return clear_runs(context, call, read->event, {}, read->note);
  context.work(call, [&context, call, clear = *read]() -> Status {
    const auto runs = runs_of(context, {clear.event.dag_id, clear.event.dag_run_id, clear.past,
                                        clear.future, clear.start, clear.end});
    if (!runs) return runs.error();
    if (runs->empty()) {
      call.respond(json_response(collection("task_instances", json::array(), 0)));
      return success();
    }
    ClearRequested event = clear.event;
    event.dag_run_id = runs->front().dag_run_id;
    for (auto run = runs->begin() + 1; run != runs->end(); ++run) {
      event.more_runs.push_back({run->dag_run_id, std::nullopt});
    }
    clear_runs(context, call, event, *runs, clear.note);
    return success();
  });
}

void clear_run(Context& context, Call call) {
  const auto body = body_object(*call.request);
  if (!body) return call.respond(error_response(body.error()));
  BodyReader fields(*call.request, *body);
  ClearRequested event;
  event.dag_id = path_param(*call.request, "dag_id");
  event.dag_run_id = path_param(*call.request, "dag_run_id");
  event.only_failed = fields.boolean("only_failed").value_or(false);
  event.dry_run = fields.boolean("dry_run").value_or(true);
  event.user = call.request->identity.user;
  // New are what run_on_latest_version adds, and they run by themselves: there is none to clear.
  event.only_new = fields.boolean("only_new").value_or(false);
  const auto note = fields.text("note", max_note);
  event.on_latest_version = fields.boolean("run_on_latest_version").value_or(false);
  event.keep_checkpoints = fields.boolean("keep_checkpoints").value_or(false);
  if (event.only_new && event.only_failed)
    fields.fail("only_new", "and only_failed exclude each other");
  if (!fields.status()) return call.respond(error_response(fields.status().error()));
  const auto answer = [&context, call](const Reply& reply) {
    if (reply.code != Errc::ok) return call.respond(error_response(reply_error(reply)));
    context.finish(call, [&context, call] { return get_run(context, *call.request); });
  };
  if (event.dry_run && event.only_new) {
    return context.read(call, [&context, call]() -> Result<Response> {
      auto run = get_run(context, *call.request);
      return run ? json_response(collection("task_instances", json::array(), 0)) : run;
    });
  }
  if (event.dry_run) return clear_runs(context, call, event, {}, std::nullopt);
  event.run_note = note;
  context.services.backend.request(event, answer);
}

}  // namespace batuta::http
