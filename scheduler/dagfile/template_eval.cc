#include "scheduler/dagfile/template_eval.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "common/safe_json.h"
#include "scheduler/dagfile/suggest.h"
#include "scheduler/dagfile/template_filters.h"

namespace batuta {
namespace {

using nlohmann::json;

// Absent members are undefined; so is a time that the run does not have.
void put(json& object, const char* name, const OptTime& time) {
  if (time) object[name] = to_iso(*time);
}

json run_value(const RunRow& run) {
  json out = {{"run_id", run.dag_run_id},
              {"dag_id", run.dag_id},
              {"execution_id", to_string(run.uuid)},
              {"run_type", std::string(to_string(run.type))},
              {"triggering_user", run.triggering_user}};
  auto conf = parse_untrusted(run.conf_json);
  out["conf"] = conf ? *conf : json::object();
  put(out, "logical_date", run.logical_date);
  put(out, "data_interval_start", run.data_interval_start);
  put(out, "data_interval_end", run.data_interval_end);
  put(out, "run_after", run.run_after);
  put(out, "queued_at", run.queued_at);
  put(out, "start_date", run.start_date);
  return out;
}

json task_instance_value(const TemplateScope& scope) {
  json out = {
      {"task_id", scope.task_id}, {"dag_id", scope.dag_id}, {"map_index", number_of(unmapped)}};
  if (scope.run) out["run_id"] = scope.run->dag_run_id;
  if (!scope.hot || !scope.cold) return out;
  out["map_index"] = number_of(scope.hot->map_index);
  out["try_number"] = scope.hot->try_number;
  out["max_tries"] = scope.hot->max_tries;
  out["state"] = std::string(to_string(scope.hot->state));
  out["reason"] = scope.cold->reason;
  out["hostname"] = scope.cold->hostname;
  put(out, "start_date", scope.cold->start_date);
  put(out, "end_date", scope.cold->end_date);
  return out;
}

// The roots' values; nullopt where this run or task instance has none.
template <std::string (*format)(Time)>
std::optional<json> logical(const TemplateScope& scope) {
  if (!scope.run || !scope.run->logical_date) return std::nullopt;
  return json(format(*scope.run->logical_date));
}
template <OptTime RunRow::*member>
std::optional<json> of_run(const TemplateScope& scope) {
  if (!scope.run || !(scope.run->*member)) return std::nullopt;
  return json(to_iso(*(scope.run->*member)));
}
template <OptTime InstanceCold::*member>
std::optional<json> of_row(const TemplateScope& scope) {
  if (!scope.cold || !(scope.cold->*member)) return std::nullopt;
  return json(to_iso(*(scope.cold->*member)));
}
std::optional<json> run_root(const TemplateScope& scope) {
  return scope.run ? std::optional(run_value(*scope.run)) : std::nullopt;
}
std::optional<json> run_id_root(const TemplateScope& scope) {
  return scope.run ? std::optional(json(scope.run->dag_run_id)) : std::nullopt;
}
std::optional<json> execution_id_root(const TemplateScope& scope) {
  return scope.run ? std::optional(json(to_string(scope.run->uuid))) : std::nullopt;
}
std::string format_ts_nodash_with_tz(Time t) {
  return format_ts_nodash(t) + "+0000";
}
std::optional<json> instance_root(const TemplateScope& s) {
  return task_instance_value(s);
}
std::optional<json> map_index_root(const TemplateScope& s) {
  return s.hot ? std::optional(json(number_of(s.hot->map_index))) : std::nullopt;
}
std::optional<json> dag_root(const TemplateScope& s) {
  return json{{"dag_id", s.dag_id}};
}
std::optional<json> task_root(const TemplateScope& s) {
  return json{{"task_id", s.task_id}};
}

struct Root {
  const char* name;
  std::optional<json> (*value)(const TemplateScope&);  // null: walked by the evaluator itself
};
constexpr Root roots[] = {
    {"params", nullptr},
    {"var", nullptr},
    {"macros", nullptr},
    {"item", nullptr},
    {"map_index", map_index_root},
    {"ti", instance_root},
    {"task_instance", instance_root},
    {"dag", dag_root},
    {"task", task_root},
    {"dag_run", run_root},
    {"run_id", run_id_root},
    {"execution_id", execution_id_root},
    {"ds", logical<format_ds>},
    {"ds_nodash", logical<format_ds_nodash>},
    {"ts", logical<format_ts>},
    {"ts_nodash", logical<format_ts_nodash>},
    {"ts_nodash_with_tz", logical<format_ts_nodash_with_tz>},
    {"logical_date", of_run<&RunRow::logical_date>},
    {"data_interval_start", of_run<&RunRow::data_interval_start>},
    {"data_interval_end", of_run<&RunRow::data_interval_end>},
    {"window_start", of_row<&TaskInstanceRow::window_start>},
    {"window_end", of_row<&TaskInstanceRow::window_end>},
};

const Root* find_root(const std::string& name) {
  const auto* row = std::find_if(std::begin(roots), std::end(roots),
                                 [&](const Root& r) { return name == r.name; });
  return row == std::end(roots) ? nullptr : row;
}

// "params.tickers[0]": how the expression's name was written, for messages.
std::string spelled(const std::vector<TemplateExpr::Step>& path) {
  std::string out;
  for (const auto& step : path) {
    if (const auto* index = std::get_if<std::int64_t>(&step)) {
      out += "[" + std::to_string(*index) + "]";
    } else {
      out += (out.empty() ? "" : ".") + std::get<std::string>(step);
    }
  }
  return out;
}

Error undefined(const std::string& name) {
  return {Errc::invalid, name + " is undefined", ""};
}

// A name of the templates' that has no value in this run: what is missing, and how to mend it.
Error without_value(const std::string& name, const TemplateScope& scope) {
  Error error = undefined(name);
  if (name.starts_with("item") && !scope.item) error.message += ": only a mapped task has an item";
  const bool dated = name.starts_with("ds") || name.starts_with("ts") || name == "logical_date";
  if (dated && scope.run && !scope.run->logical_date) {
    error.message +=
        ": the run was triggered without a logical date; trigger it with one, or use "
        "dag_run.run_after";
  }
  return error;
}

const json* walk(const json* value, const TemplateExpr::Step& step) {
  if (const auto* index = std::get_if<std::int64_t>(&step)) {
    if (!value->is_array()) return nullptr;
    const auto size = static_cast<std::int64_t>(value->size());
    const auto at = *index < 0 ? *index + size : *index;
    return at >= 0 && at < size ? &(*value)[static_cast<std::size_t>(at)] : nullptr;
  }
  if (!value->is_object()) return nullptr;
  const auto it = value->find(std::get<std::string>(step));
  return it == value->end() ? nullptr : &*it;
}

const TemplateExpr* argument(const TemplateExpr& expr, std::string_view name, std::size_t place) {
  std::size_t position = 0;
  for (const auto& given : expr.arguments) {
    if (given.name == name) return &given.value;
    if (given.name.empty() && position++ == place) return &given.value;
  }
  return nullptr;
}

struct Call {
  const char* name;
  std::vector<std::string> arguments;  // by position; the first ones are required
  std::size_t least;
};
const std::vector<Call>& calls() {
  static const std::vector<Call> list = {
      {"ti.xcom_pull", {"task_ids", "key", "map_indexes"}, 1},
      {"task_instance.xcom_pull", {"task_ids", "key", "map_indexes"}, 1},
      {"macros.ds_add", {"ds", "days"}, 2},
      {"var.value.get", {"key", "default_var"}, 1},
      {"params.get", {"key", "default"}, 1},
  };
  return list;
}

// What to write instead of a method or macro that people know from Airflow; or empty.
std::string instead_of(const std::string& name) {
  const auto before = [&](std::string_view method) {
    return name.substr(0, name.size() - method.size());
  };
  if (name == "macros.ds_format") return "; write ds | strftime('%d.%m.%Y')";
  for (const std::string_view method : {".strftime", ".format"}) {
    if (name.ends_with(method)) return "; write " + before(method) + " | strftime('%Y-%m-%d')";
  }
  if (name.ends_with(".get")) return "; write " + before(".get") + ".name | default('…')";
  for (const std::string_view method : {".upper", ".lower", ".strip"}) {
    if (!name.ends_with(method)) continue;
    return "; write " + before(method) + " | " +
           (method == ".strip" ? "trim" : std::string(method.substr(1)));
  }
  return "";
}

Status check_call(const TemplateExpr& expr) {
  const auto name = spelled(expr.path);
  std::vector<std::string> names;
  for (const auto& call : calls()) {
    names.emplace_back(call.name);
    if (name != call.name) continue;
    bool fits =
        expr.arguments.size() >= call.least && expr.arguments.size() <= call.arguments.size();
    for (const auto& given : expr.arguments) {
      fits = fits && (given.name.empty() || std::find(call.arguments.begin(), call.arguments.end(),
                                                      given.name) != call.arguments.end());
      if (auto status = check_expression(given.value); !status) return status;
    }
    for (std::size_t i = 0; i < call.least; ++i) {
      fits = fits && argument(expr, call.arguments[i], i) != nullptr;
    }
    const TemplateExpr* days = name == "macros.ds_add" ? argument(expr, "days", 1) : nullptr;
    if (days && days->is_literal && !std::holds_alternative<std::int64_t>(days->literal)) {
      return {Errc::invalid, "macros.ds_add takes a date and a number of days"};
    }
    if (fits) return success();
    std::string shape;
    for (const auto& wanted : call.arguments) shape += (shape.empty() ? "" : ", ") + wanted;
    return {Errc::invalid, name + " takes (" + shape + ")"};
  }
  const auto instead = instead_of(name);
  return {Errc::invalid, "unknown function \"" + name + "\"" +
                             (instead.empty() ? did_you_mean(name, names) : instead)};
}

Result<json> ds_add(const json& ds, const json& days) {
  const auto time = ds.is_string() ? parse_iso(ds.get_ref<const std::string&>()) : std::nullopt;
  const auto count = json_int(days);
  if (!time || !count || *count < -100'000 || *count > 100'000) {
    return {Errc::invalid, "macros.ds_add needs a date and a number of days"};
  }
  return json(format_ds(*time + std::chrono::days(*count)));
}

}  // namespace

struct TemplateEvaluator::Impl {
  const TemplateScope& scope;
  std::optional<json> params;  // read on first use

