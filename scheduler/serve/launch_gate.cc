// Whether the conditions of a task or a DAG hold (run_if), those of a loop, and the keys of limits
// over runs.
#include <nlohmann/json.hpp>
#include <utility>

#include "common/run_files.h"
#include "common/safe_json.h"
#include "scheduler/dagfile/repeat_fields.h"
#include "scheduler/dagfile/run_if.h"
#include "scheduler/serve/launch_context.h"
#include "scheduler/store/sealed_value.h"
#include "stream/broker_errors.h"

namespace batuta {

using json = nlohmann::json;

// Of a value that is kept sealed what people may see of it is looked at.
bool RegistryLaunchContext::fits_loop(const Task& task, const Finished& report) {
  if (task.repeat.result_json.empty()) return true;
  // Control thread: no file is read here. docs/adding-a-dag.md says so.
  if (result_file_of(report.result_json)) {
    return result_is_as_wanted(task.repeat.result_json, nullptr);
  }
  const std::string shown = shown_value(report.result_json);
  const auto value = parse_untrusted(shown.empty() ? "null" : shown);
  return value && result_is_as_wanted(task.repeat.result_json, *value);
}

void RegistryLaunchContext::met_broker_errors(const std::string& list_json) {
  for (stream::ErrorCount& one : stream::read_errors(list_json))
    stream::broker_errors().add(std::move(one.of), one.times);
}

Result<LaunchContext::Gate> RegistryLaunchContext::read_gate(const Attempt& attempt) {
  const bool of_task = !attempt.task.run_if_json.empty();
  if (!of_task) {
    auto filled = fill_params(attempt);
    if (!filled) return filled.error();
    if (looking_up_) return Gate{};
    if (*filled) return Gate{true, {}, std::move(**filled)};
    if (attempt.dag.asks_params && attempt.dag.run_if_json.empty()) return Gate{};
  }
  std::optional<ParsedSpec> of_dag;
  std::optional<ParsedSpec>& spec =
      of_task ? parts_of(attempt.dag, attempt.hot.task).run_if : of_dag;
  if (!spec) {
    auto parsed =
        ParsedSpec::parse(of_task ? attempt.task.run_if_json : attempt.dag.run_if_json, false);
    if (!parsed) return parsed.error();
    spec = std::move(*parsed);
  }
  const auto opened = opened_params(attempt);
  if (!opened) return opened.error();
  const ParamsCache::Params& params = *opened;
  json item;
  MappedCache::Kept over;
  if (of_task && attempt.task.is_mapped()) {
    auto found = mapped_over(attempt);
    if (!found) return found.error();
    over = std::move(*found);
  }
  const auto render = [&](std::vector<std::string>* hidden) -> Result<json> {
    TemplateScope scope = scope_of(attempt, *params, hidden);
    const std::int32_t number = number_of(attempt.hot.map_index);
    const MappedItems* items = over ? &(hidden ? over->told : over->shown) : nullptr;
    if (items && number >= 0 && number < items->count()) {
      item = items->item(number);
      scope.item = &item;
    }
    return spec->render_value(scope);
  };
  std::vector<std::string> hidden;
  const auto told = render(&hidden);
  if (!told) return told.error();
  auto verdict = judge_run_if(*told);
  if (!verdict) return verdict.error();
  // What people read names no secret: where stars do not fit, not the value either.
  if (!verdict->holds && (!hidden.empty() || !params->hidden.empty())) {
    const auto shown = render(nullptr);
    const std::size_t place = verdict->condition;
    verdict->why = describe_condition(shown ? *shown : json(nullptr), place);
  }
  return Gate{verdict->holds, (of_task ? "run_if: " : "run_if of the DAG: ") + verdict->why};
}

// Of a value with secrets, too: it is compared, and people see it.
Result<std::optional<std::string>> RegistryLaunchContext::run_key(const Attempt& attempt,
                                                                  const RunLimit& limit,
                                                                  const char* which) {
  if (!limit.is_set()) return std::optional<std::string>();
  const auto broken = [&](const Error& error) {
    return Error{Errc::invalid,
                 "the key of its " + std::string(which) + " cannot be read: " + error.message,
                 {}};
  };
  const auto spec = ParsedSpec::parse(limit.key_json, false);
  if (!spec) return broken(spec.error());
  const auto params = opened_params(attempt);
  if (!params) return broken(params.error());
  const TemplateScope scope = scope_of(attempt, **params, nullptr);
  const auto told = spec->render_value(scope);
  if (!told) return broken(told.error());
  const json value = told->value("key", json(nullptr));
  if (value.is_null()) return std::optional<std::string>();
  std::string key = value.is_string() ? value.get<std::string>() : json_text(value);
  if (key.empty()) return std::optional<std::string>();
  if (key.size() > max_run_key) {
    return broken(
        {Errc::invalid, "it is longer than " + std::to_string(max_run_key) + " bytes", {}});
  }
  return std::optional<std::string>(std::move(key));
}

Result<LaunchContext::RunKeys> RegistryLaunchContext::run_keys(const Attempt& attempt,
                                                               const Dag& limits) {
  auto concurrency = run_key(attempt, limits.concurrency, "concurrency");
  if (!concurrency) return concurrency.error();
  auto rate = run_key(attempt, limits.rate, "rate");
  if (!rate) return rate.error();
  return RunKeys{std::move(*concurrency), std::move(*rate)};
}

}  // namespace batuta
