// Return values that are too large for a report: the slot writes a file, the agent puts it where
// results are kept (common/run_files.h), and the report names it. All is on the disk before the
// report leaves.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <string_view>

#include "common/message.h"
#include "common/result.h"

namespace batuta {

// Slot: writes `json` to `path` and syncs it. Errc::invalid for what is no JSON, is over
// max_result_file or holds a secret of the launch (a large value is not sealed, so nobody may see
// one in it); Errc::unavailable when the disk does not take it. Then there is no file.
Status spill_result(const Launch& launch, const std::string& path, std::string_view json);

// Agent: takes the slot's file of a report whose result_json names one. Afterwards the value is
// where results are kept, or the report is a failure that says why not. Without success nothing is
// kept. `readers`: a group that may read it, where slots run as another user.
void keep_result(const std::string& home, const std::string& spilled, std::optional<gid_t> readers,
                 const Launch& launch, Finished& report);

// Agent, before an attempt starts: those before it are over, and so are their values.
void forget_results(const std::string& home, const Launch& launch);

}  // namespace batuta
