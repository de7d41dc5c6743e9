// Whose a container is, told by its labels, so that one that a dead worker left behind is found.
#pragma once

#include <map>
#include <string>

#include "common/time.h"

namespace batuta::plugin {

class ContainerEngine;
class Context;

using Labels = std::map<std::string, std::string>;

// batuta.dag_id, .run_id, .execution_id, .task_id, .map_index, .try_number, .fence; which process
// on which host waits for it (.host, .owner); and the folder that is there as long as the attempt
// is, in the home of which worker (.folder, .home). `folder` lies in context.scratch().
Labels container_labels(const Context& context, const std::string& folder);

// One name for a task instance, whatever its try: two tries never run side by side.
std::string container_name(const Context& context);

// Nobody waits for the container any more: its process or its attempt is gone, or it is of an
// earlier attempt of this very process. False for what we cannot know: another host's and another
// home's, or what has no such labels. To be asked before `context` has a container.
bool is_remnant(const Context& context, const Labels& labels);

// Removes all remnants within a bounded time. What the engine does not list or remove is warned of
// and left: an attempt does not fail because of others. Returns how many.
int remove_remnants(const Context& context, const ContainerEngine& engine);

}  // namespace batuta::plugin
