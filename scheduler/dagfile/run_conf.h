// The conf of a run that is asked for, by whoever asks.
#pragma once

#include <string>
#include <vector>

#include "common/result.h"
#include "scheduler/core/event.h"

namespace batuta {

// In the conf of a run: what is to become of rows in quarantine. Only the server puts it there,
// once it has asked for the right.
inline constexpr const char* quarantine_member = "batuta:quarantine";

// Names of the DAG's params that are passwords ("format": "password"), ascending.
std::vector<std::string> password_params(const Dag& dag);

// Checks `conf_json`, an object, against the DAG's params and takes it over, with the data window
// that it names (conf.start, conf.end). Errc::malformed or Errc::invalid with a JSON pointer below
// /conf in `where`.
// Passwords are in the clear still: seal_request() before it is kept.
Status set_conf(const Dag& dag, std::string conf_json, RunRequested& request);
// Adds the server's own member to a conf that set_conf() took.
void add_quarantine_order(RunRequested& request, const std::string& order_json);

}  // namespace batuta
