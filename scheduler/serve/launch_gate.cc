// Whether the conditions of a task or a DAG hold (run_if), and those of a loop.
#include <nlohmann/json.hpp>

#include "common/safe_json.h"
#include "scheduler/dagfile/repeat_fields.h"
#include "scheduler/dagfile/run_if.h"
#include "scheduler/serve/launch_context.h"
#include "scheduler/store/sealed_value.h"

namespace batuta {

using json = nlohmann::json;

// Of a value that is kept sealed what people may see of it is looked at.
bool RegistryLaunchContext::fits_loop(const Task& task, const Finished& report) {
  if (task.repeat.result_json.empty()) return true;
  const std::string shown = shown_value(report.result_json);
  const auto value = parse_untrusted(shown.empty() ? "null" : shown);
  return value && result_is_as_wanted(task.repeat.result_json, *value);
}

Result<LaunchContext::Gate> RegistryLaunchContext::gate(const Attempt& attempt) {
  const bool of_task = !attempt.task.run_if_json.empty();
  std::optional<ParsedSpec> of_dag;
  std::optional<ParsedSpec>& spec =
      of_task ? parts_of(attempt.dag, attempt.hot.task).run_if : of_dag;
  if (!spec) {
    auto parsed =
        ParsedSpec::parse(of_task ? attempt.task.run_if_json : attempt.dag.run_if_json, false);
    if (!parsed) return parsed.error();
    spec = std::move(*parsed);
  }
  const auto params = params_of(attempt);
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
  if (!verdict->holds && !hidden.empty()) {
    const auto shown = render(nullptr);
    const std::size_t place = verdict->condition;
    verdict->why = describe_condition(shown ? *shown : json(nullptr), place);
  }
  return Gate{verdict->holds, (of_task ? "run_if: " : "run_if of the DAG: ") + verdict->why};
}

}  // namespace batuta
