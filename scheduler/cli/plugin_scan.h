// The plugins of a folder with their parameters, for commands that run without scheduler or worker.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "common/message.h"
#include "common/result.h"

namespace batuta::cli {

// `plugins` beside this executable.
std::string default_plugins_folder();

// What a worker on that folder would offer. Plugins are described by a child process, as an agent
// has it done; one that cannot be loaded is left out, with a line in the log. Errc::not_found when
// there is no such folder. Blocking, some 10 ms.
Result<std::vector<PluginInfo>> scan_plugins(const std::string& folder);

// Why those that cannot be loaded cannot: a line for each, by name. As scan_plugins().
Result<std::map<std::string, std::string>> scan_plugin_faults(const std::string& folder);

// The text of an unknown plugin where there are no workers, but the folder they would read.
std::string missing_in(const std::string& folder, const std::string& unknown_plugin);

}  // namespace batuta::cli
