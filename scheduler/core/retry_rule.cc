#include "scheduler/core/retry_rule.h"

#include <algorithm>
#include <array>

#include "scheduler/core/mutant.h"

namespace batuta {
namespace {

constexpr std::array<std::string_view, failure_class_count> failure_names = {"failure", "no_retry",
                                                                             "timeout", "crash"};
constexpr std::array<std::string_view, 3> action_names = {"retry", "fail", "skip"};

template <class Enum, std::size_t N>
std::optional<Enum> find_name(const std::array<std::string_view, N>& names, std::string_view text) {
  for (std::size_t i = 0; i < N; ++i) {
    if (names[i] == text) return static_cast<Enum>(i);
  }
  return std::nullopt;
}

bool holds(const RetryRule& rule, const Failure& failure, std::string_view message) {
  if (!rule.exit_codes.empty() && !has_code(rule.exit_codes, failure.exit_code)) return false;
  const auto& classes = rule.classes;
  if (!classes.empty() &&
      std::find(classes.begin(), classes.end(), failure.kind) == classes.end()) {
    return false;
  }
  return !rule.message || rule.message->found_in(message);
}

}  // namespace

std::string_view to_string(FailureClass kind) {
  return failure_names[static_cast<std::size_t>(kind)];
}

std::optional<FailureClass> parse_failure_class(std::string_view text) {
  return find_name<FailureClass>(failure_names, text);
}

std::string_view to_string(RetryAction action) {
  return action_names[static_cast<std::size_t>(action)];
}

std::optional<RetryAction> parse_retry_action(std::string_view text) {
  return find_name<RetryAction>(action_names, text);
}

// Exit code 0 is no exit code here: an attempt that failed without one.
bool has_code(const std::vector<CodeRange>& ranges, std::int32_t code) {
  return code != 0 && std::any_of(ranges.begin(), ranges.end(), [&](const CodeRange& range) {
           return range.least <= code && code <= range.most;
         });
}

std::optional<std::size_t> find_retry_rule(const std::vector<RetryRule>& rules,
                                           const Failure& failure, std::string_view message) {
  std::optional<std::size_t> found;
  for (std::size_t i = 0; i < rules.size(); ++i) {
    if (!holds(rules[i], failure, message)) continue;
    found = i;
    if (!mutant("last_retry_rule_wins")) break;
  }
  return found;
}

}  // namespace batuta