  Result<json> head(const TemplateExpr& expr);
  Result<json> call(const TemplateExpr& expr);
  Result<json> xcom_pull(const TemplateExpr& expr);
  Result<json> mapped_results(const TemplateExpr& expr, const std::string& id,
                              const std::string& key);
  Result<json> variable(const std::vector<TemplateExpr::Step>& path);
  Result<json> evaluate(const TemplateExpr& expr);
  const json& all_params();
};

const json& TemplateEvaluator::Impl::all_params() {
  if (scope.params != nullptr) return *scope.params;
  if (!params) {
    auto parsed = parse_untrusted(scope.params_json);
    params = parsed ? std::move(*parsed) : json::object();
  }
  return *params;
}

Result<json> TemplateEvaluator::Impl::variable(const std::vector<TemplateExpr::Step>& path) {
  const auto* kind = path.size() >= 3 ? std::get_if<std::string>(&path[1]) : nullptr;
  const auto* key = kind ? std::get_if<std::string>(&path[2]) : nullptr;
  if (!key || (*kind != "value" && *kind != "json") || (*kind == "value" && path.size() > 3)) {
    return {Errc::invalid, "write var.value.<name> or var.json.<name>"};
  }
  const auto text = scope.variable ? scope.variable(*key) : std::nullopt;
  if (!text) return undefined("variable " + *key);
  if (*kind == "value") return json(*text);
  auto parsed = parse_untrusted(*text);
  if (!parsed) return {Errc::invalid, "variable " + *key + " does not hold JSON"};
  const json* value = &*parsed;
  for (std::size_t i = 3; i < path.size() && value; ++i) value = walk(value, path[i]);
  if (!value) return undefined(spelled(path));
  return json(*value);
}

// Of a mapped task, or of the instances that are named. Discarded when neither is meant.
Result<json> TemplateEvaluator::Impl::mapped_results(const TemplateExpr& expr,
                                                     const std::string& id,
                                                     const std::string& key) {
  std::vector<std::int64_t> wanted;
  const auto* given = argument(expr, "map_indexes", 2);
  bool one = false;
  if (given) {
    const auto indexes = evaluate(*given);
    if (!indexes) return indexes.error();
    one = !indexes->is_array();
    const json list = one ? json::array({*indexes}) : *indexes;
    for (const json& each : list) {
      const auto index = json_int(each);
      if (!index) return {Errc::invalid, "map_indexes must be a map index, or a list of them"};
      wanted.push_back(*index);
    }
  }
  if (!scope.mapped_xcoms) return json(json::value_t::discarded);
  const auto text = scope.mapped_xcoms(id, key, given ? &wanted : nullptr);
  if (!text) return text.error();
  if (!*text) return json(json::value_t::discarded);
  JsonLimits limits;
  limits.bytes = max_xcom_list;
  limits.tokens = 4'000'000;
  auto list = parse_untrusted(**text, limits);
  if (!list || !one) return list;
  if (list->empty()) {
    return undefined("the result of task " + id.substr(0, 128) + "[" +
                     std::to_string(wanted.front()) + "]");
  }
  return json(list->front());
}

Result<json> TemplateEvaluator::Impl::xcom_pull(const TemplateExpr& expr) {
  const auto* task = argument(expr, "task_ids", 0);
  const auto* key = argument(expr, "key", 1);
  if (!task) return {Errc::invalid, "xcom_pull needs the id of a task"};
  auto task_id = evaluate(*task);
  auto name = key ? evaluate(*key) : Result<json>(json("return_value"));
  if (!task_id) return task_id.error();
  if (!name) return name.error();
  if (!task_id->is_string() || !name->is_string()) {
    return {Errc::invalid, "xcom_pull needs the id of one task and a key, both texts"};
  }
  const auto& id = task_id->get_ref<const std::string&>();
  auto listed = mapped_results(expr, id, name->get_ref<const std::string&>());
  if (!listed || !listed->is_discarded()) return listed;
  const auto text = scope.xcom ? scope.xcom(id, name->get_ref<const std::string&>()) : std::nullopt;
  if (!text) return undefined("the result of task " + id.substr(0, 128));
  return parse_untrusted(*text);
}

Result<json> TemplateEvaluator::Impl::call(const TemplateExpr& expr) {
  if (auto status = check_call(expr); !status) return status.error();
  const auto name = spelled(expr.path);
  if (name.ends_with("xcom_pull")) return xcom_pull(expr);
  const auto names = name == "macros.ds_add" ? std::pair{"ds", "days"}
                     : name == "params.get"  ? std::pair{"key", "default"}
                                             : std::pair{"key", "default_var"};
  const auto* first = argument(expr, names.first, 0);
  const auto* second = argument(expr, names.second, 1);
  if (!first) return {Errc::invalid, name + " needs " + names.first};
  auto key = evaluate(*first);
  if (!key) return key;
  auto otherwise = second ? evaluate(*second) : Result<json>(undefined(name + "(…)"));
  if (name == "macros.ds_add") return otherwise ? ds_add(*key, *otherwise) : otherwise;
  if (!key->is_string()) return {Errc::invalid, name + " needs a name"};
  const auto& wanted = key->get_ref<const std::string&>();
  if (name == "params.get") {
    const auto it = all_params().find(wanted);
    return it == all_params().end() ? otherwise : Result<json>(json(*it));
  }
  const auto text = scope.variable ? scope.variable(wanted) : std::nullopt;
  return text ? Result<json>(json(*text)) : otherwise;
}

Result<json> TemplateEvaluator::Impl::head(const TemplateExpr& expr) {
  if (expr.is_literal) return literal_value(expr.literal);
  if (expr.is_call) {
    auto result = call(expr);
    if (!result || expr.steps.empty()) return result;
    const json* value = &*result;
    for (const auto& step : expr.steps) {
      value = walk(value, step);
      if (!value) return undefined(spelled(expr.path) + "(…)." + spelled(expr.steps));
    }
    return json(*value);
  }
  const auto& name = std::get<std::string>(expr.path[0]);
  if (name == "var") return variable(expr.path);
  const auto* root = find_root(name);
  if (!root) return undefined(name);
  std::optional<json> made;
  if (root->value) made = root->value(scope);
  const json* value = name == "params" ? &all_params()
                      : name == "item" ? scope.item
                      : made           ? &*made
                                       : nullptr;
  for (std::size_t i = 1; i < expr.path.size() && value; ++i) value = walk(value, expr.path[i]);
  if (!value) return without_value(spelled(expr.path), scope);
  return json(*value);
}

Result<json> TemplateEvaluator::Impl::evaluate(const TemplateExpr& expr) {
  auto value = head(expr);
  for (const auto& filter : expr.filters) {
    if (filter.name == "default" && filter.arguments.size() == 1) {
      if (!value) value = literal_value(filter.arguments[0]);
    } else if (value) {
      value = apply_filter(filter, std::move(*value));
    }
  }
  return value;
}

TemplateEvaluator::TemplateEvaluator(const TemplateScope& scope)
    : impl_(std::make_unique<Impl>(Impl{scope, std::nullopt})) {}
TemplateEvaluator::~TemplateEvaluator() = default;

Result<json> TemplateEvaluator::evaluate(const TemplateExpr& expr) {
  return impl_->evaluate(expr);
}

Status check_expression(const TemplateExpr& expr) {
  for (const auto& filter : expr.filters) {
    if (auto status = check_filter(filter); !status) return status;
  }
  if (expr.is_literal) return success();
  if (expr.is_call) return check_call(expr);
  const auto& name = std::get<std::string>(expr.path[0]);
  if (!find_root(name)) {
    std::vector<std::string> names;
    for (const auto& root : roots) names.emplace_back(root.name);
    return {Errc::invalid,
            "unknown name \"" + name.substr(0, 80) + "\"" + did_you_mean(name, names)};
  }
  if (name == "var" || name == "macros") {
    const auto* kind = expr.path.size() >= 3 ? std::get_if<std::string>(&expr.path[1]) : nullptr;
    if (name == "macros" || !kind || (*kind != "value" && *kind != "json")) {
      return {Errc::invalid, name == "var" ? "write var.value.<name> or var.json.<name>"
                                           : "macros are functions: macros.ds_add(ds, 7)"};
    }
  }
  return success();
}

std::string xcom_task(const TemplateExpr& expr) {
  if (!expr.is_call || !spelled(expr.path).ends_with(".xcom_pull")) return {};
  const auto* task = argument(expr, "task_ids", 0);
  const auto* name = task && task->is_literal ? std::get_if<std::string>(&task->literal) : nullptr;
  return name ? *name : std::string();
}

std::string xcom_key(const TemplateExpr& expr) {
  const auto* key = argument(expr, "key", 1);
  if (!key) return "return_value";
  const auto* name = key->is_literal ? std::get_if<std::string>(&key->literal) : nullptr;
  return name ? *name : std::string();
}

}  // namespace batuta
