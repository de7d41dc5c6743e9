#include "scheduler/core/trigger_rule.h"

#include <array>
#include <cstddef>

#include "common/result.h"
#include "scheduler/core/mutant.h"

namespace batuta {
namespace {

constexpr std::array<std::string_view, trigger_rule_count + 1> names = {
    "all_success",
    "all_failed",
    "all_done",
    "all_done_min_one_success",
    "one_success",
    "one_failed",
    "one_done",
    "none_failed",
    "none_failed_min_one_success",
    "none_skipped",
    "all_skipped",
    "always",
    "all_done_setup_success"};

}  // namespace

std::string_view to_string(TriggerRule rule) {
  return names[static_cast<std::size_t>(rule)];
}

std::optional<TriggerRule> parse_trigger_rule(std::string_view text) {
  for (std::size_t i = 0; i < trigger_rule_count; ++i) {
    if (names[i] == text) return static_cast<TriggerRule>(i);
  }
  return std::nullopt;
}

// Each case answers early only when no later end of an upstream could change the answer.
Verdict evaluate(TriggerRule rule, const UpstreamCounts& c, const UpstreamCounts& setups) {
  if (c.total == 0) return Verdict::run;
  const bool all_done = c.done() == c.total;
  const std::int32_t bad = c.failed + c.upstream_failed;
  switch (rule) {
    case TriggerRule::all_success:
      if (bad > 0) return Verdict::upstream_failed;
      if (c.skipped > 0 && mutant("skip_before_failure")) return Verdict::skip;
      if (!all_done) return Verdict::wait;
      return c.skipped > 0 ? Verdict::skip : Verdict::run;
    case TriggerRule::all_failed:
      if (c.success + c.skipped > 0) return Verdict::skip;
      return all_done ? Verdict::run : Verdict::wait;
    case TriggerRule::all_done:
      if (mutant("all_done_early") && c.done() >= c.total - 1) return Verdict::run;
      return all_done ? Verdict::run : Verdict::wait;
    case TriggerRule::all_done_min_one_success:
      if (c.skipped > 0) return Verdict::skip;
      if (!all_done) return Verdict::wait;
      return c.success > 0 ? Verdict::run : Verdict::upstream_failed;
    case TriggerRule::one_success:
      if (c.success > 0) return Verdict::run;
      if (!all_done) return Verdict::wait;
      return c.skipped == c.total ? Verdict::skip : Verdict::upstream_failed;
    case TriggerRule::one_failed:
      if (bad > 0) return Verdict::run;
      return all_done ? Verdict::skip : Verdict::wait;
    case TriggerRule::one_done:
      if (c.success + c.failed > 0) return Verdict::run;
      return all_done ? Verdict::skip : Verdict::wait;
    case TriggerRule::none_failed:
      if (bad > 0) return Verdict::upstream_failed;
      return all_done ? Verdict::run : Verdict::wait;
    case TriggerRule::none_failed_min_one_success:
      if (bad > 0) return Verdict::upstream_failed;
      if (!all_done) return Verdict::wait;
      return c.success > 0 ? Verdict::run : Verdict::skip;
    case TriggerRule::none_skipped:
      if (c.skipped > 0) return Verdict::skip;
      return all_done ? Verdict::run : Verdict::wait;
    case TriggerRule::all_skipped:
      if (c.success + bad > 0) return Verdict::skip;
      return all_done ? Verdict::run : Verdict::wait;
    case TriggerRule::always:
      return Verdict::run;
    case TriggerRule::all_done_setup_success:
      if (!all_done) return Verdict::wait;
      if (setups.total == 0 || setups.success > 0) return Verdict::run;
      return setups.skipped == setups.total ? Verdict::skip : Verdict::upstream_failed;
  }
  check_failed("a trigger rule of the enum", __FILE__, __LINE__, {});
}

}  // namespace batuta
