// What is kept of an attempt's return value, as its task asks for it.
#pragma once

#include <cstdint>

#include "common/message.h"
#include "scheduler/core/dag.h"
#include "scheduler/core/step.h"
#include "scheduler/core/stored_run.h"

namespace batuta {

// Drops the value when the task keeps none. With multiple_outputs its members become XComs of their
// own; a value that has no members fails the attempt, as does a key that cannot be one. A value
// that is kept sealed stays whole: its members are found in it when templates ask.
void shape_result(const Task& task, Finished& report);

// Another one when a result of the task may have changed: it comes and goes with the success of its
// attempt.
std::uint64_t results_stamp(const StoredRun& run, TaskIndex task);

// The store keeps of an accepted report the whole value: its members anew, as shape_result() made
// them.
StoredState with_members(StoredState stored);

}  // namespace batuta
