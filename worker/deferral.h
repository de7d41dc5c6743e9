// What a task that gives its slot back may leave behind.
#pragma once

#include <string_view>

#include "common/message.h"
#include "common/result.h"

namespace batuta {

// Whether a plugin may hand this in: sizes, JSON, no secret of the launch in it (both are kept in
// the clear), no connection that the task was not given (the scheduler would open it). Errors are
// Errc::invalid and begin with "defer: ". What the fields of the wait mean is the scheduler's to
// say.
Status check_deferral(const Launch& launch, std::string_view wait_json,
                      std::string_view payload_json);

// Whether an attempt may leave this checkpoint: JSON within its bound, without a secret of the
// attempt. Errors are Errc::invalid and begin with "checkpoint: ".
Status check_checkpoint(const Launch& launch, std::string_view json);

// The agent's word on a report that defers: the slot's checks again, for the plugin may have
// written over them, and whether the scheduler knows of deferral at all (`version`: that they
// agreed on).
void judge_deferral(const Launch& launch, std::uint32_t version, Finished& report);

}  // namespace batuta
