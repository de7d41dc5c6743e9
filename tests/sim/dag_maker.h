// Random pipelines of one seed.
#pragma once

#include <memory>
#include <string>

#include "scheduler/core/dag.h"
#include "tests/sim/context.h"

namespace batuta::sim {

// Version `edition` of DAG number `index`; editions of one DAG differ in their tasks.
std::shared_ptr<const Dag> make_dag(Context& context, int index, int edition);

// The same pipeline without a schedule: for the time when everything comes to rest.
std::shared_ptr<const Dag> unscheduled(const Dag& dag);

}  // namespace batuta::sim
