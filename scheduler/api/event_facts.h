// How events of lineage or traces leave, as metrics and `batuta doctor` tell it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "common/time.h"

namespace batuta::http {

struct EventFacts {
  bool on = false;
  std::size_t waiting = 0;
  // Since the server started.
  std::uint64_t sent = 0;
  std::uint64_t refused = 0;  // by the collector, for good
  std::uint64_t lost = 0;     // too many waited, or it was switched off
  std::string trouble{};      // why those that wait do not go; empty: they go
  OptTime since{};            // of the trouble
};

}  // namespace batuta::http
