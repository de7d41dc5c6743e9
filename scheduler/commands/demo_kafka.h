// `batuta demo run --kafka`: what of a bundle and of an installation differs by a broker.
#pragma once

#include <string>

#include "common/result.h"
#include "scheduler/demo/real_broker.h"
#include "scheduler/demo/simulation.h"

namespace batuta {

class Home;
class Registry;

// A file of the bundle `name` as it reads the broker, of its text as installed.
std::string with_broker(std::string text, const demo::Simulation& simulation,
                        const std::string& file);

// Has the home's bundle read the broker, or the embedded log. Of a file that somebody changed
// only that spot changes. Errc::conflict, naming the file: the spot is not there any more.
Status choose_broker(const Home& home, const std::string& name, const demo::Simulation& simulation,
                     bool wanted);

// The connection <name>_broker; `broker` null: of an earlier start none is left. Called by the
// store's thread.
Status set_broker(Registry& registry, const std::string& name,
                  const stream::KafkaConnection* broker);

}  // namespace batuta
