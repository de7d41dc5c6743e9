// One plugin call in a slot of its own, without scheduler or agent: how the command line reads the
// lake.
#pragma once

#include "worker/slot_call.h"

namespace batuta::cli {

using SlotRun = SlotCall;
// The message of the error when SIGINT or SIGTERM came while the plugin ran.
inline constexpr const char* interrupted = call_stopped;

// `caller` and `programs_folder` need not be filled in, nor `stop`: SIGINT and SIGTERM end the call
// in order, so that nothing stays behind. Blocking; one at a time.
Result<std::string> run_in_slot(SlotRun run);

}  // namespace batuta::cli
