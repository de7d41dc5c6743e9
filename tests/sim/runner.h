// Runs seeds in child processes, so that a CHECK that aborts is a finding like any other: the
// parent notes the seed and goes on with the next one.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "tests/sim/context.h"

namespace batuta::sim {

struct Finding {
  std::uint64_t seed = 0;
  std::string invariant;  // "I2", "CHECK" for an abort, "crash", "determinism"
  std::string text;
};

struct Plan {
  std::uint64_t first_seed = 1;
  std::uint64_t seeds = 0;                        // 0: as many as the time allows
  std::optional<std::chrono::milliseconds> time;  // wall clock
  unsigned jobs = 1;
  std::size_t most_findings = 10;  // stop after so many
  const char* mutant = nullptr;    // needs batuta_core_mutants
};

struct Outcomes {
  Totals totals;
  std::uint64_t trace_hash = 0;  // of all seeds together, in no order
  std::vector<Finding> findings;
  double seconds = 0;
};

Outcomes run_seeds(const Plan& plan);

// One seed in this process; verbose prints the trace. Throws Violation, aborts on a CHECK.
std::uint64_t run_seed(std::uint64_t seed, bool verbose, Totals& totals);

}  // namespace batuta::sim
