// One plugin call in a slot of its own, without scheduler or agent: how the command line reads the
// lake.
#pragma once

#include "worker/slot_call.h"

namespace batuta::cli {

// `caller` and `programs_folder` need not be filled in, nor `stop`: SIGINT and SIGTERM end the call
// in order, so that nothing stays behind. Blocking; one at a time.
Result<std::string> run_in_slot(SlotCall run);

}  // namespace batuta::cli
