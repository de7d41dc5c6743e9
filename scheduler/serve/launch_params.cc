// Values of params that a program is asked for, before a run's first task.
#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "common/safe_json.h"
#include "scheduler/dagfile/param_program.h"
#include "scheduler/serve/launch_context.h"

namespace batuta {
namespace {

using json = nlohmann::json;

// Both were checked when they came; an order for the quarantine is larger than what people give.
constexpr JsonLimits kept_params_limits{
    .bytes = std::size_t{8} << 20, .tokens = 2'000'000, .string_bytes = std::size_t{8} << 20};

}  // namespace

Result<std::optional<std::string>> RegistryLaunchContext::fill_params(const Attempt& attempt) {
  using Filled = std::optional<std::string>;
  if (!attempt.dag.asks_params) return Filled();
  const auto params = parse_untrusted(attempt.dag.params_json, kept_params_limits);
  auto conf = parse_untrusted(attempt.run.conf_json, kept_params_limits);
  if (!params || !conf || !conf->is_object())
    return Error{Errc::invalid, "the run's params cannot be read", std::string(gate_of_params)};
  std::vector<SecretReference> taken;
  for (const auto& [name, schema] : params->items()) {
    const auto fallback = schema.find("default");
    if (conf->contains(name) || fallback == schema.end()) continue;
    auto words = param_program(*fallback);
    if (!words) continue;
    const auto told = [&, &param = name](const Error& error) {
      return Error{error.code, "param \"" + param + "\": " + error.message,
                   std::string(gate_of_params)};
    };
    if (!find_param_) return told({Errc::unavailable, "nothing here asks programs", {}});
    SecretReference asked{SecretReference::Kind::command, std::move(*words),
                          to_string(attempt.run.uuid)};
    const auto printed = find_param_(asked);
    if (!printed) {
      looking_up_ = true;
      continue;
    }
    if (!*printed) return told(printed->error());
    auto value = printed_value(schema, **printed);
    if (!value) return told(value.error());
    (*conf)[name] = std::move(*value);
    taken.push_back(std::move(asked));
  }
  if (taken.empty() || looking_up_) return Filled();
  if (forget_param_) std::for_each(taken.begin(), taken.end(), forget_param_);
  params_.forget(attempt.run.seq);  // they were read without
  return Filled(json_text(*conf));
}

}  // namespace batuta
