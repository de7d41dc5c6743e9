// Interpreters that stay in the slot between attempts, with batuta.py and what a task wants loaded
// already: an attempt is forked from one in a millisecond or two where a start takes fifty. What it
// is forked from has seen no attempt: no secret, parameter or variable of one.
#pragma once

#include <sys/types.h>

#include <map>
#include <string>
#include <vector>

namespace batuta::plugin {

class Context;
struct Child;

// What an attempt needs of one.
struct WarmStart {
  std::string module, script;        // paths: batuta.py, and what the attempt runs
  std::vector<std::string> preload;  // modules, imported once
};

// False where the host cannot keep a process between attempts: it is of an older version.
bool can_stay_warm(const Context& context);

// Whether attempts of tasks that do not say so are forked ($BATUTA_WARM_PYTHON,
// worker.warm_python).
bool warm_by_default();

// Starts `child` (program, folder, environment) from the slot's interpreter that fits, which is
// made when there is none; of two at most the one that was used longest ago makes room.
// `descriptors`: the attempt's number -> ours. The process is a child of this one and the first of
// its group. Blocks until it exists: modules are imported the first time, for as long as they take.
// Throws RetryableError, also when a module cannot be imported or the attempt is cancelled
// meanwhile. The slot's main thread.
pid_t start_warm(Context& context, const Child& child, const std::map<int, int>& descriptors,
                 const WarmStart& what);

}  // namespace batuta::plugin
