#include "tests/sim/rule_model.h"

namespace batuta::sim {

bool rule_holds(TriggerRule rule, const UpstreamCounts& c) {
  const int bad = c.failed + c.upstream_failed;
  const bool all_done = c.done() == c.total;
  if (c.total == 0) return true;
  switch (rule) {
    case TriggerRule::all_success:
      return c.success == c.total;
    case TriggerRule::all_failed:
      return bad == c.total;
    case TriggerRule::all_done:
      return all_done;
    case TriggerRule::all_done_min_one_success:
      return all_done && c.skipped == 0 && c.success > 0;
    case TriggerRule::one_success:
      return c.success > 0;
    case TriggerRule::one_failed:
      return bad > 0;
    case TriggerRule::one_done:
      return c.success + c.failed > 0;
    case TriggerRule::none_failed:
      return all_done && bad == 0;
    case TriggerRule::none_failed_min_one_success:
      return all_done && bad == 0 && c.success > 0;
    case TriggerRule::none_skipped:
      return all_done && c.skipped == 0;
    case TriggerRule::all_skipped:
      return c.skipped == c.total;
    case TriggerRule::always:
      return true;
    case TriggerRule::all_done_setup_success:  // of teardowns: Checker::check_teardown
      return all_done;
  }
  return false;
}

bool rule_is_hopeless(TriggerRule rule, const UpstreamCounts& c) {
  const int open = c.total - c.done();
  for (int success = 0; success <= open; ++success)
    for (int skipped = 0; success + skipped <= open; ++skipped)
      for (int failed = 0; success + skipped + failed <= open; ++failed) {
        UpstreamCounts end = c;
        end.success += success;
        end.skipped += skipped;
        end.failed += failed;
        end.upstream_failed += open - success - skipped - failed;
        if (rule_holds(rule, end)) return false;
      }
  return true;
}

bool skip_is_premature(TriggerRule rule, const UpstreamCounts& c) {
  const bool failure_wins = rule == TriggerRule::all_success || rule == TriggerRule::none_failed ||
                            rule == TriggerRule::none_failed_min_one_success;
  return failure_wins && (c.done() != c.total || c.failed + c.upstream_failed > 0);
}

}  // namespace batuta::sim
