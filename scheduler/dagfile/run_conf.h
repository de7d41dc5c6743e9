// The conf of a run that is asked for, by whoever asks.
#pragma once

#include <string>

#include "common/result.h"
#include "scheduler/core/event.h"

namespace batuta {

// Checks `conf_json`, an object, against the DAG's params and takes it over, with the data window
// that it names (conf.start, conf.end). Errc::invalid with a JSON pointer below /conf in `where`.
Status set_conf(const Dag& dag, std::string conf_json, RunRequested& request);

}  // namespace batuta
