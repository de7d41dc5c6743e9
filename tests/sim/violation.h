// A broken promise, found by the simulator: ends the seed.
#pragma once

#include <stdexcept>
#include <string>

namespace batuta::sim {

// `invariant` is a name of docs/simulation.md ("I1", …).
struct Violation : std::runtime_error {
  Violation(std::string id, const std::string& what)
      : std::runtime_error(what), invariant(std::move(id)) {}
  std::string invariant;
};

// `what` is a callable that yields the message, so that a check that holds costs no string.
template <class What>
void require(bool holds, const char* invariant, What&& what) {
  if (!holds) [[unlikely]]
    throw Violation(invariant, what());
}

}  // namespace batuta::sim
