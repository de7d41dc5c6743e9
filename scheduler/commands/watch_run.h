// One run from trigger to end, shown on the terminal: for the demo and for `dags test`.
#pragma once

#include <string>

#include "common/result.h"
#include "common/time.h"
#include "scheduler/core/event.h"

namespace batuta {

class Server;

// Waits until the DAGs are known, makes the run that `request` asks for (its conf is valid; uuid
// and user are filled in), prints a line per change of a task, and returns the run's final state:
// "success" or "failed". Errc::unavailable after `patience` or when the server stops; the trigger's
// own errors as they are. Not on the control thread.
Result<std::string> watch_run(Server& server, RunRequested request, Duration patience);

}  // namespace batuta
