#include "scheduler/dagfile/dag_builder.h"

#include <algorithm>
#include <functional>
#include <nlohmann/json.hpp>
#include <unordered_map>

#include "common/safe_json.h"
#include "common/suggest.h"
#include "scheduler/dagfile/asset_fields.h"
#include "scheduler/dagfile/continue_fields.h"
#include "scheduler/dagfile/flow_fields.h"
#include "scheduler/dagfile/limit_fields.h"
#include "scheduler/dagfile/mapping.h"
#include "scheduler/dagfile/model_fields.h"
#include "scheduler/dagfile/notifier_fields.h"
#include "scheduler/dagfile/param_program.h"
#include "scheduler/dagfile/params_schema.h"
#include "scheduler/dagfile/people_fields.h"
#include "scheduler/dagfile/repeat_fields.h"
#include "scheduler/dagfile/run_fields.h"
#include "scheduler/dagfile/run_if.h"
#include "scheduler/dagfile/schedule_fields.h"
#include "scheduler/dagfile/shared_fields.h"
#include "scheduler/dagfile/task_draft.h"
#include "scheduler/dagfile/task_groups.h"
#include "scheduler/dagfile/task_types.h"
#include "scheduler/dagfile/template.h"
#include "scheduler/dagfile/webhook_fields.h"

