// What a task says about its failures: which are worth another try, and when.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/pattern.h"
#include "common/time.h"

namespace batuta {

// How an attempt failed. What is not its fault (a lost worker, an attempt that was refused) has no
// class: no rule is asked.
enum class FailureClass : std::uint8_t {
  failure,   // the task said so: an exit code, an error that another try may mend
  no_retry,  // the task said that no other try mends it, or its parameters could not be made
  timeout,   // its execution_timeout, or the time that it may wait
  crash,     // its process ended without a word
};
inline constexpr int failure_class_count = 4;
std::string_view to_string(FailureClass kind);
std::optional<FailureClass> parse_failure_class(std::string_view text);

struct Failure {
  FailureClass kind = FailureClass::failure;
  std::int32_t exit_code = 0;  // 0: it had none
};

enum class RetryAction : std::uint8_t { retry, fail, skip };
std::string_view to_string(RetryAction action);
std::optional<RetryAction> parse_retry_action(std::string_view text);

// Both within.
struct CodeRange {
  std::int32_t least = 0;
  std::int32_t most = 0;
};
bool has_code(const std::vector<CodeRange>& ranges, std::int32_t code);

// All that it names must hold; what it does not name it does not look at.
struct RetryRule {
  std::vector<CodeRange> exit_codes{};
  std::vector<FailureClass> classes{};
  std::optional<Pattern> message{};  // found in the failure's reason
  RetryAction action = RetryAction::retry;
  std::optional<Duration> delay{};  // action retry: in place of the task's own, without backoff
};

inline constexpr std::size_t max_retry_rules = 32;
inline constexpr std::size_t max_code_ranges = 64;

// The place of the first rule that holds, if one does. Linear in the message for each rule.
std::optional<std::size_t> find_retry_rule(const std::vector<RetryRule>& rules,
                                           const Failure& failure, std::string_view message);

}  // namespace batuta
