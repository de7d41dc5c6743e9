// What a run of the simulator tells: one JSON object, or a few lines for people.
#pragma once

#include <string>
#include <vector>

#include "tests/sim/runner.h"

namespace batuta::sim {

std::string to_json(const Outcomes& outcomes);
std::string to_text(const Outcomes& outcomes);

// Situations that never came up.
std::vector<std::string> missing_situations(const Outcomes& outcomes);

struct MutantResult {
  std::string mutant;
  std::string breaks;
  std::string invariant;  // empty: it survived
  std::string text;
  std::uint64_t seed = 0;
  std::uint64_t seeds_tried = 0;
};
std::string to_json(const std::vector<MutantResult>& results);
std::string to_text(const std::vector<MutantResult>& results);

}  // namespace batuta::sim
