// The plugin catalogue as rows: workers' advertisements, last known.
#pragma once

#include <vector>

#include "common/message.h"
#include "scheduler/store/sqlite.h"

namespace batuta {

// Replaces what was there, in a transaction of its own.
void replace_catalogue(Database& db, const std::vector<PluginInfo>& catalogue);
std::vector<PluginInfo> read_catalogue(Database& db);

}  // namespace batuta
