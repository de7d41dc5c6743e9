// How an attempt will go: drawn when it starts, from the seed's knobs.
#pragma once

#include "common/message.h"
#include "scheduler/core/dag.h"
#include "tests/sim/context.h"
#include "tests/sim/lake.h"

namespace batuta::sim {

struct Script {
  Duration runs_for{};
  bool hangs = false;  // until it is cancelled, times out or dies
  bool heeds_cancel = true;
  Duration report_delay{};  // between the end and its report leaving the agent
  Finished report;          // as it would be at the end of runs_for
};

Script draw_script(Context& context, const Launch& launch, const Dag& dag);

// Table changes a data task prepares, with the versions it read now.
std::vector<TableOutput> draw_outputs(Context& context, const Lake& lake, const Task& task);

}  // namespace batuta::sim
