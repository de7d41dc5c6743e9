// Whom a plugin's requests of object stores are told.
#pragma once

#include "plugins/sdk/plugin.h"

namespace batuta::lake {

// From here on the requests that this plugin makes of object stores are counted by the worker,
// which tells the scheduler of them with the attempt. lake_folder() does it, too.
void count_requests_at_host(const plugin::Context& context);

}  // namespace batuta::lake
