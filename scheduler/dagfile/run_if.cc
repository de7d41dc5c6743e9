#include "scheduler/dagfile/run_if.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "common/pattern.h"
#include "common/safe_json.h"
#include "scheduler/dagfile/retry_fields.h"

namespace batuta {
namespace {

using nlohmann::json;

constexpr const char* comparisons[] = {"equals", "not_equals", "matches", "in"};
constexpr std::size_t most_shown = 200;

bool is_scalar(const json& value) {
  return !value.is_structured();
}

std::string compared_text(const json& value) {
  if (value.is_string()) return value.get<std::string>();
  return value.is_null() ? std::string() : json_text(value);
}

std::string shown_value(const json& value) {
  std::string text = compared_text(value);
  if (text.size() > most_shown) {
    std::size_t end = most_shown;
    while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80U) --end;
    text.resize(end);
    text += "…";
  }
  return "\"" + text + "\"";
}

void check_other_side(FieldReader& fields, const char* name) {
  const json& value = *fields.find(name);
  if (std::string_view(name) == "in") {
    const bool list = value.is_array() && !value.empty() && value.size() <= 1000 &&
                      std::all_of(value.begin(), value.end(), is_scalar);
    if (!list && !is_template(value)) {
      fields.problem(name, "\"in\" is a list of 1 to 1000 texts, numbers or booleans");
    }
  } else if (std::string_view(name) == "matches") {
    read_pattern(fields, name);
  } else if (!is_scalar(value)) {
    fields.problem(name, "a value is compared with a text, a number, a boolean or null, not with " +
                             std::string(json_kind(value)));
  }
}

void check_condition(const json& given, const std::string& pointer, Problems& problems) {
  if (!given.is_object()) {
    return problems.add(pointer,
                        "a condition is an object such as {\"value\": \"{{ params.mode }}\", "
                        "\"equals\": \"full\"}");
  }
  FieldReader fields(given, pointer, problems);
  const json* value = fields.find("value");
  if (value == nullptr) {
    fields.problem("value", "a condition needs a \"value\", such as \"{{ params.mode }}\"");
  } else if (!is_scalar(*value)) {
    fields.problem("value",
                   "must be a text, a number or a boolean, not " + std::string(json_kind(*value)));
  }
  check_comparison(fields, "value");
  fields.refuse_unknown("a condition");
}

}  // namespace

void check_comparison(FieldReader& fields, std::string_view field) {
  int named = 0;
  for (const char* name : comparisons) {
    if (fields.find(name) == nullptr) continue;
    ++named;
    check_other_side(fields, name);
  }
  if (named != 1) {
    fields.problem(field,
                   "a condition compares its value once: by equals, not_equals, matches or "
                   "in");
  }
}

Result<bool> comparison_holds(const json& given, const json& condition) {
  const std::string value = compared_text(given);
  if (const auto other = condition.find("equals"); other != condition.end()) {
    return value == compared_text(*other);
  }
  if (const auto other = condition.find("not_equals"); other != condition.end()) {
    return value != compared_text(*other);
  }
  if (const auto other = condition.find("matches"); other != condition.end()) {
    const auto pattern = Pattern::compile(compared_text(*other));
    if (!pattern) return pattern.error();
    return pattern->found_in(value);
  }
  const json list = condition.value("in", json::array());
  if (!list.is_array()) return Error{Errc::invalid, "\"in\" did not become a list", "in"};
  return std::any_of(list.begin(), list.end(),
                     [&](const json& one) { return compared_text(one) == value; });
}

std::string read_run_if(FieldReader& fields) {
  const json* given = fields.find("run_if");
  if (given == nullptr || given->is_null()) return {};
  const json list = given->is_array() ? *given : json::array({*given});
  if (list.empty() || list.size() > max_conditions) {
    fields.problem("run_if", "\"run_if\" is a condition, or a list of 1 to " +
                                 std::to_string(max_conditions) + " that must all hold");
    return {};
  }
  const std::string pointer = fields.pointer_to("run_if");
  for (std::size_t i = 0; i < list.size(); ++i) {
    check_condition(list[i], given->is_array() ? pointer + "/" + std::to_string(i) : pointer,
                    fields.problems());
  }
  return json_text(json{{"run_if", list}});
}

Result<RunIfVerdict> judge_run_if(const json& rendered) {
  RunIfVerdict verdict;
  const json list = rendered.value("run_if", json::array());
  for (const json& condition : list) {
    const auto holds = comparison_holds(condition.value("value", json(nullptr)), condition);
    if (!holds) return holds.error();
    if (!*holds) {
      verdict.holds = false;
      verdict.why = describe_condition(rendered, verdict.condition);
      return verdict;
    }
    ++verdict.condition;
  }
  return verdict;
}

std::string describe_condition(const json& rendered, std::size_t condition) {
  const std::string place = "condition " + std::to_string(condition + 1) + " does not hold";
  const auto list = rendered.is_object() ? rendered.find("run_if") : rendered.end();
  if (!rendered.is_object() || list == rendered.end() || condition >= list->size()) return place;
  const json& one = (*list)[condition];
  const std::string value = place + ": " + shown_value(one.value("value", json(nullptr)));
  if (const auto other = one.find("equals"); other != one.end()) {
    return value + " is not " + shown_value(*other);
  }
  if (const auto other = one.find("not_equals"); other != one.end()) {
    return value + " is what it must not be";
  }
  if (const auto other = one.find("matches"); other != one.end()) {
    return value + " does not match " + shown_value(*other);
  }
  return value + " is none of " + shown_value(one.value("in", json::array()));
}

}  // namespace batuta
