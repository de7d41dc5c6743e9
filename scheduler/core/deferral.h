// Tasks that their plugins defer (deferral.cc).
#pragma once

#include "scheduler/core/turn.h"

namespace batuta {

// Its next launch goes on from a payload.
bool is_resumed(const LiveRun& run, InstanceIndex i);
// And does so within the try that was deferred; not when an attempt of it was lost since.
bool continues_try(const LiveRun& run, InstanceIndex i);
// Its attempt came to nothing: what goes on from the payload next is another try.
void end_resumed_try(Turn& turn, LiveRun& run, InstanceIndex i);
// The attempt ended by giving its slot back.
void defer_attempt(Turn& turn, LiveRun& run, InstanceIndex i, const AttemptFinished& event);
// The wait of a plugin's task is over: it is launched again.
void resume_task(Turn& turn, LiveRun& run, InstanceIndex i, Resume how, const std::string& told);
// It has waited until the deadline.
void deferral_timed_out(Turn& turn, LiveRun& run, InstanceIndex i);
// The request that its plugin left for the case that somebody ends the wait, if it left one.
void owe_cancel(Turn& turn, const WaitRow& wait);
// It leaves `from` for `to`: whoever ends the wait owes the request that its plugin left for that.
void tell_cancelled(Turn& turn, const LiveRun& run, InstanceIndex i, TaskState from, TaskState to);
// The next try begins anew.
void forget_resume(Turn& turn, LiveRun& run, InstanceIndex i);

}  // namespace batuta
