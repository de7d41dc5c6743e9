#include "scheduler/dagfile/repeat_fields.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "common/safe_json.h"
#include "common/suggest.h"
#include "scheduler/dagfile/continue_fields.h"
#include "scheduler/dagfile/retry_fields.h"
#include "scheduler/dagfile/run_if.h"

namespace batuta {
namespace {

using nlohmann::json;

constexpr double max_growth = 100;

// "/state", "/rows/0"; "" is the whole value. As RFC 6901 has it.
bool is_pointer(std::string_view text) {
  if (!text.empty() && text.front() != '/') return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '~') continue;
    if (i + 1 == text.size() || (text[i + 1] != '0' && text[i + 1] != '1')) return false;
  }
  return true;
}

// What is held against a try is known when the file is read: nothing is rendered then.
bool has_template(const json& value) {
  if (!value.is_structured()) return is_template(value);
  return std::any_of(value.begin(), value.end(), [](const json& one) { return has_template(one); });
}

void check_result_condition(const json& given, const std::string& pointer, Problems& problems) {
  if (!given.is_object()) {
    return problems.add(pointer,
                        "what a try must return is an object such as {\"pointer\": \"/state\", "
                        "\"equals\": \"done\"}");
  }
  FieldReader fields(given, pointer, problems);
  if (const auto at = fields.text("pointer", 1024); at && !is_pointer(*at)) {
    fields.problem("pointer", "must be a JSON pointer such as \"/state\" or \"/rows/0\"");
  }
  check_comparison(fields, "pointer");
  fields.refuse_unknown("what a try must return");
  if (has_template(given)) {
    fields.problem("pointer", "the condition of a loop is not rendered: write the value itself");
  }
}

std::string read_result(FieldReader& fields) {
  const json* given = fields.find("result");
  if (given == nullptr) return {};
  const json list = given->is_array() ? *given : json::array({*given});
  if (list.empty() || list.size() > max_conditions) {
    fields.problem("result", "\"result\" is one thing that a try must return, or a list of 1 to " +
                                 std::to_string(max_conditions) + " that must all hold");
    return {};
  }
  const std::string pointer = fields.pointer_to("result");
  for (std::size_t i = 0; i < list.size(); ++i) {
    check_result_condition(list[i], given->is_array() ? pointer + "/" + std::to_string(i) : pointer,
                           fields.problems());
  }
  return json_text(list);
}

void read_condition(FieldReader& repeat, const char* name, Task& task) {
  const json* given = repeat.object(name);
  if (given == nullptr) return;
  Repeat& loop = task.repeat;
  FieldReader fields(*given, repeat.pointer_to(name), repeat.problems());
  loop.exit_codes = read_exit_codes(fields, "exit_codes", 0);
  loop.output = read_output_patterns(fields);
  loop.result_json = read_result(fields);
  fields.refuse_unknown("the condition of a loop");
  if (loop.exit_codes.empty() && loop.output.empty() && loop.result_json.empty() &&
      fields.problems().none()) {
    repeat.problem(name, "names no condition: exit_codes, output or result");
  }
}

void read_growth(FieldReader& fields, Repeat& loop) {
  const json* given = fields.find("backoff");
  if (given == nullptr) return;
  if (given->is_boolean()) {
    loop.multiplier = given->get<bool>() ? 2 : 0;
    return;
  }
  loop.multiplier = given->is_number() ? given->get<double>() : -1;
  if (loop.multiplier >= 1 && loop.multiplier <= max_growth) return;
  fields.problem("backoff",
                 "must be true, false, or a number from 1 to 100 that the delay is multiplied by");
}

void read_bound(FieldReader& fields, Repeat& loop) {
  if (const auto most = fields.integer("max", 1, max_repeats)) {
    loop.max = static_cast<std::int32_t>(*most);
  } else if (fields.find("max") == nullptr) {
    fields.problem("max", "a loop needs a bound: \"max\", how often it runs at most (1 to " +
                              std::to_string(max_repeats) + ")");
  }
  const auto what = fields.text("on_max");
  if (!what) return;
  if (*what != "fail" && *what != "success" && *what != "skip") {
    fields.problem("on_max", "on_max must be fail, success or skip" +
                                 did_you_mean(*what, {"fail", "success", "skip"}));
  }
  loop.max_is_success = *what == "success";
  loop.max_is_skip = *what == "skip";
}

