// What a try notes of its submission to a Spark master, which has no tags: one that was killed
// between the submission and its answer tells the next try where to look.
#pragma once

#include <string>

#include "plugins/builtin/spark_cluster.h"
#include "plugins/sdk/plugin.h"

namespace batuta::plugin {

// Of a master alone; elsewhere nothing. `note` is a JSON object:
// {"submitting": seconds since the epoch, "tag"} before it, {"submitted": the driver's id} after
// it; empty: there is nothing to know.
void note_submission(Context& context, const SparkCluster& cluster, const std::string& note);

// The driver that the try before this left over there: its id stands in the note, or its tag in the
// command that started it. Empty: nothing of that try is there, as far as can be seen.
// FinalError (spark_code::refused) where a driver began since of which it cannot be told whose it
// is.
std::string noted_driver(const Context& context, const SparkCluster& cluster,
                         const std::string& tag);

}  // namespace batuta::plugin
