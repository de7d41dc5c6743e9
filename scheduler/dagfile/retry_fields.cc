#include "scheduler/dagfile/retry_fields.h"

#include <charconv>
#include <nlohmann/json.hpp>

#include "common/safe_json.h"
#include "common/suggest.h"

namespace batuta {
namespace {

using nlohmann::json;

constexpr std::int64_t max_exit_code = 255;

std::optional<std::int32_t> code_of(std::string_view digits, std::int32_t least) {
  std::int32_t code = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), code);
  if (error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
  return code >= least && code <= max_exit_code ? std::optional(code) : std::nullopt;
}

std::optional<CodeRange> code_range(const json& value, std::int32_t least_code) {
  if (const auto number = json_int(value)) {
    if (*number < least_code || *number > max_exit_code) return std::nullopt;
    const auto code = static_cast<std::int32_t>(*number);
    return CodeRange{code, code};
  }
  if (!value.is_string()) return std::nullopt;
  const std::string_view text = value.get_ref<const std::string&>();
  const std::size_t dash = text.find('-');
  const auto least = code_of(text.substr(0, dash), least_code);
  const auto most =
      dash == std::string_view::npos ? least : code_of(text.substr(dash + 1), least_code);
  if (!least || !most || *least > *most) return std::nullopt;
  return CodeRange{*least, *most};
}

std::vector<FailureClass> read_classes(FieldReader& fields) {
  const json* given = fields.find("error_class");
  if (given == nullptr) return {};
  std::vector<std::string> names;
  if (given->is_string()) {
    names.push_back(given->get<std::string>());
  } else if (const auto list = fields.texts("error_class", failure_class_count)) {
    names = *list;
  } else {
    return {};
  }
  std::vector<std::string> known;
  for (int i = 0; i < failure_class_count; ++i) {
    known.emplace_back(to_string(static_cast<FailureClass>(i)));
  }
  std::vector<FailureClass> classes;
  for (const std::string& name : names) {
    if (const auto kind = parse_failure_class(name)) {
      classes.push_back(*kind);
    } else {
      fields.problem("error_class", "unknown error class \"" + name.substr(0, 80) + "\"" +
                                        did_you_mean(name, known) + one_of(known));
    }
  }
  if (names.empty()) fields.problem("error_class", "names no error class: leave it out");
  return classes;
}

RetryAction read_action(FieldReader& fields) {
  const auto text = fields.text("action");
  if (!text) {
    if (!fields.find("action")) {
      fields.problem("action", "a retry rule needs an \"action\": retry, fail or skip");
    }
    return RetryAction::retry;
  }
  const auto action = parse_retry_action(*text);
  if (action) return *action;
  fields.problem("action", "\"action\" must be retry, fail or skip" +
                               did_you_mean(*text, {"retry", "fail", "skip"}));
  return RetryAction::retry;
}

RetryRule read_rule(const json& given, std::string pointer, Problems& problems) {
  RetryRule rule;
  if (!given.is_object()) {
    problems.add(std::move(pointer),
                 "a retry rule is an object such as {\"exit_codes\": [75], "
                 "\"action\": \"retry\", \"delay\": \"10s\"}");
    return rule;
  }
  FieldReader fields(given, std::move(pointer), problems);
  rule.exit_codes = read_exit_codes(fields, "exit_codes");
  rule.classes = read_classes(fields);
  rule.message = read_pattern(fields, "message");
  rule.action = read_action(fields);
  rule.delay = fields.duration("delay");
  if (rule.delay && rule.action != RetryAction::retry) {
    fields.problem("delay", "only a rule with the action \"retry\" has a delay");
  }
  fields.refuse_unknown("a retry rule");
  return rule;
}

bool is_for_all(const RetryRule& rule) {
  return rule.exit_codes.empty() && rule.classes.empty() && !rule.message;
}

}  // namespace

std::vector<CodeRange> read_exit_codes(FieldReader& fields, std::string_view name,
                                       std::int32_t least) {
  const json* given = fields.find(name);
  if (given == nullptr) return {};
  const json list = given->is_array() ? *given : json::array({*given});
  std::vector<CodeRange> ranges;
  for (const json& one : list) {
    const auto range = code_range(one, least);
    if (!range || list.size() > max_code_ranges) {
      fields.problem(name, std::string(name) + " are numbers from " + std::to_string(least) +
                               " to 255 and ranges such as \"100-120\", at "
                               "most " +
                               std::to_string(max_code_ranges));
      return {};
    }
    ranges.push_back(*range);
  }
  if (ranges.empty()) fields.problem(name, std::string(name) + " is empty: leave it out");
  return ranges;
}

std::optional<Pattern> read_pattern(FieldReader& fields, std::string_view name) {
  const auto text = fields.text(name);
  if (!text) return std::nullopt;
  auto pattern = Pattern::compile(*text);
  if (pattern) return *std::move(pattern);
  fields.problem(name, pattern.error().message);
  return std::nullopt;
}

void read_retry_rules(FieldReader& fields, RetryPolicy& retry) {
  if (const auto n = fields.integer("infrastructure_retries", 0, 1000)) {
    retry.infrastructure_retries = static_cast<std::int32_t>(*n);
  }
  const json* given = fields.find("retry_rules");
  if (given == nullptr) return;
  retry.rules.clear();
  if (!given->is_array() || given->size() > max_retry_rules) {
    fields.problem("retry_rules", "\"retry_rules\" is a list of at most " +
                                      std::to_string(max_retry_rules) +
                                      " rules, of which the first that holds decides");
    return;
  }
  const std::string pointer = fields.pointer_to("retry_rules");
  for (std::size_t i = 0; i < given->size(); ++i) {
    const std::string place = pointer + "/" + std::to_string(i);
    if (!retry.rules.empty() && is_for_all(retry.rules.back()) && fields.problems().none()) {
      fields.problems().add(place,
                            "the rule before it holds for every failure: nothing comes here");
      return;
    }
    retry.rules.push_back(read_rule((*given)[i], place, fields.problems()));
  }
}

}  // namespace batuta