void refuse_kinds(FieldReader& fields, const Task& task) {
  const char* why = nullptr;
  if (task.is_data) {
    why = "each try of this task moves the table on: a loop around it is a schedule";
  } else if (task.plugin == "branch") {
    why = "a branch chooses once";
  } else if (!task.needs_worker()) {
    why = "only tasks that a worker runs can be repeated; a sensor waits by itself";
  } else if (task.is_setup || task.is_teardown) {
    why = "a setup, a teardown or a task of \"on_exit\" runs once";
  }
  if (why != nullptr) fields.problem("repeat", why);
}

// A try that ended with a code other than 0 hands in no tables: as a success it would lose them.
void refuse_lost_tables(FieldReader& fields, FieldReader& repeat, const Task& task) {
  const Repeat& loop = task.repeat;
  const json* outputs = fields.find("outputs");
  if (outputs == nullptr || outputs->empty()) return;
  if (loop.max_is_skip) {
    repeat.problem("on_max",
                   "each turn of a task with \"outputs\" publishes its tables: it cannot be "
                   "skipped after the last");
  }
  const bool hands_in =
      task.plugin == "shell" || task.plugin == "python" || task.plugin == "container";
  if (!hands_in || loop.exit_codes.empty()) return;
  const bool names_failures =
      std::any_of(loop.exit_codes.begin(), loop.exit_codes.end(),
                  [](const CodeRange& range) { return range.least != 0 || range.most != 0; });
  if (loop.until && names_failures) {
    repeat.problem("until",
                   "a task with \"outputs\" hands in its tables when it ends with exit code 0: no "
                   "other code can make a success of it");
  } else if (loop.max_is_success && (loop.until || names_failures)) {
    repeat.problem(
        "on_max",
        "a task with \"outputs\" hands in no tables when its last turn ends with an exit "
        "code other than 0: that cannot be a success");
  }
}

}  // namespace

void read_repeat(FieldReader& fields, Task& task) {
  const json* given = fields.object("repeat");
  if (given == nullptr) return;
  Repeat& loop = task.repeat;
  FieldReader inner(*given, fields.pointer_to("repeat"), fields.problems());
  const bool until = inner.find("until") != nullptr;
  if (until == (inner.find("while") != nullptr)) {
    fields.problem("repeat", "a loop has one condition: \"until\", or \"while\"");
  }
  loop.until = until;
  read_condition(inner, until ? "until" : "while", task);
  read_bound(inner, loop);
  if (const auto delay = inner.duration("delay")) loop.delay = *delay;
  read_growth(inner, loop);
  if (const auto most = inner.duration("max_delay")) {
    loop.max_delay = *most;
    if (*most < loop.delay) inner.problem("max_delay", "is shorter than \"delay\"");
  }
  inner.refuse_unknown("repeat");
  refuse_kinds(fields, task);
  refuse_lost_tables(fields, inner, task);
  if (!loop.output.empty() && !task.continue_on.output.empty()) {
    inner.problem(until ? "until" : "while",
                  "lines are watched for one thing: for the loop's output or for that of "
                  "continue_on");
  }
}

namespace {

// Null where nothing is, also where a list is asked for an index beyond what any number holds.
json value_at(const json& value, const std::string& pointer) {
  try {
    const json::json_pointer at(pointer);
    return value.contains(at) ? value.at(at) : json(nullptr);
  } catch (const json::exception&) {
    return nullptr;
  }
}

}  // namespace

bool result_is_as_wanted(const std::string& result_json, const json& returned) {
  const auto wanted = parse_untrusted(result_json);
  if (!wanted || !wanted->is_array()) return false;
  json value = returned;
  if (value.is_string()) {
    auto inner = parse_untrusted(value.get_ref<const std::string&>());
    if (inner && inner->is_structured()) value = *std::move(inner);
  }
  for (const json& one : *wanted) {
    const auto holds = comparison_holds(value_at(value, one.value("pointer", "")), one);
    if (!holds || !*holds) return false;
  }
  return true;
}

}  // namespace batuta
