// The rules against a model written from the published table, over every multiset of states and
// every order of arrival of up to four upstreams.
#include "scheduler/core/trigger_rule.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <vector>

namespace batuta {
namespace {

enum class End { success, skipped, failed, upstream_failed, removed };
constexpr End ends[] = {End::success, End::skipped, End::failed, End::upstream_failed,
                        End::removed};

// The verdict once everything is known, by quantifiers over the upstreams instead of counts.
Verdict final_verdict(TriggerRule rule, std::vector<End> ups) {
  std::erase(ups, End::removed);
  if (ups.empty()) return Verdict::run;
  const auto is = [](std::vector<End> wanted) {
    return [wanted](End e) { return std::find(wanted.begin(), wanted.end(), e) != wanted.end(); };
  };
  const auto all = [&](auto p) { return std::all_of(ups.begin(), ups.end(), p); };
  const auto any = [&](auto p) { return std::any_of(ups.begin(), ups.end(), p); };
  const auto bad = is({End::failed, End::upstream_failed});
  const auto good = is({End::success});
  const auto skip = is({End::skipped});
  const auto run_if = [](bool runs, Verdict otherwise) { return runs ? Verdict::run : otherwise; };
  switch (rule) {
    case TriggerRule::all_success:
      return any(bad) ? Verdict::upstream_failed : run_if(all(good), Verdict::skip);
    case TriggerRule::all_failed:
      return run_if(all(bad), Verdict::skip);
    case TriggerRule::all_done:
      return Verdict::run;
    case TriggerRule::all_done_min_one_success:
      return any(skip) ? Verdict::skip : run_if(any(good), Verdict::upstream_failed);
    case TriggerRule::one_success:
      return run_if(any(good), all(skip) ? Verdict::skip : Verdict::upstream_failed);
    case TriggerRule::one_failed:
      return run_if(any(bad), Verdict::skip);
    case TriggerRule::one_done:
      return run_if(any(is({End::success, End::failed})), Verdict::skip);
    case TriggerRule::none_failed:
      return run_if(!any(bad), Verdict::upstream_failed);
    case TriggerRule::none_failed_min_one_success:
      return any(bad) ? Verdict::upstream_failed : run_if(any(good), Verdict::skip);
    case TriggerRule::none_skipped:
      return run_if(!any(skip), Verdict::skip);
    case TriggerRule::all_skipped:
      return run_if(all(skip), Verdict::skip);
    case TriggerRule::always:
    case TriggerRule::all_done_setup_success:
      return Verdict::run;
  }
  return Verdict::wait;
}

void arrive(UpstreamCounts& counts, End end) {
  switch (end) {
    case End::success:
      ++counts.success;
      break;
    case End::skipped:
      ++counts.skipped;
      break;
    case End::failed:
      ++counts.failed;
      break;
    case End::upstream_failed:
      ++counts.upstream_failed;
      break;
    case End::removed:
      --counts.total;
      break;
  }
}

// The first verdict that is not `wait` along one order of arrival: what the task becomes.
Verdict lived_verdict(TriggerRule rule, const std::vector<End>& order) {
  UpstreamCounts counts;
  counts.total = static_cast<std::int32_t>(order.size());
  for (const End end : order) {
    const Verdict verdict = evaluate(rule, counts);
    if (verdict != Verdict::wait) return verdict;
    arrive(counts, end);
  }
  return evaluate(rule, counts);
}

template <class Visit>
void for_all_orders(int upstreams, std::vector<End>& order, const Visit& visit) {
  if (static_cast<int>(order.size()) == upstreams) return visit(order);
  for (const End end : ends) {
    order.push_back(end);
    for_all_orders(upstreams, order, visit);
    order.pop_back();
  }
}

TEST_CASE("every rule ends as the model says, whatever the order of arrival") {
  for (int r = 0; r < trigger_rule_count; ++r) {
    const auto rule = static_cast<TriggerRule>(r);
    for (int upstreams = 0; upstreams <= 4; ++upstreams) {
      std::vector<End> order;
      for_all_orders(upstreams, order, [&](const std::vector<End>& each) {
        INFO(to_string(rule), " with ", upstreams, " upstreams");
        CHECK(lived_verdict(rule, each) == final_verdict(rule, each));
      });
    }
  }
}

TEST_CASE("rules that need not wait do not") {
  const UpstreamCounts one_good{3, 1, 0, 0, 0};
  const UpstreamCounts one_bad{3, 0, 0, 1, 0};
  CHECK(evaluate(TriggerRule::one_success, one_good) == Verdict::run);
  CHECK(evaluate(TriggerRule::one_failed, one_bad) == Verdict::run);
  CHECK(evaluate(TriggerRule::one_done, one_bad) == Verdict::run);
  CHECK(evaluate(TriggerRule::all_success, one_bad) == Verdict::upstream_failed);
  CHECK(evaluate(TriggerRule::always, {3, 0, 0, 0, 0}) == Verdict::run);
}

TEST_CASE("a skip waits while an upstream can still fail") {
  UpstreamCounts counts{2, 0, 1, 0, 0};
  CHECK(evaluate(TriggerRule::all_success, counts) == Verdict::wait);
  counts.failed = 1;
  CHECK(evaluate(TriggerRule::all_success, counts) == Verdict::upstream_failed);
}

TEST_CASE("every rule has a verdict when all upstreams are done, so that no run can hang") {
  for (int r = 0; r < trigger_rule_count; ++r) {
    for (int s = 0; s <= 3; ++s) {
      for (int k = 0; s + k <= 3; ++k) {
        for (int f = 0; s + k + f <= 3; ++f) {
          const UpstreamCounts counts{3, s, k, f, 3 - s - k - f};
          CHECK(evaluate(static_cast<TriggerRule>(r), counts) != Verdict::wait);
        }
      }
    }
  }
}

TEST_CASE("every rule's name reads back as itself") {
  for (int r = 0; r < trigger_rule_count; ++r) {
    const auto rule = static_cast<TriggerRule>(r);
    CHECK(parse_trigger_rule(to_string(rule)) == rule);
  }
  CHECK(!parse_trigger_rule("all_done_setup_success"));
}

}  // namespace
}  // namespace batuta
