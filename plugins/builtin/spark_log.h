// The log of a driver that ran on a cluster, into the log of its task.
#pragma once

#include <map>
#include <string>

#include "plugins/builtin/spark_cluster.h"
#include "plugins/sdk/plugin.h"

namespace batuta::plugin {

// Of YARN by the worker's own `yarn logs`, of a master by its page; the end of it where it is long.
// What cannot be had is told as a warning, and changes nothing of the task's end. Blocks for two
// minutes at most.
void show_driver_log(Context& context, const SparkCluster& cluster, const std::string& id,
                     const std::map<std::string, std::string>& environment);

}  // namespace batuta::plugin
