// Connections as files for commands: $BATUTA_SECRET_<NAME> is the path of one.
#pragma once

#include <map>
#include <string>

namespace batuta::plugin {

class Context;

// Makes `folder` and in it a file for each connection of the task but `except`: JSON that its owner
// alone can read, because arguments are every user's to see, and an environment is inherited by
// whatever a command starts. `environment` tells their paths below `seen_as`, which is where the
// command finds the folder. Nothing is made without connections. FinalError, RetryableError.
void hand_over_secrets(const Context& context, const std::string& folder,
                       const std::string& seen_as, std::map<std::string, std::string>& environment,
                       const std::string& except = {});

}  // namespace batuta::plugin
