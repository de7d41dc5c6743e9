// What a command wrote to $BATUTA_ASSETS: events of the assets that it made.
#pragma once

#include <string>

#include "plugins/sdk/plugin.h"

namespace batuta::plugin {

// Each line is an event: the URI of one of the task's outlets; an alias among them, a blank and the
// URI that it stands for; or a JSON object with "uri", "alias", "name", "group", "extra" and
// "partition_key". Empty lines are none. Reported to the host; FinalError, naming the line, for
// anything else. Nothing where there is no file.
void report_assets(Context& context, const std::string& path);

}  // namespace batuta::plugin