namespace batuta {
namespace {

using nlohmann::json;

constexpr std::size_t max_tags = 64;
constexpr std::size_t max_connections = 64;
constexpr std::int64_t max_count = 1'000'000;

void read_dag_fields(FieldReader& fields, Dag& dag, Problems& problems) {
  fields.allow("$schema");
  if (auto id = fields.id("dag_id")) {
    dag.id = *id;
  } else if (!fields.find("dag_id")) {
    fields.problem("dag_id", "a DAG needs a \"dag_id\"");
  }
  dag.description = fields.text("description", 64 << 10).value_or("");
  dag.doc_md = read_doc(fields);
  const auto count = [&](const char* name, std::int64_t least, std::int32_t otherwise) {
    return static_cast<std::int32_t>(fields.integer(name, least, max_count).value_or(otherwise));
  };
  dag.max_active_tasks = count("max_active_tasks", 1, 16);
  dag.max_consecutive_failed_dag_runs = count("max_consecutive_failed_dag_runs", 0, 0);
  dag.dagrun_timeout = fields.duration("dagrun_timeout").value_or(Duration{});
  dag.is_paused_upon_creation = fields.boolean("is_paused_upon_creation").value_or(true);
  dag.tags = fields.texts("tags", max_tags).value_or(std::vector<std::string>{});
  for (const auto& tag : dag.tags) {
    if (tag.size() > 100) fields.problem("tags", "a tag is longer than 100 bytes");
  }
  read_schedule_fields(fields, dag);
  read_notifiers(fields, Told::dag, dag.notifiers);
  read_deadlines(fields, dag);
  dag.run_if_json = read_run_if(fields);
  read_webhook(fields, dag);
  read_run_limits(fields, dag);
  read_retention(fields, dag);
  if (const json* params = fields.object("params")) {
    Problems found;
    const bool by_itself = dag.schedule.kind != Timetable::Kind::none || dag.waits_for;
    dag.params_json = normalise_params(*params, by_itself, found);
    dag.asks_params = asks_programs(dag.params_json);
    for (const auto& problem : found.list()) {
      problems.add("/params" + problem.pointer, problem.message);
    }
  }
}

// As below.
void read_own_user(FieldReader& fields, Task& task) {
  if (task.needs_worker() && task.plugin != "container") return;
  task.run_as.clear();
  if (!fields.find("run_as")) return;
  fields.problem("run_as", task.needs_worker()
                               ? "the engine runs a container, as the user that its \"user\" or "
                                 "its image says: leave run_as out"
                               : "no worker runs this task: leave it out");
}

// `task` has those of default_args.
void read_own_bounds(FieldReader& fields, Task& task) {
  read_own_user(fields, task);
  if (task.plugin == "container" || !task.needs_worker()) {
    task.memory = task.cpu_percent = 0;
    if (task.needs_worker()) return;  // the engine keeps what the container asks for
    for (const char* name : {"memory", "cpu"}) {
      if (fields.find(name)) fields.problem(name, "no worker runs this task: leave it out");
    }
    return;
  }
  read_attempt_bounds(fields, task);
}

TaskDraft read_task(const json& written, std::string pointer, const Task& defaults,
                    const json& shared_params, Problems& problems) {
  TaskDraft draft;
  draft.pointer = pointer;
  draft.task = defaults;
  json shared;  // of a mapped task: what its instances have in common
  if (has_mapping(written) && !defaults.mapped_group.empty()) {
    problems.add(pointer, "a task of a mapped group cannot be mapped itself, and \"" +
                              defaults.mapped_group +
                              "\" is mapped: map that over the product of both, by more names in "
                              "its \"expand\"");
  } else if (has_mapping(written)) {
    shared = written;
    read_mapping(shared, draft.pointer, problems, draft.task);
  }
  const json& object = shared.is_null() ? written : shared;
  FieldReader fields(object, std::move(pointer), problems);
  for (const char* name : mapping_fields) fields.allow(name);
  if (auto id = fields.id("task_id")) {
    draft.task.id = *id;
  } else if (!fields.find("task_id")) {
    fields.problem("task_id", "a task needs a \"task_id\"");
  }
  draft.depends_on =
      fields.texts("depends_on", max_tasks_per_dag).value_or(std::vector<std::string>{});
  draft.edge_labels = read_edge_labels(fields);
  draft.task.doc_md = read_doc(fields);
  draft.task.display_name = fields.text("display_name", 250).value_or("");
  draft.task.connections =
      fields.ids("connections", max_connections).value_or(std::vector<std::string>{});
  if (const auto isolation = fields.text("isolation")) {
    if (*isolation == "process") {
      draft.task.isolation = Isolation::process;
    } else if (*isolation != "warm") {
      fields.problem("isolation", "isolation must be \"warm\" or \"process\"");
    }
  }
  read_run_fields(fields, draft.task);
  read_flow_fields(fields, draft);
  read_task_assets(fields, draft);
  draft.task.run_if_json = read_run_if(fields);
  if (read_task_type(fields, draft.task)) {
    read_own_bounds(fields, draft.task);
    read_continue_on(fields, draft.task);
    read_repeat(fields, draft.task);
    fields.refuse_unknown(draft.task.is_data ? "this task" : "this " + draft.task.plugin + " task");
    check_mapping(object, draft.pointer, problems, draft.task);
    take_over(shared_params, draft.task);
  }
  auto& connections = draft.task.connections;
  std::sort(connections.begin(), connections.end());
  connections.erase(std::unique(connections.begin(), connections.end()), connections.end());
  return draft;
}

// The place in the file of a pointer into expand_json.
std::string expand_place(const std::string& expand_json, const std::string& where) {
  if (where.starts_with("/expand/") && expand_json.starts_with("{\"expand\":[")) {
    const auto name = where.find('/', 8);  // kept as a list for its order (keep_expand_order)
    if (name != std::string::npos) return "/expand" + where.substr(name);
  }
  return where;
}

// The place in the file of a pointer into spec_json: a built-in's params are the task's own fields.
std::string spec_pointer(const TaskDraft& draft, const std::string& where) {
  const std::string& plugin = draft.task.plugin;
  const bool own =
      (is_builtin_type(plugin) || plugin == model_plugin) && where.starts_with("/params");
  if (plugin == model_plugin && where.starts_with("/params/parameters"))
    return draft.pointer + "/sql";
  if (plugin == "spark" && where.starts_with("/params/parameters"))
    return draft.pointer + "/spark_sql";  // of a model that runs there
  return draft.pointer + (own ? where.substr(7) : expand_place(draft.task.expand_json, where));
}

// What a spec below `pointer` names that this DAG may not have. `place`: the spec's own below it.
using PlaceOf = std::function<std::string(const std::string& where)>;
void check_names(const std::string& pointer, const std::string& spec, const PlaceOf& place_of,
                 const std::vector<std::string>& ids, const std::vector<std::string>& params,
                 Problems& problems) {
  for (const auto& source : xcom_sources(spec)) {
    if (std::binary_search(ids.begin(), ids.end(), source)) continue;
    problems.add(pointer, "xcom_pull names the unknown task \"" + source.substr(0, 80) + "\"" +
                              did_you_mean(source, ids));
  }
  for (const auto& use : params_needed(spec)) {
    if (std::binary_search(params.begin(), params.end(), use.name)) continue;
    problems.add(place_of(use.pointer), "the DAG declares no param \"" + use.name.substr(0, 80) +
                                            "\"" + did_you_mean(use.name, params) +
                                            ": name it in \"params\", or write params." +
                                            use.name.substr(0, 80) + " | default(…)");
  }
}

void check_notifiers(const std::string& pointer, const std::vector<Notifier>& notifiers,
                     const std::vector<std::string>& ids, const std::vector<std::string>& params,
                     Problems& problems) {
  // Their templates were looked at when they were read, but for this.
  each_notifier(notifiers, [&](const std::string& place, const std::string& notifier) {
    const auto place_of = [&](const std::string& where) { return pointer + place + where; };
    check_names(pointer + place, notifier, place_of, ids, params, problems);
  });
}

void check_spec(const TaskDraft& draft, const std::string& spec,
                const std::vector<std::string>& ids, const std::vector<std::string>& params,
                Problems& problems) {
  const bool quoted = draft.task.plugin == "shell" && &spec == &draft.task.spec_json;
  const auto status = check_templates(spec, quoted);
  const auto place_of = [&](const std::string& where) { return spec_pointer(draft, where); };
  if (status) return check_names(draft.pointer, spec, place_of, ids, params, problems);
  problems.add(spec_pointer(draft, status.error().where), status.error().message);
}

void refuse_item(const std::string& pointer, const std::string& spec, Problems& problems) {
  for (const auto& use : items_needed(spec)) {
    problems.add(pointer + use.pointer, "only a mapped task has items");
  }
}

// A run has no results yet when its key is read.
void check_limit(const RunLimit& limit, const std::string& pointer, const Dag& dag,
                 const std::vector<std::string>& params, Problems& problems) {
  if (limit.key_json.empty()) return;
  if (const auto status = check_templates(limit.key_json, false); !status) {
    return problems.add(pointer + status.error().where, status.error().message);
  }
  const auto place_of = [&](const std::string& where) { return pointer + where; };
  check_names("", limit.key_json, place_of, xcom_sources(limit.key_json), params, problems);
  refuse_item(pointer, limit.key_json, problems);
  if (!xcom_sources(limit.key_json).empty()) {
    problems.add(pointer + "/key", "no task has returned anything when a run waits to start");
  }
  if (!dag.asks_params) return;
  for (const auto& use : params_needed(limit.key_json)) {
    if (!asks_program_for(dag.params_json, use.name)) continue;
    problems.add(place_of(use.pointer), "the default of the param \"" + use.name.substr(0, 80) +
                                            "\" is asked for when a run starts, and this key "
                                            "decides whether it may");
  }
}

// A run has no results yet when it starts.
void check_run_if(const Dag& dag, const std::vector<std::string>& params, Problems& problems) {
  if (dag.run_if_json.empty()) return;
  if (const auto status = check_templates(dag.run_if_json, false); !status) {
    return problems.add(status.error().where, status.error().message);
  }
  const auto place_of = [](const std::string& where) { return where; };
  check_names("", dag.run_if_json, place_of, xcom_sources(dag.run_if_json), params, problems);
  refuse_item("", dag.run_if_json, problems);
  if (!xcom_sources(dag.run_if_json).empty()) {
    problems.add("/run_if",
                 "no task has returned anything when a run starts: a run_if that reads "
                 "XComs belongs to a task");
  }
}

void check_task_templates(const TaskDraft& draft, const std::vector<std::string>& ids,
                          const std::vector<std::string>& params, Problems& problems) {
  const Task& task = draft.task;
  check_notifiers(draft.pointer, task.notifiers, ids, params, problems);
  if (!task.run_if_json.empty()) {
    check_spec(draft, task.run_if_json, ids, params, problems);
    if (!task.is_mapped()) refuse_item(draft.pointer, task.run_if_json, problems);
  }
  if (!task.has_templates && task.spec_json.find("{%") == std::string::npos) return;
  for (const std::string* spec : {&task.spec_json, &task.expand_json, &task.map_index_template}) {
    const bool of_group = spec != &task.spec_json && !task.mapped_group.empty();
    if (!spec->empty() && !of_group) check_spec(draft, *spec, ids, params, problems);
  }
}

void check_mapped_groups(const std::vector<GroupDraft>& groups, const std::vector<std::string>& ids,
                         const std::vector<std::string>& params, Problems& problems) {
  for (const GroupDraft& group : groups) {
    if (group.expand_json.empty() || problems.full()) continue;
    check_group_mapping(group.expand_json, group.map_index_template, group.max_map_length,
                        group.pointer, problems);
    for (const std::string* spec : {&group.expand_json, &group.map_index_template}) {
      if (spec->empty()) continue;
      const auto place_of = [&](const std::string& where) {
        return group.pointer + expand_place(group.expand_json, where);
      };
      if (const auto status = check_templates(*spec, false); !status) {
        problems.add(place_of(status.error().where), status.error().message);
      } else {
        check_names(group.pointer, *spec, place_of, ids, params, problems);
      }
    }
  }
}

// What a branch task names itself, and not by a template, must be one of its `followers`.
void check_branch(const TaskDraft& draft, const std::vector<std::string>& followers,
                  Problems& problems) {
  const auto spec = parse_untrusted(draft.task.spec_json);
  if (!spec) return;
  const json& choose = spec->at("params").at("choose");
  const auto check = [&](const json& target, const std::string& pointer) {
    if (is_template(target)) return;
    const auto& id = target.get_ref<const std::string&>();
    if (std::find(followers.begin(), followers.end(), id) != followers.end()) return;
    problems.add(pointer, "a branch chooses among the tasks that depend on it, and \"" +
                              id.substr(0, 80) + "\" does not" +
                              (followers.empty() ? "; none does" : one_of(followers)));
  };
  const std::string pointer = draft.pointer + "/choose";
  if (choose.is_string()) return check(choose, pointer);
  for (std::size_t i = 0; i < choose.size(); ++i) {
    check(choose[i], pointer + "/" + std::to_string(i));
  }
}

void check_branches(const std::vector<TaskDraft>& drafts, Problems& problems) {
  const auto branches = [](const TaskDraft& draft) {
    return draft.task.plugin == "branch" &&
           draft.task.spec_json.find("choose") != std::string::npos;
  };
  std::unordered_map<TaskIndex, std::vector<std::string>> followers;
  for (const auto& draft : drafts) {
    for (const TaskIndex above : draft.task.upstream) {
      if (branches(drafts[above])) followers[above].push_back(draft.task.id);
    }
  }
  for (TaskIndex i = 0; i < drafts.size() && !problems.full(); ++i) {
    if (branches(drafts[i])) check_branch(drafts[i], followers[i], problems);
  }
}

// The names that `params` knows in a template, ascending: the declared ones, and those of the
// window, which any conf may have.
std::vector<std::string> params_of_conf(const Dag& dag) {
  std::vector<std::string> names{"end", "start"};
  JsonLimits own;
  own.bytes = own.string_bytes = std::size_t{8} << 20;
  own.tokens = 2'000'000;
  const auto params = parse_untrusted(dag.params_json, own);
  if (params && params->is_object()) {
    for (const auto& [name, schema] : params->items()) names.push_back(name);
  }
  std::sort(names.begin(), names.end());
  return names;
}

void check_templates_of(std::vector<TaskDraft>& drafts, const Dag& dag,
                        const std::vector<GroupDraft>& groups,
                        const std::vector<std::string>& params, Problems& problems) {
  std::vector<std::string> ids;
  ids.reserve(drafts.size());
  for (const auto& draft : drafts) ids.push_back(draft.task.id);
  std::sort(ids.begin(), ids.end());
  check_notifiers("", dag.notifiers, ids, params, problems);
  check_run_if(dag, params, problems);
  check_limit(dag.concurrency, "/concurrency", dag, params, problems);
  check_limit(dag.rate, "/rate", dag, params, problems);
  check_mapped_groups(groups, ids, params, problems);
  for (auto& draft : drafts) {
    if (!problems.full()) check_task_templates(draft, ids, params, problems);
  }
}

// What a task has unless it says otherwise: of its group, if it stands in one.
const Task& defaults_of(const json& written, const Task& of_dag,
                        const std::vector<GroupDraft>& groups, const std::string& pointer,
                        Problems& problems) {
  const auto group = written.find("group");
  if (group == written.end() || !group->is_string()) return of_dag;
  const auto& id = group->get_ref<const std::string&>();
  if (const auto found = find_group(groups, id)) return groups[*found].defaults;
  std::vector<std::string> ids;
  for (const auto& draft : groups) ids.push_back(draft.group.id);
  problems.add(pointer + "/group", "unknown task group \"" + id.substr(0, 80) + "\"" +
                                       did_you_mean(id, ids) +
                                       ": groups are declared in the DAG's \"task_groups\"");
  return of_dag;
}

void read_tasks(FieldReader& fields, const Task& defaults, const json& shared_params, Dag& dag,
                Problems& problems) {
  const json* tasks = fields.find("tasks");
  if (!tasks || !tasks->is_array() || tasks->empty()) {
    fields.problem("tasks", "a DAG needs \"tasks\", a list of at least one task");
    return;
  }
  if (tasks->size() > max_tasks_per_dag) {
    fields.problem("tasks", "a DAG may hold at most " + std::to_string(max_tasks_per_dag) +
                                " tasks; this one has " + std::to_string(tasks->size()));
    return;
  }
  const std::vector<GroupDraft> groups = read_task_groups(fields, defaults, problems);
  std::vector<TaskDraft> drafts;
  drafts.reserve(tasks->size());
  for (std::size_t i = 0; i < tasks->size() && !problems.full(); ++i) {
    auto pointer = "/tasks/" + std::to_string(i);
    if (const json& task = (*tasks)[i]; task.is_object()) {
      const Task& own = defaults_of(task, defaults, groups, pointer, problems);
      drafts.push_back(read_task(task, std::move(pointer), own, shared_params, problems));
    } else {
      problems.add(std::move(pointer),
                   "a task must be an object, not " + std::string(json_kind((*tasks)[i])));
    }
  }
  connect_tasks(drafts, groups, problems);
  check_model_tables(drafts, problems);
  connect_assets(drafts, dag, problems);
  check_templates_of(drafts, dag, groups, params_of_conf(dag), problems);
  if (problems.none()) check_branches(drafts, problems);
  for (const auto& draft : groups) dag.groups.push_back(draft.group);
  for (auto& draft : drafts) {
    if (!draft.task.owner.empty()) dag.owners.push_back(draft.task.owner);
    dag.tasks.push_back(std::move(draft.task));
  }
  std::sort(dag.owners.begin(), dag.owners.end());
  dag.owners.erase(std::unique(dag.owners.begin(), dag.owners.end()), dag.owners.end());
}

}  // namespace

std::optional<Dag> build_dag(const json& definition, Problems& problems) {
  if (!definition.is_object()) {
    problems.add("", "a DAG file must hold one JSON object");
    return std::nullopt;
  }
  Dag dag;
  FieldReader fields(definition, "", problems);
  read_dag_fields(fields, dag, problems);
  Task defaults;
  if (const auto queue = fields.id("queue")) defaults.queue = *queue;
  read_run_as(fields, defaults);
  if (const json* given = fields.object("default_args")) {
    FieldReader reader(*given, "/default_args", problems);
    read_run_fields(reader, defaults);
    read_attempt_bounds(reader, defaults);
    reader.refuse_unknown("default_args");
  }
  read_tasks(fields, defaults, read_shared(fields), dag, problems);
  fields.refuse_unknown("a DAG");
  if (!problems.none()) return std::nullopt;
  return dag;
}

}  // namespace batuta
