// Trigger rules: when a task may run, given the states of its direct upstreams.
//
// Airflow's rules (ti_deps/deps/trigger_rule_dep.py), with two deviations so that the outcome never
// depends on the order in which upstreams end: failure wins over skip (a skip verdict waits until
// no upstream can still fail), and a `removed` upstream counts as absent.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace batuta {

enum class TriggerRule : std::uint8_t {
  all_success,
  all_failed,
  all_done,
  all_done_min_one_success,
  one_success,
  one_failed,
  one_done,
  none_failed,
  none_failed_min_one_success,
  none_skipped,
  all_skipped,
  always,
  all_done_setup_success,  // of teardowns, which have no other
};
inline constexpr int trigger_rule_count = 12;  // those that a DAG file may name, the first ones

std::string_view to_string(TriggerRule rule);
std::optional<TriggerRule> parse_trigger_rule(std::string_view text);

// Upstreams by state class. `total` excludes removed ones.
struct UpstreamCounts {
  std::int32_t total = 0;
  std::int32_t success = 0;
  std::int32_t skipped = 0;
  std::int32_t failed = 0;
  std::int32_t upstream_failed = 0;
  std::int32_t done() const { return success + skipped + failed + upstream_failed; }
};

enum class Verdict : std::uint8_t { wait, run, skip, upstream_failed };

// Pure, total. With total == 0 every rule answers `run`. `setups`, of a teardown: those of its
// upstreams that are setups, which `counts` has too.
Verdict evaluate(TriggerRule rule, const UpstreamCounts& counts, const UpstreamCounts& setups = {});

}  // namespace batuta
