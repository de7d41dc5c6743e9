#include "scheduler/dagfile/template_eval.h"

#include <algorithm>
#include <deque>
#include <nlohmann/json.hpp>

#include "common/safe_json.h"
#include "common/suggest.h"
#include "scheduler/dagfile/filter_table.h"
#include "scheduler/dagfile/template_filters.h"
#include "scheduler/dagfile/template_names.h"
#include "scheduler/dagfile/template_times.h"

namespace batuta {
namespace {

using nlohmann::json;
using Kind = TemplateExpr::Kind;
using Shared = std::shared_ptr<const json>;

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
  return {Errc::not_found, name + " is undefined", ""};
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

bool is_literal(const TemplateExpr& expr) {
  return expr.kind == Kind::literal && expr.filters.empty();
}

bool is_xcom_pull(const TemplateExpr& expr) {
  return expr.kind == Kind::call && spelled(expr.path).ends_with(".xcom_pull");
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
  for (const std::string_view method : {".in_timezone", ".in_tz", ".astimezone"}) {
    if (name.ends_with(method))
      return "; write " + before(method) + " | in_timezone('Europe/Rome')";
  }
  if (name.ends_with(".get")) return "; write " + before(".get") + ".name | default('…')";
  for (const std::string_view method : {".upper", ".lower", ".strip", ".replace", ".split"}) {
    if (!name.ends_with(method)) continue;
    return "; write " + before(method) + " | " +
           (method == ".strip"     ? "trim"
            : method == ".replace" ? "replace('-', '/')"
            : method == ".split"   ? "split(',')"
                                   : std::string(method.substr(1)));
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
    if (days && is_literal(*days) && !std::holds_alternative<std::int64_t>(days->literal)) {
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
  const auto time = read_time(ds);
  const auto count = json_int(days);
  if (!time || !count || *count < -100'000 || *count > 100'000) {
    return {Errc::invalid, "macros.ds_add needs a date and a number of days"};
  }
  return json(format_ds({time->at + std::chrono::days(*count), time->offset, {}}));
}

}  // namespace

struct TemplateEvaluator::Impl {
  const TemplateScope& scope;
  FilterScope filters;
  std::optional<json> params;  // read on first use

  Result<json> head(const TemplateExpr& expr);
  Result<json> call(const TemplateExpr& expr);
  Result<Shared> xcom_pull(const TemplateExpr& expr);
  Result<json> mapped_results(const TemplateExpr& expr, const std::string& id,
                              const std::string& key);
  Result<json> variable(const std::vector<TemplateExpr::Step>& path);
  Result<json> collection(const TemplateExpr& expr);
  Result<json> result_member(const TemplateExpr& expr, const json& result);
  Result<json> filtered(Result<json> value, const TemplateExpr::Filter& filter);
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

Result<Shared> TemplateEvaluator::Impl::xcom_pull(const TemplateExpr& expr) {
  if (auto status = check_call(expr); !status) return status.error();
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
  const auto& of = name->get_ref<const std::string&>();
  auto listed = mapped_results(expr, id, of);
  if (!listed) return listed.error();
  if (!listed->is_discarded()) return Shared(std::make_shared<const json>(std::move(*listed)));
  if (scope.kept_xcom) {
    auto kept = scope.kept_xcom(id, of);
    if (!kept || *kept) return kept;
  }
  const auto text = scope.xcom ? scope.xcom(id, of) : std::nullopt;
  if (!text) return undefined("the result of task " + id.substr(0, 128));
  JsonLimits limits;  // a value that was a file may be one long text
  limits.string_bytes = limits.bytes;
  limits.tokens = limits.bytes;
  auto value = parse_untrusted(*text, limits);
  if (!value) return value.error();
  return Shared(std::make_shared<const json>(std::move(*value)));
}

Result<json> TemplateEvaluator::Impl::call(const TemplateExpr& expr) {
  if (auto status = check_call(expr); !status) return status.error();
  const auto name = spelled(expr.path);
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

// Whoever made a result: what is JSON in a text (a command's last line, an HTTP body) has fields.
Result<json> TemplateEvaluator::Impl::result_member(const TemplateExpr& expr, const json& result) {
  std::deque<json> read;  // pointers into it stay
  const json* value = &result;
  for (const auto& step : expr.steps) {
    const bool text = value->is_string();
    if (text) {
      auto parsed = parse_untrusted(value->get_ref<const std::string&>());
      if (parsed) value = &read.emplace_back(std::move(*parsed));
    }
    const json* inner = walk(value, step);
    if (inner) {
      value = inner;
      continue;
    }
    Error error = undefined(spelled(expr.path) + "(…)." + spelled(expr.steps));
    if (text && value->is_string()) error.message += ": the result is a text that is no JSON";
    return error;
  }
  return json(*value);
}

Result<json> TemplateEvaluator::Impl::collection(const TemplateExpr& expr) {
  json out = expr.kind == Kind::list ? json::array() : json::object();
  for (const auto& argument : expr.arguments) {
    auto value = evaluate(argument.value);
    if (!value) return value;
    if (out.is_array()) {
      out.push_back(std::move(*value));
    } else {
      out[argument.name] = std::move(*value);
    }
  }
  return out;
}

Result<json> TemplateEvaluator::Impl::head(const TemplateExpr& expr) {
  if (expr.kind == Kind::literal) return literal_value(expr.literal);
  if (expr.kind == Kind::list || expr.kind == Kind::object) return collection(expr);
  if (is_xcom_pull(expr)) {
    const auto result = xcom_pull(expr);
    if (!result) return result.error();
    return expr.steps.empty() ? Result<json>(json(**result)) : result_member(expr, **result);
  }
  if (expr.kind == Kind::group || expr.kind == Kind::call) {
    auto result = expr.kind == Kind::call ? call(expr) : evaluate(expr.arguments.front().value);
    if (!result || expr.steps.empty()) return result;
    if (expr.kind == Kind::call) return result_member(expr, *result);
    const json* value = &*result;
    for (const auto& step : expr.steps) {
      value = walk(value, step);
      if (!value) return undefined("(…)." + spelled(expr.steps));
    }
    return json(*value);
  }
  const auto& name = std::get<std::string>(expr.path[0]);
  if (name == "var") return variable(expr.path);
  const std::optional<json> made = root_value(name, scope);
  const json* value = name == "params" ? &all_params()
                      : name == "item" ? scope.item
                      : made           ? &*made
                                       : nullptr;
  for (std::size_t i = 1; i < expr.path.size() && value; ++i) value = walk(value, expr.path[i]);
  if (!value) return without_value(spelled(expr.path), scope);
  return json(*value);
}

// `default` stands in for what is undefined, not for what went wrong.
Result<json> TemplateEvaluator::Impl::filtered(Result<json> value,
                                               const TemplateExpr::Filter& filter) {
  const bool otherwise = filter.name == "default" || filter.name == "d";
  if (!value && (!otherwise || value.error().code != Errc::not_found)) return value;
  if (value && filter.name == "raw") return value;
  FilterArguments arguments;
  for (const auto& argument : filter.arguments) {
    auto given = evaluate(argument.value);
    if (!given) return given;
    arguments.names.push_back(argument.name);
    arguments.values.push_back(std::move(*given));
  }
  if (!otherwise)
    return apply_filter(filter.name, std::move(*value), std::move(arguments), filters);
  json instead;
  bool falsy_too = false;
  for (std::size_t i = 0; i < arguments.values.size(); ++i) {
    const std::string& name = arguments.names[i];
    if (name == "boolean" || (name.empty() && i == 1)) {
      falsy_too = filters::truthy(arguments.values[i]);
    } else {
      instead = std::move(arguments.values[i]);
    }
  }
  const bool kept = value && !(falsy_too && !filters::truthy(*value));
  return kept ? std::move(value) : Result<json>(std::move(instead));
}

Result<json> TemplateEvaluator::Impl::evaluate(const TemplateExpr& expr) {
  auto value = head(expr);
  for (const auto& filter : expr.filters) value = filtered(std::move(value), filter);
  return value;
}

TemplateEvaluator::TemplateEvaluator(const TemplateScope& scope)
    : impl_(std::make_unique<Impl>(Impl{scope, {scope.timezone}, std::nullopt})) {}
TemplateEvaluator::~TemplateEvaluator() = default;

Result<json> TemplateEvaluator::evaluate(const TemplateExpr& expr) {
  return impl_->evaluate(expr);
}

Status check_expression(const TemplateExpr& expr) {
  for (const auto& filter : expr.filters) {
    if (auto status = check_filter(filter); !status) return status;
    for (const auto& argument : filter.arguments) {
      if (auto status = check_expression(argument.value); !status) return status;
    }
  }
  if (expr.kind == Kind::call) return check_call(expr);
  for (const auto& argument : expr.arguments) {
    if (auto status = check_expression(argument.value); !status) return status;
  }
  if (expr.kind != Kind::name) return success();
  const auto& name = std::get<std::string>(expr.path[0]);
  if (auto status = check_root(name); !status) return status;
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
  if (!is_xcom_pull(expr)) return {};
  const auto* task = argument(expr, "task_ids", 0);
  const auto* name = task && is_literal(*task) ? std::get_if<std::string>(&task->literal) : nullptr;
  return name ? *name : std::string();
}

std::string xcom_key(const TemplateExpr& expr) {
  const auto* key = argument(expr, "key", 1);
  if (!key) return "return_value";
  const auto* name = is_literal(*key) ? std::get_if<std::string>(&key->literal) : nullptr;
  return name ? *name : std::string();
}

}  // namespace batuta
