#include "scheduler/dagfile/continue_fields.h"

#include <nlohmann/json.hpp>

#include "common/pattern.h"
#include "scheduler/dagfile/retry_fields.h"

namespace batuta {

using nlohmann::json;

std::vector<std::string> read_output_patterns(FieldReader& fields) {
  const json* given = fields.find("output");
  if (given == nullptr) return {};
  std::vector<std::string> patterns;
  if (given->is_string()) {
    patterns.push_back(given->get<std::string>());
  } else if (const auto list = fields.texts("output", max_output_patterns)) {
    patterns = *list;
  }
  for (const std::string& text : patterns) {
    if (const auto pattern = Pattern::compile(text); !pattern) {
      fields.problem("output", pattern.error().message);
    }
  }
  return patterns;
}

void read_continue_on(FieldReader& fields, Task& task) {
  const json* given = fields.object("continue_on");
  if (given == nullptr) return;
  FieldReader inner(*given, fields.pointer_to("continue_on"), fields.problems());
  ContinueOn& on = task.continue_on;
  on.failure = inner.boolean("failure").value_or(false);
  on.skipped = inner.boolean("skipped").value_or(false);
  on.exit_codes = read_exit_codes(inner, "exit_codes");
  on.output = read_output_patterns(inner);
  on.mark_success = inner.boolean("mark_success").value_or(false);
  inner.refuse_unknown("continue_on");
  const bool after_failures = on.failure || !on.exit_codes.empty() || !on.output.empty();
  if (!after_failures && !on.skipped && fields.problems().none()) {
    fields.problem("continue_on",
                   "\"continue_on\" names nothing to go on after: failure, skipped, exit_codes or "
                   "output");
  }
  if (on.mark_success && !after_failures) {
    inner.problem("mark_success",
                  "makes a success of a failure: say of which by failure, exit_codes or output");
  }
  if (on.mark_success && task.is_data) {
    inner.problem("mark_success",
                  "the success of this task is its tables, which a failure has not");
  }
  if (!on.output.empty() && !task.needs_worker()) {
    inner.problem("output", "a task of this type prints nothing");
  }
  if (task.is_on_exit) fields.problem("continue_on", "nothing follows a task of \"on_exit\"");
}

}  // namespace batuta
