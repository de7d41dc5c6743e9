// What happens in a case: requests as the API makes them, time, the worker's and the scheduler's
// end.
#include <map>
#include <nlohmann/json.hpp>

#include "common/uuid.h"
#include "scheduler/core/backfill.h"
#include "scheduler/dagfile/answer.h"
#include "scheduler/dagfile/run_conf.h"
#include "tests/conformance/case.h"

namespace batuta::conformance {
namespace {

std::string text(const json& step, const char* name, const std::string& otherwise = {}) {
  return step.value(name, otherwise);
}

// A request is answered with success, or as "refused" says.
void told(const Reply& reply, const json& step, const std::string& where) {
  const std::string refused = text(step, "refused");
  if (reply.code == Errc::ok) {
    if (!refused.empty()) throw BadCase(where + ": it was not refused");
    return;
  }
  const std::string why = reply.message.empty() ? "no reason" : reply.message;
  if (refused.empty() || why.find(refused) == std::string::npos) {
    throw BadCase(where + ": refused: " + why);
  }
}

// The DAG whose run has that id, unless the step names it.
std::string dag_of_run(const World& world, const json& step, const std::string& run_id) {
  if (step.contains("dag")) return step["dag"].get<std::string>();
  for (const auto& [seq, run] : world.store.data().runs) {
    if (run.run.dag_run_id == run_id) return run.run.dag_id;
  }
  const auto& dags = world.store.data().dags;
  return dags.empty() ? "" : dags.begin()->first;
}

void trigger(World& world, const json& step, const std::string& where) {
  allow_only(step,
             {"trigger", "run_id", "logical_date", "data_interval", "run_after", "conf",
              "idempotency_key", "only", "only_with_upstream", "partition_key", "refused"},
             where);
  RunRequested request;
  request.dag_id = text(step, "trigger");
  request.dag_run_id =
      text(step, "run_id", "r" + std::to_string(world.store.data().runs.size() + 1));
  request.uuid = make_uuid_v7(world.now.wall);
  const json date = step.value("logical_date", json(to_iso(world.now.wall)));
  if (!date.is_null()) request.logical_date = time_at(date, where);
  if (step.contains("data_interval")) {
    request.data_interval_start = time_at(step["data_interval"].at(0), where);
    request.data_interval_end = time_at(step["data_interval"].at(1), where);
  }
  if (step.contains("run_after")) request.run_after = time_at(step["run_after"], where);
  request.idempotency_key = text(step, "idempotency_key");
  request.partition_key = text(step, "partition_key");
  request.only = step.value("only", std::vector<std::string>());
  request.with_upstream = step.value("only_with_upstream", false);
  const auto dag = world.state().dag(request.dag_id);
  const std::string conf = step.value("conf", json::object()).dump();
  if (dag) {
    if (const auto set = set_conf(*dag, conf, request); !set) {
      Reply reply;
      reply.code = set.error().code;
      reply.message = set.error().where + ": " + set.error().message;
      return told(reply, step, where);
    }
  }
  told(world.ask(request), step, where);
}

void clear(World& world, const json& step, const std::string& where) {
  allow_only(step,
             {"clear", "dag", "tasks", "indexes", "only_failed", "only_running", "include_upstream",
              "include_downstream", "reset_dag_runs", "prevent_running", "more_runs", "newest",
              "keep_checkpoints", "refused"},
             where);
  ClearRequested request;
  request.dag_run_id = text(step, "clear");
  request.dag_id = dag_of_run(world, step, request.dag_run_id);
  request.task_ids = step.value("tasks", std::vector<std::string>());
  for (const int index : step.value("indexes", std::vector<int>())) {
    request.map_indexes.push_back(MapIndex{index});
  }
  request.only_failed = step.value("only_failed", false);
  request.only_running = step.value("only_running", false);
  request.include_upstream = step.value("include_upstream", false);
  request.include_downstream = step.value("include_downstream", false);
  request.reset_dag_runs = step.value("reset_dag_runs", true);
  request.prevent_running = step.value("prevent_running", false);
  request.dry_run = false;
  request.on_latest_version = step.value("newest", false);
  request.keep_checkpoints = step.value("keep_checkpoints", false);
  for (const std::string& run : step.value("more_runs", std::vector<std::string>())) {
    request.more_runs.push_back({run, std::nullopt});
  }
  told(world.ask(request), step, where);
}

void mark(World& world, const json& step, const std::string& where) {
  allow_only(step,
             {"mark", "dag", "task", "index", "state", "include_upstream", "include_downstream",
              "more_runs", "refused"},
             where);
  MarkRequested request;
  request.dag_run_id = text(step, "mark");
  request.dag_id = dag_of_run(world, step, request.dag_run_id);
  request.task_id = text(step, "task");
  request.map_index = MapIndex{step.value("index", -1)};
  const auto state = parse_task_state(text(step, "state"));
  if (!state) throw BadCase(where + ": no state");
  request.state = *state;
  request.include_upstream = step.value("include_upstream", false);
  request.include_downstream = step.value("include_downstream", false);
  for (const std::string& run : step.value("more_runs", std::vector<std::string>())) {
    request.more_runs.push_back({run, std::nullopt});
  }
  told(world.ask(request), step, where);
}

void set_run(World& world, const json& step, const std::string& where) {
  allow_only(step, {"set_run", "dag", "state", "paused", "refused"}, where);
  RunStateRequested request;
  request.dag_run_id = text(step, "set_run");
  request.dag_id = dag_of_run(world, step, request.dag_run_id);
  if (step.contains("paused")) {
    request.paused = step["paused"].get<bool>();
    return told(world.ask(request), step, where);
  }
  const auto state = parse_run_state(text(step, "state"));
  if (!state) throw BadCase(where + ": no state");
  request.state = *state;
  told(world.ask(request), step, where);
}

void pause(World& world, const json& step, const std::string& where, const char* verb) {
  allow_only(step, {verb}, where);
  PauseRequested request;
  request.dag_id = text(step, verb);
  request.paused = std::string(verb) == "pause";
  told(world.ask(request), step, where);
}

void pool(World& world, const json& step, const std::string& where) {
  allow_only(step, {"pool", "slots"}, where);
  PoolSet request;
  request.pool.name = text(step, "pool");
  request.pool.slots = step.value("slots", 1);
  told(world.ask(request), step, where);
}

void delete_instance(World& world, const json& step, const std::string& where) {
  allow_only(step, {"delete_task", "run", "index", "dag"}, where);
  InstanceDeleted request;
  request.dag_run_id = text(step, "run");
  request.dag_id = dag_of_run(world, step, request.dag_run_id);
  request.task_id = text(step, "delete_task");
  request.map_index = MapIndex{step.value("index", -1)};
  told(world.ask(request), step, where);
}

// As the door does it: held against what was asked, then handed over.
void answer(World& world, const json& step, const std::string& where) {
  allow_only(step, {"answer", "dag", "run", "index", "choose", "input", "user", "refused"}, where);
  const std::string run_id = text(step, "run", "r1");
  const auto& data = world.store.data();
  const auto run = data.run_ids.find({dag_of_run(world, step, run_id), run_id});
  if (run == data.run_ids.end()) throw BadCase(where + ": no such run");
  const auto task = find_task(*data.runs.at(run->second).dag, text(step, "answer"));
  if (!task) throw BadCase(where + ": no such task");
  const InstanceKey key{run->second, *task, MapIndex{step.value("index", -1)}};
  const MemoryStore::Data::Question* asked = nullptr;
  for (const auto& [id, question] : data.questions) {
    if (id.first == key) asked = &question;
  }
  if (asked == nullptr) throw BadCase(where + ": nothing was asked");
  QuestionAnswered event;
  event.key = key;
  event.try_number = asked->row.try_number;
  event.chosen_options = step.value("choose", std::vector<std::string>());
  event.user = text(step, "user", "ana");
  auto input =
      check_answer(asked->row, event.chosen_options, step.value("input", json::object()).dump());
  if (!input) {
    Reply reply;
    reply.code = input.error().code;
    reply.message = input.error().where + ": " + input.error().message;
    return told(reply, step, where);
  }
  event.params_input_json = std::move(*input);
  told(world.ask(event), step, where);
}

// Somebody tells that an asset has changed.
void asset(World& world, const json& step, const std::string& where) {
  allow_only(step, {"asset", "extra", "partition_key", "refused"}, where);
  const AssetRow* row = world.state().find_asset(text(step, "asset"));
  AssetChanged event;
  event.asset = row == nullptr ? 0 : row->id;
  event.extra_json = step.value("extra", json::object()).dump();
  event.partition_key = text(step, "partition_key");
  event.user = "ana";
  told(world.ask(event), step, where);
}

void drop_queued(World& world, const json& step, const std::string& where) {
  allow_only(step, {"drop_queued", "asset", "refused"}, where);
  QueuedAssetEventsDropped event;
  event.dag_id = text(step, "drop_queued");
  if (step.contains("asset")) {
    const AssetRow* row = world.state().find_asset(text(step, "asset"));
    if (row == nullptr) throw BadCase(where + ": no such asset");
    event.asset = row->id;
  }
  told(world.ask(event), step, where);
}

void delete_run(World& world, const json& step, const std::string& where) {
  allow_only(step, {"delete_run", "dag", "refused"}, where);
  RunDeleted request;
  request.dag_run_id = text(step, "delete_run");
  request.dag_id = dag_of_run(world, step, request.dag_run_id);
  told(world.ask(request), step, where);
}

void backfill(World& world, const json& step, const std::string& where) {
  allow_only(step,
             {"backfill", "from", "to", "backwards", "reprocess", "max_active_runs", "newest",
              "conf", "refused"},
             where);
  BackfillRequested request;
  BackfillRow& row = request.backfill;
  row.dag_id = text(step, "backfill");
  row.from_date = time_at(step.value("from", json()), where);
  row.to_date = time_at(step.value("to", json()), where);
  row.run_backwards = step.value("backwards", false);
  const auto reprocess = parse_reprocess(text(step, "reprocess", "none"));
  if (!reprocess) throw BadCase(where + ": reprocess is none, failed or completed");
  row.reprocess = *reprocess;
  row.max_active_runs = step.value("max_active_runs", row.max_active_runs);
  row.latest_version = step.value("newest", true);
  row.user = "ana";
  const auto dag = world.state().dag(row.dag_id);
  if (dag && step.contains("conf")) {
    RunRequested checked;
    if (const auto set = set_conf(*dag, step["conf"].dump(), checked); !set)
      throw BadCase(where + ": " + set.error().message);
    row.conf_json = checked.conf_json;
    row.conf_start = checked.conf_start;
    row.conf_end = checked.conf_end;
  }
  told(world.ask(request), step, where);
}

void change_backfill(World& world, const json& step, const std::string& where) {
  allow_only(step, {"change_backfill", "to", "refused"}, where);
  using Kind = BackfillChanged::Kind;
  static const std::map<std::string, Kind> kinds = {
      {"paused", Kind::pause}, {"unpaused", Kind::unpause}, {"cancelled", Kind::cancel}};
  const auto kind = kinds.find(text(step, "to"));
  if (kind == kinds.end()) throw BadCase(where + ": paused, unpaused or cancelled");
  BackfillChanged request;
  request.backfill = step["change_backfill"].get<std::int64_t>();
  request.kind = kind->second;
  request.user = "ana";
  told(world.ask(request), step, where);
}

// As the door hands it over once its signature was found right.
void webhook(World& world, const json& step, const std::string& where) {
  allow_only(step, {"webhook", "body", "key", "refused"}, where);
  const auto dag = world.state().dag(text(step, "webhook"));
  RunRequested request;
  request.dag_id = text(step, "webhook");
  request.dag_run_id = "r" + std::to_string(world.store.data().runs.size() + 1);
  request.uuid = make_uuid_v7(world.now.wall);
  request.user = "webhook";
  const std::string body = step.value("body", json::object()).dump();
  Reply reply;
  reply.code = Errc::not_found;
  reply.message = "there is no such webhook";
  if (!dag || !dag->webhook) return told(reply, step, where);
  if (const auto set = set_conf(*dag, body, request); !set) {
    reply.code = set.error().code;
    reply.message = set.error().where + ": " + set.error().message;
    return told(reply, step, where);
  }
  request.idempotency_key = "hook:" + text(step, "key", request.dag_run_id);
  request.request_digest = "hook:" + body;
  told(world.ask(request), step, where);
}

void worker(World& world, const json& step, const std::string& where) {
  allow_only(step, {"worker", "to"}, where);
  const std::string what = text(step, "worker");
  if (what == "dies") return world.lose_worker();
  if (what == "listens") return world.listen(step.value("to", std::vector<std::string>()));
  throw BadCase(where + ": a worker dies, or listens to queues");
}

void scheduler(World& world, const json& step, const std::string& where) {
  allow_only(step, {"scheduler", "for"}, where);
  const std::string what = text(step, "scheduler");
  if (what == "restarts") return world.restart({});
  if (what == "away") return world.restart(span_of(step.value("for", json()), where));
  throw BadCase(where + ": a scheduler restarts, or is away");
}

}  // namespace

void do_step(World& world, const json& step, const std::string& where) {
  if (step.contains("trigger")) return trigger(world, step, where);
  if (step.contains("clear")) return clear(world, step, where);
  if (step.contains("mark")) return mark(world, step, where);
  if (step.contains("set_run")) return set_run(world, step, where);
  if (step.contains("delete_run")) return delete_run(world, step, where);
  if (step.contains("delete_task")) return delete_instance(world, step, where);
  if (step.contains("drop_queued")) return drop_queued(world, step, where);
  if (step.contains("asset")) return asset(world, step, where);
  if (step.contains("answer")) return answer(world, step, where);
  if (step.contains("pause")) return pause(world, step, where, "pause");
  if (step.contains("unpause")) return pause(world, step, where, "unpause");
  if (step.contains("pool")) return pool(world, step, where);
  if (step.contains("scheduler")) return scheduler(world, step, where);
  if (step.contains("backfill")) return backfill(world, step, where);
  if (step.contains("change_backfill")) return change_backfill(world, step, where);
  if (step.contains("webhook")) return webhook(world, step, where);
  if (step.contains("worker")) return worker(world, step, where);
  allow_only(step, {"pass", "until", "edit", "remove"}, where);
  if (step.size() != 1) throw BadCase(where + ": one thing at a time");
  if (step.contains("pass")) {
    return world.advance(world.now.wall + span_of(step["pass"], where));
  }
  if (step.contains("until")) return world.advance(time_at(step["until"], where));
  if (step.contains("edit")) return world.put({dag_of(step["edit"])});
  if (step.contains("remove")) return world.put({}, {step["remove"].get<std::string>()});
  throw BadCase(where + ": what is to happen?");
}

}  // namespace batuta::conformance
