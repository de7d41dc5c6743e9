// How a simulation is set, in one place: the JSON that `batuta demo simulate --settings`, `batuta
// demo serve --settings` and the plugin simulated_sources read alike. Each member may be left out:
//
//   {"seed": 42, "size": 200, "days": 5, "first_day": "2026-03-02", "defects": 1,
//    "speed": "at once", "interval": "0s", "rate": 0}
#pragma once

#include <string>
#include <string_view>

#include "common/result.h"
#include "common/time.h"
#include "scheduler/demo/simulation.h"

namespace batuta::demo {

// When what happens in a simulation is there for others: sent, or served.
struct SimulationPace {
  double times = 0;  // simulated time to real time; 0: at once, nothing waits
  Duration
      interval{};  // what happens in so much simulated time comes together, at its end; 0: none

  bool at_once() const { return times <= 0; }
  // How long after the beginning, in real time, that is there which happens `simulated` after it.
  // What happens before the beginning is there with it. Never less for what happens later.
  Duration due(Duration simulated) const;
};

struct SimulationConfig {
  SimulationOptions options;
  SimulationPace pace;
  int per_second = 0;  // "rate": messages a second, whenever they happen; 0: as the pace has it
};

// "at once", "real time", or "x60" ("×60") from x0.001 to x1000000, as `times` has it.
// Errc::invalid.
Result<double> parse_speed(std::string_view text);

// Errc::invalid or Errc::malformed, with the member that is wrong and what may stand there.
Result<SimulationConfig> read_simulation_config(std::string_view text);

// That its parts go together, wherever they came from. Errc::invalid.
Status check_simulation_config(const SimulationConfig& config);

}  // namespace batuta::demo
