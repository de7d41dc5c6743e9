#include "scheduler/dagfile/run_conf.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "common/safe_json.h"
#include "scheduler/dagfile/dag_parser.h"
#include "scheduler/dagfile/params_schema.h"

namespace batuta {
namespace {

// A conf that was copied from what people see holds stars where a password was.
Status refuse_stars(const std::vector<std::string>& names, const nlohmann::json& conf) {
  for (const std::string& name : names) {
    if (const auto given = conf.find(name); given == conf.end() || *given != "***") continue;
    return {Errc::invalid,
            "*** is how a password is shown, not what it is: give the password itself",
            "/conf/" + name};
  }
  return success();
}

// Nobody gives in what looks like a password that the installation has sealed. The depth is that of
// untrusted JSON.
bool holds_box(const nlohmann::json& value) {
  if (value.is_object() && value.contains("batuta:sealed")) return true;
  return value.is_structured() && std::any_of(value.begin(), value.end(), holds_box);
}

Status refuse_boxes(const nlohmann::json& conf) {
  for (const auto& [name, value] : conf.items()) {
    if (name != "batuta:sealed" && !holds_box(value)) continue;
    return {Errc::invalid, "must not have a member batuta:sealed: give the value itself",
            "/conf/" + name};
  }
  return success();
}

// An order is larger than the body that brought it: what it adds, and texts in place of numbers.
constexpr JsonLimits order_limits{
    .bytes = std::size_t{8} << 20, .tokens = 2'000'000, .string_bytes = std::size_t{8} << 20};

Status refuse_orders(const nlohmann::json& conf) {
  if (conf.contains(promotion_member))
    return {Errc::invalid,
            "must not be given: branches of the lake are promoted by `batuta lake branch promote` "
            "and POST /api/lake/branches/{branch}/promote",
            std::string("/conf/") + promotion_member};
  const bool given = conf.contains(quarantine_member);
  if (!given && !conf.contains(quarantine_values_member)) return success();
  return {Errc::invalid,
          std::string("must not be given: rows in quarantine are repaired, replayed and discarded "
                      "by `batuta lake quarantine` and POST /api/lake/quarantine"),
          std::string("/conf/") + (given ? quarantine_member : quarantine_values_member)};
}

}  // namespace

std::vector<std::string> password_params(const Dag& dag) {
  std::vector<std::string> names;
  if (dag.params_json.find("\"password\"") == std::string::npos) return names;
  JsonLimits own;
  own.bytes = own.string_bytes = std::size_t{8} << 20;
  own.tokens = 2'000'000;
  const auto params = parse_untrusted(dag.params_json, own);
  if (!params || !params->is_object()) return names;
  for (const auto& [name, schema] : params->items()) {
    if (is_password(schema)) names.push_back(name);
  }
  return names;
}

// It is kept as it was given; it is checked with the defaults of the DAG's params, which attempts
// get with it.
Status set_conf(const Dag& dag, std::string conf_json, RunRequested& request) {
  const auto checked = validate_conf(dag, conf_json);
  if (!checked) {
    Error error = checked.error();
    if (!error.where.starts_with("/conf")) error.where = "/conf" + error.where;
    return error;
  }
  const auto value = parse_untrusted(*checked);
  if (!value) return value.error();
  if (auto status = refuse_stars(password_params(dag), *value); !status) return status;
  if (auto status = refuse_boxes(*value); !status) return status;
  if (auto status = refuse_orders(*value); !status) return status;
  const auto time_of = [&](const char* name) -> OptTime {
    const auto it = value->find(name);
    if (it == value->end() || !it->is_string()) return std::nullopt;
    return parse_iso(it->get_ref<const std::string&>());
  };
  request.conf_json = std::move(conf_json);
  request.conf_start = time_of("start");
  request.conf_end = time_of("end");
  return success();
}

Status add_quarantine_order(RunRequested& request, const std::string& order_json) {
  auto conf = parse_untrusted(request.conf_json);
  auto order = parse_untrusted(order_json, order_limits);
  if (!conf || !conf->is_object() || !order || !order->is_object())
    return {Errc::too_large, "the order is too large: give it in parts"};
  nlohmann::json values = nlohmann::json::object();
  for (const char* name : {"set", "corrections"}) {
    const auto found = order->find(name);
    if (found == order->end()) continue;
    values[name] = std::move(*found);
    order->erase(found);
  }
  if (!values.empty()) (*conf)[quarantine_values_member] = json_text(values);
  (*conf)[quarantine_member] = std::move(*order);
  std::string text = json_text(*conf);
  if (!parse_untrusted(text, order_limits))
    return {Errc::too_large, "the order is too large: give it in parts"};
  request.conf_json = std::move(text);
  return success();
}

Status add_promotion_order(RunRequested& request, const std::string& order_json) {
  auto conf = parse_untrusted(request.conf_json);
  auto order = parse_untrusted(order_json, order_limits);
  if (!conf || !conf->is_object() || !order || !order->is_object())
    return {Errc::too_large, "the branch has too many tables for one promotion"};
  (*conf)[promotion_member] = std::move(*order);
  std::string text = json_text(*conf);
  if (!parse_untrusted(text, order_limits))
    return {Errc::too_large, "the branch has too many tables for one promotion"};
  request.conf_json = std::move(text);
  return success();
}

std::string promotion_order_of(const std::string& conf_json) {
  if (conf_json.find(promotion_member) == std::string::npos) return {};
  const auto conf = parse_untrusted(conf_json, order_limits);
  if (!conf || !conf->is_object()) return {};
  const auto order = conf->find(promotion_member);
  return order != conf->end() && order->is_object() ? json_text(*order) : std::string();
}

Result<std::string> quarantine_order_of(const std::string& conf_json, const std::string& task_id,
                                        const std::string& values_json) {
  if (conf_json.find(quarantine_member) == std::string::npos) return std::string();
  auto conf = parse_untrusted(conf_json, order_limits);
  if (!conf)
    return Error{
        Errc::invalid, "the order for the quarantine cannot be read: " + conf.error().message, {}};
  auto order = conf->is_object() ? conf->find(quarantine_member) : conf->end();
  if (order == conf->end()) return std::string();
  const auto named = order->is_object() ? order->find("task_id") : order->end();
  const std::string task = order->is_object() && named != order->end() && named->is_string()
                               ? named->get<std::string>()
                               : "";
  if (task != task_id)
    return Error{Errc::invalid,
                 "this run carries out an order for the quarantine, by its task '" + task +
                     "' alone: other tasks run in a run of their own",
                 {}};
  if (!values_json.empty()) {
    const auto values = parse_untrusted(values_json, order_limits);
    if (!values || !values->is_object())
      return Error{Errc::invalid, "the values of the order for the quarantine cannot be read", {}};
    order->update(*values);
  }
  return json_text(*order);
}

}  // namespace batuta
