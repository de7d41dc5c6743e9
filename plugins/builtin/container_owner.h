// Whose a container is, told by its labels, so that one that a dead worker left behind is found.
#pragma once

#include <map>
#include <string>

#include "common/time.h"

namespace batuta::plugin {

class ContainerEngine;
class Context;

using Labels = std::map<std::string, std::string>;

// batuta.dag_id, .run_id, .execution_id, .task_id, .map_index, .try_number, .fence, and which
// process on which host waits for it (.host, .owner).
Labels container_labels(const Context& context);

// One name for a task instance, whatever its try: two tries never run side by side.
std::string container_name(const Context& context);

// This process or another that waits for a container is there no more. False for what this host
// cannot know: another's, or what has no such labels.
bool owner_is_gone(const Labels& labels);

// Removes all containers of this host whose owner is gone. Returns how many.
int remove_remnants(const ContainerEngine& engine);

}  // namespace batuta::plugin
