#include "scheduler/serve/launch_context.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "common/frame.h"
#include "common/safe_json.h"
#include "scheduler/dagfile/dag_parser.h"
#include "scheduler/dagfile/mapping.h"
#include "scheduler/dagfile/run_branch.h"
#include "scheduler/dagfile/run_conf.h"
#include "scheduler/dagfile/template.h"
#include "scheduler/serve/platform_facts.h"
#include "scheduler/serve/report_facts.h"
#include "scheduler/serve/upstream_results.h"
#include "scheduler/store/sealed_conf.h"

namespace batuta {
namespace {

using json = nlohmann::json;

// DAG versions whose definitions are kept read; a run pins its version, so few are live.
constexpr std::size_t max_versions = 256;
constexpr std::size_t max_params = std::size_t{1} << 20;
// What a worker is sent in one frame, with room for names, versions and lengths.
constexpr std::size_t max_launch = max_frame_bytes - (std::size_t{1} << 20);
constexpr std::size_t cost_of_a_secret = 16;

json time_or_null(const OptTime& t) {
  return t ? json(to_iso(*t)) : json(nullptr);
}

json value_or_text(const std::string& text) {
  auto value = parse_untrusted(text);
  return value ? *value : json(text);
}

// What templates pull by literal names, of tasks that there are.
void add_names(const Dag& dag, const ParsedSpec& spec, std::set<LaunchContext::XcomName>& names) {
  for (const auto& [id, key] : spec.xcoms()) {
    if (const auto task = find_task(dag, id)) names.insert({*task, key});
  }
}

}  // namespace

void RegistryLaunchContext::set_catalogue(const std::vector<PluginInfo>& catalogue) {
  std::lock_guard lock(mutex_);
  catalogue_.clear();
  for (const PluginInfo& plugin : catalogue) catalogue_[plugin.name] = plugin;
}

// Variables with sensitive names, passwords of the conf and what tasks before it returned: the
// plugin gets their values, and `hidden` what its log must not show of them; but not the passwords,
// which are known only by another rendering to be in it. Without `hidden`, for people: stars in
// their place.
TemplateScope RegistryLaunchContext::scope_of(const Attempt& attempt, const RunParams& params,
                                              std::vector<std::string>* hidden) {
  TemplateScope scope;
  scope.params = hidden ? params.told.get() : params.shown.get();
  if (!params.told_conf.empty()) scope.conf_json = hidden ? &params.told_conf : &params.shown_conf;
  scope.run = &attempt.run;
  scope.hot = &attempt.hot;
  scope.cold = &attempt.cold;
  scope.dag_id = attempt.dag.id;
  scope.task_id = attempt.task.id;
  scope.timezone = attempt.dag.timezone;
  scope.schedule = &attempt.dag.schedule;
  scope.xcom = [this, &attempt, hidden](std::string_view id,
                                        std::string_view name) -> std::optional<std::string> {
    const auto task = find_task(attempt.dag, id);
    if (!task) return std::nullopt;
    auto value = results().value(attempt, *task, name, hidden);
    return value ? *std::move(value) : std::nullopt;  // why not, kept_xcom has said
  };
  scope.kept_xcom = [this, &attempt, hidden](std::string_view id,
                                             std::string_view name) -> Result<ResultCache::Value> {
    const auto task = find_task(attempt.dag, id);
    if (!task) return ResultCache::Value();
    return results().kept(attempt, *task, name, hidden != nullptr);
  };
  scope.mapped_xcoms =
      [this, &attempt, hidden](
          std::string_view id, std::string_view name,
          const std::vector<std::int64_t>* map_indexes) -> Result<std::optional<std::string>> {
    const auto task = find_task(attempt.dag, id);
    const bool same_item = task && !attempt.task.mapped_group.empty() &&
                           is_mapped_with(attempt.dag, attempt.hot.task, *task);
    const bool listed =
        task && (map_indexes || (attempt.dag.tasks[*task].is_mapped() && !same_item));
    if (!listed || !attempt.mapped_xcoms) {
      return std::optional<std::string>();
    }
    auto list = results().list(attempt, *task, name, map_indexes, hidden);
    if (!list) return list.error();
    return std::optional(std::move(*list));
  };
  scope.previous_success = attempt.previous_success;
  scope.asset_events = attempt.asset_events;
  scope.variable = [this, hidden](std::string_view key) { return variable(key, hidden); };
  return scope;
}

namespace {

// A frame over its limit must not be made: the launch is committed by then, and would be again.
Status fits_a_frame(const Launch& launch) {
  std::size_t secrets = 0;
  for (const Secret& secret : launch.secrets) {
    secrets += secret.name.size() + secret.json.size() + cost_of_a_secret;
    for (const std::string& word : secret.mask) secrets += word.size() + cost_of_a_secret;
  }
  const std::size_t bytes = launch.params_json.size() + launch.context_json.size() + secrets;
  if (bytes <= max_launch) return success();
  return {Errc::too_large,
          "what its worker would be sent has " + std::to_string(bytes) +
              " bytes, and 15 MiB are the most: " + std::to_string(launch.params_json.size()) +
              " of parameters, " + std::to_string(launch.context_json.size()) +
              " with what the upstream tasks returned, " + std::to_string(secrets) +
              " of secrets. Depend on fewer tasks, or return less each"};
}

}  // namespace

Status RegistryLaunchContext::fill_launch(const Attempt& attempt, Launch& out,
                                          std::string& rendered) {
  if (!attempt.run.branch.empty())
    if (Status may = check_branch_task(attempt.task); !may) return may;
  if (attempt.task.has_templates) {
    auto params = render_params(attempt, out, rendered);
    if (!params) return params.error();
    out.params_json = std::move(*params);
  } else {
    out.params_json = plain_params(attempt);
  }
  std::vector<std::string> hidden;
  if (may_hold_boxes(attempt.run.conf_json)) {
    const auto params = opened_params(attempt);
    if (!params) return params.error();
    hidden = (*params)->hidden;  // whatever way they take to the task
  }
  auto told = context_json(attempt, hidden);
  if (!told) return told.error();
  out.context_json = std::move(*told);
  const auto add = [&](const char* name, const std::string& value) {
    out.context_json.back() = ',';  // the end of the object
    out.context_json += std::string("\"") + name + "\":" + value + "}";
  };
  if (facts_ && attempt.task.plugin == monitors_plugin) {
    if (const std::string facts = facts_(); !facts.empty()) add("platform", facts);
  }
  // The built-in DAG's alone: a task of somebody's own removes what its parameters say.
  if (retention_ && attempt.task.plugin == maintenance_plugin &&
      attempt.dag.id == maintenance_dag_id) {
    if (const std::string told = retention_(); !told.empty()) add("retention", told);
  }
  if (report_ && attempt.task.plugin == report_plugin) {
    const auto told = report_(to_string(attempt.run.uuid) + "/" + attempt.task.id + "/" +
                              std::to_string(out.key.fence));
    looking_up_ = looking_up_ || !told;
    if (told && !*told) return told->error();
    if (told) add("report", **told);
  }
  if (traceparent_ != nullptr) {
    add("traceparent",
        "\"" +
            traceparent_(attempt.run.uuid, attempt.task.id, attempt.hot.map_index, out.try_number) +
            "\"");
  }
  if (attempt.task.plugin == promotion_plugin) {
    if (const auto order = promotion_order_of(attempt.run.conf_json); !order.empty())
      add("promotion", order);
  }
  if (!attempt.run.branch.empty()) {
    out.context_json.pop_back();
    out.context_json += ",\"lake_branch\":" + json_text(attempt.run.branch) + "}";
  }
  if (!hidden.empty()) out.secrets.push_back({"", "", std::move(hidden)});
  if (Status added = add_secrets(attempt, out); !added) return added;
  return fits_a_frame(out);
}

namespace {

// The parameters of a mapped task's instance: what all share, rendered with its item, and what it
// is given.
Result<std::string> render_instance(const LaunchContext::Attempt& attempt, const ParsedSpec& spec,
                                    TemplateScope& scope, const MappedItems& items) {
  const std::int32_t number = number_of(attempt.hot.map_index);
  if (number < 0 || number >= items.count()) {
    return {Errc::invalid, "its task is mapped over " + std::to_string(items.count()) +
                               " items now, and this would be number " + std::to_string(number) +
                               ": clear the whole task to expand it anew"};
  }
  const json item = items.item(number);
  scope.item = &item;
  auto rendered = spec.render_value(scope);
  if (!rendered) return rendered.error();
  json& params = (*rendered)["params"];
  if (auto status = fill_arguments(attempt.task, item, params); !status) return status.error();
  std::string text = json_text(params);
  if (text.size() > max_params) {
    return {Errc::invalid, "rendered parameters are larger than 1 MiB", "/params"};
  }
  return text;
}

}  // namespace

Result<std::string> RegistryLaunchContext::render_params(const Attempt& attempt, Launch& out,
                                                         std::string& rendered) {
  const auto spec = parsed_spec(attempt.dag, attempt.hot.task);
  if (!spec) return spec.error();
  const auto opened = opened_params(attempt);
  if (!opened) return opened.error();
  const ParamsCache::Params& params = *opened;
  MappedCache::Kept over;  // of a mapped instance
  if (attempt.task.is_mapped()) {
    auto found = mapped_over(attempt);
    if (!found) return found.error();
    over = std::move(*found);
  }
  const auto render = [&](std::vector<std::string>* secrets) -> Result<std::string> {
    TemplateScope scope = scope_of(attempt, *params, secrets);
    if (!over) return spec->render_member(scope, "params");
    return render_instance(attempt, *spec, scope, secrets ? over->told : over->shown);
  };
  std::vector<std::string> secrets;
  if (over) secrets = over->hidden;
  auto told = render(&secrets);
  if (!told) return told;
  rendered = *told;
  if (secrets.empty() && params->hidden.empty()) return told;
  // Rendered anew rather than searched: quoting and filters change how a value looks. Where stars
  // do not fit (a filter that wants a number), nothing is shown.
  const auto shown = render(nullptr);
  rendered = shown ? *shown : R"({"***":"***"})";
  // A run may have passwords and a task that names none.
  if (rendered != *told) {
    secrets.insert(secrets.end(), params->hidden.begin(), params->hidden.end());
  }
  if (secrets.empty()) return told;
  // Nameless: nothing a plugin could ask for, only what its log must not show.
  out.secrets.push_back({"", "", std::move(secrets)});
  return told;
}

RegistryLaunchContext::TaskParts& RegistryLaunchContext::parts_of(const Dag& dag, TaskIndex task) {
  auto found = parts_.find(dag.version);
  if (found == parts_.end()) {
    if (parts_.size() >= max_versions) parts_.clear();
    found = parts_.emplace(dag.version, std::vector<TaskParts>(dag.tasks.size())).first;
  }
  return found->second[task];
}

const std::string& RegistryLaunchContext::plain_params(const Attempt& attempt) {
  std::string& params = parts_of(attempt.dag, attempt.hot.task).plain_params;
  if (params.empty()) {
    const auto spec = parse_untrusted(attempt.task.spec_json);
    params = spec && spec->contains("params") ? json_text((*spec)["params"]) : "{}";
  }
  return params;
}

Result<ParsedSpec> RegistryLaunchContext::parsed_spec(const Dag& dag, TaskIndex index) {
  std::optional<ParsedSpec>& spec = parts_of(dag, index).spec;
  if (!spec) {
    const Task& task = dag.tasks[index];
    auto parsed = ParsedSpec::parse(task.spec_json, task.plugin == "shell");
    if (!parsed) return parsed;
    spec = std::move(*parsed);
  }
  return *spec;
}

namespace {

constexpr JsonLimits order_text_limits{
    .bytes = std::size_t{8} << 20, .tokens = 2'000'000, .string_bytes = std::size_t{8} << 20};

// They go to the one task by another way: no template has them, and they are no word to be masked.
void take_order_values(RunParams& made) {
  auto conf = parse_untrusted(made.told_conf, order_text_limits);
  if (!conf || !conf->is_object()) return;
  const auto values = conf->find(quarantine_values_member);
  if (values == conf->end() || !values->is_string()) return;
  made.order_values = values->get<std::string>();
  std::erase(made.hidden, made.order_values);
  conf->erase(values);
  made.told_conf = json_text(*conf);
}

}  // namespace

ParamsCache::Params RegistryLaunchContext::params_of(const Attempt& attempt) {
  if (auto known = params_.find(attempt.run.seq, attempt.dag.version)) return known;
  RunParams made;
  std::optional<OpenedConf> opened = open_conf(key_, attempt.dag.id, attempt.run.conf_json);
  if (opened) {
    made.told_conf = std::move(opened->json);
    made.shown_conf = shown_conf(attempt.run.conf_json);
    made.hidden = std::move(opened->hidden);
    take_order_values(made);
    if (!opened->closed.empty()) {
      made.fault = "the password \"" + opened->closed.front() +
                   "\" of the run's conf was sealed with another secret.key: put that file back, "
                   "or trigger the DAG anew with the password";
    }
  }
  const std::string& given = opened ? made.told_conf : attempt.run.conf_json;
  const auto conf = validate_conf(attempt.dag, given);
  const std::string& text = conf ? *conf : given;
  auto parsed = parse_untrusted(text);
  made.told = std::make_shared<const json>(parsed ? std::move(*parsed) : json::object());
  made.shown = made.told;
  if (opened) {
    json shown = *made.told;
    const auto stars = parse_untrusted(made.shown_conf);
    if (stars && stars->is_object()) shown.update(*stars);
    made.shown = std::make_shared<const json>(std::move(shown));
  }
  const std::size_t bytes = made.order_values.size() + (opened ? 4 * text.size() : text.size());
  auto params = std::make_shared<const RunParams>(std::move(made));
  params_.keep(attempt.run.seq, attempt.dag.version, params, bytes);
  return params;
}

Result<ParamsCache::Params> RegistryLaunchContext::opened_params(const Attempt& attempt) {
  auto params = params_of(attempt);
  if (!params->fault.empty()) return {Errc::invalid, params->fault, {}};
  return params;
}

const std::vector<LaunchContext::XcomName>& RegistryLaunchContext::xcoms_of(const Dag& dag,
                                                                            TaskIndex index) {
  static const std::vector<XcomName> none;
  const Task& task = dag.tasks[index];
  if (!reads_upstream(dag, index) && task.run_if_json.empty()) return none;
  TaskParts& parts = parts_of(dag, index);
  if (!parts.xcoms) {
    // Its frame of reference holds every upstream's result; templates may name others.
    std::set<XcomName> names;
    if (!task.run_if_json.empty()) {
      if (const auto spec = ParsedSpec::parse(task.run_if_json, false))
        add_names(dag, *spec, names);
    }
    if (reads_upstream(dag, index) && (!task.is_mapped() || names_results(dag, index))) {
      for (const TaskIndex upstream : task.upstream) names.insert({upstream, "return_value"});
    }
    if (task.has_templates) {
      if (const auto spec = parsed_spec(dag, index)) add_names(dag, *spec, names);
    }
    parts.xcoms.emplace(names.begin(), names.end());
  }
  return *parts.xcoms;
}

bool RegistryLaunchContext::asks_for_previous(const Dag& dag, TaskIndex index) {
  if (!dag.tasks[index].has_templates) return false;
  const auto spec = parsed_spec(dag, index);
  return spec && spec->names_previous_success();
}

// Read each time: alerts are few.
std::vector<LaunchContext::XcomName> RegistryLaunchContext::xcoms_of_alert(
    const Dag& dag, const std::string& notifier_json) {
  std::set<XcomName> names;
  if (const auto spec = ParsedSpec::parse(notifier_json, false)) add_names(dag, *spec, names);
  return {names.begin(), names.end()};
}

// Whether a command says that it reads results as files: they are made for those alone.
bool RegistryLaunchContext::names_results(const Dag& dag, TaskIndex index) {
  const Task& task = dag.tasks[index];
  const bool reads_files = task.plugin == "shell" || task.plugin == "python" ||
                           task.plugin == "container" || task.plugin == "spark";
  if (task.upstream.empty() || !reads_files) return false;
  std::optional<bool>& known = parts_of(dag, index).names_results;
  if (!known) {
    known = task.spec_json.find("batuta-xcom") != std::string::npos ||
            task.spec_json.find("BATUTA_XCOM_DIR") != std::string::npos;
  }
  return *known;
}

// What its code may ask for by batuta.xcom() is not to be seen in its definition.
bool RegistryLaunchContext::reads_upstream(const Dag& dag, TaskIndex index) {
  const Task& task = dag.tasks[index];
  return task.is_data || task.has_templates ||
         (task.plugin == "python" && !task.upstream.empty()) || names_results(dag, index);
}

Result<std::string> RegistryLaunchContext::context_json(const Attempt& attempt,
                                                        std::vector<std::string>& hidden) {
  if (!reads_upstream(attempt.dag, attempt.hot.task)) {
    // Plain tasks are the hot path: their frame of reference is small and needs no escaping.
    return "{\"lake\":" + json_text(lake_folder_) + ",\"logical_date\":" +
           (attempt.run.logical_date ? "\"" + to_iso(*attempt.run.logical_date) + "\"" : "null") +
           ",\"fence\":" + std::to_string(attempt.hot.fence) + "}";
  }
  json context{{"lake", lake_folder_},
               {"fence", attempt.hot.fence},
               {"logical_date", time_or_null(attempt.run.logical_date)},
               {"data_interval_start", time_or_null(attempt.run.data_interval_start)},
               {"data_interval_end", time_or_null(attempt.run.data_interval_end)},
               {"window_start", time_or_null(attempt.cold.window_start)},
               {"window_end", time_or_null(attempt.cold.window_end)}};
  json upstream = json::object(), files = json::object();
  for (const TaskIndex index : attempt.task.upstream) {
    // An instance has its item; and whole lists are for those that ask, by a template.
    const bool same_item = is_mapped_with(attempt.dag, attempt.hot.task, index);
    const bool any_mapped = attempt.task.is_mapped() || attempt.dag.tasks[index].is_mapped();
    if (any_mapped && !same_item) continue;
    const std::string& id = attempt.dag.tasks[index].id;
    if (auto file = results().file(attempt, index)) {
      files[id] = std::move(*file);
      continue;
    }
    const auto value = results().value(attempt, index, "return_value", &hidden);
    if (!value) return value.error();
    if (*value) upstream[id] = value_or_text(**value);
  }
  std::string values;
  if (attempt.run.conf_json.find(quarantine_values_member) != std::string::npos) {
    const auto params = opened_params(attempt);
    if (!params) return params.error();
    values = (*params)->order_values;
  }
  const auto order = quarantine_order_of(attempt.run.conf_json, attempt.task.id, values);
  // Setups and what is done on exit go with any run; no other table does.
  if (!order && attempt.task.is_data) return order.error();
  if (order && !order->empty()) {
    auto told = parse_untrusted(*order, order_text_limits);
    if (!told) return told.error();
    context["quarantine"] = std::move(*told);
  }
  context["upstream"] = std::move(upstream);
  if (!files.empty()) context["upstream_files"] = std::move(files);
  if (names_results(attempt.dag, attempt.hot.task)) {
    auto given = results().handed_over(attempt, hidden);
    if (!given) return given.error();
    context["xcoms"] = std::move(*given);
  }
  return json_text(context);
}

}  // namespace batuta
