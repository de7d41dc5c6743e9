// `batuta demo run --real`: what of a bundle and of an installation differs by it.
#pragma once

#include <string>

#include "common/result.h"
#include "scheduler/demo/simulation.h"

namespace batuta {

class DemoPostgres;
class Home;

// A file of a bundle as a demo leaves it there, with `real` or without: `original` is the text that
// was installed. nullopt of `real`'s text: the original lacks the line.
std::string with_real_server(const std::string& original, const demo::RealDatabase& real);

// Has the home's bundle `name` read the real database, or what stands in for it. Files that
// somebody changed stay as they are. Errc::conflict: such a one does not name the server that was
// asked for, with the line that does.
Status choose_server(const Home& home, const std::string& name, const demo::RealDatabase& real,
                     bool wanted);

// Writes each gold table of the pipeline as a file to <home>/demo/<name>/delivered, as anybody
// gets it by HTTP, and says so; with `postgres`, not null, also whether each is there, whole.
// Whether all are. `stays`: whoever reads what is printed can look into the home later.
Result<bool> show_delivery(const std::string& home, const std::string& name,
                           const demo::Simulation& simulation, const DemoPostgres* postgres,
                           bool stays);

}  // namespace batuta
